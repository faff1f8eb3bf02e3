"""Ratios with their intervals: a forest plot of every comparison, or of its split into mean power and duration."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from analysis.figures.style import (
    DOUBLE_IN,
    FAINT,
    INK,
    PALETTE,
    SMALL_PT,
    SOFT,
    canvas,
    finish,
    fitted,
    styled,
)
from analysis.labels import labels, visible
from analysis.numbers import estimate

if TYPE_CHECKING:
    from analysis.findings import Comparison, Estimate

MOST = 45
"""So many comparisons at most stand on one page of a figure; more are dealt out to several pages."""
_TWO_LINES = 12
_DOTTED = "; the dotted line is where the baseline would stand"


@styled
def draw_ratios(
    comparisons: Sequence[Comparison],
    *,
    quantity: str = "energy",
    stamp: str = "",
    why: Mapping[str, str] | None = None,
    page: int = 1,
) -> Figure:
    """A forest plot: for each comparison the ratio with its interval, and below it the same with all runs.

    Takes 1 to n comparisons; of more than ``MOST`` it draws the ``page`` that is asked for, all pages with one scale.
    More than ``_TWO_LINES`` with one baseline stand in the order of their ratios, the baseline between those below and
    above it. A comparison without a ratio keeps its line, grey, and says so, with the reason where ``why`` has one.
    """
    every = pages(comparisons)
    shown, note = every[page - 1], _of_pages(page, every)
    ordered = _ordered(comparisons)
    figure, axes, texts = _rows(shown, 1)
    panel = axes[0]
    reasons = why or {}
    dotted = False
    below = sum(item.ratio.value is not None and item.ratio.value < 1 for item in shown)
    if ordered and (0 < below < len(shown) or (below and len(every) == 1)):
        dotted = True
        panel.axhline(below - 0.5, color=INK, lw=0.6, ls=(0, (1, 2)), zorder=1)
    for place, comparison in enumerate(shown):
        if comparison.ratio.value is None:
            panel.axhspan(place - 0.5, place + 0.5, facecolor="white", edgecolor=FAINT, hatch="////", lw=0, alpha=0.5)
        _estimate(panel, comparison.ratio, place - 0.12, colour=PALETTE[0], hollow=False)
        _estimate(panel, comparison.ratio_all, place + 0.2, colour=FAINT, hollow=True)
        said = _words(comparison, reasons.get(comparison.configuration, reasons.get(comparison.baseline, "")))
        colour = INK if comparison.ratio.value is not None else SOFT
        texts.text(0.0, place, said, va="center", fontsize=SMALL_PT, linespacing=1.2, color=colour)
    _reference(panel, shown)
    _one_scale([panel], every)
    panel.set_xlabel(fitted(f"{quantity}: configuration / baseline", 4.0))
    level = _level(comparison.ratio for comparison in shown)
    legend = [
        _handle(PALETTE[0], f"ratio, {level} % interval" if level else "ratio", hollow=False),
        _handle(FAINT, "the same with all runs (no outlier removed)", hollow=True),
    ]
    if ordered:
        note = f"In the order of the ratios{_DOTTED if dotted else ''}. {note}"
    said = f"Left of 1 the configuration uses less than its baseline. {_baseline(comparisons)} {note}"
    return finish(figure, legend=legend, notes=[said], stamp=stamp)


@styled
def draw_decomposition(comparisons: Sequence[Comparison], *, stamp: str = "", page: int = 1) -> Figure:
    """Energy ratio = mean power ratio x duration ratio: three panels with one scale, one line a comparison.

    Of more than ``MOST`` comparisons the ``page`` that is asked for, as ``draw_ratios``.
    """
    every = pages(comparisons)
    chosen, note = every[page - 1], _of_pages(page, every)
    figure, axes, _ = _rows(chosen, 3)
    for place, comparison in enumerate(chosen):
        parts = (comparison.ratio, comparison.power_ratio, comparison.duration_ratio)
        for panel, item, colour in zip(axes, parts, PALETTE, strict=False):
            if item is not None:
                _estimate(panel, item, place, colour=colour, hollow=False)
    for panel, title in zip(axes, ("energy", "= mean power", "× duration"), strict=True):
        panel.set_title(title)
        panel.set_xlabel("ratio")
        panel.xaxis.set_major_locator(MaxNLocator(nbins=4))
        _reference(panel, chosen)
    level = _level(comparison.ratio for comparison in chosen)
    said = f"Bars: {level} % intervals, each for itself." if level else ""
    _one_scale(axes, every)
    text = f"Configuration / baseline; the three panels have one scale. {said} {_baseline(chosen)} {note}"
    return finish(figure, notes=[text], stamp=stamp)


def pages(comparisons: Sequence[Comparison]) -> list[list[Comparison]]:
    """The comparisons page by page, in the order in which they are drawn; one page at least, none longer than MOST."""
    shown = list(comparisons)
    if _ordered(shown):
        shown.sort(key=lambda item: math.inf if item.ratio.value is None else item.ratio.value)
    count = max(1, -(-len(shown) // MOST))
    edges = [round(place * len(shown) / count) for place in range(count + 1)]
    return [shown[begin:end] for begin, end in itertools.pairwise(edges)]


def _ordered(comparisons: Sequence[Comparison]) -> bool:
    return len(comparisons) > _TWO_LINES and len({item.baseline for item in comparisons}) == 1


def _of_pages(page: int, every: Sequence[Sequence[Comparison]]) -> str:
    if len(every) == 1:
        return ""
    first = sum(map(len, every[: page - 1])) + 1
    last, count = first + len(every[page - 1]) - 1, sum(map(len, every))
    return f"Page {page} of {len(every)}: comparisons {first} to {last} of {count}, all pages with one scale."


def _one_scale(axes: Sequence[Axes], every: Sequence[Sequence[Comparison]]) -> None:
    """The same ends of the axis on all pages; one page has its own."""
    if len(every) == 1:
        return
    parts = [
        part
        for page in every
        for item in page
        for part in (
            (item.ratio, item.ratio_all) if len(axes) == 1 else (item.ratio, item.power_ratio, item.duration_ratio)
        )
    ]
    values = [value for part in parts if part is not None for value in (part.value, part.low, part.high) if value]
    if values:
        low, high = min(*values, 1.0), max(*values, 1.0)
        axes[0].set_xlim(low - 0.04 * (high - low), high + 0.04 * (high - low))


def _rows(comparisons: Sequence[Comparison], panels: int) -> tuple[Figure, list[Axes], Axes]:
    """A line for each comparison, named at the left; ``panels`` panels, then room for text where there is one."""
    two = len(comparisons) <= _TWO_LINES
    figure = canvas(DOUBLE_IN, 0.55 + (0.36 if two else 0.185) * max(1, len(comparisons)) + (0.15 if panels > 1 else 0))
    widths = [1.0] * panels if panels > 1 else [1.0, 0.44]
    axes: list[Axes] = list(figure.subplots(1, len(widths), sharey=True, sharex=False, width_ratios=widths))
    if panels > 1:
        for panel in axes[1:]:
            panel.sharex(axes[0])
    axes[0].set_yticks(range(len(comparisons)), _names(comparisons, two))
    axes[0].set_ylim(max(1, len(comparisons)) - 0.4, -0.6)
    for panel in axes:
        panel.tick_params(axis="y", length=0)
        panel.grid(axis="x")
    texts = axes[-1]
    if panels == 1:
        texts.set_axis_off()
        texts.set_xlim(0, 1)
        axes = axes[:1]
    return figure, axes, texts


def _names(comparisons: Sequence[Comparison], two: bool) -> list[str]:
    """Row names; where all have one baseline and lines are scarce, the baseline is named only once, in the first."""
    one = labels([name for item in comparisons for name in (item.configuration, item.baseline)], width=34, lines=1)
    if two:
        return [f"{one[item.configuration]}\n/ {one[item.baseline]}" for item in comparisons]
    same = len({item.baseline for item in comparisons}) == 1
    return [
        one[item.configuration] + (f" / {one[item.baseline]}" if not same else " / baseline") for item in comparisons
    ]


def _baseline(comparisons: Sequence[Comparison]) -> str:
    names = {item.baseline for item in comparisons}
    return f"Baseline: {visible(names.pop())}." if len(names) == 1 and len(comparisons) > _TWO_LINES else ""


def _words(comparison: Comparison, why: str) -> str:
    if comparison.ratio.value is None:
        return f"cannot be told{f': {why}' if why else ''}"
    return f"{estimate(comparison.ratio)}  n = {comparison.ratio.n}"


def _estimate(axes: Axes, item: Estimate, place: float, *, colour: str, hollow: bool) -> None:
    if item.value is None:
        return
    if item.low is not None and item.high is not None:
        axes.plot([item.low, item.high], [place, place], color=colour, lw=0.9 if hollow else 1.5, zorder=3)
    face = "white" if hollow else colour
    axes.plot([item.value], [place], "o", ms=3.2 if hollow else 4.2, mfc=face, mec=colour, mew=0.9, zorder=4)


def _reference(axes: Axes, comparisons: Sequence[Comparison]) -> None:
    axes.axvline(1.0, color=INK, lw=0.8, zorder=1)
    values = [value for item in comparisons for value in (item.ratio.value, item.ratio.low, item.ratio.high) if value]
    if not values:
        axes.set_xlim(0.9, 1.1)
        axes.set_xticks([1.0])
    axes.margins(x=0.04)


def _level(items: Any) -> str:
    found = {item.level for item in items if item.level is not None}
    return f"{100 * found.pop():g}" if len(found) == 1 else ""


def _handle(colour: str, text: str, *, hollow: bool) -> Line2D:
    face = "white" if hollow else colour
    return Line2D([], [], color=colour, marker="o", ms=3.5, mfc=face, mec=colour, mew=0.9, lw=1.2, label=text)
