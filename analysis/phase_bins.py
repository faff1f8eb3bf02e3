"""How wide the bins within a phase are: as the protocol asks, or finer where so short a phase would be a flat line."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING

from analysis.load import Night
from harness.domains import choose
from harness.record import Channel, Kind

if TYPE_CHECKING:
    from harness.protocol_model import Analysis

FEWEST, FINER = 10, 20
"""Bins of a phase: of fewer its course cannot be seen, so many are taken then."""
_LEAST_S = 0.001


def fine_enough(asked_s: float, phases: Mapping[str, Sequence[float]], refresh_s: Callable[[], float]) -> float:
    """The width of a phase's bins; ``phases`` are its lengths in s by configuration, ``refresh_s`` the sensors' period.

    As asked where the shortest phase (of each configuration's medians) holds ``FEWEST`` bins; else a ``FINER``-th of
    it, a round number, but never finer than the slowest sensor refreshes: within its period nothing more is known.
    """
    shortest_s = min((median(lengths) for lengths in phases.values() if lengths), default=math.inf)
    if asked_s <= shortest_s / FEWEST:
        return asked_s
    return min(asked_s, max(_round(shortest_s / FINER), _whole_ms(refresh_s())))


def refresh_of(night: Night, analysis: Analysis) -> float:
    """How often the slowest of the compared sources gives a new value, s, in the slowest of the runs; 0: not known.

    Of a source that tells power, its trace: that is what bins are made of; else its counter.
    """
    of: dict[tuple[str, str, str], dict[bool, float]] = {}
    for record in night.records.values():
        for channel in record.channels:
            if channel.tells_power or (channel.kind is Kind.COUNTER and channel.unit == "J"):
                mine = of.setdefault((channel.domain, channel.origin, channel.quality.value), {})
                mine[channel.tells_power] = max(mine.get(channel.tells_power, 0.0), _period(channel))
    summed = choose(of, analysis.energy, analysis.prefer).summed
    return max((of[source.key].get(True, of[source.key].get(False, 0.0)) for source in summed), default=0.0)


def _period(channel: Channel) -> float:
    return channel.refresh_seen_s or channel.refresh_s


def _whole_ms(refresh_s: float) -> float:
    """A period in whole milliseconds: rounded where that changes it by less than 2 %, as measuring it does, else up."""
    refresh_ms = refresh_s * 1000
    near = round(refresh_ms)
    return (near if abs(near - refresh_ms) <= 0.02 * refresh_ms else math.ceil(refresh_ms)) / 1000


def _round(width_s: float) -> float:
    """The next smaller of 1, 2 or 5 in its decade, at least a millisecond."""
    if width_s <= _LEAST_S:
        return _LEAST_S
    decade = math.floor(math.log10(width_s) + 1e-9)
    digit = next(digit for digit in (5, 2, 1) if digit * 10.0**decade <= width_s * (1 + 1e-9))
    # Divided by a power of ten, it is the number as it is written.
    return digit / 10**-decade if decade < 0 else float(digit * 10**decade)
