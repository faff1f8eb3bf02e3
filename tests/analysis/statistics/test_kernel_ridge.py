"""Kernel ridge: in closed form by hand, against scikit-learn, on a known curve, and where nothing varies."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.kernel_ridge import PLAIN, fit


def test_two_rows_by_hand():
    # Standardised, the rows are -1 and 1: K = [[1, k], [k, 1]] with k = exp(-4 / (2 x 2^2)); y - mean = (-1, 1).
    strength, width = PLAIN
    model = fit([[0.0], [10.0]], [3.0, 5.0], ["a", "a"])
    assert (strength, width, None) == (model.strength, model.width, model.error)
    k = np.exp(-4 / (2 * width**2))
    weight = 1 / (1 + strength - k)
    assert 4 + weight * (1 - k) == pytest.approx(model.predict([[10.0]])[0])
    assert 4 == pytest.approx(model.predict([[5.0]])[0])


def test_scikit_learn_finds_the_same():
    regression = pytest.importorskip("sklearn.kernel_ridge")
    draw = np.random.default_rng(3)
    x, y = draw.normal(size=(30, 4)), draw.normal(size=30)
    model = fit(x, y, [number // 3 for number in range(30)])
    standard = (x - x.mean(0)) / x.std(0)
    other = regression.KernelRidge(alpha=model.strength, kernel="rbf", gamma=1 / (2 * model.width**2 * 4))
    other.fit(standard, y - y.mean())
    new = draw.normal(size=(5, 4))
    expected = other.predict((new - x.mean(0)) / x.std(0)) + y.mean()
    np.testing.assert_allclose(model.predict(new), expected, rtol=1e-9)


def test_a_smooth_curve_is_learnt_between_its_points():
    x = np.linspace(0, 5, 24)[:, None]
    model = fit(x, np.sin(x[:, 0]), list(range(24)))
    between = np.array([[1.1], [2.6], [3.9]])
    np.testing.assert_allclose(model.predict(between), np.sin(between[:, 0]), atol=0.02)


def test_rows_of_a_group_are_left_out_together():
    # Within a group all is one value that the group's own column betrays: only whole groups left out show that
    # nothing can be told of a new one, so that the strongest ridge does best.
    draw = np.random.default_rng(1)
    groups = [number // 8 for number in range(40)]
    level = draw.normal(size=5)
    x = np.eye(5)[groups] + 0.001 * draw.normal(size=(40, 5))
    together = fit(x, level[groups], groups)
    alone = fit(x, level[groups], list(range(40)))
    assert together.error > 5 * alone.error
    assert together.strength > alone.strength


def test_a_column_that_never_varied_says_nothing_and_no_column_gives_the_mean():
    model = fit([[0.0, 7.0], [1.0, 7.0], [2.0, 7.0]], [1.0, 2.0, 3.0], "abc")
    assert model.predict([[1.5, 7.0]])[0] == model.predict([[1.5, 1e9]])[0]
    nothing = fit(np.empty((4, 0)), [1.0, 2.0, 3.0, 6.0], "abcd")
    assert 3.0 == pytest.approx(nothing.predict(np.empty((1, 0)))[0])
