"""Where does a run's power fall well below its own level? One trace -> its dips, and the phases in which they lie.

A dip is a stretch in which every reading lies below ``SHARE`` of the window's level, for at least ``REFRESHES``
refreshes of the sensor. The level is the median over equal pieces of the window, so that neither the dips nor a short
peak move it. A gap in the readings ends a dip: what was not read was not low.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness import joules
from harness.record import Kind, Phase, RunRecord

SHARE = 0.6
REFRESHES = 2.0
SHORTEST = 20.0
"""Refreshes that a window must hold before its dips are looked for."""
_NUMBERED = re.compile(r"(.+) \d+")


@dataclass(frozen=True)
class Dipped:
    """The dips of one domain in one run."""

    level_W: float
    by_place: Mapping[str, tuple[int, float]]
    """Where they lie -> how many, and how long together in seconds."""
    share: NDArray[np.float64]
    """(bins,), the part of each bin that lies in a dip, 0 to 1."""


def dips_of(
    series: joules.Series,
    gaps: NDArray[np.int64],
    record: RunRecord,
    edges_ns: NDArray[np.int64],
    *,
    level_W: float,
    resolution_s: float,
) -> Dipped | None:
    """The dips of ``series`` between the outermost of ``edges_ns``; ``gaps`` are its steps without
    readings, by the place of the reading before each.

    None where the window is shorter than ``SHORTEST`` refreshes (``resolution_s``), or its level is not positive.
    """
    begin_ns, end_ns = int(edges_ns[0]), int(edges_ns[-1])
    if (end_ns - begin_ns) / 1e9 < SHORTEST * resolution_s or not level_W > 0:
        return None
    low = max(int(np.searchsorted(series.t_ns, begin_ns, "right")) - 1, 0)
    high = min(int(np.searchsorted(series.t_ns, end_ns, "left")) + 1, len(series.t_ns))
    begins, ends = (series.t_ns[at] for at in _low_stretches(series, gaps, low, high, SHARE * level_W))
    begins, ends = np.maximum(begins, begin_ns), np.minimum(ends, end_ns)
    long = (ends - begins) / 1e9 >= REFRESHES * resolution_s * (1 - 1e-6)
    begins, ends = begins[long], ends[long]
    return Dipped(level_W, _placed(begins, ends, record), covered_by(begins, ends, edges_ns))


def _low_stretches(
    series: joules.Series, gaps: NDArray[np.int64], low: int, high: int, limit_W: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Between which readings from ``low`` to before ``high`` the power of every step is below ``limit_W``."""
    turns: list[NDArray[np.int64]] = []
    is_low = False
    for begin, end in series.pieces(low, high - 1):
        below = _power(series, begin, end + 1) < limit_W
        below[gaps[np.searchsorted(gaps, begin) : np.searchsorted(gaps, end)] - begin] = False
        turns.append(begin + np.flatnonzero(np.diff(below, prepend=is_low)))
        is_low = bool(below[-1])
    if is_low:
        turns.append(np.array([high - 1]))
    both = np.concatenate(turns) if turns else np.zeros(0, dtype=np.int64)
    return both[::2], both[1::2]


def _power(series: joules.Series, low: int, high: int) -> NDArray[np.float64]:
    """The mean power of each step between two stamps."""
    value = series.watts(low, high)
    if series.kind is Kind.COUNTER:
        return np.diff(value) / (np.diff(series.t_ns[low:high]) / 1e9)
    return (value[:-1] + value[1:]) / 2 if series.kind is Kind.GAUGE else value[1:]


def covered_by(begins: NDArray[np.int64], ends: NDArray[np.int64], edges_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """The part of each bin between ``edges_ns`` that lies in one of the stretches, which are in order and apart."""
    if not begins.size:
        return np.zeros(len(edges_ns) - 1)
    points = np.column_stack([begins, ends]).ravel() - edges_ns[0]
    lengths = np.column_stack([np.zeros(len(begins)), ends - begins]).ravel()
    until = np.interp(edges_ns - edges_ns[0], points, np.cumsum(lengths))
    part: NDArray[np.float64] = np.clip(np.diff(until) / np.diff(edges_ns), 0.0, 1.0)
    return part


def _placed(begins: NDArray[np.int64], ends: NDArray[np.int64], record: RunRecord) -> dict[str, tuple[int, float]]:
    """Each dip counts where its middle lies: in the shortest marked phase around it, without its number."""
    if not begins.size:
        return {}
    middles = begins + (ends - begins) // 2
    window = "" if record.window is None else record.window.name
    order = sorted(
        (phase for phase in record.phases if phase.name != window), key=lambda phase: phase.begin_ns - phase.end_ns
    )
    names = [*_outside(record), *dict.fromkeys(place_of(phase.name) for phase in order)]
    codes = np.zeros(len(middles), dtype=np.int64)
    numbered = _numbered(record)
    if numbered:
        codes[middles < min(phase.begin_ns for phase in numbered)] = 1
        codes[middles >= max(phase.end_ns for phase in numbered)] = 2
    for phase in order:
        first, last = np.searchsorted(middles, [phase.begin_ns, phase.end_ns])
        codes[first:last] = names.index(place_of(phase.name), 3)
    lengths_s = (ends - begins) / 1e9
    return {
        names[code]: (int((codes == code).sum()), float(lengths_s[codes == code].sum()))
        for code in np.unique(codes).tolist()
    }


def place_of(name: str) -> str:
    """A phase's name without its number: "epoch 3" is an epoch."""
    found = _NUMBERED.fullmatch(name)
    return found[1] if found else name


def _outside(record: RunRecord) -> tuple[str, str, str]:
    """What a moment of the window is called that lies in no phase inside it: between them, before and after them."""
    numbered = _numbered(record)
    if numbered:
        name = place_of(numbered[0].name)
        return f"between {name}s", f"before the first {name}", f"after the last {name}"
    inner = [phase for phase in record.phases if _inside(phase, record)]
    window = "" if record.window is None else record.window.name
    outside = "between the marked phases" if inner else window or "the workload"
    return outside, outside, outside


def _numbered(record: RunRecord) -> list[Phase]:
    """The outermost kind of numbered phases inside the window: its epochs."""
    inner = [phase for phase in record.phases if _inside(phase, record) and _NUMBERED.fullmatch(phase.name)]
    if not inner:
        return []
    longest = place_of(max(inner, key=lambda phase: phase.end_ns - phase.begin_ns).name)
    return [phase for phase in inner if place_of(phase.name) == longest]


def _inside(phase: Phase, record: RunRecord) -> bool:
    window = record.window
    return (
        window is not None
        and phase.name != window.name
        and window.begin_ns <= phase.begin_ns
        and phase.end_ns <= window.end_ns
    )
