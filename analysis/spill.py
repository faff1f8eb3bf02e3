"""The readings of one run while they are read: in memory, or those of a long run in an unnamed file.

::

    readings = Readings(rows)               of the whole run, by its file
    readings.add(name, t_ns, value)         a piece of a channel, in the file's order
    readings.columns(name)                  (t_ns, value), whole

The file lies where temporary files do (``TMPDIR``), has 16 bytes a row, and is gone with the arrays that look into it,
or with the process. Its pages are the system's, which takes them back when it needs memory; ``harness.series`` lets go
of each piece after use, so that the process itself never holds a run. Where no file can be written, memory is used.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

HELD_ROWS = 1 << 18
"""A run of no more rows is held in memory: 4 MB."""
_VALUE_B = 8

Columns = tuple[NDArray[np.int64], NDArray[np.float64]]


class Readings:
    """What was read of each channel of one run so far."""

    def __init__(self, rows: int) -> None:
        """``rows``: no channel has more."""
        self._parts: dict[str, list[Columns]] = {}
        self._counts: dict[str, int] = {}
        granularity = mmap.ALLOCATIONGRANULARITY
        # A place for every row in each column: what is not written of a file takes no room.
        self._column_B = -(-rows * _VALUE_B // granularity) * granularity
        self._file: IO[bytes] | None = _temporary() if rows > HELD_ROWS else None

    @property
    def names(self) -> list[str]:
        """The channels, in the order in which they were first met."""
        return list(self._counts)

    def add(self, name: str, t_ns: NDArray[np.int64], value: NDArray[np.float64]) -> None:
        """The next readings of a channel; both (n,)."""
        written = self._counts.setdefault(name, 0)
        if self._file is not None:
            try:
                for offset, column in zip(self._offsets(name), (t_ns, value), strict=True):
                    _write(self._file, offset + written * _VALUE_B, column)
            except OSError:
                self._into_memory()
        if self._file is None:
            self._parts.setdefault(name, []).append((t_ns, value))
        self._counts[name] = written + len(t_ns)

    def columns(self, name: str) -> Columns:
        """All readings of a channel, which is forgotten here."""
        if self._file is None:
            stamps, values = zip(*self._parts.pop(name), strict=True)
            return np.concatenate(stamps), np.concatenate(values)
        t_ns, value = self._offsets(name)
        return self._mapped(self._file, name, t_ns, np.int64), self._mapped(self._file, name, value, np.float64)

    def _offsets(self, name: str) -> tuple[int, int]:
        place = 2 * list(self._counts).index(name)
        return place * self._column_B, (place + 1) * self._column_B

    def _mapped(self, file: IO[bytes], name: str, offset: int, dtype: type[np.generic]) -> NDArray[Any]:
        count = self._counts[name]
        if not count:
            return np.zeros(0, dtype)
        held = _Mapping(file.fileno(), count * _VALUE_B, access=mmap.ACCESS_READ, offset=offset)
        return np.ndarray((count,), dtype, buffer=held)

    def _into_memory(self) -> None:
        """There is no room for the file: from here on its readings are held as those of a short run are."""
        whole = {name: self.columns(name) for name in self._counts}
        self._parts = {name: [(np.array(t_ns), np.array(value))] for name, (t_ns, value) in whole.items()}
        self._file = None


class _Mapping(mmap.mmap):
    """A column in the file."""

    def let_go(self) -> None:
        """Hold none of its pages; they are read again when they are next looked at. See ``harness.series.let_go``."""
        self.madvise(mmap.MADV_DONTNEED)


def _temporary() -> IO[bytes] | None:
    try:
        return tempfile.TemporaryFile(prefix="nightwatt-", buffering=0)
    except OSError:
        return None


def _write(file: IO[bytes], offset: int, column: NDArray[np.generic]) -> None:
    left = np.ascontiguousarray(column).view(np.uint8).data
    while left:
        written = os.pwrite(file.fileno(), left, offset)
        offset, left = offset + written, left[written:]
