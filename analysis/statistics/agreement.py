"""Do two instruments tell the same? Ratio of means, bias and limits of agreement, correlations; one pair a run.

Correlation is not agreement: two instruments of which one always tells twice as much correlate perfectly (J. M. Bland
and D. G. Altman, The Lancet 327, 1986). It stands here because studies report it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from analysis.findings import Estimate
from analysis.statistics.describe import mean
from analysis.statistics.scatter import NO_SCATTER, NOT_POSITIVE, TOO_FEW, Values, has_scatter, largest, paired, values

FEWEST_CORRELATED = 3
"""Two points always lie on a line, and of their scatter next to nothing is known: no interval, no limits."""
NOT_BOUNDED = "the mean of the other is not told apart from zero, so that the ratio has no bounded interval"

PERFECT = "at 1 or -1 Fisher's interval has no width, and none is given"

_ROUNDING = 1e-6
"""Differences that differ by less than this part of themselves do not differ: they are small against what they are
taken of, so that its rounding is large against them."""
_NOTHING = 1e-9
"""Differences (per cent) below which two tellings are the same number."""


@dataclass(frozen=True)
class Limits:
    """Bias and limits of agreement, in the unit of the differences."""

    bias: Estimate
    lower: Estimate
    upper: Estimate


def ratio_of_means(one: ArrayLike, other: ArrayLike, level: float) -> Estimate:
    """mean(one) / mean(other) of pairs (n,), with Fieller's interval (E. C. Fieller, J. R. Stat. Soc. B 16, 1954).

    The interval holds every r for which a t test of mean(one - r other) = 0 does not reject; of two pairs none is told,
    as limits of agreement then are not. None for values that are not positive, and where the mean of ``other`` cannot
    be told apart from zero.
    """
    left, right = paired(one, other)
    n = left.size
    if n == 0 or min(left.min(), right.min()) <= 0:
        return Estimate(None, "×", n=n, note=TOO_FEW if n == 0 else NOT_POSITIVE)
    above, below = float(left.mean()), float(right.mean())
    ratio = above / below
    if n < FEWEST_CORRELATED:
        return Estimate(ratio, "×", n=n, note=TOO_FEW)
    if not has_scatter(left - ratio * right, largest(left)):
        return Estimate(ratio, "×", n=n, note=NO_SCATTER)
    t2 = float(stats.t.ppf((1 + level) / 2, n - 1)) ** 2 / n
    (var_left, cov), (_, var_right) = np.cov(left, right).tolist()
    a, b, c = below**2 - t2 * var_right, above * below - t2 * cov, above**2 - t2 * var_left
    if a <= 0:
        return Estimate(ratio, "×", n=n, note=NOT_BOUNDED)
    half = math.sqrt(max(0.0, b * b - a * c)) / a
    return Estimate(ratio, "×", b / a - half, b / a + half, level, n)


def differences_pct(one: ArrayLike, other: ArrayLike) -> Values:
    """(one - other) in per cent of the mean of each pair (n,); refuses pairs that are not positive."""
    left, right = paired(one, other)
    if left.size and min(left.min(), right.min()) <= 0:
        raise ValueError("differences in per cent need positive values")
    return 200 * (left - right) / (left + right)


def limits_of_agreement(differences: ArrayLike, unit: str, level: float) -> Limits:
    """Mean difference and the limits between which ``level`` of the differences lie, each with its interval.

    Bias +- z SD, after Bland and Altman (Statistical Methods in Medical Research 8, 1999); standard error of a limit
    SD sqrt(1/n + z^2 / (2 (n - 1))), their section 2.2. Intervals and limits need three differences: an SD of
    two says nothing.
    """
    array = values(differences)
    n, bias = array.size, mean(array, unit, level)
    if n > 1 and float(np.ptp(array)) <= max(_ROUNDING * largest(array), _NOTHING):
        same = bias.value if largest(array) > _NOTHING else 0.0
        bias, nothing = Estimate(same, unit, n=n, note=NO_SCATTER), Estimate(None, unit, n=n, note=NO_SCATTER)
        return Limits(bias, nothing, nothing)
    if n < FEWEST_CORRELATED:
        nothing = Estimate(None, unit, n=n, note=TOO_FEW)
        return Limits(Estimate(bias.value, unit, n=n, note=TOO_FEW), nothing, nothing)
    deviation, z = float(np.std(array, ddof=1)), float(stats.norm.ppf((1 + level) / 2))
    error = deviation * math.sqrt(1 / n + z * z / (2 * (n - 1)))
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * error
    centre = float(np.mean(array))
    lower, upper = (
        Estimate(limit, unit, limit - half, limit + half, level, n)
        for limit in (centre - z * deviation, centre + z * deviation)
    )
    return Limits(bias, lower, upper)


def pearson(one: ArrayLike, other: ArrayLike, level: float, *, groups: Sequence[str] = ()) -> Estimate:
    """Pearson's r with Fisher's interval; ``groups`` (n,): of what is left after the means of each group are taken off.

    Taking g means off costs g - 1 of the n. None for fewer than three values beyond that, and without scatter.
    """
    left, right = paired(one, other)
    sizes = largest(left), largest(right)
    lost = max(len(set(groups)) - 1, 0)
    for name in dict.fromkeys(groups) if lost else ():
        mine = np.array([group == name for group in groups])
        left = np.where(mine, left - left[mine].mean(), left)
        right = np.where(mine, right - right[mine].mean(), right)
    n = left.size - lost
    if note := _why_not(left, right, sizes, n):
        return Estimate(None, "", n=max(n, 0), note=note)
    r = float(np.clip(np.corrcoef(left, right)[0, 1], -1.0, 1.0))
    return _correlation(r, 1.0, n, level)


def spearman(one: ArrayLike, other: ArrayLike, level: float) -> Estimate:
    """Spearman's rho; interval of D. G. Bonett and T. A. Wright (Psychometrika 65, 2000): variance x (1 + rho^2/2)."""
    left, right = paired(one, other)
    if note := _why_not(left, right, (largest(left), largest(right)), left.size):
        return Estimate(None, "", n=left.size, note=note)
    rho = float(stats.spearmanr(left, right).statistic)
    return _correlation(rho, 1 + rho * rho / 2, left.size, level)


def _why_not(left: Values, right: Values, sizes: tuple[float, float], n: int) -> str:
    """Why there is no correlation; empty where there is one."""
    if n < FEWEST_CORRELATED:
        return TOO_FEW
    apart = all(has_scatter(part, size) for part, size in zip((left, right), sizes, strict=True))
    return "" if apart else NO_SCATTER


def _correlation(r: float, inflation: float, n: int, level: float) -> Estimate:
    """R with its interval by Fisher's transform; none at +-1, and none for three values."""
    if n <= FEWEST_CORRELATED or abs(r) >= 1 - 1e-12:
        return Estimate(r, "", n=n, note=TOO_FEW if n <= FEWEST_CORRELATED else PERFECT)
    half = float(stats.norm.ppf((1 + level) / 2)) * math.sqrt(inflation / (n - 3))
    low, high = math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)
    return Estimate(r, "", low, high, level, n)
