"""Which of several configurations differ? Procedures that hold the error of all comparisons at once.

They see independent runs: blocks, order and cohorts are not in them. They stand beside the contrasts within blocks, and
decide nothing.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from analysis.findings import Estimate, Test
from analysis.statistics.families import Correction, adjust
from analysis.statistics.scatter import NO_SCATTER, TOO_FEW, Values, has_scatter, largest, values

DUNNETT, GAMES_HOWELL, DUNN = "Dunnett", "Games-Howell", "Dunn"
MOST = 12
"""Configurations beyond which Dunnett and Games-Howell are left out: their integrals would take minutes."""
TOO_MANY = f"not carried out beyond {MOST} configurations: its integrals would take minutes"

_SEED = 20251120
_EXACT = 1e-3
"""What the integral behind Dunnett's p is exact to."""
_BOUND = "p is Bonferroni's bound: the integral is not exact so far out"

Groups = Mapping[str, ArrayLike]
Pair = tuple[str, str]
"""Configuration and baseline."""


def dunnett(groups: Groups, baseline: str, level: float, unit: str = "") -> dict[Pair, Test]:
    """Each group against ``baseline``, error held over all of them; pooled variance, simultaneous intervals.

    C. W. Dunnett, JASA 50, 1955. For the unit × the logarithms are compared and the estimate is the ratio. p comes from
    an integral by seeded random points, exact to about 1e-3; below that it is Bonferroni's bound, which a small p
    nearly reaches.
    """
    name = f"{DUNNETT}{' on logs' if unit == '×' else ''}"
    ready, why = _ready(groups, unit)
    pairs = [(other, baseline) for other in groups if other != baseline]
    if why or baseline not in ready:
        return {pair: _nothing(name, groups, pair, why or TOO_FEW) for pair in pairs}
    others = [ready[other] for other, _ in pairs]
    with warnings.catch_warnings():
        # Where one group's values are all equal scipy doubts its variance; zero is what it is.
        warnings.filterwarnings("ignore", "Precision loss", RuntimeWarning)
        result = stats.dunnett(*others, control=ready[baseline], rng=np.random.default_rng(_SEED))
    interval = result.confidence_interval(level)
    back = math.exp if unit == "×" else float
    lows, highs = np.atleast_1d(interval.low), np.atleast_1d(interval.high)
    statistics, ps = np.atleast_1d(result.statistic), np.clip(np.atleast_1d(result.pvalue), 0.0, 1.0)
    found = {}
    for place, pair in enumerate(pairs):
        n = others[place].size, ready[baseline].size
        value = float(others[place].mean() - ready[baseline].mean())
        low, high = (back(float(edge[place])) for edge in (lows, highs))
        estimate = Estimate(back(value), unit, low, high, level, sum(n))
        p, t = float(ps[place]), float(statistics[place])
        if p < _EXACT:
            df = sum(part.size for part in ready.values()) - len(ready)
            p = min(_EXACT, len(others) * 2 * float(stats.t.sf(abs(t), df)))
        found[pair] = Test(name, t, p, n, note=_BOUND if p < _EXACT else "", estimate=estimate)
    return found


def games_howell(groups: Groups, unit: str = "") -> dict[Pair, Test]:
    """Every pair, error held over all of them, no equal spreads assumed: Tukey's range with Welch's variance.

    P. A. Games and J. F. Howell, Journal of Educational Statistics 1, 1976. The statistic is Welch's t.
    """
    name = f"{GAMES_HOWELL}{' on logs' if unit == '×' else ''}"
    ready, why = _ready(groups, unit, each=True)
    if why:
        return {pair: _nothing(name, groups, pair, why) for pair in _pairs(groups)}
    result = stats.tukey_hsd(*ready.values(), equal_var=False)
    names = list(ready)
    found = {}
    for pair in _pairs(ready):
        one, other = (ready[side] for side in pair)
        t = (one.mean() - other.mean()) / math.sqrt(one.var(ddof=1) / one.size + other.var(ddof=1) / other.size)
        p = float(np.clip(result.pvalue[names.index(pair[0]), names.index(pair[1])], 0.0, 1.0))
        found[pair] = Test(name, float(t), p, (one.size, other.size))
    return found


def dunn(groups: Groups, pairs: list[Pair], correction: Correction) -> dict[Pair, Test]:
    """Each of ``pairs`` on the ranks among all runs, as Kruskal-Wallis has them; p adjusted by ``correction``.

    O. J. Dunn, Technometrics 6, 1964, with the correction of the variance for ties:
    z = (R_i - R_j) / sqrt((N (N + 1) / 12 - sum(t^3 - t) / (12 (N - 1))) (1 / n_i + 1 / n_j)).
    """
    ready = {name: values(data) for name, data in groups.items()}
    pooled = np.concatenate([*ready.values(), np.empty(0)])
    total = pooled.size
    if any(part.size == 0 for part in ready.values()) or total <= len(ready) or len(ready) < 2:
        return {pair: _nothing(DUNN, groups, pair, TOO_FEW) for pair in pairs}
    if not has_scatter(pooled):
        return {pair: _nothing(DUNN, groups, pair, NO_SCATTER) for pair in pairs}
    ranks = np.split(stats.rankdata(pooled), np.cumsum([part.size for part in ready.values()])[:-1])
    mean_rank = {name: float(part.mean()) for name, part in zip(ready, ranks, strict=True)}
    tied = np.unique(pooled, return_counts=True)[1].astype(float)
    variance = total * (total + 1) / 12 - float(np.sum(tied**3 - tied)) / (12 * (total - 1))
    tests = []
    for one, other in pairs:
        n = ready[one].size, ready[other].size
        z = (mean_rank[one] - mean_rank[other]) / math.sqrt(variance * (1 / n[0] + 1 / n[1]))
        tests.append(Test(DUNN, z, float(2 * stats.norm.sf(abs(z))), n, note="normal approximation"))
    return dict(zip(pairs, adjust(tests, correction), strict=True))


def _ready(groups: Groups, unit: str, *, each: bool = False) -> tuple[dict[str, Values], str]:
    """The groups as arrays (logarithms for ×), and why they cannot be compared; ``each`` needs scatter of its own."""
    arrays = {name: values(data) for name, data in groups.items()}
    if len(arrays) < 2 or any(part.size < 2 for part in arrays.values()):
        return {}, TOO_FEW
    if len(arrays) > MOST:
        return {}, TOO_MANY
    if unit == "×":
        if min(float(part.min()) for part in arrays.values()) <= 0:
            return {}, "logarithms need positive values"
        arrays = {name: np.log(part) for name, part in arrays.items()}
    size = largest(*arrays.values(), np.ones(int(unit == "×")))
    apart = [has_scatter(part, size) for part in arrays.values()]
    return (arrays, "") if all(apart) or (any(apart) and not each) else ({}, NO_SCATTER)


def _pairs(groups: Groups) -> list[Pair]:
    names = list(groups)
    return [(later, earlier) for place, earlier in enumerate(names) for later in names[place + 1 :]]


def _nothing(name: str, groups: Groups, pair: Pair, note: str) -> Test:
    return Test(name, None, None, (values(groups[pair[0]]).size, values(groups[pair[1]]).size), note=note)
