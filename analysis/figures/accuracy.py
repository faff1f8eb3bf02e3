"""Energy against accuracy: every run, and the mean of each configuration with its intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures.runs import order_of
from analysis.figures.shares import cut_share
from analysis.figures.style import DOUBLE_IN, FAINT, SINGLE_IN, Look, canvas, finish, fitted, looks, styled
from analysis.labels import labels, visible
from analysis.numbers import scale

if TYPE_CHECKING:
    import pandas as pd

    from analysis.findings import Group

_WITH_RUNS = 8
"""Up to so many configurations show every run; of more only the means are drawn."""
_NAMED, _TOLD = 12, 10
"""Up to so many configurations have a colour and a name each; of more, so many at most of those that no other beats."""


@styled
def draw_accuracy(
    runs: pd.DataFrame,
    groups: Sequence[Group],
    *,
    metric: str = "accuracy",
    quantity: str = "energy",
    unit: str = "J",
    configurations: Sequence[str] = (),
    stamp: str = "",
) -> Figure:
    """``runs.accuracy`` against ``runs.value`` (in ``unit``): less energy is left, a larger metric is up.

    ``runs``: configuration, value, accuracy, state; runs of the headline are drawn. ``groups`` give each
    configuration's means with their intervals; one without an interval is drawn without bars.
    """
    rows = runs[(runs["state"] == "headline") & np.isfinite(runs["value"]) & np.isfinite(runs["accuracy"])]
    names = order_of(rows, configurations)
    factor, shown_unit = scale(rows["value"], unit)
    few = len(names) <= _WITH_RUNS
    width_in = SINGLE_IN if len(names) <= 4 else DOUBLE_IN
    figure = canvas(width_in, 2.6 if few else 3.6)
    axes = figure.add_subplot()
    of = looks(names)
    shown = labels(names, width=36 if len(names) <= 12 else 30, lines=2 if few else 1)
    by_name = {group.configuration: group for group in groups}
    front = _unbeaten(rows, names)
    spread = np.unique(np.linspace(0, len(front) - 1, _TOLD).round().astype(int))
    told = names if len(names) <= _NAMED else [front[place] for place in spread]
    for name in names:
        mine = rows[rows["configuration"] == name]
        x, y = mine["value"].to_numpy(dtype=float) / factor, mine["accuracy"].to_numpy(dtype=float)
        look = of[name] if name in told else Look(FAINT, "o", "-")
        if few:
            axes.plot(x, y, look.marker, ms=2.4, mfc=look.colour, mec="none", alpha=0.45, zorder=2)
        _bars(axes, by_name.get(name), metric, factor, look.colour)
        axes.plot(
            [x.mean()],
            [y.mean()],
            look.marker,
            ms=6,
            mfc=look.colour,
            mec="white",
            mew=0.6,
            zorder=6 if name in told else 3,
        )
    axes.set_xlabel(fitted(f"{quantity}, {shown_unit}", width_in - 0.7))
    axes.set_ylabel(fitted(visible(metric), 2.2))
    axes.grid()
    scores = [group.metrics[metric] for group in groups if group.configuration in names and metric in group.metrics]
    cut = cut_share(axes, metric, scores)
    handles = [
        Line2D([], [], ls="none", marker=of[name].marker, color=of[name].colour, ms=5, label=shown[name])
        for name in told
    ]
    said = "Large marks: means of the headline's runs, bars: their intervals, each for itself."
    small = " Small marks: runs." if few else ""
    rest = len(names) - len(told)
    which = f"{len(told)} of the {len(front)}" if len(told) < len(front) else f"the {len(front)}"
    grey = f" In grey: {rest} more; named are {which} that no other beats in both means." if rest else ""
    ends = cut or "The axes do not begin at zero."
    return finish(figure, legend=handles, notes=[f"{said}{small}{grey} {ends}"], stamp=stamp)


def _unbeaten(rows: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Those whose means no other configuration beats in both energy and metric, the cheapest first."""
    means = rows.groupby("configuration")[["value", "accuracy"]].mean().loc[list(names)].sort_values("value")
    best = means["accuracy"].cummax().shift(fill_value=-np.inf)
    return [str(name) for name in means.index[means["accuracy"] > best]]


def _bars(axes: Axes, group: Group | None, metric: str, factor: float, colour: str) -> None:
    """The intervals of a group's mean energy and mean metric, as a cross."""
    if group is None or metric not in group.metrics:
        return
    energy, score = group.mean, group.metrics[metric]
    if energy.value is None or score.value is None:
        return
    line: dict[str, Any] = {"color": colour, "lw": 1.0, "zorder": 4}
    if energy.low is not None and energy.high is not None:
        axes.plot([energy.low / factor, energy.high / factor], [score.value] * 2, **line)
    if score.low is not None and score.high is not None:
        axes.plot([energy.value / factor] * 2, [score.low, score.high], **line)
