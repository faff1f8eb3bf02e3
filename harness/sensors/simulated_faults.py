"""The simulated sensor, spoilt on request: what a rehearsal lets go wrong with sensors and clocks.

Counters go through the very code that reads real ones (``harness.sensors.counting``). Channels that a fault needs are
there in every run of its night, since a run that lacks a channel of the first one is spoilt for that alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.faults import struck
from harness.record import Channel, Kind
from harness.sensors.clock import CLOCK, Clock
from harness.sensors.counting import Meter, lost_of, trouble_of
from harness.sensors.sensor import Reading
from harness.sensors.simulated import Simulated

STEP_NS = 3_600_000_000_000
"""By how much the wall clock is put forward."""
SLEEP_NS = 600_000_000_000
"""For how long the machine sleeps."""
HOTTER_C = 25.0
WORK_PCT, REST_PCT = 95.0, 0.0
UNIT_J = 1e-3
"""Of the counter."""
LARGEST_W = 1000.0
TURN_INTERVALS = 4
"""The counter begins again after what LARGEST_W takes in so many intervals: it must be read at least that often."""
BACK_AFTER = 1
"""How many rows of load are counted before the counter goes back."""
AT_WORK = 1.2
"""Power above so many times the idle power is that of a device at work."""


class _Stamp(Clock):
    """The time of the row that is being counted."""

    t_ns = 0

    def now_ns(self) -> int:
        return self.t_ns


class _Register:
    """The register of a counter: it counts what is added to it, and begins again at 0 after ``turn`` - 1."""

    where = "simulated"
    unit_J = UNIT_J

    def __init__(self, turn: int | None) -> None:
        self.turn = turn
        self.hidden_J = math.inf if turn is None else turn * UNIT_J
        self.flowed_J = 0.0

    def read(self) -> int:
        count = round(self.flowed_J / UNIT_J)
        return count if self.turn is None else count % self.turn

    def close(self) -> None:
        """Nothing is held."""


class _Counter:
    """An energy counter beside a trace of power: it counts the same joules."""

    def __init__(self, sensor: Simulated, *, wraps: bool, goes_back: bool) -> None:
        turn = round(TURN_INTERVALS * LARGEST_W * sensor.interval_ns / 1e9 / UNIT_J) if wraps else None
        self._register = _Register(turn)
        domain = sensor.domains[0]
        self._meter = Meter(domain, f"{domain}.energy_J", counter=self._register, largest_W=LARGEST_W)
        self._stamp = _Stamp()
        self._back_in = BACK_AFTER if goes_back else -1
        self._t_ns = 0
        self.told = (self._meter,)

    def take(self, row: Reading, *, at_work: bool) -> Iterator[Reading]:
        """The counter at the end of a row of power."""
        if self._t_ns:
            self._register.flowed_J += row.value * (row.t_ns - self._t_ns) / 1e9
        self._t_ns = self._stamp.t_ns = row.t_ns
        if at_work and self._back_in >= 0:
            self._back_in -= 1
            if self._back_in < 0:
                self._register.flowed_J = 0.0
        reading = self._meter.read(self._stamp)
        if reading is not None:
            yield reading


class Spoilt:
    """The sensor with its faults."""

    name = "simulated"
    start_ns = 0

    def __init__(self, sensor: Simulated, faults: Sequence[str], run_folder: str) -> None:
        """``faults``: all of the night, NAME@SLOT each; those of this run's own strike it."""
        self._sensor = sensor
        self._struck = struck(faults, run_folder)
        self.period_s = sensor.period_s
        everywhere = {fault.partition("@")[0] for fault in faults}
        domain = sensor.domains[0]
        self._power, self._utilisation = f"{domain}.power_W", f"{domain}.utilisation_pct"
        model = sensor.channels[0]
        extra: list[Channel] = []
        self._tells_load = "frozen" in everywhere
        if self._tells_load:
            extra.append(replace(model, name=self._utilisation, unit="%", kind=Kind.GAUGE))
        self._counter: _Counter | None = None
        if everywhere & {"counter-wraps", "counter-back"}:
            wraps, back = "counter-wraps" in everywhere, "counter-back" in self._struck
            self._counter = _Counter(sensor, wraps=wraps and not back, goes_back=back)
            extra.append(replace(model, name=f"{domain}.energy_J", unit="J", kind=Kind.COUNTER))
        self.channels = (*sensor.channels, *extra)
        self._still_W: float | None = None

    @property
    def trouble(self) -> str:
        """What the counter complains of."""
        return trouble_of(self._counter.told) if self._counter else ""

    @property
    def lost(self) -> str:
        """Why the counter will not tell the truth any more."""
        return lost_of(self._counter.told) if self._counter else ""

    def read(self, now_ns: int) -> Sequence[Reading]:
        """The sensor's rows, spoilt."""
        rows = self._sensor.read(now_ns)
        if self._sensor.at_work:
            self._let_clocks_jump()
        return [spoilt for row in rows for spoilt in self._spoil(row)]

    def finish(self, now_ns: int) -> Sequence[Reading]:
        """The last of them."""
        self._let_clocks_jump()
        return [spoilt for row in self._sensor.finish(now_ns) for spoilt in self._spoil(row)]

    def summary(self) -> Mapping[str, Any]:
        """The sensor's own, and what struck this run."""
        return {**self._sensor.summary(), "faults": sorted(self._struck)}

    def close(self) -> None:
        """Give back what is held."""
        self._sensor.close()

    def _let_clocks_jump(self) -> None:
        realtime_ns = STEP_NS if "clock-step" in self._struck else 0
        slept_ns = SLEEP_NS if "suspend" in self._struck else 0
        CLOCK.jumped_ns = (realtime_ns + slept_ns, slept_ns)

    def _spoil(self, row: Reading) -> Iterator[Reading]:
        if row.channel != self._power:
            hot = "hot" in self._struck and row.channel.endswith(".temperature_C")
            yield row._replace(value=row.value + HOTTER_C) if hot else row
            return
        at_work = row.value > AT_WORK * self._sensor.load.idle_W
        if "frozen" in self._struck:
            self._still_W = row.value if self._still_W is None else self._still_W
            row = row._replace(value=self._still_W)
        yield row
        if self._tells_load:
            yield Reading(row.t_ns, self._utilisation, WORK_PCT if at_work else REST_PCT)
        if self._counter is not None:
            yield from self._counter.take(row, at_work=at_work)
