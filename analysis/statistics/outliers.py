"""How far is a run from its fellows? z-scores and MAD scores, and what such a rule can and cannot do at this n."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.statistics.scatter import Values, has_scatter, largest, values

Rule = Literal["z", "mad"]

_SEED = 20251120
_REPETITIONS = 20_000
_MOST_VALUES = 2_000_000


def z_scores(data: ArrayLike, ddof: int, size: float | None = None) -> Values | None:
    """(value - mean) / standard deviation with n - ``ddof``; None for fewer than two values, or equal ones.

    ``size`` is the magnitude whose rounding does not count as scatter (left out: that of the values).
    """
    array = values(data)
    if array.size < 2 or not has_scatter(array, size):
        return None
    scores: Values = np.asarray(stats.zscore(array, ddof=ddof), dtype=np.float64)
    return scores


def mad_scores(data: ArrayLike, size: float | None = None) -> Values | None:
    """(value - median) / median absolute deviation, scaled to the normal; None where that deviation is zero."""
    array = values(data)
    if array.size < 2:
        return None
    spread = float(stats.median_abs_deviation(array, scale="normal"))
    if spread <= 1e-12 * (largest(array) if size is None else size):
        return None
    return (array - np.median(array)) / spread


def largest_z(n: int, ddof: int) -> float | None:
    """The largest |z| that one of ``n`` values can have: (n - 1) / sqrt(n) with ddof 1, sqrt(n - 1) with ddof 0."""
    if n < 2:
        return None
    return (n - 1) / math.sqrt(n) if ddof else math.sqrt(n - 1)


def hidden_from(n: int, threshold: float, ddof: int) -> int | None:
    """How many equal wild runs of ``n`` hide one another: the fewest that |z| > ``threshold`` cannot flag together.

    k runs at one value and n - k at another have |z| = sqrt((n - k) (n - ddof) / (n k)) however far apart they are, so
    that noise among the others only lowers it. None where even half of the runs could be flagged.
    """
    for count in range(1, n // 2 + 1):
        if math.sqrt((n - count) * (n - ddof) / (n * count)) <= threshold:
            return count
    return None


def clean_flag_rate(sizes: Iterable[int], rule: Rule, threshold: float, ddof: int) -> float:
    """How often at least one run of a night is flagged although all are normal and equal: groups of ``sizes`` runs.

    Simulated (20,000 nights of each size, seeded); 0 where the rule cannot fire.
    """
    spared = 1.0
    for size in sizes:
        spared *= 1.0 - _group_rate(size, rule, threshold, ddof)
    return 1.0 - spared


@functools.lru_cache(maxsize=256)
def _group_rate(n: int, rule: Rule, threshold: float, ddof: int) -> float:
    limit = largest_z(n, ddof)
    if limit is None or (rule == "z" and limit <= threshold):
        return 0.0
    draws = np.random.default_rng([_SEED, n]).standard_normal((max(200, min(_REPETITIONS, _MOST_VALUES // n)), n))
    scores = _z_rows(draws, ddof) if rule == "z" else _mad_rows(draws)
    return float(np.mean(np.max(np.abs(scores), axis=1) > threshold))


def _z_rows(draws: NDArray[np.float64], ddof: int) -> NDArray[np.float64]:
    scores: NDArray[np.float64] = (draws - draws.mean(axis=1, keepdims=True)) / draws.std(1, ddof=ddof, keepdims=True)
    return scores


def _mad_rows(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    away = draws - np.median(draws, axis=1, keepdims=True)
    spread = np.median(np.abs(away), axis=1, keepdims=True) / stats.norm.ppf(0.75)
    scores: NDArray[np.float64] = away / np.maximum(spread, np.finfo(float).tiny)
    return scores
