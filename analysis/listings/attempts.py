"""What became of the attempts in tables: the time between runs, what the gates saw, runs that did not complete."""

from __future__ import annotations

import pandas as pd

from analysis.listings.rows import Row, table_of
from analysis.load import Night
from analysis.tables import Column, Table
from harness.record import Status, Validity

_NOTHING_BEFORE = "nothing ran before it"


def gaps(night: Night) -> Table:
    """Realised gaps by configuration, over the valid runs."""
    runs = night.runs
    valid = runs[(runs.validity == str(Validity.VALID)) & (runs.block > 0)]
    rows: list[Row] = []
    for name, group in valid.groupby("configuration", sort=False):
        row: Row = {"configuration": name, "runs": len(group)}
        for column, word in (("gap_s", "gap"), ("window_gap_s", "window_gap")):
            known = group[column].dropna()
            if len(known):
                row |= {
                    f"{word}_median_s": float(known.median()),
                    f"{word}_least_s": float(known.min()),
                    f"{word}_most_s": float(known.max()),
                }
        rows.append(row)
    columns = [
        Column("configuration", "configuration"),
        Column("runs", "runs", "count"),
        *(
            Column(f"{head}, {which}, s", f"{word}_{key}_s", "number", digits=4, missing=missing)
            for word, head, missing in (
                ("gap", "gap", _NOTHING_BEFORE),
                ("window_gap", "between windows", f"{_NOTHING_BEFORE}, or a window is not known"),
            )
            for which, key in (("median", "median"), ("least", "least"), ("most", "most"))
        ),
    ]
    notes = [
        "Gap: from the end of the workload before a run to its launch. Between windows: from the end of the window"
        " before a run to the begin of its own; what a workload does before and after its window is in it."
    ]
    return table_of("gaps", "Realised gaps between runs", rows, columns, notes)


def gates(night: Night) -> Table:
    """What each gate said over all attempts, and how long it held them up."""
    seen: dict[str, list[tuple[str, float]]] = {}
    for record in night.records.values():
        for gate in record.gates:
            seen.setdefault(gate.name, []).append((gate.outcome, gate.waited_s))
    rows: list[Row] = []
    for name, looks in seen.items():
        outcomes = pd.Series([outcome for outcome, _ in looks]).value_counts()
        waits_s = [waited_s for _, waited_s in looks]
        rows.append(
            {
                "gate": name,
                "attempts": len(looks),
                "held_up": sum(waited_s > 0 for waited_s in waits_s),
                "longest_s": max(waits_s),
                "total_s": sum(waits_s),
                **{str(outcome): int(count) for outcome, count in outcomes.items()},
            }
        )
    columns = [
        Column("gate", "gate"),
        Column("attempts", "attempts", "count"),
        Column("held up", "held_up", "count"),
        Column("longest wait, s", "longest_s", "number", digits=4),
        Column("all waits, s", "total_s", "number", digits=4),
        Column("refused", "refused", "count", missing="none"),
        Column("started over budget", "over_budget", "count", missing="none"),
        Column("could not tell", "unknown", "count", missing="none"),
    ]
    return table_of("gates", "What the gates saw", rows, columns)


def faults(night: Night) -> Table:
    """Every attempt that did not complete: why, its last words, and what would help."""
    rows = [
        {
            "run": run,
            "configuration": record.configuration,
            "status": str(record.status),
            "validity": str(record.validity),
            "reason": record.reason,
            "last_lines": " / ".join(record.last_lines[-3:]),
            "hint": record.hint,
        }
        for run, record in night.records.items()
        if record.status is not Status.COMPLETED
    ]
    columns = [
        Column("run", "run"),
        Column("configuration", "configuration"),
        Column("status", "status"),
        Column("validity", "validity"),
        Column("reason", "reason"),
        Column("last lines", "last_lines", missing="it left no message"),
        Column("what would help", "hint", missing="nothing is known"),
    ]
    return table_of("faults", "Attempts that did not complete", rows, columns)
