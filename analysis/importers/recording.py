"""One run as somebody else recorded it, and how the name of a file or the cells of a row become a configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.record import Channel, Status

MOST_W = 20_000.0
"""No machine on which a night is measured draws more: a mean above it is a wrong unit."""
RUN, BLOCK = "run", "block"
"""Groups of a pattern that are no factors."""


class ImportRefused(UsageError):
    """A file that cannot be read as what it should be."""


@dataclass(frozen=True)
class Recording:
    """One run. Stamps are nanoseconds of the epoch where ``begin_ns`` is known, else since its own begin."""

    where: str
    """The file and line that it comes from."""
    levels: Mapping[str, str]
    duration_ns: int
    readings: Mapping[str, tuple[NDArray[np.int64], NDArray[np.float64]]]
    """By the channel's name: stamps and values."""
    channels: tuple[Channel, ...]
    begin_ns: int | None = None
    block: str | None = None
    metrics: Mapping[str, float | str] = field(default_factory=dict)
    status: Status = Status.COMPLETED
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Imported:
    """All runs of a night, and what their files do not say."""

    format: str
    recordings: tuple[Recording, ...]
    unknown: tuple[str, ...]
    """One sentence each."""
    sampled: bool
    """Whether there are readings within the runs, not totals alone."""


@dataclass(frozen=True)
class Naming:
    """A pattern whose named groups tell factors, block and run of a name; without one the name is the level."""

    pattern: re.Pattern[str] | None = None

    @classmethod
    def of(cls, text: str | None) -> Naming:
        """The naming of ``--pattern``; refuses what is no pattern, or names no factor."""
        if text is None:
            return cls()
        try:
            pattern = re.compile(text)
        except re.error as error:
            raise ImportRefused(
                f"this is no regular expression: {error}", where=f"--pattern {text!r}", remedy=_EXAMPLE
            ) from error
        if not set(pattern.groupindex) - {RUN, BLOCK}:
            raise ImportRefused("no group of it names a factor", where=f"--pattern {text!r}", remedy=_EXAMPLE)
        return cls(pattern)

    def read(self, name: str, where: str) -> tuple[dict[str, str], str | None]:
        """Levels by factor, and the block; refuses a name that the pattern does not match."""
        if self.pattern is None:
            return {"configuration": name}, None
        found = self.pattern.search(name)
        if found is None:
            raise ImportRefused(
                f"{name!r} does not match the pattern", where=where, remedy=f"mend --pattern {self.pattern.pattern!r}"
            )
        groups = {key: value for key, value in found.groupdict().items() if value is not None}
        missing = [key for key in self.pattern.groupindex if key not in groups and key not in (RUN, BLOCK)]
        if missing:
            raise ImportRefused(f"{name!r} has no {missing[0]}", where=where, remedy="let the group match always")
        return {key: value for key, value in groups.items() if key not in (RUN, BLOCK)}, groups.get(BLOCK)


_EXAMPLE = r"for example --pattern '(?P<precision>float32|mixed)_(?P<run>\d+)'"


def totals(
    energies_J: Mapping[str, tuple[float, Channel]], begin_ns: int, duration_ns: int
) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """The readings of counters of which only the whole run's growth is known: two each, at its begin and its end."""
    stamps = np.array([begin_ns, begin_ns + duration_ns], dtype=np.int64)
    return {name: (stamps, np.array([0.0, energy_J])) for name, (energy_J, _) in energies_J.items()}


def refuse_impossible(energy_J: float, duration_s: float, where: str, value: str, remedy: str) -> None:
    """Refuse a mean power that no such device draws: it is a unit error."""
    if energy_J / duration_s > MOST_W:
        raise ImportRefused(
            f"{value}: {energy_J:.4g} J in {duration_s:.4g} s are {energy_J / duration_s / 1000:.0f} kW, which no such"
            " machine draws: a unit is wrong",
            where=where,
            remedy=remedy,
        )
