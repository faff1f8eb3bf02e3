"""A night as a pilot: its scatter by the truth of a simulated night, for every kind of analysis."""

import math

import numpy as np
import pytest

from analysis.load import load
from analysis.power.pilot import plan_from
from analysis.statistics.pilot import LARGEST_EFFECT
from analysis.statistics.power import runs_needed

SMALL = {"epochs": 0, "train_s": 1.0, "context": False, "accuracy": {}}


def test_the_scatter_of_a_night_is_that_of_its_pairs_and_the_runs_follow(simulate_once):
    made = simulate_once(blocks=8, drift=0.04, **SMALL)
    pilot = plan_from(load(made.path), (0.01,))
    (contrast,) = pilot.contrasts
    logs = [np.log(made.energies(name)) for name in ("lean", "base")]
    truth = float(np.std(logs[0] - logs[1], ddof=1)) / math.sqrt(2)
    assert truth == pytest.approx(contrast.scatter.deviation, rel=1e-6)
    assert (8, 7) == (contrast.n, contrast.scatter.degrees)
    assert runs_needed(math.log1p(0.01), truth, paired=True) == contrast.needed[0].runs
    assert contrast.low < truth < contrast.high
    assert (None, 8, 8) == (pilot.pooled, pilot.begun, pilot.usable)


def test_a_family_is_met_by_its_first_step_and_all_together_have_more_degrees_of_freedom(simulate_once):
    made = simulate_once(configurations={"a": 1.0, "b": 0.99, "c": 0.98, "d": 0.97}, blocks=4, **SMALL)
    pilot = plan_from(load(made.path), (0.01,))
    assert 3 == len(pilot.contrasts)
    assert 0.05 / 3 == pytest.approx(pilot.alpha_each)
    assert [3, 3, 3] == [item.scatter.degrees for item in pilot.contrasts]
    assert (9, 4) == (pilot.pooled.scatter.degrees, pilot.pooled.n)
    one = pilot.contrasts[0]
    wanted = runs_needed(math.log1p(0.01), one.scatter.deviation, alpha=0.05 / 3, paired=True)
    assert wanted == one.needed[0].runs


def test_alpha_and_power_can_be_asked_for(simulate_once):
    night = load(simulate_once(blocks=8, drift=0.04, **SMALL).path)
    usual, strict = (plan_from(night, (0.01,), alpha=alpha) for alpha in (None, 0.001))
    modest = plan_from(night, (0.01,), power=0.5)
    runs = [item.contrasts[0].needed[0].runs for item in (modest, usual, strict)]
    assert runs == sorted(set(runs))


def test_pairs_that_do_not_count_are_counted(simulate_once):
    pilot = plan_from(load(simulate_once(blocks=6, lost=("b02-1",), missing=("b05-2",), **SMALL).path), (0.01,))
    assert (6, 4, 4) == (pilot.begun, pilot.usable, pilot.contrasts[0].n)


@pytest.mark.parametrize(
    ("settings", "words", "paired"),
    [
        ({"order": "shuffle"}, "run order", False),
        ({"protocol": {"analysis": {"recipe": "classic"}}}, "pooled t", False),
        ({}, "paired t on logs", True),
    ],
)
def test_the_analysis_is_that_of_the_night(simulate_once, settings, words, paired):
    pilot = plan_from(load(simulate_once(blocks=6, **settings, **SMALL).path), (0.01,))
    assert words in pilot.analysis
    assert (paired, paired) == (pilot.blocked, pilot.contrasts[0].scatter.paired)
    assert pilot.contrasts[0].needed[0].runs > 1


def test_the_cost_of_a_block_is_time_with_waits_and_the_window_s_energy(simulate_once):
    made = simulate_once(blocks=8, drift=0.04, **SMALL)
    cost = plan_from(load(made.path), (0.01,)).cost
    energy_J = sum(np.mean(made.energies(name)) for name in ("lean", "base"))
    assert energy_J == pytest.approx(cost.energy_J, rel=1e-6)
    # cool-down 2, set-up 1, train 1, evaluate 0.5, after 0.5; every other run has 2 s of idle baseline first.
    assert 2 * 5.0 + 2.0 == pytest.approx(cost.seconds, rel=0.01)


def test_a_night_without_energy_is_a_pilot_for_what_it_has(simulate_once):
    pilot = plan_from(load(simulate_once(blocks=4, energy=False, duration_noise=0.2, **SMALL).path), (0.01,))
    assert "duration" in pilot.response
    assert pilot.cost.energy_J is None
    assert pilot.worst is not None


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"blocks": 1}, "pilot-too-small"),
        ({"blocks": 2, "configurations": {"only": 1.0}}, "pilot-too-small"),
        ({"stop_after": 0}, "pilot-too-small"),
        ({"noise": 0.0}, "pilot-without-scatter"),
    ],
)
def test_a_night_that_tells_no_scatter_says_so_and_needs_nothing(simulate_once, settings, code):
    pilot = plan_from(load(simulate_once(**{"blocks": 3, **settings}, **SMALL).path), (0.01,))
    assert pilot.worst is None
    assert all(item.scatter.note and item.needed[0].runs is None for item in pilot.contrasts)
    assert code in [item.code for item in pilot.lacks if item.advice]


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"blocks": 2}, "pilot-bounds-nothing"),
        ({"blocks": 4}, "pilot-of-few"),
        ({"blocks": 8, "energy": False, "duration_noise": 0.02}, "pilot-of-another-response"),
        ({"blocks": 8, "lost": ("b02-1",)}, "pilot-lost-runs"),
        ({"blocks": 8, "protocol": {"analysis": {"test": "rank"}}}, "pilot-by-t"),
        ({"blocks": 8}, None),
    ],
)
def test_what_a_pilot_cannot_tell_is_said_in_words(simulate_once, settings, code):
    pilot = plan_from(load(simulate_once(**settings, **SMALL).path), (0.01,))
    assert ([] if code is None else [code]) == [item.code for item in pilot.lacks]


def test_two_wild_blocks_give_no_difference_that_nobody_can_read(simulate_once):
    pilot = plan_from(load(simulate_once(blocks=2, noise=0.5, **SMALL).path), (0.01,))
    ends = [point.smallest_effect_high for point in pilot.curve]
    assert ends[0] is None
    assert all(end <= LARGEST_EFFECT for end in ends if end is not None)


def test_one_configuration_stands_for_two_that_scatter_alike_without_its_drift(simulate_once):
    made = simulate_once(configurations={"only": 1.0}, blocks=40, drift=0.3, **SMALL)
    pilot = plan_from(load(made.path), (0.01,))
    [alone] = pilot.contrasts
    assert (True, 38, "runs") == (alone.is_alone, alone.scatter.degrees, alone.unit)
    assert 0.006 == pytest.approx(alone.scatter.deviation, rel=0.35)
    assert 2 * np.mean(made.energies("only")) == pytest.approx(pilot.cost.energy_J)
    assert "pilot-of-one" in [item.code for item in pilot.lacks]


def test_the_correction_and_the_size_of_the_family_are_those_of_the_protocol(simulate_once):
    settings = {"configurations": {"a": 1.0, "b": 0.99, "c": 0.98}, "blocks": 4}
    made = simulate_once(**settings, protocol={"analysis": {"correction": "bonferroni"}}, **SMALL)
    pilot = plan_from(load(made.path), (0.01,))
    assert ("bonferroni", 2, 0.025) == (pilot.correction, pilot.comparisons, pilot.alpha_each)
