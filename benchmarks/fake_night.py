"""A real night of fake workloads and a simulated sensor, made to measure: no waits but the workload's own time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROTOCOL = """\
title = "A night that is all overhead"
[workload]
command = ["{{python}}", "{{workloads}}/fake.py", "--phases", "train:{run_s}", "--note", "{{arm}}"]
timeout_s = {timeout_s}
window = "train"
[factors]
arm = ["a", "b"]
[design]
blocks = {blocks}
[sensors]
{sensors}
"""
SIMULATED = "simulated.interval_ms = {interval_ms}"
NVML = "nvml.counter_s = 5\nmachine.interval_ms = 1000"


def write_protocol(folder: Path, *, blocks: int, run_s: float, interval_ms: float = 20.0, nvml: bool = False) -> Path:
    """A protocol of two runs a block, each ``run_s`` long; simulated, or with the machine's NVIDIA GPU."""
    file = folder / "overhead.toml"
    sensors = NVML if nvml else SIMULATED.format(interval_ms=interval_ms)
    text = PROTOCOL.format(blocks=blocks, run_s=run_s, sensors=sensors, timeout_s=run_s + 60)
    file.write_text(text, encoding="utf-8")
    return file


def start_night(protocol: Path, out: Path, **streams: Any) -> subprocess.Popen[bytes]:
    """`nightwatt run` of a protocol into ``out``."""
    command = [sys.executable, "-P", "-m", "nightwatt", "run", str(protocol), "--out", str(out), "--no-report"]
    return subprocess.Popen(command, env={**os.environ, "TERM": "xterm-256color"}, **streams)


def night_in(out: Path) -> Path:
    """The one night below ``out``."""
    [night] = out.iterdir()
    return night


def records(night: Path) -> Iterator[dict[str, Any]]:
    """The run records of a night, in the order in which they were executed."""
    found = [json.loads(path.read_text("utf-8")) for path in (night / "runs").glob("*/run.json")]
    yield from sorted(found, key=lambda record: record["started_ns"])
