"""Where will a further run lie, and the sum of several of them? Intervals for what has not been measured yet."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from analysis.estimates import Estimate
from analysis.statistics.scatter import NO_SCATTER, TOO_FEW, has_scatter, values


def next_run(data: ArrayLike, unit: str, level: float) -> Estimate:
    """The mean of ``data`` (n,), all above 0, with the interval in which one further run lies.

    exp(m ± t s sqrt(1 + 1/n)) with mean m and standard deviation s of the logarithms: G. J. Hahn and W. Q. Meeker,
    "Statistical Intervals" (1991), sections 4.7 and 4.14. No interval for one run, and for equal ones.
    """
    array = values(data)
    if array.size < 2 or not has_scatter(array):
        centre = float(np.mean(array)) if array.size else None
        return Estimate(centre, unit, n=array.size, note=TOO_FEW if array.size < 2 else NO_SCATTER)
    logs = np.log(array)
    half = float(stats.t.ppf((1 + level) / 2, logs.size - 1) * np.std(logs, ddof=1)) * math.sqrt(1 + 1 / logs.size)
    middle = float(np.mean(logs))
    return Estimate(float(np.mean(array)), unit, math.exp(middle - half), math.exp(middle + half), level, array.size)


def sum_of_runs(measured: Sequence[ArrayLike], counts: Sequence[int], unit: str, level: float) -> Estimate:
    """The sum of ``counts[i]`` further runs of each group whose runs so far are ``measured[i]``, with its interval.

    The variance of a sum of m further runs about m times the mean of n is s^2 (m + m^2 / n); of several groups they are
    added, with the degrees of freedom of Satterthwaite (1946). No interval where a group has one run, or equal ones.
    """
    arrays = [values(item) for item in measured]
    if not arrays or any(item.size == 0 for item in arrays):
        return Estimate(None, unit, note=TOO_FEW)
    n = sum(item.size for item in arrays)
    centre = math.fsum(count * float(np.mean(item)) for item, count in zip(arrays, counts, strict=True))
    if any(item.size < 2 for item in arrays):
        return Estimate(centre, unit, n=n, note=TOO_FEW)
    if not any(has_scatter(item) for item in arrays):
        return Estimate(centre, unit, n=n, note=NO_SCATTER)
    parts = [
        (float(np.var(item, ddof=1)) * (count + count**2 / item.size), item.size - 1)
        for item, count in zip(arrays, counts, strict=True)
    ]
    variance = math.fsum(part for part, _ in parts)
    degrees = variance**2 / math.fsum(part**2 / freedom for part, freedom in parts)
    half = float(stats.t.ppf((1 + level) / 2, degrees)) * math.sqrt(variance)
    return Estimate(centre, unit, centre - half, centre + half, level, n)
