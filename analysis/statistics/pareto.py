"""Which configurations does nothing else beat in both? The Pareto front, and how firmly each stands on it.

The bootstrap resamples whole blocks (A. C. Davison and D. V. Hinkley, Bootstrap Methods and their Application,
chapter 3): runs of one block stay together, as they drifted together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 2000
_AT_ONCE = 200
"""Resamples whose comparisons are held in memory together."""


@dataclass(frozen=True)
class Stability:
    """Of each configuration, in how many resamples it could be placed, and in how many it was on the front."""

    placed: NDArray[np.int64]
    on_front: NDArray[np.int64]

    @property
    def shares(self) -> list[float | None]:
        """The part of the resamples in which each is on the front; None where it could never be placed."""
        return [int(on) / int(of) if of else None for on, of in zip(self.on_front, self.placed, strict=True)]


def dominated(cost: ArrayLike, gain: ArrayLike) -> NDArray[np.bool_]:
    """(…, k, k): whether, of k points, the second beats the first: no worse in both and better in one.

    ``cost`` is better small, ``gain`` better large, both (…, k). A point with a NaN neither beats nor is beaten.
    """
    costs, gains = np.asarray(cost, dtype=np.float64), np.asarray(gain, dtype=np.float64)
    mine, other = costs[..., :, None], costs[..., None, :]
    my_gain, other_gain = gains[..., :, None], gains[..., None, :]
    no_worse = (other <= mine) & (other_gain >= my_gain)
    beaten: NDArray[np.bool_] = no_worse & ((other < mine) | (other_gain > my_gain))
    return beaten


def on_front(cost: ArrayLike, gain: ArrayLike) -> NDArray[np.bool_]:
    """(…, k): the points that no other beats; those with a NaN are not on it."""
    there = np.isfinite(np.asarray(cost, dtype=np.float64)) & np.isfinite(np.asarray(gain, dtype=np.float64))
    front: NDArray[np.bool_] = there & ~dominated(cost, gain).any(axis=-1)
    return front


def over_blocks(cost: ArrayLike, gain: ArrayLike, seed: int, resamples: int = RESAMPLES) -> Stability:
    """Stability over blocks that are drawn whole, with replacement.

    ``cost`` and ``gain`` (blocks, k): the value of each block and configuration, NaN where there is none. In each
    resample a configuration stands at its means over the drawn blocks that have it.
    """
    tables = [np.asarray(table, dtype=np.float64) for table in (cost, gain)]
    blocks = tables[0].shape[0]
    draw = np.random.default_rng(seed)
    drawn = draw.multinomial(blocks, np.full(blocks, 1 / blocks), size=resamples).astype(np.float64)
    costs, gains = (_means(drawn, table) for table in tables)
    return _counted(costs, gains)


def over_runs(cost: list[NDArray[np.float64]], gain: list[NDArray[np.float64]], seed: int, resamples: int = RESAMPLES) \
        -> Stability:  # fmt: skip
    """Stability over runs drawn with replacement within each configuration, for nights without blocks.

    ``cost[i]`` and ``gain[i]`` (n_i,): the runs of a configuration, NaN where a run lacks one.
    """
    draw = np.random.default_rng(seed)
    costs, gains = np.full((resamples, len(cost)), np.nan), np.full((resamples, len(cost)), np.nan)
    for place, (mine, my_gain) in enumerate(zip(cost, gain, strict=True)):
        if mine.size:
            drawn = draw.multinomial(mine.size, np.full(mine.size, 1 / mine.size), size=resamples).astype(np.float64)
            costs[:, place] = _means(drawn, mine[:, None])[:, 0]
            gains[:, place] = _means(drawn, my_gain[:, None])[:, 0]
    return _counted(costs, gains)


def _means(drawn: NDArray[np.float64], table: NDArray[np.float64]) -> NDArray[np.float64]:
    """(resamples, k): weighted means of the rows of ``table`` that are there; NaN where none is."""
    there = np.isfinite(table)
    counts = drawn @ there.astype(np.float64)
    # A weighted sum of large values that differ little keeps its digits when their mean is taken off first.
    middle = np.where(there, table, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    sums = drawn @ np.where(there, table - middle, 0.0)
    means: NDArray[np.float64] = np.where(counts > 0, middle + sums / np.maximum(counts, 1), np.nan)
    return means


def _counted(costs: NDArray[np.float64], gains: NDArray[np.float64]) -> Stability:
    there = np.isfinite(costs) & np.isfinite(gains)
    front = [on_front(costs[at : at + _AT_ONCE], gains[at : at + _AT_ONCE]) for at in range(0, len(costs), _AT_ONCE)]
    return Stability(there.sum(axis=0), np.concatenate(front).sum(axis=0))
