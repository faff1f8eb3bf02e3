"""clocks.csv -> the few clock pairs that a record keeps, and what they tell: steps of the wall clock, and suspends."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from harness.record import ClockPair

LINE_TOLERANCE_NS = 100_000
"""How far a dropped pair may lie from the line between its kept neighbours: 0.1 ms, the jitter of two readings."""


def read_clocks(path: Path) -> list[ClockPair]:
    """The pairs of a ``clocks.csv``; lines that are none (a torn last one) are left out, no file means no pairs."""
    pairs: list[ClockPair] = []
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return pairs
    for line in lines:
        try:
            t_ns, realtime_ns, boottime_ns = (int(word) for word in line.split(b","))
        except ValueError:
            continue
        pairs.append(ClockPair(t_ns, realtime_ns, boottime_ns))
    return pairs


def thin(pairs: Sequence[ClockPair], tolerance_ns: int = LINE_TOLERANCE_NS) -> tuple[ClockPair, ...]:
    """First and last pair, and as many between as bring every other within the tolerance of the straight line.

    The line is drawn through the offsets realtime - monotonic and boottime - monotonic (Douglas and Peucker, 1973).
    """
    if len(pairs) <= 2:
        return tuple(pairs)
    kept = {0, len(pairs) - 1}
    stretches = [(0, len(pairs) - 1)]
    while stretches:
        first, last = stretches.pop()
        worst, worst_ns = first, float(tolerance_ns)
        for index in range(first + 1, last):
            off_ns = _distance_ns(pairs[first], pairs[last], pairs[index])
            if off_ns > worst_ns:
                worst, worst_ns = index, off_ns
        if worst != first:
            kept.add(worst)
            stretches += [(first, worst), (worst, last)]
    return tuple(pairs[index] for index in sorted(kept))


def largest_step_s(pairs: Sequence[ClockPair]) -> float:
    """The largest jump of the wall clock against the monotonic one between two neighbours, seconds."""
    offsets = [pair.realtime_ns - pair.t_ns for pair in pairs]
    return max((abs(b - a) / 1e9 for a, b in pairwise(offsets)), default=0.0)


def suspended_s(pairs: Sequence[ClockPair], begin_ns: int, end_ns: int) -> float:
    """How long the machine slept between two moments: CLOCK_BOOTTIME goes on in sleep, CLOCK_MONOTONIC stands."""
    around = [
        pair.boottime_ns - pair.t_ns
        for pair, earlier, later in zip(pairs, (None, *pairs), (*pairs[1:], None), strict=False)
        if (later is None or later.t_ns > begin_ns) and (earlier is None or earlier.t_ns < end_ns)
    ]
    return (max(around) - min(around)) / 1e9 if around else 0.0


def _distance_ns(first: ClockPair, last: ClockPair, pair: ClockPair) -> float:
    share = (pair.t_ns - first.t_ns) / (last.t_ns - first.t_ns) if last.t_ns != first.t_ns else 0.0
    return max(
        abs(
            (pair.realtime_ns - pair.t_ns)
            - _between(first.realtime_ns - first.t_ns, last.realtime_ns - last.t_ns, share)
        ),
        abs(
            (pair.boottime_ns - pair.t_ns)
            - _between(first.boottime_ns - first.t_ns, last.boottime_ns - last.t_ns, share)
        ),
    )


def _between(start_ns: int, end_ns: int, share: float) -> float:
    return start_ns + (end_ns - start_ns) * share
