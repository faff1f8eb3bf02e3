"""CSVs of EnergiBridge, one file a run: the same reading of its columns and counters as in a night of our own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.importers.cells import text_of
from analysis.importers.recording import LATEST_NS, WHOLE, Imported, ImportRefused, Naming, Recording
from analysis.importers.traces import check_energy, holes, refresh_seen_s
from harness.instruments.energibridge_columns import LEADING, Layout, layout_of
from harness.instruments.energibridge_rows import Meter, Row, Rows

FORMAT = "energibridge"
_REMEDY = "give the file that EnergiBridge's option -o wrote"
UNKNOWN = (
    WHOLE,
    "Idle power, temperatures before each run, waits before the first reading, and other load.",
    "EnergiBridge's release: its file does not name it.",
)
_INTEL = (
    "Whether Intel's counters are in joules: releases of EnergiBridge before 0.0.7 wrote them in a wrong unit, and its"
    " file does not name the release."
)


def read(files: Sequence[Path], naming: Naming, *, accept_unit_error: bool = False) -> Imported:
    """Every file as a run; its name (without .csv) is what ``naming`` takes apart."""
    recordings: list[Recording] = []
    intel = False
    for file in files:
        recording, layout = _recording(file, naming, accept_unit_error=accept_unit_error)
        recordings.append(recording)
        intel |= layout.intel
    return Imported(FORMAT, tuple(recordings), (*UNKNOWN, *([_INTEL] if intel else [])), sampled=True)


def _recording(file: Path, naming: Naming, *, accept_unit_error: bool) -> tuple[Recording, Layout]:
    levels, block = naming.read(file.stem, str(file))
    head, *body = text_of(file).split("\n")
    torn = body.pop() if body else ""
    names = tuple(head.rstrip("\r").split(","))
    layout = _layout(file, head, names, accept_unit_error=accept_unit_error)
    found = _rows(file, layout, body)
    steps_ns = np.diff([row.stamp_ns for row in found])
    interval_s = float(np.median(steps_ns)) / 1e9
    notes = [f"{file.name}: its last line was cut off and is left out"] if torn.strip() else []
    notes += holes(file.name, steps_ns)
    readings: dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}
    channels = []
    for quantity in layout_of(names, lambda _: 0, interval_s).quantities:
        meter = Meter(quantity, wrong_unit=layout.intel and accept_unit_error)
        told = [(row.stamp_ns, meter.take(row.stamp_ns, row.numbers)) for row in found]
        known = [(stamp, value) for stamp, value in told if value is not None]
        channel = quantity.channel
        if meter.ended:
            remedy = "leave this file out: what came after is not known"
            raise ImportRefused(meter.ended, where=str(file), remedy=remedy)
        if not known:
            continue
        stamps = np.array([stamp for stamp, _ in known], dtype=np.int64)
        values = np.array([value for _, value in known], dtype=np.float64)
        if channel.tells_energy:
            check_energy(str(file), channel, stamps, values, "see in which unit this column was written")
        if meter.turns:
            notes.append(f"{file.name}: {channel.domain}'s counter began again at 0 {meter.turns} times, unwrapped")
        readings[channel.name] = stamps, values
        channels.append(replace(channel, refresh_seen_s=refresh_seen_s(stamps, values)))
    return Recording(
        where=str(file),
        levels=levels,
        duration_ns=found[-1].stamp_ns - found[0].stamp_ns,
        readings=readings,
        channels=tuple(channels),
        begin_ns=found[0].stamp_ns,
        block=block,
        notes=tuple(notes),
    ), layout


def _layout(file: Path, head: str, names: tuple[str, ...], *, accept_unit_error: bool) -> Layout:
    where = f"{file}, line 1"
    if names[:2] != LEADING:
        raise ImportRefused(f"its first line is not EnergiBridge's: {head[:60]!r}", where=where, remedy=_REMEDY)
    layout = layout_of(names, lambda _: 0, 0.0)
    if not layout.tells_energy:
        raise ImportRefused("no column of it tells power or energy", where=where, remedy="leave this file out")
    is_old = any("PACAKGE" in name or name.endswith("_ENERGY (W)") for name in names)
    if layout.intel and is_old and not accept_unit_error:
        raise ImportRefused(
            "it is of a release before 0.0.7, whose energies of Intel's processors are in a wrong unit",
            where=where,
            remedy="measure anew, or give --accept-unit-error: ratios of runs on one machine hold, joules do not",
        )
    return layout


def _rows(file: Path, layout: Layout, lines: Sequence[str]) -> list[Row]:
    """The rows of a file; refuses the first that cannot be read, or goes back in time."""
    rows = Rows(layout)
    found: list[Row] = []
    for number, line in enumerate(lines, start=2):
        before = rows.unreadable
        found += rows.take([line])
        where = f"{file}, line {number}"
        if rows.unreadable > before:
            raise ImportRefused(f"{rows.complaint}: {line[:60]!r}", where=where, remedy="mend or remove this line")
        if found and not 0 <= found[-1].stamp_ns < LATEST_NS:
            raise ImportRefused(
                f"its stamp is no moment: {line[:60]!r}", where=where, remedy="mend or remove this line"
            )
        if len(found) > 1 and found[-1].stamp_ns < found[-2].stamp_ns:
            raise ImportRefused(f"its clock went back: {line[:40]!r}", where=where, remedy="leave this file out")
    if len(found) < 2:
        raise ImportRefused("it has fewer than two readings", where=str(file), remedy="leave this file out")
    return found
