"""What in the measurement may spoil a run; pure, so the cases are made by hand."""

from dataclasses import replace

import pytest

from harness.coverage import judge_measurement
from harness.record import Channel, ClockPair, Kind, Phase, Quality, RunRecord, SamplerCost, Status, Validity

S = 1_000_000_000
TRACE = Channel("gpu0.power_W", "W", Kind.MEAN, "gpu0", Quality.MEASURED, "ring buffer", 0.02)
COUNTER = Channel("gpu0.energy_J", "J", Kind.COUNTER, "gpu0", Quality.MEASURED, "counter", 0.1)
LONE_COUNTER = Channel("package-0.energy_J", "J", Kind.COUNTER, "package-0", Quality.MEASURED, "powercap", 0.2)
TEMPERATURE = Channel("gpu0.temperature_C", "C", Kind.GAUGE, "gpu0", Quality.MEASURED, "NVML", 1.0)
RECORD = RunRecord(
    slot="b01-1",
    block=1,
    position=1,
    replicate=1,
    attempt=1,
    configuration="a",
    levels={},
    seed=0,
    status=Status.COMPLETED,
    validity=Validity.VALID,
    started_ns=0,
    ended_ns=100 * S,
    started_realtime_ns=0,
    launched_ns=10 * S,
    exited_ns=90 * S,
    window=Phase("train", 20 * S, 80 * S),
)
GOOD = {
    "n": 5000,
    "first_ns": 5 * S,
    "last_ns": 95 * S,
    "not_finite": 0,
    "falls": 0,
    "window_n": 3000,
    "window_gap_s": 0.03,
    "window_first": 1.0,
    "window_last": 1.0,
}


def found(channels, tallies, record=RECORD, **evidence):
    samples = {
        "rows": 1,
        "torn_B": 0,
        "unread_lines": 0,
        "channels": dict(zip((c.name for c in channels), tallies, strict=True)),
    }
    given = {
        "samples": samples,
        "unfinished": (),
        "lost": "",
        "clocks": (),
        "expected_channels": (),
        **evidence,
    }
    verdicts = judge_measurement(replace(record, channels=tuple(channels)), **given)
    return {verdict.name: (verdict.level.value, verdict.figure) for verdict in verdicts}


@pytest.mark.parametrize("channel", [TRACE, COUNTER, LONE_COUNTER, TEMPERATURE])
def test_a_channel_that_covers_the_window_has_no_verdict(channel):
    assert {} == found([channel], [GOOD])


@pytest.mark.parametrize(
    ("channel", "gap_s", "verdicts"),
    [
        (TRACE, 0.9, {}),
        (TRACE, 1.1, {"gap": ("invalid", 1.1)}),
        (LONE_COUNTER, 1.9, {}),
        (LONE_COUNTER, 2.1, {"gap": ("invalid", 2.1)}),
        (TEMPERATURE, 10.1, {"gap": ("warning", 10.1)}),
    ],
)
def test_a_gap_is_measured_by_the_channel_s_own_period(channel, gap_s, verdicts):
    assert verdicts == found([channel], [{**GOOD, "window_gap_s": gap_s}])


def test_a_counter_beside_a_trace_is_read_now_and_then_on_purpose():
    assert {} == found([TRACE, COUNTER], [GOOD, {**GOOD, "window_gap_s": 5.0, "window_n": 2}])


@pytest.mark.parametrize(("edge", "stamp_ns"), [("first_ns", 20 * S + S // 2), ("last_ns", 80 * S - S // 2)])
def test_a_trace_that_misses_an_edge_of_the_window_spoils_the_run(edge, stamp_ns):
    assert {"not_covered": ("invalid", 0.5)} == found([TRACE], [{**GOOD, edge: stamp_ns}])


def test_a_last_reading_that_comes_a_refresh_late_does_not():
    assert {} == found([TRACE], [{**GOOD, "last_ns": 80 * S - S // 5}])


@pytest.mark.parametrize(("channel", "level"), [(TRACE, "invalid"), (TEMPERATURE, "warning")])
def test_a_channel_without_a_reading_is_told(channel, level):
    assert {"no_readings": (level, None)} == found([channel], [None])
    assert {"no_readings": (level, None)} == found([channel], [{**GOOD, "n": 7, "not_finite": 7}])


def test_a_window_of_few_readings_is_mostly_edge():
    assert {"few_readings": ("warning", 2)} == found([TRACE], [{**GOOD, "window_n": 2}])


def test_a_counter_that_goes_back_spoils_the_run():
    assert {"counter_fell": ("invalid", 1)} == found([LONE_COUNTER], [{**GOOD, "falls": 1}])


def test_a_power_that_falls_is_no_counter():
    assert {} == found([TRACE], [{**GOOD, "falls": 1000}])


def test_without_a_window_nothing_can_be_covered():
    assert {} == found([TRACE], [{**GOOD, "window_gap_s": 50.0}], replace(RECORD, window=None))


def test_a_power_limit_is_a_setting_not_a_trace():
    limit = Channel("gpu0.power_limit_W", "W", Kind.GAUGE, "gpu0", Quality.MEASURED, "NVML", 1.0)
    assert {} == found([limit], [{**GOOD, "window_n": 2}])
    assert {"gap": ("warning", 30.0)} == found([limit], [{**GOOD, "window_gap_s": 30.0}])
    assert {} == found([LONE_COUNTER, replace(limit, domain="package-0")], [GOOD, GOOD])


def test_a_channel_of_the_first_run_that_is_missing_spoils_the_run():
    verdicts = found([TRACE], [GOOD], expected_channels=("gpu0.power_W", "dram-0.energy_J"))
    assert {"channel_missing": ("invalid", None)} == verdicts


@pytest.mark.parametrize(
    ("evidence", "verdicts"),
    [
        ({"lost": "sampler ended"}, {"lost_instrument": ("invalid", None)}),
        ({"unfinished": ("sampler",)}, {"instrument_unfinished": ("warning", None)}),
    ],
)
def test_an_instrument_that_was_lost_or_forced_is_told(evidence, verdicts):
    assert verdicts == found([TRACE], [GOOD], **evidence)


@pytest.mark.parametrize(("late", "verdicts"), [(5, {}), (6, {"late_ticks": ("warning", 0.06)})])
def test_a_sampler_that_did_not_keep_its_time_is_told(late, verdicts):
    cost = SamplerCost(1.0, 100.0, 100, late, 0.1, 1 << 20)
    assert verdicts == found([TRACE], [GOOD], replace(RECORD, sampler=cost))


def clocks(step_ns=0, sleep_ns=0):
    return [
        ClockPair(n * S, n * S + (step_ns if n > 50 else 0), n * S + (sleep_ns if n > 50 else 0)) for n in range(100)
    ]


def test_a_machine_that_slept_spoils_the_run():
    assert {"suspended": ("invalid", 60.0)} == found([TRACE], [GOOD], clocks=clocks(sleep_ns=60 * S))


def test_a_machine_that_slept_before_the_launch_does_not():
    later = replace(RECORD, launched_ns=60 * S)
    assert {} == found([TRACE], [GOOD], later, clocks=clocks(sleep_ns=60 * S))


def test_a_step_of_the_wall_clock_is_information():
    assert {"clock_step": ("information", 2.0)} == found([TRACE], [GOOD], clocks=clocks(step_ns=2 * S))


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("gpu0.throttle_power_s", {"power_cap": ("information", 0.5)}),
        ("gpu0.throttle_thermal_s", {"thermal_throttling": ("warning", 0.5)}),
    ],
)
def test_a_clock_that_was_held_down_is_told(name, verdict):
    throttle = Channel(name, "s", Kind.COUNTER, "gpu0", Quality.MEASURED, "NVML", 1.0)
    assert verdict == found([throttle], [{**GOOD, "window_first": 3.0, "window_last": 33.0}])


@pytest.mark.parametrize(
    ("start", "most", "verdicts"),
    [
        (0.0, 0.0, {}),
        (1.0, 1.0, {"foreign_load": ("warning", 1.0)}),
        (1.0, 2.0, {"foreign_load": ("invalid", 2.0)}),
        (None, 1.0, {"foreign_load": ("invalid", 1.0)}),
    ],
)
def test_a_foreign_process_that_comes_meanwhile_spoils_the_run(start, most, verdicts):
    foreign = Channel("gpu0.foreign_processes", "", Kind.GAUGE, "gpu0", Quality.MEASURED, "NVML", 1.0)
    assert verdicts == found([foreign], [{**GOOD, "start": start, "window_maximum": most}])


def test_damaged_samples_are_told():
    samples = {"rows": 1, "torn_B": 7, "unread_lines": 2, "channels": {TRACE.name: GOOD}}
    verdicts = {"unread_samples": ("warning", 2), "torn_samples": ("information", 7)}
    assert verdicts == found([TRACE], [GOOD], samples=samples)
