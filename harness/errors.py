"""Every error that nightwatt raises on purpose, and every exit code.

::

    NightwattError               70  (a subclass always says better)
    ├── UsageError                2  wrong use of a command or a file that is not what it should be
    │   ├── ProtocolError         2  a protocol is refused: all its problems at once
    │   └── NightFolderError      2  a folder is not a night, is another night, or holds foreign files
    ├── RefusedError              3  the machine cannot do it now
    │   ├── SensorMissing         3  a sensor or instrument is absent, unreadable or without rights
    │   ├── GateRefused           3  a gate ran out of its budget
    │   └── LockHeld              3  another nightwatt owns this night or this device
    └── RunFault                 70  one run could not be carried out; the night goes on and records it

An error says *what* is wrong, *where*, and the *remedy*; the command line prints just that, and no traceback.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass


class ExitCode(enum.IntEnum):
    """What the command line's exit status means."""

    DONE = 0
    """Everything that was asked for is there."""
    UNFINISHED = 1
    """The night is over, but failed or invalid runs are left in it."""
    USAGE = 2
    """Wrong usage, or a refused protocol or folder."""
    REFUSED = 3
    """Refused by a gate or a missing sensor."""
    STOPPED = 4
    """Stopped in order, with slots left."""
    INTERNAL = 70
    """A defect of nightwatt; the traceback is in a file of the night."""
    INTERRUPTED = 130
    """Ended by SIGINT."""
    TERMINATED = 143
    """Ended by SIGTERM."""


class NightwattError(Exception):
    """Base of all errors raised on purpose: what, where, remedy."""

    exit_code: ExitCode = ExitCode.INTERNAL

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where:  {self.where}")
        if self.remedy:
            lines.append(f"  remedy: {self.remedy}")
        return "\n".join(lines)


class UsageError(NightwattError):
    """Wrong use of a command, or an input file that is not what it should be."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a protocol: the key's path, the value found, what is wrong and how to mend it."""

    key: str
    what: str
    value: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        value = f" = {self.value}" if self.value else ""
        remedy = f"\n      remedy: {self.remedy}" if self.remedy else ""
        return f"{self.key}{value}: {self.what}{remedy}"


class ProtocolError(UsageError):
    """A protocol is refused; carries every problem found, not only the first."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        super().__init__(f"{file}: {count} problem{'s' if count != 1 else ''} in this protocol", where=file)
        self.file = file

    def __str__(self) -> str:
        return "\n".join([f"{self.what}:", *(f"  - {problem}" for problem in self.problems)])


class NightFolderError(UsageError):
    """A folder is not a night, belongs to another protocol, or holds something foreign or damaged."""


class RefusedError(NightwattError):
    """The machine, as it is, cannot do what was asked."""

    exit_code = ExitCode.REFUSED


class SensorMissing(RefusedError):
    """A sensor or an instrument is absent, unreadable, or lacks rights; ``what`` is the reason."""


class GateRefused(RefusedError):
    """A gate ran out of its budget before the run could start."""


class LockHeld(RefusedError):
    """Another nightwatt owns this night or this device; ``where`` names the owner."""


class RunFault(NightwattError):
    """One run could not be carried out for a reason outside the workload; the night records it and goes on."""
