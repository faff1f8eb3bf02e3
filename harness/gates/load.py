"""Others' load on the processors: what all cores did, less what nightwatt and its whole tree did. Linux.

The whole tree is walked by the kernel's own list of children, so that a look costs a fraction of a millisecond whatever
else runs on the machine; who the others are is only looked up once they hold a run up.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.gates.gate import Look, Rate
from harness.protocol_gates import LoadLimit

HZ = os.sysconf("SC_CLK_TCK")
"""The kernel's ticks a second, in which /proc tells processor time."""
NAMED = 3
"""How many of the busiest others are named."""


class LoadGate:
    """The gate of ``[gates.load]``."""

    name = "load"
    lenient = False
    remedy = "end what is named, keep timers and backups from starting at night, or raise gates.load.cores"

    def __init__(self, settings: LoadLimit, now_s: float, root: Path = Path("/"), ours: int | None = None) -> None:
        """``ours``: the pid at the root of our own tree, this process unless another is given."""
        self._settings, self._proc, self._ours = settings, root / "proc", os.getpid() if ours is None else ours
        self._listed = (self._proc / f"{self._ours}/task/{self._ours}/children").exists()
        self._busy, self._own = Rate(), Rate()
        self._others: dict[int, tuple[str, int]] = {}
        self._others_s = 0.0
        self._named = ""
        self.watch(now_s)

    @property
    def budget_s(self) -> float:
        """As the protocol says."""
        return self._settings.budget_s

    def watch(self, now_s: float) -> None:
        """Note how much was done until now."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            self._busy.note(now_s, busy_ticks(self._proc))
            own = tree_ticks(self._proc, self._ours) if self._listed else scanned_ticks(self._proc, self._ours)
            self._own.note(now_s, sum(own))

    def look(self, now_s: float) -> Look:
        """Open while the others use no more than the limit."""
        self.watch(now_s)
        busy, own = self._busy.per_s(), self._own.per_s()
        if busy is None or own is None:
            if not self._busy.span_s and not (self._proc / "stat").exists():
                return Look(None, "/proc/stat is not there")
            return Look(False, "the load of others is being measured", again_s=self._busy.again_s)
        cores, limit = max(0.0, busy - own) / HZ, self._settings.cores
        why = f"others use {cores:.2f} cores"
        if cores <= limit:
            return Look(True, why, cores, limit, "cores")
        why = f"{why}, more than {limit:g}{self._who(now_s)}"
        return Look(False, why, cores, limit, "cores", self._busy.again_s)

    def _who(self, now_s: float) -> str:
        """The busiest of the others since the last time this was asked, in brackets; "" at the first time."""
        before, before_s = self._others, self._others_s
        if before and now_s - before_s < 0.5:
            return self._named
        self._others, self._others_s, self._named = dict(others(self._proc, self._ours)), now_s, ""
        grown = {
            pid: ticks - before[pid][1]
            for pid, (name, ticks) in self._others.items()
            if pid in before and ticks > before[pid][1]
        }
        busiest = sorted(grown, key=lambda pid: grown[pid], reverse=True)[:NAMED]
        if before and busiest:
            shares = (
                f"{self._others[pid][0]} {grown[pid] / HZ / (now_s - before_s):.2f} (pid {pid})" for pid in busiest
            )
            self._named = f": {', '.join(shares)}"
        return self._named


def busy_ticks(proc: Path) -> float:
    """What all cores together have done since the machine started, in ticks; guest time is in user time (proc(5))."""
    with open(proc / "stat", "rb") as file:
        words = file.readline().split()[1:9]
    user, nice, system, _, _, irq, softirq, steal = (int(word) for word in words)
    return user + nice + system + irq + softirq + steal


def tree_ticks(proc: Path, root: int) -> Iterator[int]:
    """What each living process of a tree, and those below it that it has waited for, have done, in ticks."""
    waiting, seen = [root], set()
    while waiting:
        pid = waiting.pop()
        if pid in seen:
            continue
        seen.add(pid)
        with contextlib.suppress(OSError, ValueError, IndexError):  # gone meanwhile
            yield _ticks((proc / str(pid) / "stat").read_bytes(), waited_for=True)
            for task in os.listdir(proc / str(pid) / "task"):  # noqa: PTH208  (pathlib takes twice as long)
                with open(proc / str(pid) / "task" / task / "children", "rb") as file:
                    waiting += [int(child) for child in file.read().split()]


def scanned_ticks(proc: Path, root: int) -> Iterator[int]:
    """The same as ``tree_ticks`` where the kernel keeps no list of children: every process is looked at."""
    found = _processes(proc)
    yield from (_ticks(text, waited_for=True) for pid, text in found.items() if _descends(pid, root, found))


def others(proc: Path, root: int) -> Iterator[tuple[int, tuple[str, int]]]:
    """Pid, name and ticks of every process that does not descend from ``root``."""
    found = _processes(proc)
    for pid, text in found.items():
        if not _descends(pid, root, found):
            name = text[text.index(b"(") + 1 : text.rindex(b")")].decode(errors="replace")
            yield pid, (name, _ticks(text, waited_for=False))


def _processes(proc: Path) -> dict[int, bytes]:
    """What the kernel says of every process, by pid."""
    found = {}
    for entry in os.listdir(proc):  # noqa: PTH208
        if entry.isdigit():
            with contextlib.suppress(OSError):
                found[int(entry)] = (proc / entry / "stat").read_bytes()
    return found


def _descends(pid: int, root: int, found: Mapping[int, bytes]) -> bool:
    """Whether a process is ``root`` or below it."""
    for _ in range(len(found)):
        if pid == root:
            return True
        if pid not in found:
            return False
        pid = int(found[pid].rpartition(b")")[2].split()[1])
    return False


def _ticks(stat: bytes, *, waited_for: bool) -> int:
    """User and system time of a process; the name may hold anything, so count from its last bracket."""
    words = stat.rpartition(b")")[2].split()
    return sum(int(word) for word in words[11 : 15 if waited_for else 13])
