"""The temperature gate: within the band around the median start of block 1."""

import pytest

from harness.gates.temperature import TemperatureGate, too_cold, too_hot
from harness.protocol_model import Cooldown, Reheat

COOLDOWN = Cooldown(minimum_s=60.0, until="temperature", band_C=3.0, maximum_s=900.0)


def gate(read, target_C=None, rested_s=60.0, **changes):
    cooldown = COOLDOWN.model_copy(update=changes)
    return TemperatureGate(cooldown, target_C or {"gpu0": 30.0}, read, lambda: rested_s)


@pytest.mark.parametrize(
    ("temperature_C", "is_open", "figure", "limit"),
    [(33.0, True, 33.0, 30.0), (33.1, False, 33.1, 33.0), (27.0, True, 27.0, 30.0), (20.0, True, 20.0, 27.0)],
)
def test_a_run_starts_inside_the_band_or_below_it(told, temperature_C, is_open, figure, limit):
    look = gate(told({"gpu0": temperature_C})).look(0.0)
    assert (is_open, figure, limit, "C") == (look.open, look.figure, look.limit, look.unit)


def test_the_hottest_domain_above_its_band_is_named(told):
    look = gate(told({"gpu0": 34.0, "cpu": 48.0}), {"gpu0": 30.0, "cpu": 40.0}).look(0.0)
    assert (False, "cpu is at 48 °C, above 40 + 3 °C") == (look.open, look.why)


def test_a_temperature_that_nobody_reads_is_not_waited_for(told):
    look = gate(told({"cpu": 90.0})).look(0.0)
    assert (None, "no temperature of gpu0 is read") == (look.open, look.why)


def test_the_budget_is_what_is_left_since_the_end_of_the_previous_workload(told):
    assert 600.0 == gate(told({}), rested_s=300.0).budget_s
    assert 0.0 == gate(told({}), rested_s=1000.0).budget_s
    assert 100.0 == gate(told({}), rested_s=100.0, minimum_s=200.0, maximum_s=50.0).budget_s


def test_over_its_budget_a_run_is_refused_unless_the_protocol_says_start(told):
    assert not gate(told({})).lenient
    assert gate(told({}), over_budget="start").lenient


REHEAT = Reheat(command=("burn",), maximum_s=120.0)


def test_too_cold_is_waited_for_only_until_it_was_heated(told):
    cold = gate(told({"gpu0": 20.0}), reheat=REHEAT)
    assert (False, True) == (cold.look(0.0).open, cold.too_cold)
    cold.reheated(took_s=50.0)
    assert (True, False) == (cold.look(0.0).open, cold.too_cold)
    assert 890.0 == cold.budget_s


def test_without_a_command_nothing_is_heated(told):
    assert not gate(told({"gpu0": 20.0})).too_cold


def test_while_another_domain_is_too_hot_nothing_is_heated(told):
    mixed = gate(told({"gpu0": 20.0, "cpu": 60.0}), {"gpu0": 30.0, "cpu": 40.0}, reheat=REHEAT)
    assert (False, False) == (mixed.look(0.0).open, mixed.too_cold)


def test_reheating_has_done_enough_when_no_domain_is_below_its_target(told):
    targets = {"gpu0": 30.0, "cpu": 40.0}
    assert not gate(told({"gpu0": 30.0, "cpu": 39.0}), targets).warm
    assert gate(told({"gpu0": 30.0, "cpu": 41.0}), targets).warm


def test_what_is_hot_and_what_is_cold_is_told_by_domain():
    temperature_C = {"gpu0": 40.0, "gpu1": 20.0, "cpu": 31.0, "wall": 29.0}
    target_C = dict.fromkeys(temperature_C, 30.0)
    assert ("gpu0",) == too_hot(temperature_C, target_C, 3.0)
    assert ("gpu1",) == too_cold(temperature_C, target_C, 3.0)
