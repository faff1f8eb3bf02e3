"""The run folders of a night that are no settled runs: an attempt that was stopped, or whose sealing did not end.

They take part in nothing. A reader must still know that they are there, what is in them, and why nothing else is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from harness.record import DAMAGED, PARTIAL, RUN_JSON, SET_ASIDE, WHY_JSON, RunName

_UNSEALED = "it was cut short before its record was written"
_MOST_FILES = 12


@dataclass(frozen=True)
class SetAside:
    """One run folder that is no settled run."""

    entry: str
    """Its name in the folder of runs; the night's before it where several are joined."""
    block: int
    position: int
    attempt: int
    status: str
    """interrupted, or what else its run.json says; "no record" where it has none."""
    why: str
    """Why it is no run."""
    holds: str
    """The files in it that are not empty, with their sizes; empty where there are none."""

    @property
    def recorded(self) -> bool:
        """Whether a record of the attempt was written."""
        return self.status != NO_RECORD


NO_RECORD = "no record"


def set_aside(runs: Path) -> tuple[SetAside, ...]:
    """The folders in ``runs`` that were set aside, by name; links are not followed."""
    return tuple(_found(runs))


def of_night(items: tuple[SetAside, ...], night: str, first_block: int) -> tuple[SetAside, ...]:
    """The same as those of one of several nights, whose blocks begin at ``first_block``."""
    return tuple(
        replace(item, entry=f"{night}/{item.entry}", block=item.block + first_block - 1 if item.block else 0)
        for item in items
    )


def _found(runs: Path) -> Iterator[SetAside]:
    for path in sorted(runs.iterdir()) if runs.is_dir() else []:
        aside = SET_ASIDE.fullmatch(path.name)
        name = RunName.parse(aside[1]) if aside else None
        if name is None or path.is_symlink() or not path.is_dir():
            continue
        status, why = _said(path)
        if path.name.endswith(DAMAGED):
            why = f"a person called it damaged; {why}"
        elif path.name.endswith(PARTIAL):
            why = f"it is in progress, or was left when nightwatt was ended; {why}"
        yield SetAside(path.name, name.block, name.position, name.attempt, status, why, _holds(path))


def _said(folder: Path) -> tuple[str, str]:
    """The status and the reason that its record names, or that there is none, and why."""
    try:
        body = json.loads((folder / RUN_JSON).read_bytes())
        return str(body["status"]), str(body.get("reason") or "its record gives no reason")
    except FileNotFoundError:
        pass
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return NO_RECORD, f"its {RUN_JSON} cannot be read"
    try:
        return NO_RECORD, str(json.loads((folder / WHY_JSON).read_bytes())["why"])
    except (OSError, ValueError, TypeError, KeyError):
        return NO_RECORD, _UNSEALED


def _holds(folder: Path) -> str:
    try:
        sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if _counts(path)}
    except OSError:
        return "it cannot be listed"
    listed = [f"{name} ({size} B)" for name, size in sizes.items() if size]
    more = len(listed) - _MOST_FILES
    return ", ".join(listed[:_MOST_FILES]) + (f" and {more} more" if more > 0 else "")


def _counts(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
