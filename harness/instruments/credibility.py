"""Doubts about readings while they come in: nonsense, which loses the instrument at once, and values that stand still.

::

    each reading   a time that goes back, an energy that falls, a power below zero,   ->  lost, at once
                   1 s above 1.2 x the enforced limit
    each 0.5 s     unchanged for the larger of 10 s and 20 refreshes under load       ->  trouble, and in the report

What stands still at rest may be right; a card at work whose power is the same to the last digit for ten seconds is not
being read. So it counts only for as long as its load is known (``harness.instruments.workers``): a card's utilisation,
for packages the processors', for a wall socket either. What is modelled may be constant; only a simulated source stands
for a real one. Part of the sampler; standard library only, and a few operations a reading.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.instruments.workers import Device, Load, Workers
from harness.record import Channel, Quality
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
COARSE_SHARE, COARSE_NS = 0.005, 60_000_000_000
"""A meter whose steps are this share of its value (1 W at 134 W) repeats itself under a steady load, for so long
perhaps: it is given this time until its refreshes have been seen."""


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

    def __init__(self, channel: Channel, load: Device) -> None:
        super().__init__(channel)
        self._load = load

    def take(self, t_ns: int, value: float) -> str:
        self.t_ns = t_ns
        self._load.take(t_ns, value)
        return ""


class _Energetic(_Watched):
    """One channel that tells power or energy."""

    def __init__(self, channel: Channel, limit: _Limit | None, load: Load | None) -> None:
        super().__init__(channel)
        self.load = load
        self._limit = limit
        self._is_power = channel.tells_power
        self._value = math.nan
        self._step = math.inf
        """The smallest change that was seen."""
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
            self._step = min(self._step, abs(value - before))  # NaN, of the first value, is never the smaller one
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

    def limit_ns(self, refresh_seen_s: float | None) -> int | None:
        """From when on an unchanged value counts as frozen; None where that cannot be said.

        A total in watt-hours stands still for half a minute, so that only what was seen of it tells its refresh.
        """
        if refresh_seen_s is None and self.channel.is_coarse_total:
            return None
        least_ns = FROZEN_NS
        if refresh_seen_s is None and COARSE_SHARE * abs(self._value) < self._step < math.inf:
            least_ns = COARSE_NS
        refresh_s = max(self.channel.refresh_s, refresh_seen_s or 0.0)
        return max(least_ns, round(FROZEN_REFRESHES * refresh_s * 1e9))

    def look(self, refresh_seen_s: Callable[[str], float | None]) -> str:
        """See whether it stands still although its device is at work; returns the sentence that says so."""
        if self.load is None:
            return ""
        loaded_ns = min(self.load.loaded_ns - self._loaded_before_ns, self.unchanged_ns)
        if loaded_ns < TOLD_NS:
            return ""
        frozen_ns = self.limit_ns(refresh_seen_s(self.channel.name))
        if frozen_ns is None:
            return ""
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
        self._workers = Workers(root, cpus)
        limits = {item.domain: _Limit(item) for item in channels if item.quantity == "power_limit_W"}
        loads = [item for item in channels if item.quantity == "utilisation_pct"]
        self._watched: dict[str, _Watched] = {item.channel.name: item for item in limits.values()}
        self._watched |= {item.name: _Utilisation(item, self._workers.card(item.domain)) for item in loads}
        self._energetic: list[_Energetic] = []
        for channel in channels:
            if channel.tells_energy:
                measured, domain = channel.quality is Quality.MEASURED or channel.origin == "simulated", channel.domain
                load = self._workers.of(domain, simulated=channel.origin == "simulated") if measured else None
                item = _Energetic(channel, limits.get(domain) if measured else None, load)
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
        workers = self._workers
        asked = any(workers.by_processors(item.load) and item.unchanged_ns >= MEAN_NS for item in self._energetic)
        workers.look(now_ns, asked=asked)
        self.trouble = "; ".join(why for item in self._energetic if (why := item.look(self._refresh_seen_s)))

    def summary(self) -> Mapping[str, Mapping[str, Any]]:
        """By channel, its longest time unchanged under load."""
        return {item.channel.name: item.longest for item in self._energetic if item.longest}
