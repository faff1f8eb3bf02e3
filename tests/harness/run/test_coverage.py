"""What in the measurement may spoil a run; pure, so the cases are made by hand."""

from dataclasses import replace

import pytest

from harness.coverage import judge_measurement
from harness.protocol_gates import VerdictRule
from harness.record import Channel, Kind, Phase, Quality, RunRecord, SamplerCost, Status, Validity
from harness.verdicts import Rules

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
    "window_between_s": 60.0,
    "window_mean": 100.0,
    "around_mean": None,
    "around_begin_ns": 0,
    "around_end_ns": 0,
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


def test_readings_that_are_no_numbers_are_told():
    assert {"not_finite_readings": ("warning", 7)} == found([TRACE], [{**GOOD, "not_finite": 7}])


def test_a_window_of_few_readings_is_mostly_edge():
    assert {"short_window": ("warning", 2)} == found([TRACE], [{**GOOD, "window_n": 2}])


@pytest.mark.parametrize(
    ("channel", "window_s", "verdicts"),
    [
        (TRACE, 0.4, {}),
        (TRACE, 0.3, {"short_window": ("warning", pytest.approx(15.0))}),
        (LONE_COUNTER, 3.0, {"short_window": ("warning", pytest.approx(15.0))}),
        (replace(TRACE, refresh_seen_s=1.0), 15.0, {"short_window": ("warning", pytest.approx(15.0))}),
        (replace(TRACE, refresh_seen_s=1.0, quality=Quality.MODELLED), 15.0, {}),
        (TEMPERATURE, 3.0, {}),
        (replace(TRACE, name="constant/gpu0.power_W", origin="constant", refresh_s=1.0), 3.0, {}),
    ],
)
def test_a_window_shorter_than_twenty_refreshes_of_its_sensor_is_told(channel, window_s, verdicts):
    short = replace(RECORD, window=Phase("train", 20 * S, round((20 + window_s) * S)))
    assert verdicts == found([channel], [GOOD], short)


def test_how_long_a_window_should_be_is_said():
    short = replace(RECORD, window=Phase("train", 20 * S, 21 * S))
    samples = {"rows": 1, "torn_B": 0, "unread_lines": 0, "channels": {LONE_COUNTER.name: GOOD}}
    (verdict,) = judge_measurement(
        replace(short, channels=(LONE_COUNTER,)), samples=samples, unfinished=(), lost="", clocks=(),
        expected_channels=(),
    )  # fmt: skip
    expected = "the window of 1 s holds few refreshes of package-0.energy_J: 4 s would hold 20"
    assert expected == verdict.evidence


def test_the_windows_of_a_rehearsal_are_short_on_purpose():
    assert {} == found([TRACE], [{**GOOD, "window_n": 2}], replace(RECORD, rehearsal=True))


def test_a_counter_of_one_source_is_no_anchor_for_the_trace_of_another():
    meter = replace(TRACE, name="meter/gpu0.power_W", origin="meter")
    assert {"gap": ("invalid", 5.0)} == found([meter, COUNTER], [GOOD, {**GOOD, "window_gap_s": 5.0}])


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


def stretch(begin_s, end_s, loaded_s, limit_s=10):
    return {
        "begin_ns": begin_s * S, "end_ns": end_s * S, "loaded_ns": loaded_s * S, "limit_ns": limit_s * S,
        "value": 412.0, "unit": "W", "load_pct": 97.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("unchanged", "verdicts"),
    [
        (stretch(30, 45, 9), {}),
        (stretch(30, 45, 10), {"frozen": ("warning", 10.0)}),
        (stretch(30, 55, 15, limit_s=20), {}),
        (stretch(1, 12, 11), {"frozen": ("warning", 11.0)}),
        (stretch(0, 10, 10), {}),  # before the launch
        (stretch(90, 105, 15), {}),  # after the end
    ],
)
def test_a_power_that_stands_still_under_load_is_warned_of(unchanged, verdicts):
    assert verdicts == found([TRACE], [GOOD], unchanged={TRACE.name: unchanged})
    assert {} == found([TRACE], [GOOD], replace(RECORD, launched_ns=None), unchanged={TRACE.name: unchanged})


@pytest.mark.parametrize(("late", "verdicts"), [(5, {}), (6, {"late_ticks": ("warning", 0.06)})])
def test_a_sampler_that_did_not_keep_its_time_is_told(late, verdicts):
    cost = SamplerCost(1.0, 100.0, 100, late, 0.1, 1 << 20)
    assert verdicts == found([TRACE], [GOOD], replace(RECORD, sampler=cost))


def test_another_instrument_that_did_not_keep_its_time_is_told_too():
    cost = {"cpu_s": 1.0, "wall_s": 100.0, "ticks": 100, "late_ticks": 10}
    late = replace(RECORD, instruments={"codecarbon": {"cost": cost}, "energibridge": {"cost": None}})
    assert {"late_ticks": ("warning", 0.1)} == found([TRACE], [GOOD], late)


def test_damaged_samples_are_told():
    samples = {"rows": 1, "torn_B": 7, "unread_lines": 2, "channels": {TRACE.name: GOOD}}
    verdicts = {"unread_samples": ("warning", 2), "torn_samples": ("information", 7)}
    assert verdicts == found([TRACE], [GOOD], samples=samples)


def ruled(**moved):
    return Rules({name: VerdictRule(**rule) for name, rule in moved.items()})


@pytest.mark.parametrize(
    ("rules", "verdicts"),
    [
        (ruled(gap={"level": "warning"}), {"gap": ("warning", 5.0)}),
        (ruled(gap={"limit": 6.0}), {}),
        (ruled(gap={"limit": 0.5, "level": "information"}), {"gap": ("information", 5.0)}),
    ],
)
def test_a_protocol_moves_level_and_limit(rules, verdicts):
    assert verdicts == found([TRACE], [{**GOOD, "window_gap_s": 5.0}], rules=rules)


def test_a_milder_case_is_never_made_graver():
    rules = ruled(gap={"level": "invalid"}, no_readings={"level": "invalid"})
    assert {"gap": ("warning", 50.0)} == found([TEMPERATURE], [{**GOOD, "window_gap_s": 50.0}], rules=rules)
    assert {"no_readings": ("warning", None)} == found([TEMPERATURE], [None], rules=rules)


def test_a_milder_case_is_made_milder_still():
    rules = ruled(gap={"level": "information"})
    assert {"gap": ("information", 50.0)} == found([TEMPERATURE], [{**GOOD, "window_gap_s": 50.0}], rules=rules)
