"""Each factor by itself as many studies test it: Kruskal-Wallis over its levels, point-biserial r where it has two.

Runs of all levels of the other factors are thrown together, and blocks are passed over: what the factors do beside one
another stands in the analysis of variance and the contrasts. Exploratory, not corrected.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from analysis.cells import levels_of, text
from analysis.comparisons import noted
from analysis.findings import Test
from analysis.load import Night
from analysis.statistics.effects import point_biserial
from analysis.statistics.omnibus import kruskal
from harness.record import number

ALONE = "exploratory"
OPERATIONS = "flop_per_batch"
"""What a workload may report: floating-point operations of a forward pass; a property of network and images."""


def factor_ranks(night: Night, kept: pd.DataFrame) -> list[Test]:
    """The tests of every factor of which at least two levels have runs of the headline, ``kept``."""
    factors = tuple(dict.fromkeys(name for levels in night.levels.values() for name in levels))
    if kept.empty or (len(factors) == 1 and not night.blocked):
        return []  # one factor without blocks: Kruskal-Wallis over the configurations is the same test
    return [test for place, factor in enumerate(factors) for test in _of(night, kept, factor, factors, place)]


def _of(night: Night, kept: pd.DataFrame, factor: str, factors: tuple[str, ...], place: int) -> Iterator[Test]:
    level = kept.configuration.map({name: text(of[factor]) for name, of in night.levels.items() if factor in of})
    there = [name for name in levels_of(night, factors)[place] if (level == name).any()]
    if len(there) < 2:
        return
    values = [kept.value[level == name].to_numpy(dtype=float) for name in there]
    passed = [*(["the other factors"] if len(factors) > 1 else []), *(["blocks"] if night.blocked else [])]
    note = f"{ALONE}; {' and '.join(passed)} are not taken into account" if passed else ALONE
    test = kruskal(values)
    yield noted(replace(test, name=f"{test.name}, by {factor}"), note)
    if len(there) == 2:
        found = point_biserial(values[1], values[0])
        name = f"point-biserial r with {factor} ({there[1]} = 1, {there[0]} = 0)"
        n = (len(values[1]), len(values[0]))
        yield Test(name, found.value, None, n, note=f"{found.note}; {note}", estimate=found)
        yield from _of_operations(night, kept, (level == there[1], level == there[0]), name, note)


def _of_operations(
    night: Night, kept: pd.DataFrame, sides: tuple[pd.Series, pd.Series], name: str, note: str
) -> Iterator[Test]:
    """The same r of the operations of a forward pass, where every one of these runs reports them."""
    told = [number(night.records[run].metrics.get(OPERATIONS)) for run in kept.get("run", ())]
    values = pd.Series(told, index=kept.index, dtype=float) if told else pd.Series(dtype=float)
    if not values.empty and values.notna().all() and values.nunique() > 1:
        above, below = (values[side].to_numpy() for side in sides)
        if set(above) == set(below):
            return  # the factor does not change the network: zero but for rounding
        found = point_biserial(above, below)
        shown = f"{found.note}; {note}; not of the response: of {OPERATIONS}"
        yield Test(f"{OPERATIONS}: {name}", found.value, None, (len(above), len(below)), note=shown, estimate=found)
