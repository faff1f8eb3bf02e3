"""What a process costs, seen from outside through /proc: processor time and memory."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """User and system seconds that a process has used, its threads included; to a hundredth of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def precise_cpu_s(pid: int) -> float:
    """The same from the scheduler, to a nanosecond, over all threads; 0 where the kernel does not say."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text("utf-8").split()[0])
    return total / 1e9


def resident_MB(pid: int, *, largest: bool = False) -> float:
    """Resident memory now, or the largest so far, in MB (10^6 bytes)."""
    wanted = "VmHWM:" if largest else "VmRSS:"
    for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
        if line.startswith(wanted):
            return int(line.split()[1]) * 1024 / 1e6
    raise ProcessLookupError(pid)


def wall_s(command: Sequence[str]) -> float:
    """Seconds from start to end of a command whose output nobody reads; raises where it fails."""
    begin_s = time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return time.perf_counter() - begin_s


def descendants(pid: int) -> dict[int, str]:
    """Every living descendant of a process, with its command line."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text("utf-8").rpartition(")")[2].split()[1])
            except OSError:
                continue  # it has ended meanwhile
    found: dict[int, str] = {}
    wanted = {pid}
    while wanted:
        wanted = {child for child, parent in parents.items() if parent in wanted and child not in found}
        for child in wanted:
            try:
                found[child] = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
    return found
