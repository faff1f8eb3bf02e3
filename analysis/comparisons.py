"""Two configurations against each other on one response: the estimates, all the tests, and the decision.

With blocks the pairs are the blocks that hold both; without blocks both sides are independent samples whose order in
the night is a term of the model. ``classic`` is the pooled t on the values as they are, as many published studies have
it, blocks or none.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.findings import Comparison, Estimate, Test
from analysis.statistics import order as by_order
from analysis.statistics import ranks, unpaired
from analysis.statistics.cohorts import difference_over_cohorts
from analysis.statistics.effects import cliffs_delta, cohens_d, hedges_g
from analysis.statistics.families import adjust
from analysis.statistics.paired import paired_difference, paired_ratio

Floats = NDArray[np.float64]

LOWER, HIGHER, NOT_APART, CANNOT_BE_TOLD = "lower", "higher", "not told apart", "cannot be told"


@dataclass(frozen=True)
class Method:
    """How a night is compared: its recipe, whether it has blocks, and the level of its intervals."""

    recipe: Literal["blocks", "classic"]
    blocked: bool
    alpha: float
    cohorts: int = 1
    """How many states of machine, software and workload the runs are of."""
    ordered: bool = True
    """Whether the order of the runs is known."""

    @property
    def level(self) -> float:
        """Confidence level of the intervals."""
        return 1 - self.alpha


@dataclass(frozen=True)
class Side:
    """The runs of one configuration: value, block, order in the night and cohort of each, (n,)."""

    value: Floats
    block: NDArray[np.int64]
    order: Floats
    parts: Mapping[str, Floats] = field(default_factory=dict)
    """Factors of the value that are compared beside it: mean_power_W, duration_s."""
    cohort: NDArray[np.int64] | None = None
    """None: all are of the first."""

    @property
    def of_cohort(self) -> NDArray[np.int64]:
        """The cohort of each run."""
        return np.ones(self.value.size, np.int64) if self.cohort is None else self.cohort


@dataclass(frozen=True)
class Sides:
    """Two configurations against each other."""

    configuration: Side
    baseline: Side

    @property
    def values(self) -> tuple[Floats, Floats]:
        """All runs of both sides."""
        return self.configuration.value, self.baseline.value

    @property
    def orders(self) -> tuple[Floats, Floats]:
        """When each run came in the night."""
        return self.configuration.order, self.baseline.order

    @property
    def cohorts(self) -> tuple[list[int], list[int]]:
        """The cohort of each run."""
        return self.configuration.of_cohort.tolist(), self.baseline.of_cohort.tolist()

    @functools.cached_property
    def is_split(self) -> bool:
        """Whether the runs are of more than one cohort."""
        return len({*self.cohorts[0], *self.cohorts[1]}) > 1

    @functools.cached_property
    def pairs(self) -> tuple[Floats, Floats]:
        """The values of the blocks that hold both sides, in the order of the blocks; never across two cohorts."""
        one, other = (side.block * (1 << 32) + side.of_cohort for side in (self.configuration, self.baseline))
        _, left, right = np.intersect1d(one, other, return_indices=True)
        return self.configuration.value[left], self.baseline.value[right]


def split(runs: pd.DataFrame) -> dict[str, Side]:
    """One side a configuration of ``runs`` (columns configuration, value, block, order), without those of no value."""
    there = runs[runs.value.notna()]
    parts = [name for name in ("mean_power_W", "duration_s") if name in there and there[name].notna().all()]
    return {
        str(name): Side(
            rows.value.to_numpy(dtype=float),
            rows.block.to_numpy(dtype=np.int64),
            rows.order.to_numpy(dtype=float),
            {part: rows[part].to_numpy(dtype=float) for part in parts},
            rows.cohort.to_numpy(dtype=np.int64) if "cohort" in rows else None,
        )
        for name, rows in there.groupby("configuration", sort=False)
    }


NOBODY = Side(np.empty(0), np.empty(0, np.int64), np.empty(0))
"""A configuration without a run."""


def contrasts(configurations: Sequence[str], baseline: str | None, most: int = 10) -> list[tuple[str, str]]:
    """The declared family of (configuration, baseline): all against a declared baseline, else all pairs.

    Without a baseline, two configurations are one comparison against the first, and more than ``most`` are compared
    with the first alone: the correction over all pairs would leave nothing to see.
    """
    if baseline is not None or len(configurations) > most:
        against = baseline if baseline is not None else configurations[0]
        return [(name, against) for name in configurations if name != against]
    return [(later, earlier) for place, earlier in enumerate(configurations) for later in configurations[place + 1 :]]


def compare(
    headline: pd.DataFrame,
    eligible: pd.DataFrame,
    family: Iterable[tuple[str, str]],
    method: Method,
    *,
    response: str,
    unit: str,
    attempted: pd.DataFrame | None = None,
) -> list[Comparison]:
    """Every comparison of a declared family, corrected over it (Holm), decided with and without the outliers.

    ``eligible``, and among them ``headline``, are runs with configuration, block, order, value and optionally
    duration_s and mean_power_W; ``attempted`` (all runs that were begun) tells how many pairs were lost.
    """
    pairs = list(family)
    kept, whole = (
        [Sides(of.get(name, NOBODY), of.get(baseline, NOBODY)) for name, baseline in pairs]
        for of in (split(headline), split(eligible))
    )
    tests = _primaries(kept, method)
    tests_all = tests if len(headline) == len(eligible) else _primaries(whole, method)
    begun: dict[str, set[int]] = {}
    if method.blocked and attempted is not None:
        begun = {str(name): set(rows.block) for name, rows in attempted.groupby("configuration", sort=False)}
    found: list[Comparison] = []
    for place, names in enumerate(pairs):
        primaries = tests[place], tests_all[place]
        comparison = _comparison(names, kept[place], primaries, method, response=response, unit=unit)
        blocks = begun.get(names[0], set()) | begun.get(names[1], set())
        lost = len(blocks) - comparison.pairs if blocks else 0
        found.append(replace(comparison, pairs_lost=lost))
    return found


def _comparison(
    names: tuple[str, str],
    kept: Sides,
    primaries: tuple[Test, Test],
    method: Method,
    *,
    response: str,
    unit: str,
) -> Comparison:
    primary, primary_all = primaries
    left, right = kept.values
    paired = kept.pairs if method.blocked else None
    ratio, ratio_all = (test.estimate or Estimate(None, "×", note=test.note) for test in primaries)
    if method.blocked and paired is not None and method.recipe == "blocks":
        difference = paired_difference(*paired, unit, method.level).estimate
    elif kept.is_split:
        difference = _over_cohorts(kept, unit, method).estimate
    else:
        spread: unpaired.Spread = "pooled" if method.recipe == "classic" else "welch"
        difference = unpaired.difference(left, right, unit, method.level, spread).estimate
    return Comparison(
        configuration=names[0],
        baseline=names[1],
        response=response,
        ratio=ratio,
        ratio_all=ratio_all,
        difference=difference or Estimate(None, unit),
        tests=(primary, *_beside(kept, primary.name, unit, method)),
        cohens_d=cohens_d(left, right, method.level),
        hedges_g=hedges_g(left, right, method.level),
        cliffs_delta=cliffs_delta(left, right, method.level),
        pairs=paired[0].size if paired is not None else 0,
        pairs_lost=0,
        decision=decide(primary, method.alpha),
        decision_all=decide(primary_all, method.alpha),
        power_ratio=_part(kept, "mean_power_W", method),
        duration_ratio=_part(kept, "duration_s", method),
    )


def decide(test: Test, alpha: float) -> str:
    """What the primary test says, by its p after the family's correction and the sign of its statistic."""
    p = test.p if test.p_adjusted is None else test.p_adjusted
    if p is None or test.statistic is None:
        return CANNOT_BE_TOLD
    if p >= alpha:
        return NOT_APART
    return LOWER if test.statistic < 0 else HIGHER


def _primaries(pairs: Sequence[Sides], method: Method) -> list[Test]:
    """The primary test of each contrast; adjusted over the family where it has more than one member."""
    tests = [replace(_primary(pair, method), primary=True) for pair in pairs]
    return adjust(tests, "holm") if len(tests) > 1 else tests


def _primary(pair: Sides, method: Method) -> Test:
    """The test that decides; its estimate is the ratio wherever the values have one.

    Of several cohorts the cohort is a factor, if the blocks do not hold them apart already; never is it passed over.
    """
    if method.recipe == "classic":
        return _classic(pair, method)
    if method.blocked:
        test = paired_ratio(*pair.pairs, method.level)
        if test.note == "" or not _has_negative(pair):
            return test
        return replace(paired_difference(*pair.pairs, "", method.level), estimate=test.estimate)
    return _over_cohorts(pair, "×", method) if pair.is_split else _without_blocks(pair, method)


def _classic(pair: Sides, method: Method) -> Test:
    if pair.is_split:
        return replace(_over_cohorts(pair, "", method), estimate=_over_cohorts(pair, "×", method).estimate)
    test = unpaired.difference(*pair.values, "", method.level, "pooled")
    return replace(test, estimate=unpaired.ratio(*pair.values, method.level, "pooled").estimate)


def _without_blocks(pair: Sides, method: Method) -> Test:
    test = Test(by_order.ORDER_TERM, None, None, ())
    if method.ordered:
        test = by_order.ratio_with_order(*pair.values, *pair.orders, method.level)
    if test.p is not None:
        return test
    plain = unpaired.ratio(*pair.values, method.level)
    if not _has_negative(pair):
        return plain
    return replace(unpaired.difference(*pair.values, "", method.level), estimate=plain.estimate)


def _over_cohorts(pair: Sides, unit: str, method: Method) -> Test:
    orders = None if method.recipe == "classic" else pair.orders
    return difference_over_cohorts(*pair.values, pair.cohorts, method.level, orders=orders, unit=unit)


def _has_negative(pair: Sides) -> bool:
    return any(part.size and part.min() <= 0 for part in pair.values)


def _beside(pair: Sides, primary: str, unit: str, method: Method) -> list[Test]:
    """All other tests, parametric and rank; none of them decides."""
    left, right = pair.values
    level = method.level
    tests: list[Test] = []
    if method.blocked:
        tests += [
            paired_ratio(*pair.pairs, level),
            paired_difference(*pair.pairs, unit, level),
            ranks.wilcoxon(*pair.pairs),
        ]
    elif method.ordered:
        tests.append(by_order.ratio_with_order(left, right, *pair.orders, level))
    tests += [
        unpaired.ratio(left, right, level),
        unpaired.difference(left, right, unit, level),
        unpaired.difference(left, right, unit, level, "pooled"),
        unpaired.yuen(left, right),
        ranks.mann_whitney(left, right),
        ranks.brunner_munzel(left, right),
    ]
    return [test for test in tests if test.name != primary]


def _part(pair: Sides, column: str, method: Method) -> Estimate | None:
    """The ratio of one factor of energy (mean power or duration), by the same test on the same runs."""
    if column not in pair.configuration.parts or column not in pair.baseline.parts:
        return None
    part = Sides(*(replace(side, value=side.parts[column]) for side in (pair.configuration, pair.baseline)))
    return _primary(part, method).estimate


def disagree(comparison: Comparison) -> bool:
    """Whether the answer depends on the outliers: another decision, or a ratio outside the other's interval."""
    if comparison.decision != comparison.decision_all:
        return True
    ratio, other = comparison.ratio, comparison.ratio_all
    if ratio.value is None or other.value is None:
        return (ratio.value is None) != (other.value is None)
    if ratio.low is None or ratio.high is None:
        return not math.isclose(ratio.value, other.value, rel_tol=1e-9)
    return not ratio.low <= other.value <= ratio.high
