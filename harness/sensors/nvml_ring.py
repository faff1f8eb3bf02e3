"""The driver's own ring buffer of power, drained about once a second and mapped piece by piece to CLOCK_MONOTONIC.

The driver keeps a power value each 20 ms (119 of them, 2.4 s) with a wall-clock stamp; a drain costs half a
millisecond. Each drain maps its rows by a pair of clocks of its own. A wall clock that was stepped is the danger: the
driver hands out what is *later* than the last stamp seen, so that after a step back the trace would be silent for as
long as the step. Then the whole buffer is read, and what is new in it is found by overlap with what is already known.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from harness.sensors.clock import Clock
from harness.sensors.nvml_card import Card, number

STEP_NS = 5_000_000
"""A wall clock is slewed by at most 0.5 ms a second: an offset that moved further between two drains was a step."""
AHEAD_NS = 5_000_000
"""How far beyond now a stamp may lie after mapping; further out, it comes from a clock that has since been stepped."""
PERIOD_NS = 20_000_000
"""The driver's period until the rows themselves tell it."""
BREAK_PERIODS = 10
"""Rows further apart than this are no jitter of the driver's, which stores them by its own clock."""
MEMORY = 128
"""How many rows are remembered for the overlap: more than the buffer holds."""
NAME = "ring buffer"


class Row(NamedTuple):
    """One row as the driver gives it."""

    stamp_us: int
    value_mW: int


class Ring:
    """The trace of one card's power."""

    source = "NVML ring buffer, total power"

    def __init__(self, card: Card, clock: Clock) -> None:
        """Begin with the next row that comes; raises the module's NVMLError where the card has no such buffer."""
        self._card = card
        self._clock = clock
        self._offset_ns = clock.moment().offset_ns
        self._tail: list[Row] = []
        self._seen_us = 0
        self._silent = 0
        self._last_ns = clock.now_ns()
        self.rows = 0
        self.longest_gap_ns = 0
        self.breaks = 0
        """Gaps that the driver left although it keeps seconds of rows by itself: it, or the card, began anew."""
        self.unplaced = 0
        """Rows whose time could not be told."""
        self.steps: list[dict[str, float]] = []
        """Steps of the wall clock that were seen: when (CLOCK_MONOTONIC, s), and by how much (s)."""
        with contextlib.suppress(card.nvml.NVMLError_NotFound):  # an empty buffer: nothing has been stored yet
            self._remember(self._rows(0))

    @property
    def period_ns(self) -> int:
        """The driver's own period, from the latest rows."""
        steps = [(later.stamp_us - row.stamp_us) * 1000 for row, later in pairwise(self._tail)]
        growing = sorted(step for step in steps if step > 0)
        return growing[len(growing) // 2] if growing else PERIOD_NS

    def drain(self) -> list[tuple[int, float]]:
        """The rows that came since the last drain: CLOCK_MONOTONIC ns, W (mean over the time before the stamp)."""
        moment = self._clock.moment()
        step_ns = moment.offset_ns - self._offset_ns
        stepped = abs(step_ns) > STEP_NS
        try:
            if stepped or self._silent:
                fresh = self._new_in(self._rows(0), moment.t_ns)
            else:
                known = set(self._tail)  # after a step back, rows of the clock before it stand later than the last
                fresh = [row for row in self._rows(self._seen_us) if row not in known]
        except self._card.nvml.NVMLError_NotFound:
            self._silent += 1  # drained too soon; or, when it comes again, the last stamp seen lies in the future
            return []
        except self._card.nvml.NVMLError as error:
            self._card.fail(NAME, error)
            return []
        if self._card.trouble.startswith(f"{self._card.domain}: {NAME}:"):
            self._card.trouble = ""
        if stepped:
            self.steps.append({"t_s": moment.t_ns / 1e9, "by_s": step_ns / 1e9})
        self._silent = int(stepped and not fresh)  # the last stamp seen is then still one of the other clock
        placed = self._place(fresh, (moment.offset_ns, self._offset_ns) if stepped else (moment.offset_ns,))
        self._offset_ns = moment.offset_ns
        self._remember(fresh)
        return placed

    def _rows(self, after_us: int) -> list[Row]:
        """What the driver has later than ``after_us``; raises NVMLError_NotFound where that is nothing."""
        card = self._card
        kind, samples = card.nvml.nvmlDeviceGetSamples(card.handle, card.nvml.NVML_TOTAL_POWER_SAMPLES, after_us)
        return [Row(sample.timeStamp, int(number(kind, sample.sampleValue))) for sample in samples]

    def _remember(self, rows: Sequence[Row]) -> None:
        if rows:
            self._tail = [*self._tail, *rows][-MEMORY:]
            self._seen_us = rows[-1].stamp_us

    def _new_in(self, whole: Sequence[Row], now_ns: int) -> Sequence[Row]:
        """The rows of the whole buffer that are not known yet.

        Known rows keep their stamps where the driver stores them; where it makes the stamps anew, the values tell: the
        tail of what is known must stand in the buffer. A card at rest repeats its values, so among several ways to lay
        the two over each other the one counts that fits the time gone by.
        """
        if not self._tail:
            return whole
        if self._tail[-1] in whole:
            return whole[len(whole) - whole[::-1].index(self._tail[-1]) :]
        known = [row.value_mW for row in self._tail]
        values = [row.value_mW for row in whole]
        expected = (now_ns - self._last_ns) / self.period_ns

        def fits(new: int) -> bool:
            old = len(values) - new
            common = min(old, len(known))
            return common == 0 or known[-common:] == values[old - common : old]

        new = min(filter(fits, range(len(whole) + 1)), key=lambda count: abs(count - expected))
        return whole[len(whole) - new :]

    def _place(self, rows: Sequence[Row], offsets_ns: Sequence[int]) -> list[tuple[int, float]]:
        """Rows on CLOCK_MONOTONIC: after the row before, not after now; the offset that suits best is taken."""
        placed: list[tuple[int, float]] = []
        period_ns = self.period_ns
        latest_ns = self._clock.now_ns() + AHEAD_NS
        for row in rows:
            times_ns = [row.stamp_us * 1000 - offset_ns for offset_ns in offsets_ns]
            possible_ns = [t_ns for t_ns in times_ns if self._last_ns < t_ns <= latest_ns]
            if not possible_ns:
                self.unplaced += 1
                continue
            due_ns = self._last_ns + period_ns
            t_ns = min(possible_ns, key=lambda time_ns: abs(time_ns - due_ns))
            if self.rows:
                self.longest_gap_ns = max(self.longest_gap_ns, t_ns - self._last_ns)
                self.breaks += t_ns - self._last_ns > BREAK_PERIODS * period_ns
            self._last_ns = t_ns
            self.rows += 1
            placed.append((t_ns, row.value_mW / 1000))
        return placed
