"""Which comparisons a protocol declares: the pairs of configurations, and the cells within which they are made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from analysis.load import Night
from analysis.sides import Method, contrasts

if TYPE_CHECKING:
    from harness.protocol_model import Analysis

Pair = tuple[str, str]


def cells(night: Night, analysis: Analysis) -> dict[str, str]:
    """Configuration -> its cell, in the night's order; empty where all configurations are one family."""
    if not analysis.within:
        return {}
    return {name: analysis.cell(night.levels.get(name, {})) for name in night.configurations}


def declared(
    night: Night, analysis: Analysis, family: Literal["baseline", "pairs"] | None = None
) -> tuple[list[Pair], str | None]:
    """Every (configuration, baseline) that the plan asks for, cell after cell; and the baseline where all have one.

    Within cells ``analysis.baseline`` names the levels of the other factors. A cell whose baseline was never run is
    compared in pairs.
    """
    asked = family or analysis.family
    if not analysis.within:
        baseline = analysis.baseline if analysis.baseline in night.configurations else None
        return contrasts(night.configurations, baseline, family=asked), baseline
    members: dict[str, list[str]] = {}
    for name, cell in cells(night, analysis).items():
        members.setdefault(cell, []).append(name)
    pairs: list[Pair] = []
    for names in members.values():
        rests = {analysis.rest(night.levels.get(name, {})): name for name in names}
        pairs += contrasts(names, rests.get(analysis.baseline or ""), family=asked)
    return pairs, None


def called(night: Night, analysis: Analysis) -> dict[str, str]:
    """What a sentence calls each configuration (within cells: each level) of one factor that is a number: "size 9".

    Empty where several factors make up the names, which then hold them already; words ("lean") say enough.
    """
    factors = [name for name in next(iter(night.levels.values()), {}) if name not in analysis.within]
    if len(factors) != 1:
        return {}
    found = {}
    for name, levels in night.levels.items():
        level = levels.get(factors[0])
        if isinstance(level, (bool, int, float)) or (isinstance(level, str) and _NUMBER.fullmatch(level)):
            short = analysis.rest(levels) if analysis.within else name
            found[short] = f"{factors[0]} {short}"
    return found


_NUMBER = re.compile(r"[-+]?[0-9][0-9.,:_eExX*/+-]*")
"""A text that is a number, or numbers ("1e-3", "9x9", "0,1")."""


def method_of(night: Night, analysis: Analysis) -> Method:
    """How the plan has them compared in this night."""
    return Method(
        analysis.recipe,
        night.blocked,
        analysis.alpha,
        max(len({record.cohort for record in night.records.values()}), 1),
        night.ordered,
        analysis.correction,
        analysis.test,
        cells(night, analysis),
    )


def against_one(night: Night, analysis: Analysis) -> list[Pair]:
    """Each configuration against the declared baseline, or else against the first: what is held side by side only."""
    pairs, baseline = declared(night, analysis, "baseline")
    if analysis.within and analysis.baseline is None:
        firsts: dict[str, str] = {}
        return [
            (name, firsts[cell])
            for name, cell in cells(night, analysis).items()
            if firsts.setdefault(cell, name) != name
        ]
    return pairs if baseline or analysis.within else contrasts(night.configurations, night.configurations[0])


def anchor(night: Night, analysis: Analysis) -> str:
    """The configuration that a grid over all factors is related to: the baseline, or that of the first cell."""
    if analysis.within and analysis.baseline is not None:
        at = (name for name in night.configurations if analysis.rest(night.levels.get(name, {})) == analysis.baseline)
        return next(at, night.configurations[0])
    return analysis.baseline if analysis.baseline in night.configurations else night.configurations[0]
