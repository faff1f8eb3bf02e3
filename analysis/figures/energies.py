"""Energy epoch by epoch: of each epoch, cumulated, and what accuracy it bought; and how fast it grows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analysis.figures.panels import first_of, outer_labels, small_panels, whole_numbers
from analysis.figures.runs import order_of
from analysis.figures.style import (
    DOUBLE_IN,
    FAINT,
    GRID,
    INK,
    SINGLE_IN,
    TINY_PT,
    canvas,
    finish,
    fitted,
    looks,
    styled,
)
from analysis.labels import labels
from analysis.numbers import scale

if TYPE_CHECKING:
    import pandas as pd

    from analysis.temporal import EpochRate

_TOGETHER = 6
_ENERGIES = ("energy_J", "cumulative_J")


@styled
def draw_energies(
    means: pd.DataFrame,
    *,
    quantity: str = "energy",
    band: str = "95 % interval of the mean",
    configurations: Sequence[str] = (),
    stamp: str = "",
    notes: Sequence[str] = (),
) -> Figure:
    """Energy of each epoch, cumulative energy and, where it is told, accuracy for each Wh: a line a configuration.

    ``means``: configuration, epoch, n, and energy_J, cumulative_J, efficiency (% per Wh) with _low and _high, as
    ``epochs.means_frame`` gives it. Runs that end early leave fewer in the later epochs: n is drawn below where it
    varies. More than six configurations: a small panel each, of cumulative energy over the range of them all in grey;
    ``notes``, which tell of the accuracy, are then left out with it.
    """
    names, rest = first_of(order_of(means, configurations))
    shown = labels(names, width=30, lines=2)
    of = looks(names)
    parts, units = scaled(means, names)
    if len(names) > _TOGETHER:
        figure = _panels(parts, names, f"cumulative {quantity}, {units['cumulative_J']}")
        legend: list[Line2D | Patch] = [Patch(facecolor=GRID, label="range of all configurations' means")]
        notes = rest
    else:
        figure = _together(parts, names, quantity, units)
        legend = [
            Line2D([], [], color=of[name].colour, ls=of[name].dash, label=f"{shown[name]} (n = {_count(means, name)})")
            for name in names
        ]
    banded = np.isfinite(means["cumulative_J_low"].to_numpy(dtype=float)).any()
    legend += [Patch(facecolor=FAINT, alpha=0.4, label=band)] if banded else []
    return finish(figure, legend=legend, notes=[" ".join(notes)] if notes else [], stamp=stamp, most_columns=4)


@styled
def draw_rates(
    rates: Sequence[EpochRate],
    *,
    quantity: str = "energy",
    configurations: Sequence[str] = (),
    stamp: str = "",
) -> Figure:
    """How many Wh each further epoch costs: a bar and the interval of its mean for each configuration."""
    told = [item for item in rates if item.slope.value is not None]
    names, rest = first_of([item.configuration for item in told])
    told = told[: len(names)]
    shown = labels(names, width=26, lines=1 if len(names) > 12 else 2)
    of = looks(list(configurations) or names)
    height = 0.8 + (0.16 if len(names) > 12 else 0.3) * len(names)
    figure = canvas(SINGLE_IN if len(names) <= 12 else DOUBLE_IN, height)
    axes = figure.add_subplot()
    for place, item in enumerate(told):
        slope = item.slope
        value = slope.value or 0.0
        axes.barh(place, value, height=0.6, color=of[item.configuration].colour, alpha=0.75)
        if slope.low is not None and slope.high is not None:
            axes.plot([slope.low, slope.high], [place, place], color=INK, lw=1.4, solid_capstyle="butt")
    axes.set_yticks(range(len(names)), [shown[name] for name in names])
    axes.invert_yaxis()
    axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
    axes.set_xlabel(fitted(f"{quantity} of a further epoch, Wh", 2.2 if len(names) <= 12 else 5))
    axes.grid(axis="x")
    level = next((item.slope.level for item in told if item.slope.level is not None), None)
    lines = [Line2D([], [], color=INK, lw=1.4, label=f"{100 * level:g} % interval of the mean")] if level else []
    note = "Least-squares slope of each run's cumulative energy over its epochs; bars are means over the runs."
    return finish(figure, legend=lines, notes=[" ".join([note, *rest])], stamp=stamp)


def scaled(means: pd.DataFrame, names: Sequence[str]) -> tuple[pd.DataFrame, dict[str, str]]:
    """Energies in units that suit their size, one for each panel."""
    rows = means[means["configuration"].isin(list(names))]
    units: dict[str, str] = {}
    for key in _ENERGIES:
        factor, units[key] = scale([rows[[key, f"{key}_high"]].max().max()], "J")
        columns = [key, f"{key}_low", f"{key}_high"]
        rows = rows.assign(**{column: rows[column].astype(float) / factor for column in columns})
    return rows, units


def _together(rows: pd.DataFrame, names: Sequence[str], quantity: str, units: dict[str, str]) -> Figure:
    efficient = bool(np.isfinite(rows["efficiency"].to_numpy(dtype=float)).any())
    kinds = [
        ("energy_J", f"{quantity} of an epoch, {units['energy_J']}"),
        ("cumulative_J", f"cumulative {quantity}, {units['cumulative_J']}"),
        *([("efficiency", "accuracy for cumulative energy, %/Wh")] if efficient else []),
    ]
    varies = rows.groupby("configuration")["n"].nunique().max() > 1
    figure = canvas(DOUBLE_IN, 2.4 + (0.6 if varies else 0.0))
    grid = figure.add_gridspec(2 if varies else 1, len(kinds), height_ratios=(5, 1) if varies else (1,))
    of = looks(names)
    for column, (key, text) in enumerate(kinds):
        axes = figure.add_subplot(grid[0, column])
        for name in names:
            _line(axes, rows[rows["configuration"] == name], key, of[name].colour, of[name].dash)
        axes.set_ylabel(fitted(text, 2.0))
        axes.grid(axis="y")
        axes.set_ylim(0, (1.08 * float(np.nanmax(rows[[key, f"{key}_high"]].to_numpy(dtype=float)))) or 1.0)
        whole_numbers(axes)
        under = axes
        if varies:
            axes.tick_params(labelbottom=False)
            under = figure.add_subplot(grid[1, column], sharex=axes)
            for name in names:
                mine = rows[rows["configuration"] == name]
                under.step(mine["epoch"], mine["n"], where="mid", color=of[name].colour, lw=0.9)
            most = int(rows["n"].max())
            under.set_ylim(0, most * 1.25)
            under.set_yticks([0, most])
            under.set_ylabel("runs")
        under.set_xlabel("epoch")
    return figure


def _panels(rows: pd.DataFrame, names: Sequence[str], text: str) -> Figure:
    figure, panels = small_panels(names)
    of = looks(names)
    span = rows.groupby("epoch")["cumulative_J"].agg(["min", "max"])
    for name, panel in zip(names, panels, strict=True):
        panel.fill_between(span.index, span["min"], span["max"], color=GRID, lw=0, zorder=1)
        _line(panel, rows[rows["configuration"] == name], "cumulative_J", of[name].colour, "-")
        note = f"n = {_count(rows, name)}"
        panel.text(0.03, 0.84, note, transform=panel.transAxes, fontsize=TINY_PT, color=INK)
    for panel in panels:
        panel.set_ylim(bottom=0)
        whole_numbers(panel)
    outer_labels(panels, "epoch", fitted(text, 2.0))
    return figure


def _line(axes: Axes, rows: pd.DataFrame, key: str, colour: str, dash: object) -> None:
    mark = "o" if len(rows) == 1 else None
    axes.plot(rows["epoch"], rows[key], color=colour, lw=1.0, ls=dash, marker=mark, ms=3, zorder=3)
    low, high = (rows[f"{key}{side}"].to_numpy(dtype=float) for side in ("_low", "_high"))
    if np.isfinite(low).any():
        axes.fill_between(rows["epoch"], low, high, color=colour, alpha=0.2, lw=0, zorder=2)


def _count(rows: pd.DataFrame, name: str) -> str:
    counts = rows.loc[rows["configuration"] == name, "n"]
    low, high = int(counts.min()), int(counts.max())
    return str(low) if low == high else f"{high} to {low}"
