"""What all listings share: rows -> a table, estimates -> cells, words for heads and notes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from analysis.findings import Estimate
from analysis.labels import visible
from analysis.tables import Column, Table

Row = dict[str, Any]


def table_of(
    name: str,
    title: str,
    rows: Iterable[Row],
    columns: Sequence[Column],
    notes: Sequence[str] = (),
    *,
    also: Sequence[str] = (),
) -> Table:
    """A table of ``rows``; a key that a row lacks is an empty cell, and text is made visible; ``also``: for CSV."""
    keys = [*(key for column in columns for key in column.keys), *also]
    body = [
        [visible(cell) if isinstance(cell := row.get(key), str) else cell for key in dict.fromkeys(keys)]
        for row in rows
    ]
    frame = pd.DataFrame(body, columns=list(dict.fromkeys(keys)), dtype=object)
    return Table(
        name, visible(title), frame, tuple(columns), tuple(visible(note) for note in notes if note), tuple(also)
    )


def spread(key: str, item: Estimate | None) -> Row:
    """An estimate as the three cells of an interval column."""
    if item is None:
        return {}
    return {key: item.value, f"{key}_low": item.low, f"{key}_high": item.high}


def keyed(word: str, unit: str) -> str:
    """The frame's name of a number: its unit belongs to it where it has a plain one ("mean_J")."""
    return f"{word}_{unit}" if unit.isalpha() else word


def level_of(items: Iterable[Estimate]) -> str:
    """The confidence level that all of these share, in per cent; empty where there is none or more than one."""
    found = {item.level for item in items if item.level is not None}
    return f"{100 * found.pop():g}" if len(found) == 1 else ""


def why_not(items: Iterable[Estimate]) -> str:
    """Why some of these estimates, or their intervals, are not there, in their own words."""
    return "; ".join(dict.fromkeys(item.note for item in items if item.value is None and item.note)) or "cannot be told"


def capital(text: str) -> str:
    """``text`` as the begin of a sentence."""
    return text[:1].upper() + text[1:]


def text_of(value: Any) -> str:
    """A plain value as text for a table of facts."""
    if isinstance(value, list | tuple):
        return ", ".join(text_of(item) for item in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)
