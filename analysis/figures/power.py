"""Power over time: the mean of each configuration's runs in bins, its bands, and how many runs each bin rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from analysis.figures.panels import first_of, outer_labels, small_panels
from analysis.figures.runs import order_of
from analysis.figures.style import DOUBLE_IN, FAINT, GRID, INK, PALETTE, TINY_PT, canvas, finish, fitted, looks, styled
from analysis.labels import labels
from analysis.numbers import scale, significant

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
    every: str = "simultaneous 95 % band",
    counter: bool = False,
    configurations: Sequence[str] = (),
    whole: bool = True,
    stamp: str = "",
    notes: Sequence[str] = (),
) -> Figure:
    """Mean power over time from ``origin``.

    ``curve``: one row a (configuration, bin) with configuration, begin_s and end_s of the bin, power_W (mean over
    runs), low_W and high_W (NaN where one run has no band), n (runs in the bin; power is NaN where there is none), and
    all_low_W and all_high_W where there is a simultaneous band, which is called ``every``. ``refresh_s`` is the
    sensor's own period, of a ``counter`` or of a trace: a bin finer than that is said under the figure. ``whole``: the
    bins hold all of the runs, as those of a window do.
    """
    names, rest = first_of(order_of(curve, configurations))
    factor, unit = scale([top_of(curve)], "W")
    said = [
        f"Bins of {bin_s:g} s by integration, the last as long as the runs last: energy is conserved."
        if whole
        else f"Bins of {bin_s:g} s by integration; bins that are not full are left out."
    ]
    if refresh_s is not None and bin_s < refresh_s * _SAME:
        said.append(
            f"The bins are finer than the tick of an energy counter ({refresh_s:.3g} s): within one, power is its mean."
            if counter
            else f"The bins are finer than the sensor's refresh ({refresh_s:.3g} s): neighbouring bins repeat one"
            " reading."
        )
    said.append("The pointwise band holds at one time, not for the whole curve.")
    if has_bands(curve, _EVERY):
        said.append("The paler, simultaneous one holds for all times at once.")
    if told := beyond(curve):
        said.append(told)
    if (curve["n"] == 0).any():
        said.append("Where no run has readings, the curve has a gap, and its energy is not drawn.")
    text = f"{quantity}, {unit}"
    time = f"time from {origin}, s"
    together = len(names) <= _TOGETHER
    draw = _one_panel if together else _panels
    scaled = curve.assign(**{key: curve[key] / factor for key in (*_POWERS, *_EVERY) if key in curve})
    figure = draw(scaled, names, text, time)
    legend = _handles(curve, names, (band, every), together)
    return finish(figure, legend=legend, notes=[" ".join([*said, *notes, *rest])], stamp=stamp, most_columns=4)


_POWERS = ("power_W", "low_W", "high_W")
_EVERY = ("all_low_W", "all_high_W")
_SAME = 0.98
"""A measured period that is by less longer than the bins is as long as they are."""
_WIDE = 9
"""Up to so many panels there are at most three side by side."""
_HIGHEST = 1.25
"""A simultaneous band is wider than what it is about: it is cut at so many times the highest of the rest."""
_HIGHEST_BAND = 1.5
"""A band of two or three runs may be far wider still: it is cut at so many times the highest curve."""


def _one_panel(curve: pd.DataFrame, names: Sequence[str], power_text: str, time_text: str) -> Figure:
    figure = canvas(DOUBLE_IN, 2.9)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(6, 1))
    of = looks(names)
    for name in names:
        rows = curve[curve["configuration"] == name]
        _line(upper, rows, of[name].colour, of[name].dash, width=1.0)
        lower.step(*steps(rows, "n"), where="post", color=of[name].colour, lw=0.9)
    upper.set_ylabel(fitted(power_text, 2.2))
    upper.grid(axis="y")
    upper.set_ylim(0, top_of(curve))
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
    span = curve.groupby("begin_s").agg(end_s=("end_s", "max"), least=("power_W", "min"), most=("power_W", "max"))
    span = span.reset_index()
    for name, panel in zip(names, panels, strict=True):
        rows = curve[curve["configuration"] == name]
        _shade(panel, span, ("least", "most"), color=GRID, zorder=1)
        _line(panel, rows, of[name].colour, "-", width=0.8)
        text = f"n = {_count(rows)}"
        # Below the load: at the edges a run that is measured whole comes down to here.
        panel.text(0.5, 0.05, text, transform=panel.transAxes, ha="center", fontsize=TINY_PT, color=INK)
    top = top_of(curve)
    for panel in panels:
        panel.set_ylim(0, top)
        if len(names) > _WIDE:
            panel.locator_params(axis="x", nbins=3)  # more would meet those of the panel beside it
    outer_labels(panels, time_text, fitted(power_text, 2.2))
    return figure


def _line(axes: Axes, rows: pd.DataFrame, colour: str, dash: object, *, width: float) -> None:
    axes.plot(*steps(rows, "power_W"), drawstyle="steps-post", color=colour, lw=width, ls=dash, zorder=3)
    if np.isfinite(rows["low_W"].to_numpy(dtype=float)).any():
        _shade(axes, rows, ("low_W", "high_W"), color=colour, alpha=0.3, zorder=2)
    if has_bands(rows, _EVERY):
        _shade(axes, rows, _EVERY, color=colour, alpha=0.13, zorder=2)


def _shade(axes: Axes, rows: pd.DataFrame, columns: tuple[str, str], **look: Any) -> None:
    begins_s, low, high = steps(rows, *columns)
    axes.fill_between(begins_s, low, high, step="post", lw=0, **look)


def steps(rows: pd.DataFrame, *columns: str) -> list[NDArray[np.float64]]:
    """The begins of the bins and the end of the last, and the values of ``columns`` from each of them to the next."""
    found = [np.append(rows["begin_s"].to_numpy(dtype=float), rows["end_s"].to_numpy(dtype=float)[-1:])]
    for name in columns:
        values = rows[name].to_numpy(dtype=float)
        found.append(np.append(values, values[-1:]))
    return found


def has_bands(curve: pd.DataFrame, columns: Sequence[str]) -> bool:
    """Whether ``curve`` has numbers in all of ``columns``."""
    return all(name in curve and bool(np.isfinite(curve[name].to_numpy(dtype=float)).any()) for name in columns)


def top_of(curve: pd.DataFrame) -> float:
    """The upper end of the axis of power."""
    drawn = float(np.nanmax(curve["power_W"].to_numpy(dtype=float)))
    highest = min(float(np.nanmax(curve[["power_W", "high_W"]].to_numpy(dtype=float))), drawn * _HIGHEST_BAND)
    every = float(np.nanmax(curve["all_high_W"].to_numpy(dtype=float))) if has_bands(curve, _EVERY) else highest
    return max(min(every * 1.03, highest * _HIGHEST, drawn * _HIGHEST_BAND), highest * 1.05) or 1.0


def beyond(curve: pd.DataFrame) -> str:
    """In words, that bands go beyond ``top_of`` the axis, and how far; empty where none does."""
    top_W = top_of(curve)
    highs = [name for name in ("high_W", "all_high_W") if name in curve and curve[name].notna().any()]
    highest_W = max((float(curve[name].max()) for name in highs), default=0.0)
    if not highest_W > top_W * (1 + 1e-9):
        return ""
    factor, unit = scale([highest_W], "W")
    reach = f"{significant(highest_W / factor, 3)} {unit}"
    return f"A band that goes beyond the axis is cut there: the widest reaches {reach}."


def _handles(curve: pd.DataFrame, names: Sequence[str], bands: tuple[str, str], together: bool) -> list[Line2D | Patch]:
    pale = [
        Patch(facecolor=FAINT if together else PALETTE[0], alpha=alpha, label=label)
        for label, alpha, columns in ((bands[0], 0.5, _POWERS[1:]), (bands[1], 0.2, _EVERY))
        if has_bands(curve, columns)
    ]
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
