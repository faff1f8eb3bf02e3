"""Which domains may be summed, and which source tells each: disjoint ones, one source a domain, one quality.

::

    wall > node > system > psys > package-N > core-N, uncore-N      module-N > gpuN > gpuN-memory
                                > dram-N, ram                                > package-N, dram-N
    cpu-ram > cpu > package-N    gpu > gpuN    cpu-ram > ram > dram-N

Part of what defines the night folder: the harness refuses by it before a night, the analysis sums by it afterwards.
Pure, standard library only. Qualities are the texts of ``harness.record.Quality``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MEASURED, MODELLED = "measured", "modelled"
ORIGINS = (
    *("nvml", "rapl", "hwmon", "energibridge", "codecarbon", "slurm", "meter"),
    *("simulated", "load_model", "constant"),
)
"""Who is believed where several tell one domain and the protocol prefers none: the first of these, measured before
modelled. Our own sensors first, since their readings have their own stamps and a refresh that is known."""

_ENCLOSING = tuple(map(re.compile, ("wall", r"wall-\d+", "node", "system", "psys")))
"""The outer first; wall-N is one plug of several, node a cluster's node by its own board. Each may hold everything
that stands behind it in its line, and parts that no sensor names."""
_PACKAGE = r"package-\d+(-die-\d+)?"
_CORE = r"(un)?core-\d+(-die-\d+)?"
_DRAM = r"dram-\d+(-die-\d+)?"
_GPU = r"gpu\d+(-memory)?"
_GRAPHICS = re.compile(rf"gpu|{_GPU}")
_KNOWN = re.compile(rf"{_PACKAGE}|{_CORE}|{_DRAM}|{_GPU}|module-\d+|gpu|cpu|ram|cpu-ram|wall(-\d+)?|node|system|psys")
_PARTS = tuple(
    (re.compile(whole), re.compile(part))
    for whole, part in (
        (r"module-\d+", rf"{_GPU}|{_PACKAGE}|{_CORE}|{_DRAM}"),
        (r"gpu", _GPU),
        (r"gpu\d+", r"gpu\d+-memory"),
        (r"cpu-ram", rf"cpu|ram|{_PACKAGE}|{_CORE}|{_DRAM}"),
        (r"cpu", rf"{_PACKAGE}|{_CORE}"),
        (r"ram", _DRAM),
        (r"package-\d+", rf"{_PACKAGE}|{_CORE}"),
        (r"package-\d+-die-\d+", _CORE),
    )
)
"""Whole and part; the numbers in the whole's name open those of the part's."""
_CROSSING = (re.compile(r"module-\d+"), re.compile(r"gpu|cpu|ram|cpu-ram"))
"""Neither holds the other, but a joule may lie in both: a module has some of the machine's processors and cards."""


@dataclass(frozen=True)
class Source:
    """Who tells one domain, in all runs of a night."""

    domain: str
    origin: str
    """The sensor or instrument, as ``Channel.origin`` has it; empty in nights of schema 1."""
    quality: str
    others: tuple[tuple[str, str], ...] = ()
    """The (origin, quality) pairs that tell it too, the next best first."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Domain, origin and quality."""
        return self.domain, self.origin, self.quality


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
    sources: tuple[Source, ...] = ()
    """One for every domain that the night has, summed or not."""
    unheeded: tuple[str, ...] = ()
    """The preferred origins that tell no domain of this night."""

    @property
    def summed(self) -> tuple[Source, ...]:
        """The sources of the sum, in its order."""
        of = {source.domain: source for source in self.sources}
        return tuple(of[domain] for domain in self.domains)


def contains(outer: str, inner: str) -> bool:
    """Whether a joule of ``inner`` is, or may be, counted by ``outer`` as well."""
    around, within = _level(outer), _level(inner)
    if outer == inner or within is not None:
        return around is not None and within is not None and around < within
    if around is not None:
        return outer != "psys" or not _GRAPHICS.fullmatch(inner)
    own = _numbers(outer)
    return any(
        whole.fullmatch(outer) and part.fullmatch(inner) and _numbers(inner)[: len(own)] == own
        for whole, part in _PARTS
    )


def overlaps(one: str, other: str) -> bool:
    """Whether a joule may be counted by both: the same domain, one within the other, or two that cross."""
    whole, part = _CROSSING
    crossing = any(whole.fullmatch(a) and part.fullmatch(b) for a, b in ((one, other), (other, one)))
    return one == other or crossing or contains(one, other) or contains(other, one)


def clashes(domains: Sequence[str]) -> list[str]:
    """One sentence for each two of ``domains`` that must not be summed."""
    found: list[str] = []
    for place, one in enumerate(domains):
        for other in domains[place + 1 :]:
            if contains(one, other) or contains(other, one):
                outer, inner = (one, other) if contains(one, other) else (other, one)
                found.append(f"{inner} lies within {outer}: their sum would count it twice")
            elif overlaps(one, other):
                found.append(f"{one} and {other} overlap: their sum would count some of it twice")
    return found


def named(origin: str, quality: str = MEASURED) -> str:
    """A source for people: "nvml", "constant (modelled)", "unsigned" where the night does not say."""
    return f"{origin or 'unsigned'}{' (modelled)' if quality == MODELLED else ''}"


def ranked(pairs: Iterable[tuple[str, str]], prefer: Sequence[str] = ()) -> list[tuple[str, str]]:
    """(origin, quality) pairs, the most believed first: those preferred in their order, then measured, then ORIGINS."""
    return sorted(set(pairs), key=lambda pair: _rank(pair[0], pair[1], prefer))


def choose(
    available: Iterable[tuple[str, str, str]], declared: Sequence[str] = (), prefer: Sequence[str] = ()
) -> Choice:
    """The domains to sum and who tells each, from the (domain, origin, quality) triples that a night has.

    One source a domain, the same for all runs: the first of ``prefer`` that tells it, else the first of ORIGINS,
    measured before modelled. ``declared`` domains are taken as they stand, or refused whole: for one that is not
    there, two that overlap, or a mix of measured and modelled. Without a declaration all measured disjoint ones are
    taken (only where nothing is measured, the modelled ones): the parts before what encloses them, the better source
    before the worse, the whole of a part before its own parts; without any part the outermost of what encloses. A
    domain of an unknown name could overlap any other: it is summed only when declared, or alone.
    """
    telling: dict[str, set[tuple[str, str]]] = {}
    for domain, origin, quality in available:
        telling.setdefault(domain, set()).add((origin, quality))
    sources: dict[str, Source] = {}
    for domain in sorted(telling, key=_order):
        (origin, quality), *others = ranked(telling[domain], prefer)
        sources[domain] = Source(domain, origin, quality, tuple(others))
    origins = {origin for pairs in telling.values() for origin, _ in pairs}
    unheeded = tuple(origin for origin in dict.fromkeys(prefer) if origin not in origins)
    if refusal := _refusal(sources, declared):
        return Choice((), "", (), refusal, tuple(sources.values()), unheeded)
    if declared:
        quality, left_out = sources[declared[0]].quality, ()
        return Choice(tuple(declared), quality, left_out, "", tuple(sources.values()), unheeded)
    domains, quality, said = _by_default(sources, prefer)
    return Choice(domains, quality, said, "", tuple(sources.values()), unheeded)


def _refusal(sources: dict[str, Source], declared: Sequence[str]) -> str:
    """Why the declared domains cannot be summed; empty where they can."""
    missing = [name for name in declared if name not in sources]
    if missing:
        there = ", ".join(sources) or "no domain at all"
        return f"{', '.join(missing)} declared in analysis.energy, but the night has {there}"
    if clash := clashes(declared):
        return clash[0]
    if len({sources[name].quality for name in declared}) > 1:
        listed = ", ".join(f"{name} is {sources[name].quality} (by {named(sources[name].origin)})" for name in declared)
        return f"measured and modelled energy are never summed: {listed}"
    return ""


def _by_default(sources: dict[str, Source], prefer: Sequence[str]) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    """Domains, their quality, and what is left out, where nothing is declared."""
    quality = MEASURED if any(source.quality == MEASURED for source in sources.values()) else MODELLED
    names = [name for name, source in sources.items() if source.quality == quality]
    known = [name for name in names if _KNOWN.fullmatch(name)]
    left_out = [
        f"{name} is {source.quality} (by {named(source.origin)}) and never summed with {quality} energy"
        for name, source in sorted(sources.items())
        if source.quality != quality
    ]
    if not names:
        return (), "", tuple(left_out)
    if not known:
        left_out += [f"{name} could overlap {names[0]}; name both in analysis.energy to sum them" for name in names[1:]]
        return (names[0],), quality, tuple(left_out)
    left_out += [
        f"{name} could overlap other domains; name it in analysis.energy to sum it"
        for name in names
        if name not in known
    ]

    parts = [name for name in known if _level(name) is None]

    def turn(name: str) -> tuple[int, tuple[int, int, int, str], int]:
        depth = sum(contains(other, name) for other in parts or known)
        return 0 if parts else depth, _rank(sources[name].origin, quality, prefer), depth

    taken: list[str] = []
    for name in sorted(parts or known, key=turn):
        if not any(overlaps(name, other) for other in taken):
            taken.append(name)
    domains = tuple(name for name in known if name in taken)
    left_out += [f"{name} {_relation(name, domains)}" for name in known if name not in taken]
    return domains, quality, tuple(left_out)


def _relation(name: str, summed: Sequence[str]) -> str:
    """How a domain that is not added stands to those that are."""
    inner = next((other for other in summed if contains(name, other)), None)
    outer = next((other for other in summed if contains(other, name)), None)
    how = f"lies around {inner}" if inner else f"lies within {outer}" if outer else f"may overlap {summed[0]}"
    return f"{how} and is not added to it"


def _rank(origin: str, quality: str, prefer: Sequence[str]) -> tuple[int, int, int, str]:
    """Where a source stands among those that tell one domain; the least is the most believed."""
    wish = prefer.index(origin) if origin in prefer else len(prefer)
    place = ORIGINS.index(origin) if origin in ORIGINS else -1 if not origin else len(ORIGINS)
    return wish, int(quality != MEASURED), place, origin


def _order(name: str) -> tuple[int, str, tuple[int, ...]]:
    """GPUs first, then packages, memory, the rest; what encloses last, the outermost of it first."""
    ranks = ("module", "gpu", "package", "cpu", "dram", "ram", "core", "uncore")
    stem = re.split(r"[-\d]", name, maxsplit=1)[0]
    if (level := _level(name)) is not None:
        return len(ranks) + 1 + level, name, _numbers(name)
    return (ranks.index(stem) if stem in ranks else len(ranks)), stem, _numbers(name)


def _level(name: str) -> int | None:
    """How far out an enclosing domain lies, 0 the outermost; None for all others."""
    return next((level for level, pattern in enumerate(_ENCLOSING) if pattern.fullmatch(name)), None)


def _numbers(name: str) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"\d+", name))
