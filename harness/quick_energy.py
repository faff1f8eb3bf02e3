"""A run's energy for the display, from the sealing's tallies alone: the analysis decides."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.domains import choose
from harness.joules import GAP_PERIODS
from harness.record import Channel, Kind, Phase, RunRecord
from harness.verdicts import Level

UNTOLD = ("lost_instrument", "not_covered", "gap", "no_readings", "channel_missing")
"""Verdicts by which part of the window was not measured: a mean over the rest would stand for it."""


def untold(
    record: RunRecord, samples: Mapping[str, Any] | None, declared: Sequence[str] = (), prefer: Sequence[str] = ()
) -> str:
    """Why the readings do not tell the window's energy, as the analysis will find (``harness.joules``); empty if so.

    A trace may begin after the window, or end before it, by three of its own steps, of which a trace of one reading has
    none; a counter's readings have to lie on either side.
    """
    window = record.window
    if samples is None or window is None:
        return ""
    told: dict[tuple[str, str, str], bool] = {}
    for channel in record.channels:
        if channel.tells_energy:
            key = (channel.domain, channel.origin, str(channel.quality))
            tally = samples["channels"].get(channel.name)
            told[key] = told.get(key, False) or (tally is not None and _covers(channel, tally, window))
    lacking = [source.domain for source in choose(told, declared, prefer).summed if not told[source.key]]
    return f"the readings of {', '.join(lacking)} do not cover its window" if lacking else ""


def _covers(channel: Channel, tally: Mapping[str, Any], window: Phase) -> bool:
    n = int(tally["n"]) - int(tally["not_finite"])
    before_ns, after_ns = int(tally["first_ns"]) - window.begin_ns, window.end_ns - int(tally["last_ns"])
    if not channel.tells_power:
        return n > 1 and not tally["falls"] and max(before_ns, after_ns) <= 0
    step_ns = int(tally["last_ns"] - tally["first_ns"]) / (n - 1) if n > 1 else 0.0
    opens_ns = before_ns if channel.kind is Kind.GAUGE else before_ns - step_ns
    return n > 0 and max(opens_ns, after_ns) <= GAP_PERIODS * step_ns


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
