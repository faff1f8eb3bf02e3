"""Who descends from this process, by what /proc says; small, since the keeper imports it. Linux only."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator


def processes(*, with_dead: bool = False) -> Iterator[tuple[int, int, int]]:
    """(pid, parent's pid, session) of every process; ``with_dead``: also of those that only wait to be reaped."""
    for entry in os.listdir("/proc"):  # noqa: PTH208  (pathlib would double the time that the keeper takes to start)
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as file:
                state, parent, _, session = file.read().rpartition(b")")[2].split()[:4]  # the name may hold anything
        except OSError:
            continue  # gone meanwhile
        if with_dead or state not in (b"Z", b"X"):
            yield int(entry), int(parent), int(session)


def descendants() -> list[int]:
    """The pids of every living process below this one."""
    children: dict[int, list[int]] = {}
    for pid, parent, _ in processes():
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    below = [os.getpid()]
    while below:
        next_ones = children.get(below.pop(), [])
        found += next_ones
        below += next_ones
    return found


def members(environment: bytes, session: int | None = None) -> list[int]:
    """The pids of every process that was given ``environment`` (``NAME=value``) when it started, or is in a session.

    Finds a tree whose ancestor has gone: a daemon may have left the session, its environment it keeps. Session 0 is
    the kernel's and the container's own and is refused, as is an empty environment: what is found is going to be ended.
    """
    if (session is not None and session <= 1) or not environment.partition(b"=")[2]:
        raise ValueError(f"session {session} with environment {environment!r} would name processes of others")
    found = []
    for pid, _, its_session in processes():
        if pid == os.getpid():
            continue
        if its_session == session:
            found.append(pid)
            continue
        with contextlib.suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:  # another user's is closed to us
            if environment in file.read().split(b"\0"):
                found.append(pid)
    return found


def signal_all(pids: Iterable[int], number: int) -> None:
    """Send a signal to every one of the processes."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # gone meanwhile, or not ours to end
            os.kill(pid, number)


def name_of(pid: int) -> str:
    """Pid and name of a process, for people."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return f"{pid} {file.read().strip()}"
    except OSError:
        return str(pid)


def started_ticks(pid: int) -> int:
    """When a process started, in the kernel's ticks since boot: with its pid its lasting identity; 0 where it is none.

    proc(5): field 22 of ``stat``.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19])
