"""The statistics of one real night twice: by the study, and by R from the same 60 energies, durations and accuracies.

Needs R (`apt-get install r-base-core`); no package of it. The night is docs/nights' 60 runs on an H200; its energies
are put into a night folder as counters, so that the study reads them like any other. The script in R is beside this
one, and uses R's own tests, or the formula where it has none.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from calibration import COUNTER
from ledger import settings
from simulated_night import BEGIN_NS, SAMPLES, Course, Slot, begin_night, write_run

from analysis.findings import Comparison, Estimate, Findings, Test
from analysis.load import load
from analysis.statistics.families import adjust
from analysis.statistics.omnibus import friedman, kruskal
from analysis.statistics.order import ratio_with_order
from analysis.statistics.paired import paired_ratio
from analysis.study import study

ROOT = Path(__file__).parent.parent
RUNS = ROOT / "docs" / "nights" / "2026-11-20-h200-mixed-precision" / "tables" / "runs.csv"
BASELINE, CONFIGURATION = "float32", "mixed_float16"
SAME = 1e-8
"""Relative difference that rounding in two programs may leave."""
Named = Iterator[tuple[str, float | None]]


def main() -> None:
    """Print the table; ends with 1 where a figure differs by more than rounding."""
    parser = settings(__doc__)
    options = parser.parse_args()
    if shutil.which("Rscript") is None:
        raise SystemExit("Rscript was not found; remedy: apt-get install r-base-core")
    rows = valid_rows()
    with tempfile.TemporaryDirectory() as below:
        table = Path(below) / "runs.csv"
        write_rows(table, rows)
        script = Path(__file__).with_suffix(".R")
        done = subprocess.run(["Rscript", str(script), str(table)], capture_output=True, text=True, check=True)
        theirs = {name: float(value) for name, value in (line.split("\t") for line in done.stdout.splitlines())}
        ours = dict(told(study(load(as_night(Path(below) / "night", rows))), rows))
    if missing := sorted(set(theirs) ^ set(ours)):
        raise SystemExit(f"told by one alone: {', '.join(missing)}")
    lines = ["| figure | study | R | relative difference |", "|---|---|---|---|"]
    worst = 0.0
    for name, value in theirs.items():
        mine = ours[name]
        assert mine is not None, name
        apart = abs(mine - value) / max(abs(value), 1e-300)
        worst = max(worst, apart)
        lines.append(f"| {name} | {mine:.10g} | {value:.10g} | {apart:.0e} |")
    text = "\n".join([*lines, ""])
    print(text)
    if options.out is not None:
        options.out.write_text(text, encoding="utf-8")
    sys.exit(worst > SAME)


Row = dict[str, float | str]


def valid_rows() -> list[Row]:
    """The 60 valid runs: configuration, block, order (1 to 60), energy_J, duration_s, accuracy."""
    with RUNS.open(encoding="utf-8", newline="") as file:
        found = [row for row in csv.DictReader(file) if row["state"] == "headline"]
    found.sort(key=lambda row: int(row["order"]))
    return [
        {
            "configuration": row["configuration"],
            "block": int(row["block"]),
            "order": place,
            "energy_J": float(row["value_J"]),
            "duration_s": float(row["duration_s"]),
            "accuracy": float(row["accuracy"]),
        }
        for place, row in enumerate(found, start=1)
    ]


def write_rows(path: Path, rows: list[Row]) -> None:
    """The same for R, every digit of it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def as_night(path: Path, rows: list[Row]) -> Path:
    """A night folder of these runs, each energy told by a counter at both ends of its window."""
    seen: dict[float, int] = {}
    slots = []
    for row in rows:
        block = int(row["block"])
        seen[block] = seen.get(block, 0) + 1
        slots.append(Slot(block, seen[block], block, str(row["configuration"])))
    night = begin_night(
        path,
        title="Mixed precision",
        configurations=[BASELINE, CONFIGURATION],
        slots=slots,
        analysis={"equivalence": {"metric": "accuracy", "margin": 0.02}},
    )
    for place, (slot, row) in enumerate(zip(slots, rows, strict=True)):
        seconds = {"setup": 0.5, "train": float(row["duration_s"]), "evaluate": 0.5}
        course = Course(seconds, begin_ns=BEGIN_NS + place * 30_000_000_000)
        channel = pa.DictionaryArray.from_arrays(pa.array([0, 0], pa.int32()), pa.array([COUNTER.name]))
        counter = pa.table([pa.array(course.spans["train"]), channel, [0.0, float(row["energy_J"])]], schema=SAMPLES)
        write_run(night, slot, course, [COUNTER], [counter], metrics={"accuracy": float(row["accuracy"])})
    return path


def told(found: Findings, rows: list[Row]) -> Named:
    """What the study says, under the names that the script in R gives."""
    [energy] = found.comparisons
    yield from of_ratio("energy:", energy.ratio, energy.tests[0])
    others = {item.response: item for item in found.exploratory}
    duration = next(item for name, item in others.items() if name.startswith("duration"))
    power = next(item for name, item in others.items() if name.startswith("mean power"))
    accuracy = next(item for name, item in others.items() if name.startswith("accuracy"))
    yield from of_ratio("power:", power.ratio, test_of(power, "paired t on logs"))
    yield from of_ratio("duration:", duration.ratio, test_of(duration, "paired t on logs"))
    yield "energy: difference", energy.difference.value
    yield "energy: difference low", energy.difference.low
    yield "energy: paired t: p", test_of(energy, "paired t").p
    for name, parts in (
        ("Welch t on logs", ("df", "p")),
        ("Welch t", ("t", "df", "p")),
        ("pooled t", ("p",)),
        ("Wilcoxon signed-rank", ("p",)),
        ("Mann-Whitney U", ("p",)),
        ("Yuen's t", ("t", "p")),
    ):
        yield from of_test(f"energy: {name}", test_of(energy, name), parts)
    yield "energy: Cohen's d", energy.cohens_d.value
    yield "energy: Hedges' g", energy.hedges_g.value
    for group in found.groups:
        assert group.normality is not None
        yield f"{group.configuration} Shapiro-Wilk: W", group.normality.statistic
        yield f"{group.configuration} Shapiro-Wilk: p", group.normality.p
        yield f"{group.configuration} mean", group.mean.value
        yield f"{group.configuration} mean low", group.mean.low
        yield f"{group.configuration} mean high", group.mean.high
    levene = next(test for test in found.omnibus if test.name.startswith("Levene"))
    yield "Levene (median): F", levene.statistic
    yield "Levene (median): p", levene.p
    [equal] = found.equivalences
    yield "accuracy: TOST, margin 0.02: p", equal.p
    yield "accuracy: difference", equal.difference.value
    yield "accuracy: difference low (90 %)", equal.difference.low
    yield "accuracy: difference high (90 %)", equal.difference.high
    yield from of_ratio("accuracy:", accuracy.ratio, test_of(accuracy, "paired t on logs"))
    for name in ("Mann-Whitney U", "Wilcoxon signed-rank", "Brunner-Munzel"):
        yield f"accuracy: {name}: p", test_of(accuracy, name).p
    yield "accuracy: Cliff's delta", accuracy.cliffs_delta.value
    drift = next(test for test in found.drift if test.name.startswith("energy against run order"))
    assert drift.estimate is not None
    yield "drift: Theil-Sen slope", drift.estimate.value
    yield "drift: slope low", drift.estimate.low
    yield "drift: slope high", drift.estimate.high
    yield "drift: Kendall's tau", drift.statistic
    yield "drift: Kendall's tau: p", drift.p
    carry = next(test for test in found.drift if test.name.startswith("energy against the configuration before"))
    yield "carry-over: F (HC3)", carry.statistic
    yield "carry-over: p", carry.p
    yield from not_of_this_night(rows)


def not_of_this_night(rows: list[Row]) -> Named:
    """Methods that a night of two configurations in blocks has no use for, on its numbers."""
    energy = {
        name: np.array([float(row["energy_J"]) for row in rows if row["configuration"] == name]) for name in NAMES
    }
    order = {name: np.array([float(row["order"]) for row in rows if row["configuration"] == name]) for name in NAMES}
    test = ratio_with_order(energy[CONFIGURATION], energy[BASELINE], order[CONFIGURATION], order[BASELINE], 0.95)
    yield from of_test("shuffled: Welch with run order", test, ("t", "df", "p"))
    tens = energy[BASELINE].reshape(3, 10)
    several = kruskal(list(tens))
    yield "tens: Kruskal-Wallis H", several.statistic
    yield "tens: Kruskal-Wallis: p", several.p
    yield "tens: Friedman", friedman(tens.T).statistic
    yield "tens: Friedman: p", friedman(tens.T).p
    family = adjust([paired_ratio(tens[later], tens[first], 0.95) for first, later in ((0, 1), (0, 2), (1, 2))])
    yield "tens: Holm of three paired t on logs, largest", max(test.p_adjusted or 0.0 for test in family)


NAMES = (BASELINE, CONFIGURATION)


def of_ratio(name: str, ratio: Estimate, test: Test) -> Named:
    """A ratio with its interval, t and p."""
    yield f"{name} ratio", ratio.value
    yield f"{name} ratio low", ratio.low
    yield f"{name} ratio high", ratio.high
    yield from of_test(f"{name} paired t on logs", test, ("t", "p"))


def of_test(name: str, test: Test, parts: tuple[str, ...]) -> Named:
    """Some figures of a test."""
    figures = {"t": test.statistic, "df": test.df, "p": test.p}
    for part in parts:
        yield f"{name}: {part}", figures[part]


def test_of(comparison: Comparison, name: str) -> Test:
    """The test of that name (or beginning) in a comparison."""
    exact = [test for test in comparison.tests if test.name == name]
    return [*exact, *(test for test in comparison.tests if test.name.startswith(name))][0]


if __name__ == "__main__":
    main()
