"""What the analysis plan does not name: the other responses of the same runs, labelled exploratory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analysis.comparisons import Method, compare
from analysis.family import against_one
from analysis.findings import Comparison
from analysis.load import Night
from analysis.response import DURATION, ENERGY, NET, POWER, Response

if TYPE_CHECKING:
    from harness.protocol_model import Analysis


def exploratory(
    *,
    night: Night,
    analysis: Analysis,
    runs: pd.DataFrame,
    found: dict[str, Response],
    primary: Response,
    method: Method,
) -> list[Comparison]:
    """The other responses of the same runs, each configuration against the baseline."""
    family = against_one(night, analysis)
    comparisons: list[Comparison] = []
    for name in (ENERGY, NET, DURATION, POWER, analysis.accuracy):
        response = found.get(name)
        if response is None or not response.is_there or response.name == primary.name:
            continue
        with_value = runs.assign(value=runs.run.map(response.values).astype(float))
        # A run that is wild in energy still has its accuracy.
        kept = with_value[with_value.eligible if name == analysis.accuracy else with_value.state == "headline"]
        comparisons += compare(
            kept.drop(columns=["mean_power_W", "duration_s"]),
            with_value[with_value.eligible].drop(columns=["mean_power_W", "duration_s"]),
            family,
            method,
            response=response.label,
            unit=response.unit,
        )
    return comparisons
