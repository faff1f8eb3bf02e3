"""What a report costs as a night grows: time, processor time and memory of `nightwatt report`, beside one big frame.

Nights of 60 runs of two configurations, 50 Hz, four channels (power and energy of a card, energy of a processor,
temperature), 25 epochs: of the usual size (1 million rows), a tenth of a long one (24 minutes a run, 17 million) and
the long one (4 hours a run, 173 million), generated below --folder one after the other (the long one takes 0.9 GB) and
removed again. The other way of doing it puts the samples of all runs into one pandas frame, and takes the energies,
the ratio and the 500 ms curve from there; nothing is drawn.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from ledger import Figure, report, settings
from observed import resident_MB
from simulated_night import BEGIN_NS, SAMPLES, Course, Slot, begin_night, write_run

from harness.record import Channel, Kind, Quality

RUNS = 60
RATE_HZ = 50
EPOCHS = 25
NAMES = ("float32", "mixed_float16")
USUAL_H, TENTH_H, LONG_H = 1 / 43.2, 0.4, 4.0
"""Hours a run: 1.0, 17.3 and 173 million rows in 60 of them."""
TICKS = 25_000
"""A row group holds four times as many rows, as the harness writes them."""
LONG_S, LONG_MB, USUAL_S = 40.0, 1000.0, 10.0
GROWTH, GROWTH_MB = 10.0, 50.0
"""The long night over its tenth: in time; in memory, what one run's own readings and the allocator's slack take."""
SAME = 1e-6
"""Relative difference between the two ways: the counter counts in mJ, the trace in mW."""

CHANNELS = (
    Channel("gpu0.power_W", "W", Kind.MEAN, "gpu0", Quality.MEASURED, "simulated trace", 0.02, 0.02, origin="nvml"),
    Channel("gpu0.energy_J", "J", Kind.COUNTER, "gpu0", Quality.MEASURED, "simulated", 0.02, 0.02, origin="nvml"),
    Channel("package-0.energy_J", "J", Kind.COUNTER, "package-0", Quality.MEASURED, "simulated", 0.02, origin="rapl"),
    Channel("gpu0.temperature_C", "C", Kind.GAUGE, "gpu0", Quality.MEASURED, "simulated", 0.02, origin="nvml"),
)


@dataclass(frozen=True)
class Cost:
    """What one command took."""

    wall_s: float
    cpu_s: float
    largest_MB: float
    output: str


def main() -> None:
    """Measure and report; or, with --in-one-frame, be the process that does it the other way."""
    parser = settings(__doc__)
    parser.add_argument("--folder", type=Path, help="where the nights are generated (default: the system's own)")
    parser.add_argument("--hours", type=float, nargs="*", help="measure nights of so many hours a run alone")
    parser.add_argument("--keep", type=Path, help="generate one night of --hours here and stop")
    parser.add_argument("--in-one-frame", type=Path, metavar="NIGHT", help="the other way, for one night")
    options = parser.parse_args()
    if options.in_one_frame:
        print(json.dumps(one_frame(options.in_one_frame)))
    elif options.keep:
        generate(options.keep, options.hours[0])
    else:
        report("scale", measure(options.folder, options.hours or (USUAL_H, TENTH_H, LONG_H)), options.out)


def measure(folder: Path | None, hours: Sequence[float]) -> list[Figure]:
    """Every night, its report, and the other way where the frame is of a size that fits."""
    figures: list[Figure] = []
    costs: dict[float, Cost] = {}
    for each_h in hours:
        with tempfile.TemporaryDirectory(dir=folder) as below:
            night = Path(below) / "night"
            rows = generate(night, each_h)
            figures += cost_of(night, each_h, rows, costs)
    if {TENTH_H, LONG_H} <= costs.keys():
        tenth, long = costs[TENTH_H], costs[LONG_H]
        figures += [
            Figure("ten times the rows: wall", long.wall_s / tenth.wall_s, "x", GROWTH),
            Figure("ten times the rows: CPU", long.cpu_s / tenth.cpu_s, "x", GROWTH),
            Figure("ten times the rows: memory beyond", long.largest_MB - tenth.largest_MB, "MB", GROWTH_MB),
        ]
    return figures


def cost_of(night: Path, hours: float, rows: int, costs: dict[float, Cost]) -> list[Figure]:
    """The figures of one night; its cost is left in ``costs``."""
    name = f"{rows / 1e6:.3g} M rows"
    ours = costs[hours] = observed([sys.executable, "-P", "-m", "nightwatt", "report", str(night)])
    limit_s, limit_MB = (USUAL_S, LONG_MB) if hours < TENTH_H else (LONG_S, LONG_MB)
    # At ten times the rows nothing else of this machine could be held in one frame.
    other = None if hours > TENTH_H else observed([sys.executable, __file__, "--in-one-frame", str(night)])
    beside = "one frame" if other else ""
    figures = [
        Figure(f"{name}: report, wall", ours.wall_s, "s", limit_s, other.wall_s if other else None, beside),
        Figure(f"{name}: report, CPU", ours.cpu_s, "s", None, other.cpu_s if other else None, beside),
        Figure(f"{name}: report, memory", ours.largest_MB, "MB", limit_MB, other.largest_MB if other else None, beside),
    ]
    if other:
        theirs = json.loads(other.output)
        figures.append(Figure(f"{name}: largest relative difference", difference(night, theirs), "", SAME))
    return figures


def difference(night: Path, theirs: dict[str, float]) -> float:
    """How far the means of both configurations and their ratio are apart."""
    found = json.loads((night / "report" / "findings.json").read_text("utf-8"))
    ours = {group["configuration"]: group["mean"]["value"] for group in found["groups"]}
    ours["ratio"] = found["comparisons"][0]["ratio"]["value"]
    return max(abs(theirs[name] / float(value) - 1) for name, value in ours.items())


def observed(command: Sequence[str]) -> Cost:
    """Execute a command; its time, its processor time and the most memory that it ever held."""
    with tempfile.TemporaryFile("w+") as printed:
        begin_s = time.perf_counter()
        process = subprocess.Popen(command, stdout=printed)
        largest_MB = 0.0
        while True:
            try:  # the largest so far only grows: what is missed is the last hundredth of a second
                largest_MB = max(largest_MB, resident_MB(process.pid, largest=True))
            except ProcessLookupError:
                break
            time.sleep(0.01)
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - begin_s
        process.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        output = printed.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return Cost(wall_s, used.ru_utime + used.ru_stime, largest_MB, output)


def generate(path: Path, hours: float, runs: int = RUNS) -> int:
    """Write a night of so many runs of so many hours each; its rows."""
    draw = np.random.default_rng(20251120)
    slots = []
    for block in range(1, runs // 2 + 1):
        slots += [Slot(block, place + 1, block, NAMES[which]) for place, which in enumerate(draw.permutation(2))]
    free_B, wanted_B = shutil.disk_usage(path.parent).free, runs * hours * 3600 * RATE_HZ * 4 * 8
    if free_B < wanted_B:
        raise SystemExit(f"{path.parent} has {free_B / 1e9:.1f} GB free; {wanted_B / 1e9:.1f} may be needed")
    night = begin_night(path, title="A long night", configurations=NAMES, slots=slots, baseline_s=hours * 18)
    begin_ns, rows = BEGIN_NS, 0
    total_s = hours * 3600
    parts = {"cooldown": 0.01, "baseline": 0.005, "setup": 0.01, "train": 0.96, "evaluate": 0.01, "after": 0.005}
    for place, slot in enumerate(slots):
        course = Course({name: part * total_s for name, part in parts.items()}, EPOCHS, begin_ns)
        level_W = (420.0, 300.0)[NAMES.index(slot.configuration)] * (1 + 0.02 * place / runs)
        level_W *= float(np.exp(0.006 * draw.standard_normal()))
        write_run(night, slot, course, CHANNELS, samples(course, level_W, draw), metrics={"accuracy": 0.8})
        rows += 4 * round(total_s * RATE_HZ)
        begin_ns += round((total_s + 1) * 1e9)
    return rows


def samples(course: Course, level_W: float, draw: np.random.Generator) -> Iterator[pa.Table]:
    """The readings of one run, 25,000 ticks at a time: each tick one stamp, up to 100 µs late, and four values."""
    spans = course.spans
    begin_ns, end_ns = spans["setup"][0], spans["evaluate"][1]
    epoch_ns = (spans["train"][1] - spans["train"][0]) // EPOCHS
    count = round(course.total_s * RATE_HZ)
    names = pa.array([channel.name for channel in CHANNELS], pa.string())
    gpu_mJ = package_mJ = 0.0
    last_ns = course.begin_ns
    for first in range(0, count, TICKS):
        ticks = np.arange(first + 1, min(first + TICKS, count) + 1)
        t_ns = course.begin_ns + ticks * (10**9 // RATE_HZ) + draw.integers(0, 100_000, ticks.size)
        step_s = np.diff(t_ns, prepend=last_ns) / 1e9
        last_ns = int(t_ns[-1])
        power_W = np.where((t_ns > begin_ns) & (t_ns <= end_ns), level_W, 70.0)
        # The last fiftieth of each epoch is a validation on less power.
        dips = (t_ns > spans["train"][0]) & ((t_ns - spans["train"][0]) % epoch_ns > 0.98 * epoch_ns)
        power_W = np.round(np.where(dips, 0.6 * power_W, power_W) + 6 * draw.standard_normal(ticks.size), 3)
        gpu = gpu_mJ + np.cumsum(power_W * step_s * 1e3)
        package = package_mJ + np.cumsum((60 + 0.1 * power_W) * step_s * 1e3)
        gpu_mJ, package_mJ = float(gpu[-1]), float(package[-1])
        heat_C = np.round(38 + power_W / 20)
        value = np.column_stack([power_W, np.round(gpu) / 1e3, np.round(package) / 1e3, heat_C]).ravel()
        codes = np.tile(np.arange(4, dtype=np.int32), ticks.size)
        yield pa.table(
            [np.repeat(t_ns, 4), pa.DictionaryArray.from_arrays(pa.array(codes), names), value], schema=SAMPLES
        )


def one_frame(night: Path) -> dict[str, float]:
    """The means, the ratio and the curve from one pandas frame of all samples, as one would write it in a notebook."""
    import pandas as pd

    records = {path.parent.name: json.loads(path.read_bytes()) for path in sorted((night / "runs").glob("*/run.json"))}
    frames = []
    for run, record in records.items():
        frame = pd.read_parquet(night / "runs" / run / "samples.parquet")
        window = record["window"]
        frames.append(frame.assign(run=run, begin_ns=window["begin_ns"], end_ns=window["end_ns"]))
    samples = pd.concat(frames, ignore_index=True).astype({"run": "category", "channel": "category"})
    del frames
    told = samples[samples.channel.isin(["gpu0.power_W", "package-0.energy_J"])].copy()
    told["before_ns"] = told.groupby(["run", "channel"], observed=True).t_ns.shift()
    told["before"] = told.groupby(["run", "channel"], observed=True).value.shift()
    told = told.dropna()
    step_s = (told.t_ns - told.before_ns) / 1e9
    told["power_W"] = told.value.where(told.channel == "gpu0.power_W", (told.value - told.before) / step_s)
    inside_ns = told.t_ns.clip(upper=told.end_ns) - told.before_ns.clip(lower=told.begin_ns)
    told["energy_J"] = told.power_W * inside_ns.clip(lower=0) / 1e9
    energy_J = told.groupby("run", observed=True).energy_J.sum()
    told["bin"] = (told.t_ns - told.begin_ns) // 500_000_000
    curve_W = told[inside_ns > 0].groupby(["run", "bin"], observed=True).energy_J.sum() / 0.5
    runs = pd.DataFrame(
        {
            "energy_J": energy_J,
            "arm": [records[run]["configuration"] for run in energy_J.index],
            "block": [records[run]["block"] for run in energy_J.index],
        }
    )
    logs = np.log(runs.pivot(index="block", columns="arm", values="energy_J"))
    ratio = float(np.exp((logs[NAMES[1]] - logs[NAMES[0]]).mean()))
    means = runs.groupby("arm").energy_J.mean()
    return {**{name: float(means[name]) for name in NAMES}, "ratio": ratio, "bins": len(curve_W)}


if __name__ == "__main__":
    main()
