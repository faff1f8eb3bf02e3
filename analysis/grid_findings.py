"""What a study found out about a grid of factors, and about a trade-off: frozen records, as in ``findings``."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.estimates import Estimate, Test

MEASURED, IN_PART = "measured", "measured in part"
"""The outcomes of a cell that stands in the headline."""


@dataclass(frozen=True)
class FactorEffect:
    """Whether one factor, or several together beyond what each does alone, matters: one term of a linear model."""

    factors: tuple[str, ...]
    test: Test
    """Wald F with HC3; ``df`` is that of the term."""
    residual_df: float | None
    partial_eta2: Estimate
    """Of the variance that no other term explains, the part that this one does."""
    sums: str
    """III: beside all other terms; II: beside those that do not hold this one (of a grid with gaps)."""
    declared: bool = False
    """Whether the protocol's analysis plan names it: then its p is corrected over those that it names."""
    decision: str = ""
    """matters | not told | cannot be told; empty for what is not declared."""

    @property
    def term(self) -> str:
        """What it is called: "width × precision"."""
        return " × ".join(self.factors)


@dataclass(frozen=True)
class FactorContrast:
    """The ratio of a level to the baseline's, over the others' levels; of several factors the ratio of such ratios."""

    factors: tuple[str, ...]
    levels: tuple[str, ...]
    against: tuple[str, ...]
    ratio: Estimate
    test: Test
    """Of log ratio = 0; corrected over the contrasts of all declared effects, else over those of its factors."""
    over: int
    """Combinations of the other factors' levels that hold every cell that is needed, and are averaged over."""
    of: int
    """Such combinations that the factors have."""
    declared: bool = False


@dataclass(frozen=True)
class Cell:
    """One combination of levels, whatever became of it."""

    configuration: str
    levels: tuple[str, ...]
    """In the order of the grid's factors."""
    planned: int
    attempts: int
    valid: int
    headline: int
    outcome: str
    """measured | measured in part | retired | failed | refused | invalid | flagged | no value | not run |
    not planned | excluded"""
    reason: str = ""
    hint: str = ""
    """The last that an attempt left of what would help."""
    ratio: Estimate | None = None
    """To the baseline's configuration; None where no run stands in the headline."""

    @property
    def is_there(self) -> bool:
        """Whether it has runs in the headline."""
        return self.headline > 0


@dataclass(frozen=True)
class Grid:
    """The factors of a night, cell by cell, and what they do."""

    factors: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    """Of each factor, in the protocol's order."""
    baseline: str
    """The configuration against which ratios are."""
    baseline_levels: tuple[str, ...]
    cells: tuple[Cell, ...]
    effects: tuple[FactorEffect, ...] = ()
    contrasts: tuple[FactorContrast, ...] = ()
    model: str = ""
    """How effects and contrasts were reckoned, for people."""
    correction: str = "Holm"
    """Of the p values, for people."""

    @property
    def is_complete(self) -> bool:
        """Whether every combination of levels has runs in the headline."""
        return all(cell.is_there for cell in self.cells)


@dataclass(frozen=True)
class TradeoffPoint:
    """One configuration between energy (or what else is compared) and a metric."""

    configuration: str
    response: Estimate
    metric: Estimate
    on_front: bool
    share: float | None
    """Of the resamples in which it could be placed, those in which it is on the front."""
    dominated_by: tuple[str, ...] = ()
    """Configurations that are better in one and no worse in the other."""
    note: str = ""
    """Why it cannot be placed."""


@dataclass(frozen=True)
class Tradeoff:
    """A metric against what is compared, and the configurations that nothing else beats in both."""

    metric: str
    unit: str
    better: str
    """higher | lower"""
    declared: bool
    """Whether the protocol's analysis plan names it."""
    response: str
    response_unit: str
    points: tuple[TradeoffPoint, ...]
    resamples: int
    """0: nothing could be resampled, ``note`` says why."""
    seed: int
    unit_resampled: str
    """block | run within its configuration"""
    note: str = ""
