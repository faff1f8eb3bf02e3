"""One thing about the machine that shapes what is measured on it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path

PASSING = ("battery", "swap", "timers")
"""The conditions whose values move by themselves: what they were is recorded, that they moved is no news."""


class Worth(enum.StrEnum):
    """What a condition is worth to a measurement."""

    GOOD = "good"
    NOTE = "note"
    """It shapes the numbers, and may well be what is to be measured: it belongs into a publication."""
    MEND = "mend"
    """It spoils comparisons or the night itself, and can be changed."""
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Condition:
    """What is so, what it does to the measurement, and the exact command that changes it."""

    name: str
    value: str
    """Short, and fit to be published."""
    worth: Worth
    effect: str = ""
    """One sentence; empty where it is good."""
    command: str = ""


def text_of(path: Path) -> str | None:
    """What a small file of the kernel says, None where it is not there or may not be read."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return None


def processes(root: Path) -> frozenset[str]:
    """The short names of all processes; of nobody in particular."""
    return frozenset(name for path in (root / "proc").glob("[0-9]*/comm") if (name := text_of(path)))
