"""What became of the attempts in tables: of each configuration, what changed, gaps, gates, what did not complete."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from analysis.listings.rows import Row, table_of
from analysis.load import Night
from analysis.retirement import retired
from analysis.set_aside import SetAside
from analysis.tables import Column, Table
from harness.record import Level, Status, Validity

_NOTHING_BEFORE = "nothing ran before it"


def by_configuration(night: Night) -> Table:
    """Every configuration with all its attempts, whatever became of them: also one that was never compared."""
    gone = retired(night)
    aside = _aside(night)
    rows: list[Row] = []
    for name in night.configurations:
        of = [record for record in night.records.values() if record.configuration == name and record.block > 0]
        counted = [record for record in of if record.validity is not Validity.SUPERSEDED]
        invalid = [record for record in counted if record.validity is Validity.INVALID]
        failed = [record for record in counted if record not in invalid and record.status is not Status.COMPLETED]
        why = Counter(", ".join(item.name for item in record.verdicts if item.level is Level.INVALID) or "unknown"
                      for record in invalid)  # fmt: skip
        why.update(str(record.status) for record in failed)
        rows.append(
            {
                "configuration": name,
                "planned": sum(slot["configuration"] == name and slot["block"] > 0 for slot in night.plan["slots"]),
                "attempts": len(of),
                "valid": len(counted) - len(invalid) - len(failed),
                "invalid": len(invalid),
                "failed": len(failed),
                "superseded": len(of) - len(counted),
                "set_aside": len(aside.get(name, ())),
                "why": "; ".join(f"{count} × {what}" for what, count in sorted(why.items())),
                "retired": f"{gone[name]} in its first two runs" if name in gone else "",
            }
        )
    columns = [
        Column("configuration", "configuration"),
        *(Column(word, word, "count") for word in ("planned", "attempts", "valid", "invalid", "failed", "superseded")),
        *([Column("set aside", "set_aside", "count")] if night.set_aside else []),
        Column("why", "why"),
        Column("retired", "retired"),
    ]
    notes = [
        "Invalid: spoilt by the measurement, repeated within the block, up to night.attempts. Failed: a bad outcome,"
        " never repeated. Superseded: its block was begun anew. Retired: not executed any more."
    ]
    if night.set_aside:
        notes.append("Set aside: stopped, or cut short before its record was written; none of these is an attempt.")
    return table_of("attempts", "Attempts of each configuration", rows, columns, notes)


def _aside(night: Night) -> dict[str, list[SetAside]]:
    """What was set aside, by the configuration of its slot."""
    planned = {(slot["block"], slot["position"]): slot["configuration"] for slot in night.plan["slots"]}
    found: dict[str, list[SetAside]] = {}
    for item in night.set_aside:
        found.setdefault(planned.get((item.block, item.position), "of no slot of this night"), []).append(item)
    return found


def set_aside(night: Night) -> Table:
    """Every run folder that is no settled run: what is in it, and why nothing else is."""
    counted = {record.slot for record in night.records.values()}
    rows: list[Row] = [
        {
            "folder": item.entry,
            "configuration": name,
            "status": item.status,
            "why": item.why,
            "holds": item.holds or "nothing but empty files",
            "slot": "has a settled run" if f"b{item.block:02d}-{item.position}" in counted else "has no settled run",
        }
        for name, items in _aside(night).items()
        for item in items
    ]
    columns = [
        Column("folder", "folder"),
        Column("configuration", "configuration"),
        Column("status", "status"),
        Column("why", "why"),
        Column("what is in it", "holds"),
        Column("its slot", "slot"),
    ]
    notes = ["None of it is compared: readings without a record, or of a run that was stopped, tell no whole run."]
    return table_of("set-aside", "Attempts that were set aside", rows, columns, notes)


def cohorts(night: Night) -> Table:
    """What changed in the night and was accepted, with the runs on each side."""
    runs = Counter(record.cohort for record in night.records.values())
    rows: list[Row] = [
        {"cohort": cohort, "runs": runs.get(cohort, 0), "change": change}
        for cohort in sorted({1, *runs, *night.changes})
        for change in (night.changes.get(cohort) or (("as the night began",) if cohort == 1 else ("not recorded",)))
    ]
    columns = [Column("cohort", "cohort", "count"), Column("runs", "runs", "count"), Column("what changed", "change")]
    return table_of("cohorts", "Accepted changes", rows, columns, ["A change stands once for each thing that changed."])


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
