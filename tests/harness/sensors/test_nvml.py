"""The NVML sensor against cards of known power, on a clock that the tests move."""

import math
from dataclasses import replace

import numpy as np
import pytest

from harness.errors import SensorMissing
from harness.joules import Series, counter_ratio, window_energy
from harness.record import Kind
from harness.sensors.nvml import open_sensor
from harness.sensors.nvml_card import number
from harness.sensors.nvml_context import POWER_CAP_NS
from harness.sensors.sensor import Site

MS = 1_000_000
S = 1000 * MS


@pytest.fixture
def site(tmp_path):
    """A run folder, and a /proc in which we are in the machine's own process namespace."""
    (tmp_path / "proc").mkdir()
    return Site(run_folder=tmp_path, root=tmp_path)


def bursts(t_ns):
    """A quarter on, three quarters off, of 100 ms."""
    return 600.0 if t_ns % (100 * MS) < 25 * MS else 125.0


def run_for(sensor, clock, seconds, *, at=None):
    """Read at absolute deadlines as the sampler does; ``at`` maps seconds to what happens then."""
    readings = []
    begin_ns = clock.t_ns
    due_ns = sensor.start_ns or clock.t_ns
    todo = sorted((at or {}).items())
    while due_ns <= begin_ns + seconds * S:
        while todo and begin_ns + todo[0][0] * S <= due_ns:
            after_s, act = todo.pop(0)
            clock.t_ns = max(clock.t_ns, begin_ns + round(after_s * S))
            act()
        clock.t_ns = max(clock.t_ns, due_ns)
        readings += sensor.read(clock.t_ns)
        due_ns += round(sensor.period_s * 1e9)
    clock.t_ns = max(clock.t_ns, begin_ns + seconds * S)
    return readings


def series(readings, name, kind=Kind.MEAN, period_s=0.0):
    rows = [(reading.t_ns, reading.value) for reading in readings if reading.channel == name]
    return Series(np.array([t for t, _ in rows]), np.array([v for _, v in rows]), kind, period_s)


@pytest.fixture
def opened(fake, site):
    """A function that opens the sensor on one card and gives sensor, card, clock."""

    def make(power_W=bursts, settings=None, prepare=lambda card, nvml: None, **card_facts):
        clock = fake.FakeClock()
        card = fake.FakeCard(clock, power_W, **card_facts)
        nvml = fake.FakeNvml(card)
        prepare(card, nvml)
        return open_sensor(settings or {}, site, nvml=nvml, clock=clock, environment={}), card, clock

    return make


def test_the_trace_has_every_row_of_the_ring_buffer_at_its_time(opened):
    sensor, card, clock = opened()
    begin_ns = clock.t_ns
    readings = [*run_for(sensor, clock, 10), *sensor.finish(clock.t_ns)]
    trace = series(readings, "gpu0.power_W")
    assert {20 * MS} == set(np.diff(trace.t_ns).tolist())
    assert {card.ring_ns % (20 * MS)} == set((trace.t_ns % (20 * MS)).tolist())
    assert trace.t_ns[0] <= begin_ns + 20 * MS
    assert trace.t_ns[-1] >= begin_ns + 10 * S
    assert [card.row_mW(int(t_ns)) / 1000 for t_ns in trace.t_ns] == trace.value.tolist()


def test_counter_readings_bear_the_time_of_the_tick_at_which_they_were_true(opened):
    sensor, card, clock = opened(power_W=lambda t_ns: 100.0 + 500.0 * (t_ns // S % 2))
    readings = [*run_for(sensor, clock, 21), *sensor.finish(clock.t_ns)]
    counter = series(readings, "gpu0.energy_J", Kind.COUNTER)
    assert 6 == len(counter.t_ns)  # at opening, four times on the way, at the end
    for t_ns, energy_J in zip(counter.t_ns, counter.value, strict=True):
        off_ns = (int(t_ns) - card.tick_ns + 50 * MS) % (100 * MS) - 50 * MS
        assert abs(off_ns) <= 4 * MS
        assert energy_J == pytest.approx(card.energy_J(int(t_ns) - off_ns), abs=0.001)


@pytest.mark.parametrize("tick_ms", [1, 20, 37, 55, 78, 93])
def test_counter_and_trace_agree_whatever_the_phase_of_the_ticks(opened, tick_ms):
    sensor, card, clock = opened(tick_ns=tick_ms * MS)
    readings = [*run_for(sensor, clock, 12), *sensor.finish(clock.t_ns)]
    trace, counter = series(readings, "gpu0.power_W"), series(readings, "gpu0.energy_J", Kind.COUNTER, 0.1)
    off_ns = (counter.t_ns - card.tick_ns + 50 * MS) % (100 * MS) - 50 * MS
    assert np.abs(off_ns).max() <= 4 * MS
    assert counter_ratio(trace, counter) == pytest.approx(1.0, abs=0.003)
    begin_ns, end_ns = int(trace.t_ns[0]) + 1234 * MS, int(trace.t_ns[-1]) - 777 * MS
    found = window_energy(trace, counter, begin_ns, end_ns, 1.0)
    true_J = card.energy_J(end_ns) - card.energy_J(begin_ns)
    assert "counter and trace" == found.method
    assert found.energy_J == pytest.approx(true_J, rel=0.003)
    assert abs(found.energy_J - true_J) <= found.uncertainty_J


def test_the_counter_is_read_seldom_while_the_workload_runs(opened):
    sensor, card, clock = opened()
    before = card.counter_reads
    run_for(sensor, clock, 60)
    assert 11 <= card.counter_reads - before <= 20  # once a minute a tick is watched again


def test_learning_the_ticks_takes_less_than_a_quarter_of_a_second_and_forty_reads(opened):
    sensor, card, _ = opened()
    assert card.counter_reads <= 41
    assert 0.1 == sensor.channels[1].refresh_s
    assert "gpu0.energy_J" == sensor.channels[1].name


def reopened(fake, site, sensor, card, clock, after_s):
    clock.t_ns += round(after_s * S)
    hinted = replace(site, hints={"nvml": sensor.summary()["hint"]})
    return open_sensor({}, hinted, nvml=fake.FakeNvml(card), clock=clock, environment={})


def assert_true_at_its_ticks(readings, card, count, off_ms=5):
    """Each counter reading bears the time of a tick, and what the card had used at that tick."""
    counter = series(readings, "gpu0.energy_J", Kind.COUNTER)
    assert count == len(counter.t_ns)
    assert (np.diff(counter.t_ns) > 0).all()
    half_ns = card.tick_period_ns // 2
    for t_ns, energy_J in zip(counter.t_ns, counter.value, strict=True):
        off_ns = (int(t_ns) - card.tick_ns + half_ns) % card.tick_period_ns - half_ns
        assert abs(off_ns) <= off_ms * MS
        assert energy_J == pytest.approx(card.energy_J(int(t_ns) - off_ns), abs=0.001)


def ups_and_downs(t_ns):
    return 100.0 + 500.0 * (t_ns // S % 2)


def test_the_next_run_does_not_learn_fresh_ticks_again_and_its_readings_are_as_true(opened, fake, site):
    sensor, card, clock = opened(power_W=ups_and_downs)
    run_for(sensor, clock, 5)
    sensor.finish(clock.t_ns)
    before = card.counter_reads
    again = reopened(fake, site, sensor, card, clock, after_s=7.013)
    assert 3 >= card.counter_reads - before
    readings = [*run_for(again, clock, 9), *again.finish(clock.t_ns)]
    assert_true_at_its_ticks(readings, card, 3)


@pytest.mark.parametrize("moved_ms", [1, 12, 25, 44, 60, 88])
@pytest.mark.parametrize("for_s", [1, 9])
def test_a_card_that_ticks_anew_after_its_driver_let_go_of_it_does_not_deceive_the_next_run(
    opened, fake, site, moved_ms, for_s
):
    sensor, card, clock = opened(power_W=ups_and_downs)
    sensor.finish(clock.t_ns)
    card.tick_ns += moved_ms * MS
    again = reopened(fake, site, sensor, card, clock, after_s=7.013)
    readings = [*run_for(again, clock, for_s), *again.finish(clock.t_ns)]
    held_up = len(series(readings, "gpu0.energy_J").t_ns) < for_s // 5 + 2  # the first read may have met the new tick
    assert_true_at_its_ticks(readings, card, for_s // 5 + 2 - held_up)
    off_ms = (moved_ms + 50) % 100 - 50
    told_s = again.summary()["devices"][0]["counter"]["hint_off_s"]
    assert off_ms / 1000 == pytest.approx(told_s, abs=0.008)


def test_ticks_seen_more_than_a_minute_ago_are_learnt_anew(opened, fake, site):
    sensor, card, clock = opened()
    sensor.finish(clock.t_ns)
    before = card.counter_reads
    reopened(fake, site, sensor, card, clock, after_s=61)
    assert 10 < card.counter_reads - before


@pytest.mark.parametrize("ppm", [-100, 100])
def test_ticks_that_drift_by_more_than_their_period_are_followed(opened, ppm):
    def prepare(card, _nvml):
        card.tick_period_ns = 100 * MS + ppm * 100

    sensor, card, clock = opened(power_W=ups_and_downs, prepare=prepare)
    before = card.counter_reads
    readings = [*run_for(sensor, clock, 1200), *sensor.finish(clock.t_ns)]
    assert_true_at_its_ticks(readings, card, 242, off_ms=5 + 7)  # the bracket of the last look, and a minute's drift
    facts = sensor.summary()["devices"][0]["counter"]
    assert ppm * 1e-6 * 1200 == pytest.approx(facts["drift_s"], rel=0.1)
    assert facts["largest_step_s"] < 0.012
    assert card.counter_reads - before < 241 + 20 * 5  # a few reads more once a minute


def test_a_tick_that_was_seen_while_we_were_held_up_is_watched_once_more(opened, monkeypatch):
    sensor, card, clock = opened()
    counter = sensor._gpus[0].counter
    naps = iter([0.0, 0.040])  # waiting for the tick; then held up across it
    monkeypatch.setattr(clock, "sleep", lambda seconds: type(clock).sleep(clock, seconds + next(naps, 0.0)))
    before_ns = clock.t_ns
    ((t_ns, energy_J),) = counter.watch_again()
    off_ns = (t_ns - card.tick_ns + 50 * MS) % (100 * MS) - 50 * MS
    assert abs(off_ns) <= 5 * MS
    assert clock.t_ns - before_ns < 300 * MS
    assert energy_J == pytest.approx(card.energy_J(t_ns - off_ns), abs=0.001)


@pytest.mark.parametrize("period_ms", [20, 50, 100])
def test_the_period_of_the_ticks_is_learnt(opened, period_ms):
    def prepare(card, _nvml):
        card.tick_period_ns = period_ms * MS

    sensor, _, clock = opened(prepare=prepare)
    run_for(sensor, clock, 6)
    sensor.finish(clock.t_ns)
    assert period_ms / 1000 == sensor.summary()["devices"][0]["counter"]["period_s"]


def test_a_counter_of_an_unknown_period_is_stamped_when_it_is_read(opened):
    def prepare(card, _nvml):
        card.tick_period_ns = 1 * MS

    sensor, card, clock = opened(prepare=prepare)
    readings = [*run_for(sensor, clock, 6), *sensor.finish(clock.t_ns)]
    counter = series(readings, "gpu0.energy_J", Kind.COUNTER)
    assert 0 == sensor.summary()["devices"][0]["counter"]["period_s"]
    for t_ns, energy_J in zip(counter.t_ns, counter.value, strict=True):
        assert energy_J == pytest.approx(card.energy_J(int(t_ns)), abs=600 * 0.006)


def test_ticks_that_drift_against_our_clock_are_told_at_the_end(opened):
    sensor, card, clock = opened()

    def drift():
        card.tick_ns += 21 * MS

    run_for(sensor, clock, 30, at={15: drift})
    sensor.finish(clock.t_ns)
    assert 0.021 == pytest.approx(sensor.summary()["devices"][0]["counter"]["drift_s"], abs=0.004)


@pytest.mark.parametrize("made_anew", [False, True], ids=["stamps stored", "stamps made anew"])
@pytest.mark.parametrize("by_s", [-3600, -1.5, -0.2, 0.2, 1.5, 3600])
def test_a_step_of_the_wall_clock_loses_no_row_and_moves_none(opened, by_s, made_anew):
    def prepare(card, _nvml):
        card.stamps_made_anew = made_anew

    sensor, card, clock = opened(power_W=lambda t_ns: 300 + 200 * math.sin(t_ns / 7e7), prepare=prepare)
    readings = [*run_for(sensor, clock, 12, at={5.4: lambda: clock.step(by_s)}), *sensor.finish(clock.t_ns)]
    trace = series(readings, "gpu0.power_W")
    assert {20 * MS} == set(np.diff(trace.t_ns).tolist())
    assert [card.row_mW(int(t_ns)) / 1000 for t_ns in trace.t_ns] == trace.value.tolist()
    steps = sensor.summary()["devices"][0]["ring"]["clock_steps"]
    assert [by_s] == [pytest.approx(step["by_s"]) for step in steps]


def test_a_step_while_the_card_rests_loses_no_row_either(opened):
    def prepare(card, _nvml):
        card.stamps_made_anew = True

    sensor, _, clock = opened(power_W=lambda _t_ns: 125.0, prepare=prepare)
    readings = [*run_for(sensor, clock, 10, at={5.3: lambda: clock.step(-60)}), *sensor.finish(clock.t_ns)]
    trace = series(readings, "gpu0.power_W")
    assert {20 * MS} == set(np.diff(trace.t_ns).tolist())
    assert trace.t_ns[-1] > clock.t_ns - 40 * MS


@pytest.mark.parametrize("by_s", [-60, 60])
def test_a_step_just_after_a_drain_loses_no_row(opened, by_s):
    sensor, _, clock = opened()
    readings = run_for(sensor, clock, 5)
    clock.t_ns += -clock.t_ns % (20 * MS) + 8 * MS  # just after a row
    readings += sensor.read(clock.t_ns)
    clock.step(by_s)
    readings += sensor.read(clock.t_ns)
    for _ in range(4):
        clock.sleep(1.25)
        readings += sensor.read(clock.t_ns)
    readings += sensor.finish(clock.t_ns)
    trace = series(readings, "gpu0.power_W")
    assert {20 * MS} == set(np.diff(trace.t_ns).tolist())
    assert trace.t_ns[-1] > clock.t_ns - 40 * MS


def test_a_wall_clock_that_is_slewed_is_no_step(opened):
    sensor, _, clock = opened()
    slews = {second: (lambda: clock.step(0.0005)) for second in range(1, 20)}
    readings = [*run_for(sensor, clock, 20, at=slews), *sensor.finish(clock.t_ns)]
    steps = np.diff(series(readings, "gpu0.power_W").t_ns)
    assert [] == sensor.summary()["devices"][0]["ring"]["clock_steps"]
    assert 19 * MS <= steps.min() <= steps.max() <= 21 * MS


def test_a_stall_longer_than_the_ring_is_a_gap_that_is_told(opened):
    sensor, _, clock = opened()

    def stall():
        clock.t_ns += 6 * S

    readings = [*run_for(sensor, clock, 12, at={5: stall}), *sensor.finish(clock.t_ns)]
    longest_ns = int(np.diff(series(readings, "gpu0.power_W").t_ns).max())
    assert 3 * S < longest_ns < 5 * S
    assert longest_ns / 1e9 == sensor.summary()["devices"][0]["ring"]["longest_gap_s"]


def test_a_card_that_vanishes_leaves_readings_missing_and_says_so(opened, fake):
    sensor, card, clock = opened()

    def vanish():
        card.fails["everything"] = fake.NVMLError_GpuIsLost()

    readings = run_for(sensor, clock, 10, at={5: vanish})
    readings += sensor.finish(clock.t_ns)
    trace = series(readings, "gpu0.power_W")
    assert trace.t_ns[-1] < clock.t_ns - 4 * S
    assert all(reading.value > 0 for reading in readings if reading.channel == "gpu0.power_W")
    assert "GpuIsLost" in sensor.trouble
    assert sensor.summary()["missed"] > 20
    assert sensor.summary()["devices"][0]["missed"]["ring buffer"] >= 5


def test_a_card_that_comes_back_is_no_trouble_any_more(opened, fake):
    sensor, card, clock = opened()

    def vanish():
        card.fails["samples"] = fake.NVMLError_GpuIsLost()

    run_for(sensor, clock, 10, at={3: vanish, 6: card.fails.clear})
    assert "" == sensor.trouble
    assert 3 == sensor.summary()["missed"]


def test_a_counter_that_goes_back_is_passed_on_and_told(opened):
    sensor, card, clock = opened()

    def reset():
        card.reset_ns = clock.t_ns

    readings = [*run_for(sensor, clock, 22, at={11: reset}), *sensor.finish(clock.t_ns)]
    counter = series(readings, "gpu0.energy_J", Kind.COUNTER)
    assert 1 == int((np.diff(counter.value) < 0).sum())
    assert 1 == sensor.summary()["devices"][0]["counter"]["went_back"]
    assert "reset" in sensor.trouble
    assert counter_ratio(series(readings, "gpu0.power_W"), counter) is None


def test_context_comes_each_second_with_its_units(opened):
    sensor, _, clock = opened()
    readings = run_for(sensor, clock, 5)
    latest = {reading.channel: reading.value for reading in readings}
    expected = {
        "gpu0.temperature_C": 33, "gpu0.memory_temperature_C": 40, "gpu0.sm_clock_MHz": 1980,
        "gpu0.memory_clock_MHz": 3201, "gpu0.utilisation_pct": 97, "gpu0.memory_used_B": 4e9,
        "gpu0.power_limit_W": 700, "gpu0.throttle_reasons": 4, "gpu0.throttle_power_s": 5.0,
        "gpu0.throttle_thermal_s": 1.5, "gpu0.foreign_processes": 0,
    }  # fmt: skip
    assert expected == {name: value for name, value in latest.items() if name in expected}
    assert 5 <= sum(reading.channel == "gpu0.temperature_C" for reading in readings) <= 6
    assert {channel.name for channel in sensor.channels} == {reading.channel for reading in readings}
    assert {"GPU-00000000-aaaa"} == {channel.device for channel in sensor.channels}


def test_what_a_card_does_not_have_is_no_channel(opened, fake):
    def prepare(card, nvml):
        card.fails["limit"] = fake.NVMLError_NotSupported()
        card.fails["reasons"] = fake.NVMLError_FunctionNotFound()
        card.fails["counter"] = fake.NVMLError_NotSupported()
        for field in (82, 269):
            card.fails[field] = True

    sensor, _, clock = opened(prepare=prepare)
    names = {channel.name for channel in sensor.channels}
    assert not names & {"gpu0.power_limit_W", "gpu0.memory_temperature_C", "gpu0.energy_J"}
    latest = {reading.channel: reading.value for reading in run_for(sensor, clock, 2)}
    assert 8 == latest["gpu0.throttle_reasons"]
    assert 1e-6 == pytest.approx(latest["gpu0.throttle_thermal_s"])
    assert {"power_limit_W", "memory_temperature_C", "energy_J"} == set(sensor.summary()["devices"][0]["absent"])
    assert 0 == sensor.summary()["missed"]


@pytest.mark.parametrize(
    ("failing", "source", "kind", "value", "back_ms"),
    [
        (["samples"], "field 186", Kind.MEAN, 121.0, 0),
        (["samples", 186], "field 185", Kind.GAUGE, 120.0, 500),
        (["samples", 186, 185], "power usage", Kind.GAUGE, 122.0, 500),
    ],
)
def test_without_a_ring_buffer_the_next_source_is_polled_and_named(opened, fake, failing, source, kind, value, back_ms):
    def prepare(card, _nvml):
        card.fails |= dict.fromkeys(failing, fake.NVMLError_NotSupported())

    sensor, _, clock = opened(prepare=prepare)
    assert (0.1, kind) == (sensor.period_s, sensor.channels[0].kind)
    assert source in sensor.channels[0].source
    polled_ns = clock.t_ns
    assert [polled_ns - back_ms * MS] == [r.t_ns for r in sensor.read(polled_ns) if r.channel == "gpu0.power_W"][-1:]
    readings = run_for(sensor, clock, 3)
    workload_end_ns = clock.t_ns
    trace = series([*readings, *sensor.finish(clock.t_ns)], "gpu0.power_W")
    assert {value} == set(trace.value.tolist())
    assert 100 * MS == pytest.approx(np.median(np.diff(trace.t_ns)), abs=5 * MS)
    assert trace.t_ns[-1] >= workload_end_ns


def test_power_usage_alone_is_asked_as_seldom_as_the_protocol_says(opened):
    sensor, card, clock = opened(settings={"via": "power_usage", "interval_ms": 1000})
    [channel] = [item for item in sensor.channels if item.tells_energy]
    assert ("gpu0.power_W", Kind.GAUGE, 1.0) == (channel.name, channel.kind, channel.refresh_s)
    assert "NVML power usage" in channel.source
    readings = run_for(sensor, clock, 10)
    trace = series(readings, "gpu0.power_W", Kind.GAUGE)
    assert {S} == set(np.diff(trace.t_ns).tolist())
    assert 0 == card.counter_reads
    end_ns = clock.t_ns
    assert sensor.finish(end_ns)[-1].t_ns >= end_ns  # stamped at the middle of the second before: the end is covered
    [told] = sensor.summary()["devices"]
    assert "the protocol asks for power usage alone" in told["absent"]["energy_J"]
    assert not sensor.lost


def test_power_usage_may_be_asked_more_seldom_than_a_buffer_is_deep(opened):
    sensor, _, clock = opened(settings={"via": "power_usage", "interval_ms": 5000})
    assert 5.0 == sensor.period_s
    readings = run_for(sensor, clock, 20)
    assert 5 == len(series(readings, "gpu0.power_W", Kind.GAUGE).t_ns)
    assert not sensor.lost


def test_a_card_that_tells_no_power_is_refused(opened, fake):
    def prepare(card, _nvml):
        card.fails |= dict.fromkeys(["samples", 186, 185, "usage"], fake.NVMLError_NotSupported())

    with pytest.raises(SensorMissing, match="tells no power"):
        opened(prepare=prepare)


def test_without_a_driver_the_sensor_is_missing_with_a_remedy(fake, site):
    nvml = fake.FakeNvml()
    nvml.init_error = fake.NVMLError_LibraryNotFound()
    with pytest.raises(SensorMissing, match="no NVIDIA driver") as caught:
        open_sensor({}, site, nvml=nvml, clock=fake.FakeClock())
    assert "--gpus all" in caught.value.remedy


def test_each_card_is_measured_apart_however_many_there_are(fake, site):
    clock = fake.FakeClock()
    cards = [
        fake.FakeCard(clock, lambda t_ns, k=k: 100.0 * (k + 1) + t_ns // S % 2, index=k, tick_ns=(11 * k + 3) * MS)
        for k in range(8)
    ]
    sensor = open_sensor({}, site, nvml=fake.FakeNvml(*cards), clock=clock, environment={})
    readings = [*run_for(sensor, clock, 12), *sensor.finish(clock.t_ns)]
    for k, card in enumerate(cards):
        trace = series(readings, f"gpu{k}.power_W")
        counter = series(readings, f"gpu{k}.energy_J", Kind.COUNTER)
        assert {20 * MS} == set(np.diff(trace.t_ns).tolist())
        assert counter_ratio(trace, counter) == pytest.approx(1.0, abs=0.002)
        assert len(counter.t_ns) >= 4
        assert trace.value.mean() == pytest.approx(100 * (k + 1), abs=1)
        assert card.uuid == next(item.device for item in sensor.channels if item.domain == f"gpu{k}")
    sensor.close()


@pytest.mark.parametrize(
    ("devices", "environment", "expected"),
    [
        ([], {}, [0, 1, 2]),
        ([2, "0"], {}, [0, 2]),
        (["GPU-00000001"], {}, [1]),
        (["cuda:0"], {}, [0]),
        (["cuda:0"], {"CUDA_VISIBLE_DEVICES": "2,1"}, [2]),
        (["cuda:1"], {"CUDA_VISIBLE_DEVICES": "GPU-00000002, GPU-00000000"}, [0]),
    ],
)
def test_cards_are_chosen_by_index_uuid_or_cuda_order(fake, site, devices, environment, expected):
    clock = fake.FakeClock()
    nvml = fake.FakeNvml(*(fake.FakeCard(clock, index=k) for k in range(3)))
    sensor = open_sensor({"devices": devices}, site, nvml=nvml, clock=clock, environment=environment)
    assert [f"gpu{index}" for index in expected] == list(dict.fromkeys(item.domain for item in sensor.channels))


@pytest.mark.parametrize(
    ("devices", "environment", "complaint"),
    [
        ([7], {}, "no card is called 7"),
        (["GPU-0000000"], {}, "several cards"),
        (["H200"], {}, "no card"),
        (["cuda:3"], {}, "CUDA has no device 3"),
        (["cuda:0"], {"CUDA_VISIBLE_DEVICES": ""}, "CUDA has no device 0"),
        (["cuda:0"], {}, "cannot be told"),
    ],
)
def test_a_card_that_is_not_there_or_not_to_be_told_is_refused(fake, site, devices, environment, complaint):
    clock = fake.FakeClock()
    names = ("NVIDIA H200", "NVIDIA T4") if complaint == "cannot be told" else ("NVIDIA H200", "NVIDIA H200")
    nvml = fake.FakeNvml(*(fake.FakeCard(clock, index=k, name=name) for k, name in enumerate(names)))
    with pytest.raises(SensorMissing, match=complaint):
        open_sensor({"devices": devices}, site, nvml=nvml, clock=clock, environment=environment)


def test_processes_on_the_card_are_foreign_unless_they_descend_from_us(fake, site, monkeypatch):
    monkeypatch.setattr("os.getppid", lambda: 500)
    for pid, parent in ((500, 1), (600, 500), (700, 600), (800, 1)):
        (site.root / "proc" / str(pid)).mkdir()
        (site.root / "proc" / str(pid) / "stat").write_text(f"{pid} (odd) name) S {parent} 0 0")
    clock = fake.FakeClock()
    card = fake.FakeCard(clock)
    card.pids = [700, 800, 999]
    sensor = open_sensor({}, site, nvml=fake.FakeNvml(card), clock=clock, environment={})
    latest = {reading.channel: reading.value for reading in run_for(sensor, clock, 2)}
    assert 1 == latest["gpu0.foreign_processes"]


def test_in_a_container_foreign_processes_are_not_guessed(fake, site):
    (site.root / "proc/self/ns").mkdir(parents=True)
    (site.root / "proc/self/ns/pid").touch()
    clock = fake.FakeClock()
    sensor = open_sensor({}, site, nvml=fake.FakeNvml(fake.FakeCard(clock)), clock=clock, environment={})
    assert "gpu0.foreign_processes" not in {channel.name for channel in sensor.channels}
    assert "container" in sensor.summary()["devices"][0]["absent"]["foreign_processes"]


def test_opening_many_cards_loses_no_row_of_the_first(fake, site):
    clock = fake.FakeClock()
    nvml = fake.FakeNvml(*(fake.FakeCard(clock, index=k) for k in range(24)))
    opened_ns = clock.t_ns
    sensor = open_sensor({}, site, nvml=nvml, clock=clock, environment={})
    trace = series(sensor.read(clock.t_ns), "gpu0.power_W")
    assert clock.t_ns - opened_ns > 3 * S
    assert {20 * MS} == set(np.diff(trace.t_ns).tolist())
    assert trace.t_ns[0] <= opened_ns + 20 * MS


@pytest.mark.parametrize(("member", "kind", "value"), [("uiVal", 1, 687_123), ("ullVal", 3, 2**40), ("siVal", 5, -3)])
def test_values_of_the_real_package_are_read_by_their_type(member, kind, value):
    pynvml = pytest.importorskip("pynvml")
    union = pynvml.c_nvmlValue_t()
    setattr(union, member, value)
    assert value == number(kind, union)


def test_closing_lets_the_driver_go(fake, site):
    nvml = fake.FakeNvml(fake.FakeCard(clock := fake.FakeClock()))
    sensor = open_sensor({}, site, nvml=nvml, clock=clock, environment={})
    assert 1 == nvml.open
    sensor.close()
    assert 0 == nvml.open


def until_lost(sensor, clock, *, after_s, seconds, act):
    """Read as the sampler does, let something happen, and say how long after it the sensor counts as lost."""
    begin_ns = clock.t_ns
    due_ns = sensor.start_ns or clock.t_ns
    happened_ns = None
    while due_ns <= begin_ns + seconds * S:
        if happened_ns is None and due_ns >= begin_ns + after_s * S:
            happened_ns = clock.t_ns = max(clock.t_ns, begin_ns + round(after_s * S))
            act()
        clock.t_ns = max(clock.t_ns, due_ns)
        sensor.read(clock.t_ns)
        if sensor.lost:
            assert happened_ns is not None, sensor.lost
            return (clock.t_ns - happened_ns) / 1e9
        due_ns += round(sensor.period_s * 1e9)
    return None


@pytest.mark.parametrize("what", ["samples", "temperature", "everything"])
def test_a_card_that_vanishes_is_lost_at_the_next_read(opened, fake, what):
    sensor, card, clock = opened()
    passed_s = until_lost(
        sensor, clock, after_s=7.3, seconds=30, act=lambda: card.fails.update({what: fake.NVMLError_GpuIsLost()})
    )
    assert passed_s <= 1.0
    assert "gpu0: GpuIsLost" in sensor.lost


@pytest.mark.parametrize("after_s", [7.05, 7.5, 7.95])
def test_a_trace_that_fails_again_and_again_for_two_seconds_is_lost(opened, fake, after_s):
    sensor, card, clock = opened()
    passed_s = until_lost(
        sensor, clock, after_s=after_s, seconds=30, act=lambda: card.fails.update({"samples": fake.NVMLError()})
    )
    assert 1.0 < passed_s <= 2.1
    assert "gpu0.power_W has brought nothing for 2.0 s: gpu0: ring buffer" in sensor.lost


def test_a_polled_trace_that_fails_for_two_seconds_is_lost(opened, fake):
    def prepare(card, _nvml):
        card.fails["samples"] = fake.NVMLError_NotSupported()

    sensor, card, clock = opened(prepare=prepare)
    passed_s = until_lost(
        sensor, clock, after_s=7.33, seconds=30, act=lambda: card.fails.update({"fields": fake.NVMLError()})
    )
    assert 1.8 < passed_s <= 2.1


def test_a_ring_buffer_in_which_nothing_comes_any_more_is_lost(opened, fake):
    sensor, card, clock = opened()
    passed_s = until_lost(
        sensor, clock, after_s=7.3, seconds=30, act=lambda: card.fails.update({"samples": fake.NVMLError_NotFound()})
    )
    assert 1.0 < passed_s <= 2.1


def test_a_call_that_fails_now_and_then_or_carries_no_energy_loses_nothing(opened, fake):
    sensor, card, clock = opened()

    def fail_and_recover():
        card.fails["samples"] = card.fails["counter"] = fake.NVMLError()

    readings = run_for(sensor, clock, 20, at={5.2: fail_and_recover, 6.2: card.fails.clear})
    assert "" == sensor.lost
    assert {20 * MS} == set(np.diff(series(readings, "gpu0.power_W").t_ns).tolist())  # the buffer is 2.4 s deep
    run_for(sensor, clock, 20, at={1: lambda: card.fails.update(temperature=fake.NVMLError())})
    assert "" == sensor.lost
    assert "temperature_C" in sensor.trouble


@pytest.mark.parametrize("fails", [False, True])
def test_a_sampler_that_was_held_up_for_long_does_not_take_its_card_for_lost(opened, fake, fails):
    sensor, card, clock = opened()
    run_for(sensor, clock, 5)
    clock.sleep(30)
    if fails:
        card.fails["samples"] = fake.NVMLError()
    sensor.read(clock.t_ns)
    assert "" == sensor.lost


def test_a_counter_that_goes_back_is_lost_when_it_is_next_read(opened):
    sensor, card, clock = opened()

    def reload():
        card.reset_ns = clock.t_ns

    assert until_lost(sensor, clock, after_s=7.3, seconds=30, act=reload) <= 5.1
    assert "the energy counter of gpu0 went back" in sensor.lost


def test_a_counter_that_goes_back_is_read_at_once_where_the_trace_broke_off(opened):
    """A driver that begins anew leaves a gap in its own buffer: the next drain tells of it."""
    sensor, card, clock = opened()

    def reload():
        card.reset_ns = clock.t_ns
        card.rowless_ns = (clock.t_ns, clock.t_ns + S // 2)

    assert until_lost(sensor, clock, after_s=7.3, seconds=30, act=reload) <= 1.3
    assert "the energy counter of gpu0 went back" in sensor.lost


def test_a_counter_that_goes_back_is_read_at_once_where_another_total_of_the_driver_fell(opened):
    totals = {POWER_CAP_NS: 5 * S}
    prepare = {POWER_CAP_NS: lambda _card: totals[POWER_CAP_NS]}
    sensor, card, clock = opened(prepare=lambda _card, nvml: nvml.field_values.update(prepare))

    def reload():
        card.reset_ns = clock.t_ns
        totals[POWER_CAP_NS] = 0

    assert until_lost(sensor, clock, after_s=7.3, seconds=30, act=reload) <= 1.0
    assert "the energy counter of gpu0 went back" in sensor.lost


def test_a_trace_that_broke_off_for_another_reason_costs_one_reading_and_loses_nothing(opened):
    sensor, card, clock = opened()
    run_for(sensor, clock, 8)
    before = card.counter_reads
    card.rowless_ns = (clock.t_ns, clock.t_ns + S // 2)
    run_for(sensor, clock, 2)
    assert 1 == card.counter_reads - before
    assert "" == sensor.lost
