"""Violin, box and every run: how the response of each configuration is distributed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures.panels import first_of
from analysis.figures.runs import STATES, draw_state, order_of, state_handles, within_reach
from analysis.figures.style import (
    DOUBLE_IN,
    FONT_PT,
    INK,
    SINGLE_IN,
    canvas,
    characters_per_inch,
    finish,
    fitted,
    looks,
    styled,
)
from analysis.labels import labels
from analysis.numbers import scale

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.collections import PolyCollection

FEWEST = 5
"""Below so many runs a violin or a box would show more than is known."""
_STANDING = 6
"""Up to so many configurations stand side by side; more, or long names, lie one under the other."""
_TWO_LINES = 20
"""Up to so many lying configurations have names of two lines."""
_OUTER_GOLDEN = 0.618033988749895


@styled
def draw_distribution(
    runs: pd.DataFrame,
    *,
    quantity: str = "energy",
    unit: str = "J",
    configurations: Sequence[str] = (),
    stamp: str = "",
) -> Figure:
    """The distribution of ``runs.value`` (in ``unit``) by configuration.

    ``runs``: one row a run with configuration, value, state ("headline", "outlier" or "excluded"). Violin and box are
    of the headline's runs; flagged runs are diamonds, excluded ones crosses. Rows without a value are passed over.
    """
    rows = runs[np.isfinite(runs["value"].to_numpy(dtype=float))]
    names, rest = first_of(order_of(rows, configurations))
    rows = rows[rows["configuration"].isin(names)]
    drawn, outside = within_reach(rows)
    factor, shown_unit = scale(drawn["value"], unit)
    drawn = drawn.assign(value=drawn["value"] / factor)
    width_in = SINGLE_IN if len(names) <= 3 else DOUBLE_IN
    width = int((width_in - 0.7) / max(1, len(names)) * characters_per_inch(FONT_PT - 1))
    standing = len(names) <= _STANDING and max(map(len, names), default=0) <= 2.4 * width
    lines = 3 if standing else 2 if len(names) <= _TWO_LINES else 1
    shown = labels(names, width=width if standing else 46 // lines + 8, lines=lines)
    few = [name for name in names if _headline(rows, name).size < FEWEST]
    notes = ["Violin and box: runs of the headline; box: quartiles, whiskers to 1.5 interquartile ranges."]
    if few:
        notes.append(f"No violin or box below {FEWEST} runs.")
    notes.append("The axis does not begin at zero.")
    if outside:
        notes.append(f"{outside} far away drawn at the edge.")
    notes += rest
    if standing:
        figure = canvas(width_in, 2.6)
    else:
        figure = canvas(
            DOUBLE_IN, 0.5 + (0.45 if len(names) <= _STANDING else 0.32 if lines == 2 else 0.185) * len(names)
        )
    axes = figure.add_subplot()
    of = looks(names)
    for place, name in enumerate(names):
        inside = _headline(rows, name) / factor
        if inside.size >= FEWEST and np.ptp(inside) > 0:
            _violin_and_box(axes, inside, place, colour=of[name].colour, standing=standing)
        elif inside.size:
            _mean_line(axes, float(inside.mean()), place, standing=standing)
        _points(axes, drawn[drawn["configuration"] == name], place, colour=of[name].colour, standing=standing)
    _finish(axes, [shown[name] for name in names], [_count(rows, name) for name in names], standing)
    text = f"{quantity}, {shown_unit}"
    axes.set_ylabel(fitted(text, 2.2)) if standing else axes.set_xlabel(fitted(text, 5.0))
    mean = Line2D([], [], color=INK, lw=1.4, label="median (mean where there is no box)" if few else "median")
    return finish(figure, legend=[*state_handles(rows), mean], notes=[" ".join(notes)], stamp=stamp)


def _headline(rows: pd.DataFrame, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    chosen = rows[(rows["configuration"] == name) & (rows["state"] == "headline")]
    return chosen["value"].to_numpy(dtype=float)


def _count(rows: pd.DataFrame, name: str) -> str:
    return f"n = {_headline(rows, name).size}"


def _violin_and_box(axes: Axes, values: Any, place: int, *, colour: str, standing: bool) -> None:
    orientation: Literal["vertical", "horizontal"] = "vertical" if standing else "horizontal"
    parts = axes.violinplot([values], positions=[place], widths=0.85, showextrema=False, orientation=orientation)
    for body in cast("list[PolyCollection]", parts["bodies"]):
        body.set(facecolor=colour, edgecolor=colour, alpha=0.22, linewidth=0.6)
    axes.boxplot(
        [values],
        positions=[place],
        widths=0.2,
        orientation=orientation,
        showfliers=False,
        manage_ticks=False,
        boxprops={"linewidth": 0.8, "color": INK},
        whiskerprops={"linewidth": 0.8, "color": INK},
        capprops={"linewidth": 0.8, "color": INK},
        medianprops={"linewidth": 1.4, "color": INK},
        zorder=4,
    )


def _mean_line(axes: Axes, mean: float, place: int, *, standing: bool) -> None:
    across = [place - 0.2, place + 0.2]
    axes.plot(*((across, [mean, mean]) if standing else ([mean, mean], across)), color=INK, lw=1.4, zorder=4)


def _points(axes: Axes, rows: pd.DataFrame, place: int, *, colour: str, standing: bool) -> None:
    for state in STATES:
        chosen = rows[rows["state"] == state]
        values = chosen["value"].to_numpy(dtype=float)
        # A sequence that fills evenly, by the order of the rows: the same picture each time, without random numbers.
        aside = place + 0.34 * (((np.arange(values.size) + 1) * _OUTER_GOLDEN) % 1 - 0.5)
        draw_state(axes, *((aside, values) if standing else (values, aside)), state=state, colour=colour)


def _finish(axes: Axes, names: Sequence[str], counts: Sequence[str], standing: bool) -> None:
    places = range(len(names))
    if standing:
        axes.set_xticks(places, [f"{name}\n{count}" for name, count in zip(names, counts, strict=True)])
        axes.set_xlim(-0.6, len(names) - 0.4)
        axes.tick_params(axis="x", length=0)
        axes.grid(axis="y")
    else:
        axes.set_yticks(places, [f"{name} ({count})" for name, count in zip(names, counts, strict=True)])
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
