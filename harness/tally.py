"""What one channel of a run holds: counts, gaps, means, taken in chunk by chunk while the run is sealed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.foreign import Around


@dataclass(frozen=True)
class Interest:
    """Over which window [begin_ns, end_ns] gaps and means are told, and when the workload was launched and gone."""

    begin_ns: int = 0
    end_ns: int = 2**62
    launched_ns: int = 0
    exited_ns: int = 2**62


@dataclass
class ChannelTally:
    """What one channel holds, taken in chunk by chunk."""

    n: int = 0
    first_ns: int = 0
    last_ns: int = 0
    longest_gap_s: float = 0.0
    minimum: float = float("inf")
    maximum: float = float("-inf")
    total: float = 0.0
    not_finite: int = 0
    backwards: int = 0
    """Stamps earlier than the one before."""
    falls: int = 0
    """Values lower than the one before."""
    window_n: int = 0
    window_total: float = 0.0
    window_maximum: float = float("-inf")
    window_first: float | None = None
    window_last: float | None = None
    window_first_ns: int = 0
    window_last_ns: int = 0
    window_gap_s: float = 0.0
    """Longest time between two stamps that reaches into the window."""
    around: Around = field(default_factory=Around)
    """The readings that reach into the workload's life, for channels that tell means."""
    bits: bool = False
    """Whether its values are bit masks."""
    window_bits: dict[int, int] = field(default_factory=dict)
    """Of bit masks: in how many readings of the window each bit was set, by the bit's value."""
    start: float | None = None
    """The last value up to the launch, or the first after it where there is none."""
    _last_value: float = 0.0

    def take(self, t_ns: npt.NDArray[np.int64], value: npt.NDArray[np.float64], interest: Interest) -> None:
        """Take in the next rows of this channel, in file order."""
        begin_ns, end_ns = interest.begin_ns, interest.end_ns
        if self.n:
            t_ns, value = np.append(self.last_ns, t_ns), np.append(self._last_value, value)
        else:
            self.first_ns = int(t_ns[0])
        self.around.take(t_ns, value, interest.launched_ns, interest.exited_ns)
        step_ns = np.diff(t_ns)
        reaches_in = step_ns[(t_ns[1:] > begin_ns) & (t_ns[:-1] < end_ns)]
        self.longest_gap_s = max(self.longest_gap_s, float(step_ns.max(initial=0)) / 1e9)
        self.window_gap_s = max(self.window_gap_s, float(reaches_in.max(initial=0)) / 1e9)
        self.backwards += int((step_ns < 0).sum())
        self.falls += int((np.diff(value) < 0).sum())
        self.last_ns, self._last_value = int(t_ns[-1]), float(value[-1])
        if self.n:
            t_ns, value = t_ns[1:], value[1:]
        self.n += len(value)
        finite = np.isfinite(value)
        self.not_finite += int((~finite).sum())
        t_ns, value = t_ns[finite], value[finite]
        self.total += float(value.sum())
        self.minimum = min(self.minimum, float(value.min(initial=float("inf"))))
        self.maximum = max(self.maximum, float(value.max(initial=float("-inf"))))
        before = value[t_ns <= interest.launched_ns]
        if len(before):
            self.start = float(before[-1])
        elif self.start is None and len(value):
            self.start = float(value[0])
        within = (t_ns >= begin_ns) & (t_ns <= end_ns)
        inside = value[within]
        if len(inside):
            if self.window_first is None:
                self.window_first, self.window_first_ns = float(inside[0]), int(t_ns[within][0])
            self.window_last, self.window_last_ns = float(inside[-1]), int(t_ns[within][-1])
            self.window_n += len(inside)
            self.window_total += float(inside.sum())
            self.window_maximum = max(self.window_maximum, float(inside.max()))
            if self.bits:
                self._count_bits(inside)

    def _count_bits(self, masks: npt.NDArray[np.float64]) -> None:
        whole = masks[(masks >= 0) & (masks < 2**53)].astype(np.int64)
        for bit in (1 << place for place in range(int(whole.max(initial=0)).bit_length())):
            if count := int((whole & bit != 0).sum()):
                self.window_bits[bit] = self.window_bits.get(bit, 0) + count

    def to_json(self) -> dict[str, Any]:
        """The tally with means instead of totals; None where there is nothing to say."""
        finite = self.n - self.not_finite
        return {
            "n": self.n,
            "first_ns": self.first_ns,
            "last_ns": self.last_ns,
            "longest_gap_s": self.longest_gap_s,
            "minimum": self.minimum if finite else None,
            "maximum": self.maximum if finite else None,
            "mean": self.total / finite if finite else None,
            "not_finite": self.not_finite,
            "backwards": self.backwards,
            "falls": self.falls,
            "window_n": self.window_n,
            "window_mean": self.window_total / self.window_n if self.window_n else None,
            "window_maximum": self.window_maximum if self.window_n else None,
            "window_first": self.window_first,
            "window_last": self.window_last,
            "window_between_s": (self.window_last_ns - self.window_first_ns) / 1e9,
            "window_gap_s": self.window_gap_s,
            "window_bits": {str(bit): count for bit, count in self.window_bits.items()},
            "around_mean": self.around.mean,
            "around_begin_ns": self.around.begin_ns,
            "around_end_ns": self.around.end_ns,
            "start": self.start,
        }
