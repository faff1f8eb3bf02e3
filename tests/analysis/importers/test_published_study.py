"""A folder as a published study left it: 60 CSVs of EnergiBridge from a Mac, a CSV of results; everything by hand.

The study: float32 against mixed_float16, 30 runs each in one shuffled row, system power at 200 ms, outliers by |z| > 3
with ddof 0 in one pass, Shapiro-Wilk, pooled t, Cohen's d. Its energies were watts times milliseconds, called joules.
Here every number is computed a second time from the rows themselves, by the formulas of a textbook.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis.energy import energy
from analysis.importers import energibridge, table
from analysis.importers.cells import files_of
from analysis.importers.night import Order, write_night
from analysis.importers.recording import Naming
from analysis.importers.results import with_results
from analysis.load import load
from analysis.report import write_report
from analysis.study import study
from harness.record import Quality

ARMS = {"float32": (133.5, 0.48, 239.0), "mixed": (118.2, 0.38, 236.0)}
"""Mean power and its standard deviation over runs in W, duration in s."""
WILD = ("float32", 17)
PATTERN = r"(?P<precision>float32|mixed)_run_(?P<run>\d+)"
HEADER = (
    "Delta,Time,CPU_FREQUENCY_0,CPU_FREQUENCY_1,CPU_USAGE_0,CPU_USAGE_1,SYSTEM_POWER (Watts),TOTAL_MEMORY,TOTAL_SWAP,"
    "USED_MEMORY,USED_SWAP"
)


@dataclass(frozen=True)
class Published:
    """The folder, and what is true of its runs by configuration, in the order in which they ran."""

    folder: Path
    energy_J: dict[str, list[float]]
    duration_s: dict[str, list[float]]
    accuracy: dict[str, list[float]]
    wild_J: float
    order: list[str]


def write_run(path, begin_ms, mean_W, duration_s, draw):
    """One recording; its energy by trapezoids over what was written. The controller renews its value once a second."""
    rows, stamps_s, power_W = [HEADER], [], []
    shape = 1 + 0.04 * np.sin(np.arange(int(duration_s) + 2) / 9.0)
    for step in range(int(duration_s * 5) + 1):
        late_ms = draw.randrange(0, 3)
        at_ms = begin_ms + 200 * step + (late_ms if 0 < step < int(duration_s * 5) else 0)
        value = f"{mean_W * shape[step // 5]:.6f}"
        rows.append(f"200,{at_ms},2420,3200,{11.5 + step % 7:.6f},{88.25:.6f},{value},17179869184,0,9663676416,0")
        stamps_s.append(at_ms / 1000.0)
        power_W.append(float(value))
    path.write_text("\n".join([rows[0], rows[1], *rows[1:-1], "0" + rows[-1][3:]]) + "\n")
    return float(np.trapezoid(power_W, stamps_s)), stamps_s[-1] - stamps_s[0]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "recordings"
    folder.mkdir()
    draw = random.Random(7)
    order = ["mixed"] * 30 + ["float32"] * 30
    random.Random(42).shuffle(order)
    energies, durations, accuracies = ({arm: [] for arm in ARMS} for _ in range(3))
    results = ["file,accuracy,loss"]
    wild_J = math.nan
    begin_ms = 1_770_000_000_000
    for arm in order:
        number = len(energies[arm]) + (arm == WILD[0] and not math.isnan(wild_J)) + 1
        mean_W, deviation_W, length_s = ARMS[arm]
        watts = mean_W + (6.0 if (arm, number) == WILD else draw.gauss(0, deviation_W))
        path = folder / f"{arm}_run_{number:02d}.csv"
        joules, lasted_s = write_run(path, begin_ms, watts, length_s + draw.randrange(-1, 2), draw)
        accuracy = round(draw.gauss({"float32": 0.467, "mixed": 0.457}[arm], 0.0215), 4)
        results.append(f"{path.name},{accuracy},{1.5 - accuracy:.4f}")
        accuracies[arm].append(accuracy)
        if (arm, number) == WILD:
            wild_J = joules
        else:
            energies[arm].append(joules)
            durations[arm].append(lasted_s)
        begin_ms += round(lasted_s * 1000) + 120_000 + draw.randrange(900)
    (folder / "results.csv").write_text("\n".join(results) + "\n")
    return Published(folder, energies, durations, accuracies, wild_J, order)


@pytest.fixture(scope="module")
def classic(published, tmp_path_factory):
    """The night of the import, by the classic recipe."""
    results = published.folder / "results.csv"
    files = [path for path in files_of([published.folder]) if path != results]
    found = energibridge.read(files, Naming.of(PATTERN))
    found = energibridge.Imported(
        found.format, with_results(found.recordings, results), found.unknown, sampled=found.sampled
    )
    analysis = {"recipe": "classic", "baseline": "float32", "outliers": {"rule": "z", "threshold": 3.0, "ddof": 0}}
    order = Order("Imported", "study", tmp_path_factory.mktemp("nights"), (*files, results), analysis, "0.1.0")
    return load(write_night(found, order))


def pooled_t(left, right):
    """Student's two-sample t and Cohen's d, by the textbook."""
    n, m = len(left), len(right)
    variance = ((n - 1) * np.var(left, ddof=1) + (m - 1) * np.var(right, ddof=1)) / (n + m - 2)
    apart = np.mean(left) - np.mean(right)
    return apart / math.sqrt(variance * (1 / n + 1 / m)), apart / math.sqrt(variance)


def test_every_run_has_the_energy_of_its_rows_in_the_order_in_which_they_were_recorded(published, classic):
    runs = classic.runs
    assert published.order == runs.configuration.tolist()
    assert ("as recorded", False) == (classic.plan["order"], classic.blocked)
    rows = energy(classic).query("phase == ''").set_index("run").energy_J
    for arm in ARMS:
        mine = [rows[run] for run in runs.run[runs.configuration == arm]]
        wild = mine.pop(WILD[1] - 1) if arm == WILD[0] else None
        np.testing.assert_allclose(mine, published.energy_J[arm], rtol=1e-9)
        assert wild is None or published.wild_J == pytest.approx(wild, rel=1e-9)
    assert {"system"} == set(energy(classic).domain)
    assert (runs.gap_s.dropna() >= 120).all()


def test_the_classic_recipe_gives_the_numbers_of_a_textbook(published, classic):
    found = study(classic)
    left, right = published.energy_J["mixed"], published.energy_J["float32"]
    # The rule: one pass, per configuration, ddof 0.
    everything = [*right[: WILD[1] - 1], published.wild_J, *right[WILD[1] - 1 :]]
    z = (published.wild_J - np.mean(everything)) / np.std(everything)
    [flagged] = [item for item in found.exclusions if not item.in_headline]
    assert ("outlier-z", pytest.approx(z)) == (flagged.rule, flagged.z)
    assert z > 3
    assert {"float32": 29, "mixed": 30} == {group.configuration: group.n_headline for group in found.groups}
    [comparison] = found.comparisons
    t, d = pooled_t(left, right)
    test = comparison.tests[0]
    assert ("pooled t", pytest.approx(t, rel=1e-9)) == (test.name, test.statistic)
    assert 2 * stats.t.sf(abs(t), 57) == pytest.approx(test.p, rel=1e-6)
    assert d == pytest.approx(comparison.cohens_d.value, rel=1e-9)
    for group in found.groups:
        mine = published.energy_J[group.configuration]
        assert (np.mean(mine), np.std(mine, ddof=1)) == pytest.approx((group.mean.value, group.standard_deviation))
        assert np.std(mine, ddof=1) / np.mean(mine) == pytest.approx(group.cv)
        w, p = stats.shapiro(mine)
        assert (w, p) == pytest.approx((group.normality.statistic, group.normality.p))
        assert np.mean(published.duration_s[group.configuration]) == pytest.approx(group.duration.value)


def test_the_accuracies_of_all_runs_are_compared_by_the_same_recipe(published, classic):
    [accuracy] = [item for item in study(classic).exploratory if item.response == "accuracy"]
    t, d = pooled_t(published.accuracy["mixed"], published.accuracy["float32"])
    assert (t, d) == pytest.approx((accuracy.tests[0].statistic, accuracy.cohens_d.value))


@pytest.mark.usefixtures("unrendered")
def test_its_report_says_what_nobody_can_know_and_draws_its_power(classic):
    paths = write_report(classic.path)
    page = paths.index.read_text("utf-8")
    assert "was not measured by nightwatt" in page
    for sentence in energibridge.UNKNOWN:
        assert sentence.replace("'", "&#39;") in page
    assert (paths.folder / "figures" / "power.svg").exists()


def test_its_joules_that_are_millijoules_are_found_with_their_factor_and_give_the_same_t(
    published, file, night, refused
):
    rows = ["precision,energy_J,duration_ms"]
    for arm in ARMS:
        for joules, seconds in zip(published.energy_J[arm], published.duration_s[arm], strict=True):
            rows.append(f"{arm},{joules * 1000!r},{seconds * 1000!r}")
    path = file("runs.csv", *rows)
    settings = table.Settings(("precision",), Quality.MEASURED, "SMC", "system")
    refused(lambda: table.read([path], settings), "line 2", "kW", "a thousandth of it, 13", "watts were multiplied by")
    settings = table.Settings(("precision",), Quality.MEASURED, "SMC", "system", "mJ")
    made = night(table.read([path], settings), path, recipe="classic", baseline="float32", outliers={"rule": "none"})
    [comparison] = study(made).comparisons
    t, d = pooled_t(published.energy_J["mixed"], published.energy_J["float32"])
    assert (t, d) == pytest.approx((comparison.tests[0].statistic, comparison.cohens_d.value))
