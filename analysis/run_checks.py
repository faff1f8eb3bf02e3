"""Is a run.json what it should be? Every type is checked before a frame or an integral is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.record import Channel, Phase, RunName, RunRecord, number

_WHOLE = ("block", "position", "replicate", "attempt", "seed", "started_ns", "ended_ns", "started_realtime_ns", "rows")
_WHOLE_OR_NONE = ("launched_ns", "exited_ns", "exit_code", "signal")
_TEXTS = ("slot", "configuration", "reason")
_TABLES = ("levels", "metrics", "sensors", "start_temperature_C")
_LONGEST_S = 1e9


def checked_record(body: Mapping[str, Any], name: RunName, levels: Mapping[str, Any]) -> RunRecord:
    """The record of a run.json, its types checked; raises KeyError, TypeError or ValueError where it is not one."""
    record = RunRecord.from_json(body)
    wrong = [key for key in _WHOLE if not _is_whole(getattr(record, key))]
    wrong += [key for key in _WHOLE_OR_NONE if getattr(record, key) is not None and not _is_whole(getattr(record, key))]
    wrong += [key for key in _TEXTS if not isinstance(getattr(record, key), str)]
    wrong += [key for key in _TABLES if not isinstance(getattr(record, key), dict)]
    wrong += ["gap_s"] if record.gap_s is not None and number(record.gap_s) is None else []
    phases = (*record.stages, *record.phases, *([record.window] if record.window else ()))
    wrong += [f"phase {phase.name!r}" for phase in phases if not _is_phase(phase)]
    wrong += [f"channel {channel.name!r}" for channel in record.channels if not _is_channel(channel)]
    wrong += [
        "verdicts" for item in record.verdicts if not (isinstance(item.name, str) and isinstance(item.evidence, str))
    ]
    if record.launched_ns is not None and record.exited_ns is not None and record.exited_ns < record.launched_ns:
        wrong.append("exited_ns")
    if wrong:
        raise TypeError(f"its run.json is damaged: {wrong[0]} is not what it should be")
    if (record.block, record.position, record.attempt) != (name.block, name.position, name.attempt):
        raise ValueError(f"its run.json is that of another run, {record.slot} attempt {record.attempt}")
    if record.configuration not in levels:
        raise ValueError(f"its configuration {record.configuration!r} is not in the plan")
    if record.levels != levels[record.configuration]:
        raise ValueError(f"its levels are not those of {record.configuration!r} in the plan")
    return record


def _is_whole(value: Any) -> bool:
    return type(value) is int and abs(value) < 2**63


def _is_phase(phase: Phase) -> bool:
    edges = _is_whole(phase.begin_ns) and _is_whole(phase.end_ns) and phase.begin_ns <= phase.end_ns
    return isinstance(phase.name, str) and edges and isinstance(phase.metrics, dict)


def _is_channel(channel: Channel) -> bool:
    texts = (channel.name, channel.unit, channel.domain, channel.source)
    seen = channel.refresh_seen_s
    known = _is_duration(channel.refresh_s) and (seen is None or _is_duration(seen))
    return known and all(isinstance(text, str) for text in texts)


def _is_duration(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < _LONGEST_S


def is_slot(slot: Any) -> bool:
    """Whether ``slot`` is one of a plan.json."""
    places = isinstance(slot, dict) and all(_is_whole(slot.get(key)) for key in ("block", "position", "replicate"))
    return places and isinstance(slot.get("configuration"), str)
