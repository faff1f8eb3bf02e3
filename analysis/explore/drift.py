"""What the night did to the runs, to explore."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analysis.explore.chart import Chart, Trace, axis, escaped, keys_of, numbers, of_state
from analysis.figures.drift import about_the_mean
from analysis.figures.runs import STATES
from analysis.figures.style import INK

if TYPE_CHECKING:
    import pandas as pd


def explore_drift(runs: pd.DataFrame, *, quantity: str = "energy", configurations: Sequence[str] = ()) -> Chart:
    """Each run's deviation from its configuration's mean by its start, and the temperature; as ``draw_drift``."""
    course = about_the_mean(runs, configurations)
    rows, names, warm = course.rows, course.names, course.warm
    traces: list[Trace] = []
    for place, (name, look) in enumerate(keys_of(names)):
        for state, mark in STATES.items():
            mine = rows[(rows["configuration"] == name) & (rows["state"] == state)]
            if mine.empty:
                continue
            shared: Trace = {
                "type": "scatter",
                "mode": "markers",
                "legendgroup": str(place),
                "name": escaped(name),
                "x": numbers(mine["at"]),
                "text": [f"{escaped(str(run))}, {mark.text}" for run in mine.get("run", mine.index)],
                "marker": of_state(state, look),
            }
            said = (
                f"%{{fullData.name}}<br><b>%{{y:.3~r}}{{}}</b> at %{{x:.4~r}} {course.unit}<br>%{{text}}<extra></extra>"
            )
            traces.append({**shared, "y": numbers(mine["deviation"]), "hovertemplate": said.replace("{}", " %")})
            if warm:
                heat = {"y": numbers(mine["start_temperature_C"]), "yaxis": "y2"}
                traces.append({**shared, **heat, "hovertemplate": said.replace("{}", " °C")})
    layout: dict[str, Any] = {
        "xaxis": axis(f"start of the run since the night began, {course.unit}", anchor="y2" if warm else "y"),
        "yaxis": axis("deviation from mean, %", domain=[0.55, 1] if warm else [0, 1]),
        "shapes": [{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0, "y1": 0,
                    "line": {"color": INK, "width": 1}, "layer": "below"}],
    }  # fmt: skip
    if warm:
        layout["yaxis2"] = axis("temperature at start, °C", domain=[0, 0.45])
    notes = (f"Each run against the mean of its configuration: {quantity}.",)
    return Chart(tuple(traces), layout, keys_of(names), 520 if warm else 380, notes)
