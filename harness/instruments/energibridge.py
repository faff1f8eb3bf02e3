"""EnergiBridge as an instrument: its file is read while it grows, its death and its silence are losses.

::

    open    find | release | start around its sleeper | header, three growths of the file | columns -> channels
    read    has it gone? | pair of clocks | whole lines -> rows -> readings | has the file stood still too long?
    finish  its pipe closed: sleeper and program end in order; the last rows are read
    close   whatever is left of its process group is killed

Hosted by a sampler process of its own. ``energibridge.csv`` stays in the run's folder as evidence. Levels are to be
integrated over Time, never over Delta; its counters wrap, and are added up here (``energibridge_rows``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from harness.instruments.energibridge_clock import WallClock
from harness.instruments.energibridge_opening import Source, open_source
from harness.instruments.energibridge_rows import Meter, Row, Rows
from harness.sensors.clock import CLOCK, Clock
from harness.sensors.sensor import Reading, Site

PERIOD_S = 0.5
"""How often the file is read and the program looked for."""
SILENCE_S, SILENCE_GROWTHS = 2.0, 5
"""A file that brings nothing for the larger of this and so many of its own growths has lost its source."""
END_S, END_INTERVALS = 1.0, 3
"""In how many of its intervals, beside a second, it ends when its sleeper has."""


def open_sensor(settings: Mapping[str, Any], site: Site, *, clock: Clock = CLOCK) -> EnergiBridge:
    """Start it on this machine; raises SensorMissing with the reason and the remedy where it cannot be used."""
    wall = WallClock(clock.moment())
    return EnergiBridge(open_source(settings, site, clock), wall, clock)


class EnergiBridge:
    """The sensor: one running EnergiBridge."""

    name = "energibridge"
    period_s = PERIOD_S
    start_ns = 0

    def __init__(self, source: Source, wall: WallClock, clock: Clock) -> None:
        """``wall`` has a pair of clocks from before ``source`` was started."""
        self._source, self._wall, self._clock = source, wall, clock
        self._rows = Rows(source.layout)
        self._waiting = self._rows.take(source.lines)
        """Rows that came at opening; they are placed with the first reading."""
        self._meters: dict[str, Meter] = {}
        self._left_out: dict[str, str] = {}
        for quantity in source.layout.quantities:
            meter = Meter(quantity, wrong_unit=source.wrong_unit)
            if why := _absent(meter, self._waiting):
                self._left_out[quantity.channel.name] = why
            else:
                self._meters[quantity.channel.name] = meter
        self.channels = tuple(meter.quantity.channel for meter in self._meters.values())
        self._silence_s = max(SILENCE_S, SILENCE_GROWTHS * source.growth_s)
        self._heard_ns = clock.now_ns()
        self._facts = dict(source.facts)
        self._placed = 0
        self._lost = ""
        self._over = False

    @property
    def trouble(self) -> str:
        """What a person should know while it goes on."""
        rows = self._rows
        return f"EnergiBridge: {rows.unreadable} lines unreadable ({rows.complaint})" if rows.unreadable else ""

    @property
    def lost(self) -> str:
        """Why it will not tell the truth any more: the program has gone, its file stands still, a counter broke."""
        ended = (f"{name}: {meter.ended}" for name, meter in self._meters.items() if meter.ended)
        return self._lost or next(ended, "")

    def read(self, now_ns: int) -> Sequence[Reading]:
        """The rows that came since the last call."""
        if self._over:
            return ()
        gone = self._source.program.gone()  # first: what it wrote before it went is then all there
        readings = self._take()
        if readings:
            self._heard_ns = self._clock.now_ns()
        silent_s = (self._clock.now_ns() - self._heard_ns) / 1e9
        if gone:
            self._give_up("EnergiBridge")
        elif silent_s > self._silence_s:
            why = f" ({self._rows.complaint})" if self._rows.complaint else ""
            self._give_up(f"EnergiBridge's file has brought nothing for {silent_s:.1f} s{why}; it")
        return readings

    def finish(self, now_ns: int) -> Sequence[Reading]:
        """End it in order, and read what it wrote until then."""
        if self._over:
            return ()
        self._over = True
        self._facts["ended"] = self._source.program.end(END_S + END_INTERVALS * self._source.interval_s)
        return self._take()

    def summary(self) -> Mapping[str, Any]:
        """Which release, how its file went, and of each channel what came, what changed, and what was not there."""
        meters = self._meters.items()
        return {
            **self._facts,
            "rows": self._placed,
            "duplicated_rows": self._rows.duplicates,
            "unreadable_rows": self._rows.unreadable,
            "longer_rows": self._rows.longer,
            "unplaced_rows": self._wall.unplaced,
            "torn_B": self._source.tail.torn_B,
            "growth_s": round(self._source.growth_s, 3),
            "clock_steps": self._wall.steps,
            "missed": sum(meter.missed for _, meter in meters),
            "distinct_share": {name: round(meter.changes / meter.values, 4) for name, meter in meters if meter.values},
            "turns": {name: meter.turns for name, meter in meters if meter.turns},
            "ended_counters": {name: meter.ended for name, meter in meters if meter.ended},
            "left_out": dict(self._left_out),
            "not_recorded": list(self._source.layout.not_recorded),
        }

    def close(self) -> None:
        """End what is still there."""
        self._over = True
        self._source.program.end(0.0)
        with contextlib.suppress(OSError):
            self._source.tail.close()

    def _give_up(self, what: str) -> None:
        """End the program and all of its group at once: whoever hears of the loss must not wait for it."""
        self._over = True
        self._lost = f"{what} {self._source.program.end(0.0, grace_s=0.0)}"

    def _take(self) -> list[Reading]:
        """Rows -> readings, each on CLOCK_MONOTONIC."""
        self._wall.take(self._clock.moment())
        rows = [*self._waiting, *self._rows.take(self._source.tail.lines())]
        self._waiting = []
        readings = []
        for row in rows:
            t_ns = self._wall.place(row.stamp_ns, round(self._source.interval_s * 1e9))
            if t_ns is None:
                continue
            self._placed += 1
            for name, meter in self._meters.items():
                if (value := meter.take(t_ns, row.numbers)) is not None:
                    readings.append(Reading(t_ns, name, value))
        return readings


def _absent(meter: Meter, rows: Sequence[Row]) -> str:
    """Why a quantity of the header is left out, from the first rows; "" where it tells something."""
    quantity = meter.quantity
    found = [row.numbers[name] for row in rows for name in quantity.columns if name in row.numbers]
    if quantity.counts and not any(found):
        return "its counter stands at 0, this processor does not have it"
    if quantity.positive and not any(value > 0 for value in found):
        return "it gives 0 only"
    return ""
