"""What a protocol says of its family of comparisons, against itself and its factors. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from harness.configurations import cross
from harness.errors import Problem
from harness.protocol_model import Protocol

MOST_FACTORS = 3
"""Effects of more factors together than this are not looked for: nobody could read them."""


def check_family(protocol: Protocol) -> Iterator[Problem]:
    """A family against a baseline that is not named."""
    if protocol.analysis.family == "baseline" and protocol.analysis.baseline is None:
        remedy = 'add analysis.baseline = "…", the configuration that all others are compared with'
        yield Problem("analysis.family", "comparisons against a baseline, but none is named", repr("baseline"), remedy)


def check_within(protocol: Protocol) -> Iterator[Problem]:
    """Cells of no factor, cells with nothing to compare, and a baseline that a cell lacks."""
    analysis, factors = protocol.analysis, protocol.factors
    if not analysis.within:
        return
    for name, count in Counter(analysis.within).items():
        if name not in factors:
            remedy = f"known here: {', '.join(factors) or 'none, the protocol has no factors'}"
            yield Problem("analysis.within", f"{name!r} is no factor", remedy=remedy)
        elif count > 1:
            yield Problem("analysis.within", f"{name!r} stands there more than once", remedy="name each factor once")
    if set(analysis.within) - set(factors):
        return
    cells: dict[str, list[str]] = {}
    for item in cross(factors, protocol.exclude):
        cells.setdefault(analysis.cell(item.levels), []).append(analysis.rest(item.levels))
    if cells and all(len(rests) == 1 for rests in cells.values()):
        remedy = "leave out the factor whose levels are to be compared"
        yield Problem("analysis.within", "each cell holds one configuration: nothing is compared", remedy=remedy)
    elif analysis.baseline is not None:
        lacking = [name for name, rests in cells.items() if len(rests) > 1 and analysis.baseline not in rests]
        if lacking:
            there = ", ".join(repr(name) for name in dict.fromkeys(rest for rests in cells.values() for rest in rests))
            remedy = f"name what is the baseline in every cell by its levels of the other factors: {there}"
            what = f"with analysis.within this is to be found in each cell, and it is not in {lacking[0]}"
            yield Problem("analysis.baseline", what, repr(analysis.baseline), remedy)


def check_effects(protocol: Protocol) -> Iterator[Problem]:
    """Effects of what is no factor, of one that does not vary, of too many at once, and what is named twice."""
    factors, seen = protocol.factors, set[frozenset[str]]()
    for name, term in zip(protocol.analysis.effects, protocol.analysis.terms, strict=True):
        unknown = [part for part in term if part not in factors]
        still = [part for part in term if part in factors and len(factors[part]) < 2]
        what, remedy = "", ""
        if unknown:
            what = f"{unknown[0]!r} is no factor"
            remedy = (
                f"known here: {', '.join(factors) or 'none, the protocol has no factors'}; together: width:precision"
            )
        elif still:
            what, remedy = f"{still[0]!r} has one level: it has no effect", "give it a second level, or leave it out"
        elif len(set(term)) < len(term):
            what, remedy = "a factor together with itself", "name each factor of an interaction once"
        elif len(term) > MOST_FACTORS:
            what, remedy = f"{len(term)} factors together", f"name at most {MOST_FACTORS}: nobody could read more"
        elif frozenset(term) in seen:
            what, remedy = "this effect stands there more than once", "name each effect once"
        if what:
            yield Problem("analysis.effects", what, repr(name), remedy)
        seen.add(frozenset(term))
