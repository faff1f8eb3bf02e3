"""A heat map of two factors: the ratio of every cell to the baseline, and why a cell has none."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from analysis.figures.grids import Layout, Panel, laid_out, shortly, titled, why
from analysis.figures.style import (
    DOUBLE_IN,
    FAINT,
    FONT_PT,
    GRID,
    INK,
    PALETTE,
    SMALL_PT,
    SOFT,
    TINY_PT,
    canvas,
    characters_per_inch,
    finish,
    fitted,
    styled,
)
from analysis.labels import labels, visible
from analysis.numbers import significant

if TYPE_CHECKING:
    from analysis.grid_findings import Cell, Grid

_COLOURS = LinearSegmentedColormap.from_list("ratio", [PALETTE[0], "#ffffff", PALETTE[1]])
"""Blue below the baseline, orange above it: told apart by every kind of colour vision, and by the numbers."""
_DARKEST = 0.8
"""Of the scale's half; beyond it a black number could not be read."""
_HATCH = "////"


@styled
def draw_heatmap(grid: Grid, *, quantity: str = "energy", stamp: str = "") -> Figure:
    """Ratios of the cells of two factors to the baseline's; of a third and more a panel for each of their levels.

    A cell without a run in the headline is hatched and says why; one with fewer runs than planned has their number.
    Raises ValueError where fewer than two factors have two levels.
    """
    layout = laid_out(grid)
    if layout is None:
        raise ValueError("a heat map needs two factors of two levels or more")
    rows = len(layout.along_levels)
    columns = _columns(layout)
    lines = -(-len(layout.panels) // columns)
    height_in = lines * (0.62 + (0.3 if layout.panels[0].title else 0.0) + rows * 0.34)
    figure = canvas(DOUBLE_IN, max(1.4, height_in))
    axes = list(figure.subplots(lines, columns, squeeze=False).flat)
    named_in = 0.5 + min(16, max(map(len, layout.along_levels))) / characters_per_inch(FONT_PT - 1)
    width_in = (DOUBLE_IN - named_in) / columns / len(layout.across_levels)
    most = _most(layout)
    for place, panel in enumerate(axes):
        if place >= len(layout.panels):
            panel.set_axis_off()
            continue
        _panel(panel, layout, layout.panels[place], grid, most=most, width_in=width_in)
        if place % columns:
            panel.set_yticklabels([])
        else:
            panel.set_ylabel(fitted(visible(layout.along), 0.34 * rows + 0.3))
    handles = []
    if any(why(panel.cells.get(key)) for panel in layout.panels for key in _keys(layout)):
        handles.append(Patch(facecolor="white", edgecolor=FAINT, hatch=_HATCH, label="no run in the headline, and why"))
    if any(_of_baseline(cell, grid) for panel in layout.panels for cell in panel.cells.values()):
        handles.append(Patch(facecolor="white", edgecolor=INK, linewidth=1.4, label="baseline"))
    notes = [
        f"{quantity}: ratio to {shortly(grid.baseline)}. Blue is less, orange is more; intervals stand in the table.",
        f"The first {len(layout.panels)} of {len(layout.panels) + layout.left_out} parts." if layout.left_out else "",
    ]
    return finish(figure, legend=handles, notes=[" ".join(note for note in notes if note)], stamp=stamp)


def _columns(layout: Layout) -> int:
    """Panels beside one another, as long as a number fits into a cell."""
    fitting = int((DOUBLE_IN - 0.9) / (0.46 * len(layout.across_levels)))
    return max(1, min(len(layout.panels), fitting, 3))


def _keys(layout: Layout) -> list[tuple[str, str]]:
    return [(across, along) for along in layout.along_levels for across in layout.across_levels]


def _most(layout: Layout) -> float:
    """The largest ratio, or inverse of one, by which the scale is symmetric about 1."""
    values = [
        abs(math.log(cell.ratio.value))
        for panel in layout.panels
        for cell in panel.cells.values()
        if cell.ratio is not None and cell.ratio.value
    ]
    return math.exp(max([*values, 0.005]) / _DARKEST)


def _of_baseline(cell: Cell, grid: Grid) -> bool:
    return cell.configuration == grid.baseline


def _panel(axes: Axes, layout: Layout, panel: Panel, grid: Grid, *, most: float, width_in: float) -> None:
    norm = LogNorm(1 / most, most)
    letters = max(3, int(width_in * characters_per_inch(TINY_PT)))
    for (across, along), (x, y) in zip(_keys(layout), _places(layout), strict=True):
        cell = panel.cells.get((across, along))
        said = why(cell)
        corner = (x - 0.5, y - 0.5)
        if said or cell is None or cell.ratio is None or cell.ratio.value is None:
            axes.add_patch(Rectangle(corner, 1, 1, facecolor="white", edgecolor=FAINT, hatch=_HATCH, lw=0.4))
            text = labels([said], width=letters, lines=2)[said]
            box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
            axes.text(x, y, text, ha="center", va="center", fontsize=TINY_PT, color=SOFT, bbox=box, linespacing=1.0)
            continue
        colour = _COLOURS(norm(cell.ratio.value))
        axes.add_patch(Rectangle(corner, 1, 1, facecolor=colour, edgecolor=GRID, lw=0.4))
        size = SMALL_PT if width_in >= 0.42 else TINY_PT
        digits = significant(cell.ratio.value, 3 if cell.ratio.value < 1 else 4)
        few = f"\nn = {cell.headline}" if cell.headline < cell.planned else ""
        axes.text(x, y, digits + few, ha="center", va="center", fontsize=size, color=INK, linespacing=1.0)
    for (x, y), key in zip(_places(layout), _keys(layout), strict=True):
        found = panel.cells.get(key)
        if found is not None and _of_baseline(found, grid):
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, edgecolor=INK, lw=1.4, zorder=5))
    axes.set_xlim(-0.5, len(layout.across_levels) - 0.5)
    axes.set_ylim(len(layout.along_levels) - 0.5, -0.5)
    wide = max(4, int(width_in * characters_per_inch(FONT_PT - 1)) - 1)
    named = labels(layout.across_levels, width=wide, lines=3)
    axes.set_xticks(range(len(layout.across_levels)), [named[level] for level in layout.across_levels])
    down = labels(layout.along_levels, width=16, lines=2)
    axes.set_yticks(range(len(layout.along_levels)), [down[level] for level in layout.along_levels])
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel(fitted(visible(layout.across), width_in * len(layout.across_levels)))
    if panel.title:
        axes.set_title(titled(panel, width_in * len(layout.across_levels)), fontsize=FONT_PT - 1, loc="left", pad=3)


def _places(layout: Layout) -> list[tuple[int, int]]:
    return [(x, y) for y in range(len(layout.along_levels)) for x in range(len(layout.across_levels))]
