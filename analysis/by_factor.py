"""The figures of a grid of factors and of a trade-off, with what stands beside them."""

from __future__ import annotations

import functools

from analysis.explore.pareto import explore_pareto
from analysis.figures.grids import laid_out
from analysis.figures.heatmap import draw_heatmap
from analysis.figures.interaction import draw_interaction
from analysis.figures.pareto import draw_pareto
from analysis.illustration import Illustration
from analysis.numbers import estimate
from analysis.study import Study

STEMS = ("interaction", "heatmap", "pareto")
_NAMED = 8
"""So many configurations at most are read out where a figure cannot be seen."""
_MOST_LINES = 7
"""Of more levels an interaction plot would be a tangle: the heat map has them."""


def by_factor(study: Study) -> list[Illustration]:
    """Interaction plot and heat map where two factors vary, the Pareto front where two configurations can be placed."""
    found = (_interaction(study), _heatmap(study), _pareto(study))
    return [item for item in found if item is not None]


def _read(study: Study) -> str | None:
    """The ratios in words; None where there is no grid of two factors with a ratio in it."""
    grid = study.findings.grid
    if grid is None or laid_out(grid) is None:
        return None
    told = [cell for cell in grid.cells if cell.ratio is not None and cell.ratio.value is not None]
    if len(told) < 2:
        return None
    more = f", and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    return "; ".join(f"{cell.configuration}: {estimate(cell.ratio)}" for cell in told[:_NAMED]) + more


def _interaction(study: Study) -> Illustration | None:
    grid, read = study.findings.grid, _read(study)
    layout = None if grid is None else laid_out(grid)
    if grid is None or read is None or layout is None or len(layout.along_levels) > _MOST_LINES:
        return None
    named = {"quantity": study.response.label, "stamp": study.findings.first_line}
    return Illustration(
        "interaction",
        f"Does {layout.along} matter alike at every {layout.across}?",
        f"Ratio to the baseline over {layout.across}, a line for each {layout.along}: where lines are not parallel, "
        "what one factor does depends on the other.",
        f"Ratios to {grid.baseline}. {read}",
        functools.partial(draw_interaction, grid, **named),
    )


def _heatmap(study: Study) -> Illustration | None:
    grid, read = study.findings.grid, _read(study)
    if grid is None or read is None:
        return None
    named = {"quantity": study.response.label, "stamp": study.findings.first_line}
    lost = sum(not cell.is_there for cell in grid.cells)
    return Illustration(
        "heatmap",
        "Every cell of the grid",
        f"Ratio to {grid.baseline}."
        + (
            f" {lost} of {len(grid.cells)} cells have no run in the headline: hatched, with the reason." if lost else ""
        ),
        f"Ratios to {grid.baseline}. {read}",
        functools.partial(draw_heatmap, grid, **named),
    )


def _pareto(study: Study) -> Illustration | None:
    found = study.findings.tradeoff
    if found is None or sum(not point.note for point in found.points) < 2:
        return None
    front = [point for point in found.points if point.on_front]
    names = ", ".join(point.configuration for point in front[:_NAMED])
    more = f" and {len(front) - _NAMED} more" if len(front) > _NAMED else ""
    return Illustration(
        "pareto",
        f"What a better {found.metric} costs",
        "The configurations that no other beats in both, and in how many resamples of the night they stay so.",
        f"Pareto front of {found.metric} against {found.response}: {names}{more}.",
        functools.partial(draw_pareto, found, stamp=study.findings.first_line),
        functools.partial(explore_pareto, found),
    )


def why_not(study: Study) -> dict[str, str]:
    """Of each configuration without a run in the headline, what became of it: "retired"."""
    grid = study.findings.grid
    return {} if grid is None else {cell.configuration: cell.outcome for cell in grid.cells if not cell.is_there}
