r"""A table of many rows and many columns for LaTeX, within the width of the page.

A longtable cannot be scaled, so its cells are made to run over lines: each column has a width by what it holds, in the
largest size of type that gives it room; what has none on a page that stands is laid on its side. Widths are reckoned
for lines of 345 and 550 pt (article, 10 pt: the width of the text and its height) and grow with wider ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

LINE_PT = 345.0
_CHARACTER_PT = 4.7
"""Of the size in which a table is set that need not be fitted, on the safe side; and 12 pt between columns."""
_BETWEEN_PT = 12.0
_LONGEST_PIECE = 9
"""Letters of a word that are kept together at most."""
_MOST_WANTED = 60
_ROOM = 0.9
"""Part of the line that the longest pieces may take before the next size is chosen."""
_TALL = 2.0
"""So many lines' worth of cells may be wanted before the next size is chosen."""
PACKAGE = "pdflscape"
"""What a table that lies on its side needs."""
_PIECES = re.compile(r"[^,;/=_:.\-\s]*[,;/=_:.\-]?|\s+")


@dataclass(frozen=True)
class _Size:
    command: str
    character_pt: float
    between_pt: float
    line_pt: float = LINE_PT

    @property
    def is_lying(self) -> bool:
        return self.line_pt > LINE_PT


_LYING_PT = 550.0
_SIZES = (
    _Size(r"\footnotesize", 4.7, 3.0),
    _Size(r"\scriptsize", 4.3, 2.0),
    _Size(r"\scriptsize", 4.3, 2.0, _LYING_PT),
    _Size(r"\tiny", 3.6, 1.2, _LYING_PT),
)


def is_wide(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a table is wider than the line when no cell of it is broken."""
    longest = (max(map(len, column)) for column in zip(heads, *rows, strict=True))
    return sum(_CHARACTER_PT * count + _BETWEEN_PT for count in longest) > LINE_PT


def fitted_longtable(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[bool],
    caption: str,
    escape: Callable[[str], str],
) -> str:
    """The longtable with its size of type, as one group; ``right``: columns of numbers; ``caption`` is LaTeX already.

    ``escape`` makes LaTeX of a text; a long name may be broken after a sign, and if it must be anywhere.
    """
    columns = list(zip(heads, *rows, strict=True))
    size, widths = _widths(columns, right)
    spec = "".join(f"p{{{width / size.line_pt:.4f}\\linewidth}}" for width in widths)
    lines = [_row(heads, right, escape, is_head=True), *(_row(cells, right, escape) for cells in rows)]
    return "\n".join(
        [
            *(["\\begin{landscape}"] if size.is_lying else []),
            f"{{{size.command}\\setlength{{\\tabcolsep}}{{{size.between_pt:g}pt}}",
            f"\\begin{{longtable}}{{@{{}}{spec}@{{}}}}",
            f"{caption} \\\\",
            "\\toprule",
            lines[0],
            "\\midrule",
            "\\endhead",
            *lines[1:],
            "\\bottomrule",
            "\\end{longtable}",
            "}",
            *(["\\end{landscape}"] if size.is_lying else []),
        ]
    )


def _widths(columns: Sequence[Sequence[str]], right: Sequence[bool]) -> tuple[_Size, list[float]]:
    """The size of type, and the width of each column in pt: its longest piece, and of what is left by what it wants."""
    letters = [
        max(map(_figure if is_right else _longest, column[1:]), default=1)
        for column, is_right in zip(columns, right, strict=True)
    ]
    letters = [max(least, _longest(column[0])) for least, column in zip(letters, columns, strict=True)]
    if_all = [
        max(min(max(map(len, column[1:]), default=0), _MOST_WANTED), least)
        for column, least in zip(columns, letters, strict=True)
    ]
    for size in _SIZES:
        room = size.line_pt - 2 * size.between_pt * (len(columns) - 1)
        # Figures are as wide as each other and never broken: a little more room than for letters.
        need = [size.character_pt * (count + 0.5 * is_right) for count, is_right in zip(letters, right, strict=True)]
        want = [max(size.character_pt * count, least) for count, least in zip(if_all, need, strict=True)]
        if sum(need) <= _ROOM * room and sum(want) <= _TALL * room:
            break
    if sum(want) <= room:
        return size, want
    left, asked = room - sum(need), sum(want) - sum(need)
    if left < 0:
        return size, [room * least / sum(need) for least in need]
    return size, [least + left * (most - least) / asked for least, most in zip(need, want, strict=True)]


def _longest(text: str) -> int:
    return max((min(len(piece), _LONGEST_PIECE) for piece in _pieces(text)), default=1)


def _figure(text: str) -> int:
    """The longest part of a number with its interval: no figure is broken."""
    return max(map(len, text.split()), default=1)


def _pieces(text: str) -> list[str]:
    """What is kept together: up to a sign, up to a space."""
    return [piece for piece in _PIECES.findall(text) if piece.strip()]


def _row(cells: Iterable[str], right: Sequence[bool], escape: Callable[[str], str], *, is_head: bool = False) -> str:
    sides = ("\\raggedleft " if is_right else "\\raggedright " for is_right in right)
    told = (
        side + (escape(cell) if is_right and not is_head else breakable(cell, escape))
        for side, cell, is_right in zip(sides, cells, right, strict=True)
    )
    return " & ".join(told) + " \\tabularnewline"


def breakable(text: str, escape: Callable[[str], str]) -> str:
    """``text`` with places at which it may be broken: after signs, and at a price within long words."""
    pieces = _PIECES.findall(text)
    parts: list[str] = []
    for piece, after in zip(pieces, [*pieces[1:], ""], strict=True):
        if not piece.strip():
            parts.append(" " if piece else "")
            continue
        short = (piece[at : at + _LONGEST_PIECE] for at in range(0, len(piece), _LONGEST_PIECE))
        parts.append("\\penalty900{}".join(escape(part) for part in short))
        if after.strip():
            parts.append("\\penalty50{}")
    return "".join(parts)
