"""An energy counter, read again and again: integer steps added up, and what cannot be believed told, never guessed.

A counter that went back, a step that no power explains, a time unread in which it may have gone round once: nothing
more is recorded of it from there on, since a sum beyond that point would be a guess.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from harness.sensors.clock import Clock
from harness.sensors.sensor import Reading

SLACK_NS = 100_000_000
"""How far a counter's own updates may lie from our readings, generously."""
PATIENCE_S = 5.0
"""A source that cannot be read for so long, and for three periods, is lost."""


class CounterLost(Exception):
    """The counter itself says that it did not count all the time; the text says why."""


class Counter(Protocol):
    """One counter, opened."""

    where: str
    """What is read: a path, an event."""
    unit_J: float
    turn: int | None
    """It begins again at 0 after ``turn`` - 1; None where it never does, so that a step back is no wrap."""
    hidden_J: float
    """Between two readings less than so much energy must flow, or some of it may be missed; infinite where any may."""

    def read(self) -> int:
        """The count now; raises OSError or ValueError where it cannot be read, CounterLost where it has gaps."""

    def close(self) -> None:
        """Give it back."""


@dataclass
class Told:
    """One channel's source, and how it has fared so far."""

    domain: str
    name: str
    """Of the channel."""
    read_ns: int = field(default=0, kw_only=True)
    """When it was read last; when it was first tried, where it never could be."""
    missed: int = field(default=0, kw_only=True)
    failing: str = field(default="", kw_only=True)
    ended: dict[str, Any] = field(default_factory=dict, kw_only=True)
    """Since when nothing more is recorded of it, and why."""

    def miss(self, why: str, now_ns: int, limit_s: float) -> None:
        """It could not be read: missing, and lost where that has lasted for ``limit_s``."""
        self.missed += 1
        self.failing = why
        unread_s = (now_ns - self.read_ns) / 1e9
        if unread_s >= limit_s:
            self.end(f"it could not be read for {unread_s:.1f} s ({why})", now_ns)

    def end(self, why: str, now_ns: int) -> None:
        """Nothing more is recorded of it."""
        self.failing = f"{why}; nothing more is recorded of it"
        self.ended = {"t_s": self.read_ns / 1e9, "duration_s": (now_ns - self.read_ns) / 1e9, "why": why}


@dataclass
class Meter(Told):
    """A counter as a channel of energy."""

    counter: Counter
    largest_W: float = math.inf
    """More than the domain draws: a step that would take more was no step but a counter set back."""
    count: int | None = None
    total: int = 0

    @property
    def longest_s(self) -> float:
        """A time between two readings in which some of its energy may have been missed."""
        return self.counter.hidden_J / self.largest_W if math.isfinite(self.counter.hidden_J) else math.inf

    def read(self, clock: Clock, patience_s: float = PATIENCE_S) -> Reading | None:
        """The energy since the first reading, J; None where it could not be read, or has ended."""
        if self.ended:
            return None
        before_ns = clock.now_ns()
        self.read_ns = self.read_ns or before_ns
        try:
            count = self.counter.read()
        except (OSError, ValueError) as error:
            self.miss(str(error), before_ns, min(patience_s, self.longest_s))
            return None
        except CounterLost as error:
            self.end(str(error), before_ns)
            return None
        t_ns = (before_ns + clock.now_ns()) // 2
        if self.count is not None:
            step = count - self.count
            if self.counter.turn is not None:
                step %= self.counter.turn
            if why := self._doubt(t_ns - self.read_ns, step):
                self.end(why, t_ns)
                return None
            self.total += step
        self.count, self.read_ns, self.failing = count, t_ns, ""
        return Reading(t_ns, self.name, self.total * self.counter.unit_J)

    def close(self) -> None:
        """Give the counter back."""
        self.counter.close()

    def _doubt(self, apart_ns: int, step: int) -> str:
        """Why a step cannot be believed; "" where it can."""
        apart_s, step_J = apart_ns / 1e9, step * self.counter.unit_J
        if apart_s >= self.longest_s:
            return f"unread for {apart_s:.0f} s, in which its counter may have gone once round"
        if step < 0:
            return f"its counter went back by {-step_J:.0f} J"
        if step_J > self.largest_W * (apart_ns + SLACK_NS) / 1e9:
            return f"its counter was set back ({step_J:.0f} J in {apart_s:.3f} s would be no step forward)"
        return ""


def patience_s(period_s: float) -> float:
    """For how long a source read each ``period_s`` may fail before it is lost."""
    return max(PATIENCE_S, 3 * period_s)


def trouble_of(sources: Iterable[Told]) -> str:
    """What fails just now, or has ended; "" while all is well."""
    return "; ".join(f"{item.domain}: {item.failing}" for item in sources if item.failing)


def lost_of(sources: Iterable[Told]) -> str:
    """The domains of which nothing more is recorded, and why."""
    return "; ".join(f"{item.domain}: {item.ended['why']}" for item in sources if item.ended)
