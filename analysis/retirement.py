"""Which configurations were left out from their third run on, and for which fault: told from the runs themselves."""

from __future__ import annotations

from analysis.load import Night
from harness.record import Status, Validity

_FAULTS = (Status.FAILED, Status.TIMED_OUT, Status.OUT_OF_MEMORY, Status.KILLED)


def retired(night: Night) -> dict[str, str]:
    """Configuration -> the outcome fault with which its first two runs ended, where it was executed no more.

    The rule is that of the night itself (``harness.progress``): the same fault in replicates 1 and 2, by runs that the
    measurement did not spoil. An imported night has no such rule: whatever was to be executed, was.
    """
    if night.imported:
        return {}
    faults: dict[str, dict[int, Status]] = {}
    for record in night.records.values():
        counts = record.block > 0 and record.validity is Validity.VALID
        if counts and record.status in _FAULTS:
            faults.setdefault(record.configuration, {}).setdefault(record.replicate, record.status)
    return {
        name: first.value.replace("_", " ")
        for name, by in faults.items()
        if (first := by.get(1)) is not None and by.get(2) is first
    }


def left_out(night: Night) -> dict[str, int]:
    """Configuration -> how many of its planned slots were not run because it was retired."""
    gone = retired(night)
    begun = {record.slot for record in night.records.values()}
    slots = [slot for slot in night.plan["slots"] if slot["block"] > 0 and slot["configuration"] in gone]
    return {
        name: sum(
            slot["configuration"] == name and f"b{slot['block']:02d}-{slot['position']}" not in begun for slot in slots
        )
        for name in gone
    }
