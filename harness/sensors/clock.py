"""The clocks of this machine, read together; sensors are given one, so that tests can give them another."""

from __future__ import annotations

import time
from typing import NamedTuple

BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Goes on in suspend; outside Linux there is none, and CLOCK_MONOTONIC stands in."""
TRIES = 3


class Moment(NamedTuple):
    """One moment on three clocks, ns."""

    t_ns: int
    realtime_ns: int
    boottime_ns: int

    @property
    def offset_ns(self) -> int:
        """What CLOCK_REALTIME is ahead of CLOCK_MONOTONIC."""
        return self.realtime_ns - self.t_ns


class Clock:
    """CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME, and sleep."""

    jumped_ns = (0, 0)
    """By how much realtime and boottime are told wrongly: 0, but where a rehearsal lets a clock jump."""

    def now_ns(self) -> int:
        """CLOCK_MONOTONIC."""
        return time.monotonic_ns()

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        time.sleep(seconds)

    def moment(self) -> Moment:
        """All three, the others bracketed by two readings of CLOCK_MONOTONIC; the tightest of a few tries."""
        tries = []
        for _ in range(TRIES):
            before_ns = time.monotonic_ns()
            realtime_ns = time.time_ns() + self.jumped_ns[0]
            boottime_ns = time.clock_gettime_ns(BOOTTIME) + self.jumped_ns[1]
            after_ns = time.monotonic_ns()
            tries.append((after_ns - before_ns, Moment((before_ns + after_ns) // 2, realtime_ns, boottime_ns)))
        return min(tries)[1]


CLOCK = Clock()
"""This machine's."""
