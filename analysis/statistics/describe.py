"""What are the runs of one configuration like? Mean with its interval, spread, quantiles."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from analysis.findings import Estimate
from analysis.statistics.scatter import NO_SCATTER, TOO_FEW, has_scatter, values


@dataclass(frozen=True)
class Description:
    """Spread and quantiles; None where the n does not tell."""

    standard_deviation: float | None
    """With n - 1."""
    cv: float | None
    """Standard deviation over mean, as a fraction."""
    minimum: float | None
    median: float | None
    maximum: float | None


def mean(data: ArrayLike, unit: str, level: float) -> Estimate:
    """The mean of ``data`` (n,) with its t interval; the interval is None for n < 2 and for equal values."""
    array = values(data)
    if array.size == 0:
        return Estimate(None, unit, note=TOO_FEW)
    centre = float(np.mean(array))
    if array.size < 2 or not has_scatter(array):
        return Estimate(centre, unit, n=array.size, note=TOO_FEW if array.size < 2 else NO_SCATTER)
    half = float(stats.t.ppf((1 + level) / 2, array.size - 1) * np.std(array, ddof=1) / math.sqrt(array.size))
    return Estimate(centre, unit, centre - half, centre + half, level, array.size)


def describe(data: ArrayLike) -> Description:
    """Spread and quantiles of ``data`` (n,)."""
    array = values(data)
    if array.size == 0:
        return Description(None, None, None, None, None)
    deviation = float(np.std(array, ddof=1)) if array.size > 1 else None
    centre = float(np.mean(array))
    cv = deviation / centre if deviation is not None and centre > 0 else None
    return Description(deviation, cv, float(np.min(array)), float(np.median(array)), float(np.max(array)))
