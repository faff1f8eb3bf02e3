"""One recording of many runs -> a recording a run, by a CSV of when each began and ended.

::

    run,started,ended,accuracy
    float32_01,2026-01-31T20:00:00,2026-01-31T20:03:59,0.467

``ended`` may be ``duration_s`` instead. Both clocks are taken to be the same, and a zone that neither names as well.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.importers.cells import Line, lines, moment_ns
from analysis.importers.recording import LONGEST_S, RUN, WHOLE, Imported, ImportRefused, Naming, Recording

STARTED, ENDED, DURATION = "started", "ended", "duration_s"
UNKNOWN = "Whether the clock of the recording and that of the runs' begins and ends are the same: they are taken to be."


def cut(found: Imported, file: Path, naming: Naming) -> Imported:
    """The runs of ``file`` out of the recordings; the column ``run`` is what ``naming`` takes apart.

    Refuses a run that no recording covers. Other columns are metrics.
    """
    rows = lines(file)
    columns = rows[0].cells
    missing = [name for name in (RUN, STARTED) if name not in columns]
    missing += [f"{ENDED} or {DURATION}"] * (ENDED not in columns and DURATION not in columns)
    if missing:
        raise ImportRefused(
            f"it has no column {missing[0]}", where=f"{file}, line 1", remedy="as in run,started,ended,accuracy"
        )
    unknown = [UNKNOWN, *(sentence for sentence in found.unknown if sentence != WHOLE)]
    recordings = [_run(row, found.recordings, naming) for row in rows]
    notes = tuple(note for recording in found.recordings for note in recording.notes)
    recordings[0] = replace(recordings[0], notes=notes)
    return replace(found, recordings=tuple(recordings), unknown=tuple(unknown))


def _run(row: Line, recordings: Sequence[Recording], naming: Naming) -> Recording:
    begin_ns, _ = moment_ns(row, STARTED)
    if row.text(ENDED):
        end_ns, _ = moment_ns(row, ENDED)
    else:
        lasted_s = row.number_of(DURATION, "say when it ended")
        end_ns = begin_ns + round(min(max(lasted_s, 0.0), LONGEST_S) * 1e9)
    if not begin_ns < end_ns:
        raise ImportRefused("it ended before it began", where=row.where, remedy="mend this line")
    covering = next((item for item in recordings if _covers(item, begin_ns, end_ns)), None)
    if covering is None:
        raise ImportRefused(
            f"no recording covers it: {_spans(recordings)}",
            where=row.where,
            remedy="see the zones and the clocks of the two files, or leave this run out",
        )
    levels, block = naming.read(row.text(RUN), f"{row.where}, column {RUN}")
    readings = {name: _between(told, begin_ns, end_ns) for name, told in covering.readings.items()}
    readings = {name: told for name, told in readings.items() if told[0].size > 1}
    own = (RUN, STARTED, ENDED, DURATION)
    return replace(
        covering,
        where=row.where,
        levels=levels,
        block=block,
        begin_ns=begin_ns,
        duration_ns=end_ns - begin_ns,
        readings=readings,
        channels=tuple(channel for channel in covering.channels if channel.name in readings),
        metrics={name: row.value_of(name) for name in row.cells if name not in own and row.text(name)},
        notes=(),
        start_temperature_C=_heat(covering, readings),
    )


Told = tuple[NDArray[np.int64], NDArray[np.float64]]


def _covers(recording: Recording, begin_ns: int, end_ns: int) -> bool:
    """Whether all that tells energy was recorded from before the begin until after the end."""
    if recording.begin_ns is None:
        return False
    told = [recording.readings[channel.name][0] for channel in recording.channels if channel.tells_energy]
    return all(stamps[0] <= begin_ns and end_ns <= stamps[-1] for stamps in told)


def _between(told: Told, begin_ns: int, end_ns: int) -> Told:
    """The readings of a stretch and the one on each side of it, so that its edges can be told."""
    stamps, values = told
    first = max(int(np.searchsorted(stamps, begin_ns, "right")) - 1, 0)
    last = int(np.searchsorted(stamps, end_ns, "left")) + 1
    return stamps[first:last], values[first:last]


def _heat(recording: Recording, readings: Mapping[str, Told]) -> dict[str, float]:
    return {
        channel.domain: float(readings[channel.name][1][0])
        for channel in recording.channels
        if channel.quantity == "temperature_C" and channel.domain in recording.start_temperature_C
        if channel.name in readings
    }


def _spans(recordings: Sequence[Recording]) -> str:
    """From when to when each recording reaches."""
    told = [
        f"{Path(item.where).name} reaches from {_clock(item.begin_ns)} to {_clock(item.begin_ns + item.duration_ns)}"
        if item.begin_ns is not None
        else f"{Path(item.where).name} names no moments"
        for item in recordings[:3]
    ]
    return "; ".join(told) + (f" and {len(recordings) - 3} more" if len(recordings) > 3 else "")


def _clock(at_ns: int) -> str:
    return datetime.datetime.fromtimestamp(at_ns / 1e9, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")
