"""Names that came from outside -> labels: nothing invisible in them, short enough, and still told apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_BREAKS = re.compile(r"[ ,;/_=-]")
"""A line may end after these."""
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"


def visible(text: str) -> str:
    """``text`` on one line, control characters and lone surrogates replaced: what XML, a terminal and TeX can take."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else " " if char.isspace() else _UNKNOWN for char in text)


def shortened(text: str, length: int) -> str:
    """``text`` in at most ``length`` characters; what is left out is its middle."""
    if len(text) <= length:
        return text
    tail = (length - 1) // 2
    return f"{text[: length - 1 - tail]}…{text[len(text) - tail :]}"


def wrapped(text: str, width: int, lines: int) -> str:
    """``text`` in at most ``lines`` lines of at most ``width`` characters, broken after a separator where it can be."""
    pieces = _broken(text, width)
    if len(pieces) > lines:
        # Breaks after separators waste room: take out of the middle until what is left fits.
        length = width * lines
        while len(pieces) > lines:
            length -= 1
            pieces = _broken(_shortened_parts(text, length), width)
    return "\n".join(piece.strip() for piece in pieces)


def _shortened_parts(text: str, length: int) -> str:
    """``text`` in at most ``length`` characters, taken from the longest of its parts between commas, part by part."""
    parts = text.split(",")
    if length < 4 * len(parts):
        return shortened(text, length)
    limits = [len(part) for part in parts]
    while sum(limits) + len(parts) - 1 > length:
        limits[limits.index(max(limits))] -= 1
    return ",".join(shortened(part, limit) for part, limit in zip(parts, limits, strict=True))


def _broken(text: str, width: int) -> list[str]:
    words = _BREAKS.sub("\\g<0>\0", text).split("\0")
    pieces = [""]
    for word in words:
        for part in (word[at : at + width] for at in range(0, len(word), width)):
            if len((pieces[-1] + part).rstrip()) <= width:
                pieces[-1] += part
            else:
                pieces.append(part)
    return pieces


def labels(names: Iterable[str], *, width: int = 24, lines: int = 2) -> Mapping[str, str]:
    """A label for each name, all different: visible, wrapped, and numbered where shortening made two the same.

    Where one of them is too long, the parts between commas that all names share are left out of every label, and where
    that is not enough, the names of the factors ("width=") that stand in the same places in all of them.
    """
    given: dict[str, str] = {}
    taken: set[str] = set()
    clean = {name: visible(name) or "(empty)" for name in dict.fromkeys(names)}
    if any(len(_broken(text, width)) > lines for text in clean.values()):
        clean = _without_shared(clean)
    if any(len(_broken(text, width)) > lines for text in clean.values()):
        clean = _without_factors(clean)
    for name, text in clean.items():
        label = wrapped(text, width, lines)
        number = 2
        while label in taken:
            label = f"{wrapped(text, width - 4, lines)} ({number})"
            number += 1
        taken.add(label)
        given[name] = label
    return given


def _without_shared(names: Mapping[str, str]) -> dict[str, str]:
    parts = {name: text.split(",") for name, text in names.items()}
    counts = {len(part) for part in parts.values()}
    if len(names) < 2 or len(counts) != 1:
        return dict(names)
    kept = [place for place in range(counts.pop()) if len({part[place] for part in parts.values()}) > 1]
    return {name: ",".join(part[place] for place in kept) or names[name] for name, part in parts.items()}


def _without_factors(names: Mapping[str, str]) -> dict[str, str]:
    parts = {name: [part.partition("=") for part in text.split(",")] for name, text in names.items()}
    heads = {tuple(head for head, _, _ in part) for part in parts.values()}
    if len(heads) != 1 or any(not separator or not level for part in parts.values() for _, separator, level in part):
        return dict(names)
    return {name: ",".join(level for _, _, level in part) for name, part in parts.items()}
