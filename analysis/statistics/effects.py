"""How large is the difference, in units of scatter or of rank? Cohen's d, Hedges' g, Cliff's delta, A12, r."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from analysis.findings import Estimate
from analysis.statistics.scatter import NO_SCATTER, TOO_FEW, has_scatter, largest, values

SEPARATION = "complete separation: its interval cannot be told"


def cohens_d(configuration: ArrayLike, baseline: ArrayLike, level: float) -> Estimate:
    """(mean - mean) / pooled standard deviation, with the large-sample interval of Hedges and Olkin (1985).

    Variance (n + m) / (n m) + d^2 / (2 (n + m)). Needs two runs a side, and scatter.
    """
    return _standardised(configuration, baseline, level, corrected=False)


def hedges_g(configuration: ArrayLike, baseline: ArrayLike, level: float) -> Estimate:
    """Cohen's d without its bias at small n (statsmodels' ``effectsize_smd``), with its large-sample interval."""
    return _standardised(configuration, baseline, level, corrected=True)


def _standardised(configuration: ArrayLike, baseline: ArrayLike, level: float, *, corrected: bool) -> Estimate:
    left, right = values(configuration), values(baseline)
    n, m = left.size, right.size
    if min(n, m) < 2:
        return Estimate(None, "SD", n=n + m, note=TOO_FEW)
    if not any(has_scatter(part, largest(left, right)) for part in (left, right)):
        return Estimate(None, "SD", n=n + m, note=NO_SCATTER)
    if corrected:
        from statsmodels.stats.meta_analysis import effectsize_smd

        size, variance = effectsize_smd(left.mean(), left.std(ddof=1), n, right.mean(), right.std(ddof=1), m)
    else:
        pooled = math.sqrt(((n - 1) * left.var(ddof=1) + (m - 1) * right.var(ddof=1)) / (n + m - 2))
        size = (left.mean() - right.mean()) / pooled
        variance = (n + m) / (n * m) + size**2 / (2 * (n + m))
    half = float(stats.norm.ppf((1 + level) / 2)) * math.sqrt(float(variance))
    return Estimate(float(size), "SD", float(size) - half, float(size) + half, level, n + m)


def cliffs_delta(configuration: ArrayLike, baseline: ArrayLike, level: float) -> Estimate:
    """P(configuration > baseline) - P(configuration < baseline) = 2 U / (n m) - 1, with its interval.

    The interval is the asymmetric one of Feng and Cliff (Journal of Modern Applied Statistical Methods 3, 2004). With
    complete separation (+1 or -1) the variance is zero and there is none: said in the note.
    """
    left, right = values(configuration), values(baseline)
    n, m = left.size, right.size
    if min(n, m) == 0:
        return Estimate(None, "", n=n + m, note=TOO_FEW)
    dominance = np.sign(left[:, None] - right[None, :])
    delta = float(dominance.mean())
    if abs(delta) == 1:
        return Estimate(delta, "", n=n + m, note=SEPARATION)
    if min(n, m) < 2:
        return Estimate(delta, "", n=n + m, note=TOO_FEW)
    by_row = float(np.sum((dominance.mean(axis=1) - delta) ** 2))
    by_column = float(np.sum((dominance.mean(axis=0) - delta) ** 2))
    by_cell = float(np.sum((dominance - delta) ** 2))
    variance = (m**2 * by_row + n**2 * by_column - by_cell) / (n * m * (n - 1) * (m - 1))
    variance = max(variance, (1 - delta**2) / (n * m - 1))
    z = float(stats.norm.ppf((1 + level) / 2))
    spread = z * math.sqrt(variance) * math.sqrt((1 - delta**2) ** 2 + z**2 * variance)
    scale = 1 - delta**2 + z**2 * variance
    low, high = ((delta - delta**3 + side * spread) / scale for side in (-1, 1))
    return Estimate(delta, "", max(low, -1.0), min(high, 1.0), level, n + m)


def a12(configuration: ArrayLike, baseline: ArrayLike, level: float) -> Estimate:
    """P(configuration > baseline) + P(equal) / 2, of Vargha and Delaney: (Cliff's delta + 1) / 2, and so its interval.

    A. Vargha and H. D. Delaney, Journal of Educational and Behavioral Statistics 25, 2000. 0.5: neither is the larger.
    With complete separation (0 or 1) the formula's interval is no number; there is none, said in the note.
    """
    delta = cliffs_delta(configuration, baseline, level)
    value, low, high = (None if part is None else (part + 1) / 2 for part in (delta.value, delta.low, delta.high))
    return replace(delta, value=value, low=low, high=high)


def point_biserial(configuration: ArrayLike, baseline: ArrayLike) -> Estimate:
    """Correlation of the value with being ``configuration`` (1) rather than ``baseline`` (0); an effect size only.

    Its p would be that of the pooled t test over again, so that none is given. r = t / sqrt(t^2 + n + m - 2).
    """
    left, right = values(configuration), values(baseline)
    n = left.size + right.size
    if min(left.size, right.size) < 1 or n < 3:
        return Estimate(None, "", n=n, note=TOO_FEW)
    if not any(has_scatter(part, largest(left, right)) for part in (left, right)):
        return Estimate(None, "", n=n, note=NO_SCATTER)
    side = np.repeat([1.0, 0.0], [left.size, right.size])
    r = float(stats.pointbiserialr(side, np.concatenate([left, right])).statistic)
    return Estimate(r, "", n=n, note="an effect size without interval; its p is the pooled t test's")
