"""Readings as rows, and what each channel lately said."""

import pytest

from harness.instruments.recorder import STALE_NS, Recorder
from harness.record import SAMPLES_CSV, Channel, Kind, Quality
from harness.sensors.sensor import Reading

MS = 1_000_000
S = 1000 * MS


def channel(name, kind):
    return Channel(name, "", kind, name.partition(".")[0], Quality.MEASURED, "test", 0.1)


@pytest.fixture
def recorder(tmp_path):
    channels = [
        channel("gpu0.power_W", Kind.MEAN), channel("gpu0.energy_J", Kind.COUNTER),
        channel("gpu0.temperature_C", Kind.GAUGE), channel("gpu0.memory_temperature_C", Kind.GAUGE),
        channel("package-0.energy_J", Kind.COUNTER),
    ]  # fmt: skip
    made = Recorder(tmp_path, channels)
    yield made
    made.close()


def test_rows_hold_every_digit_of_a_reading(recorder, tmp_path):
    recorder.take([Reading(10**18 + 1, "gpu0.power_W", 0.1 + 0.2), Reading(7, "package-0.energy_J", 3)])
    recorder.flush()
    assert (
        "1000000000000000001,gpu0.power_W,0.30000000000000004\n7,package-0.energy_J,3.0\n"
        == (tmp_path / SAMPLES_CSV).read_text()
    )


def test_readings_that_are_no_numbers_are_left_out_and_counted(recorder):
    recorder.take([Reading(1, "gpu0.power_W", float("nan")), Reading(2, "gpu0.power_W", float("inf"))])
    assert (0, 2) == (recorder.rows, recorder.not_finite)


def test_a_channel_that_was_not_announced_is_a_defect(recorder):
    with pytest.raises(KeyError):
        recorder.take([Reading(1, "gpu7.power_W", 1.0)])


def test_recent_power_is_the_mean_since_the_last_look_by_the_trace_before_the_counter(recorder):
    recorder.take(
        [Reading(k * 20 * MS, "gpu0.power_W", 100.0 + k) for k in range(5)] + [Reading(1, "gpu0.energy_J", 9.0)]
    )
    assert {"gpu0": 102.0} == recorder.power_W(100 * MS)
    recorder.take([Reading(200 * MS, "gpu0.power_W", 300.0)])
    assert {"gpu0": 300.0} == recorder.power_W(200 * MS)


def test_a_counter_without_a_trace_tells_power_by_its_growth(recorder):
    recorder.take([Reading(1 * S, "package-0.energy_J", 10.0)])
    assert {} == recorder.power_W(1 * S)
    recorder.take([Reading(3 * S, "package-0.energy_J", 110.0)])
    assert {"package-0": 50.0} == recorder.power_W(3 * S)
    assert {"package-0": 50.0} == recorder.power_W(4 * S)
    recorder.take([Reading(5 * S, "package-0.energy_J", 130.0)])
    assert {"package-0": 10.0} == recorder.power_W(5 * S)


def test_what_came_long_ago_is_not_shown(recorder):
    recorder.take([Reading(S, "gpu0.power_W", 100.0), Reading(S, "gpu0.temperature_C", 50.0)])
    assert ({"gpu0": 100.0}, {"gpu0": 50.0}) == (recorder.power_W(S), recorder.temperature_C(S))
    later_ns = S + STALE_NS
    assert ({}, {}) == (recorder.power_W(later_ns), recorder.temperature_C(later_ns))


def test_the_refresh_seen_is_the_median_time_between_changes_of_value(recorder):
    recorder.take([Reading(k * 20 * MS, "gpu0.power_W", float(k // 5)) for k in range(200)])
    recorder.take([Reading(k * S, "gpu0.temperature_C", 50.0) for k in range(200)])
    seen = recorder.refresh_seen()
    assert 0.1 == seen["gpu0.power_W"]
    assert seen["gpu0.temperature_C"] is None
    assert seen["package-0.energy_J"] is None


def test_what_gates_look_at_is_told_while_it_is_not_stale(tmp_path):
    channels = [channel("gpu0.foreign_processes", Kind.GAUGE), channel("gpu0.power_limit_W", Kind.GAUGE)]
    recorder = Recorder(tmp_path, [*channels, channel("gpu0.sm_clock_MHz", Kind.GAUGE)])
    recorder.take([Reading(1 * S, name, 2.0) for name in ("gpu0.foreign_processes", "gpu0.sm_clock_MHz")])
    recorder.take([Reading(4 * S, "gpu0.power_limit_W", 700.0)])
    assert {"gpu0.foreign_processes": 2.0, "gpu0.power_limit_W": 700.0} == recorder.context(5 * S)
    assert {"gpu0.power_limit_W": 700.0} == recorder.context(1 * S + STALE_NS)
    recorder.close()
