"""Agreement after Bland and Altman: what two instruments differ by, against what they tell, one point a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures.runs import order_of
from analysis.figures.style import DOUBLE_IN, FAINT, INK, SMALL_PT, canvas, finish, looks, styled
from analysis.labels import labels, visible, wrapped
from analysis.numbers import decimals_for, fixed, scale

if TYPE_CHECKING:
    import pandas as pd

    from analysis.findings import Agreement, Estimate

MOST_PANELS = 8
"""A page holds no more of them; the others stand in the table."""
_ALONE_IN, _ROW_IN = 2.8, 2.15
_TITLE_LETTERS = 50
_WORDS_APART_PT, _PANEL_IN = 9.0, 1.4
"""So far apart are the words of two lines, on a panel that is at least so high."""
_LABEL_SHARE = 0.34
"""Of a panel's width, kept free of points for the words of the lines."""


@styled
def draw_agreement(
    points: pd.DataFrame,
    agreements: Sequence[Agreement],
    *,
    configurations: Sequence[str] = (),
    stamp: str = "",
) -> Figure:
    """One panel a pair of sources: difference in per cent of the mean of both, against that mean.

    ``points``: one row a (pair, run) with domain, one, other, configuration, mean_J, difference_pct. ``agreements``:
    the pairs that are drawn, with bias and limits; a line whose interval is known has it as a bar.
    """
    drawn = list(agreements[:MOST_PANELS])
    names = order_of(points, configurations)
    of = looks(names)
    alone = len(drawn) == 1
    rows = -(-len(drawn) // 2)
    figure = canvas(DOUBLE_IN, _ALONE_IN if alone else _ROW_IN * rows + 0.2)
    panels = figure.subplots(rows, 1 if alone else 2, squeeze=False)
    for place, panel in enumerate(panels.flat):
        if place >= len(drawn):
            panel.set_axis_off()
            continue
        item = drawn[place]
        mine = points[(points["domain"] == item.domain) & (points["one"] == item.one) & (points["other"] == item.other)]
        factor, unit = scale(mine["mean_J"], "J")
        for name in names:
            some = mine[mine["configuration"] == name]
            look = of[name]
            panel.plot(
                some["mean_J"] / factor,
                some["difference_pct"],
                look.marker,
                ms=3.4,
                mfc=look.colour,
                mec="none",
                alpha=0.8,
                zorder=4,
            )
        _frame(panel, mine["mean_J"].to_numpy(dtype=float) / factor, mine["difference_pct"].to_numpy(dtype=float), item)
        _lines(panel, item)
        letters = _TITLE_LETTERS * (2 if alone else 1)
        title = wrapped(
            f"{visible(item.domain)}: {visible(item.one)} − {visible(item.other)}, n = {len(mine)}", letters, 1
        )
        panel.set_title(title, fontsize=SMALL_PT + 0.5, loc="left", pad=3)
        panel.set_xlabel(f"mean of both, {unit}")
        panel.set_ylabel("difference, %")
    shown = labels(names, width=34, lines=2)
    legend = [
        Line2D([], [], ls="none", marker=of[name].marker, color=of[name].colour, ms=4, label=shown[name])
        for name in names
    ]
    return finish(figure, legend=legend, notes=[_note(agreements, drawn)], stamp=stamp)


def _frame(axes: Axes, means: np.ndarray, differences: np.ndarray, item: Agreement) -> None:
    """Limits that hold points, lines and bars, and leave room for the lines' words at the right."""
    ends = [end for line in _known(item) for end in (line.value, line.low, line.high) if end is not None]
    low, high = min([*differences, *ends]), max([*differences, *ends])
    tall = (high - low) or max(abs(high), 1.0) / 10
    if low > 0 > low - tall or high < 0 < high + tall:  # zero is shown where it does not press the rest together
        low, high = min(low, 0.0), max(high, 0.0)
        tall = high - low
    axes.set_ylim(low - 0.1 * tall, high + 0.12 * tall)
    left, right = float(means.min()), float(means.max())
    wide = (right - left) or 0.02 * max(right, 1e-9)
    axes.set_xlim(left - 0.06 * wide, right + wide * (0.06 + _LABEL_SHARE / (1 - _LABEL_SHARE) * 1.12))


def _lines(axes: Axes, item: Agreement) -> None:
    """Zero, the bias and the limits, each with its interval as a bar and its value in words."""
    low, high = axes.get_ylim()
    if low < 0 < high:
        axes.axhline(0, color=FAINT, lw=0.7, zorder=1)
    gap = _WORDS_APART_PT / 72 / _PANEL_IN * (high - low)
    middle = item.bias.value if item.bias is not None and item.bias.value is not None else 0.0
    dashed = (0, (4, 2))
    for word, line, dash, place, least, most in (
        ("bias", item.bias, "-", 0.69, low, high),
        ("lower limit", item.lower, dashed, 0.675, low, middle - gap),
        ("upper limit", item.upper, dashed, 0.705, middle + gap, high),
    ):
        if line is None or line.value is None:
            continue
        axes.axhline(line.value, color=INK, lw=0.9, ls=dash, zorder=3)
        if line.low is not None and line.high is not None:
            axes.plot(
                [place, place], [line.low, line.high], transform=axes.get_yaxis_transform(),
                color=INK, lw=0.9, marker="_", ms=4, mew=0.9, zorder=3,
            )  # fmt: skip
        axes.text(
            0.995, min(max(line.value, least), most), f"{word} {_percent(line)}",
            transform=axes.get_yaxis_transform(), ha="right", va="bottom", fontsize=SMALL_PT, color=INK, zorder=6,
        )  # fmt: skip


def _known(item: Agreement) -> list[Estimate]:
    return [line for line in (item.bias, item.lower, item.upper) if line is not None and line.value is not None]


def _percent(line: Estimate) -> str:
    """A line's value with its sign, in the digits that its interval warrants."""
    assert line.value is not None
    half = (line.high - line.low) / 2 if line.high is not None and line.low is not None else 0.0
    decimals = decimals_for(half) if half > 0 else 2
    return f"{'+' if line.value > 0 else ''}{fixed(line.value, max(0, min(decimals, 3)))} %"


def _note(agreements: Sequence[Agreement], drawn: Sequence[Agreement]) -> str:
    least = min(item.ratio.n for item in drawn)
    level = next((item.lower.level for item in drawn if item.lower is not None and item.lower.level), None)
    limits = f" Dashed: limits of agreement, between which {100 * level:g} % of them lie." if level else ""
    said = [
        f"Points: runs; differences in per cent of the mean of both. Full line: their mean.{limits} Bars: intervals."
    ]
    if least < 3:
        said.append("Limits need three runs.")
    elif least < 30:
        said.append(f"With n = {least} the limits are uncertain themselves.")
    if any(item.modelled for item in drawn):
        said.append("A modelled source is computed, not read: its differences say how good the model is.")
    if len(drawn) < len(agreements):
        said.append(f"The first {len(drawn)} of {len(agreements)} pairs; all are in the table.")
    return " ".join([*said, "The axes do not begin at zero."])
