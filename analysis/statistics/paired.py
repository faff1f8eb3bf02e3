"""Do two configurations differ within the block? Ratio and difference from pairs, one pair a block.

The headline of a night with blocks is the paired t on the logarithms: drift, and whatever else a block shares, takes
itself off in each pair.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from analysis.findings import Estimate, Test
from analysis.statistics.scatter import (
    NO_SCATTER,
    NOT_POSITIVE,
    TOO_FEW,
    Values,
    has_scatter,
    largest,
    paired,
    without_rounding,
)

PAIRED_LOGS = "paired t on logs"
PAIRED = "paired t"


def paired_ratio(configuration: ArrayLike, baseline: ArrayLike, level: float) -> Test:
    """Paired t on log(configuration) - log(baseline); the estimate is the ratio of geometric means with its interval.

    Both sides (pairs,), in the same order of blocks. One pair gives a ratio without an interval.
    """
    left, right = paired(configuration, baseline)
    if left.size and min(left.min(), right.min()) <= 0:
        return _nothing(PAIRED_LOGS, left.size, "×", NOT_POSITIVE)
    logs = np.log(left), np.log(right)
    return _t(PAIRED_LOGS, logs[0] - logs[1], largest(*logs, np.ones(1)), level, "×", exponential=True)


def paired_difference(configuration: ArrayLike, baseline: ArrayLike, unit: str, level: float) -> Test:
    """Paired t on configuration - baseline as they are; the estimate is the mean difference with its interval."""
    left, right = paired(configuration, baseline)
    return _t(PAIRED, left - right, largest(left, right), level, unit, exponential=False)


def _t(name: str, differences: Values, size: float, level: float, unit: str, *, exponential: bool) -> Test:
    n = differences.size
    if n == 0:
        return _nothing(name, 0, unit, TOO_FEW)
    centre = without_rounding(float(np.mean(differences)), size)
    value = math.exp(centre) if exponential else centre
    if n < 2 or not has_scatter(differences, size):
        note = TOO_FEW if n < 2 else NO_SCATTER
        return Test(name, None, None, (n,), note=note, estimate=Estimate(value, unit, n=n, note=note))
    result = stats.ttest_1samp(differences, 0.0)
    interval = result.confidence_interval(level)
    low, high = float(interval.low), float(interval.high)
    if exponential:
        low, high = math.exp(low), math.exp(high)
    estimate = Estimate(value, unit, low, high, level, n)
    return Test(name, float(result.statistic), float(result.pvalue), (n,), float(result.df), estimate=estimate)


def _nothing(name: str, n: int, unit: str, note: str) -> Test:
    return Test(name, None, None, (n,), note=note, estimate=Estimate(None, unit, n=n, note=note))
