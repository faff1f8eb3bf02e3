"""One table, four writers: Markdown, LaTeX (booktabs), CSV and HTML.

::

    table = Table("summary", "Energy by configuration", frame, (Column("configuration", "configuration"), …))
    write(table, folder)      summary.md, summary.tex, summary.csv, summary.html

CSV holds the numbers as they are, whole and unrounded, under the names of the frame's columns; the other three are for
people: rounded, with units in their heads, "—" where there is no number, and a note that says why. Whatever a cell
holds is escaped: a name is text in all four.
"""

from __future__ import annotations

import functools
import html
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from analysis.labels import visible
from analysis.longtable import PACKAGE, breakable, fitted_longtable, is_wide
from analysis.numbers import MISSING, fixed, interval, p_value, significant

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("md", "tex", "csv", "html")

Kind = Literal["text", "count", "number", "interval", "p", "percent"]


@dataclass(frozen=True)
class Column:
    """One column for people: its head with the unit, and the frame's columns that it shows."""

    head: str
    key: str
    """The frame's column; an interval shows ``key``, ``key_low`` and ``key_high`` in one cell."""
    kind: Kind = "text"
    factor: float = 1.0
    """The frame's numbers are divided by it (1000 for joules under a head of kJ); CSV keeps them as they are."""
    digits: int = 4
    missing: str = ""
    """Why a cell of this column may be empty; said in a note where one is."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The frame's columns."""
        return (self.key, f"{self.key}_low", f"{self.key}_high") if self.kind == "interval" else (self.key,)


@dataclass(frozen=True)
class Table:
    """A table of a report; ``name`` is its file's stem."""

    name: str
    title: str
    frame: pd.DataFrame
    columns: tuple[Column, ...]
    notes: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    """Columns of the frame that CSV alone has: for programs, where people have the title or another column."""

    def __len__(self) -> int:
        return len(self.frame)

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        return to_html(self)

    def cells(self, most: int | None = None) -> list[list[str]]:
        """The first ``most`` rows as text for people."""
        return [list(row) for row in zip(*(shown[:most] for shown in self.shown), strict=True)]

    @functools.cached_property
    def shown(self) -> tuple[list[str], ...]:
        """Each column as text for people: three of the formats and the page ask for it."""
        return tuple(_shown(self.frame, column) for column in self.columns)

    def all_notes(self) -> tuple[str, ...]:
        """The table's notes, and why cells are empty where some are."""
        heads: dict[str, list[str]] = {}
        for column, shown in zip(self.columns, self.shown, strict=True):
            if column.missing and MISSING in shown:
                heads.setdefault(column.missing, []).append(column.head)
        return (*self.notes, *(f"{MISSING} under {'; '.join(names)}: {why}" for why, names in heads.items()))


def render(table: Table) -> dict[str, bytes]:
    """``table`` in all four formats; the same table gives the same bytes."""
    return {suffix: writer(table).encode("utf-8") for suffix, writer in WRITERS.items()}


def write(table: Table, folder: Path) -> dict[str, Path]:
    """Write ``table`` below ``folder`` in all four formats."""
    paths = {suffix: folder / f"{table.name}.{suffix}" for suffix in FORMATS}
    for suffix, content in render(table).items():
        paths[suffix].write_bytes(content)
    return paths


def to_csv(table: Table) -> str:
    """The frame's columns that the table shows and those ``also`` there, numbers unrounded, nothing where none is."""
    keys = [*(key for column in table.columns for key in column.keys), *table.also]
    frame = table.frame[list(dict.fromkeys(keys))].map(lambda cell: visible(cell) if isinstance(cell, str) else cell)
    return str(frame.to_csv(index=False, lineterminator="\n"))


def to_markdown(table: Table) -> str:
    """A pipe table with its title above and its notes below."""
    from tabulate import tabulate

    heads = [_markdown(column.head) for column in table.columns]
    rows = [[_markdown(cell) for cell in row] for row in table.cells()]
    body = tabulate(rows, heads, tablefmt="pipe", disable_numparse=True, colalign=_sides(table)) if rows else _NO_ROWS
    notes = "".join(f"\n{_markdown(note)}\n" for note in table.all_notes())
    return f"**{_markdown(table.title)}**\n\n{body}\n{notes}"


_FITTING = r"\ifdim\width>\linewidth\linewidth\else\width\fi"
"""The width of what is set, but no wider than the line."""


def to_latex(table: Table) -> str:
    """A booktabs table, made as narrow as the page; one of more than 40 rows runs over pages by longtable.

    A long one that is too wide has cells that run over lines; see ``longtable``.
    """
    from tabulate import tabulate

    long = len(table) > _LONG
    heads = [visible(column.head) for column in table.columns]
    cells = table.cells() or [[""] * len(heads)]
    head = f"% \\usepackage{{booktabs,{'longtable' if long else 'graphicx'}}}\n"
    body = tabulate(cells, heads, tablefmt="latex_booktabs", disable_numparse=True, colalign=_sides(table))
    body = _OPTIONAL.sub(r"\g<1>{\g<2>}", body)
    notes = " ".join(breakable(note, _latex) for note in table.all_notes())
    caption = f"\\caption{{{_latex(table.title)}}}"
    under = f"\\par{{\\footnotesize\\raggedright {notes}\\par}}\n" if notes else ""
    if long and is_wide(heads, cells):
        right = [column.kind != "text" for column in table.columns]
        fitted = fitted_longtable(heads, cells, right, caption, _latex)
        needed = f"% \\usepackage{{booktabs,longtable{f',{PACKAGE}' if 'begin{landscape}' in fitted else ''}}}\n"
        return f"{needed}{fitted}\n{under}"
    if long:
        body = body.replace("{tabular}", "{longtable}").replace("\\toprule", f"{caption} \\\\\n\\toprule", 1)
        body = body.replace("\\midrule", "\\midrule\n\\endhead", 1)
        return f"{head}{{\\footnotesize\n{_ascii(body)}\n}}\n{under}"
    under = f"\\par\\smallskip{{\\footnotesize\\raggedright {notes}\\par}}\n" if notes else ""
    fitted = f"\\resizebox{{{_FITTING}}}{{!}}{{%\n{_ascii(body)}%\n}}"
    return f"{head}\\begin{{table}}\n\\centering\\small\n{caption}\n{fitted}\n{under}\\end{{table}}\n"


def to_html(table: Table) -> str:
    """A table element, and its notes as paragraphs."""
    return html_element(table) + html_notes(table)


def html_element(table: Table, most: int | None = None) -> str:
    """The table element alone, of the first ``most`` rows."""
    classes = [_classes(column, shown) for column, shown in zip(table.columns, table.shown, strict=True)]
    tags = [f' class="{name}"' if name else "" for name in classes]
    heads = "".join(
        f'<th scope="col"{tag}>{_html(column.head)}</th>' for column, tag in zip(table.columns, tags, strict=True)
    )
    # Numbers and short words keep together; a long name may go on in the next line.
    writers = [_html if name in ("right", "short") else _breakable for name in classes]
    rows = "\n".join(
        "<tr>"
        + "".join(f"<td{tag}>{show(cell)}</td>" for cell, tag, show in zip(row, tags, writers, strict=True))
        + "</tr>"
        for row in table.cells(most)
    )
    caption = f"<caption>{_html(table.title)}</caption>"
    return f"<table>\n{caption}\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n"


def html_notes(table: Table, most: int | None = None) -> str:
    """The table's notes, and whether rows are left out, as paragraphs."""
    notes = list(table.all_notes()) if len(table) else ["None."]
    if most is not None and len(table) > most:
        notes.insert(0, f"The first {most} of {len(table)} rows; all are in the files.")
    return "".join(f'<p class="note">{_html(note)}</p>\n' for note in notes)


WRITERS: Mapping[str, Callable[[Table], str]] = {
    "md": to_markdown,
    "tex": to_latex,
    "csv": to_csv,
    "html": to_html,
}

_LONG = 40
"""Rows of a table that no single page takes."""
_SHORT_TEXT, _LONG_TEXT = 16, 60
_NO_ROWS = "None."
_BREAKS = ",;/=_"
_PARTS = re.compile(f"([{_BREAKS}])")
_MARKDOWN = re.compile(r"[\\`*\[\]|]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_OPTIONAL = re.compile(r"^(\s*)([\[*])", re.MULTILINE)
"""After the end of a row LaTeX would take these for an argument of it."""
_LATEX = {
    "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}", "^": r"\^{}",
    "~": r"\textasciitilde{}", "\\": r"\textbackslash{}", "<": r"\ensuremath{<}", ">": r"\ensuremath{>}",
}  # fmt: skip
"""What tabulate makes of these characters in its cells, for captions and notes as well."""
_SYMBOLS = {
    "—": "---", "–": "--", "…": r"\ldots{}", "×": r"\ensuremath{\times}", "±": r"\ensuremath{\pm}",
    "°": r"\ensuremath{^\circ}", "∞": r"\ensuremath{\infty}", "≥": r"\ensuremath{\geq}", "≤": r"\ensuremath{\leq}",
    "δ": r"\ensuremath{\delta}", "τ": r"\ensuremath{\tau}", "η": r"\ensuremath{\eta}", "χ": r"\ensuremath{\chi}",
    "µ": r"\ensuremath{\mu}", "μ": r"\ensuremath{\mu}", "²": r"\ensuremath{^2}", "₂": r"\ensuremath{_2}",
    "’": "'", "“": "``", "”": "''", "−": r"\ensuremath{-}", "·": r"\ensuremath{\cdot}", "|": r"\textbar{}",
}  # fmt: skip


def _shown(frame: pd.DataFrame, column: Column) -> list[str]:
    parts = [frame[key].tolist() for key in column.keys]
    return [_cell(column, values) for values in zip(*parts, strict=True)]


def _cell(column: Column, values: tuple[Any, ...]) -> str:
    value = values[0]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    if column.kind == "text":
        return visible(str(value))
    if column.kind == "count":
        return fixed(float(value), 0)
    if column.kind == "interval":
        middle, low, high = (None if item is None else float(item) for item in values)
        return interval(middle, low, high, column.factor)
    if column.kind == "p":
        return p_value(float(value))
    factor = 0.01 if column.kind == "percent" else column.factor
    return significant(float(value) / factor, column.digits)


def _classes(column: Column, shown: list[str]) -> str:
    """How a column of the page behaves when room is scarce."""
    if column.kind != "text":
        return "right"
    longest = max(map(len, shown), default=0)
    return "short" if longest <= _SHORT_TEXT else "long" if longest > _LONG_TEXT else ""


def _sides(table: Table) -> list[str]:
    return ["left" if column.kind == "text" else "right" for column in table.columns]


def _html(text: str) -> str:
    return html.escape(visible(text))


def _breakable(text: str) -> str:
    """Escaped, with places at which a long name may go on in the next line."""
    return "".join(f"{_html(part)}<wbr>" if part in _BREAKS else _html(part) for part in _PARTS.split(text))


def _markdown(text: str) -> str:
    escaped = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(lambda found: "\\" + found[0], escaped)


def _latex(text: str) -> str:
    return _ascii("".join(_LATEX.get(char, char) for char in visible(text)))


def _ascii(text: str) -> str:
    """Letters with accents as they are, known symbols as commands, other characters by number: pdfLaTeX has no more."""
    return "".join(
        _SYMBOLS.get(char, char if ord(char) < 0x180 and (char.isalnum() or ord(char) < 0x80) else f"U+{ord(char):04X}")
        for char in text
    )
