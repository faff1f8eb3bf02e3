"""The smallest difference that a night sees against its runs, with what so many runs take and use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray

from analysis.figures.style import DOUBLE_IN, FAINT, GRID, INK, PALETTE, SINGLE_IN, canvas, finish, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

HIGHEST_PCT, LOWEST_PCT = 100.0, 0.01
"""What the axis of differences shows at most and at least."""
_WIDE = 1000
"""A logarithmic axis that spans more has too many labels at 1, 2 and 5."""


@dataclass(frozen=True)
class Wanted:
    """A difference that is to be found, per cent, and the runs that it needs: by the pilot, and as advised."""

    effect_pct: float
    runs: int | None
    advised: int | None


@dataclass(frozen=True)
class PerRun:
    """What one run of each configuration takes and uses, in units for people; None where it is not known."""

    time: float | None = None
    time_unit: str = "h"
    energy: float | None = None
    energy_unit: str = "kJ"


@styled
def draw_smallest(
    curve: pd.DataFrame,
    wanted: Sequence[Wanted],
    *,
    noun: str = "blocks",
    band: str = "",
    cost: PerRun | None = None,
    notes: Sequence[str] = (),
    stamp: str = "",
) -> Figure:
    """Smallest difference, per cent, against runs, both logarithmic; beside it time and energy, where they are known.

    ``curve``: runs, smallest_pct, low_pct, high_pct; NaN where beyond what is told. ``band``: what the band is.
    """
    cost = cost or PerRun()
    is_costed = cost.time is not None or cost.energy is not None
    figure = canvas(DOUBLE_IN if is_costed else SINGLE_IN, 2.8)
    panels: list[Axes] = list(figure.subplots(1, 2 if is_costed else 1, squeeze=False).flat)
    main, rows = panels[0], curve.sort_values("runs")
    runs = rows["runs"].to_numpy(float)
    low, high = (rows[name].fillna(HIGHEST_PCT * 10).to_numpy(float) for name in ("low_pct", "high_pct"))
    main.fill_between(runs, low, high, color=PALETTE[0], alpha=0.18, lw=0)
    main.plot(runs, rows["smallest_pct"], color=PALETTE[0], marker="o", ms=2.5)
    legend: list[Line2D | Patch] = [
        Line2D([], [], color=PALETTE[0], marker="o", ms=2.5, label="smallest difference that is found"),
    ]
    legend += [Patch(color=PALETTE[0], alpha=0.18, lw=0, label=band)] if band else []
    for item in wanted:
        main.axhline(item.effect_pct, color=FAINT, lw=0.7, ls=(0, (4, 1.5)), zorder=1)
        # Runs are whole: at the runs needed a little less than what is wanted is seen.
        for count, fill in ((item.runs, PALETTE[1]), (item.advised, "white")):
            if count is not None and runs.min() <= count <= runs.max():
                main.plot([count], [item.effect_pct], marker="D", ms=4, color=PALETTE[1], mfc=fill, ls="", zorder=4)
                main.annotate(
                    str(count), (count, item.effect_pct), (0, 4), textcoords="offset points", ha="center", va="bottom",
                    fontsize=6, color=INK, zorder=5,
                )  # fmt: skip
    if wanted:
        legend += [
            Line2D([], [], color=FAINT, lw=0.7, ls=(0, (4, 1.5)), label="wanted"),
            Line2D([], [], color=PALETTE[1], marker="D", ms=4, ls="", label=f"{noun} needed"),
            Line2D([], [], color=PALETTE[1], marker="D", mfc="white", ms=4, ls="", label=f"{noun} advised"),
        ]
    shown = [*low, *rows["smallest_pct"].dropna(), *(item.effect_pct for item in wanted)]
    most = [*rows["smallest_pct"].dropna(), *high[high <= HIGHEST_PCT]]
    _in_steps(main, (max(0.8 * min(shown), LOWEST_PCT), min(1.3 * max(most, default=HIGHEST_PCT), HIGHEST_PCT)))
    main.set_ylabel("smallest difference (%)")
    for panel in panels:
        _runs_axis(panel, float(runs.min()), float(runs.max()), noun)
    if is_costed:
        _cost(panels[1], runs, cost)
    return finish(figure, legend=legend, notes=notes, stamp=stamp, most_columns=3)


def _runs_axis(panel: Axes, least: float, most: float, noun: str) -> None:
    panel.set_xscale("log")
    panel.set_xlim(0.9 * least, 1.15 * most)
    _steps(panel.xaxis, most / least)
    panel.set_xlabel(noun if noun == "blocks" else f"{noun} of each configuration")
    panel.grid(color=GRID)


def _cost(panel: Axes, runs: NDArray[np.float64], cost: PerRun) -> None:
    """One line for both, which are proportional to the runs: time on the left axis, energy on the right one."""
    scale, label = (
        (cost.time, f"takes ({cost.time_unit})")
        if cost.time is not None
        else (cost.energy or 0.0, f"energy ({cost.energy_unit})")
    )
    panel.plot(runs, runs * scale, color=PALETTE[2])
    panel.set_ylabel(label)
    _in_steps(panel, (0.8 * runs.min() * scale, 1.25 * runs.max() * scale))
    if cost.time is not None and cost.energy is not None:
        ratio = cost.energy / cost.time
        beside = panel.twinx()
        beside.spines["right"].set_visible(True)
        low, high = panel.get_ylim()
        _in_steps(beside, (ratio * low, ratio * high))
        beside.set_ylabel(f"energy ({cost.energy_unit})")


def _in_steps(panel: Axes, edges: tuple[float, float]) -> None:
    """A logarithmic upright axis."""
    panel.set_yscale("log")
    panel.set_ylim(*edges)
    _steps(panel.yaxis, edges[1] / edges[0])


def _steps(axis: Axis, span: float) -> None:
    """Ticks at 1, 2 and 5 of each decade, at 1 alone where there are many."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if span < _WIDE else (1.0,)))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(NullFormatter())
