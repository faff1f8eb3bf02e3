"""A foreign CSV as rows whose every cell knows its file and line."""

from __future__ import annotations

import csv
import datetime
import io
import math
import re
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
    separator: str = ","
    """What stands between its cells in the file."""

    @property
    def where(self) -> str:
        """The file and its line."""
        return f"{self.file}, line {self.number}"

    def text(self, column: str) -> str:
        """What stands in a column, stripped; empty where nothing does."""
        return self.cells.get(column, "").strip()

    def number_of(self, column: str, remedy: str) -> float:
        """A finite number, with a point or a comma before its decimals; refuses anything else."""
        text = self.text(column)
        value = plain_number(text)
        if value is None:
            said = f"{text!r} {'may be either of two numbers' if is_ambiguous(text) else 'is no number'}"
            said = said if text else "nothing stands here"
            raise ImportRefused(said, where=f"{self.where}, column {column}", remedy=remedy)
        return value

    def value_of(self, column: str) -> float | str:
        """A finite number as one, anything else as text.

        A comma stands before decimals only where the file's cells stand apart by something else; there a number that
        could be either is refused.
        """
        text = self.text(column)
        value = plain_number(text)
        if "," not in text or self.separator == ",":
            return text if value is None or "," in text else value
        if is_ambiguous(text):
            raise ImportRefused(
                f"{text!r} may be either of two numbers",
                where=f"{self.where}, column {column}",
                remedy="write it with a point before its decimals, or without the comma",
            )
        return text if value is None else value


def files_of(given: Sequence[Path], endings: Sequence[str] = (".csv",)) -> list[Path]:
    """The files themselves, and those of these endings inside the folders among them; refuses a folder without any."""
    found: list[Path] = []
    for path in given:
        inside = sorted(item for item in path.rglob("*") if item.suffix in endings) if path.is_dir() else [path]
        if not inside:
            raise ImportRefused(
                f"no file in this folder ends in {' or '.join(endings)}", where=str(path), remedy="give the files"
            )
        found += inside
    return list(dict.fromkeys(found))


def text_of(file: Path) -> str:
    """The text of a file; refuses what is none, or is too large to be one of runs."""
    try:
        if file.stat().st_size > LARGEST_B:
            raise ImportRefused("it is larger than 100 MB", where=str(file), remedy="give the CSV of one run, or runs")
        content = file.read_bytes()
        # What the shell of Windows redirects into a file is in UTF-16.
        return content.decode("utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImportRefused("it is no text in UTF-8", where=str(file), remedy="save it as CSV in UTF-8") from error
    except OSError as error:
        raise ImportRefused(
            f"it cannot be read: {error.strerror or error}", where=str(file), remedy="give the path of a CSV file"
        ) from error


PASSED_OVER = "-"
"""A name that is given to columns that do not matter."""


def is_cut(file: Path) -> bool:
    """Whether the last line of a file has no end: then it may have been cut in the middle of a number."""
    return not text_of(file).endswith("\n")


def lines(file: Path, names: Sequence[str] = (), *, whole: bool = False) -> list[Line]:
    """The rows below the header; refuses a file without any, columns of one name, and rows longer than the header.

    ``names`` stand instead of the header's; a first line of numbers is then a row. Columns called PASSED_OVER are left
    out, and with ``whole`` a last line without an end.
    """
    text = text_of(file)
    if whole:
        text = text[: text.rfind("\n") + 1]
    first = text.partition("\n")[0]
    separator = max(";,\t", key=lambda mark: (first.count(mark) > 0 and mark != ",", first.count(mark)))
    reader = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    found: list[Line] = []
    try:
        if names and any(decimal_of(cell.strip()) for cell in first.split(separator)):
            header = [name.strip() for name in names]
        else:
            own = [name.strip() for name in next(reader, [])]
            header = [name.strip() for name in names] or own
        _check(header, file)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise ImportRefused(
                    f"{len(cells)} cells where the header names {len(header)}",
                    where=f"{file}, line {reader.line_num}",
                    remedy="mend or remove this line; numbers need a point, not a comma, before their decimals",
                )
            row = dict(zip(header, cells, strict=True))
            row.pop(PASSED_OVER, None)
            found.append(Line(file, reader.line_num, row, separator))
    except csv.Error as error:
        raise ImportRefused(
            f"it is no CSV: {error}", where=f"{file}, line {reader.line_num}", remedy="mend this line"
        ) from error
    if not found:
        raise ImportRefused("there is no row below the header", where=str(file), remedy="give a file with runs in it")
    return found


def _check(names: Sequence[str], file: Path) -> None:
    twice = next((name for name in names if name != PASSED_OVER and names.count(name) > 1), None)
    if len(names) < 2 or twice is not None:
        what = "its first line is no header of a CSV" if twice is None else f"two columns are called {twice!r}"
        raise ImportRefused(what, where=f"{file}, line 1", remedy="give a CSV whose first line names its columns")


_SLASHED = re.compile(r"(\d{4})/(\d\d)/(\d\d)(?=[ T])")
_DOTTED = re.compile(r"(\d\d)[.](\d\d)[.](\d{4})(?=[ T])")
_MOST_DAYS = 100_000
"""Until 2243: nanoseconds of the epoch still fit into 64 bits."""
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def moment_of(text: str) -> tuple[int, bool] | None:
    """A moment as ns of the epoch, and whether it names its zone; without one it is read as UTC. None for no moment.

    ISO 8601, and the same with slashes (2026/01/31 22:15:00.123) or with the day first and points (31.01.2026 22:15).
    """
    plain = _DOTTED.sub(r"\3-\2-\1", _SLASHED.sub(r"\1-\2-\3", text))
    try:
        moment = datetime.datetime.fromisoformat(plain)
    except ValueError:
        return None
    zoned = moment.tzinfo is not None
    since = (moment if zoned else moment.replace(tzinfo=datetime.UTC)) - _EPOCH
    if not 0 <= since.days < _MOST_DAYS:
        return None
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000, zoned


def moment_ns(line: Line, column: str) -> tuple[int, bool]:
    """The moment in a column; refuses what is none."""
    text = line.text(column)
    found = moment_of(text)
    if found is None:
        raise ImportRefused(
            f"{text!r} is no date and time",
            where=f"{line.where}, column {column}",
            remedy="write it as 2026-01-31T22:15:00, with a zone where it is known",
        )
    return found


_DECIMAL = re.compile(r"(?P<number>[+-]?(?:\d+(?:[.,]\d+)?|[.,]\d+)(?:[eE][+-]?\d+)?)\s*(?P<unit>[^\s\d.,].*)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


def is_ambiguous(text: str) -> bool:
    """Whether this is "1,234", which may be 1.234 or 1234."""
    return _THOUSANDS.fullmatch(text) is not None


def plain_number(text: str) -> float | None:
    """A finite number without a unit, with a point or a comma before its decimals; None for anything else."""
    try:
        value = float(text)
    except ValueError:
        found = decimal_of(text)
        return found[0] if found is not None and not found[1] else None
    return value if math.isfinite(value) else None


def decimal_of(text: str) -> tuple[float, str] | None:
    """A number with a point or a comma before its decimals, and the unit behind it; None for no number.

    "1,234" may be either 1.234 or 1234: it is no number here.
    """
    found = _DECIMAL.fullmatch(text)
    if found is None or _THOUSANDS.fullmatch(found["number"]):
        return None
    value = float(found["number"].replace(",", "."))
    return (value, (found["unit"] or "").strip()) if math.isfinite(value) else None
