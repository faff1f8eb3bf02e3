"""What is the interval of a figure that no t test has? Bias-corrected, accelerated bootstrap, blocks resampled whole.

B. Efron, JASA 82, 1987. Seeded: the same data give the same interval. Of few blocks it is too narrow (its
coverage: docs/calibration.md); ``quotients`` holds its level there.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.findings import Estimate
from analysis.statistics.scatter import NO_SCATTER, TOO_FEW

SEED = 20251120
RESAMPLES = 9_999
FEWEST = 3
"""Units below which nothing can be resampled."""

Indices = NDArray[np.int64]
Statistic = Callable[..., NDArray[np.float64]]
"""Takes one array of unit numbers, (…, units), a sample, and ``axis=-1``; gives the figure of each row, (…)."""


def bca(
    statistic: Statistic, units: int | tuple[int, ...], unit: str, level: float, *, resamples: int = RESAMPLES
) -> Estimate:
    """The figure of all units with its BCa interval; None where it is not finite, no interval where it does not vary.

    ``units``: how many blocks, or of several independent samples how many runs of each. What is resampled is the number
    of a block, so that everything in it stays together.
    """
    sizes = (units,) if isinstance(units, int) else units
    whole = tuple(np.arange(size, dtype=np.int64) for size in sizes)
    n = sum(sizes)
    if min(sizes) == 0:
        return Estimate(None, unit, n=n, note=TOO_FEW)
    with np.errstate(all="ignore"):
        value = float(statistic(*whole, axis=-1))
    if not math.isfinite(value):
        return Estimate(None, unit, n=n, note="what stands below the line is not told apart from zero")
    if min(sizes) < FEWEST:
        return Estimate(value, unit, n=n, note=TOO_FEW)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a figure that does not vary: told below, in words
        result = stats.bootstrap(
            whole,
            statistic,
            vectorized=True,
            n_resamples=resamples,
            batch=max(1, 2_000_000 // max(n, 1)),
            confidence_level=level,
            method="BCa",
            rng=np.random.default_rng(SEED),
        )
    low, high = float(result.confidence_interval.low), float(result.confidence_interval.high)
    if not (math.isfinite(low) and math.isfinite(high) and high - low > 1e-12 * abs(value)):
        return Estimate(value, unit, n=n, note=NO_SCATTER)
    return Estimate(value, unit, low, high, level, n)
