"""An interaction plot: the ratio to the baseline over the levels of one factor, a line for each level of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures.grids import Layout, Panel, laid_out, shortly, titled, why
from analysis.figures.style import (
    DOUBLE_IN,
    FAINT,
    FONT_PT,
    INK,
    canvas,
    characters_per_inch,
    finish,
    fitted,
    looks,
    styled,
)
from analysis.figures.ticks import mark_ratios
from analysis.labels import labels, visible

if TYPE_CHECKING:
    from analysis.grid_findings import Grid

_ASIDE = 0.24
"""Part of the way between two levels over which the lines' points are spread, so that intervals stand apart."""
_ONE_ROW = 3
_LEAST_LETTERS = 6
"""So many letters, and a space, a level's name has on each of its lines, where a panel can be made so wide."""


@styled
def draw_interaction(grid: Grid, *, quantity: str = "energy", stamp: str = "") -> Figure:
    """Ratios to the baseline's configuration with their intervals; a third factor gives a panel for each of its levels.

    Parallel lines (the axis is logarithmic): the factors multiply, there is no interaction. A cell without a ratio
    leaves a gap in its line and a cross below. Raises ValueError where fewer than two factors have two levels.
    """
    layout = laid_out(grid)
    if layout is None:
        raise ValueError("an interaction needs two factors of two levels or more")
    # Side by side only where the levels' names have room below each of them.
    letters = (DOUBLE_IN - 0.8) * characters_per_inch(FONT_PT - 1) / len(layout.across_levels)
    columns = max(1, min(len(layout.panels), _ONE_ROW, int(letters / _LEAST_LETTERS)))
    lines = -(-len(layout.panels) // columns)
    figure = canvas(DOUBLE_IN, 2.5 if lines == 1 else 2.1 * lines)
    axes = list(figure.subplots(lines, columns, squeeze=False, sharey=True).flat)
    missing = False
    for place, panel in enumerate(axes):
        if place >= len(layout.panels):
            panel.set_axis_off()
            continue
        missing |= _panel(panel, layout, layout.panels[place], (DOUBLE_IN - 0.8) / columns)
    _scaled(axes[0])
    for place in range(0, len(layout.panels), columns):
        axes[place].set_ylabel(fitted("ratio to the baseline", 1.6))
    of = looks(layout.along_levels)
    shown = labels(layout.along_levels, width=28, lines=1)
    handles = [
        Line2D([], [], color=of[level].colour, marker=of[level].marker, ls=of[level].dash, ms=4,
               label=f"{visible(layout.along)} = {shown[level]}")
        for level in layout.along_levels
    ]  # fmt: skip
    if missing:
        handles.append(Line2D([], [], ls="none", marker="x", color=FAINT, ms=4.5, label="no run in the headline"))
    level = next((cell.ratio.level for cell in grid.cells if cell.ratio is not None and cell.ratio.level), None)
    notes = [
        f"{quantity}, against {shortly(grid.baseline)}; the axis is logarithmic: parallel lines mean that the factors "
        "multiply.",
        f"Bars: {100 * level:g} % intervals, each for itself." if level else "",
        f"The first {len(layout.panels)} of {len(layout.panels) + layout.left_out} parts." if layout.left_out else "",
    ]
    return finish(figure, legend=handles, notes=[" ".join(note for note in notes if note)], stamp=stamp)


def _panel(axes: Axes, layout: Layout, panel: Panel, width_in: float) -> bool:
    """Draw one panel; whether a cell of it has no ratio."""
    of = looks(layout.along_levels)
    count = len(layout.along_levels)
    missing = []
    for index, along in enumerate(layout.along_levels):
        look = of[along]
        shift = _ASIDE * ((index + 0.5) / count - 0.5)
        xs, ys = [], []
        for place, across in enumerate(layout.across_levels):
            cell = panel.cells.get((across, along))
            ratio = None if cell is None else cell.ratio
            if why(cell) or ratio is None or ratio.value is None:
                missing.append((place + shift, look.colour))
                xs.append(float("nan"))
                ys.append(float("nan"))
                continue
            xs.append(place + shift)
            ys.append(ratio.value)
            if ratio.low is not None and ratio.high is not None:
                axes.plot([place + shift] * 2, [ratio.low, ratio.high], color=look.colour, lw=0.9, zorder=3)
        axes.plot(xs, ys, color=look.colour, ls=look.dash, lw=0.9, marker=look.marker, ms=3.6, zorder=4)
    for x, colour in missing:
        axes.plot([x], [0.03], "x", color=colour, ms=4, mew=0.9, transform=axes.get_xaxis_transform(), zorder=4)
    axes.axhline(1.0, color=INK, lw=0.6, zorder=1)
    axes.grid(axis="y")
    axes.set_xlim(-0.5, len(layout.across_levels) - 0.5)
    wide = max(4, int(width_in / len(layout.across_levels) * characters_per_inch(FONT_PT - 1)) - 1)
    named = labels(layout.across_levels, width=wide, lines=3)
    axes.set_xticks(range(len(layout.across_levels)), [named[level] for level in layout.across_levels])
    axes.set_xlabel(fitted(visible(layout.across), width_in - 0.3))
    if panel.title:
        axes.set_title(titled(panel, width_in), fontsize=FONT_PT - 1, loc="left", pad=3)
    return bool(missing)


def _scaled(axes: Axes) -> None:
    """A logarithmic axis with plain numbers on both sides of 1."""
    axes.set_yscale("log")
    axes.margins(y=0.12)
    mark_ratios(axes.yaxis, *axes.get_ylim())
