"""Does one thing grow with another? Theil-Sen slope with its interval, Kendall's tau as the test."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from analysis.findings import Estimate, Test
from analysis.statistics.scatter import NO_SCATTER, TOO_FEW, Values, has_scatter, largest, paired, without_rounding

_MOST = 2000
"""Beyond this many values every k-th is taken: the slopes of all pairs would cost more than they tell."""


def theil_sen(
    name: str, response: ArrayLike, cause: ArrayLike, unit: str, level: float, *, size: float | None = None
) -> Test:
    """The median slope of ``response`` (n,) over ``cause`` (n,), in ``unit``, and Kendall's tau-b with its p.

    P. K. Sen, JASA 63, 1968. ``size`` is the magnitude whose rounding is no scatter (1 for logarithms; left out: that
    of the response). None below three values, or where either does not vary.
    """
    y, x = paired(response, cause)
    if y.size < 3:
        return Test(name, None, None, (y.size,), note=TOO_FEW)
    if not has_scatter(x) or not has_scatter(y, size):
        what = NO_SCATTER if not has_scatter(y, size) else "what it is held against does not vary"
        return Test(name, None, None, (y.size,), note=what)
    step = -(-y.size // _MOST)
    y, x = y[::step], x[::step]
    with np.errstate(invalid="ignore"):  # with many ties its variance may come out below zero: no interval then
        slope = stats.theilslopes(y, x, alpha=level)
    estimate = Estimate(float(slope.slope), unit, float(slope.low_slope), float(slope.high_slope), level, y.size)
    if not np.all(np.isfinite([slope.low_slope, slope.high_slope])):
        estimate = Estimate(float(slope.slope), unit, n=y.size, note=TOO_FEW)
    tau = stats.kendalltau(x, y)
    return Test(name, float(tau.statistic), float(tau.pvalue), (y.size,), estimate=estimate)


def least_squares(response: ArrayLike, cause: ArrayLike) -> float | None:
    """The slope of the straight line through ``response`` (n,) over ``cause`` (n,); None where there is no line.

    0 where over the whole of ``cause`` it comes to no more than the rounding of the responses.
    """
    y, x = paired(response, cause)
    return _rising(stats.linregress(x, y).slope, y, x) if y.size > 1 and has_scatter(x) else None


def median_slope(response: ArrayLike, cause: ArrayLike) -> float | None:
    """The Theil-Sen slope alone, without interval or test; None below three values, or where ``cause`` stands still.

    0 where over the whole of ``cause`` it comes to no more than the rounding of the responses.
    """
    y, x = paired(response, cause)
    return _rising(stats.theilslopes(y, x).slope, y, x) if y.size > 2 and has_scatter(x) else None


def _rising(slope: float, y: Values, x: Values) -> float:
    """``slope``, or 0 where the rise over all of ``x`` is rounding beside values of the size of ``y``."""
    return float(slope) if without_rounding(slope * float(np.ptp(x)), largest(y)) else 0.0
