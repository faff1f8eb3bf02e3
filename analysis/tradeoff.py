"""A metric against energy: which configurations does nothing else beat in both, and how firmly do they stand there?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.estimates import Estimate
from analysis.grid_findings import Tradeoff, TradeoffPoint
from analysis.load import Night
from analysis.response import Response, find
from analysis.statistics.describe import mean
from analysis.statistics.pareto import RESAMPLES, dominated, on_front, over_blocks, over_runs

if TYPE_CHECKING:
    from harness.protocol_model import Analysis

FEWEST = 3
"""Blocks, or runs of a configuration, below which a resample would say nothing."""


def tradeoff(
    night: Night,
    analysis: Analysis,
    runs: pd.DataFrame,
    *,
    found: Mapping[str, Response],
    response: Response,
    level: float,
) -> Tradeoff | None:
    """The trade-off that the plan declares, else that of accuracy, which is exploratory; None where there is none.

    What is compared is better small; it is of the headline's runs, the metric of all usable ones, since a run that is
    wild in energy still has its accuracy. ``runs`` as ``quality.assess`` leaves them.
    """
    aim = analysis.tradeoff
    metric = find(found, night.runs, analysis.accuracy if aim is None else aim.metric)
    better = "higher" if aim is None else aim.better
    if metric.name == response.name or (aim is None and (not metric.is_there or len(night.configurations) < 2)):
        return None
    rows = runs.assign(metric=runs.run.map(metric.values).astype(float))
    rows = rows[rows.eligible].assign(cost=rows.value.where(rows.state == "headline"))
    names = night.configurations
    points = _points(rows, names, (response.unit, metric.unit), better=better, level=level)
    seed = int(night.plan["seed"])
    unit = "block" if night.blocked else "run within its configuration"
    made = Tradeoff(
        metric=metric.name,
        unit=metric.unit,
        better=better,
        declared=aim is not None,
        response=response.label,
        response_unit=response.unit,
        points=tuple(points),
        resamples=0,
        seed=seed,
        unit_resampled=unit,
    )
    return _resampled(made, rows, names, blocked=night.blocked)


def _points(
    rows: pd.DataFrame, names: Sequence[str], units: tuple[str, str], *, better: str, level: float
) -> list[TradeoffPoint]:
    of = {str(name): part for name, part in rows.groupby("configuration", sort=False)}
    nobody = rows.head(0)
    responses = [mean(_there(of.get(name, nobody).cost), units[0], level) for name in names]
    metrics = [mean(_there(of.get(name, nobody).metric), units[1], level) for name in names]
    cost, gain = _values(responses), _values(metrics) * (1 if better == "higher" else -1)
    front, beaten = on_front(cost, gain), dominated(cost, gain)
    return [
        TradeoffPoint(
            configuration=name,
            response=responses[place],
            metric=metrics[place],
            on_front=bool(front[place]),
            share=None,
            dominated_by=tuple(other for other, is_better in zip(names, beaten[place], strict=True) if is_better),
            note=_why_not(responses[place], metrics[place]),
        )
        for place, name in enumerate(names)
    ]


def _why_not(response: Estimate, metric: Estimate) -> str:
    if response.value is None:
        return "no run of the headline"
    return "no run reports the metric" if metric.value is None else ""


def _there(column: pd.Series[float]) -> NDArray[Any]:
    return column.dropna().to_numpy(dtype=float)


def _values(estimates: Sequence[Estimate]) -> NDArray[Any]:
    return np.array([np.nan if item.value is None else item.value for item in estimates])


def _resampled(made: Tradeoff, rows: pd.DataFrame, names: Sequence[str], *, blocked: bool) -> Tradeoff:
    """The same with the share of the resamples in which each configuration is on the front."""
    sign = 1 if made.better == "higher" else -1
    signed = rows.assign(metric=sign * rows.metric)
    if blocked:
        signed = signed.assign(stratum=pd.Series(zip(signed.cohort, signed.block, strict=True), index=signed.index))
        tables = [
            signed.pivot_table(index="stratum", columns="configuration", values=column, dropna=False)
            .reindex(columns=list(names))
            .to_numpy(dtype=float)
            for column in ("cost", "metric")
        ]
        together = (np.isfinite(tables[0]) & np.isfinite(tables[1])).any(axis=1)
        if int(together.sum()) < FEWEST:
            return replace(made, note=f"fewer than {FEWEST} blocks: how firm the front is cannot be told")
        stability = over_blocks(tables[0][together], tables[1][together], made.seed)
    else:
        parts = [signed[signed.configuration == name] for name in names]
        if max((len(part) for part in parts), default=0) < FEWEST:
            return replace(made, note=f"fewer than {FEWEST} runs: how firm the front is cannot be told")
        columns = [[part[column].to_numpy(dtype=float) for part in parts] for column in ("cost", "metric")]
        stability = over_runs(columns[0], columns[1], made.seed)
    points = tuple(
        replace(point, share=None if point.note else share)
        for point, share in zip(made.points, stability.shares, strict=True)
    )
    return replace(made, points=points, resamples=RESAMPLES)
