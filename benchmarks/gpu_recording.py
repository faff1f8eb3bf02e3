"""Our sampler beside a benchmark, as the harness starts it, and what it recorded as series."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from harness.joules import Series
from harness.record import SAMPLER, InstrumentFiles, Kind, channel_from_json

SENSORS: Mapping[str, Any] = {"nvml": {}, "machine": {}}


class Recording:
    """The sampler while it runs, and its report and series once it has ended."""

    def __init__(self, folder: Path, sensors: Mapping[str, Any]) -> None:
        """Start it and wait until it records; ends the program where NVML is missing."""
        self.folder = folder
        files = InstrumentFiles(SAMPLER)
        spec = folder / files.spec
        spec.write_text(json.dumps({"run_folder": str(folder), "root": "/", "sensors": sensors, "fallback": None}))
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "harness.instruments.sampler", str(spec)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        self._report = folder / files.report
        self._samples = folder / files.samples
        while not self._report.exists():
            if self.process.poll() is not None:
                sys.exit(f"the sampler ended with exit code {self.process.returncode}")
            time.sleep(0.01)
        for item in self.report["missing"]:
            if item["sensor"] == "nvml":
                self.process.terminate()
                sys.exit(f"NVML is missing: {item['reason']}\n  remedy: {item['remedy']}")

    @property
    def report(self) -> dict[str, Any]:
        """What it says of itself."""
        body: dict[str, Any] = json.loads(self._report.read_bytes())
        return body

    def end(self) -> None:
        """End it in order."""
        self.process.communicate(timeout=30)

    def series(self) -> dict[str, Series]:
        """Every channel that it recorded, in the order of time."""
        channels = {item["name"]: channel_from_json(item) for item in self.report["channels"]}
        stamps: dict[str, list[int]] = {name: [] for name in channels}
        values: dict[str, list[float]] = {name: [] for name in channels}
        with open(self._samples, encoding="utf-8") as file:
            for line in file:
                stamp, name, text = line.rstrip("\n").split(",")
                stamps[name].append(int(stamp))
                values[name].append(float(text))
        found: dict[str, Series] = {}
        for name, channel in channels.items():
            t_ns, first = np.unique(np.array(stamps[name], dtype=np.int64), return_index=True)
            value = np.array(values[name], dtype=np.float64)[first]
            found[name] = Series(t_ns, value, Kind(channel.kind), channel.refresh_s)
        return found


@contextmanager
def recording(folder: Path, sensors: Mapping[str, Any] = SENSORS) -> Iterator[Recording]:
    """A recording for the body; it has ended after it."""
    running = Recording(folder, sensors)
    try:
        yield running
    finally:
        running.end()
