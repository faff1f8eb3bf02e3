"""The tables of estimates: errors of every method, errors against the window, and every guess."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.estimate.guesses import FORETOLD, OVER, TRUE, Guess
from analysis.estimate.scores import Scored
from analysis.numbers import scale
from analysis.tables import Column, Table

_WHENCE = {FORETOLD: "foretold", TRUE: "told the true number", OVER: "told the true duration"}


def tables(scored: Scored) -> tuple[Table, ...]:
    """All of them, as they are written."""
    return errors(scored), windows(scored), guesses(scored)


def errors(scored: Scored) -> Table:
    """One row a method."""
    frame = pd.DataFrame(
        [
            {
                "method": item.method,
                "epochs": _WHENCE[item.epochs],
                "n": item.n,
                "rmse_J": item.rmse_J,
                "mean_absolute_pct": item.mean_absolute_pct,
                "median_absolute_pct": item.median_absolute_pct,
                "bias_pct": item.bias_pct,
                "why": item.why,
            }
            for item in scored.scores
        ]
    )
    factor, unit = scale([item.rmse_J for item in scored.scores], "J")
    return Table(
        "estimates",
        f"Errors of foretelling a run's energy, STEP and the mean after {scored.asked}",
        frame,
        (
            Column("method", "method"),
            Column("epochs", "epochs"),
            Column("runs", "n", "count"),
            Column(f"RMSE ({unit})", "rmse_J", "number", factor),
            Column("mean absolute error (%)", "mean_absolute_pct", "number", digits=3),
            Column("median (%)", "median_absolute_pct", "number", digits=3),
            Column("bias (%)", "bias_pct", "number", digits=3),
            Column("not told because", "why"),
        ),
        notes(scored),
    )


def windows(scored: Scored) -> Table:
    """One row a (method, length of the prefix)."""
    head, key = ("share of the epochs (%)", "share_pct") if scored.asked.first is None else ("first epochs", "first")
    names = ("method", "epochs", key, "n", "rmse_J", "mean_absolute_pct", "bias_pct")
    rows = [
        (item.method, _WHENCE[item.epochs], item.window, item.n, item.rmse_J, item.mean_absolute_pct, item.bias_pct)
        for item in scored.curve
    ]
    factor, unit = scale([item.rmse_J for item in scored.curve], "J")
    return Table(
        "estimates-by-window",
        "Errors against how much of a run was seen",
        pd.DataFrame(rows, columns=list(names)),
        (
            Column("method", "method"),
            Column("epochs", "epochs"),
            Column(head, key, "number"),
            Column("runs", "n", "count"),
            Column(f"RMSE ({unit})", "rmse_J", "number", factor),
            Column("mean absolute error (%)", "mean_absolute_pct", "number", digits=3),
            Column("bias (%)", "bias_pct", "number", digits=3),
        ),
    )


def guesses(scored: Scored) -> Table:
    """One row a (run, method)."""
    frame = guess_frame(scored.guesses)
    told = [*frame["energy_J"].dropna(), *frame["foretold_J"].dropna()] if len(frame) else []
    factor, unit = scale(told, "J")
    return Table(
        "estimates-of-runs",
        "What each method foretold of each run",
        frame,
        (
            Column("run", "run"),
            Column("method", "method"),
            Column("epochs", "epochs"),
            Column("seen", "seen", "count"),
            Column("of", "of", "count"),
            Column(f"used ({unit})", "energy_J", "number", factor),
            Column(f"foretold ({unit})", "foretold_J", "number", factor),
            Column("error (%)", "error_pct", "number", digits=3),
            Column("not told because", "why"),
        ),
        also=("night", "configuration"),
    )


def guess_frame(found: Sequence[Guess]) -> pd.DataFrame:
    """The guesses as a frame; numbers that are not told are NaN."""
    rows = [
        {
            "night": item.run.night,
            "run": item.run.run,
            "configuration": item.run.configuration,
            "method": item.method,
            "epochs": _WHENCE[item.epochs],
            "seen": item.seen,
            "of": item.run.epochs,
            "energy_J": item.run.energy_J,
            "foretold_J": item.energy_J,
            "error_pct": None if item.energy_J is None else 100 * (item.energy_J / item.run.energy_J - 1),
            "why": item.why,
        }
        for item in found
    ]
    return pd.DataFrame(rows).astype({"foretold_J": float, "error_pct": float}) if rows else pd.DataFrame()


def notes(scored: Scored) -> tuple[str, ...]:
    """What a reader of the errors must know."""
    found = [
        f"All methods are scored on the same {scored.n} runs; the energy is that of the window"
        + (f" ({' + '.join(scored.seen.domains)})" if scored.seen.domains else "")
        + ".",
        "Epochs foretold: STEP and the mean take the mean of the finished runs of the configuration in other blocks "
        "that lasted at least as long, else the maximum that was asked for; PRE takes the maximum where its runs are "
        "held out by configuration.",
        f"PRE is fitted without the {scored.held_out} of the run that it foretells.",
        "TDP × time and TDP × utilisation are told how long the run took, the latter its utilisation too.",
    ]
    if scored.not_scored:
        found.append(f"{scored.not_scored} more runs are not told by every method and not scored.")
    if scored.seen.quality == "modelled":
        found.append("The energy that the errors are taken against is modelled, not measured.")
    elif scored.seen.quality == "mixed":
        found.append("Of some nights the energy is modelled, not measured.")
    if scored.seen.rehearsal:
        found.append("REHEARSAL: simulated sensors.")
    found += [
        f"Left out: {count} run{'' if count == 1 else 's'}: {why}." for why, count in scored.seen.left_out.items()
    ]
    return tuple(found)
