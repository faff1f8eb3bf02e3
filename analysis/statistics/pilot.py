"""How many runs does an effect need, by the scatter that a pilot shows, and how well is that known?

A pilot tells a standard deviation with few degrees of freedom, so that the runs needed come as an interval: its ends
are those of the chi-squared interval of the variance. What the pilot's means differ by is not used: power at the
observed effect says nothing that its p does not (J. M. Hoenig and D. M. Heisey, The American Statistician 55, 2001).

Effects are relative (0.01 is 1 %); on logarithms an effect x is log(1 + x), the smaller of its two directions.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

from analysis.statistics.power import t_test_power
from analysis.statistics.scatter import NO_SCATTER, NOT_POSITIVE, TOO_FEW, has_scatter, largest, paired, values
from analysis.statistics.welch import welch_error

ASSURANCE = 0.8
"""How sure the advised number of runs is to have the power that was asked for."""
MOST_RUNS = 100_000
"""What a design may have at most."""
LARGEST_EFFECT = 10.0
"""Beyond eleven times the baseline no difference is told: two runs would see little else."""


@dataclass(frozen=True)
class Scatter:
    """A standard deviation as a pilot tells it, of the logarithms (of values over their mean: ``logs`` False).

    Of one run where runs are not paired; of one run within its block where they are: the pairs' differences scatter by
    sqrt(2) times that. ``deviation`` None: it cannot be told, ``note`` says why.
    """

    deviation: float | None
    degrees: int
    paired: bool
    logs: bool = True
    ordered: bool = False
    """Whether the runs' order stands in the model too."""
    confounded: float | None = None
    """What order and configuration share (r squared) where all nights have the same order; None: drawn anew."""
    drawn: tuple[float, float] | None = None
    """Of a night whose order is drawn already: by how much that order inflates the variance, and the degrees of freedom
    that it leaves."""
    note: str = ""

    @property
    def fewest(self) -> int:
        """Runs of each configuration without which the test says nothing."""
        return 3 if self.ordered else 2

    def interval(self, level: float) -> tuple[float, float] | None:
        """The chi-squared interval of the deviation at this confidence level."""
        if self.deviation is None:
            return None
        shares = (1 + level) / 2, (1 - level) / 2
        low, high = (
            self.deviation * math.sqrt(self.degrees / float(stats.chi2.ppf(share, self.degrees))) for share in shares
        )
        return low, high

    def upper(self, level: float) -> float | None:
        """The one-sided upper limit of the deviation."""
        if self.deviation is None:
            return None
        return self.deviation * math.sqrt(self.degrees / float(stats.chi2.ppf(1 - level, self.degrees)))


@dataclass(frozen=True)
class Needed:
    """The runs of each configuration that an effect needs; None where they cannot be told, or are beyond MOST_RUNS."""

    effect: float
    runs: int | None
    low: int | None
    """At the lower end of the deviation's interval."""
    high: int | None
    """At its upper end; None: more than MOST_RUNS, or not known."""
    advised: int | None
    """At the one-sided upper limit of level ASSURANCE: so often has a night of so many runs the power asked for."""


def paired_scatter(configuration: ArrayLike, baseline: ArrayLike) -> Scatter:
    """From the log differences of pairs, both sides (pairs,) in the same order of blocks."""
    left, right = paired(configuration, baseline)
    degrees = left.size - 1
    if degrees < 1:
        return Scatter(None, degrees, True, note=TOO_FEW)
    if min(left.min(), right.min()) <= 0:
        return Scatter(None, degrees, True, note=NOT_POSITIVE)
    differences = np.log(left) - np.log(right)
    if not has_scatter(differences, largest(np.log(left), np.log(right), np.ones(1))):
        return Scatter(None, degrees, True, note=NO_SCATTER)
    return Scatter(float(np.std(differences, ddof=1)) / math.sqrt(2), degrees, True)


def block_scatter(table: ArrayLike) -> Scatter:
    """From whole blocks, (blocks, configurations): what is left of the logs once both are taken off.

    Only of use where all configurations scatter alike; it then has (blocks - 1) x (configurations - 1) degrees of
    freedom where one pair has blocks - 1.
    """
    cells = np.asarray(table, dtype=np.float64)
    blocks, columns = cells.shape
    degrees = (blocks - 1) * (columns - 1)
    if degrees < 1:
        return Scatter(None, degrees, True, note=TOO_FEW)
    if cells.min() <= 0:
        return Scatter(None, degrees, True, note=NOT_POSITIVE)
    logs = np.log(cells)
    left = logs - logs.mean(0) - logs.mean(1)[:, None] + logs.mean()
    if not has_scatter(left.ravel(), largest(logs.ravel(), np.ones(1))):
        return Scatter(None, degrees, True, note=NO_SCATTER)
    return Scatter(math.sqrt(float(np.sum(left**2)) / degrees), degrees, True)


def unpaired_scatter(
    configuration: ArrayLike,
    baseline: ArrayLike,
    orders: tuple[ArrayLike, ArrayLike] | None = None,
    *,
    listed: bool = False,
    logs: bool = True,
) -> Scatter:
    """From two independent samples, (n,) and (m,); with ``orders`` a line through the order of the runs is taken off.

    ``listed``: the next night has the same order. The deviation is the root of the mean of both variances, which is
    what counts with equal runs a side. ``logs`` False is for the pooled t on the values as they are: each side over its
    own mean.
    """
    sides = values(configuration), values(baseline)
    counts = [side.size for side in sides]
    degrees = sum(counts) - (2 if orders is None else 3)
    nothing = Scatter(None, degrees, False, logs, orders is not None)
    if min(counts) < 2 or degrees < 1:
        return replace(nothing, note=TOO_FEW)
    if min(side.min() for side in sides) <= 0:
        return replace(nothing, note=NOT_POSITIVE)
    data = np.concatenate([np.log(side) if logs else side / side.mean() for side in sides])
    who = np.repeat([1.0, 0.0], counts)
    columns = [who, 1 - who]
    shared = None
    if orders is not None:
        course = np.concatenate([values(order) for order in orders])
        columns.append((course - course.mean()) / (float(np.ptp(course)) or 1.0))
        shared = float(np.corrcoef(who, course)[0, 1]) ** 2 if np.ptp(course) > 0 else 0.0
        if shared > 1 - 1e-9:
            return replace(nothing, note="the order of the runs does not tell the configurations apart")
    design = np.column_stack(columns)
    left = data - design @ np.linalg.lstsq(design, data)[0]
    if not has_scatter(left, largest(data, np.ones(1))):
        return replace(nothing, note=NO_SCATTER)
    return replace(
        nothing, deviation=math.sqrt(float(np.sum(left**2)) / degrees), confounded=shared if listed else None
    )


def within_scatter(
    sides: Sequence[ArrayLike],
    orders: Sequence[ArrayLike] | None = None,
    *,
    paired: bool = False,
    logs: bool = True,
) -> Scatter:
    """From the runs of each configuration about their own mean, and about one line through the order of all runs.

    Of use for configurations that no night has seen, and after a night of one; where all may be taken to scatter alike.
    ``paired``: the coming night has blocks. It takes more off a drift that is no line, and as much off one that is.
    """
    groups = [group for side in sides if (group := values(side)).size]
    places = [] if orders is None else [place for order in orders if (place := values(order)).size]
    count = sum(group.size for group in groups)
    has_order = orders is not None
    degrees = count - len(groups) - has_order
    nothing = Scatter(None, degrees, paired, logs, has_order and not paired)
    if degrees < 1:
        return replace(nothing, note=TOO_FEW)
    if min(group.min() for group in groups) <= 0:
        return replace(nothing, note=NOT_POSITIVE)
    data = np.concatenate([np.log(group) if logs else group / group.mean() for group in groups])
    who = np.repeat(np.arange(len(groups)), [group.size for group in groups])
    columns = [(who == place).astype(np.float64) for place in range(len(groups))]
    if has_order:
        course = np.concatenate(places)
        columns.append((course - course.mean()) / (float(np.ptp(course)) or 1.0))
    design = np.column_stack(columns)
    left = data - design @ np.linalg.lstsq(design, data)[0]
    if not has_scatter(left, largest(data, np.ones(1))):
        return replace(nothing, note=NO_SCATTER)
    return replace(nothing, deviation=math.sqrt(float(np.sum(left**2)) / degrees))


def in_order(scatter: Scatter, configuration: ArrayLike, baseline: ArrayLike) -> Scatter:
    """``scatter`` for a night in which both sides' runs come at these places of the order, (n,) and (m,).

    Where the order does not tell them apart, nothing can be found: the deviation is None.
    """
    if not scatter.ordered:
        return scatter
    places = values(configuration), values(baseline)
    who = np.repeat([1.0, 0.0], [side.size for side in places])
    cost = _cost_of_order(who, np.concatenate(places))
    if cost is None:
        return replace(scatter, deviation=None, note="the order of the runs does not tell the configurations apart")
    return replace(scatter, drawn=cost)


def needed(scatter: Scatter, effect: float, *, alpha: float, power: float, level: float) -> Needed:
    """The runs of each configuration with which a relative ``effect`` is found with ``power`` at ``alpha``.

    ``level`` is that of the interval, which holds only what is uncertain about the scatter. Refuses an effect that is
    not positive.
    """
    if not effect > 0:
        raise ValueError("an effect is a positive part of the baseline, 0.01 for 1 %")
    edges = scatter.interval(level)

    def runs(deviation: float | None) -> int | None:
        if deviation is None:
            return None
        return _fewest(lambda n: (power_at(n, effect, deviation, scatter, alpha=alpha) or 0.0) >= power)

    low, high = edges or (None, None)
    return Needed(effect, runs(scatter.deviation), runs(low), runs(high), runs(scatter.upper(ASSURANCE)))


def power_at(n: int, effect: float, deviation: float, scatter: Scatter, *, alpha: float) -> float | None:
    """How often ``n`` runs of each configuration find a relative ``effect`` at ``alpha``; None where n says nothing."""
    size = math.log1p(effect) if scatter.logs else effect
    return _power(n, size / deviation, scatter, alpha)


def visible(n: int, deviation: float, scatter: Scatter, *, alpha: float, power: float) -> float | None:
    """The smallest relative effect that ``n`` runs of each find with ``power``.

    None where n says nothing, and for an effect beyond ``LARGEST_EFFECT``.
    """
    if n < scatter.fewest:
        return None

    def lacking(size: float) -> float:
        return (_power(n, size, scatter, alpha) or 0.0) - power

    high = 1.0
    while lacking(high) < 0:
        high *= 2
    size = float(optimize.brentq(lacking, 0.0, high, xtol=1e-9)) * deviation
    if size > (math.log1p(LARGEST_EFFECT) if scatter.logs else LARGEST_EFFECT):
        return None
    return math.expm1(size) if scatter.logs else size


def _power(n: int, size: float, scatter: Scatter, alpha: float) -> float | None:
    """How often a difference of ``size`` (in deviations of a run) is found."""
    if n < scatter.fewest:
        return None
    reach = size * math.sqrt(n / 2)
    if scatter.ordered:
        costs = _orders(n, scatter.confounded) if scatter.drawn is None else (scatter.drawn,)
        return _power_with_order(reach, costs, alpha)
    degrees = n - 1 if scatter.paired else 2 * n - scatter.fewest
    return t_test_power(reach, degrees, float(stats.t.ppf(1 - alpha / 2, degrees)))


def _power_with_order(reach: float, costs: Sequence[tuple[float, float]], alpha: float) -> float:
    """The same where the order of the runs is a term too: the mean over orders as they are drawn, by their ``costs``.

    What is estimated of the spreads moves Satterthwaite's degrees of freedom f about: with f/2 a side they become
    (f/2) / (x^2 + (1 - x)^2), x the one side's part of both variances, which is Beta(f/4, f/4). Within 2 points of the
    power of simulated shuffled nights of 7 runs a side and more; 5, 10 and 15 points too low at 5, 4 and 3.
    """
    shrink, limits, weights = _limits(tuple(costs), alpha)
    away = reach * shrink[:, None, None]
    return float(np.mean((special.ndtr(away - limits) + special.ndtr(-away - limits)) @ weights))


@functools.lru_cache(maxsize=8)
def _limits(costs: tuple[tuple[float, float], ...], alpha: float) -> tuple[NDArray[np.float64], ...]:
    """What does not depend on the difference: its shrinkage (orders,), limits (orders, parts, quantiles), weights.

    As ``t_test_power`` has it, on quantiles that are the same for every difference, close together towards both ends.
    """
    inflation, degrees = np.array(costs).T
    parts = np.stack([stats.beta.ppf(_EVENLY / 2, each / 4, each / 4) for each in degrees])  # it is symmetric
    critical = stats.t.ppf(1 - alpha / 2, degrees[:, None] / 2 / (parts**2 + (1 - parts) ** 2))
    edges = np.array([0.0, 1e-6, 1e-4, 1e-2, 0.1, 0.5, 0.9, 0.99, 0.9999, 1.0])
    nodes, weights = np.polynomial.legendre.leggauss(16)
    middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    quantiles = (middle[:, None] + half[:, None] * nodes).ravel()
    spread = np.sqrt(special.chdtri(degrees[:, None], 1 - quantiles) / degrees[:, None])
    return 1 / np.sqrt(inflation), critical[:, :, None] * spread[:, None, :], (half[:, None] * weights).ravel()


_EVENLY: NDArray[np.float64] = (np.arange(4) + 0.5) / 4
"""Quantiles that a mean is taken over."""
_DRAWN, _MANY = 96, 100
"""So many orders are looked at, below so many runs a side; beyond, they are all alike."""


@functools.lru_cache(maxsize=256)
def _orders(n: int, confounded: float | None) -> tuple[tuple[float, float], ...]:
    """For orders of n + n runs: by how much the order inflates the variance, and the degrees of freedom that it leaves.

    Drawn anew each night (seeded here), or ``confounded`` as it is.
    """
    if n > _MANY:
        shared = 1 / (2 * n - 1) if confounded is None else confounded
        return ((1 / (1 - shared), 2.0 * n - 3),)
    who = np.repeat([1.0, 0.0], n)
    draw = np.random.default_rng(n)
    found = []
    for order in [draw.permutation(2 * n) for _ in range(_DRAWN)] if confounded is None else [np.arange(2 * n)]:
        cost = _cost_of_order(who, order)
        if cost is not None:
            found.append((cost[0] if confounded is None else 1 / (1 - confounded), cost[1]))
    return tuple(found)


def _cost_of_order(who: NDArray[np.float64], order: NDArray[Any]) -> tuple[float, float] | None:
    """What runs of both sides (``who`` 1 and 0) at these places cost: inflation of the variance, degrees of freedom.

    None where the order leaves one run by itself, or does not tell the sides apart.
    """
    design = np.column_stack([who, np.ones(who.size), (order - order.mean()) / who.size])
    told = np.ptp(order) > 0 and float(np.corrcoef(who, order)[0, 1]) ** 2 < 1 - 1e-9
    if not told:
        return None
    inverse = np.linalg.inv(design.T @ design)
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
    if leverage.max() > 1 - 1e-9:
        return None
    # Residuals as large as equal spreads leave them in the mean.
    _, degrees = welch_error(design, np.sqrt(1 - leverage))
    sides = who.sum(), who.size - who.sum()
    return float(inverse[0, 0]) / float(1 / sides[0] + 1 / sides[1]), degrees


def _fewest(suffices: Callable[[int], bool]) -> int | None:
    """The smallest number from 2 on that suffices, where every larger one does too; None beyond MOST_RUNS."""
    enough = 2
    while not suffices(enough):
        enough *= 2
        if enough > 2 * MOST_RUNS:
            return None
    least = enough // 2
    while enough - least > 1:
        middle = (least + enough) // 2
        least, enough = (least, middle) if suffices(middle) else (middle, enough)
    return enough if enough <= MOST_RUNS else None
