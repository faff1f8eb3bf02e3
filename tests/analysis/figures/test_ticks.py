"""Ticks of ratios: round numbers on both sides of 1."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.figures.ticks import ratio_ticks


@pytest.mark.parametrize(
    ("low", "high", "among"),
    [
        pytest.param(0.08, 4, {0.1, 0.2, 0.5, 1, 2}, id="two decades"),
        pytest.param(0.45, 3.4, {0.5, 0.7, 1, 2, 3}, id="one decade"),
        pytest.param(0.97, 1.02, {0.98, 1, 1.02}, id="per cent"),
        pytest.param(1.2, 1.9, {1.2, 1.4, 1.6, 1.8}, id="one side"),
        pytest.param(1e-9, 1e9, {1}, id="very wide"),
    ],
)
def test_ticks_of_ratios_are_few_round_and_hold_1(low, high, among):
    ticks = ratio_ticks(low, high)
    assert 4 <= len(ticks) <= 9
    assert ticks == sorted(ticks)
    assert all(low <= tick <= high for tick in ticks)
    assert all(any(np.isclose(tick, wanted) for tick in ticks) for wanted in among)
