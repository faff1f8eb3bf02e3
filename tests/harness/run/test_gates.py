"""The cool-down's decisions."""

import pytest

from harness.gates import may_start, too_cold, too_hot
from harness.protocol_model import Cooldown

BY_TIME = Cooldown(minimum_s=120.0)
BY_TEMPERATURE = Cooldown(minimum_s=60.0, until="temperature", band_C=3.0, maximum_s=900.0)


def test_the_minimum_is_waited_for_and_its_rest_told():
    decision = may_start(BY_TIME, 100.0, {}, None)
    assert (False, "resting", 20.0) == (decision.start, decision.why, decision.wait_s)


def test_after_the_minimum_the_time_alone_decides():
    assert may_start(BY_TIME, 120.0, {"gpu0": 99.0}, {"gpu0": 30.0}).start


@pytest.mark.parametrize(
    ("rested_s", "temperature_C", "target_C", "start", "why"),
    [
        (59.0, 30.0, 30.0, False, "resting"),
        (60.0, 33.0, 30.0, True, "cool"),
        (60.0, 33.1, 30.0, False, "hot"),
        (60.0, 20.0, 30.0, True, "cool"),
        (899.0, 50.0, 30.0, False, "hot"),
        (900.0, 50.0, 30.0, True, "budget"),
    ],
)
def test_by_temperature_a_run_starts_inside_the_band_or_when_the_budget_is_over(
    rested_s, temperature_C, target_C, start, why
):
    decision = may_start(BY_TEMPERATURE, rested_s, {"gpu0": temperature_C}, {"gpu0": target_C})
    assert (start, why) == (decision.start, decision.why)


def test_as_long_as_block_1_has_not_told_the_target_the_time_decides():
    assert "rested" == may_start(BY_TEMPERATURE, 60.0, {"gpu0": 80.0}, None).why


def test_a_temperature_that_nobody_reads_is_not_waited_for():
    decision = may_start(BY_TEMPERATURE, 60.0, {}, {"gpu0": 30.0})
    assert (True, "no reading") == (decision.start, decision.why)


def test_what_is_hot_and_what_is_cold_is_told_by_domain():
    temperature_C = {"gpu0": 40.0, "gpu1": 20.0, "cpu": 31.0, "wall": 29.0}
    target_C = dict.fromkeys(temperature_C, 30.0)
    assert ("gpu0",) == too_hot(temperature_C, target_C, 3.0)
    assert ("gpu1",) == too_cold(temperature_C, target_C, 3.0)
