"""Run records -> the tidy frames of a night: one row an attempt, one row a marked phase."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from harness.record import RunRecord, number

RUN_COLUMNS = (
    *(
        "run",
        "slot",
        "block",
        "position",
        "replicate",
        "attempt",
        "order",
        "cohort",
        "node",
        "configuration",
        "factor.",
        "seed",
    ),
    *("status", "validity", "exit_code", "reason", "started_s", "launched_s", "duration_s", "window", "gap_s"),
    *("window_gap_s", "start_temperature_C.", "metric.", "verdicts", "rows", "rehearsal", "hint"),
)
"""A name that ends in a dot stands for all columns that begin with it."""
PHASE_COLUMNS = ("run", "phase", "begin_s", "duration_s", "metric.")


def runs_frame(records: Mapping[str, RunRecord]) -> pd.DataFrame:
    """One row an attempt, in the order of ``records``; its columns are described at ``Night.runs``."""
    first_ns = next((record.started_realtime_ns for record in records.values()), 0)
    rows = [_row(order, name, record, first_ns) for order, (name, record) in enumerate(records.items(), start=1)]
    return pd.DataFrame(rows, columns=_columns(rows, RUN_COLUMNS)).astype({"exit_code": "Int64"})


def phases_frame(records: Mapping[str, RunRecord]) -> pd.DataFrame:
    """One row a marked phase, in the order of the marks; its columns are described at ``Night.phases``."""
    rows = [
        {
            "run": name,
            "phase": phase.name,
            "begin_s": (phase.begin_ns - (record.started_ns if record.launched_ns is None else record.launched_ns))
            / 1e9,
            "duration_s": phase.duration_s,
            **_metrics(phase.metrics),
        }
        for name, record in records.items()
        for phase in record.phases
    ]
    return pd.DataFrame(rows, columns=_columns(rows, PHASE_COLUMNS))


def _columns(rows: Iterable[Mapping[str, Any]], order: Iterable[str]) -> list[str]:
    present = list(dict.fromkeys(key for row in rows for key in row))
    columns: list[str] = []
    for name in order:
        columns += [key for key in present if key.startswith(name)] if name.endswith(".") else [name]
    return columns


def _row(order: int, name: str, record: RunRecord, first_ns: int) -> dict[str, Any]:
    # An imported run may have no time stamp; 0 is no moment of any night.
    started_s = (record.started_realtime_ns - first_ns) / 1e9 if record.started_realtime_ns else np.nan
    launched = record.launched_ns
    return {
        "run": name,
        "slot": record.slot,
        "block": record.block,
        "position": record.position,
        "replicate": record.replicate,
        "attempt": record.attempt,
        "order": order,
        "cohort": record.cohort,
        "node": record.node,
        "configuration": record.configuration,
        **{f"factor.{factor}": level for factor, level in record.levels.items()},
        "seed": record.seed,
        "status": str(record.status),
        "validity": str(record.validity),
        "exit_code": record.exit_code,
        "reason": record.reason,
        "started_s": started_s,
        "launched_s": np.nan if launched is None else started_s + (launched - record.started_ns) / 1e9,
        "duration_s": np.nan if record.window is None else record.window.duration_s,
        "window": "" if record.window is None else record.window.name,
        "gap_s": _number(record.gap_s),
        "window_gap_s": _number(record.window_gap_s),
        **{f"start_temperature_C.{domain}": _number(value) for domain, value in record.start_temperature_C.items()},
        **_metrics(record.metrics),
        "verdicts": "; ".join(verdict.name for verdict in record.verdicts),
        "rows": record.rows,
        "rehearsal": record.rehearsal,
        "hint": record.hint,
    }


def _number(value: Any) -> float:
    known = number(value)
    return np.nan if known is None else known


def _metrics(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics as columns: numbers as floats, text and truth values as they are, tables and lists as their JSON."""
    columns: dict[str, Any] = {}
    for name, value in metrics.items():
        known = number(value)
        if known is not None:
            columns[f"metric.{name}"] = known
        elif value is not None:
            plain = isinstance(value, str | bool)
            columns[f"metric.{name}"] = value if plain else json.dumps(value, sort_keys=True)
    return columns
