"""How a benchmark reports: the machine, each figure with its limit and its baseline of the same run, text and JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One figure; ``baseline`` is the same quantity of ``baseline_is``, taken in the same run."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    """What it must stay under."""
    baseline: float | None = None
    baseline_is: str = ""

    @property
    def ratio(self) -> float | None:
        """The figure over its baseline."""
        return self.value / self.baseline if self.baseline else None

    def __str__(self) -> str:
        text = f"{self.name:<58} {self.value:>10.4g} {self.unit}"
        if self.limit is not None:
            text += f"   (limit {self.limit:g}: {'kept' if self.value < self.limit else 'NOT KEPT'})"
        if self.ratio is not None:
            text += f"   {self.ratio:.3g} x {self.baseline_is} ({self.baseline:.4g} {self.unit})"
        return text


def settings(description: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="write the figures as JSON to this file, too")
    return parser


def report(benchmark: str, figures: list[Figure], out: Path | None) -> None:
    """Print the figures and write them to ``out``."""
    body = {
        "benchmark": benchmark,
        "date": time.strftime("%Y-%m-%d"),
        "command": shlex.join(["python", *sys.argv]),
        "machine": machine(),
        "figures": [{**asdict(figure), "ratio": figure.ratio} for figure in figures],
    }
    print(f"{benchmark}, {body['date']}, {', '.join(f'{key} {value}' for key, value in machine().items())}")
    for figure in figures:
        print(f"  {figure}")
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")


def machine() -> dict[str, str]:
    """What the figures were taken on."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.2f}",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "nightwatt": version("nightwatt"),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
