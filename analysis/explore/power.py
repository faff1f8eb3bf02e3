"""Power over time, to explore."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.explore.chart import Chart, Trace, axis, dash_of, escaped, keys_of, numbers, pale, spaced
from analysis.figures.power import beyond, has_bands, steps, top_of
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
    factor, unit = scale([top_of(curve)], "W")
    banded = len(curve) <= _MOST_BANDED
    simultaneous = has_bands(curve, _EVERY) and 2 * len(curve) <= _MOST_BANDED
    traces: list[Trace] = []
    for place, (name, look) in enumerate(keys_of(names)):
        rows = curve[curve["configuration"] == name].sort_values("begin_s")
        if simultaneous and has_bands(rows, _EVERY):
            traces += _shaded(rows, look, str(place), _EVERY, factor=factor, alpha=0.12)
        traces += _traces(rows, name, look, str(place), factor=factor, unit=unit, banded=banded)
    shading = f"Shaded: {band}" if banded else f"Without the {band}: there are too many bins for a page"
    paler = f"; paler: {every}" if simultaneous else ""
    note = (
        f"{shading}{paler}. Each value is the mean of its bin, told at the bin's begin with its pointwise band and the "
        "number of runs in it."
    )
    shown = curve if simultaneous else curve.drop(columns=list(_EVERY), errors="ignore")
    note = " ".join(part for part in (note, beyond(shown)) if part)
    top = top_of(shown) / factor
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
    begins_s, power, low, high, counts = steps(rows, "power_W", "low_W", "high_W", "n")
    power, low, high = power / factor, low / factor, high / factor
    told = banded and bool(np.isfinite(low).any())
    shared: Trace = {"type": "scatter", "mode": "lines", "legendgroup": group, **spaced("x", begins_s.tolist())}
    traces = _shaded(rows, look, group, ("low_W", "high_W"), factor=factor, alpha=0.25) if told else []
    told_n = [int(n) for n in counts]
    texts = [_said(*values) for values in zip(low, high, told_n, strict=True)] if told else [f"n {n}" for n in told_n]
    mean: Trace = {
        **shared,
        "name": escaped(name),
        "y": numbers(power, 5),
        "text": texts,
        "line": {"color": look.colour, "width": 1.8, "dash": dash_of(look, 1.8), "shape": "hv"},
        "hovertemplate": f"%{{fullData.name}}: <b>%{{y:.4~r}} {unit}</b> (%{{text}})<extra></extra>",
    }
    return [*traces, mean]


def _shaded(
    rows: pd.DataFrame, look: Look, group: str, columns: tuple[str, str], *, factor: float, alpha: float
) -> list[Trace]:
    """The two edges of a band, the room between them filled."""
    begins_s, low, high = steps(rows, *columns)
    low, high = low / factor, high / factor
    edge: Trace = {
        "type": "scatter",
        "mode": "lines",
        "legendgroup": group,
        **spaced("x", begins_s.tolist()),
        "line": {"width": 0, "shape": "hv"},
        "hoverinfo": "skip",
    }
    fill = {"fill": "tonexty", "fillcolor": pale(look.colour, alpha)}
    return [{**edge, "y": numbers(low, 5)}, {**edge, **fill, "y": numbers(high, 5)}]


def _said(low: Any, high: Any, count: Any) -> str:
    between = f"{significant(low)} to {significant(high)}, " if np.isfinite(low) else ""
    return f"{between}n {count}"
