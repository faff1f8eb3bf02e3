"""A night that is planned by a pilot: its scatter, its order, in what the two differ, and that what is told is true."""

import math

import numpy as np
import pytest

from analysis.load import load
from analysis.power.coming import before
from analysis.power.pilot import plan_from
from analysis.statistics.order import ratio_with_order
from analysis.statistics.paired import paired_ratio
from harness.plan import make_plan
from harness.protocol_model import Protocol

SMALL = {"epochs": 0, "train_s": 1.0, "context": False, "accuracy": {}}
THREE = {"configurations": {"a": 1.0, "b": 0.99, "c": 0.98}, "noise_of": {"c": 0.03}}
NOISE = 0.006
AMOUNTS = [
    pytest.param(300, id="fast"),
    pytest.param(10_000, id="many", marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
]


def changed(night, **sections):
    """The pilot's protocol with other keys, section by section, and its plan."""
    body = night.protocol.model_dump(mode="json")
    for section, keys in sections.items():
        is_table = isinstance(keys, dict) and section not in ("factors",)
        body[section] = {**(body.get(section) or {}), **keys} if is_table else keys
    protocol = Protocol.model_validate(body, strict=False)
    return protocol, make_plan(protocol)


def codes(ahead):
    return [item.code for item in ahead.cautions]


@pytest.fixture(scope="module")
def pilot(simulate_once):
    return load(simulate_once(blocks=8, **THREE, **SMALL).path)


def test_a_further_night_of_the_pilots_own_protocol_is_told_as_power_tells_it(pilot):
    ahead = before(pilot, *changed(pilot, design={"blocks": 20}), (0.01,))
    known = plan_from(pilot, (0.01,))
    for mine, theirs in zip(ahead.contrasts, known.contrasts, strict=True):
        assert (theirs.scatter, theirs.needed, "") == (mine.scatter, mine.needed, mine.borrowed)
        assert 20 == mine.seen.runs
    assert known.worst.configuration == ahead.worst.configuration == "c"
    at_20 = next(point for point in known.curve if point.runs == 20)
    assert at_20 == ahead.worst.seen
    assert ["pilot-of-other-machine"] == codes(ahead)  # a simulated night has no machine


def test_time_and_energy_are_those_of_the_pilots_runs_of_the_same_configurations(pilot):
    protocol, plan = changed(pilot, design={"blocks": 20}, factors={"arm": ["a", "c"]})
    cost = before(pilot, protocol, plan, (0.01,)).cost
    runs = plan_from(pilot, (0.01,)).cost
    assert ((), 60) == (cost.unknown, len(plan.slots) + 20)
    assert 20 * runs.energy_J * (1 + 0.98) / (1 + 0.99 + 0.98) == pytest.approx(cost.energy.value, rel=0.02)
    assert cost.energy.low < cost.energy.value < cost.energy.high
    assert 20 * runs.seconds * 2 / 3 == pytest.approx(cost.as_piloted_s, rel=0.05)
    assert 0 < cost.run_s < cost.as_piloted_s / 40


def test_other_waits_than_the_pilots_tell_no_length_by_its_waits(pilot):
    ahead = before(pilot, *changed(pilot, cooldown={"minimum_s": 60}), (0.01,))
    assert (None, True) == (ahead.cost.as_piloted_s, ahead.cost.run_s is not None)
    [caution] = [item for item in ahead.cautions if item.code == "pilot-of-other-conditions"]
    assert "cooldown" in caution.message


def test_a_configuration_that_the_pilot_has_not_is_reckoned_by_all_together_and_said(pilot):
    ahead = before(pilot, *changed(pilot, factors={"arm": ["a", "c", "d"]}), (0.01,))
    borrowed = {item.configuration: item.borrowed for item in ahead.contrasts}
    assert ("", True) == (borrowed["c"], "all configurations of the pilot together" == borrowed["d"])
    assert 14 == next(item.scatter.degrees for item in ahead.contrasts if item.borrowed)
    assert "Not in the pilot: d." in next(
        item.message for item in ahead.cautions if item.code == "pilot-lacks-configurations"
    )
    assert (("d",), None, None) == (ahead.cost.unknown, ahead.cost.run_s, ahead.cost.energy.value)


def test_another_command_is_other_work(pilot):
    ahead = before(pilot, *changed(pilot, workload={"command": ["{python}", "other.py"]}), (0.01,))
    assert all(item.borrowed for item in ahead.contrasts)
    assert "pilot-of-other-work" in codes(ahead)
    assert 3 == len(ahead.cost.unknown)


def test_another_metric_that_the_pilot_has_not_tells_nothing(pilot):
    ahead = before(pilot, *changed(pilot, analysis={"metric": "latency_ms"}), (0.01,))
    assert ((), None) == (ahead.contrasts, ahead.worst)
    assert "pilot-of-another-response" in codes(ahead)


def test_another_metric_that_the_pilot_has_is_told_by_its_own_scatter(pilot):
    energy, power = (
        before(pilot, *changed(pilot, analysis={"metric": metric}), (0.01,)) for metric in ("energy", "power")
    )
    assert ("mean power" in power.response, "energy" in energy.response) == (True, True)
    assert power.contrasts


@pytest.mark.parametrize(
    ("section", "code"),
    [
        ({"sensors": {"simulated": None, "rapl": {}}}, None),
        ({"sensors": {"simulated": None, "load_model": {}}}, "pilot-measured"),
        ({"engine": {"slurm": {}}}, "pilot-of-other-machine"),
        ({"analysis": {"test": "rank"}}, "pilot-by-t"),
    ],
)
def test_in_what_pilot_and_protocol_differ_is_said(pilot, section, code):
    found = codes(before(pilot, *changed(pilot, **section), (0.01,)))
    assert code in found if code else "pilot-measured" not in found


@pytest.mark.parametrize(
    ("settings", "section", "code"),
    [
        ({"quality": "modelled"}, {"sensors": {"simulated": None, "rapl": {}}}, "pilot-modelled"),
        ({"order": "shuffle"}, {"design": {"order": "blocks"}}, "pilot-without-blocks"),
        (
            {"protocol": {"design": {"workload_seed": "fixed"}}},
            {"design": {"workload_seed": "per-run"}},
            "pilot-of-one-seed",
        ),
        ({"blocks": 2}, {}, "pilot-bounds-nothing"),
        ({"configurations": {"only": 1.0}}, {"factors": {"arm": ["only", "new"]}}, "pilot-lacks-configurations"),
    ],
)
def test_a_pilot_of_another_kind_is_told_so(simulate_once, settings, section, code):
    night = load(simulate_once(**{"blocks": 5, **settings}, **SMALL).path)
    analysis = {"analysis": {"baseline": None}} if "factors" in section else {}
    ahead = before(night, *changed(night, **section, **analysis), (0.01,))
    assert code in codes(ahead)
    assert ahead.worst is not None


def test_this_machine_is_told_from_the_pilots(simulate_once):
    night = load(simulate_once(blocks=5, **SMALL).path)
    night = type(night)(
        **{**vars(night), "host": {"id": "0123abcd", "cpu": "a processor", "gpus": [{"name": "a card"}]}}
    )
    protocol, plan = changed(night)
    same = before(night, protocol, plan, (0.01,), here={"id": "0123abcd", "cpu": "a processor"})
    other = before(night, protocol, plan, (0.01,), here={"id": "ffffffff", "cpu": "another"})
    assert "pilot-of-other-machine" not in codes(same)
    [caution] = [item for item in other.cautions if item.code == "pilot-of-other-machine"]
    assert "a processor, a card; this one: another" in caution.message


@pytest.mark.parametrize("amount", AMOUNTS)
def test_the_smallest_difference_told_from_a_pilot_is_found_as_often_as_is_told(simulate_once, amount):
    """Nights of ten blocks with 0.6 % noise, planned by a pilot of 60 of the same; the slack is that of its scatter."""
    night = load(simulate_once(blocks=60, noise=NOISE, seed=11, **SMALL).path)
    [item] = before(night, *changed(night, design={"blocks": 10}), (0.01,)).contrasts
    draw, found = np.random.default_rng(12), 0
    for _ in range(amount):
        logs = 7 + NOISE * draw.standard_normal((10, 2))
        logs[:, 0] += math.log1p(item.seen.smallest_effect)
        found += paired_ratio(*np.exp(logs.T), 0.95).p < 0.05
    truth = 0.9 if abs(item.scatter.deviation / NOISE - 1) < 1e-3 else _power(item, 10)
    assert abs(found / amount - truth) <= 3 * math.sqrt(truth * (1 - truth) / amount), found / amount
    assert item.seen.smallest_effect_low < item.seen.smallest_effect < item.seen.smallest_effect_high


def _power(item, n):
    """How often the difference told is found at the true noise: the pilot's own is off by its degrees of freedom."""
    from statsmodels.stats.power import TTestPower

    return float(TTestPower().power(math.log1p(item.seen.smallest_effect) / (NOISE * math.sqrt(2)), n, 0.05))


@pytest.mark.parametrize("order", ["shuffle", "listed"])
@pytest.mark.parametrize("amount", AMOUNTS)
def test_without_blocks_it_is_found_as_often_in_the_very_order_that_is_drawn(simulate_once, amount, order):
    night = load(simulate_once(blocks=60, noise=NOISE, order="shuffle", seed=11, **SMALL).path)
    protocol, plan = changed(night, design={"blocks": 10, "order": order})
    [item] = before(night, protocol, plan, (0.01,)).contrasts
    off = item.scatter.deviation / NOISE
    places = [
        np.array([place for place, slot in enumerate(plan.slots) if slot.configuration == name], float)
        for name in (item.configuration, item.baseline)
    ]
    draw, found = np.random.default_rng(13), 0
    effect = math.log1p(item.seen.smallest_effect) / off  # as a pilot that knew the noise would have told it
    for _ in range(amount):
        sides = [np.exp(7 + 0.002 * place + NOISE * draw.standard_normal(10)) for place in places]
        found += ratio_with_order(sides[0] * math.exp(effect), sides[1], *places, 0.95).p < 0.05
    assert abs(found / amount - 0.9) <= 3 * math.sqrt(0.09 / amount) + 0.02, found / amount
    assert 0.8 < off < 1.25


def test_a_listed_night_sees_less_than_a_shuffled_one(simulate_once):
    night = load(simulate_once(blocks=20, **SMALL).path)
    seen = [
        before(night, *changed(night, design={"blocks": 10, "order": order}), (0.01,)).contrasts[0].seen.smallest_effect
        for order in ("blocks", "shuffle", "listed")
    ]
    assert 1.5 < seen[2] / seen[1] < 2.5
    assert seen[0] < seen[2]
