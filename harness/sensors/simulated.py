"""A sensor without hardware: power and temperature as a pure function of (plan seed, slot, phase time).

::

    marks:           begin setup      end setup, begin train                       end train
    rows:   . . . . .|. . . . . . . . |. . . . . . . . . . . . . . . . . . . . . . .|. . .
            idle      grid of setup    grid of train, its last row at the very end   idle

Rows stand on a grid that begins with the phase, as means over the interval before them, so that the energy of a phase
follows from its length alone: whenever the process got the processor, the same length gives the same joules to the
last bit. For that, rows are handed on only when the marks up to their time are known: at a phase's end, or HOLD later.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.record import MARKS_JSONL, Channel, Kind, Quality, RunName
from harness.sensors.sensor import Reading, Site

if TYPE_CHECKING:
    from harness.sensors.simulated_faults import Spoilt

HOLD_NS = 3_000_000_000
"""A mark is written by then, however busy the machine is."""
READ_S = 0.25
TEMPERATURE_NS = 100_000_000
AMBIENT_C, RISE_C, WARMING_S = 35.0, 40.0, 5.0
"""Idle temperature, rise at full load, and the time constant of the rise."""
WIGGLE = 0.02
"""Relative standard deviation of one row's power about its phase's."""
STEP, STEPS = 0.02, 8
"""Configurations without an effect of their own differ by so much each, up to so many steps."""
SHARES = {"setup": 0.25, "evaluate": 0.6}
"""How much of the load's power a phase of this name draws; any other draws all of it."""
DRIFT_SLOTS = 40.0
"""After how many slots the night's drift has done two thirds of its way."""
SLOTS_PER_BLOCK = 4


def open_sensor(settings: Mapping[str, Any], site: Site) -> Simulated | Spoilt:
    """``settings`` as in the protocol's [sensors.simulated]; with faults where a rehearsal asks for some."""
    if faults := tuple(settings.get("faults") or ()):
        from harness.sensors.simulated_faults import Spoilt  # here: it knows this module

        return Spoilt(open_simulated(settings, site), faults, site.run_folder.name)
    return open_simulated(settings, site)


def open_simulated(settings: Mapping[str, Any], site: Site) -> Simulated:
    """The sensor without faults."""
    load = Load(
        seed=site.plan_seed,
        slot=site.slot,
        idle_W=float(settings.get("idle_W", 60.0)),
        load_W=float(settings.get("load_W", 250.0)),
        factor=_effect(settings.get("effect") or {}, site.configuration),
        noise=float(settings.get("noise", 0.006)),
        drift=float(settings.get("drift", 0.04)),
    )
    interval_ns = max(1, round(float(settings.get("interval_ms", 20.0)) * 1e6))
    domains = tuple(settings.get("domains") or ("gpu0",))
    return Simulated(load, domains, interval_ns, MarksTail(site.run_folder / MARKS_JSONL))


def _effect(effect: Mapping[str, float], configuration: str) -> float:
    """The factor on this configuration's power above idle."""
    if configuration in effect:
        return float(effect[configuration])
    return 1.0 if effect else 1.0 + STEP * random.Random(f"effect of {configuration}").randrange(STEPS)


@dataclass(frozen=True)
class Load:
    """What the power of one slot follows from."""

    seed: int
    slot: str
    idle_W: float
    load_W: float
    factor: float
    noise: float
    drift: float

    @property
    def slot_factor(self) -> float:
        """This run's own deviation, and the drift until this slot."""
        deviation = random.Random(f"{self.seed} noise of {self.slot}").gauss(0.0, self.noise)
        return (1 + deviation) * (1 + self.drift * (1 - math.exp(-_order(self.slot) / DRIFT_SLOTS)))

    def power_W(self, phase: str | None) -> float:
        """The mean power of a phase; None: at rest."""
        share = 0.0 if phase is None else SHARES.get(phase, 1.0)
        return (self.idle_W + (self.load_W - self.idle_W) * share * self.factor) * self.slot_factor


def _order(slot: str) -> int:
    """About the how-manieth slot of the night this is; 0 where there is none (b03-2: block 3, position 2)."""
    name = RunName.parse(f"{slot}-a1-x")
    return max(0, name.block - 1) * SLOTS_PER_BLOCK + name.position - 1 if name else 0


class MarksTail:
    """The marks of a file that grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def read(self) -> list[tuple[int, str, str]]:
        """t_ns, "begin" or "end", phase of each whole line since the last call; other lines are passed over."""
        try:
            with open(self._path, "rb") as file:
                file.seek(self._offset)
                text = file.read()
        except FileNotFoundError:
            return []
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        found = []
        for line in whole.splitlines():
            try:
                body = json.loads(line)
                if body["mark"] in ("begin", "end"):
                    found.append((int(body["t_ns"]), str(body["mark"]), str(body["phase"])))
            except (ValueError, KeyError, TypeError):
                continue
        return found


@dataclass
class _Stretch:
    """A stretch of one kind: a phase, or rest; its rows stand on a grid from ``begin_ns`` on."""

    phase: str | None
    begin_ns: int
    occurrence: int
    mean_W: float
    steps: int = 0
    """Whole intervals that were handed on."""
    draws: dict[str, random.Random] = field(default_factory=dict)


class Simulated:
    """The sensor."""

    name = "simulated"
    start_ns = 0
    trouble = ""
    lost = ""
    period_s = READ_S

    def __init__(self, load: Load, domains: Sequence[str], interval_ns: int, marks: MarksTail) -> None:
        self.load = load
        self.domains = tuple(domains)
        self.interval_ns = interval_ns
        self._marks = marks
        self._open: list[str] = []
        self._seen: dict[str | None, int] = {}
        self._stretch: _Stretch | None = None
        self._until_ns = 0
        self._late_marks = 0
        self.channels = tuple(
            Channel(
                name=f"{domain}.{quantity}",
                unit=unit,
                kind=kind,
                domain=domain,
                quality=Quality.MODELLED,
                source="simulated: no hardware was read",
                refresh_s=refresh_ns / 1e9,
            )
            for domain in domains
            for quantity, unit, kind, refresh_ns in (
                ("power_W", "W", Kind.MEAN, interval_ns),
                ("temperature_C", "C", Kind.GAUGE, self._every * interval_ns),
            )
        )

    @property
    def at_work(self) -> bool:
        """Whether a phase is open, as far as the marks that were read tell."""
        return bool(self._open)

    @property
    def _every(self) -> int:
        """In each how-manieth row a temperature stands."""
        return max(1, -(-TEMPERATURE_NS // self.interval_ns))

    def read(self, now_ns: int) -> Sequence[Reading]:
        """The rows whose marks are known."""
        return list(self._rows(now_ns - HOLD_NS, now_ns))

    def finish(self, now_ns: int) -> Sequence[Reading]:
        """The rows until now: the workload has gone, more marks will not come."""
        return list(self._rows(now_ns, now_ns))

    def summary(self) -> Mapping[str, Any]:
        """The effect that was simulated, and marks that came too late to be honoured to the last bit."""
        return {"factor": self.load.factor, "slot_factor": self.load.slot_factor, "late_marks": self._late_marks,
                "missed": 0}  # fmt: skip

    def close(self) -> None:
        """Nothing is held."""

    def _rows(self, safe_ns: int, now_ns: int) -> Iterator[Reading]:
        if self._stretch is None:
            self._until_ns = (
                now_ns - HOLD_NS - TEMPERATURE_NS - self.interval_ns
            )  # so that the first read tells something
            self._begin(None, self._until_ns)
        for t_ns, mark, phase in self._marks.read():
            outermost = not self._open
            if mark == "begin":
                self._open.append(phase)
            elif phase in self._open:
                del self._open[self._open.index(phase) :]
            if outermost != (not self._open):
                yield from self._until(t_ns, whole=False)
                self._late_marks += t_ns < self._until_ns
                self._begin(self._open[0] if self._open else None, t_ns)
        yield from self._until(safe_ns, whole=safe_ns != now_ns)

    def _begin(self, phase: str | None, t_ns: int) -> None:
        occurrence = self._seen.get(phase, 0)
        self._seen[phase] = occurrence + 1
        self._stretch = _Stretch(phase, t_ns, occurrence, self.load.power_W(phase))

    def _until(self, end_ns: int, *, whole: bool) -> Iterator[Reading]:
        """The rows of the stretch up to ``end_ns``; ``whole``: only such as end by themselves before it."""
        stretch = self._stretch
        assert stretch is not None
        while True:
            due_ns = stretch.begin_ns + (stretch.steps + 1) * self.interval_ns
            if due_ns > end_ns and (whole or due_ns - self.interval_ns >= end_ns):
                return
            stretch.steps += 1
            t_ns = min(due_ns, end_ns)
            rows = [row for domain in self.domains for row in self._row(stretch, domain, t_ns)]
            if t_ns > self._until_ns:
                self._until_ns = t_ns
                yield from rows

    def _row(self, stretch: _Stretch, domain: str, t_ns: int) -> Iterator[Reading]:
        """One domain's values at the end of the step that was just begun; drawn in order, so the same each time."""
        draw = stretch.draws.get(domain)
        if draw is None:
            load = self.load
            sentence = f"{load.seed} {load.slot} {domain} {stretch.phase} {stretch.occurrence}"
            draw = stretch.draws[domain] = random.Random(sentence)
        mean_W = stretch.mean_W
        yield Reading(t_ns, f"{domain}.power_W", max(0.0, mean_W * (1 + draw.gauss(0.0, WIGGLE))))
        if (stretch.steps - 1) % self._every == 0:
            since_s = stretch.steps * self.interval_ns / 1e9
            rise = 0.0 if stretch.phase is None else mean_W / max(self.load.load_W, 1e-9)
            yield Reading(
                t_ns, f"{domain}.temperature_C", AMBIENT_C + RISE_C * rise * (1 - math.exp(-since_s / WARMING_S))
            )
