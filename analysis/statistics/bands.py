"""Where does a mean curve lie? Pointwise t intervals over runs, bin by bin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]


def pointwise(curves: Floats, level: float) -> tuple[Floats, Floats, Floats, NDArray[np.int64]]:
    """Mean, low, high and n of each column of ``curves`` (runs, bins); NaN marks a bin that a run does not reach.

    The interval holds at one time, not for the whole curve; it is NaN where one run is left. Columns without any run
    are refused.
    """
    there = np.isfinite(curves)
    n = there.sum(axis=0)
    if not n.size or n.min() < 1:
        raise ValueError("a band needs at least one run in every bin")
    mean = np.where(there, curves, 0.0).sum(axis=0) / n
    squares = np.where(there, (curves - mean) ** 2, 0.0).sum(axis=0)
    many = n > 1
    df = np.maximum(n - 1, 1)
    half = np.where(many, stats.t.ppf((1 + level) / 2, df) * np.sqrt(squares / df / n), np.nan)
    return mean, mean - half, mean + half, n
