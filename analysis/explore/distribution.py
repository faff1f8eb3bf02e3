"""Violin, box and every run, to explore."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from analysis.explore.chart import (
    Chart,
    Trace,
    axis,
    escaped,
    keys_of,
    numbers,
    of_state,
    pale,
    shown_labels,
)
from analysis.figures.distribution import FEWEST
from analysis.figures.runs import STATES, order_of, within_reach
from analysis.figures.style import INK, Look
from analysis.numbers import scale

if TYPE_CHECKING:
    import pandas as pd

_STANDING = 3
"""More configurations lie one under the other: their names are read on a phone as well."""
_PX_EACH, _PX_OF_MANY = 64, 36
_MANY = 12


def explore_distribution(
    runs: pd.DataFrame, *, quantity: str = "energy", unit: str = "J", configurations: Sequence[str] = ()
) -> Chart:
    """The distribution of ``runs.value`` (in ``unit``) by configuration; ``runs`` as ``figures.draw_distribution``."""
    rows = runs[np.isfinite(runs["value"].to_numpy(dtype=float))]
    names = order_of(rows, configurations)
    near, outside = within_reach(rows)
    factor, shown_unit = scale(near["value"], unit)
    rows = rows.assign(value=rows["value"] / factor)
    standing = len(names) <= _STANDING
    traces: list[Trace] = []
    for place, (name, look) in enumerate(keys_of(names)):
        mine = rows[rows["configuration"] == name]
        traces += _traces(mine, name, look, place, standing=standing, unit=shown_unit)
    places = list(range(len(names)))
    names_axis = axis(
        "",
        tickvals=places,
        ticktext=list(shown_labels(names, width=18 if standing else 22, lines=3 if standing else 2).values()),
        range=[-0.6, len(names) - 0.4] if standing else [len(names) - 0.4, -0.6],
        ticks="",
        showgrid=False,
    )
    values_axis = axis(f"{quantity}, {shown_unit}")
    if outside:
        low, high = near["value"].min() / factor, near["value"].max() / factor
        values_axis |= {"range": numbers([low - 0.05 * (high - low), high + 0.05 * (high - low)])}
    layout = {"xaxis": names_axis, "yaxis": values_axis} if standing else {"xaxis": values_axis, "yaxis": names_axis}
    height_px = 440 if standing else 120 + (_PX_EACH if len(names) <= _MANY else _PX_OF_MANY) * len(names)
    notes = (f"{outside} far away: outside at first, zoom out to see.",) if outside else ()
    return Chart(tuple(traces), {**layout, "violinmode": "overlay"}, keys_of(names), height_px, notes)


def _traces(rows: pd.DataFrame, name: str, look: Look, place: int, *, standing: bool, unit: str) -> list[Trace]:
    across, along = ("x", "y") if standing else ("y", "x")
    group = {"legendgroup": str(place), "name": escaped(name)}
    hover = f"%{{fullData.name}}<br><b>%{{{along}:.5~r}} {unit}</b><br>%{{text}}<extra></extra>"
    traces: list[Trace] = []
    for state, mark in STATES.items():
        mine = rows[rows["state"] == state]
        if mine.empty:
            continue
        values = numbers(mine["value"])
        texts = [f"{escaped(str(run))}<br>{mark.text}" for run in mine.get("run", mine.index)]
        shared: Trace = {along: values, "text": texts, "hovertemplate": hover, "marker": of_state(state, look), **group}
        if state == "headline" and len(values) >= FEWEST and np.ptp(mine["value"].to_numpy(dtype=float)) > 0:
            violin: Trace = {
                "type": "violin",
                "orientation": "v" if standing else "h",
                f"{across}0": place,
                "width": 0.85,
                "points": "all",
                "pointpos": 0,
                "jitter": 0.35,
                "spanmode": "hard",
                "fillcolor": pale(look.colour, 0.22),
                "line": {"color": look.colour, "width": 1},
                "box": {"visible": True, "width": 0.22, "fillcolor": "rgba(0,0,0,0)",
                        "line": {"color": INK, "width": 1.2}},
            }  # fmt: skip
            traces.append({**violin, **shared})
        else:
            traces.append({"type": "scatter", "mode": "markers", across: [place] * len(values), **shared})
    return traces
