"""What figures of runs share: which configurations there are, and how a run's standing is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from analysis.figures.style import FAINT, INK

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Mark:
    """The shape of a run's point; ``size`` in points."""

    marker: str
    size: float
    hollow: bool
    text: str


STATES: Mapping[str, Mark] = {
    "headline": Mark("o", 3.0, False, "run of the headline"),
    "outlier": Mark("D", 4.5, True, "flagged as an outlier"),
    "excluded": Mark("x", 4.0, True, "excluded otherwise"),
}
"""A run's standing -> its shape: colour alone never says it."""


def order_of(rows: pd.DataFrame, configurations: Sequence[str]) -> list[str]:
    """The configurations that ``rows`` hold: in the given order where there is one, else as they come."""
    present = list(dict.fromkeys(rows["configuration"].tolist()))
    given = [name for name in configurations if name in set(present)]
    return given + [name for name in present if name not in set(given)]


def draw_state(axes: Axes, x: Any, y: Any, *, state: str, colour: str) -> None:
    """The points of runs of one standing and one colour."""
    mark = STATES[state]
    axes.plot(
        x,
        y,
        linestyle="none",
        marker=mark.marker,
        markersize=mark.size,
        markerfacecolor="none" if mark.hollow else colour,
        markeredgecolor=FAINT if state == "excluded" else colour,
        markeredgewidth=0.9 if mark.hollow else 0.0,
        alpha=1.0 if mark.hollow else 0.8,
        zorder=5 if mark.hollow else 3,
    )


def state_handles(rows: pd.DataFrame) -> list[Line2D]:
    """Legend entries of the standings that ``rows`` hold."""
    present = set(rows["state"].tolist())
    return [
        Line2D(
            [],
            [],
            linestyle="none",
            marker=mark.marker,
            markersize=mark.size,
            markerfacecolor="none" if mark.hollow else INK,
            markeredgecolor=FAINT if state == "excluded" else INK,
            label=mark.text,
        )
        for state, mark in STATES.items()
        if state in present
    ]


def within_reach(rows: pd.DataFrame, column: str = "value") -> tuple[pd.DataFrame, str]:
    """``rows`` with excluded runs that lie far from all others moved to the edge, and how many in words ("" for none).

    One invalid run of ten times the energy must not press all the others into a line.
    """
    values = rows[column].to_numpy(dtype=float)
    excluded = (rows["state"] == "excluded").to_numpy()
    kept = values[~excluded & np.isfinite(values)]
    if kept.size < 2 or np.ptp(kept) == 0:
        return rows, ""
    low, high = kept.min() - 0.25 * np.ptp(kept), kept.max() + 0.25 * np.ptp(kept)
    far = excluded & ((values < low) | (values > high))
    count = int(np.count_nonzero(far))
    moved = rows.assign(**{column: np.where(far, np.clip(values, low, high), values)})
    return moved, f"{count} excluded run{'s' if count > 1 else ''}" if count else ""
