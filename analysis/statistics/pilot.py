"""How many runs does an effect need, by the scatter that a pilot shows, and how well is that known?

A pilot tells a standard deviation with few degrees of freedom, so that the runs needed come as an interval: its ends
are those of the chi-squared interval of the variance. What the pilot's means differ by is not used: power at the
observed effect says nothing that its p does not (J. M. Hoenig and D. M. Heisey, The American Statistician 55, 2001).

Effects are relative (0.01 is 1 %); on logarithms an effect x is log(1 + x), the smaller of its two directions.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from analysis.statistics.power import t_test_power
from analysis.statistics.scatter import NO_SCATTER, NOT_POSITIVE, TOO_FEW, has_scatter, largest, paired, values
from analysis.statistics.welch import welch_error

ASSURANCE = 0.8
"""How sure the advised number of runs is to have the power that was asked for."""
MOST_RUNS = 100_000
"""What a design may have at most."""


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
    """The smallest relative effect that ``n`` runs of each find with ``power``; None where n says nothing."""
    if n < scatter.fewest:
        return None

    def lacking(size: float) -> float:
        return (_power(n, size, scatter, alpha) or 0.0) - power

    high = 1.0
    while lacking(high) < 0:
        high *= 2
    size = float(optimize.brentq(lacking, 0.0, high, xtol=1e-9)) * deviation
    return math.expm1(size) if scatter.logs else size


def _power(n: int, size: float, scatter: Scatter, alpha: float) -> float | None:
    """How often a difference of ``size`` (in deviations of a run) is found."""
    if n < scatter.fewest:
        return None
    reach = size * math.sqrt(n / 2)
    if scatter.ordered:
        return _power_with_order(n, reach, scatter.confounded, alpha)
    degrees = n - 1 if scatter.paired else 2 * n - scatter.fewest
    return t_test_power(reach, degrees, float(stats.t.ppf(1 - alpha / 2, degrees)))


def _power_with_order(n: int, reach: float, confounded: float | None, alpha: float) -> float:
    """The same where the order of the runs is a term too: the mean over orders as they are drawn.

    What is estimated of the spreads moves Satterthwaite's degrees of freedom f about: with f/2 a side they become
    (f/2) / (x^2 + (1 - x)^2), x the one side's part of both variances, which is Beta(f/4, f/4). Within 2 points of the
    power of simulated shuffled nights of 7 runs a side and more; 5, 10 and 15 points too low at 5, 4 and 3.
    """
    found: list[float] = []
    for inflation, degrees in _orders(n, confounded):
        parts = stats.beta.ppf(_EVENLY / 2, degrees / 4, degrees / 4)  # it is symmetric
        limits = np.atleast_1d(stats.t.ppf(1 - alpha / 2, degrees / 2 / (parts**2 + (1 - parts) ** 2)))
        found += [t_test_power(reach / math.sqrt(inflation), degrees, float(limit)) for limit in limits]
    return sum(found) / len(found)


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
        design = np.column_stack([who, np.ones(2 * n), (order - order.mean()) / (2 * n)])
        inverse = np.linalg.inv(design.T @ design)
        leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
        if leverage.max() > 1 - 1e-9:
            continue  # that order leaves one run by itself
        # Residuals as large as equal spreads leave them in the mean.
        _, degrees = welch_error(design, np.sqrt(1 - leverage))
        inflation = float(inverse[0, 0]) * n / 2 if confounded is None else 1 / (1 - confounded)
        found.append((inflation, degrees))
    return tuple(found)


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
