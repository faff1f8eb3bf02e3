"""The hours in which one session of a night is at work: starts_at, ends_at, stop_after_s, on clocks that can be faked.

::

    begun at    starts_at 22:00, ends_at 07:30           starts_at alone       ends_at alone
    20:00       waits until 22:00, works until 07:30     waits until 22:00     works until 07:30
    23:00       works at once, until 07:30               waits until 22:00     works until 07:30
    08:00       waits until 22:00, works until 07:30     waits until 22:00     works until 07:30 of the next day

They act between blocks only: a block is not begun unless, by the forecast, it ends in time; one that is begun is
finished. stop_after_s counts from the end of the wait, on a clock that goes on while the machine sleeps.
"""

from __future__ import annotations

import select
import time
from collections.abc import Iterator

from harness.events import Event, Tick, WaitStarted
from harness.hours import TimeOfDay, with_zone
from harness.protocol_model import Night, Protocol
from harness.stop import Stop
from harness.view import clock as clock_text
from harness.view import duration

WAITING = "waiting"
TICK_S = 30.0
"""How long a wait sleeps at most: the wall clock may be set meanwhile."""


def zoned(protocol: Protocol, realtime_s: float) -> Protocol:
    """``protocol`` with the zone of this machine at each time of day that names none: what a night records."""
    hours = {
        key: with_zone(text, realtime_s)
        for key in ("starts_at", "ends_at")
        if (text := getattr(protocol.night, key)) is not None
    }
    return protocol.model_copy(update={"night": protocol.night.model_copy(update=hours)}) if hours else protocol


class Clock:
    """The clocks of this machine, and a sleep that a stop ends."""

    def realtime_s(self) -> float:
        """Seconds since 1970, as the wall clock has it."""
        return time.time()

    def boottime_s(self) -> float:
        """Seconds since the machine was started, its sleep included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def rest(self, stop: Stop, timeout_s: float) -> None:
        """Sleep for so long, or until a stop is asked for."""
        ready, _, _ = select.select([stop.fileno()], [], [], timeout_s)
        if ready:
            stop.acknowledge()


class Shift:
    """One session's hours."""

    def __init__(self, night: Night, clock: Clock) -> None:
        """Reckon them from now."""
        self.clock = clock
        self.night = night
        now_s = clock.realtime_s()
        ends = TimeOfDay.parse(night.ends_at) if night.ends_at else None
        self.begin_s: float | None = None
        """When it may begin (CLOCK_REALTIME); None: at once."""
        self.end_s = ends.after(now_s) if ends else None
        """When it has to be over; None: whenever."""
        if night.starts_at:
            begin_s = TimeOfDay.parse(night.starts_at).after(now_s, inclusive=True)
            if ends is None or self.end_s is None:
                self.begin_s = begin_s
            elif begin_s <= self.end_s:
                self.begin_s, self.end_s = begin_s, ends.after(begin_s)
        self._begun_s = clock.boottime_s()

    def wait(self, stop: Stop) -> Iterator[Event]:
        """Wait until it may begin; a stop ends the wait."""
        if self.begin_s is not None and self.begin_s > self.clock.realtime_s():
            since_s = self.clock.boottime_s()
            yield WaitStarted(self.begin_s, f"night.starts_at = {self.night.starts_at}")
            while stop.level == 0 and (left_s := self.begin_s - self.clock.realtime_s()) > 0:
                self.clock.rest(stop, min(left_s, TICK_S))
                yield Tick("", f"{WAITING} until {clock_text(self.begin_s)}", self.clock.boottime_s() - since_s)
        self._begun_s = self.clock.boottime_s()

    def too_late(self, needed_s: float) -> str:
        """Why nothing that takes ``needed_s`` is begun any more; empty while there is time for it."""
        limits = []
        if self.end_s is not None:
            limits.append((self.end_s - self.clock.realtime_s(), f"night.ends_at = {self.night.ends_at}"))
        if self.night.stop_after_s is not None:
            left_s = self._begun_s + self.night.stop_after_s - self.clock.boottime_s()
            limits.append((left_s, f"night.stop_after_s = {self.night.stop_after_s:g}"))
        left_s, named = min(limits, default=(float("inf"), ""))
        if needed_s < left_s:
            return ""
        if left_s <= 0:
            return f"the time is over ({named})"
        return f"the next would take about {duration(needed_s)}, and {duration(left_s)} are left ({named})"

    def __str__(self) -> str:
        """The hours for people; empty where nothing limits them."""
        now_s = self.clock.realtime_s()
        parts = [f"from {clock_text(self.begin_s, now_s)}"] if self.begin_s is not None else []
        parts += [f"until {clock_text(self.end_s, now_s)}"] if self.end_s is not None else []
        parts += [f"for {duration(self.night.stop_after_s)}"] if self.night.stop_after_s is not None else []
        return ", ".join(parts)
