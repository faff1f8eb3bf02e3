"""What an earlier night left running: found by its environment, named, and never ended by us unasked.

Everything that a session starts inherits one variable that says which nightwatt started it (pid and start time, which
no later process shares) and for which night. Where that nightwatt is no more, what still has the variable is left over.
A process that cleared its environment, or belongs to another user, cannot be known again; one that was started with
another folder of locks (NIGHTWATT_RUNTIME_DIR) is of another world.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.events import Trouble
from harness.locks import RUNTIME_DIR_VARIABLE
from harness.process_tree import name_of, processes, started_ticks
from harness.stop import Stop

NIGHT_VARIABLE = "NIGHTWATT_NIGHT"
LINGER_S = 5.0
"""How long the keepers of a nightwatt that was killed may take beyond the workload's grace."""
_OURS = (b"harness.keeper", b"harness.instruments.sampler", b"harness.seal")
_LOOK_S = 0.1


@dataclass(frozen=True)
class Leftover:
    """A process that a nightwatt started which is no more."""

    pid: int
    name: str
    night: str
    ending: bool
    """Whether it is one of our own helpers, which end by themselves once their nightwatt has gone."""


@contextlib.contextmanager
def marked(night: Path) -> Iterator[None]:
    """Let everything that is started in the body carry this process and its night in its environment."""
    before = os.environ.get(NIGHT_VARIABLE)
    os.environ[NIGHT_VARIABLE] = f"{os.getpid()}:{started_ticks(os.getpid())}:{night.absolute()}"
    try:
        yield
    finally:
        if before is None:
            del os.environ[NIGHT_VARIABLE]
        else:
            os.environ[NIGHT_VARIABLE] = before


def leftovers(proc: Path = Path("/proc")) -> list[Leftover]:
    """Every process that an earlier nightwatt started and that is still there, by its pid."""
    found = []
    for pid, _, _ in processes():
        owner = _owner(proc / str(pid))
        if owner is None or pid == os.getpid():
            continue
        pid_of_owner, ticks, night = owner
        if started_ticks(pid_of_owner) != ticks:
            found.append(Leftover(pid, name_of(pid), night, _is_ours(proc / str(pid))))
    return sorted(found, key=lambda item: item.pid)


def wait_for_helpers(patience_s: float, stop: Stop) -> list[Leftover]:
    """What is left over once the helpers of a nightwatt that was just killed have ended their trees, or have not."""
    until_s = time.monotonic() + patience_s
    found = leftovers()
    while any(item.ending for item in found) and not stop.level and time.monotonic() < until_s:
        time.sleep(_LOOK_S)
        found = leftovers()
    return found


def told(found: Sequence[Leftover]) -> list[Trouble]:
    """A word about each earlier night that left something: what, and the exact command that ends it."""
    by_night: dict[str, list[Leftover]] = {}
    for item in found:
        by_night.setdefault(item.night, []).append(item)
    return [
        Trouble(
            f"{len(items)} process{'' if len(items) == 1 else 'es'} of the earlier night {shlex.quote(night)}"
            f" still run{'s' if len(items) == 1 else ''}: {', '.join(item.name for item in items)}",
            "they can spoil what is measured now; if nobody needs them:"
            f" kill {' '.join(str(item.pid) for item in items)}",
        )
        for night, items in by_night.items()
    ]


def _owner(process: Path) -> tuple[int, int, str] | None:
    """(pid, start time, night) of the nightwatt that started a process; None where none did, or it cannot be told."""
    try:
        environment = (process / "environ").read_bytes().split(b"\0")
    except OSError:  # another user's, or gone meanwhile
        return None
    given = dict(item.decode(errors="replace").partition("=")[::2] for item in environment)
    if given.get(RUNTIME_DIR_VARIABLE) != os.environ.get(RUNTIME_DIR_VARIABLE):
        return None
    pid, _, rest = given.get(NIGHT_VARIABLE, "").partition(":")
    ticks, _, night = rest.partition(":")
    return (int(pid), int(ticks), night) if pid.isdecimal() and ticks.isdecimal() else None


def _is_ours(process: Path) -> bool:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(word in _OURS for word in words[:5])
