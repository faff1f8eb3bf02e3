"""A night that has not begun: by what was measured, by PRE, and what cannot be told."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.estimate.ahead import Coming, before


def at_hand(observed, widths=(1, 2, 3, 4)):
    draw = np.random.default_rng(2)
    return [
        observed(
            width * 10 * np.exp(0.01 * draw.standard_normal(20)),
            configuration=f"{width}",
            block=block,
            known={"option width": float(width), "result parameters": 100.0 * width, "planned epochs": 20.0},
        )
        for width in widths
        for block in (1, 2, 3)
    ]


def coming(width, runs=4, *, measured=True, epochs=("--epochs", "20")):
    same = frozenset({("night", f"{width}")}) if measured else frozenset()
    return Coming(f"{width}", {}, ("train", "--width", f"{width}", *epochs), runs, same)


def test_a_measured_configuration_gets_its_mean_and_the_night_their_sum(observed):
    runs = at_hand(observed)
    found = before(runs, [coming(1), coming(2, 5)], {}, level=0.95)
    means = [np.mean([run.energy_J for run in runs if run.configuration == name]) for name in "12"]
    assert means == pytest.approx([item.energy.value for item in found.configurations])
    assert all(item.energy.low < item.energy.value < item.energy.high for item in found.configurations)
    assert 4 * means[0] + 5 * means[1] == pytest.approx(found.energy.value)
    assert found.energy.low < found.energy.value < found.energy.high
    lengths = [np.mean([run.whole_s for run in runs if run.configuration == name]) for name in "12"]
    assert (4 * lengths[0] + 5 * lengths[1]) / 9 == pytest.approx(found.run_s)


def test_a_new_configuration_between_known_ones_is_foretold_by_regression_with_its_error(observed):
    runs = at_hand(observed, widths=(1, 2, 3, 5, 6, 8))
    found = before(runs, [coming(4, measured=False)], {}, level=0.95)
    [item] = found.configurations
    assert ("PRE", None) == (item.how, item.energy.low)
    assert 4 * 10 * 20 == pytest.approx(item.energy.value, rel=0.15)
    assert 0 < item.error_pct < 40
    assert found.energy.low is None
    assert 4 * item.energy.value == pytest.approx(found.energy.value)
    assert "early is not foreseen" in item.note


def test_what_was_not_learnt_is_named(observed):
    item = Coming("x", {}, ("train", "--width", "2", "--epochs", "20", "--steps", "9"), 1)
    runs = [
        observed([10.0] * 5, block=block, known={"option width": 1.0, "option steps": 3.0, "planned epochs": 20.0})
        for block in (1, 2)
    ]
    [told] = before(runs, [item], {}, level=0.95).configurations
    assert "option width, option steps" in told.note


def test_without_a_maximum_of_epochs_nothing_is_told_and_one_can_be_given(observed):
    runs = at_hand(observed)
    asked = [coming(1), coming(7, measured=False, epochs=())]
    found = before(runs, asked, {}, level=0.95)
    assert found.configurations[1].energy.value is None
    assert "--epochs" in found.configurations[1].note
    assert (None, None) == (found.energy.value, found.run_s)
    assert before(runs, asked, {}, level=0.95, planned=5.0).energy.value is not None


def test_one_run_at_hand_gives_a_number_without_an_interval(observed):
    [item] = before([observed([5.0, 5.0], configuration="1")], [coming(1)], {}, level=0.95).configurations
    assert (10.0, None) == (item.energy.value, item.energy.low)
