"""Where does a start-up transient end? The marginal standard error rule, on nothing but what is there so far."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

_CLOSE = 1e-12


def stable_from(data: ArrayLike) -> int:
    """How many of the first values of ``data`` (n,) are start-up and are left out; 0 for fewer than three.

    The rule MSER: leave out the first d values for which the squared standard error of the mean of the rest,
    sum((y - mean)^2) / (n - d)^2, is least; at most half of them, and never so many that fewer than two are left (K. P.
    White, "An effective truncation heuristic for bias reduction in simulation output", Simulation 69 (1997), 323-334;
    the half: K. P. White, M. J. Cobb and S. C. Spratt, WSC 2000). Of equal ones the shortest start.
    """
    values = np.asarray(data, dtype=np.float64)
    count = values.size
    if count < 3 or not np.isfinite(values).all():
        return 0
    scale = float(np.abs(values).max()) or 1.0
    values = values / scale
    errors = [
        float(np.sum((rest := values[d:]) ** 2) - rest.size * rest.mean() ** 2) / rest.size**2
        for d in range(_most(count) + 1)
    ]
    least = max(min(errors), 0.0)
    return next(d for d, error in enumerate(errors) if error <= least + _CLOSE)


def is_settled(data: ArrayLike) -> bool:
    """Whether the start ended before the longest one that ``stable_from`` may find: a stable rest was seen."""
    values = np.asarray(data, dtype=np.float64)
    return values.size >= 4 and stable_from(values) < _most(values.size)


def _most(count: int) -> int:
    return max(0, min(count // 2, count - 2))
