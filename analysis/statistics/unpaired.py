"""Do two configurations differ as two independent samples? Welch, pooled and trimmed t.

For nights without blocks, and beside the paired test where there are blocks (they then throw away what blocks gain).
"""

from __future__ import annotations

import math
import warnings
from typing import Literal

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
    values,
    without_rounding,
)

Spread = Literal["welch", "pooled"]


def ratio(configuration: ArrayLike, baseline: ArrayLike, level: float, spread: Spread = "welch") -> Test:
    """Two-sample t on the logarithms; the estimate is the ratio of geometric means with its interval."""
    left, right = values(configuration), values(baseline)
    name = f"{_NAMES[spread]} on logs"
    if min(left.size, right.size) == 0 or min(left.min(), right.min()) <= 0:
        note = NOT_POSITIVE if left.size and right.size else TOO_FEW
        return Test(name, None, None, (left.size, right.size), note=note, estimate=Estimate(None, "×", note=note))
    return _t(spread, np.log(left), np.log(right), level, "×", logs=True)


def difference(
    configuration: ArrayLike, baseline: ArrayLike, unit: str, level: float, spread: Spread = "welch"
) -> Test:
    """Two-sample t on the values as they are; the estimate is the difference of means with its interval."""
    left, right = values(configuration), values(baseline)
    return _t(spread, left, right, level, unit)


def yuen(configuration: ArrayLike, baseline: ArrayLike, trim: float = 0.2) -> Test:
    """Yuen's t on trimmed means (``trim`` of the values at each end), unequal spreads: robust without removing runs.

    K. K. Yuen, Biometrika 61, 1974. Refuses fewer than 5 runs a side, where trimming takes nothing off.
    """
    left, right = values(configuration), values(baseline)
    name = f"Yuen's t, {trim:.0%} trimmed"
    n = (left.size, right.size)
    if min(n) * trim < 1:
        return Test(name, None, None, n, note=TOO_FEW)
    kept = [np.sort(part)[int(trim * part.size) : part.size - int(trim * part.size)] for part in (left, right)]
    if not any(has_scatter(part, largest(left, right)) for part in kept):
        return Test(name, None, None, n, note=NO_SCATTER)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Precision loss", RuntimeWarning)  # as in _t
        result = stats.ttest_ind(left, right, equal_var=False, trim=trim)
    return Test(name, float(result.statistic), float(result.pvalue), n, float(result.df))


_NAMES: dict[Spread, str] = {"welch": "Welch t", "pooled": "pooled t"}


def _t(spread: Spread, left: Values, right: Values, level: float, unit: str, *, logs: bool = False) -> Test:
    name = f"{_NAMES[spread]} on logs" if logs else _NAMES[spread]
    n = (left.size, right.size)
    if min(n) == 0:
        return Test(name, None, None, n, note=TOO_FEW, estimate=Estimate(None, unit, note=TOO_FEW))
    size = largest(left, right, np.ones(int(logs)))
    centre = without_rounding(float(np.mean(left) - np.mean(right)), size)
    value = math.exp(centre) if logs else centre
    enough = min(n) >= 2 if spread == "welch" else sum(n) >= 3
    if not enough or not any(has_scatter(part, size) for part in (left, right)):
        note = NO_SCATTER if enough else TOO_FEW
        return Test(name, None, None, n, note=note, estimate=Estimate(value, unit, n=sum(n), note=note))
    with warnings.catch_warnings():
        # Where one side's values are all equal scipy doubts its variance; zero is what it is.
        warnings.filterwarnings("ignore", "Precision loss", RuntimeWarning)
        result = stats.ttest_ind(left, right, equal_var=spread == "pooled")
    interval = result.confidence_interval(level)
    low, high = float(interval.low), float(interval.high)
    if logs:
        low, high = math.exp(low), math.exp(high)
    estimate = Estimate(value, unit, low, high, level, sum(n))
    return Test(name, float(result.statistic), float(result.pvalue), n, float(result.df), estimate=estimate)
