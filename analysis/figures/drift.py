"""Drift: what the night did to the runs, whatever their configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures.runs import STATES, draw_state, order_of, state_handles, within_reach
from analysis.figures.style import DOUBLE_IN, INK, canvas, finish, looks, styled
from analysis.labels import labels

if TYPE_CHECKING:
    import pandas as pd

_COLOURED = 7
_HOURS_FROM_S = 3 * 3600.0


@dataclass(frozen=True)
class Course:
    """Runs over a night, each against the mean of its configuration."""

    rows: pd.DataFrame
    """As given, with deviation (%) and at (start since the night began, in ``unit``)."""
    names: list[str]
    unit: str
    warm: bool
    """Whether a temperature at the start is known of any run."""


def about_the_mean(runs: pd.DataFrame, configurations: Sequence[str]) -> Course:
    """What figures of drift show of ``runs``, as ``draw_drift`` has them: those of configurations that have a mean."""
    rows = runs[np.isfinite(runs["value"].to_numpy(dtype=float))]
    means = rows[rows["state"] == "headline"].groupby("configuration")["value"].mean()
    rows = rows[rows["configuration"].isin(means.index)]
    rows = rows.assign(deviation=100 * (rows["value"] / rows["configuration"].map(means) - 1))
    hours = rows["started_s"].max() > _HOURS_FROM_S
    rows = rows.assign(at=rows["started_s"] / (3600 if hours else 60))
    warm = bool(np.isfinite(rows["start_temperature_C"].to_numpy(dtype=float)).any())
    return Course(rows, order_of(rows, configurations), "h" if hours else "min", warm)


@styled
def draw_drift(
    runs: pd.DataFrame, *, quantity: str = "energy", configurations: Sequence[str] = (), stamp: str = ""
) -> Figure:
    """Each run's deviation from its configuration's mean against the time at which it started; start temperature below.

    ``runs``: configuration, value, state, started_s (since the night's first run) and start_temperature_C (may be all
    NaN: no second panel). The mean is that of the headline's runs; a configuration without any is left out.
    """
    course = about_the_mean(runs, configurations)
    names, warm = course.names, course.warm
    rows, outside = within_reach(course.rows, "deviation")
    figure = canvas(DOUBLE_IN, 3.2 if warm else 2.2)
    panels: list[Axes] = list(figure.subplots(2 if warm else 1, 1, sharex=True, squeeze=False).flat)
    coloured = len(names) <= _COLOURED
    of = looks(names)
    for name in names:
        for state in STATES:
            mine = rows[(rows["configuration"] == name) & (rows["state"] == state)]
            colour = of[name].colour if coloured else INK
            draw_state(panels[0], mine["at"], mine["deviation"], state=state, colour=colour)
            if warm:
                draw_state(panels[1], mine["at"], mine["start_temperature_C"], state=state, colour=colour)
    panels[0].axhline(0, color=INK, lw=0.6, zorder=1)
    panels[0].set_ylabel("deviation\nfrom mean, %")
    if warm:
        panels[1].set_ylabel("temperature\nat start, °C")
    panels[-1].set_xlabel(f"start of the run since the night began, {course.unit}")
    for panel in panels:
        panel.grid(axis="y")
    shown = labels(names, width=36, lines=2)
    marks = [handle for handle in state_handles(rows) if handle.get_marker() != "o" or not coloured]
    colours = [Line2D([], [], ls="none", marker="o", ms=4, color=of[name].colour, label=shown[name]) for name in names]
    notes = [
        f"Above: {quantity}, each run against the mean of its configuration.",
        "A night without drift scatters evenly around zero.",
    ]
    notes += [] if coloured else ["All configurations in one colour."]
    notes += [f"{outside} far away drawn at the edge."] if outside else []
    return finish(figure, legend=[*(colours if coloured else []), *marks], notes=[" ".join(notes)], stamp=stamp)
