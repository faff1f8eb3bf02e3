"""A foreign CSV as rows whose every cell knows its file and line."""

from __future__ import annotations

import csv
import datetime
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.importers.recording import ImportRefused

LARGEST_B = 100_000_000


@dataclass(frozen=True)
class Line:
    """One row by its columns' names."""

    file: Path
    number: int
    cells: Mapping[str, str]

    @property
    def where(self) -> str:
        """The file and its line."""
        return f"{self.file}, line {self.number}"

    def text(self, column: str) -> str:
        """What stands in a column, stripped; empty where nothing does."""
        return self.cells.get(column, "").strip()

    def number_of(self, column: str, remedy: str) -> float:
        """A finite number; refuses anything else."""
        text = self.text(column)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            said = f"{text!r} is no number" if text else "nothing stands here"
            raise ImportRefused(said, where=f"{self.where}, column {column}", remedy=remedy)
        return value


def text_of(file: Path) -> str:
    """The text of a file; refuses what is none, or is too large to be one of runs."""
    try:
        if file.stat().st_size > LARGEST_B:
            raise ImportRefused("it is larger than 100 MB", where=str(file), remedy="give the CSV of one run, or runs")
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImportRefused("it is no text in UTF-8", where=str(file), remedy="save it as CSV in UTF-8") from error
    except OSError as error:
        raise ImportRefused(
            f"it cannot be read: {error.strerror or error}", where=str(file), remedy="give the path of a CSV file"
        ) from error


def lines(file: Path) -> list[Line]:
    """The rows below the header; refuses a file without any, columns of one name, and rows longer than the header."""
    text = text_of(file)
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    found: list[Line] = []
    try:
        names = [name.strip() for name in next(reader, [])]
        _check(names, file)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(names):
                raise ImportRefused(
                    f"{len(cells)} cells where the header names {len(names)}",
                    where=f"{file}, line {reader.line_num}",
                    remedy="mend or remove this line; numbers need a point, not a comma, before their decimals",
                )
            found.append(Line(file, reader.line_num, dict(zip(names, cells, strict=True))))
    except csv.Error as error:
        raise ImportRefused(
            f"it is no CSV: {error}", where=f"{file}, line {reader.line_num}", remedy="mend this line"
        ) from error
    if not found:
        raise ImportRefused("there is no row below the header", where=str(file), remedy="give a file with runs in it")
    return found


def _check(names: Sequence[str], file: Path) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if len(names) < 2 or twice is not None:
        what = "its first line is no header of a CSV" if twice is None else f"two columns are called {twice!r}"
        raise ImportRefused(what, where=f"{file}, line 1", remedy="give a CSV whose first line names its columns")


def moment_ns(line: Line, column: str) -> tuple[int, bool]:
    """An ISO 8601 moment as ns of the epoch, and whether it names its zone; without one it is read as UTC."""
    text = line.text(column)
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise ImportRefused(
            f"{text!r} is no date and time",
            where=f"{line.where}, column {column}",
            remedy="write it as 2026-01-31T22:15:00, with a zone where it is known",
        ) from error
    zoned = moment.tzinfo is not None
    if not zoned:
        moment = moment.replace(tzinfo=datetime.UTC)
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000, zoned
