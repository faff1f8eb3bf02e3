"""One channel's readings in the order of time, and their integral, looked at in pieces.

::

    |<----- PIECE ----->|<----- PIECE ----->|<--- the rest --->|      readings, in memory or in a file
                        o one reading belongs to both: no step between two readings is lost

What a function of a series holds beside the readings is of a piece's size, however long the series is. Readings that
lie in a file (``analysis.spill``) are let go piece by piece, so that a run of any length takes the same memory.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.record import Kind

Floats = NDArray[np.float64]
Stamps = NDArray[np.int64]

PIECE = 1 << 16
"""Readings that are looked at together: half a megabyte a column, which a processor's cache holds."""
NS = 1e9
_COARSE_BITS = 16
"""Steps are first counted in classes of 2^16 ns (66 µs), 2^16 of them: up to 4.3 s."""


@dataclass(frozen=True)
class Series:
    """One channel's readings in the order of time.

    ``t_ns``: int64, strictly growing, CLOCK_MONOTONIC (n,). ``value``: float64 (n,), J for a counter (already
    unwrapped), W for all others. ``period_s``: how long a value may stand behind its source, the channel's
    ``refresh_s``; 0 where it is not known. Refuses lengths that differ, and time that stands still or goes back.
    """

    t_ns: Stamps
    value: Floats
    kind: Kind
    period_s: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "t_ns", np.asarray(self.t_ns, dtype=np.int64))
        object.__setattr__(self, "value", np.asarray(self.value, dtype=np.float64))
        if self.t_ns.shape != self.value.shape or self.t_ns.ndim != 1:
            raise ValueError(f"a series needs two equally long columns, not {self.t_ns.shape} and {self.value.shape}")
        if any(np.any(np.diff(self.t_ns[low : high + 1]) <= 0) for low, high in self.pieces(0, len(self.t_ns) - 1)):
            raise ValueError("the time of a series stands still or goes back")

    def pieces(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        """``low`` to ``high`` cut into pieces; what was read of a file is let go after each."""
        return pieces(low, high, self.t_ns, self.value)

    @functools.cached_property
    def step_ns(self) -> int:
        """The median time between two readings, ns; 0 where there are fewer than two."""
        return median_step_ns(self.t_ns)

    @functools.cached_property
    def spread(self) -> float:
        """The difference between the largest and the smallest value; of a whole run, asked for in each window."""
        return spread_of(self, len(self.value))

    @functools.cached_property
    def goes_back(self) -> bool:
        """Whether a value is below the one before it, as no counter's may be."""
        return self.falls(0, len(self.value) - 1)

    def falls(self, first: int, last: int) -> bool:
        """Whether a value from ``first`` to ``last`` is below the one before it."""
        return any(np.any(np.diff(self.value[low : high + 1]) < 0) for low, high in self.pieces(first, last))

    def watts(self, low: int, high: int) -> Floats:
        """The power that stands for each reading from ``low`` to before ``high``, (high - low,).

        A gauge's level at the reading; of others the mean over the step that ends with it: of a trailing mean made
        from the readings around it (``_over_steps``), else the reading itself.
        """
        if self.kind is not Kind.TRAILING or self.period_s <= 0:
            return self.value[low:high]
        first, last = max(low - 1, 0), min(high + 1, len(self.t_ns))
        over = _over_steps(self.t_ns[first:last], self.value[first:last], self.period_s * NS)
        return over[low - first : high - first]

    @functools.cached_property
    def means(self) -> Means:
        """A counter of two readings or more as mean power between them."""
        return Means(self)

    def long_steps(self, longest_ns: float) -> Stamps:
        """After which readings more than ``longest_ns`` pass until the next: their places, in order."""
        found = [
            low + np.flatnonzero(np.diff(self.t_ns[low : high + 1]) > longest_ns)
            for low, high in self.pieces(0, len(self.t_ns) - 1)
        ]
        return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Means:
    """A counter as a trace: at each reading but the first the mean power since the one before, made when asked for."""

    counter: Series

    @property
    def t_ns(self) -> Stamps:
        """(n - 1,)."""
        return self.counter.t_ns[1:]

    @property
    def kind(self) -> Kind:
        """Each value is a mean."""
        return Kind.MEAN

    @property
    def period_s(self) -> float:
        """As the counter's."""
        return self.counter.period_s

    def pieces(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        """As a series' own."""
        return self.counter.pieces(low, high)

    def watts(self, low: int, high: int) -> Floats:
        """Mean power over the steps that end at the readings from ``low`` to before ``high``, counted from 0."""
        stamps, joules = self.counter.t_ns[low : high + 1], self.counter.value[low : high + 1]
        power_W: Floats = np.diff(joules) / (np.diff(stamps) / NS)
        return power_W

    @functools.cached_property
    def step_ns(self) -> int:
        """The median time between two means."""
        return median_step_ns(self.counter.t_ns, 1)

    @functools.cached_property
    def spread(self) -> float:
        """The difference between the largest and the smallest mean."""
        return spread_of(self, len(self.t_ns))


class Integral:
    """The energy of a series from its first stamp on, told for stamps that grow from one question to the next.

    A mean is held back to the stamp before it, so is what trailing means tell of that step, a gauge drawn as straight
    lines between its readings (trapezoids), a counter interpolated linearly; each is integrated exactly, so that bins
    cut from it conserve the energy.
    """

    def __init__(self, series: Series) -> None:
        self._series = series
        self._low = self._high = 0
        self._own = self._total = np.zeros(0)
        if len(series.t_ns):
            self._begin(0, 0.0)

    def until(self, stamps: Stamps) -> Floats:
        """The energy in J until each of ``stamps`` (m,), which are in order; NaN outside what the series covers."""
        found = np.full(stamps.shape, math.nan)
        t_ns = self._series.t_ns
        if not len(t_ns):
            return found
        done, last = int(np.searchsorted(stamps, t_ns[0], "left")), int(np.searchsorted(stamps, t_ns[-1], "right"))
        while done < last:
            ends = self._high == len(t_ns) - 1
            stop = last if ends else int(np.searchsorted(stamps, t_ns[self._high], "left"))
            if stop > done:
                found[done:stop] = self._within((stamps[done:stop] - t_ns[0]) / NS)
            elif self._series.kind is Kind.COUNTER:
                self._begin(int(np.searchsorted(t_ns, stamps[done], "right")) - 1, 0.0)
                continue
            else:
                self._begin(self._high, float(self._total[-1]))
            done = max(done, stop)
        return found

    def _begin(self, low: int, until_J: float) -> None:
        """Take up the piece from the reading ``low`` on, until which there were ``until_J``."""
        series = self._series
        self._low, self._high = low, min(low + PIECE, len(series.t_ns) - 1)
        value = series.watts(low, self._high + 1)
        self._own = (series.t_ns[low : self._high + 1] - series.t_ns[0]) / NS
        if series.kind is Kind.COUNTER:
            self._total = value - series.value[0]
        else:
            left = value[:-1] if series.kind is Kind.GAUGE else value[1:]
            # One sum after the other from the run's begin: where it is cut into pieces changes no bit.
            self._total = np.cumsum(np.concatenate([[until_J], (left + value[1:]) / 2 * np.diff(self._own)]))
        let_go(series.t_ns, series.value)

    def _within(self, at: Floats) -> Floats:
        own, series = self._own, self._series
        until: Floats = np.interp(at, own, self._total)
        if series.kind is Kind.GAUGE and len(own) > 1:
            # Between readings the integral of a straight line is a parabola below or above its chord.
            step = np.diff(own)
            index = np.clip(np.searchsorted(own, at, side="right") - 1, 0, len(step) - 1)
            since = np.clip(at - own[index], 0, step[index])
            slope = np.diff(series.value[self._low : self._high + 1])[index] / step[index]
            until = until - slope / 2 * since * (step[index] - since)
        return until


def _over_steps(t_ns: Stamps, value: Floats, width_ns: float) -> Floats:
    """The mean over the step that ends at each reading (n,), of means over ``width_ns`` before their stamps (n,).

    Where a step is longer than a mean is wide, its beginning lies in no mean: a straight line is drawn there. Where it
    is shorter, the next reading tells of the same time again: there the two are averaged. A reading that comes late
    when a load begins would else stand for time before it, each time anew
    (docs/decisions/a-late-row-stands-for-its-own-time.md).
    """
    over = value.copy()
    step_ns, half = np.diff(t_ns).astype(np.float64), np.diff(value) / 2
    over[1:] -= half * np.maximum(step_ns - width_ns, 0) / step_ns
    over[1:-1] += half[1:] * np.minimum(np.maximum(width_ns - step_ns[1:], 0), step_ns[:-1]) / step_ns[:-1]
    return over


def pieces(low: int, high: int, *columns: NDArray[np.generic]) -> Iterator[tuple[int, int]]:
    """``low`` to ``high`` cut into pieces; what was read of ``columns`` that lie in a file is let go after each."""
    for begin in range(low, high, PIECE):
        yield begin, min(begin + PIECE, high)
        let_go(*columns)


def let_go(*columns: NDArray[np.generic]) -> None:
    """Hold no page in memory of columns that lie in a file; nothing happens to others."""
    for column in columns:
        held: object = column
        while isinstance(held, np.ndarray):
            held = held.base
        release = getattr(held, "let_go", None)
        if release is not None:
            release()


def spread_of(series: Series | Means, count: int) -> float:
    """The difference between the largest and the smallest of its ``count`` values."""
    lowest, highest = math.inf, -math.inf
    for low, high in series.pieces(0, count):
        part = series.watts(low, high)
        lowest, highest = min(lowest, float(part.min())), max(highest, float(part.max()))
    return highest - lowest


def median_step_ns(t_ns: Stamps, first: int = 0) -> int:
    """The median time between two stamps from ``first`` on, ns, cut to a whole number; 0 for fewer than two.

    Of a long series by counting: in coarse classes first, then each nanosecond of the class in which the median lies.
    """
    count = len(t_ns) - 1 - first
    if count < 1:
        return 0
    if count <= PIECE:
        return int(np.median(np.diff(t_ns[first:])))
    classes = np.zeros(1 << _COARSE_BITS, dtype=np.int64)
    for low, high in pieces(first, len(t_ns) - 1, t_ns):
        coarse = np.diff(t_ns[low : high + 1]) >> _COARSE_BITS
        classes += np.bincount(np.minimum(coarse, len(classes) - 1), minlength=len(classes))
    until = np.cumsum(classes)
    both = {place: int(np.searchsorted(until, place, "right")) for place in ((count - 1) // 2, count // 2)}
    if len(classes) - 1 in both.values():  # so slow that it cannot be long in memory
        return int(np.median(np.diff(t_ns[first:])))
    steps = [_in_class(t_ns, first, at, place - int(until[at] - classes[at])) for place, at in both.items()]
    return int(sum(steps) / len(steps))


def _in_class(t_ns: Stamps, first: int, at: int, place: int) -> int:
    """The step at ``place`` in order of length among those of class ``at``."""
    each = np.zeros(1 << _COARSE_BITS, dtype=np.int64)
    begin = at << _COARSE_BITS
    for low, high in pieces(first, len(t_ns) - 1, t_ns):
        fine = np.diff(t_ns[low : high + 1]) - begin
        each += np.bincount(fine[(fine >= 0) & (fine < len(each))], minlength=len(each))
    return begin + int(np.searchsorted(np.cumsum(each), place, "right"))
