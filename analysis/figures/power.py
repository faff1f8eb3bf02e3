"""Power over time: the mean of each configuration's runs in bins, with a band, and how many runs each bin rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analysis.figures.runs import order_of
from analysis.figures.style import (
    DOUBLE_IN,
    FAINT,
    GRID,
    INK,
    TINY_PT,
    canvas,
    finish,
    fitted,
    looks,
    outer_labels,
    small_panels,
    styled,
)
from analysis.labels import labels
from analysis.numbers import scale

if TYPE_CHECKING:
    import pandas as pd

_TOGETHER = 4
"""Up to so many curves share one panel; more get a small panel each, over the range of them all in grey."""


@styled
def draw_power(
    curve: pd.DataFrame,
    *,
    bin_s: float,
    refresh_s: float | None = None,
    quantity: str = "power",
    origin: str = "begin of the window",
    band: str = "pointwise 95 % band over runs",
    configurations: Sequence[str] = (),
    stamp: str = "",
    notes: Sequence[str] = (),
) -> Figure:
    """Mean power over time from ``origin``.

    ``curve``: one row a (configuration, bin) with configuration, t_s (middle of the bin), power_W (mean over runs),
    low_W and high_W (NaN where one run has no band) and n (runs in the bin). ``refresh_s`` is the sensor's own period:
    a bin finer than that is said under the figure.
    """
    names = order_of(curve, configurations)
    factor, unit = scale([curve[["power_W", "high_W"]].max().max()], "W")
    said = [f"Bins of {bin_s:g} s by integration: energy is conserved."]
    if refresh_s is not None and bin_s < refresh_s:
        said.append(
            f"The bins are finer than the sensor's refresh ({refresh_s:.3g} s): neighbouring bins repeat one reading."
        )
    said.append("The band is pointwise: at one time, not for the whole curve.")
    text = f"{quantity}, {unit}"
    time = f"time from {origin}, s"
    together = len(names) <= _TOGETHER
    draw = _one_panel if together else _panels
    figure = draw(curve.assign(**{key: curve[key] / factor for key in _POWERS}), names, text, time)
    return finish(figure, legend=_handles(curve, names, band, together), notes=[" ".join([*said, *notes])], stamp=stamp)


_POWERS = ("power_W", "low_W", "high_W")


def _one_panel(curve: pd.DataFrame, names: Sequence[str], power_text: str, time_text: str) -> Figure:
    figure = canvas(DOUBLE_IN, 2.9)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(6, 1))
    of = looks(names)
    for name in names:
        rows = curve[curve["configuration"] == name]
        _line(upper, rows, of[name].colour, of[name].dash, width=1.0)
        lower.step(rows["t_s"], rows["n"], where="mid", color=of[name].colour, lw=0.9)
    upper.set_ylabel(fitted(power_text, 2.2))
    upper.grid(axis="y")
    upper.set_ylim(bottom=0)
    upper.margins(x=0.01)
    most = int(curve["n"].max())
    lower.set_ylim(0, most * 1.25)
    lower.set_yticks([0, most])
    lower.set_ylabel("runs")
    lower.set_xlabel(time_text)
    return figure


def _panels(curve: pd.DataFrame, names: Sequence[str], power_text: str, time_text: str) -> Figure:
    figure, panels = small_panels(names)
    of = looks(names)
    span = curve.groupby("t_s")["power_W"].agg(["min", "max"])
    for name, panel in zip(names, panels, strict=True):
        rows = curve[curve["configuration"] == name]
        panel.fill_between(span.index, span["min"], span["max"], color=GRID, lw=0, zorder=1)
        _line(panel, rows, of[name].colour, "-", width=0.8)
        text = f"n = {_count(rows)}"
        panel.text(0.98, 0.05, text, transform=panel.transAxes, ha="right", fontsize=TINY_PT, color=INK)
    panels[0].set_ylim(bottom=0)
    outer_labels(panels, time_text, fitted(power_text, 2.2))
    return figure


def _line(axes: Axes, rows: pd.DataFrame, colour: str, dash: object, *, width: float) -> None:
    axes.plot(rows["t_s"], rows["power_W"], color=colour, lw=width, ls=dash, zorder=3)
    if np.isfinite(rows["low_W"].to_numpy(dtype=float)).any():
        axes.fill_between(rows["t_s"], rows["low_W"], rows["high_W"], color=colour, alpha=0.25, lw=0, zorder=2)


def _handles(curve: pd.DataFrame, names: Sequence[str], band: str, together: bool) -> list[Line2D | Patch]:
    banded = bool(np.isfinite(curve["low_W"].to_numpy(dtype=float)).any())
    pale = [Patch(facecolor=FAINT, alpha=0.35, label=band)] if banded else []
    if not together:
        mean = Line2D([], [], color=INK, lw=0.9, label="mean of the runs")
        return [mean, *pale, Patch(facecolor=GRID, label="range of all configurations' means")]
    of = looks(names)
    shown = labels(names, width=34, lines=2)
    handles: list[Line2D | Patch] = []
    for name in names:
        text = f"{shown[name]} (n = {_count(curve[curve['configuration'] == name])})"
        handles.append(Line2D([], [], color=of[name].colour, ls=of[name].dash, label=text))
    return [*handles, *pale]


def _count(rows: pd.DataFrame) -> str:
    low, high = int(rows["n"].min()), int(rows["n"].max())
    return str(low) if low == high else f"{low} to {high}"
