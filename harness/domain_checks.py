"""What a protocol says of domains and their sources, against itself: what it sums, and whom it prefers. Pure."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator

from harness.domains import clashes
from harness.errors import Problem
from harness.protocol_model import Protocol

NO_ENERGY = ("machine",)
"""Sensors that read no energy."""


def check_domains(protocol: Protocol) -> Iterator[Problem]:
    """Domains that cannot be summed whatever the night brings, and preferred sources that it cannot have."""
    energy = protocol.analysis.energy
    for domain in sorted(domain for domain, count in Counter(energy).items() if count > 1):
        yield Problem("analysis.energy", f"{domain!r} stands there twice", remedy="a domain is summed once")
    for clash in clashes(tuple(dict.fromkeys(energy))):
        yield Problem("analysis.energy", clash, remedy="leave out one of them")
    yield from _preferred(protocol)


def _preferred(protocol: Protocol) -> Iterator[Problem]:
    prefer = protocol.analysis.prefer
    for origin in sorted(origin for origin, count in Counter(prefer).items() if count > 1):
        yield Problem("analysis.prefer", f"{origin!r} stands there twice", remedy="name each source once")
    sensors = protocol.sensors.model_dump(exclude={"fallback", "required"}, exclude_none=True)
    fallback = (protocol.sensors.fallback,) if protocol.sensors.fallback else ()
    present = dict.fromkeys([*sensors, *fallback, *protocol.instruments.model_dump(exclude_none=True)])
    telling = [name for name in present if name not in NO_ENERGY]
    for origin in dict.fromkeys(prefer):
        if origin in present and origin not in telling:
            yield Problem("analysis.prefer", f"{origin!r} reads no energy", remedy=_near(origin, telling))
        elif origin not in present:
            what = f"{origin!r} is no sensor or instrument of this protocol"
            yield Problem("analysis.prefer", what, remedy=_near(origin, telling))


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    listed = ", ".join(known)
    return f"did you mean {near[0]!r}?" if near else f"known here: {listed}" if listed else "there is none here"
