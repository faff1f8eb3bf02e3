"""Factors -> configurations: which combinations of levels there are, and what each is called.

A configuration's name is its level where there is one factor ("float32"), ``factor=level`` joined by commas where
there are more ("width=1,precision=float32"), and "only" where there is none. ``record.slug`` makes the name of a path
of it. Factors and levels keep the order of the protocol; the last factor changes fastest.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Level = str | int | float | bool

ONLY = "only"
"""The name of the single configuration of a protocol without factors."""
EMPTY = "(empty)"
"""How a level that is an empty string is called."""


@dataclass(frozen=True)
class Configuration:
    """One combination of levels, in the protocol's order; ``name`` is unique in its plan."""

    name: str
    levels: Mapping[str, Level]


def level_text(level: Level) -> str:
    """A level as it stands in a command line: ``true`` and ``false`` as in TOML, numbers as Python writes them."""
    if isinstance(level, bool):
        return "true" if level else "false"
    return level if isinstance(level, str) else repr(level)


def configuration_name(levels: Mapping[str, Level]) -> str:
    """The name of a combination of levels."""
    if not levels:
        return ONLY
    named = {factor: level_text(level) or EMPTY for factor, level in levels.items()}
    if len(named) == 1:
        return next(iter(named.values()))
    return ",".join(f"{factor}={level}" for factor, level in named.items())


def cross(
    factors: Mapping[str, Sequence[Level]], exclude: Sequence[Mapping[str, Level]] = ()
) -> tuple[Configuration, ...]:
    """Every combination of levels that no row of ``exclude`` matches; a row matches by the text of its levels."""
    rows = [{factor: level_text(level) for factor, level in row.items()} for row in exclude]
    crossed = (dict(zip(factors, levels, strict=True)) for levels in itertools.product(*factors.values()))
    return tuple(
        Configuration(configuration_name(levels), levels)
        for levels in crossed
        if not any(_matches(levels, row) for row in rows)
    )


def _matches(levels: Mapping[str, Level], row: Mapping[str, str]) -> bool:
    return all(factor in levels and level_text(levels[factor]) == text for factor, text in row.items())
