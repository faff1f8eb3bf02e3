"""How the runs of a pilot scatter, for the primary test of the night that is to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.comparisons import NOBODY, Method, Side, Sides
from analysis.statistics.pilot import Scatter, block_scatter, paired_scatter, unpaired_scatter, within_scatter

TOGETHER = "all configurations of the pilot together"
ALONE = "the pilot's one configuration"


@dataclass(frozen=True)
class Told:
    """A scatter, what it was taken from, and how many of these there are."""

    scatter: Scatter
    n: int
    """Pairs; runs of the smaller side; whole blocks or runs where it is borrowed."""
    unit: str
    """What ``n`` counts."""
    borrowed: str = ""
    """Whose scatter it is where it is not the comparison's own; empty: its own."""


@dataclass(frozen=True)
class Course:
    """What counts of both nights: how the pilot went, and how the coming one will be compared."""

    method: Method
    """Of the coming night; its blocks are those that will be."""
    blocked: bool
    """Whether the pilot's runs came in blocks."""
    ordered: bool
    """Whether the order of the pilot's runs is known."""
    order: str
    """Of the coming night."""

    @property
    def paired(self) -> bool:
        """Whether runs will be compared within their blocks."""
        return self.method.blocked and self.method.recipe == "blocks"

    @property
    def logs(self) -> bool:
        """Whether on logarithms."""
        return self.method.recipe != "classic"


def own(pair: Sides, course: Course) -> Told:
    """The scatter of a comparison by its own runs, as the coming test weighs it."""
    smaller = int(min(side.size for side in pair.values))
    if not course.logs:
        return Told(unpaired_scatter(*pair.values, logs=False), smaller, "runs a side")
    if course.paired and course.blocked:
        return Told(paired_scatter(*pair.pairs), int(pair.pairs[0].size), "pairs")
    orders = pair.orders if course.ordered else None
    found = unpaired_scatter(*pair.values, orders, listed=course.order == "listed" and not course.paired)
    if course.paired:  # a drift that is a line is off, as blocks would have it
        found = replace(found, paired=True, ordered=False, confounded=None)
    return Told(found, smaller, "runs a side")


def together(sides: Mapping[str, Side], configurations: Sequence[str], course: Course) -> Told:
    """The scatter of all configurations of the pilot as one: for those that it has not, where all scatter alike."""
    whose = TOGETHER if len([name for name in configurations if name in sides]) > 1 else ALONE
    cells = _cells(sides, [name for name in configurations if name in sides]) if course.paired else None
    if course.blocked and cells is not None and cells.shape[1] > 1:
        found = block_scatter(cells)
        if found.deviation is not None:
            return Told(found, len(cells), "whole blocks", whose)
    there = [sides[name] for name in configurations if name in sides]
    orders = [side.order for side in there] if course.ordered and course.logs else None
    found = within_scatter([side.value for side in there], orders, paired=course.paired, logs=course.logs)
    return Told(found, sum(side.value.size for side in there), "runs", whose)


def whole_blocks(sides: Mapping[str, Side], configurations: Sequence[str]) -> Told | None:
    """The scatter of the blocks that hold every configuration; None where none does."""
    cells = _cells(sides, configurations)
    return None if cells is None else Told(block_scatter(cells), len(cells), "whole blocks", TOGETHER)


def _cells(sides: Mapping[str, Side], configurations: Sequence[str]) -> NDArray[np.float64] | None:
    """The values of the blocks that hold every configuration, (blocks, configurations); None for none."""
    there = [sides.get(name, NOBODY) for name in configurations]
    if not there:
        return None
    whole = set.intersection(*(set(side.block.tolist()) for side in there))
    if not whole:
        return None
    columns: list[Any] = [[v for v, block in zip(s.value, s.block, strict=True) if block in whole] for s in there]
    return np.column_stack([np.array(column, dtype=np.float64) for column in columns])
