"""Readings -> a samples CSV, and what each channel lately said. The sampler's own; standard library only.

Rows are buffered and written once a second without fsync: a killed sampler loses at most that second, and the disk is
left alone while the workload runs. A write that fails is raised at once; nothing recorded is ever dropped silently.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.record import CLOCKS_CSV, SAMPLER, Channel, InstrumentFiles, Kind
from harness.sensors.sensor import Reading

CHANGES_KEPT = 501
"""Over how many changes of value the refresh period is taken, the latest ones."""
FEWEST_CHANGES = 5
"""Fewer changes than this tell no refresh period."""
CONTEXT = ("foreign_processes", "power_limit_W")
"""The quantities that a gate may ask for before a run."""
STALE_NS = 5_000_000_000
"""What came in longer ago than this is not shown as what a device does now."""


class _Seen:
    """One channel's recent past."""

    __slots__ = ("changed_ns", "count", "intervals_ns", "kind", "since", "t_ns", "total", "value")

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.t_ns = 0
        self.value = math.nan
        self.changed_ns = 0
        self.intervals_ns: deque[int] = deque(maxlen=CHANGES_KEPT)
        self.total = 0.0
        self.count = 0
        self.since: tuple[int, float] | None = None

    def take(self, t_ns: int, value: float) -> None:
        if value != self.value:
            if self.changed_ns:
                self.intervals_ns.append(t_ns - self.changed_ns)
            self.changed_ns = t_ns
        self.t_ns, self.value = t_ns, value
        self.total += value
        self.count += 1

    def recent(self) -> float | None:
        """The mean since the last call (W from a counter's joules); None where nothing new tells it."""
        if self.kind is Kind.COUNTER:
            earlier, self.since = self.since, (self.t_ns, self.value)
            if earlier is None or earlier[0] == self.t_ns:
                self.since = earlier or self.since
                return None
            return (self.value - earlier[1]) / (self.t_ns - earlier[0]) * 1e9
        mean = self.total / self.count if self.count else None
        self.total, self.count = 0.0, 0
        return mean


class Recorder:
    """The samples of one run."""

    def __init__(self, folder: Path, channels: Sequence[Channel], name: str = SAMPLER, *, clocks: bool = True) -> None:
        """Open the samples of the instrument ``name`` for appending, with ``clocks`` the clocks too; raises OSError."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._samples = os.open(folder / InstrumentFiles(name).samples, flags, 0o644)
        self._clocks = os.open(folder / CLOCKS_CSV, flags, 0o644) if clocks else None
        self._lines: list[str] = []
        self._clock_lines: list[str] = []
        self._seen = {channel.name: _Seen(channel.kind) for channel in channels}
        told = {(channel.domain, channel.quantity): channel.name for channel in reversed(channels)}
        self._temperature = {domain: name for (domain, quantity), name in told.items() if quantity == "temperature_C"}
        self._context = {f"{domain}.{what}": name for (domain, what), name in told.items() if what in CONTEXT}
        by_counter = {domain: name for (domain, quantity), name in told.items() if quantity == "energy_J"}
        by_trace = {domain: name for (domain, quantity), name in told.items() if quantity == "power_W"}
        self._power = by_counter | by_trace
        self._power_W: dict[str, tuple[int, float]] = {}
        self.rows = 0
        """Rows taken in, written or not yet."""
        self.not_finite = 0
        """Readings that were no numbers: left out."""

    def take(self, readings: Iterable[Reading]) -> None:
        """Take in readings, in their order; a channel that was not announced is a defect (KeyError)."""
        for t_ns, name, value in readings:
            if not math.isfinite(value):
                self.not_finite += 1
                continue
            self._seen[name].take(t_ns, value)
            self._lines.append(f"{t_ns},{name},{float(value)!r}\n")
            self.rows += 1

    def take_clock(self, t_ns: int, realtime_ns: int, boottime_ns: int) -> None:
        """Take in one moment read on three clocks."""
        if self._clocks is not None:
            self._clock_lines.append(f"{t_ns},{realtime_ns},{boottime_ns}\n")

    def flush(self) -> None:
        """Write what is buffered; raises OSError (a full disk, a limit)."""
        for descriptor, lines in ((self._samples, self._lines), (self._clocks, self._clock_lines)):
            if lines and descriptor is not None:
                _write_whole(descriptor, "".join(lines).encode())
                lines.clear()

    def close(self) -> None:
        """Give the files back."""
        os.close(self._samples)
        if self._clocks is not None:
            os.close(self._clocks)

    def power_W(self, now_ns: int) -> dict[str, float]:
        """By domain, the mean power since the last call, or the latest one while it is not stale."""
        for domain, name in self._power.items():
            seen = self._seen[name]
            mean = seen.recent()
            if mean is not None:
                self._power_W[domain] = (now_ns, mean)
        return {domain: value for domain, (came_ns, value) in self._power_W.items() if now_ns - came_ns < STALE_NS}

    def temperature_C(self, now_ns: int) -> dict[str, float]:
        """By domain, the latest temperature while it is not stale."""
        latest = ((domain, self._seen[name]) for domain, name in self._temperature.items())
        return {domain: seen.value for domain, seen in latest if seen.t_ns and now_ns - seen.t_ns < STALE_NS}

    def context(self, now_ns: int) -> dict[str, float]:
        """The latest of what gates look at, by "domain.quantity", while it is not stale."""
        latest = ((name, self._seen[channel]) for name, channel in self._context.items())
        return {name: seen.value for name, seen in latest if seen.t_ns and now_ns - seen.t_ns < STALE_NS}

    def refresh_seen(self) -> dict[str, float | None]:
        """By channel, the median time between changes of its value, s; None where too few were seen."""
        return {name: self.refresh_seen_s(name) for name in self._seen}

    def refresh_seen_s(self, name: str) -> float | None:
        """The same of one channel."""
        intervals_ns = self._seen[name].intervals_ns
        return sorted(intervals_ns)[len(intervals_ns) // 2] / 1e9 if len(intervals_ns) >= FEWEST_CHANGES else None


def _write_whole(descriptor: int, text: bytes) -> None:
    while text:
        text = text[os.write(descriptor, text) :]
