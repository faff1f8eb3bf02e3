"""Doubts about readings while they come in: nonsense, which loses the instrument at once, and values that stand still.

::

    each reading   a time that goes back, an energy that falls, a power below zero,   ->  lost, at once
                   1 s above 1.2 x the enforced limit
    each 0.5 s     unchanged for the larger of 10 s and 20 refreshes under load       ->  trouble, and in the report

What stands still at rest may be right; a card at work whose power is the same to the last digit for ten seconds is not
being read. So it counts only for as long as its load is known: a card's utilisation, for packages the processors'. What
is modelled may be constant; only a simulated source stands for a real one. Part of the sampler; standard library only,
and a few operations a reading.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.record import Channel, Quality
from harness.sensors.proc import CpuLoad
from harness.sensors.sensor import Reading

LIMIT_MARGIN = 1.2
"""A card may exceed its enforced limit for moments, never by a fifth over a second: then a unit is wrong."""
MEAN_NS = 1_000_000_000
"""Over at least so long power is averaged before it is compared with the limit."""
LIMITS_KEPT = 3
"""The largest of so many readings of a limit counts: one that is lowered is not obeyed in the same second."""
FROZEN_NS, FROZEN_REFRESHES = 10_000_000_000, 20
TOLD_NS = 2_000_000_000
"""A value unchanged under load for less than this is not worth a line in the report."""
GPU_LOADED_PCT = 10.0
LOADED_CORES = 0.5
"""A package is at work when half a core of the machine is."""
LONGEST_STEP_NS = 5_000_000_000
"""Between two readings of a load further apart than this nobody knows what it was."""


class _Load:
    """For how long a device was seen at work."""

    def __init__(self, whose: str, threshold_pct: float) -> None:
        self.whose = whose
        self._threshold_pct = threshold_pct
        self._t_ns = 0
        self.percent = 0.0
        """When it was last at work: what stood still is told after the work is over, too."""
        self.loaded_ns = 0
        """In all."""

    def begin(self, t_ns: int) -> None:
        """What was before ``t_ns`` nobody knows."""
        self._t_ns = t_ns

    def take(self, t_ns: int, percent: float) -> None:
        """The load over the time before ``t_ns``, %."""
        if percent >= self._threshold_pct:
            self.percent = percent
            if self._t_ns:
                self.loaded_ns += min(t_ns - self._t_ns, LONGEST_STEP_NS)
        self._t_ns = t_ns


class _Watched:
    """One channel of which only the time is looked at."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.t_ns = 0
        """Of the latest reading."""

    def take(self, t_ns: int, value: float) -> str:
        """Take a reading in; returns why it cannot be, "" where it can."""
        self.t_ns = t_ns
        return ""


class _Limit(_Watched):
    """An enforced power limit."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(channel)
        self._latest_W: deque[float] = deque(maxlen=LIMITS_KEPT)
        self.limit_W = math.inf

    def take(self, t_ns: int, value: float) -> str:
        self.t_ns = t_ns
        self._latest_W.append(value)
        self.limit_W = max(self._latest_W) or math.inf  # some drivers say 0 where there is none
        return ""


class _Utilisation(_Watched):
    """How busy a card is."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(channel)
        self.load = _Load(channel.domain, GPU_LOADED_PCT)

    def take(self, t_ns: int, value: float) -> str:
        self.t_ns = t_ns
        self.load.take(t_ns, value)
        return ""


class _Energetic(_Watched):
    """One channel that tells power or energy."""

    def __init__(self, channel: Channel, limit: _Limit | None, load: _Load | None) -> None:
        super().__init__(channel)
        self.load = load
        self._limit = limit
        self._is_power = channel.tells_power
        self._value = math.nan
        self._since_ns = 0
        """Since when its value is the same."""
        self._loaded_before_ns = 0
        """For how long the device had been seen at work until then."""
        self._begin_ns = 0
        self._begin_J = 0.0
        self._spent_J = 0.0
        self.longest: dict[str, Any] = {}
        """Its longest time unchanged under load."""

    def take(self, t_ns: int, value: float) -> str:
        before_ns, before = self.t_ns, self._value
        self.t_ns, self._value = t_ns, value
        if value != before:
            self._since_ns = t_ns
            self._loaded_before_ns = self.load.loaded_ns if self.load is not None else 0
        if value < 0:
            return f"{self.channel.name} is {value:.6g} {self.channel.unit}: below zero"
        if not self._is_power and value < before:
            return f"{self.channel.name} went back by {before - value:.6g} J: an energy only grows"
        if self._limit is None:
            return ""
        if not before_ns:
            self._begin_ns, self._begin_J = t_ns, value
            return ""
        if self._is_power:
            self._spent_J += value * (t_ns - before_ns) / 1e9
        return self._beyond_limit(t_ns, value) if t_ns - self._begin_ns >= MEAN_NS else ""

    def _beyond_limit(self, t_ns: int, value: float) -> str:
        """Compare the mean since the last comparison with the limit."""
        assert self._limit is not None
        passed_s = (t_ns - self._begin_ns) / 1e9
        mean_W = (self._spent_J if self._is_power else value - self._begin_J) / passed_s
        self._begin_ns, self._begin_J, self._spent_J = t_ns, value, 0.0
        if mean_W <= LIMIT_MARGIN * self._limit.limit_W:
            return ""
        return (
            f"{self.channel.name} tells {mean_W:.6g} W over {passed_s:.1f} s, where {self._limit.limit_W:g} W are"
            " enforced: is its unit what its name says?"
        )

    @property
    def unchanged_ns(self) -> int:
        """For how long its readings are the same."""
        return self.t_ns - self._since_ns

    def look(self, limit_ns: Callable[[Channel], int]) -> str:
        """See whether it stands still although its device is at work; returns the sentence that says so."""
        if self.load is None:
            return ""
        loaded_ns = min(self.load.loaded_ns - self._loaded_before_ns, self.unchanged_ns)
        if loaded_ns < TOLD_NS:
            return ""
        frozen_ns = limit_ns(self.channel)
        if loaded_ns > self.longest.get("loaded_ns", 0):
            self.longest = {
                "begin_ns": self._since_ns, "end_ns": self.t_ns, "loaded_ns": loaded_ns, "limit_ns": frozen_ns,
                "value": self._value, "unit": self.channel.unit, "load_pct": self.load.percent,
            }  # fmt: skip
        if loaded_ns < frozen_ns:
            return ""
        stands = f"{self._value:.6g} {self.channel.unit} for more than {frozen_ns / 1e9:g} s"
        return (
            f"{self.channel.name} has stood at {stands} although {self.load.whose} is at work: is it still being read?"
        )


class Credibility:
    """All channels of one sampler."""

    def __init__(
        self,
        channels: Sequence[Channel],
        refresh_seen_s: Callable[[str], float | None] = lambda _name: None,
        root: Path = Path("/"),
        cpus: int | None = None,
    ) -> None:
        """``refresh_seen_s``: how often a channel was seen to change; the processors' load is read under ``root``."""
        self.lost = ""
        """The first nonsense that came; stays."""
        self.trouble = ""
        """What stands still just now."""
        self._refresh_seen_s = refresh_seen_s
        self._root = root
        self._processors = _Load("the machine", 100 * LOADED_CORES / (cpus or os.cpu_count() or 1))
        self._cpu_load: CpuLoad | None = None
        limits = {item.domain: _Limit(item) for item in channels if item.quantity == "power_limit_W"}
        loads = {item.domain: _Utilisation(item) for item in channels if item.quantity == "utilisation_pct"}
        self._watched: dict[str, _Watched] = {item.channel.name: item for item in (*limits.values(), *loads.values())}
        self._energetic: list[_Energetic] = []
        for channel in channels:
            if channel.tells_energy:
                measured, domain = channel.quality is Quality.MEASURED or channel.origin == "simulated", channel.domain
                load = loads[domain].load if domain in loads else None
                if domain.startswith("package-"):
                    load = self._processors
                item = _Energetic(channel, limits.get(domain) if measured else None, load if measured else None)
                self._watched[channel.name] = item
                self._energetic.append(item)
            else:
                self._watched.setdefault(channel.name, _Watched(channel))

    def take(self, readings: Iterable[Reading]) -> None:
        """Take in readings, in their order; those that are no numbers are passed over."""
        watched = self._watched
        for t_ns, name, value in readings:
            if not -math.inf < value < math.inf:
                continue
            item = watched[name]
            why = (
                f"the time of {name} went back by {(item.t_ns - t_ns) / 1e9:.3f} s"
                if t_ns < item.t_ns
                else item.take(t_ns, value)
            )
            if why and not self.lost:
                self.lost = why

    def look(self, now_ns: int) -> None:
        """See which channels stand still although their devices are at work."""
        self._look_at_processors(now_ns)
        self.trouble = "; ".join(why for item in self._energetic if (why := item.look(self._limit_ns)))

    def summary(self) -> Mapping[str, Mapping[str, Any]]:
        """By channel, its longest time unchanged under load."""
        return {item.channel.name: item.longest for item in self._energetic if item.longest}

    def _limit_ns(self, channel: Channel) -> int:
        """From when on an unchanged value counts as frozen."""
        refresh_s = max(channel.refresh_s, self._refresh_seen_s(channel.name) or 0.0)
        return max(FROZEN_NS, round(FROZEN_REFRESHES * refresh_s * 1e9))

    def _look_at_processors(self, now_ns: int) -> None:
        """Read their load while a package stands still; else nobody wants to know."""
        if not any(item.load is self._processors and item.unchanged_ns >= MEAN_NS for item in self._energetic):
            if self._cpu_load is not None:
                self._cpu_load.close()
                self._cpu_load = None
            return
        with contextlib.suppress(OSError, ValueError):  # no /proc: the load is not known, and there is no verdict
            if self._cpu_load is None:
                self._cpu_load = CpuLoad(self._root)
                self._processors.begin(now_ns)
            elif (share := self._cpu_load.since_last()) is not None:
                self._processors.take(now_ns, 100 * share)
