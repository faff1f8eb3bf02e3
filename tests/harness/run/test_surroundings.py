"""What went on around a workload; pure, so the cases are made by hand."""

from dataclasses import replace

import pytest

from harness.protocol_gates import VerdictRule
from harness.record import Channel, ClockPair, Kind, Phase, Quality, RunRecord, SamplerCost, Status, Validity
from harness.surroundings import judge_surroundings
from harness.verdicts import UNMOVED, Rules

S = 1_000_000_000
TRACE = Channel("gpu0.power_W", "W", Kind.MEAN, "gpu0", Quality.MEASURED, "ring buffer", 0.02)
LIMIT = Channel("gpu0.power_limit_W", "W", Kind.GAUGE, "gpu0", Quality.MEASURED, "NVML", 1.0)
COUNTER = Channel("package-0.energy_J", "J", Kind.COUNTER, "package-0", Quality.MEASURED, "powercap", 0.2)
LOAD = Channel("cpu.load_pct", "%", Kind.MEAN, "cpu", Quality.MEASURED, "/proc/stat", 1.0, origin="machine")
REASONS = Channel("gpu0.throttle_reasons", "", Kind.GAUGE, "gpu0", Quality.MEASURED, "NVML", 1.0)
THERMAL = Channel("gpu0.throttle_thermal_s", "s", Kind.COUNTER, "gpu0", Quality.MEASURED, "NVML", 1.0)
FOREIGN = Channel("gpu0.foreign_processes", "", Kind.GAUGE, "gpu0", Quality.MEASURED, "NVML", 1.0)
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
    "n": 60,
    "falls": 0,
    "maximum": 700.0,
    "start": 0.0,
    "window_n": 60,
    "window_mean": 100.0,
    "window_maximum": 0.0,
    "window_first": 0.0,
    "window_last": 0.0,
    "window_between_s": 60.0,
    "window_bits": {},
    "around_mean": None,
    "around_begin_ns": 10 * S,
    "around_end_ns": 90 * S,
}


def verdicts_on(channels, tallies, record=RECORD, *, ratios=None, clocks=(), rules=UNMOVED, cpus=4):
    samples = {
        "channels": dict(zip((c.name for c in channels), tallies, strict=True)),
        "counter_ratios": ratios or {},
    }
    return list(judge_surroundings(replace(record, channels=tuple(channels)), samples, clocks, rules, cpus))


def found(*args, **given):
    return {item.name: (item.level.value, item.figure) for item in verdicts_on(*args, **given)}


def test_a_good_run_has_no_verdict():
    channels = [TRACE, LIMIT, COUNTER, LOAD, REASONS, THERMAL, FOREIGN]
    assert {} == found(channels, [GOOD] * len(channels), ratios={"gpu0.energy_J": 1.005})


def test_without_samples_only_the_clocks_are_looked_at():
    assert [] == list(judge_surroundings(RECORD, None, (), UNMOVED))


# -- clocks -----------------------------------------------------------------------------------------------------------


def pairs(step_ns=0, sleep_ns=0):
    return [
        ClockPair(n * S, n * S + (step_ns if n > 50 else 0), n * S + (sleep_ns if n > 50 else 0)) for n in range(100)
    ]


def test_a_machine_that_slept_spoils_the_run():
    assert {"suspended": ("invalid", 60.0)} == found([TRACE], [GOOD], clocks=pairs(sleep_ns=60 * S))


def test_a_machine_that_slept_before_the_launch_does_not():
    later = replace(RECORD, launched_ns=60 * S)
    assert {} == found([TRACE], [GOOD], later, clocks=pairs(sleep_ns=60 * S))


def test_a_step_of_the_wall_clock_is_information():
    assert {"clock_step": ("information", 2.0)} == found([TRACE], [GOOD], clocks=pairs(step_ns=2 * S))


# -- counter against trace --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ratio", [0.98, 1.02])
def test_a_counter_that_tells_another_energy_than_its_trace_is_told(ratio):
    verdicts = found([TRACE], [GOOD], ratios={"gpu0.energy_J": ratio})
    assert {"counter_ratio": ("warning", pytest.approx(ratio - 1))} == verdicts


@pytest.mark.parametrize(("ratio", "words"), [(0.98, "2.00 % less than"), (1.02, "2.00 % more than")])
def test_by_how_much_a_counter_differs_is_said_in_words(ratio, words):
    (verdict,) = verdicts_on([TRACE], [GOOD], ratios={"gpu0.energy_J": ratio})
    assert words in verdict.evidence


# -- powers that no device draws --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mean_W", "limit_W", "spoilt"),
    [
        (839.0, 700.0, False),
        (841.0, 700.0, True),
        (-1.0, 700.0, True),
        (0.0, 700.0, False),
    ],
)
def test_a_mean_power_beyond_the_enforced_limit_is_a_unit_error(mean_W, limit_W, spoilt):
    verdicts = found([TRACE, LIMIT], [{**GOOD, "window_mean": mean_W}, {**GOOD, "maximum": limit_W}])
    assert ({"impossible_power": ("invalid", mean_W)} if spoilt else {}) == verdicts


def test_without_a_limit_the_class_of_device_decides():
    assert {"impossible_power": ("invalid", 250_000.0)} == found([TRACE], [{**GOOD, "window_mean": 250_000.0}])
    assert {} == found([TRACE], [{**GOOD, "window_mean": 1400.0}])


@pytest.mark.parametrize(("joules", "spoilt"), [(60 * 400.0, False), (60 * 118_000.0, True)])
def test_a_counter_s_mean_power_is_looked_at_too(joules, spoilt):
    verdicts = found([COUNTER], [{**GOOD, "window_first": 5.0, "window_last": 5.0 + joules}])
    assert ({"impossible_power": ("invalid", joules / 60)} if spoilt else {}) == verdicts


def test_a_wall_meter_s_total_that_moves_once_a_minute_is_no_power():
    """33 Wh in one step, as of a minute at 2 kW, in a window of 5 s."""
    total = Channel("meter/wall.energy_J", "J", Kind.COUNTER, "wall", Quality.MEASURED, "meter", 1.0, origin="meter")
    window = replace(RECORD, window=Phase("train", 20 * S, 25 * S))
    assert {} == found([total], [{**GOOD, "window_first": 0.0, "window_last": 120_000.0}], window)


def test_the_evidence_of_an_impossible_power_asks_for_its_unit():
    (verdict,) = verdicts_on([TRACE, LIMIT], [{**GOOD, "window_mean": 5e5}, GOOD])
    assert (840.0, "W") == (verdict.limit, verdict.unit)
    expected = "gpu0.power_W: mean over the window; its enforced limit is 700 W: is its unit what its name says?"
    assert expected == verdict.evidence


# -- clocks held down -------------------------------------------------------------------------------------------------


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


def test_what_counters_tell_is_told_of_the_stretch_in_which_they_were_read():
    throttle = Channel("gpu0.throttle_power_s", "s", Kind.COUNTER, "gpu0", Quality.MEASURED, "NVML", 1.0)
    seldom = {**GOOD, "window_first": 3.0, "window_last": 23.0, "window_between_s": 40.0}
    assert {"power_cap": ("information", 0.5)} == found([throttle], [seldom])
    joules = {**GOOD, "window_first": 0.0, "window_last": 120_000.0, "window_between_s": 40.0}
    assert {"impossible_power": ("invalid", 3000.0)} == found([COUNTER], [joules])


def test_a_counter_that_was_read_once_in_the_window_tells_nothing():
    throttle = Channel("gpu0.throttle_power_s", "s", Kind.COUNTER, "gpu0", Quality.MEASURED, "NVML", 1.0)
    once = {**GOOD, "window_first": 30.0, "window_last": 30.0, "window_between_s": 0.0}
    assert {} == found([throttle, COUNTER], [once, once])


@pytest.mark.parametrize(
    ("bits", "verdicts"),
    [
        ({"4": 60}, {}),
        ({"8": 6, "128": 3}, {"hardware_slowdown": ("warning", 0.1)}),
        ({"32": 6}, {"thermal_throttling": ("warning", 0.1)}),
        ({"64": 6, "8": 6}, {"thermal_throttling": ("warning", 0.1), "hardware_slowdown": ("warning", 0.1)}),
    ],
)
def test_the_reasons_of_each_second_tell_what_no_counter_does(bits, verdicts):
    assert verdicts == found([REASONS], [{**GOOD, "window_bits": bits}])


def test_where_there_is_a_counter_of_heat_the_reasons_are_not_asked_for_it():
    assert {} == found([REASONS, THERMAL], [{**GOOD, "window_bits": {"32": 6}}, GOOD])


# -- others -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "most", "verdicts"),
    [
        (0.0, 0.0, {}),
        (1.0, 1.0, {"foreign_processes": ("warning", 1.0)}),
        (1.0, 2.0, {"foreign_processes": ("invalid", 2.0)}),
        (None, 1.0, {"foreign_processes": ("invalid", 1.0)}),
    ],
)
def test_a_foreign_process_that_comes_meanwhile_spoils_the_run(start, most, verdicts):
    assert verdicts == found([FOREIGN], [{**GOOD, "start": start, "window_maximum": most}])


OWN = {"user_s": 70.0, "system_s": 10.0, "max_rss_B": 1.0}
"""One core for the 80 s of the run."""


@pytest.mark.parametrize(("load_pct", "verdicts"), [(37.0, {}), (50.0, {"foreign_load": ("warning", 1.0)})])
def test_processor_load_that_is_not_the_run_s_is_told(load_pct, verdicts):
    assert verdicts == found([LOAD], [{**GOOD, "around_mean": load_pct}], replace(RECORD, resources=OWN))


def test_the_instruments_own_load_is_the_run_s():
    cost = SamplerCost(40.0, 80.0, 1, 0, 0.1, 1)
    other = {"codecarbon": {"cost": {"cpu_s": 20.0, "wall_s": 80.0}}}
    loaded = replace(RECORD, resources=OWN, sampler=cost, instruments=other)
    assert {} == found([LOAD], [{**GOOD, "around_mean": 50.0}], loaded)


@pytest.mark.parametrize("changes", [{"resources": {}}, {"launched_ns": None}, {"rehearsal": True}])
def test_where_the_run_s_own_load_is_not_known_nothing_is_said(changes):
    record = replace(RECORD, **{"resources": OWN, **changes})
    assert {} == found([LOAD], [{**GOOD, "around_mean": 90.0}], record)


SHORT = replace(RECORD, launched_ns=10 * S, exited_ns=12 * S, resources={"user_s": 1.5, "system_s": 0.5})
"""A run of 2 s on one core."""


def short(load_pct, begin_s=9.5, end_s=12.5, record=SHORT):
    tally = {**GOOD, "around_mean": load_pct, "around_begin_ns": round(begin_s * S), "around_end_ns": round(end_s * S)}
    return found([LOAD], [tally], record, cpus=2)


def test_the_load_of_others_is_told_of_a_run_of_two_seconds_too():
    assert {} == short(100 * (2 / 3) / 2)  # its own two seconds of work in the three that were read
    assert {"foreign_load": ("warning", pytest.approx(4 / 3))} == short(100.0)
    brief = replace(SHORT, exited_ns=SHORT.launched_ns + S // 5, resources={"user_s": 0.2, "system_s": 0.0})
    assert {"foreign_load": ("warning", pytest.approx(1.8))} == short(100.0, 10.0, 11.0, brief)


def test_a_short_run_that_does_not_lie_inside_the_readings_tells_nothing_of_others():
    assert {} == short(100.0, begin_s=10.1) == short(100.0, end_s=11.9)


def test_the_preparation_s_own_load_is_not_taken_for_that_of_others():
    prepared = replace(SHORT, stages=(Phase("prepare", 5 * S, round(9.9 * S)),))
    assert {} == short(100.0, record=prepared)
    assert "foreign_load" in short(100.0, record=replace(SHORT, stages=(Phase("prepare", 5 * S, 9 * S),)))


def test_a_protocol_moves_these_too():
    rules = Rules({"counter_ratio": VerdictRule(level="invalid"), "impossible_power": VerdictRule(limit=50.0)})
    verdicts = found([TRACE], [GOOD], ratios={"gpu0.energy_J": 1.5}, rules=rules)
    assert {"counter_ratio": ("invalid", 0.5), "impossible_power": ("invalid", 100.0)} == verdicts
