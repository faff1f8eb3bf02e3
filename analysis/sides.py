"""What is held against what: the runs of one configuration, two of them, the declared family, and how they compare."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.statistics.families import Correction

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Method:
    """How a night is compared: its recipe, whether it has blocks, and the level of its intervals."""

    recipe: Literal["blocks", "classic"]
    blocked: bool
    alpha: float
    cohorts: int = 1
    """How many states of machine, software and workload the runs are of."""
    ordered: bool = True
    """Whether the order of the runs is known."""
    correction: Correction = "holm"
    """Over the family of comparisons."""
    test: Literal["t", "rank"] = "t"
    """What decides: the recipe's t test, or the rank test in its place."""
    cells: Mapping[str, str] = field(default_factory=dict)
    """Configuration -> the cell within which it is compared; each cell is a family of its own. Empty: all are one."""

    def families(self, pairs: Iterable[tuple[str, str]]) -> list[list[tuple[str, str]]]:
        """The pairs, cell by cell, in their order."""
        found: dict[str, list[tuple[str, str]]] = {}
        for pair in pairs:
            found.setdefault(self.cells.get(pair[0], ""), []).append(pair)
        return list(found.values())

    def size(self, pairs: Iterable[tuple[str, str]]) -> int:
        """How many comparisons the largest family has."""
        return max((len(family) for family in self.families(pairs)), default=0)

    @property
    def level(self) -> float:
        """Confidence level of the intervals."""
        return 1 - self.alpha


@dataclass(frozen=True)
class Side:
    """The runs of one configuration: value, block, order in the night and cohort of each, (n,)."""

    value: Floats
    block: NDArray[np.int64]
    order: Floats
    parts: Mapping[str, Floats] = field(default_factory=dict)
    """Factors of the value that are compared beside it: mean_power_W, duration_s."""
    cohort: NDArray[np.int64] | None = None
    """None: all are of the first."""

    @property
    def of_cohort(self) -> NDArray[np.int64]:
        """The cohort of each run."""
        return np.ones(self.value.size, np.int64) if self.cohort is None else self.cohort


@dataclass(frozen=True)
class Sides:
    """Two configurations against each other."""

    configuration: Side
    baseline: Side

    @property
    def values(self) -> tuple[Floats, Floats]:
        """All runs of both sides."""
        return self.configuration.value, self.baseline.value

    @property
    def orders(self) -> tuple[Floats, Floats]:
        """When each run came in the night."""
        return self.configuration.order, self.baseline.order

    @property
    def cohorts(self) -> tuple[list[int], list[int]]:
        """The cohort of each run."""
        return self.configuration.of_cohort.tolist(), self.baseline.of_cohort.tolist()

    @functools.cached_property
    def is_split(self) -> bool:
        """Whether the runs are of more than one cohort."""
        return len({*self.cohorts[0], *self.cohorts[1]}) > 1

    @functools.cached_property
    def pairs(self) -> tuple[Floats, Floats]:
        """The values of the blocks that hold both sides, in the order of the blocks; never across two cohorts."""
        one, other = (side.block * (1 << 32) + side.of_cohort for side in (self.configuration, self.baseline))
        _, left, right = np.intersect1d(one, other, return_indices=True)
        return self.configuration.value[left], self.baseline.value[right]


def split(runs: pd.DataFrame) -> dict[str, Side]:
    """One side a configuration of ``runs`` (columns configuration, value, block, order), without those of no value."""
    there = runs[runs.value.notna()]
    parts = [name for name in ("mean_power_W", "duration_s") if name in there and there[name].notna().all()]
    return {
        str(name): Side(
            rows.value.to_numpy(dtype=float),
            rows.block.to_numpy(dtype=np.int64),
            rows.order.to_numpy(dtype=float),
            {part: rows[part].to_numpy(dtype=float) for part in parts},
            rows.cohort.to_numpy(dtype=np.int64) if "cohort" in rows else None,
        )
        for name, rows in there.groupby("configuration", sort=False)
    }


NOBODY = Side(np.empty(0), np.empty(0, np.int64), np.empty(0))
"""A configuration without a run."""


def contrasts(
    configurations: Sequence[str],
    baseline: str | None,
    most: int = 10,
    family: Literal["baseline", "pairs"] | None = None,
) -> list[tuple[str, str]]:
    """The declared family of (configuration, baseline): all against a declared baseline, else all pairs.

    Without a baseline, two configurations are one comparison against the first, and more than ``most`` are compared
    with the first alone: the correction over all pairs would leave nothing to see. A declared ``family`` holds.
    """
    if family != "pairs" and (baseline is not None or len(configurations) > most):
        against = baseline if baseline is not None else configurations[0]
        return [(name, against) for name in configurations if name != against]
    last = [name for name in configurations if name != baseline]
    named = last if baseline is None else [baseline, *last]
    return [(later, earlier) for place, earlier in enumerate(named) for later in named[place + 1 :]]
