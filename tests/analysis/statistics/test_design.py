import math
import re

import numpy as np
import pytest

from analysis.statistics.design import CANNOT, Design, cautions
from analysis.statistics.equivalence import EQUIVALENT, paired_equivalence, unpaired_equivalence


def codes(**settings):
    return [caution.code for caution in cautions(Design(**{"configurations": 2, "runs": 30} | settings))]


def caution(code, **settings):
    found = cautions(Design(**{"configurations": 2, "runs": 30} | settings))
    return next(item for item in found if item.code == code)


def test_thirty_blocks_of_two_configurations_need_no_caution():
    assert [] == codes()


def test_one_configuration_compares_nothing():
    assert ["nothing-to-compare"] == codes(configurations=1)


def test_one_run_of_each_allows_no_inference():
    assert "no-inference" in codes(runs=1)


@pytest.mark.parametrize(
    ("settings", "out_of_reach"),
    [
        ({"runs": 5}, True),
        ({"runs": 6}, False),
        ({"runs": 3, "order": "shuffle"}, True),
        ({"runs": 4, "order": "shuffle"}, False),
        ({"runs": 5, "alpha": 0.1}, False),
        ({"runs": 10, "configurations": 4}, False),
        ({"runs": 10, "configurations": 10}, True),
        ({"runs": 10, "configurations": 10, "baseline": True}, False),
        ({"runs": 6, "classic": True}, False),
        ({"runs": 3, "classic": True}, True),
        ({"runs": 4, "classic": True}, False),
    ],
)
def test_a_rank_test_that_cannot_reach_alpha_over_its_family_is_announced(settings, out_of_reach):
    assert out_of_reach == ("rank-test-out-of-reach" in codes(**settings))


def test_the_announcement_names_p_family_and_the_runs_that_would_do():
    found = caution("rank-test-out-of-reach", runs=10, configurations=10)
    assert "0.00195" in found.message
    assert "45 comparisons" in found.message
    assert "design.blocks = 11" in found.advice
    assert "analysis.baseline" in found.advice


def test_more_than_ten_configurations_are_compared_with_the_first_only():
    assert 45 == Design(10, 5).comparisons
    assert 10 == Design(11, 5).comparisons


def test_listed_confounds_order_and_configuration():
    assert "order-confounded" in codes(order="listed")
    assert "order-confounded" in CANNOT


def test_one_shuffle_has_its_price_told():
    assert "32 %" in caution("no-drift-protection", order="shuffle").message


def test_the_classic_recipe_ignores_blocks():
    assert "blocks-ignored" in codes(classic=True)
    assert "blocks-ignored" not in codes(classic=True, order="shuffle")


@pytest.mark.parametrize(
    ("settings", "cannot"),
    [
        ({"runs": 10}, True),
        ({"runs": 11}, False),
        ({"runs": 10, "ddof": 0}, True),
        ({"runs": 11, "ddof": 0}, False),
        ({"runs": 10, "outlier_threshold": 2.5}, False),
        ({"runs": 6, "outlier_rule": "mad"}, False),
        ({"runs": 6, "outlier_rule": "none"}, False),
    ],
)
def test_an_outlier_rule_that_cannot_fire_is_announced(settings, cannot):
    assert cannot == ("outlier-rule-cannot-fire" in codes(**settings))


def test_the_power_of_an_equivalence_margin_is_told():
    message = caution("equivalence-power", margin=0.01, margin_metric="accuracy").message
    assert "accuracy within 0.01" in message
    assert "at most 0.0115" in message


@pytest.mark.parametrize(("runs", "configurations", "odd"), [(6, 3, False), (3, 3, True), (4, 4, False), (6, 4, True)])
def test_a_latin_design_cut_short_is_announced(runs, configurations, odd):
    assert odd == ("latin-incomplete" in codes(runs=runs, configurations=configurations, order="latin"))


def test_one_seed_for_all_runs_is_announced():
    assert ["one-seed"] == codes(one_seed=True)


def test_what_a_design_cannot_do_comes_first():
    found = codes(runs=3, order="listed", one_seed=True)
    cannot = [code in CANNOT for code in found]
    assert sorted(cannot, reverse=True) == cannot
    assert 2 == sum(cannot)


@pytest.mark.parametrize(("runs", "order"), [(12, "blocks"), (12, "shuffle")])
def test_the_power_of_a_relative_margin_is_told_and_is_that_of_simulated_nights(runs, order):
    settings = {"runs": runs, "order": order, "margin": 0.02, "margin_metric": "energy", "margin_of_ratio": True}
    message = caution("equivalence-power", **settings).message
    assert "energy within a ratio of 1 / 1.02 to 1.02 is shown in 90 % of nights" in message
    found = re.search(
        r"relative standard deviation between runs is at most ([\d.]+) %, in half of them at ([\d.]+) %", message
    )
    draw, nights = np.random.default_rng(6), 300
    test = paired_equivalence if order == "blocks" else unpaired_equivalence
    for told, power in zip(found.groups(), (0.9, 0.5), strict=True):
        logs = float(told) / 100 * draw.standard_normal((nights, 2, runs))
        names = ("energy", "lean", "base")
        shown = [
            test(*np.exp(night), 0.02, alpha=0.05, names=names, scale="ratio").decision == EQUIVALENT for night in logs
        ]
        assert np.mean(shown) == pytest.approx(power, abs=3 * math.sqrt(power * (1 - power) / nights) + 0.005)


@pytest.mark.parametrize(
    ("told", "remedy"),
    [
        ({}, "analysis.baseline makes the family smaller"),
        ({"named": True}, 'analysis.family = "baseline" makes the family smaller'),
    ],
)
def test_a_family_of_all_pairs_is_told_how_it_becomes_smaller(told, remedy):
    found = {item.code: item for item in cautions(Design(8, 5, **told))}
    advice = found["rank-test-out-of-reach"].advice
    assert advice.endswith(remedy)
    fewer = cautions(Design(8, 5, named=True, baseline=True))
    assert "smaller" not in next(item.advice for item in fewer if item.code == "rank-test-out-of-reach")
