"""Is a parsed ``run.json`` of the right types? Checked once, where it is read, so that no reader stumbles later.

Part of ``harness.record``, whose ``RunRecord.from_json`` calls it. Standard library only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.json_files import number

if TYPE_CHECKING:
    from harness.channels import Channel
    from harness.record import RunRecord

_WHOLE = (
    "block", "position", "replicate", "attempt", "seed", "started_ns", "ended_ns", "started_realtime_ns", "rows",
    "cohort",
)  # fmt: skip
_WHOLE_OR_NONE = ("launched_ns", "exited_ns", "exit_code", "signal")
_TEXTS = ("slot", "configuration", "reason", "hint", "night")
_TABLES = ("levels", "metrics", "sensors", "resources", "start_temperature_C", "settings")

_LONGEST_S = 1e9


def refuse_wrong_types(record: RunRecord) -> None:
    """Raise TypeError at the first field of ``record`` whose value is of another type than it says, or impossible."""
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
    if record.launched_ns is not None and record.exited_ns is not None:
        _refuse_unless(record.launched_ns <= record.exited_ns, "exited_ns")
    for phase in (*record.stages, *record.phases, *([record.window] if record.window else ())):
        edges = is_whole(phase.begin_ns) and is_whole(phase.end_ns) and phase.begin_ns <= phase.end_ns
        right = isinstance(phase.name, str) and edges and isinstance(phase.metrics, dict)
        _refuse_unless(right, f"phase {phase.name!r}")
    for channel in record.channels:
        _refuse_unless(_is_channel(channel), f"channel {channel.name!r}")
    for verdict in record.verdicts:
        _refuse_unless(isinstance(verdict.name, str) and isinstance(verdict.evidence, str), "a verdict")


def is_whole(value: Any) -> bool:
    """Whether ``value`` is a whole number that 64 bits hold, and no boolean."""
    return type(value) is int and abs(value) < 2**63


def _is_channel(channel: Channel) -> bool:
    texts = (channel.name, channel.unit, channel.domain, channel.source, channel.device, channel.origin)
    seen_s = channel.refresh_seen_s
    known = _is_duration(channel.refresh_s) and (seen_s is None or _is_duration(seen_s))
    return known and all(isinstance(text, str) for text in texts)


def _is_duration(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < _LONGEST_S


def _refuse_unless(right: bool, what: str) -> None:
    if not right:
        raise TypeError(f"{what} is not what it should be")
