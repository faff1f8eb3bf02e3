"""The pairs: every block's energies joined, and the ratio within each block around the estimate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analysis.figures.panels import outer_labels, small_panels, whole_numbers
from analysis.figures.runs import draw_state, order_of, state_handles
from analysis.figures.style import DOUBLE_IN, FAINT, canvas, finish, fitted, looks, styled
from analysis.labels import labels
from analysis.numbers import scale

if TYPE_CHECKING:
    import pandas as pd

    from analysis.findings import Comparison

_TOGETHER = 6
MOST = 45
"""Comparisons in panels of their own: what a page holds."""


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
    of their ratio. More than six configurations, or one of them in several comparisons: only the ratios, a small panel
    each, the first ``MOST`` of them. Flagged runs stay visible; a pair with a flagged run is hollow. Without a baseline
    to compare with, only the upper panel is drawn.
    """
    rows = runs[np.isfinite(runs["value"].to_numpy(dtype=float)) & (runs["state"] != "excluded")]
    names = order_of(rows, configurations)
    drawn = [item for item in comparisons if {item.configuration, item.baseline} <= set(names)]
    if drawn and (len(names) > _TOGETHER or len({item.configuration for item in drawn}) < len(drawn)):
        return _panels(rows, names, drawn, stamp)
    figure = canvas(DOUBLE_IN, 3.6 if drawn else 2.3)
    panels: list[Axes] = list(figure.subplots(2, 1, sharex=True, height_ratios=(1.3, 1))) if drawn else []
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
        for item in drawn:
            _ratio(bottom, rows, item, of[item.configuration].colour)
        bottom.set_ylabel("ratio within the block")
        bottom.grid(axis="y")
    bottom.set_xlabel("block")
    whole_numbers(bottom)
    shown = labels(names, width=36, lines=2)
    legend = [
        Line2D([], [], ls="none", marker="o", ms=4, color=of[name].colour, label=shown[name]) for name in names
    ] + [handle for handle in state_handles(rows) if handle.get_marker() != "o"]
    return finish(figure, legend=[*legend, *_ratio_handles(drawn)], notes=[_note(drawn)], stamp=stamp)


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


def _panels(rows: pd.DataFrame, names: Sequence[str], comparisons: Sequence[Comparison], stamp: str) -> Figure:
    shown = comparisons[:MOST]
    several = len(baselines(shown)) > 1
    figure, panels = small_panels(
        [item.configuration for item in shown], [item.baseline for item in shown] if several else ()
    )
    of = looks(names)
    for item, panel in zip(shown, panels, strict=True):
        _ratio(panel, rows, item, of[item.configuration].colour, centred=True)
    for panel in panels:
        whole_numbers(panel)
    outer_labels(panels, "block", "deviation from the estimate, %")
    more = f" {len(shown)} of {len(comparisons)} comparisons are drawn; the table has them all."
    to = "Each to the baseline after the stroke. The axes do not begin at zero." if several else _note(shown)
    note = f"Ratio of each block, against the estimated ratio. {to}"
    return finish(
        figure,
        legend=[*state_handles(rows), *_ratio_handles(shown)],
        notes=[note + (more if len(shown) < len(comparisons) else "")],
        stamp=stamp,
    )


def baselines(comparisons: Sequence[Comparison]) -> list[str]:
    """What is compared with, each once: one configuration, or one in each cell."""
    return list(dict.fromkeys(item.baseline for item in comparisons))


def _ratio_handles(comparisons: Sequence[Comparison]) -> list[Patch]:
    if not any(item.ratio.low is not None for item in comparisons):
        return []
    return [Patch(facecolor=FAINT, alpha=0.35, label="estimated ratio with its interval")]


def _note(comparisons: Sequence[Comparison]) -> str:
    found = baselines(comparisons)
    if not found:
        return "The axis does not begin at zero."
    if len(found) == 1:
        return f"Baseline: {labels(found, width=60, lines=1)[found[0]]}. The axes do not begin at zero."
    each = labels([name for item in comparisons for name in (item.configuration, item.baseline)], width=50, lines=1)
    read = "; ".join(f"{each[item.configuration]} / {each[item.baseline]}" for item in comparisons)
    return f"Ratios: {read}. The axes do not begin at zero."
