"""Each factor by itself as many studies test it: Kruskal-Wallis over its levels, point-biserial r where it has two.

Of what is compared, and of every other result of the runs that is a number and varies: duration, power, accuracy, FLOP,
emissions … Runs of all levels of the other factors are thrown together, and blocks are passed over: what the factors do
beside one another stands in the analysis of variance and the contrasts. Exploratory, not corrected; each says of how
many.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pandas as pd

from analysis.cells import levels_of, text
from analysis.comparisons import noted
from analysis.findings import Test
from analysis.load import Night
from analysis.response import DURATION, Response
from analysis.statistics.effects import point_biserial
from analysis.statistics.omnibus import kruskal
from analysis.statistics.scatter import has_scatter

ALONE = "exploratory"


def factor_ranks(
    night: Night, kept: pd.DataFrame, eligible: pd.DataFrame | None = None, beside: Iterable[Response] = ()
) -> list[Test]:
    """The tests of every factor of which at least two levels have runs of the headline, ``kept``.

    Then those of the responses ``beside`` it, by name: what was measured over the runs of the headline, what the
    workload reported over all ``eligible`` ones, for a run that is wild in energy still has its accuracy. A run without
    the result is left out of its tests, and n says how many there are.
    """
    factors = tuple(dict.fromkeys(name for levels in night.levels.values() for name in levels))
    if kept.empty:
        return []
    tests: list[Test] = []
    if len(factors) > 1 or night.blocked:  # else Kruskal-Wallis over the configurations is the same test
        tests += _by_factors(night, kept, factors)
    for response in beside:
        measured = bool(response.domains) or response.name == DURATION
        runs = kept if measured or eligible is None else eligible
        told = runs.assign(value=runs.run.map(response.values).astype(float))
        told = told[told.value.notna()]
        if has_scatter(told.value.to_numpy(dtype=float)):
            tests += [replace(test, name=f"{response.name}: {test.name}") for test in _by_factors(night, told, factors)]
    ranked = sum(test.p is not None for test in tests)
    family = f"one of {ranked} such tests, not corrected over them"
    return [noted(test, family) if test.p is not None and ranked > 1 else test for test in tests]


def _by_factors(night: Night, runs: pd.DataFrame, factors: tuple[str, ...]) -> list[Test]:
    return [test for place, factor in enumerate(factors) for test in _of(night, runs, factor, factors, place)]


def _of(night: Night, kept: pd.DataFrame, factor: str, factors: tuple[str, ...], place: int) -> Iterator[Test]:
    level = kept.configuration.map({name: text(of[factor]) for name, of in night.levels.items() if factor in of})
    there = [name for name in levels_of(night, factors)[place] if (level == name).any()]
    if len(there) < 2:
        return
    values = [kept.value[level == name].to_numpy(dtype=float) for name in there]
    if all(set(part) == set(values[0]) for part in values):
        return  # the factor does not touch it: zero but for rounding
    passed = [*(["the other factors"] if len(factors) > 1 else []), *(["blocks"] if night.blocked else [])]
    note = f"{ALONE}; {' and '.join(passed)} are not taken into account" if passed else ALONE
    test = kruskal(values)
    yield noted(replace(test, name=f"{test.name}, by {factor}"), note)
    if len(there) == 2:
        found = point_biserial(values[1], values[0])
        name = f"point-biserial r with {factor} ({there[1]} = 1, {there[0]} = 0)"
        n = (len(values[1]), len(values[0]))
        yield Test(name, found.value, None, n, note=f"{found.note}; {note}", estimate=found)
