"""Energy and learning, epoch by epoch, to explore."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.explore.chart import (
    BANDED,
    TOO_MANY,
    Chart,
    Trace,
    axis,
    dash_of,
    escaped,
    keys_of,
    numbers,
    pale,
    whole_axis,
)
from analysis.figures.energies import scaled
from analysis.figures.epochs import METRICS
from analysis.figures.runs import order_of
from analysis.figures.style import Look

if TYPE_CHECKING:
    import pandas as pd

_GAP = 0.09
"""Part of the height between two panels, for the axis of the upper one."""
_PX_A_PANEL = 230


def explore_energies(
    means: pd.DataFrame,
    *,
    quantity: str = "energy",
    band: str = "95 % interval of the mean",
    configurations: Sequence[str] = (),
) -> Chart:
    """Cumulative energy by epoch, that of each epoch, and accuracy for each Wh where it is told.

    ``means`` as ``figures.draw_energies`` has it; the panels lie one under the other, so that a phone shows them.
    """
    names = order_of(means, configurations)
    rows, units = scaled(means, names)
    panels = [
        ("cumulative_J", f"cumulative, {units['cumulative_J']}", units["cumulative_J"]),
        ("energy_J", f"of an epoch, {units['energy_J']}", units["energy_J"]),
    ]
    if np.isfinite(rows["efficiency"].to_numpy(dtype=float)).any():
        panels.append(("efficiency", "accuracy, %/Wh", "%/Wh"))
    traces: list[Trace] = []
    for place, (name, look) in enumerate(keys_of(names)):
        mine = rows[rows["configuration"] == name].sort_values("epoch")
        for number, (key, _, unit) in enumerate(panels):
            curve = {"value": mine[key], "low": mine[f"{key}_low"], "high": mine[f"{key}_high"]}
            told = mine.assign(**curve)
            traces += _curve(told, name, look, str(place), panel=number, unit=unit, shaded=len(names) <= BANDED)
    efficient = " Accuracy is for the cumulative energy." if len(panels) > 2 else ""
    bands = f"Shaded: {band}." if len(names) <= BANDED else TOO_MANY
    what = f"{quantity[:1].upper()}{quantity[1:]}.{efficient}"
    notes = (f"{what} {bands} Each value stands with its n, the runs that came so far.",)
    texts = [text for _, text, _ in panels]
    return Chart(
        tuple(traces), _layout(texts, rows["epoch"].max()), keys_of(names), _PX_A_PANEL * len(panels) + 60, notes
    )


def explore_learning(learning: pd.DataFrame, *, configurations: Sequence[str] = ()) -> Chart:
    """Loss and accuracy by epoch, validation dashed; ``learning`` as ``figures.draw_epochs`` has it."""
    names = order_of(learning, configurations)
    kinds = [kind for kind in METRICS if learning["metric"].isin([kind, f"val_{kind}"]).any()]
    traces: list[Trace] = []
    for place, (name, look) in enumerate(keys_of(names)):
        for number, kind in enumerate(kinds):
            for metric in (kind, f"val_{kind}"):
                mine = learning[(learning["configuration"] == name) & (learning["metric"] == metric)]
                if mine.empty:
                    continue
                mine = mine.sort_values("epoch")
                several = mine["n"] > 1
                curve = {key: mine[key].where(several) for key in ("low", "high")}
                shown = mine.assign(value=mine["mean"], **curve)
                banded = len(names) <= BANDED
                traces += _curve(shown, name, look, str(place), panel=number, metric=metric, shaded=banded)
    validated = bool(learning["metric"].str.startswith("val_").any())
    bands = "Shaded: least to greatest run." if len(names) <= BANDED else TOO_MANY
    notes = (bands, *(("Dashed: validation.",) if validated else ()))
    return Chart(
        tuple(traces), _layout(kinds, learning["epoch"].max()), keys_of(names), _PX_A_PANEL * len(kinds) + 60, notes
    )


def _curve(
    rows: pd.DataFrame, name: str, look: Look, group: str, *, panel: int, unit: str = "", metric: str = "", shaded: bool
) -> list[Trace]:
    """One line and its band; ``rows``: epoch, value, low, high, n."""
    at = {"x": [int(epoch) for epoch in rows["epoch"]], **({} if panel == 0 else {"yaxis": f"y{panel + 1}"})}
    low, high = (rows[key].to_numpy(dtype=float) for key in ("low", "high"))
    shared: Trace = {"type": "scatter", "legendgroup": group, **at}
    edge: Trace = {**shared, "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    fill = {"fill": "tonexty", "fillcolor": pale(look.colour, 0.2)}
    banded = shaded and bool(np.isfinite(low).any())
    dashed = metric.startswith("val_")
    said = [
        f"{f'{lower:.4g} to {upper:.4g}, ' if np.isfinite(lower) else ''}n {int(n)}"
        for lower, upper, n in zip(low, high, rows["n"], strict=True)
    ]
    what = f" {metric}" if metric else ""
    line: Trace = {
        **shared,
        "mode": "lines+markers",
        "name": escaped(name),
        "y": numbers(rows["value"]),
        "text": said,
        "line": {"color": look.colour, "width": 1.8, "dash": "4px,3px" if dashed else dash_of(look, 1.8)},
        "marker": {"color": look.colour, "size": 5},
        "hovertemplate": f"%{{fullData.name}}, epoch %{{x}}:{what} <b>%{{y:.4~r}} {unit}</b> (%{{text}})"
        "<extra></extra>",
    }
    return [*([{**edge, "y": numbers(low)}, {**edge, **fill, "y": numbers(high)}] if banded else []), line]


def _layout(texts: Sequence[str], last: float) -> dict[str, Any]:
    """Panels of one height, one under the other, over one axis of epochs."""
    count = len(texts)
    height = (1 - _GAP * (count - 1)) / count
    layout: dict[str, Any] = {"xaxis": whole_axis("epoch", last, anchor="y" if count == 1 else f"y{count}")}
    for place, text in enumerate(texts):
        top = 1 - place * (height + _GAP)
        key = "yaxis" if place == 0 else f"yaxis{place + 1}"
        layout[key] = axis(text, domain=[round(max(0.0, top - height), 6), round(top, 6)])
    return layout
