"""A trial of known truth: power, noise, refresh, agreement, and the window that the edges ask for."""

import math
from dataclasses import replace

import pytest

from analysis.load import load
from analysis.trial import PRECISION, try_out

PHASES = {"none": "train", "cpu": "train"}
STAGES = {"configurations": {"none": 0.5, "cpu": 2.0}, "blocks": 1, "noise": 0.0, "train_s": 8.0, "context": False}
LEVELS = {"none": {"device": "none"}, "cpu": {"device": "cpu"}}


@pytest.fixture
def tried(simulate):
    """A function that tries out a simulated trial; ``phases`` says which phase counts in each stage."""
    return lambda phases=PHASES, **settings: try_out(load(simulate(levels=LEVELS, **STAGES, **settings).path), phases)


def test_power_is_that_of_the_stage_alone(tried):
    found = {item.stage: item for item in tried(power_W=200.0).trials}
    assert {"none": pytest.approx(100, rel=0.01), "cpu": pytest.approx(400, rel=0.01)} == {
        stage: item.power_W for stage, item in found.items()
    }
    assert all(item.noise_W == pytest.approx(0, abs=1e-6) for item in found.values())


def test_at_the_proposed_length_the_edges_cost_what_was_promised(tried):
    (short,) = (item for item in tried(rate_hz=20.0).trials if item.stage == "cpu")
    assert short.uncertainty * 8.0 / PRECISION == pytest.approx(short.shortest_s)
    (longer,) = (item for item in tried(rate_hz=5.0).trials if item.stage == "cpu")
    late_s = 0.1  # by which the counter's outermost readings may lie behind
    assert short.shortest_s == pytest.approx((2 / 20.0 + late_s) / PRECISION)
    assert longer.shortest_s == pytest.approx((2 / 5.0 + late_s) / PRECISION)


def test_the_slowest_measured_source_under_load_decides(tried):
    alone, beside = tried(), tried(beside=[_slow("measured")])
    assert alone.shortest_s < beside.shortest_s
    assert alone.shortest_s == pytest.approx(tried(beside=[_slow("modelled")]).shortest_s)
    assert math.isnan(tried(quality="modelled").shortest_s)


def test_two_sources_of_one_domain_are_compared_in_each_stage(tried):
    found = tried(beside=[_slow("measured", scale=1.1)]).agreements
    assert ["cpu", "none"] == sorted(item.stage for item in found)
    for item in found:
        ratio = item.ratio if item.other == "other" else 1 / item.ratio
        assert ratio == pytest.approx(1.1, rel=0.01)


def test_a_stage_that_left_no_marks_is_named_with_its_reason(tried):
    found = tried(phases={"none": "train", "cpu": "burn"})
    assert {"cpu": "it left no marks"} == found.failed
    assert ["none"] == [item.stage for item in found.trials]


def test_no_window_is_proposed_where_others_had_a_part_in_a_stage(tried):
    alone = tried()
    assert () == alone.disturbed
    assert alone.measures
    first, *others = alone.bystanders
    shared = replace(alone, bystanders=(replace(first, disturbed=("foreign_load: so it was",)), *others))
    assert (first.stage,) == shared.disturbed
    assert math.isnan(shared.shortest_s)
    assert shared.measures


def _slow(quality, scale=1.0):
    return {"origin": "other", "scale": scale, "rate_hz": 2.0, "quality": quality}
