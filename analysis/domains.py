"""Which domains may be summed: disjoint ones of one quality, never a device and its part, never measured and modelled.

::

    wall > system > psys > package-N > core-N, uncore-N      module-N > gpuN > gpuN-memory
                         > dram-N                            cpu > package-N
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_ENCLOSING = ("wall", "system", "psys")
"""The outer first. Each may hold everything that stands behind it in its line, and parts that no sensor names."""
_PACKAGE = r"package-\d+(-die-\d+)?"
_CORE = r"(un)?core-\d+(-die-\d+)?"
_GRAPHICS = re.compile(r"gpu\d+(-memory)?")
_KNOWN = re.compile(rf"{_PACKAGE}|{_CORE}|dram-\d+(-die-\d+)?|gpu\d+(-memory)?|module-\d+|cpu|{'|'.join(_ENCLOSING)}")
_PARTS = tuple(
    (re.compile(whole), re.compile(part))
    for whole, part in (
        (r"module-\d+", _GRAPHICS.pattern),
        (r"gpu\d+", r"gpu\d+-memory"),
        (r"cpu", rf"{_PACKAGE}|{_CORE}"),
        (r"package-\d+", rf"{_PACKAGE}|{_CORE}"),
        (r"package-\d+-die-\d+", _CORE),
    )
)
"""Whole and part; the numbers in the whole's name open those of the part's."""


@dataclass(frozen=True)
class Choice:
    """The domains whose energies are summed, in their order, and what was left out of the sum and why."""

    domains: tuple[str, ...]
    quality: str
    """measured | modelled; empty where there is nothing to sum."""
    left_out: tuple[str, ...] = ()
    """One sentence each."""
    refusal: str = ""
    """Why the declared domains cannot be summed; ``domains`` is then empty."""


def contains(outer: str, inner: str) -> bool:
    """Whether a joule of ``inner`` is, or may be, counted by ``outer`` as well."""
    if outer == inner or inner in _ENCLOSING:
        return outer in _ENCLOSING and inner in _ENCLOSING and _ENCLOSING.index(outer) < _ENCLOSING.index(inner)
    if outer in _ENCLOSING:
        return outer != "psys" or not _GRAPHICS.fullmatch(inner)
    own = _numbers(outer)
    return any(
        whole.fullmatch(outer) and part.fullmatch(inner) and _numbers(inner)[: len(own)] == own
        for whole, part in _PARTS
    )


def choose(available: Iterable[tuple[str, str]], declared: Sequence[str] = ()) -> Choice:
    """The domains to sum, from the (domain, quality) pairs that a night has.

    ``declared`` are taken as they stand, or refused whole: for a domain that is not there, two that overlap, or a mix
    of measured and modelled. Without a declaration all measured disjoint ones are taken (only where nothing is
    measured, the modelled ones): the parts before what encloses them, the whole of a part before its own parts. A
    domain of an unknown name could overlap any other: it is summed only when declared, or alone.
    """
    qualities: dict[str, str] = {}
    for domain, quality in available:
        if qualities.get(domain) != "measured":
            qualities[domain] = quality
    if declared:
        return _declared(qualities, declared)
    quality = "measured" if "measured" in qualities.values() else "modelled"
    names = sorted((name for name, its in qualities.items() if its == quality), key=_order)
    known = [name for name in names if _KNOWN.fullmatch(name)]
    left_out = [
        f"{name} is {its} and never summed with {quality} energy"
        for name, its in sorted(qualities.items())
        if its != quality
    ]
    if not names:
        return Choice((), "", tuple(left_out))
    if not known:
        left_out += [f"{name} could overlap {names[0]}; name both in analysis.energy to sum them" for name in names[1:]]
        return Choice((names[0],), quality, tuple(left_out))
    left_out += [
        f"{name} could overlap other domains; name it in analysis.energy to sum it"
        for name in names
        if name not in known
    ]
    parts = [name for name in known if name not in _ENCLOSING]
    taken = parts or known[:1]
    outermost = [name for name in taken if not any(contains(other, name) for other in taken)]
    for name in known:
        if name not in outermost:
            inner = next((other for other in outermost if contains(name, other)), None)
            outer = next((other for other in outermost if contains(other, name)), None)
            relation = (
                f"lies around {inner}" if inner else f"lies within {outer}" if outer else f"may overlap {taken[0]}"
            )
            left_out.append(f"{name} {relation} and is not added to it")
    return Choice(tuple(outermost), quality, tuple(left_out))


def _declared(qualities: dict[str, str], declared: Sequence[str]) -> Choice:
    missing = [name for name in declared if name not in qualities]
    if missing:
        there = ", ".join(sorted(qualities, key=_order)) or "no domain at all"
        return Choice((), "", refusal=f"{', '.join(missing)} declared in analysis.energy, but the night has {there}")
    for outer in declared:
        for inner in declared:
            if contains(outer, inner):
                return Choice((), "", refusal=f"{inner} lies within {outer}: their sum would count it twice")
    kinds = {qualities[name] for name in declared}
    if len(kinds) > 1:
        listed = ", ".join(f"{name} is {qualities[name]}" for name in declared)
        return Choice((), "", refusal=f"measured and modelled energy are never summed: {listed}")
    return Choice(tuple(declared), kinds.pop())


def _order(name: str) -> tuple[int, str, tuple[int, ...]]:
    """GPUs first, then packages, memory, the rest; what encloses last, the outermost of it first."""
    ranks = ("module", "gpu", "package", "cpu", "dram", "core", "uncore")
    stem = re.split(r"[-\d]", name, maxsplit=1)[0]
    if name in _ENCLOSING:
        return len(ranks) + 1 + _ENCLOSING.index(name), name, ()
    return (ranks.index(stem) if stem in ranks else len(ranks)), stem, _numbers(name)


def _numbers(name: str) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"\d+", name))
