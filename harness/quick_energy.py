"""A run's energy for the display, from the sealing's tallies alone: the analysis decides."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.domains import choose
from harness.record import RunRecord
from harness.verdicts import Level

UNTOLD = ("lost_instrument", "not_covered", "gap", "no_readings", "channel_missing")
"""Verdicts by which part of the window was not measured: a mean over the rest would stand for it."""


def quick_energy_J(
    record: RunRecord, samples: Mapping[str, Any] | None, declared: Sequence[str] = (), prefer: Sequence[str] = ()
) -> float | None:
    """The window's energy: mean power times duration; the counter's mean power where a source has no other.

    Summed over the domains that the analysis would sum (``declared``, else by default), each by the source that it
    would take. None where one of them cannot be told, or not over the whole window: never a smaller sum, or a guess.
    """
    in_part = any(item.name in UNTOLD and item.level is Level.INVALID for item in record.verdicts)
    if samples is None or record.window is None or in_part:
        return None
    energies: dict[tuple[str, str, str], float | None] = {}
    for channel in sorted(record.channels, key=lambda channel: not channel.tells_power):  # power before counters
        tally = samples["channels"].get(channel.name)
        key = (channel.domain, channel.origin, str(channel.quality))
        if not channel.tells_energy or energies.get(key) is not None:
            continue
        if tally is None:
            energies[key] = None
        elif channel.tells_power:
            mean_W = tally["window_mean"]
            energies[key] = None if mean_W is None else mean_W * record.window.duration_s
        else:
            first_J, last_J = tally["window_first"], tally["window_last"]
            between_s = tally["window_between_s"]  # of one reading nothing follows, least of all 0 J
            told = first_J is not None and last_J is not None and between_s > 0
            energies[key] = (last_J - first_J) / between_s * record.window.duration_s if told else None
    parts = [energies[source.key] for source in choose(energies, declared, prefer).summed]
    known = [part for part in parts if part is not None]
    return math.fsum(known) if known and len(known) == len(parts) else None
