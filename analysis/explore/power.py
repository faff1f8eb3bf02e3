"""Power over time, to explore."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.explore.chart import Chart, Trace, axis, dash_of, escaped, keys_of, numbers, pale, spaced
from analysis.figures.power import has_bands, top_of
from analysis.figures.runs import order_of
from analysis.figures.style import Look
from analysis.numbers import scale, significant

if TYPE_CHECKING:
    import pandas as pd

_MOST_BANDED = 20_000
"""Bins of all curves; more would make a page that is slow to open, and have no band."""
_EVERY = ("all_low_W", "all_high_W")
_UNIFIED = 6
"""Up to so many curves are read at one time together."""


def explore_power(
    curve: pd.DataFrame,
    *,
    quantity: str = "power",
    origin: str = "begin of the window",
    band: str = "pointwise 95 % band over runs",
    every: str = "simultaneous 95 % band",
    configurations: Sequence[str] = (),
) -> Chart:
    """Mean power over time with its bands; ``curve`` as ``figures.draw_power`` has it."""
    names = order_of(curve, configurations)
    factor, unit = scale([curve[["power_W", "high_W"]].max().max()], "W")
    banded = len(curve) <= _MOST_BANDED
    simultaneous = has_bands(curve, _EVERY) and 2 * len(curve) <= _MOST_BANDED
    traces: list[Trace] = []
    for place, (name, look) in enumerate(keys_of(names)):
        rows = curve[curve["configuration"] == name].sort_values("t_s")
        if simultaneous and has_bands(rows, _EVERY):
            traces += _shaded(rows, look, str(place), _EVERY, factor=factor, alpha=0.12)
        traces += _traces(rows, name, look, str(place), factor=factor, unit=unit, banded=banded)
    shading = f"Shaded: {band}" if banded else f"Without the {band}: there are too many bins for a page"
    paler = f"; paler: {every}" if simultaneous else ""
    note = f"{shading}{paler}. Each value stands with its pointwise band and the number of runs in its bin."
    top = top_of(curve if simultaneous else curve.drop(columns=list(_EVERY), errors="ignore")) / factor
    return Chart(
        tuple(traces),
        {
            "xaxis": axis(f"time from {origin}, s", showgrid=False, rangemode="tozero"),
            "yaxis": axis(f"{quantity}, {unit}", range=[0, *numbers([top])]),
            "hovermode": "x unified" if len(names) <= _UNIFIED else "closest",
        },
        keys_of(names),
        notes=(note,),
    )


def _traces(
    rows: pd.DataFrame, name: str, look: Look, group: str, *, factor: float, unit: str, banded: bool
) -> list[Trace]:
    at = spaced("x", rows["t_s"].tolist())
    low, high = (rows[key].to_numpy(dtype=float) / factor for key in ("low_W", "high_W"))
    told = banded and bool(np.isfinite(low).any())
    shared: Trace = {"type": "scatter", "mode": "lines", "legendgroup": group, **at}
    traces = _shaded(rows, look, group, ("low_W", "high_W"), factor=factor, alpha=0.25) if told else []
    power = rows["power_W"].to_numpy(dtype=float) / factor
    counts = rows["n"].tolist()
    texts = [_said(*values) for values in zip(low, high, counts, strict=True)] if told else [f"n {n}" for n in counts]
    mean: Trace = {
        **shared,
        "name": escaped(name),
        "y": numbers(power, 5),
        "text": texts,
        "line": {"color": look.colour, "width": 1.8, "dash": dash_of(look, 1.8)},
        "hovertemplate": f"%{{fullData.name}}: <b>%{{y:.4~r}} {unit}</b> (%{{text}})<extra></extra>",
    }
    return [*traces, mean]


def _shaded(
    rows: pd.DataFrame, look: Look, group: str, columns: tuple[str, str], *, factor: float, alpha: float
) -> list[Trace]:
    """The two edges of a band, the room between them filled."""
    low, high = (rows[key].to_numpy(dtype=float) / factor for key in columns)
    edge: Trace = {
        "type": "scatter",
        "mode": "lines",
        "legendgroup": group,
        **spaced("x", rows["t_s"].tolist()),
        "line": {"width": 0},
        "hoverinfo": "skip",
    }
    fill = {"fill": "tonexty", "fillcolor": pale(look.colour, alpha)}
    return [{**edge, "y": numbers(low, 5)}, {**edge, **fill, "y": numbers(high, 5)}]


def _said(low: Any, high: Any, count: Any) -> str:
    between = f"{significant(low)} to {significant(high)}, " if np.isfinite(low) else ""
    return f"{between}n {count}"
