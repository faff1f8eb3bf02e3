"""Stamps of the wall clock on CLOCK_MONOTONIC, piece by piece between pairs of our own.

::

    pairs      a --------- b --------- c --------- now       (monotonic, realtime), one each time that we look
    offset     |   slewed  |  stepped  |           |
    stamp           x           ?             y              x, y: by the pairs around them
                                                             ?: by a's offset or c's, whichever fits what came before

The wall clock is slewed by at most half a millisecond a second; an offset that moved further was a step (or a suspend,
in which CLOCK_MONOTONIC stands still).
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise

from harness.sensors.clock import Moment

STEP_NS = 5_000_000
"""An offset that moved further between two pairs was a step."""
AHEAD_NS = 5_000_000
"""How far after the latest pair a stamp may lie: the pair is taken before the file is read."""


class WallClock:
    """Places stamps; ``take`` a pair, then ``place`` what came until then, in its order."""

    def __init__(self, first: Moment) -> None:
        """``first`` is taken before anything is stamped."""
        self._pairs: deque[Moment] = deque([first])
        self._last_ns = 0
        self.steps: list[dict[str, float]] = []
        """Steps that were seen: when (CLOCK_MONOTONIC, s), and by how much (s)."""
        self.unplaced = 0
        """Stamps that lie in no piece, or not after the one before."""

    def take(self, moment: Moment) -> None:
        """Take in a pair, later than the last."""
        moved_ns = moment.offset_ns - self._pairs[-1].offset_ns
        if abs(moved_ns) > STEP_NS:
            self.steps.append({"t_s": moment.t_ns / 1e9, "by_s": moved_ns / 1e9})
        self._pairs.append(moment)
        while len(self._pairs) > 2 and self._pairs[1].t_ns <= self._last_ns:
            self._pairs.popleft()  # nothing that is still to come lies before the last stamp

    def place(self, stamp_ns: int, apart_ns: int) -> int | None:
        """CLOCK_MONOTONIC of a stamp, about ``apart_ns`` after the one before; None where it cannot be told."""
        possible = [t_ns for t_ns in self._possible(stamp_ns) if t_ns > self._last_ns]
        if not possible:
            self.unplaced += 1
            return None
        due_ns = self._last_ns + apart_ns if self._last_ns else possible[0]
        self._last_ns = min(possible, key=lambda t_ns: abs(t_ns - due_ns))
        return self._last_ns

    def _possible(self, stamp_ns: int) -> list[int]:
        found = []
        for earlier, later in pairwise(self._pairs):
            moved_ns = later.offset_ns - earlier.offset_ns
            if abs(moved_ns) > STEP_NS:
                offsets = [earlier.offset_ns, later.offset_ns]
            else:
                since_ns = stamp_ns - earlier.realtime_ns
                whole_ns = max(1, later.realtime_ns - earlier.realtime_ns)
                offsets = [earlier.offset_ns + moved_ns * since_ns // whole_ns]
            found += [t_ns for offset in offsets if earlier.t_ns <= (t_ns := stamp_ns - offset) <= later.t_ns]
        latest = self._pairs[-1]
        t_ns = stamp_ns - latest.offset_ns
        if latest.t_ns < t_ns <= latest.t_ns + AHEAD_NS:
            found.append(t_ns)
        return found
