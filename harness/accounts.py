"""A domain's two accounts of the same energy, its counter and its trace, compared over everything that was recorded.

They come from one sensor, so that they agree is consistency, not accuracy; that they do not is a fault of the reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.joules import Series, counter_ratio
from harness.record import (
    SAMPLES_CSV,
    Channel,
    InstrumentFiles,
    Kind,
    channel_from_json,
    read_json,
)

if TYPE_CHECKING:
    from harness.seal import Columns

MOST_ROWS = 4_000_000
"""Beyond so many rows (64 MB; a card for a day) nothing is compared: the sealing's memory is bounded."""


def read_channels(folder: Path) -> list[Channel]:
    """The channels that the instruments of a run announced; those of a report that cannot be read are left out."""
    names = [path.name.removesuffix(SAMPLES_CSV).rstrip(".") for path in folder.glob(f"*{SAMPLES_CSV}")]
    found: list[Channel] = []
    for name in sorted(names):
        try:
            body = read_json(folder / (InstrumentFiles(name).report if name else InstrumentFiles("sampler").report))
            found += [channel_from_json(item) for item in body["channels"]]
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


class Accounts:
    """The readings of every counter that has a trace beside it, taken in chunk by chunk."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        """``channels``: all of a run; only pairs of one source and one domain are kept.

        A wall meter's total is too coarse for one run: the report compares it, by its own steps.
        """
        power = {(item.origin, item.domain): item for item in channels if item.tells_power}
        counters = [item for item in channels if item.tells_energy and item.kind is Kind.COUNTER]
        counters = [item for item in counters if not item.is_coarse_total]
        self._pairs = [(power[key], item) for item in counters if (key := (item.origin, item.domain)) in power]
        self._rows: dict[str, list[tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]]] = {
            item.name: [] for pair in self._pairs for item in pair
        }
        self._held = 0

    def take(self, rows: Columns) -> None:
        """Take in the next rows, in file order."""
        for place, name in enumerate(rows.names):
            if name in self._rows:
                here = rows.codes == place
                self._rows[name].append((rows.t_ns[here], rows.value[here]))
                self._held += len(self._rows[name][-1][0])
        if self._held > MOST_ROWS:
            self._pairs, self._rows = [], {}

    def ratios(self) -> dict[str, float]:
        """Energy by the counter over energy by the trace, by the counter's name; only where both tell it."""
        found = {}
        for power, counter in self._pairs:
            ratio = counter_ratio(self._series(power), self._series(counter))
            if ratio is not None:
                found[counter.name] = ratio
        return found

    def _series(self, channel: Channel) -> Series | None:
        parts = self._rows[channel.name]
        if not parts:
            return None
        t_ns, value = (np.concatenate(column) for column in zip(*parts, strict=True))
        finite = np.isfinite(value)
        t_ns, first = np.unique(t_ns[finite], return_index=True)  # sorted, each stamp once
        return Series(t_ns, value[finite][first], channel.kind, channel.refresh_s)
