"""Is a run.json that of a run of this night? Its types are checked where it is read, by ``harness.record``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.record import RunName, RunRecord, is_whole


def checked_record(body: Mapping[str, Any], name: RunName, levels: Mapping[str, Any]) -> RunRecord:
    """The record of a run.json that belongs into the folder ``name`` of a night with these configurations.

    Raises KeyError, TypeError or ValueError where it is no record, or that of another run.
    """
    try:
        record = RunRecord.from_json(body)
    except TypeError as error:
        raise TypeError(f"its run.json is damaged: {error}") from error
    if (record.block, record.position, record.attempt) != (name.block, name.position, name.attempt):
        raise ValueError(f"its run.json is that of another run, {record.slot} attempt {record.attempt}")
    if record.configuration not in levels:
        raise ValueError(f"its configuration {record.configuration!r} is not in the plan")
    if record.levels != levels[record.configuration]:
        raise ValueError(f"its levels are not those of {record.configuration!r} in the plan")
    return record


def is_slot(slot: Any) -> bool:
    """Whether ``slot`` is one of a plan.json."""
    places = isinstance(slot, dict) and all(is_whole(slot.get(key)) for key in ("block", "position", "replicate"))
    return places and isinstance(slot.get("configuration"), str)
