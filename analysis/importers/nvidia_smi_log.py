"""One log of ``nvidia-smi``: its lines as readings by card, or a refusal with file, line, value and remedy."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analysis.importers.cells import decimal_of, moment_of, text_of
from analysis.importers.nvidia_smi_columns import TIMESTAMP, Header, Quantity
from analysis.importers.recording import ImportRefused

REMEDY = "give what nvidia-smi --query-gpu=timestamp,index,power.draw --format=csv -lms 100 wrote"
_MISSING = re.compile(r"\[.*\]|N/A|ERR!|Unknown Error|")


@dataclass
class Card:
    """What one card's rows said."""

    key: str
    device: str = ""
    stamps: list[int] = field(default_factory=list)
    values: dict[Quantity, tuple[list[int], list[float]]] = field(default_factory=dict)
    missing: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By column and what stood there instead of a number."""


@dataclass
class Log:
    """One file: its cards in the order in which they appear."""

    file: Path
    header: Header
    cards: dict[str, Card]
    notes: list[str]


def read_log(file: Path, columns: Sequence[str] = ()) -> Log:
    """The log in ``file``; ``columns`` are the names of its columns where it has no header."""
    lines = text_of(file).split("\n")
    torn = lines.pop()
    first = next((line for line in lines if line.strip()), torn)
    separator = next((mark for mark in (";", "\t", ", ") if mark in first), ",")
    header = Header.of(first.split(separator))
    where = f"{file}, line 1"
    if not header.is_one:
        if not columns:
            raise ImportRefused(
                f"its first line is no header of nvidia-smi: {first[:60]!r}",
                where=where,
                remedy="where it was written with noheader, name its columns by --columns timestamp,index,power.draw;"
                f" else {REMEDY}",
            )
        header, first = Header.of(columns), ""
    _check(header, where)
    log = Log(file, header, {}, [f"{file.name}: its last line was cut off and is left out"] if torn.strip() else [])
    again = 0
    is_body = not first
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text:
            continue
        if first and text == first.strip():
            again += is_body
            is_body = True
            continue
        _take(log, text, separator, f"{file}, line {number}")
    if again:
        log.notes.append(f"{file.name}: its header stands there {again + 1} times: several logs, one after another")
    return log


def _check(header: Header, where: str) -> None:
    if TIMESTAMP not in header.names:
        raise ImportRefused(
            "it has no column timestamp", where=where, remedy="ask for timestamp: without it there is no energy"
        )
    if not any(item.is_power for item in header.quantities.values()):
        raise ImportRefused("it has no column power.draw", where=where, remedy=REMEDY)
    for place, item in header.quantities.items():
        if item.scale(header.units[place]) is None:
            unit, name = header.units[place], header.names[place]
            raise ImportRefused(
                f"{name}: {unit!r} is no unit of it", where=where, remedy=f"it should be {item.plain_unit}"
            )


def _split(text: str, separator: str, length: int) -> list[str]:
    """The cells of a row; a row written without blanks behind its commas is split at the commas alone."""
    cells = [cell.strip() for cell in text.split(separator)]
    if len(cells) != length and separator == ", ":
        cells = [cell.strip() for cell in text.split(",")]
    return cells


def _take(log: Log, text: str, separator: str, where: str) -> None:
    """Add one row; refuses what is none."""
    header = log.header
    cells = _split(text, separator, len(header.names))
    if len(cells) != len(header.names):
        remedy = "remove this line where it is a message; decimals behind a comma need columns with ; between them"
        what = f"{len(cells)} cells where the header names {len(header.names)}: {text[:60]!r}"
        raise ImportRefused(what, where=where, remedy=remedy)
    by_name = dict(zip(header.names, cells, strict=True))
    moment = moment_of(by_name[TIMESTAMP])
    if moment is None:
        raise ImportRefused(
            f"{by_name[TIMESTAMP]!r} is no date and time", where=f"{where}, column timestamp", remedy=REMEDY
        )
    stamp_ns, _ = moment
    card = log.cards.setdefault(by_name.get(header.identity, ""), Card(by_name.get(header.identity, "")))
    if card.stamps and stamp_ns < card.stamps[-1]:
        raise ImportRefused(
            f"its clock went back: {by_name[TIMESTAMP]!r}", where=where, remedy="leave this file out, or cut it here"
        )
    device = by_name.get(header.uuid, "")
    if card.device and device and device != card.device:
        raise ImportRefused(
            f"card {card.key} is {device}, before it was {card.device}", where=where, remedy="leave this file out"
        )
    card.device = card.device or device
    card.stamps.append(stamp_ns)
    for place, item in header.quantities.items():
        name = header.names[place]
        if _MISSING.fullmatch(cells[place]):
            card.missing[name, cells[place] or "nothing"] += 1
            continue
        value = _value(cells[place], item, header.units[place], f"{where}, column {name}")
        stamps, values = card.values.setdefault(item, ([], []))
        stamps.append(stamp_ns)
        values.append(value)


def _value(text: str, item: Quantity, unit: str, where: str) -> float:
    found = decimal_of(text)
    if found is None:
        raise ImportRefused(
            f"{text!r} is no number", where=where, remedy="mend this cell; one without a reading is [N/A]"
        )
    value, own = found
    if own and unit and own != unit:
        raise ImportRefused(
            f"{text!r} where the header says {unit}", where=where, remedy="see in which unit this column was written"
        )
    scale = item.scale(own or unit)
    if scale is None:
        raise ImportRefused(f"{own!r} is no unit of it", where=where, remedy=f"it should be {item.plain_unit}")
    return value * scale
