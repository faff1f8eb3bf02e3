"""Is a parsed ``run.json`` of the right types? Checked once, where it is read, so that no reader stumbles later.

Part of ``harness.record``, whose ``RunRecord.from_json`` calls it. Standard library only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.json_files import number

if TYPE_CHECKING:
    from harness.record import RunRecord

_WHOLE = (
    "block", "position", "replicate", "attempt", "seed", "started_ns", "ended_ns", "started_realtime_ns", "rows",
    "cohort",
)  # fmt: skip
_WHOLE_OR_NONE = ("launched_ns", "exited_ns", "exit_code", "signal")
_TEXTS = ("slot", "configuration", "reason", "hint", "night")
_TABLES = ("levels", "metrics", "sensors", "resources", "start_temperature_C", "settings")


def refuse_wrong_types(record: RunRecord) -> None:
    """Raise TypeError at the first field of ``record`` whose value is of another type than it says."""
    for key in _WHOLE:
        _refuse_unless(is_whole(getattr(record, key)), key)
    for key in _WHOLE_OR_NONE:
        _refuse_unless(getattr(record, key) is None or is_whole(getattr(record, key)), key)
    for key in _TEXTS:
        _refuse_unless(isinstance(getattr(record, key), str), key)
    for key in _TABLES:
        _refuse_unless(isinstance(getattr(record, key), dict), key)
    for key in ("gap_s", "window_gap_s"):
        _refuse_unless(getattr(record, key) is None or number(getattr(record, key)) is not None, key)
    for phase in (*record.stages, *record.phases, *([record.window] if record.window else ())):
        edges = is_whole(phase.begin_ns) and is_whole(phase.end_ns)
        _refuse_unless(isinstance(phase.name, str) and edges and isinstance(phase.metrics, dict), "a phase")
    for channel in record.channels:
        _refuse_unless(isinstance(channel.name, str), "a channel")
    for verdict in record.verdicts:
        _refuse_unless(isinstance(verdict.name, str) and isinstance(verdict.evidence, str), "a verdict")


def is_whole(value: Any) -> bool:
    """Whether ``value`` is a whole number, and no boolean."""
    return type(value) is int


def _refuse_unless(right: bool, what: str) -> None:
    if not right:
        raise TypeError(f"{what} is not what it should be")
