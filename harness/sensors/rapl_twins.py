"""Which RAPL counters are one meter seen twice (the dies of some packages, AMD's packages under Linux 6.9 to 6.11)."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping

from harness.errors import SensorMissing
from harness.sensors.clock import Clock
from harness.sensors.counting import Counter, CounterLost

LOOKS = 5
"""How often two counters must agree before they are one."""
PAUSE_S = 0.01
"""Between looks; RAPL counters move each millisecond, two meters of 40 W by some thousand units in this time."""
_DIE = re.compile(r"(?P<whole>[a-z]+-\d+)-die-\d+")


def without_twins(
    counters: dict[str, Counter], left_out: dict[str, str], clock: Clock, *, from_zero: bool
) -> dict[str, Counter]:
    """Each meter once, under the name of all that it covers; the others are closed and said in ``left_out``.

    Raises SensorMissing where a counter cannot be read; all are closed then.
    """
    try:
        twins = find_twins(counters, clock, from_zero=from_zero)
    except (OSError, ValueError, CounterLost) as error:
        for counter in counters.values():
            counter.close()
        counters.clear()
        raise SensorMissing(f"its counters cannot be compared with one another: {error}") from error
    for twin, first in twins.items():
        counter = counters.pop(twin)
        counter.close()
        left_out[counter.where] = f"{twin}: shows the same counter as {first}"
    names = _whole_packages(counters, twins)
    return {names.get(domain, domain): counter for domain, counter in counters.items()}


def find_twins(counters: Mapping[str, Counter], clock: Clock, *, from_zero: bool) -> dict[str, str]:
    """The domains whose counter is that of an earlier domain of the same kind: domain -> the earlier one.

    Where counters show their own numbers, one meter is one number in every look. Counts that begin at 0 when they are
    opened (``from_zero``) were not opened at the same instant: one meter is then one difference between the two,
    whatever it is, through all looks in which they moved; that is looked for among the dies of a package only.
    Raises OSError, ValueError or CounterLost.
    """
    group = _package if from_zero else _kind
    pairs = [
        (earlier, later)
        for earlier, later in itertools.combinations(counters, 2)
        if group(earlier) == group(later) and _alike(counters[earlier], counters[later])
    ]
    names = list(dict.fromkeys(itertools.chain.from_iterable(pairs)))
    widest = (-math.inf, math.inf) if from_zero else (0.0, 0.0)
    ahead = dict.fromkeys(pairs, widest)
    """By how much the earlier may be ahead of the later, as all looks so far have it: from, to."""
    started: dict[str, int] = {}
    moved: set[str] = set()
    for look in range(LOOKS if pairs else 0):
        if look:
            clock.sleep(PAUSE_S)
        before = {name: counters[name].read() for name in names}
        after = {name: counters[name].read() for name in names}
        moved |= {name for name in names if after[name] != started.setdefault(name, before[name])}
        for (earlier, later), (low, high) in ahead.items():
            between = before[later]  # read after before[earlier], and before after[earlier]
            ahead[earlier, later] = (max(low, before[earlier] - between), min(high, after[earlier] - between))
    found: dict[str, str] = {}
    for (earlier, later), (low, high) in ahead.items():
        if low <= high and earlier not in found and (not from_zero or {earlier, later} <= moved):
            found.setdefault(later, earlier)
    return found


def _whole_packages(kept: Mapping[str, Counter], twins: Mapping[str, str]) -> dict[str, str]:
    """New names for the dies that stand for their whole package, since every other die of it is their twin."""
    names: dict[str, str] = {}
    for domain in kept:
        match = _DIE.fullmatch(domain)
        if match is None or match["whole"] in kept or match["whole"] in names.values():
            continue
        others = [name for name in (*kept, *twins) if name != domain and name.startswith(f"{match['whole']}-die-")]
        if others and all(twins.get(other) == domain for other in others):
            names[domain] = match["whole"]
    return names


def _kind(domain: str) -> str:
    """What sort of part it is: package of package-0-die-1."""
    return domain.partition("-")[0]


def _package(domain: str) -> str:
    """What its dies are dies of: package-0 of package-0-die-1."""
    return domain.partition("-die-")[0]


def _alike(one: Counter, other: Counter) -> bool:
    """Counters of another unit or range are other counters."""
    return (one.unit_J, one.turn) == (other.unit_J, other.turn)
