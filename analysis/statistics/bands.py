"""Where does a mean curve lie? Intervals over runs, bin by bin (pointwise) and for the whole curve (simultaneous)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]

FEWEST = 5
"""Below so many runs there is no simultaneous band: Bonferroni's would be 5 (4 runs) to 15 times (3) the pointwise."""
FEWEST_FLIPPED = 7
"""Below so many runs the sign flips are too few: measured coverage of 95 % bands .85 at 5 runs, .93 to .95 at 7."""
DRAWS = 1000
_ENUMERATED = 11
"""Up to so many runs every pattern of signs is taken, beyond it ``DRAWS`` of them."""
MULTIPLIER, BONFERRONI = "max-|t| multiplier", "Bonferroni"


@dataclass(frozen=True)
class Simultaneous:
    """A band that holds for all of its bins at once."""

    low: Floats
    """(bins,); NaN in bins of too few runs, which it does not cover."""
    high: Floats
    critical: float
    """Standard errors on either side of the mean; NaN where there is no band."""
    method: str
    """max-|t| multiplier | Bonferroni; empty where there is no band."""


def pointwise(curves: Floats, level: float) -> tuple[Floats, Floats, Floats, NDArray[np.int64]]:
    """Mean, low, high and n of each column of ``curves`` (runs, bins); NaN marks a bin that a run does not reach.

    The interval holds at one time, not for the whole curve; it is NaN where one run is left. Columns without any run
    are refused.
    """
    mean, error, n = _moments(curves)
    half = np.where(n > 1, stats.t.ppf((1 + level) / 2, np.maximum(n - 1, 1)) * error, np.nan)
    return mean, mean - half, mean + half, n


def simultaneous(curves: Floats, level: float, seed: int = 0) -> Simultaneous:
    """A sup-t band of the mean of ``curves`` (runs, bins; NaN: not reached), over bins that half of the runs reach.

    Its critical value is the ``level`` quantile of the largest |t| over the bins when each run's deviation from the
    mean is multiplied by a random sign, whole runs at a time: the Rademacher multiplier-t bootstrap (F. J. E. Telschow
    and A. Schwartzman, J. Stat. Plan. Inference 216, 2022; for sup-t bands J. L. Montiel Olea and M. Plagborg-Moller,
    J. Appl. Econom. 34, 2019). It is seeded, never below the pointwise t nor above Bonferroni's, which is taken itself
    below ``FEWEST_FLIPPED`` runs; below ``FEWEST`` runs there is no band.
    """
    mean, error, n = _moments(curves)
    nothing = np.full(mean.shape, np.nan)
    runs = int(n.max())
    covered = (n >= max(FEWEST, runs / 2)) & (error > 0)
    if runs < FEWEST or not covered.any():
        return Simultaneous(nothing, nothing, math.nan, "")
    fewest = int(n[covered].min())
    bound = float(stats.t.ppf(1 - (1 - level) / 2 / np.count_nonzero(covered), fewest - 1))
    critical, method = bound, BONFERRONI
    if fewest >= FEWEST_FLIPPED:
        flipped = _flipped(curves[:, covered] - mean[covered], n[covered], level, seed)
        critical = min(max(flipped, float(stats.t.ppf((1 + level) / 2, fewest - 1))), bound)
        method = MULTIPLIER
    half = np.where(covered, critical * error, np.nan)
    return Simultaneous(mean - half, mean + half, critical, method)


def _moments(curves: Floats) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Mean, standard error of the mean (0 for one run) and n of each column."""
    there = np.isfinite(curves)
    n = there.sum(axis=0)
    if not n.size or n.min() < 1:
        raise ValueError("a band needs at least one run in every bin")
    mean = np.where(there, curves, 0.0).sum(axis=0) / n
    squares = np.where(there, (curves - mean) ** 2, 0.0).sum(axis=0)
    return mean, np.sqrt(squares / np.maximum(n - 1, 1) / n), n


def _flipped(deviations: Floats, n: NDArray[np.int64], level: float, seed: int) -> float:
    """The ``level`` quantile of max |t| over sign flips of whole rows of ``deviations`` (runs, bins)."""
    rows = np.nan_to_num(deviations, nan=0.0)
    runs = len(rows)
    if runs <= _ENUMERATED:
        patterns = np.arange(2 ** (runs - 1))[:, None] >> np.arange(runs) & 1  # the other half only turns t over
        signs = 1.0 - 2.0 * patterns
    else:
        signs = np.random.default_rng(seed).choice([-1.0, 1.0], (DRAWS, runs))
    # Of the sum of a bin's flipped deviations, squared, the part q of its largest: t² = (n - 1) q / (1 - q).
    scaled = rows / np.sqrt(n * (rows**2).sum(axis=0))
    largest = np.empty(len(signs))
    for begin in range(0, len(signs), _AT_ONCE):
        part = np.minimum((signs[begin : begin + _AT_ONCE] @ scaled) ** 2, _ALL_OF_ONE_SIGN)
        largest[begin : begin + _AT_ONCE] = ((n - 1) * part / (1 - part)).max(axis=1)
    return math.sqrt(float(np.quantile(largest, level, method="higher")))


_AT_ONCE = 250
"""Sign patterns whose curves are in memory together."""
_ALL_OF_ONE_SIGN = 1 - 1e-12
"""Nothing is left to divide by where every deviation comes out with the same sign."""
