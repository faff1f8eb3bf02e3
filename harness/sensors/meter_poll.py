"""One meter asked at its interval, in a thread of its own: a slow one delays nobody. Standard library only."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from harness.sensors.clock import CLOCK, Clock
from harness.sensors.meter_answer import Form, Told
from harness.sensors.meter_http import Answer, Line, NoAnswer

LOST_S, LOST_POLLS, LOST_TIMEOUTS = 2.0, 5, 3
"""Lost after the largest of: so long, so many intervals, so many time limits without an answer."""
TRIPS_KEPT = 3600
"""Over how many round trips the median is taken, the latest ones."""
JOIN_S = 0.2
"""How long a thread is waited for at the end; one that still hangs in a question ends with the process."""


class Polled(NamedTuple):
    """One answer, stamped with the middle of its question."""

    t_ns: int
    told: Told


class Poller:
    """One meter, asked again and again."""

    def __init__(
        self, name: str, line: Line, form: Form, interval_s: float, timeout_s: float, *, clock: Clock = CLOCK
    ) -> None:
        """``name`` is what a person reads of it: "the shelly meter of wall"."""
        self.name, self._line, self._form = name, line, form
        self._interval_s, self._clock = interval_s, clock
        self.limit_s = max(LOST_S, LOST_POLLS * interval_s, LOST_TIMEOUTS * timeout_s)
        """After so long without an answer it is lost."""
        self.trouble = ""
        self.lost = ""
        self._answers: deque[Polled] = deque()
        self._answered_ns = 0
        self._last_J: float | None = None
        self._trips_s: deque[float] = deque(maxlen=TRIPS_KEPT)
        self._longest_trip_s = 0.0
        self._answered = 0
        self._missed: Counter[str] = Counter()
        self._without_total: Counter[str] = Counter()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._poll, name=name, daemon=True)

    def ask(self) -> Told:
        """Ask once and take the answer in; raises NoAnswer, counted."""
        try:
            answer = self._line.ask()
            told = self._form.told(answer.body)
        except NoAnswer as error:
            self._missed[str(error)] += 1
            self.trouble = f"{self.name} gives no reading: {error}"
            raise
        self._take(answer, told)
        return told

    def start(self) -> None:
        """Ask at the interval from now on."""
        self._answered_ns = self._clock.now_ns()
        self._thread.start()

    def taken(self, now_ns: int) -> list[Polled]:
        """The answers since the last call; sees too whether the meter is lost."""
        silent_s = (now_ns - self._answered_ns) / 1e9
        if self._thread.is_alive() and not self.lost and silent_s > self.limit_s:
            reason = self.trouble or f"{self.name} gives no reading"
            self.lost = self.trouble = f"{reason}; none for {silent_s:.1f} s"
        count = len(self._answers)
        return [self._answers.popleft() for _ in range(count)]

    def stop(self) -> None:
        """Ask no more."""
        self._ended.set()
        if self._thread.ident is None:
            self._line.close()
        else:
            self._thread.join(JOIN_S)

    def summary(self) -> Mapping[str, Any]:
        """How it answered; holds no address."""
        trips_s = sorted(self._trips_s)
        return {
            "answered": self._answered,
            "missed": sum(self._missed.values()),
            "reasons": dict(self._missed),
            "without_total": dict(self._without_total),
            "round_trip_p50_s": trips_s[len(trips_s) // 2] if trips_s else None,
            "round_trip_max_s": self._longest_trip_s if trips_s else None,
            "connections": self._line.connections,
        }

    def _poll(self) -> None:
        """At absolute times, so that a slow answer moves no later one; what could not be asked in time is left out."""
        begin_ns, place, interval_ns = self._clock.now_ns(), 0, round(self._interval_s * 1e9)
        while True:
            place = max(place, (self._clock.now_ns() - begin_ns) // interval_ns) + 1
            if self._ended.wait(max(0.0, (begin_ns + place * interval_ns - self._clock.now_ns()) / 1e9)):
                self._line.close()
                return
            try:
                self.ask()
            except NoAnswer:
                continue

    def _take(self, answer: Answer, told: Told) -> None:
        trip_ns = answer.answered_ns - answer.asked_ns
        self._trips_s.append(trip_ns / 1e9)
        self._longest_trip_s = max(self._longest_trip_s, trip_ns / 1e9)
        self._answered += 1
        self._answered_ns = answer.answered_ns
        if told.energy_why:
            self._without_total[told.energy_why] += 1
        if told.energy_J is not None:
            if self._last_J is not None and told.energy_J < self._last_J:
                fell_J = self._last_J - told.energy_J
                self.lost = (
                    f"the total of {self.name} went back by {fell_J:.4g} J: it was reset, or another one answers"
                )
            self._last_J = told.energy_J
        self.trouble = self.lost
        self._answers.append(Polled(answer.asked_ns + trip_ns // 2, told))
