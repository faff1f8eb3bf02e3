"""The tables of a pilot: how runs scatter, the runs that a difference needs, what so many runs see."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from analysis.labels import visible
from analysis.numbers import scale
from analysis.power.pilot import Contrast, Pilot
from analysis.tables import Column, Table


def tables(pilot: Pilot) -> tuple[Table, ...]:
    """All of them, as they are written."""
    rows = [*pilot.contrasts, *([] if pilot.pooled is None else [pilot.pooled])]
    notes = _notes(pilot)
    return tuple(
        table
        for table in (_scatter(pilot, rows, notes), _needed(pilot, rows, notes), _curve(pilot, notes))
        if len(table)
    )


def name(contrast: Contrast) -> str:
    """A comparison for people."""
    if contrast.configuration == contrast.baseline == "all":
        return "all together"
    if contrast.is_alone:
        return f"{visible(contrast.configuration)} against another like it"
    return f"{visible(contrast.configuration)} against {visible(contrast.baseline)}"


def noun(pilot: Pilot) -> str:
    """What is counted: blocks, or runs."""
    return "blocks" if pilot.blocked else "runs"


def _notes(pilot: Pilot) -> tuple[str, ...]:
    stamp = []
    if pilot.rehearsal:
        stamp.append("REHEARSAL: the scatter of a simulated sensor says nothing about a machine.")
    elif pilot.quality == "modelled":
        stamp.append("MODELLED, not measured: a model's scatter is not that of the energy.")
    return (*stamp, f"{pilot.response}; {pilot.analysis}.", *(item.message for item in pilot.lacks))


def _scatter(pilot: Pilot, rows: Sequence[Contrast], notes: Sequence[str]) -> Table:
    frame = pd.DataFrame(
        [
            {
                "comparison": name(row),
                "cv_pct": _pct(row.scatter.deviation),
                "cv_pct_low": _pct(row.low),
                "cv_pct_high": _pct(row.high),
                "n": row.n,
                "of": row.unit,
                "degrees": row.scatter.degrees,
                "by": row.borrowed,
                "why": row.scatter.note,
            }
            for row in rows
        ]
    )
    where = " within its block" if pilot.blocked else ""
    return Table(
        "power-scatter",
        f"Scatter of a run{where}, with its {100 * pilot.level:g} % interval",
        frame,
        (
            Column("comparison", "comparison"),
            Column("CV (%)", "cv_pct", "interval"),
            Column("n", "n", "count"),
            Column("of", "of"),
            Column("degrees of freedom", "degrees", "count"),
            Column("not told because", "why"),
        ),
        tuple(notes),
        also=("by",),
    )


def _needed(pilot: Pilot, rows: Sequence[Contrast], notes: Sequence[str]) -> Table:
    frame = pd.DataFrame(
        [
            {
                "comparison": name(row),
                "effect_pct": 100 * item.effect,
                "runs": _number(item.runs),
                "runs_low": _number(item.low),
                "runs_high": _number(item.high),
                "advised": _number(item.advised),
            }
            for row in rows
            if row.scatter.deviation is not None
            for item in row.needed
        ]
    )
    head = "blocks" if pilot.blocked else "runs of each"
    beyond = "more than a design may have, or the pilot bounds it not"
    said = (
        f"Found in {100 * pilot.power:g} % of nights at alpha {pilot.alpha_each:.3g} each.",
        f"Advised: has that power after {100 * pilot.assurance:g} % of such pilots, not after half of them.",
    )
    return Table(
        "power-needed",
        f"{head.capitalize()} that a difference needs, with the interval that the pilot leaves",
        frame,
        (
            Column("comparison", "comparison"),
            Column("difference (%)", "effect_pct", "number"),
            Column(head, "runs", "count", missing=beyond),
            Column("at least", "runs_low", "count", missing=beyond),
            Column("at most", "runs_high", "count", missing=beyond),
            Column("advised", "advised", "count", missing=beyond),
        ),
        (*said, *notes),
    )


def curve_frame(pilot: Pilot) -> pd.DataFrame:
    """One row a number of runs: smallest difference in per cent with its interval, power, seconds, joules."""
    cost = pilot.cost
    return pd.DataFrame(
        [
            {
                "runs": point.runs,
                "smallest_pct": _pct(point.smallest_effect),
                "smallest_pct_low": _pct(point.smallest_effect_low),
                "smallest_pct_high": _pct(point.smallest_effect_high),
                **{
                    f"power_{_key(effect)}_pct": _pct(found)
                    for effect, found in zip(pilot.effects, point.power, strict=True)
                },
                "seconds": math.nan if cost.seconds is None else cost.seconds * point.runs,
                "energy_J": math.nan if cost.energy_J is None else cost.energy_J * point.runs,
            }
            for point in pilot.curve
        ]
    )


def _curve(pilot: Pilot, notes: Sequence[str]) -> Table:
    frame = curve_frame(pilot)
    factor, unit = scale(frame["energy_J"] if len(frame) else [], "J")
    seconds, clock = time_scale(frame["seconds"].max() if len(frame) else math.nan)
    worst = pilot.worst
    of = f" ({name(worst)}, which scatters most)" if worst is not None and len(pilot.contrasts) > 1 else ""
    beyond = "beyond tenfold"
    return Table(
        "power-curve",
        f"What a night of so many {noun(pilot)} sees{of}",
        frame,
        (
            Column(noun(pilot), "runs", "count"),
            Column("smallest difference (%)", "smallest_pct", "number", digits=3, missing=beyond),
            Column("at least (%)", "smallest_pct_low", "number", digits=3, missing=beyond),
            Column("at most (%)", "smallest_pct_high", "number", digits=3, missing=beyond),
            *(
                Column(f"finds {100 * effect:g} % (%)", f"power_{_key(effect)}_pct", "number", digits=3)
                for effect in pilot.effects
            ),
            Column(f"takes ({clock})", "seconds", "number", seconds, digits=3, missing="not recorded"),
            Column(f"energy ({unit})", "energy_J", "number", factor, digits=3, missing="the pilot has none"),
        ),
        tuple(notes),
    )


def time_scale(longest_s: float) -> tuple[float, str]:
    """The seconds of the unit in which times up to ``longest_s`` are best read, and its name."""
    if longest_s >= 2 * 3600:
        return 3600.0, "h"
    return (60.0, "min") if longest_s >= 120 else (1.0, "s")


def _key(effect: float) -> str:
    return f"{100 * effect:g}".replace(".", "_")


def _pct(fraction: float | None) -> float:
    return math.nan if fraction is None else 100 * fraction


def _number(count: int | None) -> float:
    return math.nan if count is None else float(count)
