"""What a protocol may say of ratio metrics, of its family of comparisons, and of the classic recipe."""

import pytest

from harness.errors import ProtocolError
from harness.judge import named_metrics
from harness.protocol import read
from harness.protocol_model import Analysis, Protocol

BASE = """
title = "t"
[workload]
command = ["true"]
[sensors.simulated]
"""
RATIO = "[[analysis.ratio]]\n"


@pytest.fixture
def problems(tmp_path):
    """The problems of a protocol with these lines added: key -> (what, remedy)."""

    def found(text):
        path = tmp_path / "p.toml"
        path.write_text(BASE + text)
        try:
            read(path)
        except ProtocolError as error:
            return {problem.key: (problem.what, problem.remedy) for problem in error.problems}
        return {}

    return found


@pytest.mark.parametrize(
    "text",
    [
        RATIO + 'name = "per image"\nof = "energy"\nper = "images"\naggregation = "ratio_of_means"',
        RATIO + 'ready = "J_per_image"\naggregation = "mean_of_ratios"\n' + RATIO + 'ready = "energy_delay_product"',
        '[analysis]\ncorrection = "fdr"\nfamily = "pairs"',
        '[analysis.equivalence]\nmetric = "energy"\nmargin = 0.02\nscale = "ratio"',
    ],
)
def test_these_are_sound(problems, text):
    assert {} == problems(text)


@pytest.mark.parametrize(
    ("text", "key", "what", "remedy"),
    [
        ('ready = "J_per_image"', "aggregation", "needs its aggregation declared", "mean_of_ratios"),
        ('name = "a"\nof = "energy"\nper = "images"', "aggregation", "needs its aggregation declared", "counts alike"),
        ('ready = "energy_delay_product"\naggregation = "ratio_of_means"', "aggregation", "a product", "remove it"),
        ('name = "a"\nof = "energy"\naggregation = "mean_of_ratios"', "per", "must not be empty", "give name, of"),
        ('name = "a"\nof = "x"\nper = "x"\naggregation = "mean_of_ratios"', "per", "is 1", "another response"),
        ('ready = "J_per_image"\nunit = "J"\naggregation = "mean_of_ratios"', "unit", "is ready", "remove it"),
    ],
)
def test_a_ratio_that_is_not_declared_whole_is_refused_with_the_remedy(problems, text, key, what, remedy):
    found = problems(RATIO + text)[f"analysis.ratio[0].{key}"]
    assert what in found[0]
    assert remedy in found[1]


def test_two_ratios_of_one_name_and_a_family_without_its_baseline_are_refused(problems):
    twice = (RATIO + 'ready = "J_per_image"\naggregation = "mean_of_ratios"\n') * 2
    assert "two ratios are called 'J per image'" == problems(twice)["analysis.ratio"][0]
    assert "analysis.baseline" in problems('[analysis]\nfamily = "baseline"')["analysis.family"][1]


def test_an_equivalence_of_energy_needs_a_fraction(problems):
    found = problems('[analysis.equivalence]\nmetric = "energy"\nmargin = 0.02')["analysis.equivalence.metric"]
    assert 'scale = "ratio"' in found[1]


def test_the_classic_recipe_divides_by_n_unless_the_protocol_says_otherwise():
    classic = Analysis(recipe="classic")
    assert (0, 1) == (classic.outliers.ddof, Analysis().outliers.ddof)
    assert 1 == Analysis.model_validate({"recipe": "classic", "outliers": {"ddof": 1}}).outliers.ddof
    assert 0 == Analysis.model_validate_json(classic.model_dump_json()).outliers.ddof


def test_what_ratios_and_the_outlier_rule_are_made_of_is_needed_from_the_workload():
    body = {
        "title": "t",
        "workload": {"command": ("true",)},
        "analysis": {
            "outliers": {"metric": "loss"},
            "ratio": [{"ready": "J_per_image", "aggregation": "mean_of_ratios"}, {"ready": "energy_delay_product"}],
        },
    }
    assert ("loss", "images") == named_metrics(Protocol.model_validate(body).analysis)


def test_a_trade_off_is_between_two_different_things(problems):
    found = problems('[analysis]\ntradeoff = {metric = "energy"}')
    assert "analysis.tradeoff.metric" in found
    assert 'metric = "accuracy"' in found["analysis.tradeoff.metric"][1]
    assert problems('[analysis]\ntradeoff = {metric = "perplexity", better = "lower"}') == {}
    assert "analysis.tradeoff.better" in problems('[analysis]\ntradeoff = {metric = "f1", better = "more"}')


def test_the_metric_of_a_trade_off_is_one_that_the_plan_cannot_do_without():
    plan = Analysis.model_validate({"tradeoff": {"metric": "perplexity"}}, strict=False)
    assert "perplexity" in named_metrics(plan)
