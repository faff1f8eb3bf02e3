"""What was found of ratio metrics: frozen records, a part of ``Findings``."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.estimates import Estimate


@dataclass(frozen=True)
class RatioSide:
    """One configuration's figure of a ratio metric."""

    configuration: str
    figure: Estimate
    bootstrap: Estimate | None = None
    """Of a ratio of means: its BCa interval, which decides nothing."""


@dataclass(frozen=True)
class RatioContrast:
    """One configuration's figure over another's."""

    configuration: str
    baseline: str
    ratio: Estimate
    p: float | None
    """None where no test could be carried out."""
    p_adjusted: float | None
    decision: str
    """lower | higher | not told apart | cannot be told"""
    bootstrap: Estimate | None = None
    """Of a ratio of means: its BCa interval, which decides nothing."""


@dataclass(frozen=True)
class RatioMetric:
    """A metric made of two responses of the same runs, over the runs of the headline."""

    name: str
    of: str
    per: str
    unit: str
    aggregation: str
    """mean_of_ratios | ratio_of_means | mean_of_products"""
    sides: tuple[RatioSide, ...]
    contrasts: tuple[RatioContrast, ...]
    note: str = ""
    """Runs that lack one of the two, and what else must be known."""
