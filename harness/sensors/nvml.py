"""NVIDIA cards through NVML: the ring buffer for the trace, the energy counter as the anchor, context each second.

::

    open      cards found, calls tried once, ring buffers begun, the counters' ticks learnt (150 ms a card)
    read      rings drained; each second context; each counter_s a counter reading, once a minute at a watched tick;
              at once where the trace broke off or another cumulative counter fell
    finish    the counters' ticks watched again, then the rings' last rows

Cards are named gpu0, gpu1 … by NVML's index, and known by their UUID. On a board that a card shares with a processor
the module around it and its memory are read beside it (``harness.sensors.nvml_scopes``). The home of pynvml.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import SensorMissing
from harness.record import Channel, Kind, Quality
from harness.sensors.clock import CLOCK, Clock
from harness.sensors.nvml_card import Card, Scope
from harness.sensors.nvml_choice import choose, text
from harness.sensors.nvml_context import Context, Processes
from harness.sensors.nvml_counter import Counter
from harness.sensors.nvml_polled import PERIOD_S, Polled
from harness.sensors.nvml_ring import Ring
from harness.sensors.nvml_scopes import MAY_BE_SHARED, counter, module_may_be_shared, on_a_module, parts
from harness.sensors.nvml_settings import settings
from harness.sensors.sensor import Reading, Site

LONGEST_PERIOD_S = 1.0
"""A ring buffer holds 2.4 s: drained at least each second it loses nothing to a short stall."""
COUNTER_S = 5.0
"""A reading burns some 3 ms of CPU; what lies between two is in the trace, which they scale."""
LAST_ROW_S = 0.03
"""How long after its end a moment takes to be in the ring buffer."""
POWER_USAGE = "power_usage"
"""``sensors.nvml.via``: the watts that nvidia-smi shows, and nothing else of energy."""
LEFT_OUT = "left out: the protocol asks for power usage alone (sensors.nvml.via)"
SILENCE_NS, SILENT_DRAINS = 1_900_000_000, 2
"""A trace that has brought nothing for two seconds (less what a read may be early), asked at least twice, is lost."""


def open_sensor(
    settings: Mapping[str, Any],
    site: Site,
    *,
    nvml: Any = None,
    clock: Clock = CLOCK,
    environment: Mapping[str, str] = os.environ,
) -> Nvml:
    """The cards that ``settings["devices"]`` names (all where it names none); raises SensorMissing.

    ``nvml`` is the pynvml module, or one that answers like it.
    """
    nvml = nvml or _pynvml()
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        what, remedy = _WHY_NOT.get(type(error).__name__, (f"NVML does not start: {error}", "see `nvidia-smi`"))
        raise SensorMissing(what, remedy=remedy) from error
    try:
        cards = choose(nvml, settings.get("devices") or (), environment)
        return Nvml(cards, settings, site, clock)
    except nvml.NVMLError as error:
        raise SensorMissing(
            f"a card does not answer: {error}", remedy="see `nvidia-smi` and the kernel's log"
        ) from error


class Gpu:
    """The channels of one card, or of a part of its board."""

    def __init__(
        self, card: Card, clock: Clock, processes: Processes, period_s: float, usage_s: float | None = None
    ) -> None:
        """Try everything once; raises SensorMissing for a card that tells no power.

        ``usage_s``: power usage alone, once in so many seconds, and no counter.
        """
        self.card = card
        self.trace: Ring | Polled = _trace(card, clock, usage_s)
        self.counter, self._no_counter = _counter(card, clock) if usage_s is None else (None, {"energy_J": LEFT_OUT})
        self.context = Context(card, clock, processes, period_s) if card.scope is Scope.GPU else None
        self._clock = clock
        self._heard_ns = clock.now_ns()
        self._barren = 0
        self._silent = ""

    @property
    def lost(self) -> str:
        """Why this card does not tell the truth any more: it has gone, its counter or its trace broke."""
        if self.counter is not None and self.counter.went_back:
            return f"the energy counter of {self.card.domain} went back: its driver was reloaded"
        return self.card.lost or self._silent

    @property
    def restarts(self) -> int:
        """How often something looked as if the driver or the card had begun anew, which only its counter can tell."""
        breaks = self.trace.breaks if isinstance(self.trace, Ring) else 0
        return breaks + (self.context.fell if self.context is not None else 0)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Trace, counter, context; once the counter's ticks are known."""
        trace, domain = self.trace, self.card.domain
        kind, refresh_s = (
            (trace.kind, trace.refresh_s) if isinstance(trace, Polled) else (Kind.TRAILING, trace.period_ns / 1e9)
        )
        energetic = [("power_W", "W", kind, trace.source, refresh_s)]
        if self.counter is not None:
            energetic.append(("energy_J", "J", Kind.COUNTER, self.counter.source, self.counter.refresh_s))
        return (
            *(
                Channel(
                    f"{domain}.{name}", unit, kind, domain, Quality.MEASURED, source, refresh_s, None, self.card.uuid
                )
                for name, unit, kind, source, refresh_s in energetic
            ),
            *(self.context.channels if self.context is not None else ()),
        )

    def drain(self) -> list[Reading]:
        """The trace since the last call."""
        name, rows, now_ns = f"{self.card.domain}.power_W", self.trace.drain(), self._clock.now_ns()
        self._barren = 0 if rows else self._barren + 1
        if rows:
            self._heard_ns = now_ns
        elif now_ns - self._heard_ns > SILENCE_NS and self._barren >= SILENT_DRAINS and not self._silent:
            why = f": {self.card.trouble}" if self.card.trouble else ""
            self._silent = f"{name} has brought nothing for {(now_ns - self._heard_ns) / 1e9:.1f} s{why}"
        return [Reading(t_ns, name, power_W) for t_ns, power_W in rows]

    def energy(self, found: Sequence[tuple[int, float]]) -> list[Reading]:
        """Counter readings as readings."""
        return [Reading(t_ns, f"{self.card.domain}.energy_J", energy_J) for t_ns, energy_J in found]

    def summary(self) -> dict[str, Any]:
        """What this card says of itself."""
        counter, trace = self.counter, self.trace
        facts: dict[str, Any] = {
            "domain": self.card.domain,
            "name": self.card.name,
            "uuid": self.card.uuid,
            "power_source": trace.source,
            "rows": trace.rows,
            "absent": {**self._no_counter, **(self.context.absent if self.context is not None else {})},
            "missed": dict(self.card.missed),
        }
        if self.context is not None:
            facts["settings"] = settings(self.card)
        if isinstance(trace, Ring):
            facts["ring"] = {
                "period_s": trace.period_ns / 1e9,
                "longest_gap_s": trace.longest_gap_ns / 1e9,
                "unplaced": trace.unplaced,
                "clock_steps": trace.steps,
            }
        if counter is not None:
            facts["counter"] = {
                "period_s": counter.period_ns / 1e9,
                "bracket_s": counter.bracket_ns / 1e9,
                "drift_s": _seconds(counter.drift_ns),
                "largest_step_s": counter.largest_step_ns / 1e9,
                "hint_off_s": _seconds(counter.hint_off_ns),
                "readings": counter.readings,
                "went_back": counter.went_back,
            }
        return facts


class Nvml:
    """The sensor: all the chosen cards."""

    name = "nvml"

    def __init__(self, cards: Sequence[Card], settings: Mapping[str, Any], site: Site, clock: Clock) -> None:
        self._nvml = cards[0].nvml
        self._driver = text(self._nvml.nvmlSystemGetDriverVersion())
        self._clock = clock
        period_s = settings.get("interval_ms", 1000.0) / 1000
        self._counter_ns = round(settings.get("counter_s", COUNTER_S) * 1e9)
        processes = Processes(site.root)
        usage_s = period_s if settings.get("via") == POWER_USAGE else None
        context_s = max(period_s, LONGEST_PERIOD_S)
        self._usage_s = usage_s
        self._gpus: list[Gpu] = []
        self._without: dict[str, dict[str, str]] = {}
        """By card, the parts of its board that tell no power, and why."""
        for part in (part for card in cards for part in (parts(card) if usage_s is None else (card,))):
            if part.scope is Scope.MODULE and len(cards) > 1 and module_may_be_shared(part):
                self._without.setdefault(part.uuid, {})["module"] = MAY_BE_SHARED
                continue
            try:
                self._gpus.append(Gpu(part, clock, processes, context_s, usage_s))
            except SensorMissing as error:
                if part.scope is Scope.GPU:
                    raise
                self._without.setdefault(part.uuid, {})[part.scope.name.lower()] = error.args[0]
        polled = any(isinstance(gpu.trace, Polled) for gpu in self._gpus)
        self.period_s = usage_s or min(period_s, PERIOD_S if polled else LONGEST_PERIOD_S)
        self._context_ns = round(context_s * 1e9)
        self._waiting: list[Reading] = []
        hints = site.hints.get(self.name, {})
        for gpu in self._gpus:
            if gpu.counter is not None:
                self._waiting += gpu.energy(gpu.counter.learn(hints.get(gpu.card.key)))
            if usage_s is None:
                self._waiting += self._drain()  # all of them: learning on many cards takes longer than a ring is deep
        now_ns = clock.now_ns()
        self._context_due_ns, self._counter_due_ns = now_ns, now_ns + self._counter_ns
        self._restarts = 0
        self.start_ns = next((gpu.counter.clear_ns(now_ns) for gpu in self._gpus if gpu.counter is not None), 0)
        self.channels = tuple(channel for gpu in self._gpus for channel in gpu.channels)

    @property
    def trouble(self) -> str:
        """What fails just now."""
        return "; ".join(gpu.card.trouble for gpu in self._gpus if gpu.card.trouble)

    @property
    def lost(self) -> str:
        """The cards that do not tell the truth any more, and why."""
        return "; ".join(gpu.lost for gpu in self._gpus if gpu.lost)

    def read(self, now_ns: int) -> Sequence[Reading]:
        """Rings drained; context and counters where they are due."""
        found, self._waiting = [*self._waiting, *self._drain()], []
        if now_ns >= self._context_due_ns:
            self._context_due_ns = _next(self._context_due_ns, self._context_ns, now_ns)
            contexts = [gpu.context for gpu in self._gpus if gpu.context is not None]
            found += [Reading(*item) for context in contexts for item in context.read()]
        restarts = sum(gpu.restarts for gpu in self._gpus)
        if now_ns >= self._counter_due_ns or restarts > self._restarts:
            self._restarts = restarts
            self._counter_due_ns = _next(self._counter_due_ns, self._counter_ns, now_ns)
            counters = [gpu.counter for gpu in self._gpus if gpu.counter is not None]
            oldest = max(counters, key=lambda counter: counter.untrusted_ns(now_ns), default=None)
            for gpu in self._gpus:
                if gpu.counter is None:
                    continue
                watch = gpu.counter is oldest and gpu.counter.untrusted_ns(now_ns) > 0  # one a time: it takes 0.1 s
                found += gpu.energy(gpu.counter.watch_again() if watch else gpu.counter.read())
        return found

    def finish(self, now_ns: int) -> Sequence[Reading]:
        """The counters at a tick that is watched again, and the trace until after it."""
        found = [*self.read(now_ns)]
        for gpu in self._gpus:
            if gpu.counter is not None:
                found += gpu.energy(gpu.counter.watch_again())
            found += self._drain()
        settle_s = max((gpu.trace.settle_s for gpu in self._gpus if isinstance(gpu.trace, Polled)), default=LAST_ROW_S)
        until_ns = self._clock.now_ns() + round(settle_s * 1e9)
        pause_s = PERIOD_S if self._usage_s is None else self._usage_s
        while (left_ns := until_ns - self._clock.now_ns()) > 0:
            self._clock.sleep(min(left_ns / 1e9, pause_s))
            found += self._drain()
        return found

    def summary(self) -> Mapping[str, Any]:
        """Driver, and each card: where its power comes from, its ticks, clock steps, what it lacks and what failed."""
        return {
            "driver": self._driver,
            "devices": [self._told_of(gpu) for gpu in self._gpus if gpu.card.scope is Scope.GPU],
            "hint": {gpu.card.key: gpu.counter.hint for gpu in self._gpus if gpu.counter is not None},
            "missed": sum(sum(gpu.card.missed.values()) for gpu in self._gpus),
        }

    def close(self) -> None:
        """Let the driver's library go."""
        with contextlib.suppress(self._nvml.NVMLError):  # a driver that has gone meanwhile
            self._nvml.nvmlShutdown()

    def _told_of(self, card: Gpu) -> dict[str, Any]:
        """One card, and the parts of its board that are read beside it."""
        facts, uuid = card.summary(), card.card.uuid
        facts["absent"] |= self._without.get(uuid, {})
        beside = [gpu.summary() for gpu in self._gpus if gpu.card.uuid == uuid and gpu is not card]
        return {**facts, "parts": beside} if beside else facts

    def _drain(self) -> list[Reading]:
        return [reading for gpu in self._gpus for reading in gpu.drain()]


def _seconds(ns: int | None) -> float | None:
    return None if ns is None else ns / 1e9


def _next(due_ns: int, period_ns: int, now_ns: int) -> int:
    """The next deadline on the grid that is still to come."""
    return due_ns + ((now_ns - due_ns) // period_ns + 1) * period_ns


def _trace(card: Card, clock: Clock, usage_s: float | None) -> Ring | Polled:
    if usage_s is None and not on_a_module(card):  # there it is not told whose power the ring buffer holds
        with contextlib.suppress(card.nvml.NVMLError):  # this card or driver keeps no ring buffer
            return Ring(card, clock)
    try:
        return Polled(card, clock, usage_s)
    except card.nvml.NVMLError as error:
        raise SensorMissing(
            f"{card.domain} ({card.name}) tells no power: {error}", remedy="name other devices"
        ) from error


def _counter(card: Card, clock: Clock) -> tuple[Counter | None, dict[str, str]]:
    """The energy counter; without one, why not."""
    try:
        ask, source = counter(card)
    except (card.nvml.NVMLError, LookupError) as error:
        return None, {"energy_J": str(error)}
    return Counter(card, clock, ask, source), {}


def _pynvml() -> Any:
    try:
        import pynvml
    except ImportError as error:
        raise SensorMissing(
            "the Python package nvidia-ml-py is not installed", remedy="pip install nvidia-ml-py"
        ) from error
    return pynvml


_WHY_NOT = {
    "NVMLError_LibraryNotFound": (
        "no NVIDIA driver here: libnvidia-ml.so.1 is not found",
        "install the driver; a container must be started with its GPUs (docker run --gpus all)",
    ),
    "NVMLError_DriverNotLoaded": (
        "the NVIDIA driver is not loaded",
        "sudo modprobe nvidia; the kernel's log says why not",
    ),
    "NVMLError_LibRmVersionMismatch": (
        "the NVIDIA driver was updated: its library and kernel module differ",
        "reboot, or unload and load the module nvidia",
    ),
    "NVMLError_NoPermission": ("no right to the NVIDIA driver", "the user needs read and write on /dev/nvidia*"),
}
