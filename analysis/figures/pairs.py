"""The pairs: every block's energies joined, and the ratio within each block around the estimate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analysis.figures.runs import draw_state, order_of, state_handles
from analysis.figures.style import (
    DOUBLE_IN,
    FAINT,
    INK,
    canvas,
    finish,
    fitted,
    looks,
    outer_labels,
    small_panels,
    styled,
    whole_numbers,
)
from analysis.labels import labels
from analysis.numbers import scale

if TYPE_CHECKING:
    import pandas as pd

    from analysis.findings import Comparison

_TOGETHER = 6


@styled
def draw_pairs(
    runs: pd.DataFrame,
    comparisons: Sequence[Comparison],
    *,
    quantity: str = "energy",
    unit: str = "J",
    configurations: Sequence[str] = (),
    stamp: str = "",
) -> Figure:
    """Energy of each block, its runs joined by a line; below, each block's ratio to the baseline.

    ``runs``: configuration, block, value (in ``unit``), state. ``comparisons``: those drawn below, with the interval
    of their ratio. More than six configurations: only the ratios, a small panel each. Flagged runs stay visible; a
    pair with a flagged run is hollow. Without a baseline to compare with, only the upper panel is drawn.
    """
    rows = runs[np.isfinite(runs["value"].to_numpy(dtype=float)) & (runs["state"] != "excluded")]
    names = order_of(rows, configurations)
    ratio_of = {item.configuration: item for item in comparisons if item.baseline == _baseline(comparisons)}
    if len(names) > _TOGETHER and ratio_of:
        return _panels(rows, [name for name in names if name in ratio_of], ratio_of, stamp)
    figure = canvas(DOUBLE_IN, 3.6 if ratio_of else 2.3)
    panels: list[Axes] = list(figure.subplots(2, 1, sharex=True, height_ratios=(1.3, 1))) if ratio_of else []
    upper = panels[0] if panels else figure.add_subplot()
    factor, shown_unit = scale(rows["value"], unit)
    of = looks(names)
    span = rows.groupby("block")["value"].agg(["min", "max"]) / factor
    upper.vlines(span.index, span["min"], span["max"], color=FAINT, lw=0.6, zorder=1)
    for name in names:
        for state in ("headline", "outlier"):
            mine = rows[(rows["configuration"] == name) & (rows["state"] == state)]
            draw_state(upper, mine["block"], mine["value"] / factor, state=state, colour=of[name].colour)
    upper.set_ylabel(fitted(f"{quantity}, {shown_unit}", 1.6))
    upper.grid(axis="y")
    bottom = upper
    if panels:
        bottom = panels[1]
        for name, comparison in ratio_of.items():
            _ratio(bottom, rows, comparison, of[name].colour if name in of else INK)
        bottom.set_ylabel("ratio within the block")
        bottom.grid(axis="y")
    bottom.set_xlabel("block")
    whole_numbers(bottom)
    shown = labels(names, width=36, lines=2)
    legend = [
        Line2D([], [], ls="none", marker="o", ms=4, color=of[name].colour, label=shown[name]) for name in names
    ] + [handle for handle in state_handles(rows) if handle.get_marker() != "o"]
    return finish(figure, legend=[*legend, *_ratio_handles(ratio_of)], notes=_notes(comparisons), stamp=stamp)


def within_block(runs: pd.DataFrame, configuration: str, baseline: str) -> pd.DataFrame:
    """One row a complete pair: block, ratio (configuration / baseline), flagged (either of the two is an outlier)."""
    sides = []
    for name in (configuration, baseline):
        mine = runs[(runs["configuration"] == name) & (runs["state"] != "excluded")]
        sides.append(mine.drop_duplicates("block", keep="last").set_index("block")[["value", "state"]])
    both = sides[0].merge(sides[1], left_index=True, right_index=True, suffixes=("_of", "_base"))
    both = both[(both["value_of"] > 0) & (both["value_base"] > 0)]
    return (
        both.assign(
            ratio=both["value_of"] / both["value_base"],
            flagged=(both["state_of"] == "outlier") | (both["state_base"] == "outlier"),
        )[["ratio", "flagged"]]
        .sort_index()
        .reset_index()
    )


def _ratio(axes: Axes, rows: pd.DataFrame, comparison: Comparison, colour: str, *, centred: bool = False) -> None:
    """The ratio of each block with the estimate and its interval; ``centred``: as deviations from the estimate in %."""
    found = within_block(rows, comparison.configuration, comparison.baseline)
    middle = comparison.ratio.value
    if centred and middle is None:
        middle = float(found["ratio"].median()) if len(found) else 1.0

    def placed(ratio: float) -> float:
        return 100 * (ratio / middle - 1) if centred and middle else ratio

    found = found.assign(ratio=found["ratio"].map(placed))
    for flagged, state in ((False, "headline"), (True, "outlier")):
        mine = found[found["flagged"] == flagged]
        draw_state(axes, mine["block"], mine["ratio"], state=state, colour=colour)
    ratio = comparison.ratio
    if ratio.value is not None:
        axes.axhline(placed(ratio.value), color=colour, lw=0.9, zorder=2)
    if ratio.low is not None and ratio.high is not None:
        axes.axhspan(placed(ratio.low), placed(ratio.high), color=colour, alpha=0.18, lw=0, zorder=1)


def _panels(rows: pd.DataFrame, names: Sequence[str], ratio_of: dict[str, Comparison], stamp: str) -> Figure:
    figure, panels = small_panels(names)
    of = looks(names)
    for name, panel in zip(names, panels, strict=True):
        _ratio(panel, rows, ratio_of[name], of[name].colour, centred=True)
    for panel in panels:
        whole_numbers(panel)
    outer_labels(panels, "block", "deviation of the block's ratio from the estimate, %")
    comparisons = list(ratio_of.values())
    return finish(
        figure, legend=[*state_handles(rows), *_ratio_handles(ratio_of)], notes=_notes(comparisons), stamp=stamp
    )


def _ratio_handles(ratio_of: dict[str, Comparison]) -> list[Patch]:
    if not any(item.ratio.low is not None for item in ratio_of.values()):
        return []
    return [Patch(facecolor=FAINT, alpha=0.35, label="estimated ratio with its interval")]


def _notes(comparisons: Sequence[Comparison]) -> list[str]:
    baseline = _baseline(comparisons)
    shown = labels([baseline], width=60, lines=1)[baseline] if baseline else ""
    return [f"Baseline: {shown}. The axes do not begin at zero." if baseline else "The axis does not begin at zero."]


def _baseline(comparisons: Sequence[Comparison]) -> str:
    return comparisons[0].baseline if comparisons else ""
