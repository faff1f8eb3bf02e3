"""Effects of factors that the analysis plan names: one family, corrected over it, apart from what was only found.

::

    analysis.effects = ["width", "width:precision"]
    F tests of these terms              -> one family: does it matter?
    ratios of the levels of these terms -> one family: by how much, and where?

An effect that is named and cannot be tested keeps its place with the reason. What is not named stays exploratory: each
F test by itself, the ratios corrected over one term.

HC3 is cautious where blocks are few: of six blocks of 3 x 2 cells in which two of three declared effects are none,
1.4 % of 5,000 simulated nights tell one of these two (nominal at most 5 %); see the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from analysis.estimates import Estimate, Test
from analysis.grid_findings import FactorContrast, FactorEffect, Grid
from analysis.numbers import p_value, significant
from analysis.statistics.families import NAMES, Correction, adjust

MATTERS, NOT_TOLD, CANNOT_BE_TOLD = "matters", "not told", "cannot be told"
NOTHING_LEFT = "the cells that are there tell nothing of it"
Terms = Sequence[tuple[str, ...]]


def declared_effects(
    effects: Sequence[FactorEffect],
    terms: Terms,
    factors: Sequence[str],
    *,
    correction: Correction,
    alpha: float,
    why: str = NOTHING_LEFT,
) -> list[FactorEffect]:
    """The effects with those of ``terms`` marked, corrected over them and decided; one that is lacking says ``why``."""
    wanted = {frozenset(term): in_order(term, factors) for term in terms}
    there = {frozenset(item.factors) for item in effects}
    lacking = [
        FactorEffect(term, Test(" × ".join(term), None, None, (), note=why), None, Estimate(None, "η²", note=why), "")
        for key, term in wanted.items()
        if key not in there
    ]
    every = [*effects, *lacking]
    family = [item for item in every if frozenset(item.factors) in wanted]
    tests = adjust([item.test for item in family], correction) if len(family) > 1 else [item.test for item in family]
    told = {item.factors: test for item, test in zip(family, tests, strict=True)}
    return [
        replace(item, test=told[item.factors], declared=True, decision=_decided(told[item.factors], alpha))
        if item.factors in told
        else item
        for item in every
    ]


def declared_contrasts(
    contrasts: Sequence[FactorContrast], terms: Terms, correction: Correction
) -> list[FactorContrast]:
    """The contrasts, corrected: those of ``terms`` over all of them, the others over the contrasts of one term."""
    wanted = {frozenset(term) for term in terms}

    def family(item: FactorContrast) -> tuple[str, ...]:
        return () if frozenset(item.factors) in wanted else item.factors

    found: dict[int, FactorContrast] = {}
    for name in dict.fromkeys(family(item) for item in contrasts):
        members = [place for place, item in enumerate(contrasts) if family(item) == name]
        tests = [contrasts[place].test for place in members]
        for place, test in zip(members, adjust(tests, correction) if len(tests) > 1 else tests, strict=True):
            found[place] = replace(contrasts[place], test=test, declared=name == ())
    return [found[place] for place in range(len(contrasts))]


def in_order(term: tuple[str, ...], factors: Sequence[str]) -> tuple[str, ...]:
    """A term's factors in the order of the grid's."""
    return tuple(sorted(term, key=lambda name: factors.index(name) if name in factors else len(factors)))


def sentence(found: Grid | None, when: str = "declared beforehand") -> str:
    """What became of the effects that the plan names, and ``when`` it did; empty where it names none."""
    named = [item for item in found.effects if item.declared] if found is not None else []
    if found is None or not named:
        return ""
    over = f", {found.correction} over {len(named)}" if len(named) > 1 else ""
    words = {NOT_TOLD: "not told (which is not the same as none)"}
    said = "; ".join(f"{item.term}: {words.get(item.decision, item.decision)}{_beside(item)}" for item in named)
    return f"Effects of factors, {when} (F tests{over}): {said}."


def methods_words(terms: Terms, correction: Correction, when: str = "declared beforehand") -> str:
    """The sentence of the methods paragraph; empty where no effect is named."""
    if not terms:
        return ""
    listed = ", ".join(" × ".join(term) for term in terms)
    model = "in a linear model on logarithms with covariance HC3 (Long and Ervin, 2000)"
    if len(terms) == 1:
        return f"The effect of {listed}, {when}, was tested by a Wald F test {model}."
    return (
        f"The effects {when} ({listed}) were tested by Wald F tests {model}; p values were corrected over them by "
        f" {NAMES[correction]}, and so were those of their levels' ratios."
    )


def _decided(test: Test, alpha: float) -> str:
    p = test.p if test.p_adjusted is None else test.p_adjusted
    if p is None:
        return CANNOT_BE_TOLD
    return MATTERS if p < alpha else NOT_TOLD


def _beside(item: FactorEffect) -> str:
    p = item.test.p if item.test.p_adjusted is None else item.test.p_adjusted
    if p is None or item.test.statistic is None:
        return f" ({item.test.note})" if item.test.note else ""
    eta = item.partial_eta2.value
    size = "" if eta is None else f", partial η² {significant(eta, 2)}"
    return f", p {p_value(p)}{size}"
