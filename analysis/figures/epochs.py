"""Learning, epoch by epoch: the metrics that a workload's epoch marks carry, training beside validation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analysis.figures.panels import first_of, outer_labels, small_panels, whole_numbers
from analysis.figures.runs import order_of
from analysis.figures.style import DOUBLE_IN, FAINT, INK, canvas, finish, looks, styled
from analysis.labels import labels

if TYPE_CHECKING:
    import pandas as pd

METRICS = ("loss", "accuracy")
"""Drawn where marks give them; ``val_`` before the name is the same on validation data."""
_EPOCH = re.compile(r"epoch (\d{1,6})")
_TOGETHER = 6


def by_epoch(phases: pd.DataFrame) -> pd.DataFrame:
    """One row a (configuration, epoch, metric): mean, low and high (least and greatest run) and n over runs.

    ``phases``: configuration, phase, metric.<name>…; phases that are not called "epoch <number>" are passed over, and
    so are values that are not finite numbers.
    """
    import pandas as pd

    number = phases["phase"].map(lambda name: int(found[1]) if (found := _EPOCH.fullmatch(str(name))) else -1)
    wanted = [f"metric.{prefix}{name}" for name in METRICS for prefix in ("", "val_")]
    present = [column for column in wanted if column in phases]
    empty = pd.DataFrame(columns=["configuration", "metric", "epoch", "mean", "low", "high", "n"])
    if not present:
        return empty
    rows = phases.assign(epoch=number)[number >= 0]
    long = rows.melt(["configuration", "epoch"], present, var_name="metric", value_name="value")
    long["value"] = pd.to_numeric(long["value"], errors="coerce")
    long = long[np.isfinite(long["value"].to_numpy(dtype=float))]
    if long.empty:
        return empty
    long["metric"] = long["metric"].str.removeprefix("metric.")
    grouped = long.groupby(["configuration", "metric", "epoch"], sort=True)["value"]
    table: pd.DataFrame = grouped.agg(mean="mean", low="min", high="max", n="size").reset_index()
    return table


def kinds_of(learning: pd.DataFrame) -> list[str]:
    """Which of ``METRICS`` were reported, of training or validation."""
    return [kind for kind in METRICS if learning["metric"].isin([kind, f"val_{kind}"]).any()]


def left_out(learning: pd.DataFrame) -> list[str]:
    """What ``draw_epochs`` has no place for where there are many configurations: each needs a figure of its own."""
    return kinds_of(learning)[:-1] if learning["configuration"].nunique() > _TOGETHER else []


@styled
def draw_epochs(
    learning: pd.DataFrame, *, metric: str = "", configurations: Sequence[str] = (), stamp: str = ""
) -> Figure:
    """Mean over runs of loss and accuracy per epoch, least to greatest run as a band; validation is dashed.

    ``learning`` is what ``by_epoch`` gives. More than six configurations: a small panel each, of ``metric``; left out,
    of accuracy where there is one, else of loss.
    """
    names, rest = first_of(order_of(learning, configurations))
    kinds = kinds_of(learning)
    validated = learning["metric"].str.startswith("val_").any()
    of = looks(names)
    if len(names) > _TOGETHER:
        kind = metric or kinds[-1]
        figure, panels = small_panels(names)
        for name, panel in zip(names, panels, strict=True):
            _lines(panel, learning[learning["configuration"] == name], kind, of[name].colour)
        outer_labels(panels, "epoch", kind)
        legend: list[Line2D | Patch] = []
    else:
        figure = canvas(DOUBLE_IN, 2.4)
        for place, kind in enumerate(kinds):
            axes = figure.add_subplot(1, len(kinds), place + 1)
            for name in names:
                _lines(axes, learning[learning["configuration"] == name], kind, of[name].colour)
            axes.set_xlabel("epoch")
            axes.set_ylabel(kind)
            axes.grid(axis="y")
        shown = labels(names, width=30, lines=2)
        legend = [
            Line2D([], [], color=of[name].colour, label=f"{shown[name]} (n = {_count(learning, name)})")
            for name in names
        ]
    for axes in figure.axes:
        whole_numbers(axes)
    legend += [Line2D([], [], color=INK, lw=1.0, label="training")] if validated else []
    legend += [Line2D([], [], color=INK, lw=1.0, ls=(0, (4, 2)), label="validation")] if validated else []
    legend += [Patch(facecolor=FAINT, alpha=0.3, label="least to greatest run")] if learning["n"].max() > 1 else []
    said = " ".join(["Means over the valid runs, as the workload reports them.", *rest])
    return finish(figure, legend=legend, notes=[said], stamp=stamp)


def _count(learning: pd.DataFrame, name: str) -> str:
    """Runs behind each epoch: with early stopping, fewer and fewer."""
    counts = learning.loc[learning["configuration"] == name, "n"]
    low, high = int(counts.min()), int(counts.max())
    return str(low) if low == high else f"{high} to {low}"


def _lines(axes: Axes, rows: pd.DataFrame, kind: str, colour: str) -> None:
    for metric, dash in ((kind, "-"), (f"val_{kind}", (0, (4, 2)))):
        mine = rows[rows["metric"] == metric].sort_values("epoch")
        if mine.empty:
            continue
        mark = "o" if len(mine) == 1 else None
        axes.plot(mine["epoch"], mine["mean"], color=colour, lw=1.0, ls=dash, marker=mark, ms=3, zorder=3)
        if mine["n"].max() > 1:
            axes.fill_between(mine["epoch"], mine["low"], mine["high"], color=colour, alpha=0.14, lw=0, zorder=2)
