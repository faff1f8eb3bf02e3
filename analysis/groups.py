"""Each configuration's runs, described: how many, how much, how spread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.findings import Estimate, Group
from analysis.response import LARGEST, numbers_of
from analysis.statistics.describe import describe, mean
from analysis.statistics.normality import shapiro


def groups(
    runs: pd.DataFrame, configurations: Sequence[str], *, unit: str, level: float, metrics: Sequence[str]
) -> list[Group]:
    """One group a configuration, in their order; ``runs`` as ``quality.assess`` leaves them.

    Energy, duration and power are of the headline's runs; ``metrics`` (columns ``metric.<name>``) of all usable ones,
    since a run that is wild in energy still has its accuracy. Warm-up runs are not counted at all.
    """
    return [_group(runs[runs.configuration == name], name, unit, level, metrics) for name in configurations]


def _group(runs: pd.DataFrame, name: str, unit: str, level: float, metrics: Sequence[str]) -> Group:
    headline = runs[runs.state == "headline"]
    usable = runs[runs.eligible]
    valid = runs[runs.validity == "valid"]
    values = headline.value.to_numpy(dtype=float)
    described = describe(values)
    return Group(
        configuration=name,
        n_valid=int((valid.status == "completed").sum()),
        n_headline=len(headline),
        n_invalid=int((runs.validity == "invalid").sum()),
        n_failed=int((valid.status != "completed").sum()),
        mean=mean(values, unit, level),
        standard_deviation=described.standard_deviation,
        cv=described.cv,
        minimum=described.minimum,
        median=described.median,
        maximum=described.maximum,
        duration=_mean(headline, "duration_s", "s", level),
        power=_mean(headline, "mean_power_W", "W", level),
        metrics={
            metric: _mean(usable, f"metric.{metric}", "", level)
            for metric in metrics
            if _finite(usable, f"metric.{metric}").size
        },
        normality=shapiro(values),
        bound=_bound(headline),
    )


def _bound(runs: pd.DataFrame) -> float | None:
    """The mean of the bounds of the runs' values; None where one of them is not known."""
    bounds = runs["bound"].to_numpy(dtype=float) if "bound" in runs else np.empty(0)
    return float(bounds.mean()) if bounds.size and np.all(np.isfinite(bounds)) else None


def _mean(runs: pd.DataFrame, column: str, unit: str, level: float) -> Estimate:
    return mean(_finite(runs, column), unit, level)


def _finite(runs: pd.DataFrame, column: str) -> NDArray[np.float64]:
    """The numbers of a column that can be squared and summed; a loss that ran away is no mean."""
    known = numbers_of(runs[column])
    numbers: NDArray[np.float64] = np.array([] if known is None else known, dtype=np.float64)
    return numbers[np.abs(numbers) < LARGEST]
