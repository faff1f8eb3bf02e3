"""One step of Slurm asked for its energy again and again, in a thread of its own: a slow controller delays nobody.

::

    asked      at its interval, and within a second of each of the workload's marks (where the plugin reads at once)
    told       whole joules since the step began; a reading is made when they have changed
    lost       gone back, leapt, standing still or silent for ten refreshes: nothing more is believed of it

Each question goes through the cluster's controller, which serves everybody: that is why the interval is long.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any

from harness.sensors.clock import CLOCK, Clock
from harness.sensors.slurm_energy import NoAnswer

LARGEST_W = 50_000.0
"""More than any node draws: a step that would take more is no energy, but a counter that was set anew."""
LOST_REFRESHES, LOST_S = 10, 60.0
"""So many refreshes, and at least so long, without an answer or a change. A controller that restarts takes a minute,
and a counter that only grows loses nothing meanwhile."""
TROUBLE_REFRESHES, TROUBLE_S = 3, 10.0
"""The same, from when on it is worth a word."""
SHORTEST_S = 1.0
"""Between two questions, at least."""
JOIN_S = 0.2


class Poller:
    """One step's energy."""

    def __init__(self, told_J: Callable[[], int], interval_s: float, refresh_s: float, *, clock: Clock = CLOCK) -> None:
        """``told_J``: asks once, raises NoAnswer; ``refresh_s``: how often the count moves at most."""
        self._told_J, self._interval_s, self._refresh_s, self._clock = told_J, interval_s, refresh_s, clock
        self.limit_s = max(LOST_S, LOST_REFRESHES * refresh_s)
        self._doubt_s = max(TROUBLE_S, TROUBLE_REFRESHES * refresh_s)
        self.trouble = self.lost = ""
        self.first_J: int | None = None
        self.last_J: int | None = None
        self.answered = self.changes = 0
        self.longest_trip_s = 0.0
        self._missed: Counter[str] = Counter()
        self._readings: deque[tuple[int, int]] = deque()
        self._answered_ns = self._changed_ns = 0
        self._asked = threading.Condition()
        self._wishes = 0
        self._served = 0
        self._ended = False
        self._thread = threading.Thread(target=self._poll, name="slurm", daemon=True)

    def ask(self) -> None:
        """Ask once and take the answer in; what is missed is counted."""
        asked_ns = self._clock.now_ns()
        try:
            joules = self._told_J()
        except NoAnswer as error:
            self._missed[str(error)] += 1
            self.trouble = self.lost or str(error)
            return
        answered_ns = self._clock.now_ns()
        self.longest_trip_s = max(self.longest_trip_s, (answered_ns - asked_ns) / 1e9)
        self.answered += 1
        self._answered_ns = answered_ns
        self._take((asked_ns + answered_ns) // 2, joules)

    def start(self) -> None:
        """Ask at the interval from now on, the first time at once."""
        self._answered_ns = self._answered_ns or self._clock.now_ns()
        self._thread.start()

    def wish(self) -> int:
        """Ask as soon as may be, whatever the interval; returns the number of this wish."""
        with self._asked:
            self._wishes += 1
            self._asked.notify_all()
            return self._wishes

    def served(self, wish: int, patience_s: float) -> bool:
        """Wait until a question was asked after a wish and answered, or missed."""
        with self._asked:
            return self._asked.wait_for(lambda: self._served >= wish or self._ended, patience_s)

    def taken(self, now_ns: int) -> list[tuple[int, int]]:
        """The readings (ns, J) since the last call; sees too whether the source is lost."""
        self._look(now_ns)
        return [self._readings.popleft() for _ in range(len(self._readings))]

    def stop(self) -> None:
        """Ask no more."""
        with self._asked:
            self._ended = True
            self._asked.notify_all()
        if self._thread.ident is not None:
            self._thread.join(JOIN_S)

    def summary(self) -> Mapping[str, Any]:
        """How it answered."""
        return {
            "first_J": self.first_J,
            "last_J": self.last_J,
            "answered": self.answered,
            "changes": self.changes,
            "missed": sum(self._missed.values()),
            "reasons": dict(self._missed),
            "round_trip_max_s": self.longest_trip_s,
        }

    def _poll(self) -> None:
        due_ns = self._clock.now_ns()
        while True:
            with self._asked:
                self._asked.wait_for(
                    lambda: self._ended or self._wishes > self._served,
                    max(0.0, (due_ns - self._clock.now_ns()) / 1e9),
                )
                if self._ended:
                    return
                wishes = self._wishes
            began_ns = self._clock.now_ns()
            self.ask()
            with self._asked:
                self._served = wishes
                self._asked.notify_all()
                if self._wishes == wishes:  # no wish came meanwhile; else it is served at once, behind a pause
                    due_ns = began_ns + round(self._interval_s * 1e9)
                elif not self._ended:
                    self._asked.wait_for(lambda: self._ended, SHORTEST_S)

    def _look(self, now_ns: int) -> None:
        if self.lost or not self._answered_ns:
            return
        silent_s = (now_ns - self._answered_ns) / 1e9
        if silent_s > self.limit_s:
            reason = self.trouble or "Slurm tells no energy"
            self.lost = self.trouble = f"{reason}; no answer for {silent_s:.0f} s"
            return
        still_s = (self._answered_ns - self._changed_ns) / 1e9
        if not self._changed_ns or still_s <= self._doubt_s:
            return
        self.trouble = (
            f"the energy that Slurm tells has stood at {self.last_J} J for {still_s:.0f} s: no node draws none"
        )
        if still_s > self.limit_s:
            self.lost = self.trouble

    def _take(self, t_ns: int, joules: int) -> None:
        before_J, before_ns = self.last_J, self._changed_ns
        if before_J is not None and not self.lost:
            step_J = joules - before_J
            if step_J < 0:
                self.lost = f"the energy that Slurm tells went back by {-step_J} J: it was set anew"
            elif step_J > LARGEST_W * ((t_ns - before_ns) / 1e9 + self._refresh_s):
                self.lost = f"the energy that Slurm tells leapt by {step_J} J: it was set anew"
        self.trouble = self.lost
        if self.lost:
            return
        if self.first_J is None:
            self.first_J = joules
        if joules != before_J:
            self.last_J, self._changed_ns = joules, t_ns
            self.changes += before_J is not None
            self._readings.append((t_ns, joules))
