"""How small an effect can a design see, and how many runs does an effect need? Reckoned before the first run.

Effects are relative differences of two mean energies (0.01 is 1 %) and scatter is a coefficient of variation, standard
deviation over mean, as a fraction: between a configuration's runs where runs are not paired, between its runs *within
blocks* where they are. The pairs' differences then scatter by sqrt(2) times that.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import integrate, optimize, special, stats

POWER = 0.9
"""How often a true effect of the size named is to be found."""


def smallest_effect(n: int, cv: float, *, alpha: float = 0.05, power: float = POWER, paired: bool) -> float | None:
    """The smallest relative difference that a two-sided t-test on ``n`` runs of each side finds with ``power``.

    None for fewer than two runs. Paired t on n pairs, or pooled t on n against n (Welch's differs by less than a run
    at equal spread); J. Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988.
    """
    if n < 2:
        return None
    return _standardised(n, alpha, power, paired) * cv * (math.sqrt(2) if paired else 1)


def runs_needed(effect: float, cv: float, *, alpha: float = 0.05, power: float = POWER, paired: bool) -> int | None:
    """The fewest runs of each side with which a relative difference of ``effect`` is found with ``power``.

    At least 2, which is what a t-test needs; None for an effect or a scatter that is not positive.
    """
    if not (effect > 0 and cv > 0):
        return None
    enough = 2
    while (seen := smallest_effect(enough, cv, alpha=alpha, power=power, paired=paired)) is not None and seen > effect:
        enough *= 2
    least = enough // 2
    while enough - least > 1:
        middle = (least + enough) // 2
        seen = smallest_effect(middle, cv, alpha=alpha, power=power, paired=paired)
        if seen is not None and seen <= effect:
            enough = middle
        else:
            least = middle
    return enough


def smallest_p(n: int, *, paired: bool) -> float:
    """The smallest two-sided p that a rank test can reach with ``n`` runs of each side.

    Wilcoxon's on n pairs 2 / 2^n; Mann-Whitney's on n against n 2 / C(2n, n).
    """
    if n < 1:
        return 1.0
    orders = math.lgamma(2 * n + 1) - 2 * math.lgamma(n + 1) if n > 500 else math.log(math.comb(2 * n, n))
    return min(1.0, 2.0 ** (1 - n) if paired else 2 * math.exp(-orders))


def runs_for_rank_test(alpha: float, *, paired: bool) -> int:
    """The fewest runs of each side with which a rank test can reach ``alpha`` at all."""
    n = 1
    while smallest_p(n, paired=paired) > alpha:
        n += 1
    return n


def equivalence_power(
    n: int, standard_deviation: float, margin: float, *, alpha: float = 0.05, paired: bool
) -> float | None:
    """How often two one-sided t-tests conclude equivalence within ``margin`` where there is no difference at all.

    ``standard_deviation`` is that of one configuration's runs, in the metric's unit, the arms being independent. Exact:
    the normal probability of a difference inside the margin by t standard errors, over the distribution of the
    estimated deviation; K. F. Phillips, Journal of Pharmacokinetics and Biopharmaceutics 18, 1990. None where n < 2.
    """
    if n < 2 or not (standard_deviation > 0 and margin > 0):
        return None
    degrees = n - 1 if paired else 2 * (n - 1)
    reach = margin / (standard_deviation * math.sqrt(2 / n))
    quantile = float(stats.t.ppf(1 - alpha, degrees))

    def inside(variance_ratio: float) -> float:
        half_width = reach - quantile * math.sqrt(variance_ratio)
        density = float(stats.chi2.pdf(degrees * variance_ratio, degrees)) * degrees
        return density * (2 * float(stats.norm.cdf(half_width)) - 1)

    # Beyond (reach / quantile)^2 nothing is concluded; beyond twelve deviations of it there is no mass.
    end = min((reach / quantile) ** 2, 1 + 12 * math.sqrt(2 / degrees) + 36 / degrees)
    return float(integrate.quad(inside, 0.0, end, limit=200)[0])


def largest_deviation(
    n: int, margin: float, *, alpha: float = 0.05, power: float = POWER, paired: bool
) -> float | None:
    """The largest standard deviation of one configuration's runs with which ``margin`` is shown with ``power``."""
    if n < 2 or not margin > 0:
        return None

    def lacking(relative: float) -> float:
        found = equivalence_power(n, relative, 1.0, alpha=alpha, paired=paired)
        return (found or 0.0) - power

    return margin * float(optimize.brentq(lacking, 1e-6, 1e3, xtol=1e-6))


def _standardised(n: int, alpha: float, power: float, paired: bool) -> float:
    """The effect in standard deviations (of the differences where paired) that is found with ``power``."""
    degrees = n - 1 if paired else 2 * (n - 1)
    scale = math.sqrt(n if paired else n / 2)
    critical = float(stats.t.ppf(1 - alpha / 2, degrees))

    def lacking(noncentrality: float) -> float:
        return t_test_power(noncentrality, degrees, critical) - power

    high = 1.0
    while lacking(high) < 0:
        high *= 2
    return float(optimize.brentq(lacking, 0.0, high, xtol=1e-9)) / scale


def t_test_power(noncentrality: float, degrees: float, critical: float) -> float:
    """How often |t| exceeds ``critical`` when t is noncentral, with so many degrees of freedom.

    The normal probability, averaged over the quantiles of the estimated deviation. ``scipy.stats.nct`` (and with it
    statsmodels) gives NaN in places where a few runs meet many comparisons; elsewhere the two agree.
    """
    # The normal probability falls from 1 to 0 within a few deviations around noncentrality = limit.
    turns = (max(0.0, (noncentrality + shift) / critical) ** 2 for shift in (-8.0, -4.0, 0.0, 4.0, 8.0))
    edges = np.unique([0.0, 0.5, 1.0, *(special.chdtr(degrees, degrees * turn) for turn in turns)])
    middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    quantiles = (middle[:, None] + half[:, None] * _NODES).clip(0.0, 1.0)
    limits = critical * np.sqrt(special.chdtri(degrees, 1 - quantiles) / degrees)
    beyond = special.ndtr(noncentrality - limits) + special.ndtr(-noncentrality - limits)
    return float(np.sum(half[:, None] * _WEIGHTS * beyond))


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(96)
"""Of the Gauss-Legendre rule on [-1, 1]."""
