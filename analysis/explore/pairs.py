"""The pairs, block by block, to explore."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.explore.chart import (
    BANDED,
    TOO_MANY,
    Chart,
    Trace,
    axis,
    escaped,
    keys_of,
    numbers,
    of_state,
    pale,
    whole_axis,
)
from analysis.figures.pairs import baselines, within_block
from analysis.figures.runs import STATES, order_of
from analysis.figures.style import INK, Look
from analysis.labels import visible
from analysis.numbers import interval, scale

if TYPE_CHECKING:
    import pandas as pd

    from analysis.findings import Comparison

_RATIOS = "y2"


def explore_pairs(
    runs: pd.DataFrame,
    comparisons: Sequence[Comparison],
    *,
    quantity: str = "energy",
    unit: str = "J",
    configurations: Sequence[str] = (),
) -> Chart:
    """Every block's runs, and below the ratio within each block around its estimate; as ``figures.draw_pairs``.

    Of any number of configurations all stand in the same two panels: they can be hidden.
    """
    rows = runs[np.isfinite(runs["value"].to_numpy(dtype=float)) & (runs["state"] != "excluded")]
    names = order_of(rows, configurations)
    factor, shown_unit = scale(rows["value"], unit)
    ratio_of: dict[str, list[Comparison]] = {}
    for item in comparisons:
        ratio_of.setdefault(item.configuration, []).append(item)
    several = len(baselines(comparisons)) > 1
    banded = max(len(names), len(comparisons)) <= BANDED
    traces: list[Trace] = []
    for place, (name, look) in enumerate(keys_of(names)):
        mine = rows[rows["configuration"] == name]
        traces += _runs(mine.assign(value=mine["value"] / factor), name, look, str(place), unit=shown_unit)
        for item in ratio_of.get(name, ()):
            called = f"{name} / {item.baseline}" if several else name
            traces += _ratios(rows, item, look, str(place), called=called, banded=banded)
    layout: dict[str, Any] = {
        "xaxis": whole_axis("block", rows["block"].max(), anchor="y2" if ratio_of else "y"),
        "yaxis": axis(f"{quantity}, {shown_unit}", domain=[0.55, 1] if ratio_of else [0, 1]),
    }
    if ratio_of:
        layout["yaxis2"] = axis("ratio within the block", domain=[0, 0.46])
        layout["shapes"] = [{"type": "line", "xref": "paper", "yref": "y2", "x0": 0, "x1": 1, "y0": 1, "y1": 1,
                             "line": {"color": INK, "width": 1}, "layer": "below"}]  # fmt: skip
    bands = f"lines are the estimates{', shaded their intervals.' if banded else f'. {TOO_MANY}'}"
    to = (
        "each to the baseline that a point names" if several else f"to {comparisons[0].baseline}" if comparisons else ""
    )
    note = f"Ratios are {visible(to)}; {bands}" if ratio_of else ""
    return Chart(tuple(traces), layout, keys_of(names), 560 if ratio_of else 380, (note,) if note else ())


def _runs(rows: pd.DataFrame, name: str, look: Look, group: str, *, unit: str) -> list[Trace]:
    traces: list[Trace] = []
    for state, mark in STATES.items():
        mine = rows[rows["state"] == state]
        if mine.empty:
            continue
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "legendgroup": group,
                "name": escaped(name),
                "x": [int(block) for block in mine["block"]],
                "y": numbers(mine["value"]),
                "text": [f"{escaped(str(run))}, {mark.text}" for run in mine.get("run", mine.index)],
                "marker": of_state(state, look),
                "hovertemplate": f"%{{fullData.name}}<br>block %{{x}}: <b>%{{y:.5~r}} {escaped(unit)}</b><br>%{{text}}"
                "<extra></extra>",
            }
        )
    return traces


def _ratios(
    rows: pd.DataFrame, comparison: Comparison, look: Look, group: str, *, called: str, banded: bool
) -> list[Trace]:
    """The ratio of each whole block, the estimate as a line and its interval as a band."""
    found = within_block(rows, comparison.configuration, comparison.baseline)
    if found.empty:
        return []
    ends = [int(found["block"].min()), int(found["block"].max())]
    shared: Trace = {
        "type": "scatter",
        "legendgroup": group,
        "yaxis": _RATIOS,
        "name": escaped(called),
    }
    flat: Trace = {**shared, "mode": "lines", "x": ends, "hoverinfo": "skip"}
    ratio = comparison.ratio
    traces: list[Trace] = []
    if banded and ratio.low is not None and ratio.high is not None:
        fill = {"fill": "tonexty", "fillcolor": pale(look.colour, 0.18)}
        low, high = numbers([ratio.low])[0], numbers([ratio.high])[0]
        traces += [
            {**flat, "line": {"width": 0}, "y": [low] * 2},
            {**flat, **fill, "line": {"width": 0}, "y": [high] * 2},
        ]
    if ratio.value is not None:
        traces.append({**flat, "line": {"color": look.colour, "width": 1.2}, "y": numbers([ratio.value]) * 2})
    said = f"estimate {interval(ratio.value, ratio.low, ratio.high)}" if ratio.value is not None else "no estimate"
    for flagged, state in ((False, "headline"), (True, "outlier")):
        mine = found[found["flagged"] == flagged]
        if mine.empty:
            continue
        traces.append(
            {
                **shared,
                "mode": "markers",
                "x": [int(block) for block in mine["block"]],
                "y": numbers(mine["ratio"]),
                "text": [said + ("<br>with a flagged run" if flagged else "")] * len(mine),
                "marker": of_state(state, look),
                "hovertemplate": "%{fullData.name}<br>block %{x}: <b>%{y:.5~r}</b><br>%{text}<extra></extra>",
            }
        )
    return traces
