"""Small files of /proc and /sys, opened once and read again by os.pread: 10 µs a file where a library takes 100."""

from __future__ import annotations

import os
from pathlib import Path


class Again:
    """One file that is read again and again from its beginning."""

    def __init__(self, path: Path, size_B: int = 4096) -> None:
        """Open it; raises OSError."""
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._size_B = size_B

    def read(self) -> bytes:
        """Its first bytes as they are now; raises OSError."""
        return os.pread(self._descriptor, self._size_B, 0)

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)


class CpuLoad:
    """The share of all cores' time that was not idle, from the first line of /proc/stat."""

    def __init__(self, root: Path) -> None:
        """Begin now; raises OSError where there is no /proc/stat, ValueError where it is none."""
        self._file = Again(root / "proc/stat", 256)
        self._busy, self._total = self._times()

    def since_last(self) -> float | None:
        """0 to 1 over the time since the last call; None for a time shorter than the kernel's tick."""
        busy, total = self._times()
        passed, worked = total - self._total, busy - self._busy
        if passed == 0:
            return None
        self._busy, self._total = busy, total
        if passed < 0:  # a core was taken away, and its time with it: nothing is told of this stretch
            return None
        return min(max(worked / passed, 0.0), 1.0)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _times(self) -> tuple[int, int]:
        """Busy and total time of all cores, in the kernel's ticks; guest time is in user time already (proc(5))."""
        words = self._file.read().split(b"\n", 1)[0].split()[1:9]
        user, nice, system, idle, iowait, irq, softirq, steal = (int(word) for word in words)
        busy = user + nice + system + irq + softirq + steal
        return busy, busy + idle + iowait
