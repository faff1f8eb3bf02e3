"""The readings of one channel as an importer sees them: how often they changed, what is missing, what cannot be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.importers.recording import ImportRefused, most_W, refuse_impossible
from harness.record import Channel, Kind

_GAP_PERIODS = 10
"""A step of more than so many of the usual ones is a hole."""


def holes(name: str, steps_ns: NDArray[np.int64]) -> list[str]:
    """A sentence about the longest time without a reading, where it is far longer than the usual step (median)."""
    if not steps_ns.size or steps_ns.max() <= _GAP_PERIODS * float(np.median(steps_ns)):
        return []
    return [f"{name}: {steps_ns.max() / 1e9:.1f} s without a reading"]


def check_energy(
    where: str,
    channel: Channel,
    stamps: NDArray[np.int64],
    values: NDArray[np.float64],
    remedy: str,
    *,
    limit_W: float | None = None,
) -> None:
    """Refuse power below zero, and a mean power that no such device draws (``limit_W``; else what its domain can)."""
    if values.min() < 0:
        raise ImportRefused(
            f"{channel.name} shows {values.min():g} {channel.unit}", where=where, remedy="leave this file out"
        )
    lasted_s = float(stamps[-1] - stamps[0]) / 1e9
    grown_J = float(values[-1] - values[0]) if channel.kind is Kind.COUNTER else float(values.mean()) * lasted_s
    if lasted_s > 0:
        limit_W = most_W(channel.domain) if limit_W is None else limit_W
        refuse_impossible(grown_J, lasted_s, where, channel.name, remedy, limit_W=limit_W)


def refresh_seen_s(stamps: NDArray[np.int64], values: NDArray[np.float64]) -> float | None:
    """The median time between changes of value; None where there were fewer than three."""
    changed = stamps[1:][np.diff(values) != 0]
    return float(np.median(np.diff(changed))) / 1e9 if changed.size > 3 else None
