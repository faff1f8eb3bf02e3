"""What a pilot tells, as tables and a figure."""

import csv

import pytest

from analysis.load import load
from analysis.power.illustrate import figure, write_pilot
from analysis.power.listing import tables, time_scale
from analysis.power.pilot import plan_from

SMALL = {"epochs": 0, "train_s": 1.0, "context": False, "accuracy": {}}


@pytest.fixture(scope="module")
def pilot(simulate_once):
    made = simulate_once(configurations={"a": 1.0, "b": 0.99, "c": 0.98}, blocks=6, **SMALL)
    return plan_from(load(made.path), (0.01, 0.02))


def test_tables_hold_scatter_runs_needed_and_what_is_seen_with_its_cost(pilot):
    scatter, needed, curve = tables(pilot)
    assert ["b against a", "c against a", "all together"] == scatter.frame.comparison.tolist()
    assert 100 * pilot.contrasts[0].scatter.deviation == pytest.approx(scatter.frame.cv_pct[0])
    assert (6, 100 * 0.01) == (len(needed), needed.frame.effect_pct[0])
    assert pilot.contrasts[0].needed[0].runs == needed.frame.runs[0]
    last = curve.frame.iloc[-1]
    assert pilot.cost.energy_J * last.runs == pytest.approx(last.energy_J)
    assert pilot.cost.seconds * last.runs == pytest.approx(last.seconds)
    assert any("(c against a" in part or "(b against a" in part for part in [curve.title])


def test_the_figure_has_the_curve_the_wanted_differences_and_what_it_costs(pilot):
    drawn = figure(pilot)
    assert ["smallest difference (%)", "takes (min)", "energy (kJ)"] == [axes.get_ylabel() for axes in drawn.axes]
    assert {"blocks"} == {axes.get_xlabel() for axes in drawn.axes if axes.get_xlabel()}
    said = {text.get_text() for text in drawn.axes[0].texts}
    assert {str(need.runs) for need in pilot.worst.needed} <= said


def test_files_are_written_and_hold_whole_numbers(pilot, tmp_path):
    paths = write_pilot(pilot, tmp_path)
    assert 15 == len(paths)
    with open(tmp_path / "tables" / "power-curve.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [point.runs for point in pilot.curve] == [int(row["runs"]) for row in rows]
    assert [100 * point.smallest_effect for point in pilot.curve] == [float(row["smallest_pct"]) for row in rows]


@pytest.mark.parametrize(
    ("settings", "labels"),
    [
        ({"blocks": 2, "noise": 0.5}, 3),
        ({"blocks": 4, "energy": False, "duration_noise": 0.02}, 2),
        ({"blocks": 4, "order": "shuffle"}, 3),
    ],
)
def test_what_a_pilot_lacks_leaves_a_figure_of_the_rest(simulate_once, settings, labels):
    drawn = figure(plan_from(load(simulate_once(**settings, **SMALL).path), (0.01,)))
    assert labels == len(drawn.axes)


def test_no_scatter_is_no_curve_and_the_tables_say_why(simulate_once, tmp_path):
    pilot = plan_from(load(simulate_once(blocks=1, **SMALL).path), (0.01,))
    assert figure(pilot) is None
    assert {"power-scatter"} == {path.stem for path in write_pilot(pilot, tmp_path)}
    assert "too few runs" in (tmp_path / "tables" / "power-scatter.md").read_text()


@pytest.mark.parametrize(("longest", "unit"), [(30.0, "s"), (600.0, "min"), (20_000.0, "h")])
def test_times_are_told_in_a_unit_that_suits_them(longest, unit):
    assert unit == time_scale(longest)[1]
