"""What else moved the runs."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from analysis.drift import drift
from analysis.joined import join
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
    found = slopes(made.path)
    test = found["energy against run order"]
    assert "within cohorts" in test.note
    assert "within cohorts" not in found["start temperature of gpu0 against run order"].note
    assert test.estimate.low < 0 < test.estimate.high


def test_too_few_runs_have_no_drift_to_tell(simulate_once):
    assert {} == slopes(simulate_once(blocks=1).path)


HEAT = "start temperature of gpu0"


def night_of(draw, *, warming=0.0, coupling=0.0, blocks=10):
    """The runs of a night of two configurations whose start temperatures scatter by 1 °C.

    ``warming``: °C a run; ``coupling``: part of the energy that each °C adds.
    """
    n = 2 * blocks
    who = np.concatenate([draw.permutation(["base", "lean"]) for _ in range(blocks)])
    heat = 40 + warming * np.arange(n) + draw.standard_normal(n)
    logs = 7 + 0.05 * (who == "base") + coupling * (heat - 40) + 0.003 * draw.standard_normal(n)
    columns = {"configuration": who, "block": np.repeat(np.arange(blocks), 2), "position": [1, 2] * blocks}
    columns |= {
        "order": np.arange(1, n + 1),
        "value": np.exp(logs),
        "started_s": 60.0 * np.arange(n),
        "duration_s": 9.0,
    }
    columns |= {"start_temperature_C.gpu0": heat, "cohort": 1, "node": "", "run": [f"r{place}" for place in range(n)]}
    return pd.DataFrame(columns)


def slopes_of(runs):
    return {test.name: test for test in drift(runs, runs, response="energy", blocked=True, level=0.95)}


def test_a_start_temperature_that_scatters_and_does_not_move_alarms_at_alpha():
    draw, nights, names = np.random.default_rng(4), 80, (f"{HEAT} against run order", f"energy against {HEAT}")
    alarms, covered = np.zeros(2), np.zeros(2)
    for _ in range(nights):
        found = slopes_of(night_of(draw))
        alarms += [found[name].p < 0.05 for name in names]
        covered += [found[name].estimate.low <= 0 <= found[name].estimate.high for name in names]
    slack = 3 * (0.05 * 0.95 / nights) ** 0.5
    assert np.all(alarms / nights <= 0.05 + slack)
    assert np.all(covered / nights >= 0.95 - slack)


def test_a_start_temperature_that_rises_and_moves_the_energy_is_found_with_its_slopes():
    draw, nights = np.random.default_rng(5), 30
    seen, covered = np.zeros(2), np.zeros(2)
    for _ in range(nights):
        found = slopes_of(night_of(draw, warming=0.2, coupling=0.004))
        rising, moved = found[f"{HEAT} against run order"], found[f"energy against {HEAT}"]
        seen += [rising.p < 0.05, moved.p < 0.05]
        covered += [
            rising.estimate.low <= 0.2 <= rising.estimate.high,
            moved.estimate.low <= 0.004 <= moved.estimate.high,
        ]
        assert ("°C/run", "1/°C") == (rising.estimate.unit, moved.estimate.unit)
    assert np.all(seen / nights > 0.85)
    assert np.all(covered / nights > 0.82)


def test_heat_that_one_configuration_leaves_to_the_next_run_is_a_carry_over_of_temperature():
    draw = np.random.default_rng(6)
    runs = night_of(draw, blocks=20)
    name = f"{HEAT} against the configuration before it"
    calm = slopes_of(runs)[name]
    after = runs.configuration.shift(1) == "base"
    warmer = runs.assign(**{"start_temperature_C.gpu0": runs["start_temperature_C.gpu0"] + 4.0 * after})
    assert slopes_of(warmer)[name].p < 0.001 < calm.p


def test_the_drift_of_each_joined_night_is_told_by_itself(simulate_once):
    settings = {"epochs": 0, "train_s": 1.0, "context": False, "accuracy": {}, "blocks": 12, "noise": 0.003}
    paths = [simulate_once(**settings, seed=seed, drift=size).path for seed, size in ((41, 0.05), (42, 0.0))]
    found = examine(join(paths)).findings
    told = {test.name: test for test in found.drift if test.name.startswith("energy against run order")}
    assert 2 == len(told)
    assert all(", night " in name for name in told)
    drifting, steady = told.values()
    assert 0.05 / 23 == pytest.approx(drifting.estimate.value, rel=0.25)
    assert drifting.p < 1e-4 < 0.05 < steady.p
    assert (24,) == steady.n
