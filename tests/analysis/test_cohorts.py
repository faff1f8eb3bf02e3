"""Nights in which something changed and was accepted: the cohort is a factor, and never passed over in silence."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

from analysis.listings.attempts import by_configuration, cohorts
from analysis.load import load
from analysis.report import write_report
from analysis.retirement import retired
from analysis.statistics.cohorts import INSEPARABLE, difference_over_cohorts
from analysis.study import study

approx = pytest.approx


def change(made, cohort_of, factor=1.0):
    """Put each run into the cohort that ``cohort_of`` gives for its record; power of cohort 2 is ``factor`` times."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in (made.path / "runs").iterdir():
        body = json.loads((path / "run.json").read_text())
        body["cohort"] = cohort_of(body)
        (path / "run.json").write_text(json.dumps(body))
        if body["cohort"] > 1:
            table = pq.read_table(path / "samples.parquet")
            energetic = np.array([name.endswith(("power_W", "energy_J")) for name in table["channel"].to_pylist()])
            scaled = np.where(energetic, factor, 1.0) * table["value"].to_numpy()
            column = table.schema.get_field_index("value")
            pq.write_table(table.set_column(column, "value", pa.array(scaled)), path / "samples.parquet")
    (made.path / "cohorts.json").write_text(
        json.dumps({"schema": 2, "cohorts": [{"cohort": 2, "changes": ["package torch: was 2.4, is now 2.5"]}]})
    )


def codes(found):
    return {caution.code: caution for caution in found.cautions}


def test_a_night_without_a_change_says_nothing_of_cohorts(simulate):
    found = study(load(simulate().path))
    assert "cohorts" not in codes(found)
    assert "cohort" not in found.methods
    assert "cohorts" not in found.design


def test_within_blocks_a_change_takes_itself_off_and_is_said(simulate):
    made = simulate(blocks=6, noise=0.002)
    plain = study(load(made.path))
    change(made, lambda body: 1 + (body["block"] > 3), factor=1.3)
    found = study(load(made.path))
    (before,), (after,) = plain.comparisons, found.comparisons
    assert before.ratio.value == approx(after.ratio.value, rel=1e-9)
    assert 6 == after.pairs
    said = codes(found)["cohorts"].message
    assert "6 runs of cohort 1, 6 runs of cohort 2" in said
    assert "cohort 2: package torch: was 2.4, is now 2.5" in said
    assert "within their block, and so within their cohort" in said
    assert "of 2 cohorts" in found.methods
    assert 2 == found.design["cohorts"]


def test_a_pair_is_never_made_across_cohorts(simulate):
    made = simulate(blocks=6)
    change(made, lambda body: 1 + (body["block"] == 6 and body["configuration"] == "lean"))
    (compared,) = study(load(made.path)).comparisons
    assert 5 == compared.pairs
    assert 1 == compared.pairs_lost


@pytest.mark.parametrize("recipe", ["blocks", "classic"])
def test_without_blocks_the_cohort_is_a_factor_of_the_model(simulate, recipe):
    made = simulate(blocks=12, order="shuffle", noise=0.002, protocol={"analysis": {"recipe": recipe}})
    half = sorted(json.loads(path.read_text())["started_realtime_ns"] for path in made.path.glob("runs/*/run.json"))[12]
    change(made, lambda body: 1 + (body["started_realtime_ns"] >= half), factor=1.3)
    found = study(load(made.path))
    (compared,) = found.comparisons
    assert "cohort" in compared.tests[0].name
    assert compared.ratio.low < 0.95 < compared.ratio.high
    assert compared.ratio.high - compared.ratio.low < 0.02  # a change of 30 % would hide 5 % otherwise
    assert "lower" == compared.decision
    assert "factor of the model" in codes(found)["cohorts"].message


def test_configurations_that_ran_in_a_cohort_each_cannot_be_told_apart(simulate):
    made = simulate(blocks=4, order="listed")
    change(made, lambda body: 1 + (body["configuration"] == "lean"))
    found = study(load(made.path))
    (compared,) = found.comparisons
    assert "cannot be told" == compared.decision
    assert INSEPARABLE in codes(found)["cannot-be-told"].message


def test_a_lost_file_of_changes_is_damage_and_the_cohorts_are_still_a_factor(simulate):
    made = simulate(blocks=4)
    change(made, lambda body: 1 + (body["block"] > 2))
    (made.path / "cohorts.json").write_text("{")
    found = study(load(made.path))
    assert "what changed is not recorded" in codes(found)["cohorts"].message
    assert "damaged-run" in codes(found)


@pytest.mark.usefixtures("unrendered")
def test_the_report_names_the_change_and_the_runs_on_each_side(simulate):
    made = simulate(blocks=4)
    change(made, lambda body: 1 + (body["block"] > 2))
    page = write_report(made.path).index.read_text()
    assert "2 cohorts: something changed and was accepted" in page
    assert "package torch: was 2.4, is now 2.5" in page
    frame = cohorts(load(made.path)).frame
    assert [[1, 4, "as the night began"], [2, 4, "package torch: was 2.4, is now 2.5"]] == frame.to_numpy().tolist()


def test_a_run_of_another_night_is_damage(simulate):
    made = simulate(blocks=3)
    plan = json.loads((made.path / "plan.json").read_text())
    (made.path / "plan.json").write_text(json.dumps({**plan, "night": "2026-11-20-this-1234"}))
    path = made.path / "runs" / made.runs[0].run / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "night": "2026-11-19-other-0000"}))
    (damage,) = load(made.path).damage
    assert "it is a run of another night, 2026-11-19-other-0000" == damage.what


# -- the statistic ----------------------------------------------------------------------------------------------------


def test_it_is_the_textbook_analysis_of_covariance():
    """Two-way additive layout, balanced: the difference is the mean of the cohorts' differences, df = n - 3."""
    left, right = [5.0, 6.0, 9.0, 10.0], [4.0, 4.5, 8.5, 9.0]
    where = [1, 1, 2, 2]
    test = difference_over_cohorts(left, right, (where, where), 0.95, unit="J")
    assert 1.0 == approx(test.estimate.value)
    assert 5.0 == test.df
    fitted = np.array([5.375, 5.375, 9.625, 9.625, 4.375, 4.375, 8.625, 8.625])
    error = math.sqrt(((np.array(left + right) - fitted) ** 2).sum() / 5 * (2 / 4))
    assert 1.0 / error == approx(test.statistic)
    assert 2 * stats.t.sf(1.0 / error, 5) == approx(test.p)


def test_of_one_cohort_it_is_the_pooled_t():
    left, right = [5.0, 6.0, 7.0, 5.5], [4.0, 4.5, 5.5]
    test = difference_over_cohorts(left, right, ([1] * 4, [1] * 3), 0.95, unit="J")
    pooled = stats.ttest_ind(left, right)
    assert (pooled.statistic, pooled.pvalue) == (approx(test.statistic), approx(test.p))


@pytest.mark.parametrize(
    ("left", "right", "where", "note"),
    [
        ([], [1.0], ([], [1]), "too few"),
        ([1.0, 2.0], [1.0, 2.0], ([1, 1], [2, 2]), "each was executed in a cohort of its own"),
        ([1.0, 2.0], [1.0], ([1, 2], [1]), "too few"),
        ([-1.0, 2.0, 3.0], [1.0, 2.0, 2.5], ([1, 1, 2], [1, 2, 2]), "positive"),
        ([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], ([1, 1, 2], [1, 2, 2]), "no scatter"),
    ],
)
def test_what_cannot_be_told_says_why(left, right, where, note):
    test = difference_over_cohorts(left, right, where, 0.95)
    assert test.p is None
    assert note in test.note


def test_false_alarms_are_as_announced_in_nights_with_a_change():
    draw = np.random.default_rng(20261120)
    alarms = 0
    nights = 2000
    order = np.arange(20.0)
    for _ in range(nights):
        side = draw.permutation(np.repeat([True, False], 10))
        where = np.where(order < 11, 1, 2)
        logs = 0.006 * draw.standard_normal(20) + 0.2 * (where == 2) + 0.04 * order / 20
        data = np.exp(logs)
        test = difference_over_cohorts(
            data[side], data[~side], (where[side].tolist(), where[~side].tolist()), 0.95,
            orders=(order[side], order[~side]),
        )  # fmt: skip
        alarms += test.p < 0.05
    assert 0.05 == approx(alarms / nights, abs=0.025)


# -- attempts ---------------------------------------------------------------------------------------------------------


def test_every_configuration_is_listed_with_all_its_attempts(simulate):
    made = simulate(blocks=4, invalid=["b02-1"], failed=["b03-2"])
    frame = by_configuration(load(made.path)).frame
    assert 4 + 4 + 1 == frame.attempts.sum()
    assert [1, 1] == [frame.invalid.sum(), frame.failed.sum()]
    assert {"1 × foreign_load", "1 × failed"} <= {part for why in frame.why for part in why.split("; ")}


def test_an_imported_night_has_no_retirement(simulate):
    made = simulate(blocks=4, failed=tuple(f"b0{block}-{place}" for block in range(1, 5) for place in (1, 2)))
    plan = json.loads((made.path / "plan.json").read_text())
    (made.path / "plan.json").write_text(json.dumps({**plan, "imported": {"format": "table", "order": "known"}}))
    night = load(made.path)
    assert {} == retired(night)
    assert "retired" not in {item.code for item in study(night).cautions}


def test_a_retired_configuration_stays_with_its_reason(simulate):
    slots = simulate(blocks=4).runs
    lean = [run.slot for run in slots if run.configuration == "lean"]
    made = simulate(blocks=4, failed=lean[:2], missing=lean[2:])
    found = study(load(made.path))
    frame = by_configuration(load(made.path)).frame.set_index("configuration")
    assert "failed in its first two runs" == frame.retired["lean"]
    assert (4, 2, 0) == tuple(frame.loc["lean", ["planned", "attempts", "valid"]])
    assert "lean was retired: its first two runs ended as failed; 2 of its slots were not run" in (
        codes(found)["retired"].message
    )
    assert "night-unfinished" not in codes(found)
    assert ["base", "lean"] == [group.configuration for group in found.groups]
