"""Memory that is being swapped: it moves the disk and the processors in nobody's name. Linux."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from harness.gates.gate import Look, Rate
from harness.protocol_gates import SwapLimit

PAGE_B = os.sysconf("SC_PAGE_SIZE")


class SwapGate:
    """The gate of ``[gates.swap]``: traffic, and what is in use where the protocol limits that."""

    name = "swap"
    lenient = False
    remedy = "see who takes the memory (free -m, ps aux --sort -rss); sudo swapoff -a && sudo swapon -a empties swap"

    def __init__(self, settings: SwapLimit, now_s: float, root: Path = Path("/")) -> None:
        self._settings, self._proc, self._moved = settings, root / "proc", Rate()
        self.watch(now_s)

    @property
    def budget_s(self) -> float:
        """As the protocol says."""
        return self._settings.budget_s

    def watch(self, now_s: float) -> None:
        """Note how much was swapped until now."""
        with contextlib.suppress(OSError):
            text = (self._proc / "vmstat").read_bytes()
            pages = re.findall(rb"^pswp(?:in|out) (\d+)$", text, re.MULTILINE)
            if pages:
                self._moved.note(now_s, PAGE_B * sum(int(count) for count in pages) / 1e6)

    def look(self, now_s: float) -> Look:
        """Open while little moves, and little is in use where that is limited."""
        self.watch(now_s)
        used_MB, moved = self._used_MB(), self._moved.per_s()
        if used_MB is None:
            return Look(None, "the kernel tells no swap here")
        if moved is None:
            if not self._moved.span_s and not (self._proc / "vmstat").exists():
                return Look(None, "the kernel tells no swap traffic here")
            return Look(False, "swap traffic is being measured", again_s=self._moved.again_s)
        limit, most_MB = self._settings.MB_per_s, self._settings.used_MB
        why = f"swap: {moved:.1f} MB/s, {used_MB:.0f} MB in use"
        if most_MB is not None and used_MB > most_MB:
            return Look(False, f"{why}, more than {most_MB:g} MB", used_MB, most_MB, "MB")
        return Look(moved <= limit, why, moved, limit, "MB/s", self._moved.again_s)

    def _used_MB(self) -> float | None:
        try:
            text = (self._proc / "meminfo").read_bytes()
        except OSError:
            return None
        sizes_kB = dict(re.findall(rb"^(Swap\w+):\s+(\d+) kB", text, re.MULTILINE))
        if b"SwapTotal" not in sizes_kB or b"SwapFree" not in sizes_kB:
            return None
        return (int(sizes_kB[b"SwapTotal"]) - int(sizes_kB[b"SwapFree"])) * 1024 / 1e6
