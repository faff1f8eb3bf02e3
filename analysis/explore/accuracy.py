"""Energy against accuracy, to explore."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from analysis.explore.chart import Chart, Trace, axis, bars, escaped, keys_of, numbers, of_look, share_axis
from analysis.figures.runs import order_of
from analysis.numbers import interval, scale

if TYPE_CHECKING:
    import pandas as pd

    from analysis.findings import Estimate, Group


def explore_accuracy(
    runs: pd.DataFrame,
    groups: Sequence[Group],
    *,
    metric: str = "accuracy",
    quantity: str = "energy",
    unit: str = "J",
    configurations: Sequence[str] = (),
) -> Chart:
    """``runs.accuracy`` against ``runs.value``, and each configuration's mean; as ``figures.draw_accuracy``."""
    rows = runs[(runs["state"] == "headline") & np.isfinite(runs["value"]) & np.isfinite(runs["accuracy"])]
    names = order_of(rows, configurations)
    factor, shown_unit = scale(rows["value"], unit)
    hover = f"%{{fullData.name}}<br>%{{x:.5~r}} {shown_unit}, %{{y:.5~r}}<br>%{{text}}<extra></extra>"
    by_name = {group.configuration: group for group in groups}
    small: list[Trace] = []
    large: list[Trace] = []
    for place, (name, look) in enumerate(keys_of(names)):
        mine = rows[rows["configuration"] == name]
        shared: Trace = {"type": "scatter", "mode": "markers", "legendgroup": str(place), "name": escaped(name)}
        small.append(
            {
                **shared,
                "x": numbers(mine["value"] / factor),
                "y": numbers(mine["accuracy"]),
                "text": [escaped(str(run)) for run in mine.get("run", mine.index)],
                "marker": of_look(look, 6, 0.45),
                "hovertemplate": hover,
            }
        )
        group = by_name.get(name)
        energy, score = (group.mean, group.metrics.get(metric)) if group is not None else (None, None)
        told = [] if energy is None else [f"{_said(energy, factor)} {shown_unit}"]
        told += [] if score is None else [f"{escaped(metric)} {_said(score, 1.0)}"]
        large.append(
            {
                **shared,
                "x": numbers([mine["value"].mean() / factor]),
                "y": numbers([mine["accuracy"].mean()]),
                "text": ["<br>".join([f"mean of {len(mine)} runs", *told])],
                "marker": {**of_look(look, 13, 1), "line": {"color": "#fff", "width": 1}},
                "error_x": bars(energy, factor, look.colour),
                "error_y": bars(score, 1.0, look.colour),
                "hovertemplate": "%{fullData.name}<br><b>%{text}</b><extra></extra>",
            }
        )
    scores = [group.metrics[metric] for group in groups if group.configuration in names and metric in group.metrics]
    ends, cut = share_axis(metric, scores)
    return Chart(
        (*small, *large),
        {"xaxis": axis(f"{quantity}, {shown_unit}"), "yaxis": axis(metric, **ends)},
        keys_of(names),
        notes=("Large marks are means with their intervals, small ones runs.", *cut),
    )


def _said(item: Estimate, factor: float) -> str:
    return interval(item.value, item.low, item.high, factor)
