"""The card's energy counter, read so that each value has the time of the tick at which it was true.

The counter moves once in 100 ms, and a read burns some 3 ms of CPU: read without care it is 50 ms old on average, and
waiting for a tick is busy polling. So the phase of the ticks is learnt before the workload is launched and after it has
gone. In between, a read that falls between two predicted ticks belongs to the earlier one and bears its time::

    tick          tick          tick
    |   ~~~~~~~   |   ~~~~~~~   |        ~ where a read may fall: a margin away from both ticks
    ^ stamp  ^ read

Its ticks and our clock are two oscillators: at 50 ppm they part by a whole period in 33 minutes, and a read would then
bear the time of the wrong tick. So a tick that was watched is trusted for a minute only; after that one is watched
again, from shortly before it is due (some four reads), and the drift is known without ambiguity. What an earlier run
saw is a hint: readings that rest on it are held back until a tick was watched in this run, since a card whose driver
let go of it in between ticks anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.sensors.clock import Clock
from harness.sensors.nvml_card import Card

PERIODS_NS = (20_000_000, 50_000_000, 100_000_000)
"""The tick periods that are believed; a counter that shows another is stamped with the time of the read."""
PERIOD_TOLERANCE = 0.2
LEARN_NS = 400_000_000
"""For how long a tick is looked for."""
PAUSE_S = 0.004
"""Between two reads while ticks are looked for."""
TRUST_NS = 60_000_000_000
"""How long a watched tick is trusted: in a minute, ticks that drift by 50 ppm move by a third of the margin."""
MARGIN_NS = 10_000_000
"""How far from a predicted tick a read must stay: the error of the phase, and some drift."""
LEAD_NS = 15_000_000
"""How long before its prediction a tick is watched for: what it may have drifted, and some."""
WIDEST_NS = 15_000_000
"""A tick that is watched again is looked for once more where it was seen to lie within no less than this."""
CALL_NS = 4_000_000
"""How long a read is expected to take."""
NAME = "energy counter"


class Counter:
    """One card's energy counter."""

    def __init__(self, card: Card, clock: Clock, ask: Callable[[], int], source: str) -> None:
        """``ask``: how it is asked, mJ; may raise the module's NVMLError."""
        self._card = card
        self._clock = clock
        self._counted_mJ = ask
        self.source = source
        self._value_mJ: int | None = None
        self._unplaced: list[tuple[int, int, int]] = []
        """Reads that rest on a hint: their begin, their end, and the value, mJ."""
        self.hinted = False
        """Whether the phase is an earlier run's word, and no tick was watched yet in this one."""
        self.tick_ns = 0
        """The latest tick that was watched."""
        self.period_ns = 0
        """0: not known, stamps are the time of the read."""
        self.bracket_ns = 0
        """The width within which the latest tick was seen to lie."""
        self.drift_ns: int | None = None
        """How far the ticks have moved against their prediction since one was first watched in this run."""
        self.hint_off_ns: int | None = None
        """How far from its hint the first tick of this run was; modulo their period."""
        self.largest_step_ns = 0
        """The largest drift from one watched tick to the next: by so much a stamp between them may be wrong."""
        self.readings = 0
        self.went_back = 0

    @property
    def refresh_s(self) -> float:
        """The period of its ticks; where none was learnt, the longest that is known of."""
        return (self.period_ns or PERIODS_NS[-1]) / 1e9

    @property
    def hint(self) -> dict[str, int]:
        """What the next run's counter need not learn again; empty where no period was learnt."""
        return {"tick_ns": self.tick_ns, "period_ns": self.period_ns} if self.period_ns else {}

    def learn(self, hint: Mapping[str, Any] | None = None) -> list[tuple[int, float]]:
        """Watch for two ticks (some 150 ms); the reading at the later one, where there was one.

        With a fresh ``hint`` only read: the ticks go on as they were seen at the end of the run before, most likely.
        The reading is handed on with the first tick that is watched.
        """
        if hint and 0 <= self._clock.now_ns() - hint["tick_ns"] <= TRUST_NS and hint["period_ns"] in PERIODS_NS:
            self.period_ns, self.tick_ns, self.hinted = hint["period_ns"], hint["tick_ns"], True
            return self.read()
        first = self._watch()
        second = self._watch() if first else None
        if first is None or second is None:
            return self._as_readings(first)
        apart_ns = second[0] - first[0]
        period_ns = min(PERIODS_NS, key=lambda known_ns: abs(known_ns - apart_ns))
        believed = abs(apart_ns - period_ns) <= PERIOD_TOLERANCE * period_ns
        self.period_ns = period_ns if believed else 0
        self.tick_ns = second[0]
        return self._as_readings(second)

    def untrusted_ns(self, now_ns: int) -> int:
        """For how long the phase of the ticks has been in want of another look; 0 while it is trusted."""
        if not self.period_ns:
            return 0
        return max(0, now_ns - self.tick_ns - (0 if self.hinted else TRUST_NS))

    def watch_again(self) -> list[tuple[int, float]]:
        """Watch the next tick from shortly before it is due; the reading at it, after those that waited for it."""
        if not self.period_ns:
            return self.read()
        now_ns = self._clock.now_ns()
        until_ns = self._tick_before(now_ns) + self.period_ns - LEAD_NS
        if until_ns > now_ns:
            self._clock.sleep((until_ns - now_ns) / 1e9)
        seen = self._watch(WIDEST_NS)
        if seen is None:
            return []
        half_ns = self.period_ns // 2
        off_ns = (seen[0] - self.tick_ns + half_ns) % self.period_ns - half_ns
        if self.hinted:
            self.hint_off_ns, self.hinted = off_ns, False
        else:
            self.drift_ns = (self.drift_ns or 0) + off_ns
            self.largest_step_ns = max(self.largest_step_ns, abs(off_ns))
        self.tick_ns = seen[0]
        fresh = [read for read in self._unplaced if seen[0] - read[0] <= TRUST_NS]
        waited = [reading for read in fresh for reading in self._placed(*read)]
        self._unplaced = []
        return [*waited, *self._as_readings(seen)]

    def read(self) -> list[tuple[int, float]]:
        """One reading, with the time of the tick before it (waits up to some 25 ms where a tick is near)."""
        self._stand_clear()
        begin_ns = self._clock.now_ns()
        value_mJ = self._ask()
        end_ns = self._clock.now_ns()
        if value_mJ is None:
            return []
        if not self.period_ns:
            return self._as_readings(((begin_ns + end_ns) // 2, value_mJ))
        if self.hinted:
            self._unplaced.append((begin_ns, end_ns, value_mJ))
            return []
        return self._placed(begin_ns, end_ns, value_mJ)

    def clear_ns(self, now_ns: int) -> int:
        """The next time from which reads a multiple of the ticks' period apart stay clear of them, drift allowed for.

        Ticks that drift against our clock do so slowly; a third of a period after the tick leaves room either way.
        """
        if not self.period_ns:
            return now_ns
        clear_ns = self._tick_before(now_ns) + self.period_ns // 3
        return clear_ns if clear_ns >= now_ns else clear_ns + self.period_ns

    def _placed(self, begin_ns: int, end_ns: int, value_mJ: int) -> list[tuple[int, float]]:
        """A read at the tick before it; nothing where it may have met the tick after that."""
        tick_ns = self._tick_before(begin_ns)
        if end_ns > tick_ns + self.period_ns - MARGIN_NS // 2:
            return []  # held up until the next tick was near: to which of the two it belongs is not known
        return self._as_readings((tick_ns, value_mJ))

    def _tick_before(self, now_ns: int) -> int:
        return now_ns - (now_ns - self.tick_ns) % self.period_ns

    def _stand_clear(self) -> None:
        """Wait until no predicted tick is near; where ticks are too close for any margin, do not."""
        if self.period_ns <= 2 * MARGIN_NS + CALL_NS:
            return
        now_ns = self._clock.now_ns()
        since_ns = now_ns - self._tick_before(now_ns)
        if since_ns < MARGIN_NS:
            self._clock.sleep((MARGIN_NS - since_ns) / 1e9)
        elif since_ns + CALL_NS > self.period_ns - MARGIN_NS:
            self._clock.sleep((self.period_ns - since_ns + MARGIN_NS) / 1e9)

    def _watch(self, widest_ns: int = LEARN_NS) -> tuple[int, int] | None:
        """The next change of value: when (the middle of its bracket) and to what, mJ; None if none comes.

        One whose bracket is wider than ``widest_ns`` (we were held up) only counts if no later one is narrower.
        """
        found: tuple[int, int, int] | None = None
        value_mJ: int | None = None
        before_ns = 0
        deadline_ns = self._clock.now_ns() + LEARN_NS
        while (begin_ns := self._clock.now_ns()) < deadline_ns:
            latest_mJ = self._ask()
            middle_ns = (begin_ns + self._clock.now_ns()) // 2
            if latest_mJ is None:
                break
            if value_mJ is not None and latest_mJ != value_mJ:
                bracket_ns = middle_ns - before_ns
                if found is None or bracket_ns < found[0]:
                    found = bracket_ns, (before_ns + middle_ns) // 2, latest_mJ
                if bracket_ns <= widest_ns:
                    break
            value_mJ, before_ns = latest_mJ, middle_ns
            self._clock.sleep(PAUSE_S)
        if found is None:
            return None
        self.bracket_ns = found[0]
        return found[1:]

    def _ask(self) -> int | None:
        card = self._card
        value_mJ = card.ask(NAME, self._counted_mJ)
        if value_mJ is not None:
            if self._value_mJ is not None and value_mJ < self._value_mJ:
                self.went_back += 1
                card.miss(f"{NAME} went back", "the driver was reloaded or the card reset; this run cannot be used")
            self._value_mJ = value_mJ
        return value_mJ

    def _as_readings(self, seen: tuple[int, int] | None) -> list[tuple[int, float]]:
        if seen is None:
            return []
        self.readings += 1
        return [(seen[0], seen[1] / 1000)]
