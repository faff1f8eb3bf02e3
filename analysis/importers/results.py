"""A CSV of what each run reported (accuracy …) beside recordings that do not hold it, by the recording's name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from analysis.importers.cells import lines
from analysis.importers.recording import ImportRefused, Recording

KEY = "file"


def with_results(recordings: Sequence[Recording], file: Path) -> tuple[Recording, ...]:
    """Each recording with its row's columns as metrics; the column ``file`` names the recording's file.

    Refuses a row of no recording and two rows of one; a recording without a row has no metrics.
    """
    rows = lines(file)
    if KEY not in rows[0].cells:
        raise ImportRefused(
            f"it has no column {KEY!r}", where=f"{file}, line 1", remedy="name the recording's file in such a column"
        )
    by_name: dict[str, list[Recording]] = {}
    for recording in recordings:
        by_name.setdefault(Path(recording.where).stem, []).append(recording)
    found: dict[str, dict[str, float | str]] = {}
    for row in rows:
        name = Path(row.text(KEY)).stem
        where = f"{row.where}, column {KEY}"
        if len(by_name.get(name, ())) != 1 or name in found:
            what = "is in two rows" if name in found else "names no recording, or several"
            raise ImportRefused(f"{row.text(KEY)!r} {what}", where=where, remedy="name each recording's file once")
        found[name] = {key: row.value_of(key) for key in row.cells if key != KEY and row.text(key)}
    return tuple(replace(item, metrics={**item.metrics, **found.get(Path(item.where).stem, {})}) for item in recordings)
