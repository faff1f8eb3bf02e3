"""EnergiBridge's file while it grows: whole lines, rows, and its counters added up. No clock, no process.

A line counts once its newline is there: a number torn in the middle would parse silently. Of two rows with one stamp
(the first two of a file) the first counts. Delta is not read.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness.instruments.energibridge_columns import Layout, Quantity

SEPARATOR = ","
STAMP_NS = 1_000_000
"""Stamps are whole milliseconds, cut off."""
LARGEST_POWER_W = 1000.0
"""More than any package draws: a step that would take more was no step but a counter set back."""
SLACK_S = 0.1
"""How far a counter's own updates may lie from the stamp of its row, generously."""
RANGES_J = (65536.0, 131072.0, 262144.0, 524288.0)
"""What a 32-bit counter holds at energy units of 2^-16 to 2^-13 J; most processors have 2^-14, AMD's 2^-16."""
ANY_RANGES_J = tuple(2.0**power for power in range(16, 33))
"""The same where the unit is known to be wrong, and its counters are wanted all the same."""
TOTAL = "TOTAL_MEMORY"
"""A number that never changes: by it a row shows that its columns stand where they are thought to."""
_AT_ONCE_B = 1 << 20


class Tail:
    """The whole lines of a file that grows."""

    def __init__(self, path: Path) -> None:
        """Open ``path``; raises OSError where it is not there yet."""
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._torn = b""
        self.read_B = 0

    def lines(self) -> list[str]:
        """The whole lines since the last call; what stands behind the last newline waits for its own."""
        parts = [self._torn]
        while part := os.read(self._descriptor, _AT_ONCE_B):
            self.read_B += len(part)
            parts.append(part)
        *whole, self._torn = b"".join(parts).split(b"\n")
        return [line.decode("utf-8", "replace") for line in whole]

    @property
    def torn_B(self) -> int:
        """How much stands behind the last newline."""
        return len(self._torn)

    def close(self) -> None:
        """Give the file back."""
        os.close(self._descriptor)


class Row(NamedTuple):
    """One row: its stamp (epoch, ns; the middle of the millisecond that was written) and numbers by column."""

    stamp_ns: int
    numbers: Mapping[str, float]


@dataclass
class Rows:
    """Lines -> rows, by a layout."""

    layout: Layout
    duplicates: int = 0
    """Rows with the stamp of the row before."""
    unreadable: int = 0
    """Lines that are no rows of this file."""
    longer: int = 0
    """Rows with more values than the header has names."""
    complaint: str = ""
    """What was wrong with the last line that could not be read."""
    _last_ms: int = -1
    _total: float | None = None

    def __post_init__(self) -> None:
        wanted = [column for quantity in self.layout.quantities for column in quantity.columns]
        self._wanted = tuple(dict.fromkeys(wanted))
        self._places: dict[int, Mapping[str, int]] = {}

    def take(self, lines: Sequence[str]) -> list[Row]:
        """The rows in ``lines``."""
        return [row for line in lines if (row := self._row(line)) is not None]

    def _row(self, line: str) -> Row | None:
        words = line.rstrip("\r").split(SEPARATOR)
        length = len(words)
        if length not in self._places:
            self._places[length] = self.layout.places_in(length)
        places = self._places[length]
        try:
            stamp_ms = int(words[1])
            total = float(words[places[TOTAL]]) if TOTAL in places else None
            numbers = {name: float(words[places[name]]) for name in self._wanted if name in places}
        except (ValueError, IndexError):
            self._unread("a word in it is no number")
            return None
        if not places:
            self._unread(f"{length} values where the header names {len(self.layout.names)}")
            return None
        if self._total is None:
            self._total = total
        if length > len(self.layout.names):
            self.longer += 1
            if total is None or total != self._total:
                self._unread(f"{length} values where the header names {len(self.layout.names)}")
                return None
        if stamp_ms == self._last_ms:
            self.duplicates += 1
            return None
        self._last_ms = stamp_ms
        return Row(stamp_ms * STAMP_NS + STAMP_NS // 2, numbers)

    def _unread(self, why: str) -> None:
        self.unreadable += 1
        self.complaint = why


class Counter:
    """One 32-bit counter in joules that starts again at 0: its growth since the first reading.

    Its range is not told by the file. Where it falls, the range is the smallest that holds the value before, and the
    step must then be one that a processor can take in that time. ``ended`` says why nothing more is to be believed.
    """

    def __init__(self, *, wrong_unit: bool = False) -> None:
        """With ``wrong_unit`` its numbers are no joules, so that nothing can be said of what a step may be."""
        self._ranges_J = ANY_RANGES_J if wrong_unit else RANGES_J
        self._limit_W = math.inf if wrong_unit else LARGEST_POWER_W
        self.total_J = 0.0
        self.turns = 0
        self.ended = ""
        self._raw_J: float | None = None
        self._largest_J = 0.0
        self._t_ns = 0

    def take(self, t_ns: int, raw_J: float) -> float | None:
        """The growth until this reading, J; None once it has ended."""
        if self.ended:
            return None
        if not (math.isfinite(raw_J) and 0 <= raw_J < self._ranges_J[-1]):
            self.ended = f"its counter shows {raw_J:g} J, which no 32-bit counter of a processor does"
            return None
        if self._raw_J is not None:
            step_J = raw_J - self._raw_J
            apart_s = (t_ns - self._t_ns) / 1e9
            range_J = next(item for item in self._ranges_J if item > self._largest_J)
            if range_J <= apart_s * self._limit_W < math.inf:
                self.ended = f"unread for {apart_s:.0f} s, in which its counter may have gone once round"
                return None
            if step_J < 0:
                step_J += range_J
                self.turns += 1
            if step_J > self._limit_W * (apart_s + SLACK_S):
                self.ended = (
                    f"its counter went from {self._raw_J:.0f} to {raw_J:.0f} J in {apart_s:.3f} s,"
                    " which is neither a step forward nor a turn"
                )
                return None
            self.total_J += step_J
        self._raw_J, self._t_ns = raw_J, t_ns
        self._largest_J = max(self._largest_J, raw_J)
        return self.total_J


class Meter:
    """One channel: rows -> its values."""

    def __init__(self, quantity: Quantity, *, wrong_unit: bool = False) -> None:
        self.quantity = quantity
        self.missed = 0
        """Rows that had no value for it."""
        self.values = self.changes = 0
        """Its values, and how many of them differed from the one before."""
        self._counters = {name: Counter(wrong_unit=wrong_unit) for name in quantity.columns} if quantity.counts else {}
        self._last = math.nan

    @property
    def ended(self) -> str:
        """Why nothing more is recorded of it."""
        whys = (f"{name}: {counter.ended}" for name, counter in self._counters.items() if counter.ended)
        return next(whys, "")

    @property
    def turns(self) -> int:
        """How often its counters started again at 0."""
        return sum(counter.turns for counter in self._counters.values())

    def take(self, t_ns: int, numbers: Mapping[str, float]) -> float | None:
        """Its value in one row, in the channel's unit; None where the row has none."""
        value = self._counted(t_ns, numbers) if self._counters else self._level(numbers)
        if value is None:
            self.missed += 1
            return None
        self.values += 1
        self.changes += value != self._last
        self._last = value
        return value

    def _counted(self, t_ns: int, numbers: Mapping[str, float]) -> float | None:
        if self.ended or any(name not in numbers for name in self._counters):
            return None
        totals = [counter.take(t_ns, numbers[name]) for name, counter in self._counters.items()]
        known = [total for total in totals if total is not None]
        return sum(known) if len(known) == len(totals) else None

    def _level(self, numbers: Mapping[str, float]) -> float | None:
        quantity = self.quantity
        found = [numbers[name] for name in quantity.columns if name in numbers]
        found = [value for value in found if math.isfinite(value) and (value > 0 or not quantity.positive)]
        if not found:
            return None
        if quantity.combine == "max":
            return max(found) * quantity.scale
        return sum(found) * quantity.scale / (len(found) if quantity.combine == "mean" else 1)
