"""Is there anything to test? Enough values, and any scatter among them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]

TOO_FEW = "too few runs"
NO_SCATTER = "no scatter: the values are equal, so that no test can weigh them"
NO_SCATTER_IN_PART = (
    "no scatter in a part of it: the runs whose levels it tells apart are equal, and no error weighs them"
)
NOT_POSITIVE = "logarithms need positive values"

_RELATIVE = 1e-12
"""Scatter below this part of the values' size is rounding."""


def values(data: ArrayLike) -> Values:
    """``data`` as a flat array of floats; refuses what is not finite: a hole is named before it comes here."""
    array = np.asarray(data, dtype=np.float64)
    if array.ndim != 1 or not np.all(np.isfinite(array)):
        raise ValueError("statistics take one flat array of finite numbers, one value a run")
    return array


def paired(one: ArrayLike, other: ArrayLike) -> tuple[Values, Values]:
    """Both sides of pairs; refuses lengths that differ."""
    left, right = values(one), values(other)
    if left.size != right.size:
        raise ValueError(f"pairs have two sides: {left.size} and {right.size} values")
    return left, right


def has_scatter(data: Values, size: float | None = None) -> bool:
    """Whether ``data`` differ by more than rounding of values of this ``size`` (left out: of their own)."""
    if data.size < 2:
        return False
    size = float(np.max(np.abs(data))) if size is None else size
    return float(np.ptp(data)) > _RELATIVE * max(size, np.finfo(float).tiny)


def without_rounding(centre: float, size: float) -> float:
    """A difference of values of this ``size``: 0 where it is no more than their rounding."""
    return 0.0 if abs(centre) <= _RELATIVE * size else centre


def has_error(variance: float, size: float) -> bool:
    """Whether a ``variance`` is more than the rounding of values of this ``size``; else p is next to 0."""
    return variance > (_RELATIVE * max(size, np.finfo(float).tiny)) ** 2


def largest(*data: Values) -> float:
    """The largest magnitude among the values, 0 for none."""
    return max((float(np.max(np.abs(part))) for part in data if part.size), default=0.0)
