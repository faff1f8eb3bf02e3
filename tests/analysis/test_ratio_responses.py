"""Ratio metrics as what is compared: values by hand, units, and why a run has none."""

import math

import pandas as pd
import pytest

from analysis.ratio_responses import NO_FRACTION, with_ratios
from analysis.response import Response
from harness.protocol_analysis import Analysis

RUNS = pd.DataFrame({"run": ["a", "b", "c"], "metric.images": [5.0, 0.0, 4.0], "metric.accuracy": [0.5, 0.8, 0.9]})


def series(*values):
    return pd.Series(values, index=list(RUNS.run), dtype=float)


def found(**more):
    reasons = {"a": "", "b": "", "c": "no samples"}
    energy = Response(
        "energy", "energy of inference: gpu0", "J", series(10, 20, math.nan), reasons, ("gpu0",), "modelled",
        series(0.1, 0.2, math.nan),
    )  # fmt: skip
    duration = Response("duration", "duration of inference", "s", series(1, 2, 3), dict.fromkeys("abc", ""))
    return {"energy": energy, "duration": duration, **more}


def plan(ready, aggregation="mean_of_ratios"):
    declared = {"ready": ready} if aggregation is None else {"ready": ready, "aggregation": aggregation}
    return Analysis(metric=ready, ratio=[declared])


def test_energy_per_image_is_one_number_a_run_with_unit_domains_quality_and_bound():
    ratio = with_ratios(found(), RUNS, plan("J_per_image"))["J_per_image"]
    assert 2.0 == ratio.values["a"]
    assert ["a"] == list(ratio.values.dropna().index)
    assert ("J/image", ("gpu0",), "modelled") == (ratio.unit, ratio.domains, ratio.quality)
    assert "energy per image of inference (gpu0)" == ratio.phrase
    assert pytest.approx(0.02) == ratio.uncertainty["a"]


def test_a_run_without_a_ratio_says_why():
    ratio = with_ratios(found(), RUNS, plan("J_per_image"))["J_per_image"]
    assert {"a": "", "b": "its images is zero", "c": "no samples"} == dict(ratio.why)


def test_the_product_has_its_unit_and_is_no_quotient():
    product = with_ratios(found(), RUNS, plan("energy_delay_product", None))["energy_delay_product"]
    assert [10.0, 40.0] == product.values.dropna().tolist()
    assert "J s" == product.unit


def test_points_of_an_accuracy_beyond_1_are_not_known():
    ratio = with_ratios(found(), RUNS, plan("accuracy_per_kWh"))["accuracy_per_kWh"]
    assert pytest.approx(0.5 / 10 * 3.6e6) == ratio.values["a"]
    runs = RUNS.assign(**{"metric.accuracy": [50.0, 80.0, 90.0]})
    ratio = with_ratios(found(), runs, plan("accuracy_per_kWh"))["accuracy_per_kWh"]
    assert not ratio.is_there
    assert {NO_FRACTION} == set(ratio.why.values())


def test_without_a_ratio_as_the_metric_nothing_is_added():
    assert found().keys() == with_ratios(found(), RUNS, Analysis()).keys()
