"""Logs of ``nvidia-smi --query-gpu=… --format=csv -lms N``, one file a run: each card and each kind of power apart.

A cell in brackets ([N/A], [Not Supported]) is no reading. Where stamps are of whole seconds the readings of a second
are one, their mean, in its middle. The run is the stretch that every card's power covers from the first round of the
log to the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.importers.nvidia_smi_columns import FORMAT as FORMAT
from analysis.importers.nvidia_smi_log import REMEDY, Card, Log, read_log
from analysis.importers.recording import WHOLE, Imported, ImportRefused, Naming, Recording, most_W
from analysis.importers.traces import check_energy, holes, refresh_seen_s
from harness.record import Channel

UNKNOWN = (
    WHOLE,
    "Idle power, waits before the first reading, other load, and what the rest of the machine took.",
    "The zone of the time stamps: their order counts, their clock is read as UTC.",
    "What power.draw means on these cards and their driver: a mean over 1 s on most, a sample on others.",
)
_SECOND_NS = 1_000_000_000
_ROUND = 0.2
"""Rows that stand nearer to each other than this part of a round are of one round, so of several cards."""
_OVER_LIMIT = 2.0
"""No card draws more than so many times its own limit on the mean."""

Readings = tuple[NDArray[np.int64], NDArray[np.float64]]


def read(files: Sequence[Path], naming: Naming, *, columns: Sequence[str] = ()) -> Imported:
    """Every file as a run; its name (without .csv) is what ``naming`` takes apart.

    ``columns`` are the names of the columns of files that have no header.
    """
    logs = [read_log(file, columns) for file in files]
    numbers = {key: place for place, key in enumerate(dict.fromkeys(key for log in logs for key in log.cards))}
    devices: dict[str, tuple[str, str]] = {}
    recordings: list[Recording] = []
    for log in logs:
        recording = _recording(log, naming, numbers)
        changed = [
            f"{log.file.name}: {channel.domain} is {channel.device}, in {known[1]} it is {known[0]}"
            for channel in {item.domain: item for item in recording.channels if item.device}.values()
            if (known := devices.setdefault(channel.domain, (channel.device, log.file.name)))[0] != channel.device
        ]
        recordings.append(replace(recording, notes=(*recording.notes, *changed)))
    return Imported(FORMAT, tuple(recordings), UNKNOWN, sampled=True)


def _recording(log: Log, naming: Naming, numbers: dict[str, int]) -> Recording:
    levels, block = naming.read(log.file.stem, str(log.file))
    if not log.header.identity:
        _refuse_mixed(log)
    notes = list(log.notes)
    readings: dict[str, Readings] = {}
    channels: list[Channel] = []
    heat: dict[str, float] = {}
    for card in log.cards.values():
        number = _number(card.key, log, numbers)
        interval_s = _interval_s(card)
        for item, told in card.values.items():
            stamps, values = _once(*told)
            channel = item.channel(number, interval_s, card.device)
            if channel.name in readings:
                raise ImportRefused(
                    f"two cards are called {channel.domain}", where=str(log.file), remedy="ask for the column index"
                )
            if item.is_power:
                _check_power(log.file, channel, stamps, values, card)
            if item.quantity == "temperature_C":
                heat[channel.domain] = float(values[0])
            readings[channel.name] = stamps, values
            channels.append(replace(channel, refresh_seen_s=refresh_seen_s(stamps, values)))
        notes += holes(f"{log.file.name}, gpu{number}", _steps_ns(card))
        notes += [
            f"{log.file.name}, gpu{number}: {name} is {text} in {count} of {len(card.stamps)} rows"
            for (name, text), count in card.missing.items()
        ]
    begin_ns, end_ns = _stretch(log.file, channels, readings, log.cards)
    return Recording(
        where=str(log.file),
        levels=levels,
        duration_ns=end_ns - begin_ns,
        readings=readings,
        channels=tuple(channels),
        begin_ns=begin_ns,
        block=block,
        notes=tuple(notes),
        start_temperature_C=heat,
    )


def _number(key: str, log: Log, numbers: dict[str, int]) -> int:
    if log.header.identity == "index":
        if not key.isdecimal():
            raise ImportRefused(f"{key!r} is no index of a card", where=str(log.file), remedy=REMEDY)
        return int(key)
    return numbers[key]


def _refuse_mixed(log: Log) -> None:
    """Refuse a log whose rows may be of several cards where no column tells them apart."""
    for card in log.cards.values():
        steps = np.diff(np.array(card.stamps, dtype=np.int64))
        if steps.size and np.mean(steps < _ROUND * np.quantile(steps, 0.9)) > _ROUND:
            raise ImportRefused(
                "its rows stand in groups of one moment, and no column tells which card each is of",
                where=str(log.file),
                remedy="ask for index or uuid; where it was one card, add a column index with 0 in each row",
            )


def _steps_ns(card: Card) -> NDArray[np.int64]:
    at: NDArray[np.int64] = np.unique(np.array(card.stamps, dtype=np.int64))
    return np.diff(at)


def _interval_s(card: Card) -> float:
    steps = _steps_ns(card)
    return float(np.median(steps)) / 1e9 if steps.size else 0.0


def _once(stamps: Sequence[int], values: Sequence[float]) -> Readings:
    """Each stamp once, with the mean of its readings; stamps of whole seconds in the middle of theirs."""
    at, where = np.unique(np.array(stamps, dtype=np.int64), return_inverse=True)
    mean = np.bincount(where, weights=np.array(values, dtype=np.float64)) / np.bincount(where)
    whole = at.size > 0 and not np.any(at % _SECOND_NS)
    return (at + _SECOND_NS // 2 if whole else at), mean


def _check_power(
    file: Path, channel: Channel, stamps: NDArray[np.int64], values: NDArray[np.float64], card: Card
) -> None:
    limits = [numbers for item, (_, numbers) in card.values.items() if item.quantity == "power_limit_W"]
    limit_W = most_W(channel.domain)
    if limits and not channel.domain.startswith("module"):
        limit_W = min(limit_W, _OVER_LIMIT * float(np.median(limits[0])))
    remedy = "see in which unit this column was written"
    check_energy(str(file), channel, stamps, values, remedy, limit_W=limit_W)


def _stretch(
    file: Path, channels: Sequence[Channel], readings: dict[str, Readings], cards: dict[str, Card]
) -> tuple[int, int]:
    """From where to where the power of every card that was there all the time is known."""
    told = [readings[channel.name][0] for channel in channels if channel.tells_power]
    told = [stamps for stamps in told if stamps.size > 1]
    if not told:
        said = "; ".join(dict.fromkeys(_instead(cards)))
        raise ImportRefused(
            f"it has fewer than two readings of power{f' ({said})' if said else ''}",
            where=str(file),
            remedy="leave this file out",
        )
    first_ns, last_ns = min(int(stamps[0]) for stamps in told), max(int(stamps[-1]) for stamps in told)
    near_ns = 2 * max(float(np.median(np.diff(stamps))) for stamps in told)
    return (
        max(int(stamps[0]) for stamps in told if stamps[0] - first_ns <= near_ns),
        min(int(stamps[-1]) for stamps in told if last_ns - stamps[-1] <= near_ns),
    )


def _instead(cards: dict[str, Card]) -> Iterator[str]:
    for card in cards.values():
        for (name, text), count in card.missing.items():
            if name.startswith("power.draw"):
                yield f"{name} is {text} in {count} rows"
