"""What figures of a grid share: which factors lie where, and which cells there are."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.figures.style import FONT_PT, characters_per_inch
from analysis.labels import labels

if TYPE_CHECKING:
    from analysis.grid_findings import Cell, Grid

SHORT = {
    "retired": "retired",
    "failed": "failed",
    "refused": "refused",
    "invalid": "invalid",
    "flagged": "flagged",
    "no value": "no value",
    "not run": "not run",
    "not planned": "not planned",
    "excluded": "excluded",
}
"""Why a cell has no ratio, in so few letters that they fit into it."""
MOST_PANELS = 6


@dataclass(frozen=True)
class Panel:
    """One part of a grid: two factors, at one combination of the others' levels."""

    title: str
    cells: dict[tuple[str, str], Cell]
    """By level of the factor across and of that along."""


@dataclass(frozen=True)
class Layout:
    """Which factor lies across, which along, and a panel for each combination of the others' levels."""

    across: str
    along: str
    across_levels: tuple[str, ...]
    along_levels: tuple[str, ...]
    panels: tuple[Panel, ...]
    left_out: int


def laid_out(grid: Grid) -> Layout | None:
    """The factor with most levels across, the next along, panels for the rest; None for fewer than two factors."""
    varied = [place for place, levels in enumerate(grid.levels) if len(levels) > 1]
    if len(varied) < 2:
        return None
    across, along, *rest = sorted(varied, key=lambda place: -len(grid.levels[place]))
    rest.sort()
    combinations = list(itertools.product(*(grid.levels[place] for place in rest)))
    panels = []
    for levels in combinations[:MOST_PANELS]:
        wanted = dict(zip(rest, levels, strict=True))
        cells = {
            (cell.levels[across], cell.levels[along]): cell
            for cell in grid.cells
            if all(cell.levels[place] == level for place, level in wanted.items())
        }
        title = ", ".join(f"{grid.factors[place]} = {level}" for place, level in wanted.items())
        panels.append(Panel(title, cells))
    return Layout(
        grid.factors[across],
        grid.factors[along],
        grid.levels[across],
        grid.levels[along],
        tuple(panels),
        len(combinations) - len(panels),
    )


def why(cell: Cell | None) -> str:
    """Why a cell has no ratio; empty where it has one."""
    if cell is None:
        return "not planned"
    if cell.ratio is not None and cell.ratio.value is not None:
        return ""
    return SHORT.get(cell.outcome, "no ratio")


def titled(panel: Panel, width_in: float) -> str:
    """The title of a panel, in one line that is no longer than it."""
    width = max(8, int(width_in * characters_per_inch(FONT_PT - 1)) - 2)
    return labels([panel.title], width=width, lines=1)[panel.title]


def shortly(name: str) -> str:
    """A configuration's name, short enough for a note."""
    return labels([name], width=70, lines=1)[name]
