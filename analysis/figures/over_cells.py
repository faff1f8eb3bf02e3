"""Ratios within cells: one line a pair, one dot a cell, and their geometric mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures.style import DOUBLE_IN, INK, PALETTE, canvas, finish, fitted, styled
from analysis.figures.ticks import mark_ratios
from analysis.labels import labels

if TYPE_CHECKING:
    from analysis.cell_findings import OverCells
    from analysis.findings import Comparison

MOST = 24
"""So many pairs at most are drawn; the table has them all."""


@styled
def draw_over_cells(
    pairs: Sequence[OverCells],
    of: Mapping[tuple[str, str], Sequence[Comparison]],
    *,
    quantity: str,
    stamp: str = "",
) -> Figure:
    """Each pair's ratios over the cells on a logarithmic axis; filled dots are told apart, hollow ones are not.

    ``of`` gives the comparisons of a pair. Dots are spread up and down in the cells' order, so that none hides another.
    """
    shown = pairs[:MOST]
    figure = canvas(DOUBLE_IN, 0.9 + 0.42 * len(shown))
    axes = figure.subplots()
    values: list[float] = [1.0]
    for place, pair in enumerate(shown):
        mine = of[pair.configuration, pair.baseline]
        told = [(item.ratio.value, item.decision in ("lower", "higher")) for item in mine if item.ratio.value]
        spread = np.linspace(-0.28, 0.28, len(told)) if len(told) > 1 else np.zeros(1)
        for (value, is_apart), aside in zip(told, spread, strict=False):
            face = PALETTE[0] if is_apart else "white"
            axes.plot(value, place + aside, "o", ms=3.4, mfc=face, mec=PALETTE[0], mew=0.8, alpha=0.85)
        values += [value for value, _ in told]
        if pair.ratio.value:
            axes.plot([pair.ratio.value] * 2, [place - 0.36, place + 0.36], color=PALETTE[1], lw=2.0, zorder=4)
    axes.axvline(1.0, color=INK, lw=0.8, zorder=1)
    names = labels([name for pair in shown for name in (pair.configuration, pair.baseline)], width=34, lines=1)
    axes.set_yticks(range(len(shown)), [f"{names[p.configuration]}\n/ {names[p.baseline]}" for p in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xscale("log")
    low, high = min(values) / 1.06, max(values) * 1.06
    axes.set_xlim(low, high)
    mark_ratios(axes.xaxis, low, high)
    axes.grid(axis="x")
    axes.set_xlabel(fitted(f"{quantity}: configuration / baseline (logarithmic)", 5.2))
    legend = [
        Line2D([], [], ls="", marker="o", ms=3.4, mfc=PALETTE[0], mec=PALETTE[0], label="a cell, told apart"),
        Line2D([], [], ls="", marker="o", ms=3.4, mfc="white", mec=PALETTE[0], label="a cell, not told apart"),
        Line2D([], [], color=PALETTE[1], lw=2.0, label="geometric mean over the cells"),
    ]
    more = f" {len(shown)} of {len(pairs)} pairs are drawn; the table has them all." if len(pairs) > len(shown) else ""
    return finish(figure, legend=legend, notes=[f"Left of 1 the configuration uses less.{more}"], stamp=stamp)
