"""Two configurations against each other on one response: the estimates, all the tests, and the decision.

With blocks the pairs are the blocks that hold both; without blocks both sides are independent samples whose order in
the night is a term of the model. ``classic`` is the pooled t on the values as they are, as many published studies have
it, blocks or none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from analysis.findings import Comparison, Estimate, Test
from analysis.sides import NOBODY as NOBODY
from analysis.sides import Floats as Floats
from analysis.sides import Method as Method
from analysis.sides import Side as Side
from analysis.sides import Sides as Sides
from analysis.sides import contrasts as contrasts
from analysis.sides import split as split
from analysis.statistics import many, ranks, unpaired
from analysis.statistics import order as by_order
from analysis.statistics.cohorts import difference_over_cohorts
from analysis.statistics.effects import a12, cliffs_delta, cohens_d, hedges_g, point_biserial
from analysis.statistics.families import adjust
from analysis.statistics.paired import paired_difference, paired_ratio

LOWER, HIGHER, NOT_APART, CANNOT_BE_TOLD = "lower", "higher", "not told apart", "cannot be told"


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
    """Every comparison of a declared family, corrected over it, decided with and without the outliers.

    Where the method has cells, each of them is a family of its own.

    ``eligible``, and among them ``headline``, are runs with configuration, block, order, value and optionally
    duration_s and mean_power_W; ``attempted`` (all runs that were begun) tells how many pairs were lost.
    """
    of, of_all = split(headline), split(eligible)
    begun: dict[str, set[int]] = {}
    if method.blocked and attempted is not None:
        begun = {str(name): set(rows.block) for name, rows in attempted.groupby("configuration", sort=False)}
    found: list[Comparison] = []
    for pairs in method.families(family):
        whole = of if len(headline) == len(eligible) else of_all
        found += _family(pairs, of, whole, method, begun=begun, response=response, unit=unit)
    return found


def _family(
    pairs: Sequence[tuple[str, str]],
    of: Mapping[str, Side],
    of_all: Mapping[str, Side],
    method: Method,
    *,
    begun: Mapping[str, set[int]],
    response: str,
    unit: str,
) -> list[Comparison]:
    """The comparisons of one family, corrected over it."""
    kept, whole = (
        [Sides(sides.get(name, NOBODY), sides.get(baseline, NOBODY)) for name, baseline in pairs]
        for sides in (of, of_all)
    )
    tests = _primaries(kept, method)
    tests_all = tests if of is of_all else _primaries(whole, method)
    together = _together(of, pairs, method)
    found: list[Comparison] = []
    for place, names in enumerate(pairs):
        primaries = tests[place], tests_all[place]
        comparison = _comparison(names, kept[place], whole[place], primaries, method, response=response, unit=unit)
        comparison = replace(comparison, tests=(*comparison.tests, *together.get(names, ())))
        blocks = begun.get(names[0], set()) | begun.get(names[1], set())
        lost = len(blocks) - comparison.pairs if blocks else 0
        found.append(replace(comparison, pairs_lost=lost))
    return found


def _comparison(
    names: tuple[str, str],
    kept: Sides,
    whole: Sides,
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
        a12=a12(left, right, method.level),
        point_biserial=point_biserial(left, right),
        pairs=paired[0].size if paired is not None else 0,
        pairs_lost=0,
        decision=decide(primary, method.alpha, _rank_sign(kept, method)),
        decision_all=decide(primary_all, method.alpha, _rank_sign(whole, method)),
        cell=method.cells.get(names[0], ""),
        power_ratio=_part(kept, "mean_power_W", method),
        duration_ratio=_part(kept, "duration_s", method),
    )


def decide(test: Test, alpha: float, sign: float | None = None) -> str:
    """What the primary test says, by its p after the family's correction and the sign of its statistic.

    ``sign`` stands for it where the statistic (a sum of ranks) has none.
    """
    p = test.p if test.p_adjusted is None else test.p_adjusted
    if p is None or test.statistic is None:
        return CANNOT_BE_TOLD
    if p >= alpha:
        return NOT_APART
    return LOWER if (test.statistic if sign is None else sign) < 0 else HIGHER


def _rank_sign(pair: Sides, method: Method) -> float | None:
    """Which side the rank test finds lower; None where a t test decides."""
    if method.test != "rank":
        return None
    if method.recipe == "blocks" and method.blocked:
        return ranks.signed_sum(*pair.pairs)
    if pair.is_split:
        return ranks.van_elteren(*pair.values, pair.cohorts).statistic
    return ranks.excess(*pair.values)


def _primaries(pairs: Sequence[Sides], method: Method) -> list[Test]:
    """The primary test of each contrast; adjusted over the family where it has more than one member."""
    tests = [replace(_primary(pair, method), primary=True) for pair in pairs]
    return adjust(tests, method.correction) if len(tests) > 1 else tests


def _primary(pair: Sides, method: Method) -> Test:
    """The test that decides, with the ratio as its estimate: the t test of the recipe, or the rank test instead."""
    of_recipe = _of_recipe(pair, method)
    if method.test == "t":
        return of_recipe
    paired = method.recipe == "blocks" and method.blocked
    if paired:
        test = ranks.wilcoxon(*pair.pairs)
    elif pair.is_split:
        test = ranks.van_elteren(*pair.values, pair.cohorts)
    else:
        test = ranks.mann_whitney(*pair.values)
    return replace(test, estimate=of_recipe.estimate)


def _of_recipe(pair: Sides, method: Method) -> Test:
    """The recipe's t test; its estimate is the ratio wherever the values have one.

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
    unaware = [
        unpaired.ratio(left, right, level),
        unpaired.difference(left, right, unit, level),
        unpaired.difference(left, right, unit, level, "pooled"),
        unpaired.yuen(left, right),
        ranks.mann_whitney(left, right),
        ranks.brunner_munzel(left, right),
    ]
    if pair.is_split:
        tests = tests if method.blocked else [noted(test, NO_COHORTS) for test in tests]
        unaware = [noted(test, NO_COHORTS) for test in unaware]
        if not method.blocked:
            unaware.append(ranks.van_elteren(left, right, pair.cohorts))
    return [test for test in (*tests, *unaware) if test.name != primary]


NO_COHORTS = "cohorts are not taken into account"


def noted(test: Test, note: str) -> Test:
    """The same with one more thing to know of it."""
    return replace(test, note=f"{test.note}; {note}" if test.note else note)


def _together(
    sides: Mapping[str, Side], pairs: Sequence[tuple[str, str]], method: Method
) -> dict[tuple[str, str], list[Test]]:
    """The tests that see all configurations of the family at once, for each pair; none for a single pair.

    Dunnett where all are held against one, Games-Howell where every pair is; Dunn on ranks for both.
    """
    # The earlier of a pair stands last in it: in the family's own order every pair is (later, earlier).
    names = list(dict.fromkeys(name for pair in pairs for name in reversed(pair) if name in sides))
    told = [pair for pair in pairs if pair[0] in sides and pair[1] in sides]
    baselines = {baseline for _, baseline in told}
    if len(names) < 3 or not told:
        return {}
    groups = {name: sides[name].value for name in names}
    unit = "×" if all(values.min() > 0 for values in groups.values()) else ""
    if len(baselines) == 1:
        found = [many.dunnett(groups, next(iter(baselines)), method.level, unit)]
    else:
        found = [many.games_howell(groups, unit)]
    found.append(many.dunn(groups, told, method.correction))
    several = len({cohort for name in names for cohort in sides[name].of_cohort.tolist()}) > 1
    unaware = [words for words, is_so in (("blocks", method.blocked), ("cohorts", several)) if is_so]
    note = f"{' and '.join(unaware)} are not taken into account" if unaware else ""
    return {pair: [noted(of[pair], note) if note else of[pair] for of in found if pair in of] for pair in told}


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
