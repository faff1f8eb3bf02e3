import pytest

from harness.forecast import forecast, rows_per_s
from harness.plan import make_plan
from harness.protocol_model import Protocol


def protocol(**sections):
    body = {"title": "t", "workload": {"command": ("true",), "timeout_s": 100.0, "grace_s": 5.0}}
    return Protocol.model_validate(
        body
        | {"factors": {"arm": ("a", "b")}, "design": {"blocks": 3}, "sensors": {"constant": {"power_W": 1.0}}}
        | sections
    )


def test_without_waits_the_best_night_is_its_runs():
    asked = protocol()
    ahead = forecast(asked, make_plan(asked), run_s=10)
    assert 6 == ahead.runs
    assert 60 == ahead.best_s
    assert 6 * (105 + 0.5) == pytest.approx(ahead.worst_s)


def test_every_wait_is_counted():
    asked = protocol(
        warmup={"command": ("true",), "duration_s": 300.0, "runs": 1},
        cooldown={"minimum_s": 20.0, "maximum_s": 60.0, "until": "temperature"},
        baseline={"duration_s": 7.0},
        prepare={"command": ("true",), "timeout_s": 3.0},
        cleanup={"command": ("true",), "timeout_s": 4.0},
    )
    ahead = forecast(asked, make_plan(asked), run_s=10)
    assert 300 + 3 * 7 + 8 * (20 + 10) == pytest.approx(ahead.best_s)
    assert 300 + 3 * 7 + 8 * (60 + 105 + 7 + 0.5) == pytest.approx(ahead.worst_s)


def test_a_wait_by_time_is_never_longer_than_its_minimum():
    asked = protocol(cooldown={"minimum_s": 20.0})
    assert 6 * (20 + 105 + 0.5) == pytest.approx(forecast(asked, make_plan(asked)).worst_s)


def test_a_run_reckoned_longer_than_its_limit_is_no_better_than_the_worst():
    asked = protocol()
    ahead = forecast(asked, make_plan(asked), run_s=1000)
    assert ahead.best_s <= ahead.worst_s


def test_disk_grows_with_runs_and_rows():
    one = protocol()
    fast = protocol(sensors={"simulated": {"interval_ms": 1.0}})
    assert forecast(one, make_plan(one), 10).best_B < forecast(fast, make_plan(fast), 10).best_B
    assert forecast(one, make_plan(one), 10).best_B < forecast(one, make_plan(one), 10).worst_B


def test_rows_follow_the_sensors_rates():
    assert 1 == rows_per_s(protocol())
    nvml = {"nvml": {"devices": (0, 1), "interval_ms": 1000.0, "counter_s": 5.0}}
    assert 2 * (50 + 11 + 0.2) == pytest.approx(rows_per_s(protocol(sensors=nvml)))
    assert 15 == rows_per_s(protocol(sensors={"rapl": {}}))
    assert 4 == rows_per_s(protocol(sensors={"hwmon": {"chips": ("amdgpu", "xe"), "interval_ms": 500.0}}))
    plugs = ({"kind": "shelly", "interval_ms": 500.0}, {"kind": "shelly"})
    assert 6 == rows_per_s(protocol(sensors={"meter": plugs}))
    assert 5 == rows_per_s(protocol(sensors={"fallback": "load_model"}))


def test_reheating_may_take_its_time_too():
    cooldown = {"minimum_s": 20.0, "maximum_s": 60.0, "until": "temperature"}
    plain, heated = (
        protocol(cooldown={**cooldown, **more}) for more in ({}, {"reheat": {"command": ("true",), "maximum_s": 30.0}})
    )
    longer_s = forecast(heated, make_plan(heated)).worst_s - forecast(plain, make_plan(plain)).worst_s
    assert 6 * 30 == pytest.approx(longer_s)


def test_what_the_rest_of_a_night_needs_is_one_run_at_its_longest_and_all_at_least():
    asked = protocol()
    ahead = forecast(asked, make_plan(asked))
    assert ahead.largest_run_B + ahead.best_B == pytest.approx(ahead.needed_B(6))
    assert ahead.largest_run_B + ahead.best_B / 6 == pytest.approx(ahead.needed_B(1))
