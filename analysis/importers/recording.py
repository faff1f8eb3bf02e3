"""One run as somebody else recorded it, and how the name of a file or the cells of a row become a configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analysis.numbers import significant
from harness.errors import UsageError
from harness.record import Channel, Kind, Status

MOST_W = 20_000.0
"""No machine on which a night is measured draws more: a mean above it is a wrong unit."""
_MOST_W = ((re.compile(r"gpu\d+"), 3000.0), (re.compile(r"package-\d+(-die-\d+)?"), 1500.0))
"""The same of one card and of one processor."""
_FACTORS = (
    (1e-3, "a thousandth", "mW, or mJ as where watts were multiplied by milliseconds"),
    (1 / 3600, "1/3600", "J that were taken for Wh"),
    (1e-6, "a millionth", "uW or uJ"),
)
_LEAST_PLAUSIBLE_W = 5.0
_LEAST_W = 1.0
"""A machine, a card or a processor that takes less than this on the mean is doubted, not refused."""
_WHOLE = re.compile(r"system|total|wall(-\d+)?|gpu\d+|gpu|package-\d+(-die-\d+)?|cpu")
LONGEST_S = 1e8
"""No run takes three years: a duration above it is a wrong unit."""
LATEST_NS = 2**62
"""Stamps of the epoch lie before it (2116), and so fit into 64 bits."""
WHOLE = "Where in its recording the work that matters began and ended: the whole recording is compared."
"""Not known of a recording that is a run."""
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
    start_temperature_C: Mapping[str, float] = field(default_factory=dict)
    """By domain, as its first reading."""


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


def most_W(domain: str) -> float:
    """The mean power that a domain cannot have."""
    return next((limit_W for pattern, limit_W in _MOST_W if pattern.fullmatch(domain)), MOST_W)


def refuse_impossible(
    energy_J: float, duration_s: float, where: str, value: str, remedy: str, *, limit_W: float = MOST_W
) -> None:
    """Refuse a mean power that no such device draws: it is a unit error. Says which factors would make sense of it."""
    mean_W = energy_J / duration_s
    if mean_W <= limit_W:
        return
    fits = [
        f"{name} of it, {significant(mean_W * factor, 3)} W, would be plausible ({unit})"
        for factor, name, unit in _FACTORS
        if _LEAST_PLAUSIBLE_W <= mean_W * factor <= limit_W / 4
    ]
    raise ImportRefused(
        f"{value}: {energy_J:.4g} J in {duration_s:.4g} s are {_watts(mean_W)}, which no such"
        f" {'machine' if limit_W == MOST_W else 'device'} draws: a unit is wrong"
        + (f"; {'; '.join(fits)}" if fits else ""),
        where=where,
        remedy=remedy,
    )


def _watts(power_W: float) -> str:
    return f"{power_W / 1000:.0f} kW" if power_W >= 10_000 else f"{significant(power_W)} W"


def doubts(recordings: Sequence[Recording]) -> list[str]:
    """One sentence for each domain whose mean power over all runs is so small that its unit may be wrong."""
    means_W: dict[str, list[float]] = {}
    for item in recordings:
        for channel in item.channels:
            if not (channel.tells_energy and _WHOLE.fullmatch(channel.domain)) or item.duration_ns <= 0:
                continue
            _, values = item.readings[channel.name]
            counted = channel.kind is Kind.COUNTER
            mean_W = (values[-1] - values[0]) / (item.duration_ns / 1e9) if counted else values.mean()
            means_W.setdefault(channel.domain, []).append(float(mean_W))
    return [
        f"{domain} takes {significant(mean_W, 3)} W on the mean of {len(found)} runs, which is little: a thousand times"
        f" as much, {significant(1000 * mean_W, 3)} W, where its unit was kJ or kW"
        for domain, found in means_W.items()
        if 0 < (mean_W := sum(found) / len(found)) < _LEAST_W
    ]
