"""What a night compared within cells says over its cells: frozen records, below everything that makes them."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.estimates import Estimate


@dataclass(frozen=True)
class OverCells:
    """One pair of levels over the cells of a stratum (or over all): what each cell decided, and the ratios together."""

    configuration: str
    baseline: str
    """What the two sides are called within their cell."""
    stratum: str
    """Which cells: their levels in common; empty for all of them."""
    cells: int
    lower: int
    higher: int
    not_apart: int
    untold: int
    ratio: Estimate
    """Geometric mean of the cells' ratios, n cells; without an interval, for the cells are no sample."""
    median: float | None
    lowest: float | None
    highest: float | None
    response: str = ""
    """A ratio metric beside the headline; empty for what is compared."""
