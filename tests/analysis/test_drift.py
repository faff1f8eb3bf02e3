"""What else moved the runs."""

from __future__ import annotations

import json

import pytest

from analysis.load import load
from analysis.study import examine


def slopes(path):
    return {test.name: test for test in examine(load(path)).findings.drift}


def test_a_drift_through_the_night_is_told_with_its_size(simulate_once):
    test = slopes(simulate_once(blocks=15, drift=0.04, noise=0.003).path)["energy against run order"]
    over_the_night = test.estimate.value * 29
    assert over_the_night == pytest.approx(0.04, rel=0.15)
    assert test.estimate.low < test.estimate.value < test.estimate.high
    assert test.p < 1e-6


def test_a_steady_night_has_slopes_whose_interval_holds_zero(simulate_once):
    found = slopes(simulate_once(blocks=15, seed=8).path)
    test = found["energy against run order"]
    assert test.estimate.low < 0 < test.estimate.high
    assert found["energy against position in the block"].p > 0.05


def test_the_configurations_own_difference_is_no_drift(simulate_once):
    listed = simulate_once(blocks=10, order="listed", configurations={"base": 1.0, "lean": 0.5}, noise=0.003)
    test = slopes(listed.path)["energy against run order"]
    assert abs(test.estimate.value * 19) < 0.01


def test_heat_carried_over_from_the_run_before_is_seen_in_a_night_of_blocks(simulate_once):
    settings = {"configurations": dict.fromkeys("abc", 1.0), "accuracy": {}, "blocks": 18, "noise": 0.003, "seed": 3}
    hot = slopes(simulate_once(order="blocks", carry_over={"a": 1.03}, **settings).path)
    calm = slopes(simulate_once(order="blocks", **settings).path)
    name = "energy against the configuration before it"
    assert hot[name].p < 0.01 < calm[name].p


def test_what_plays_inside_a_block_is_a_slope_over_its_positions(simulate_once):
    steady = slopes(simulate_once(blocks=15, seed=8).path)["energy against position in the block"]
    assert steady.estimate.low < 0 < steady.estimate.high
    assert "1/position" == steady.estimate.unit


def test_durations_that_are_all_equal_have_no_drift_but_a_note(simulate_once):
    test = slopes(simulate_once(blocks=6).path)["duration against run order"]
    assert test.p is None
    assert "no scatter" in test.note


def test_start_temperature_is_held_against_order_and_energy(simulate_once):
    found = slopes(simulate_once(blocks=6).path)
    rising = found["start temperature of gpu0 against run order"]
    assert rising.estimate.value == pytest.approx(4 / 11)
    assert "energy against start temperature of gpu0" in found


def test_duration_and_start_temperature_are_held_against_place_and_run_before_too(simulate_once):
    made = simulate_once(blocks=15, duration={"lean": 0.9}, duration_noise=0.002, carry_over={"base": 1.03})
    found = slopes(made.path)
    place = found["duration against position in the block"]
    assert place.estimate.low < 0 < place.estimate.high
    for what in ("duration", "start temperature of gpu0"):
        assert f"{what} against the configuration before it" in found
    # The simulated heat rises by the same step from run to run: blocks and positions explain all of it.
    assert "no scatter" in found["start temperature of gpu0 against position in the block"].note


def test_an_accepted_change_is_no_drift(simulate):
    made = simulate(blocks=20, order="shuffle", noise=0.003, seed=5)
    for place, run in enumerate(made.runs):
        path = made.path / "runs" / run.run / "run.json"
        body = json.loads(path.read_text())
        body["cohort"] = 1 if place < 20 else 2
        path.write_text(json.dumps(body))
    test = slopes(made.path)["energy against run order"]
    assert "within cohorts" in test.note
    assert test.estimate.low < 0 < test.estimate.high


def test_too_few_runs_have_no_drift_to_tell(simulate_once):
    assert {} == slopes(simulate_once(blocks=1).path)
