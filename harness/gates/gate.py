"""The contract of a gate, and how a look at it reads.

A gate is asked about once a second before a run, never during one. What it needs to have seen before it can tell (a
rate) it begins to note when it is made, at the beginning of the attempt, so that a look costs no time of its own.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

POLL_S = 1.0
"""How often a closed gate is asked again."""
SPAN_S = 1.0
"""Over about how long a rate is taken."""
SHORTEST_SPAN_S = 0.03
"""The kernel counts processor time in hundredths of a second: over less than this a rate tells nothing."""
SOON_S = 0.1
"""When to look again where a rate over less than SPAN_S was too high: the longer it is looked at, the surer it is."""


@dataclass(frozen=True)
class Look:
    """What a gate sees at one moment."""

    open: bool | None
    """None: it cannot be told here; the run starts, and the record says that nobody looked."""
    why: str
    """One sentence: what was seen."""
    figure: float | None = None
    limit: float | None = None
    unit: str = ""
    again_s: float = POLL_S
    """When to look again where it is closed."""


class Gate(Protocol):
    """One thing that must be right before a run starts."""

    @property
    def name(self) -> str:
        """Its name, as in the protocol."""

    @property
    def budget_s(self) -> float:
        """How long it may hold a run up, all its waits together."""

    @property
    def lenient(self) -> bool:
        """Whether the run starts all the same when the budget is over."""

    @property
    def remedy(self) -> str:
        """What a person can do about it."""

    def watch(self, now_s: float) -> None:
        """Note what a later look needs, while something else is waited for."""

    def look(self, now_s: float) -> Look:
        """Whether it is open now."""


class Rate:
    """How fast a total grows, over about the last second."""

    def __init__(self) -> None:
        self._noted: deque[tuple[float, float]] = deque()

    def note(self, now_s: float, total: float) -> None:
        """Take in the total as it is now; what is older than needed is forgotten."""
        noted = self._noted
        if noted and now_s - noted[-1][0] < SHORTEST_SPAN_S / 2:
            return
        noted.append((now_s, total))
        while len(noted) > 2 and now_s - noted[1][0] >= SPAN_S:
            noted.popleft()

    def per_s(self) -> float | None:
        """Its growth a second, at least 0; None while too little time was seen."""
        if len(self._noted) < 2 or self.span_s < SHORTEST_SPAN_S:
            return None
        (first_s, first), (last_s, last) = self._noted[0], self._noted[-1]
        return max(0.0, last - first) / (last_s - first_s)

    @property
    def again_s(self) -> float:
        """When to look again where it is too high, or cannot be told yet."""
        if self.per_s() is None:
            return max(0.001, SHORTEST_SPAN_S - self.span_s)
        return SOON_S if self.span_s < SPAN_S else POLL_S

    @property
    def span_s(self) -> float:
        """Over how long it is told."""
        return self._noted[-1][0] - self._noted[0][0] if self._noted else 0.0
