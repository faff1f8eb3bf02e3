"""Effects of factors that the analysis plan names: one family, decided; the rest exploratory; simulated known truth."""

import gc
import math

import numpy as np
import pytest

from analysis.declared_effects import (
    CANNOT_BE_TOLD,
    MATTERS,
    NOT_TOLD,
    NOTHING_LEFT,
    declared_contrasts,
    declared_effects,
    methods_words,
    sentence,
)
from analysis.estimates import Estimate, Test
from analysis.grid_findings import FactorContrast, FactorEffect, Grid
from analysis.listings.grid import grid_tables
from analysis.load import load
from analysis.statistics.factorial import MOST_FACTORS, factor_effects
from analysis.study import study
from harness import family_checks

FACTORS = ("width", "precision")
TERMS = (("width",), ("precision", "width"))


@pytest.fixture(autouse=True)
def no_collection_at_each_correction(monkeypatch):
    # statsmodels collects garbage at each correction: a tenth of a second among all that pytest holds.
    monkeypatch.setattr(gc, "collect", lambda *_: 0)


def effect(*factors, p):
    return FactorEffect(factors, Test("F", 4.0, p, (24,), 1.0), 15.0, Estimate(0.3, "η²", n=24), "III")


def contrast(*factors, p):
    test = Test("paired t", 2.0, p, (6,), 5.0)
    return FactorContrast(factors, ("x",), ("y",), Estimate(0.9, "×", n=6), test, 1, 1)


def marked(effects, terms=TERMS, **more):
    found = declared_effects(effects, terms, FACTORS, correction="holm", alpha=0.05, **more)
    return {item.term: item for item in found}


def test_what_is_declared_is_one_family_and_what_is_not_is_outside_of_it():
    found = marked([effect("width", p=0.03), effect("precision", p=0.001), effect("width", "precision", p=0.01)])
    both, width, other = found["width × precision"], found["width"], found["precision"]
    assert (0.02, MATTERS) == (pytest.approx(both.test.p_adjusted), both.decision)
    assert (0.03, MATTERS) == (pytest.approx(width.test.p_adjusted), width.decision)
    assert (None, "", False) == (other.test.p_adjusted, other.decision, other.declared)


def test_a_family_of_one_is_not_corrected_and_the_correction_is_the_plan_s():
    assert marked([effect("width", p=0.04)], (("width",),))["width"].test.p_adjusted is None
    effects = [effect("width", p=0.03), effect("width", "precision", p=0.01)]
    found = declared_effects(effects, TERMS, FACTORS, correction="bonferroni", alpha=0.05)
    assert [0.06, 0.02] == pytest.approx([item.test.p_adjusted for item in found])
    assert [NOT_TOLD, MATTERS] == [item.decision for item in found]


def test_a_declared_effect_that_cannot_be_tested_keeps_its_place_and_says_why():
    lacking = marked([effect("width", p=0.01)])["width × precision"]
    assert (CANNOT_BE_TOLD, NOTHING_LEFT) == (lacking.decision, lacking.test.note)
    assert 0.01 == marked([effect("width", p=0.01)])["width"].test.p_adjusted  # it counts in no family
    grid = Grid(FACTORS, (("1",), ("a",)), "", (), (), effects=(lacking,))
    assert NOTHING_LEFT in sentence(grid)
    [table, *_] = grid_tables_of(grid)
    assert ["cannot be told"] == table.frame.decision.tolist()


def grid_tables_of(grid):
    class Found:
        pass

    Found.grid = grid
    return grid_tables(Found)


def test_ratios_of_declared_effects_are_corrected_over_all_of_them():
    found = declared_contrasts(
        [contrast("width", p=0.02), contrast("precision", p=0.02), contrast("width", "precision", p=0.01)],
        TERMS,
        "holm",
    )
    assert [0.02, None, 0.02] == [item.test.p_adjusted for item in found]
    assert [True, False, True] == [item.declared for item in found]


def test_nothing_declared_leaves_everything_exploratory():
    assert not any(item.declared for item in marked([effect("width", p=0.01)], ()).values())
    assert ("", "") == (sentence(None), methods_words((), "holm"))
    grid = Grid(FACTORS, (("1", "2"), ("a", "b")), "", (), (), effects=(effect("width", p=0.01),))
    assert "" == sentence(grid)


def test_a_report_says_at_its_head_what_became_of_what_was_declared(simulate_grid):
    plan = {"baseline": "width=1,precision=float32", "effects": ["precision", "width:precision"]}
    made = simulate_grid(3, 2, blocks=6, protocol={"analysis": plan})
    found = study(load(made.path))
    assert found.headline_effects.startswith("Effects of factors, declared beforehand (F tests, Holm over 2): ")
    assert "precision: matters, p " in found.headline_effects
    assert "declared beforehand (precision, width × precision)" in found.methods
    assert ["precision", "width × precision"] == found.design["effects"]
    tables = {table.name: table for table in grid_tables(found)}
    assert ["no", "yes", "yes"] == tables["factors"].frame.declared.tolist()
    assert "one family" in tables["factors"].notes[-1]
    assert "to look at" in tables["factors"].notes[-1]
    assert {"yes", "no"} == set(tables["levels"].frame.declared)
    assert "those of the declared effects" in found.grid.model


def test_one_factor_of_two_levels_has_its_effect_where_it_is_declared(simulate_once):
    found = study(load(simulate_once(protocol={"analysis": {"effects": ["arm"]}}).path))
    [told] = found.grid.effects
    assert (told.term, told.declared) == ("arm", True)
    assert told.test.p is not None
    assert "declared beforehand, was tested" in found.methods


def test_as_many_factors_may_be_declared_together_as_are_looked_for():
    assert MOST_FACTORS == family_checks.MOST_FACTORS


@pytest.mark.parametrize("nights", [100, pytest.param(5_000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_a_declared_family_holds_its_error_rate_and_sees_what_is_there(nights):
    """Six blocks of 3 x 2 cells under 4 % drift and 0.6 % noise; width takes 2 %, the rest nothing. Seed 20."""
    draw = np.random.default_rng(20)
    keys = [(width, precision) for _ in range(6) for width in "123" for precision in "ab"]
    levels = {"width": [key[0] for key in keys], "precision": [key[1] for key in keys]}
    blocks = [place // 6 for place in range(36)]
    truth = np.array([0.01 * "123".index(width) for width, _ in keys])
    terms = (("width",), ("precision",), ("width", "precision"))
    false = seen = 0
    for _ in range(nights):
        order = np.concatenate([6 * block + draw.permutation(6) for block in range(6)])
        logs = 7 + truth + 0.04 * order / 35 + 0.006 * draw.standard_normal(36)
        found = declared_effects(
            factor_effects(logs, levels, blocks), terms, ("width", "precision"), correction="holm", alpha=0.05
        )
        told = {item.term: item.decision for item in found}
        seen += told["width"] == MATTERS
        false += MATTERS in (told["precision"], told["width × precision"])
    slack = 3 * math.sqrt(0.05 * 0.95 / nights)
    print(f"any false alarm of two: {false / nights:.2%}, width seen: {seen / nights:.2%} of {nights}")
    assert false / nights <= 0.05 + slack
    assert seen / nights >= 0.95
