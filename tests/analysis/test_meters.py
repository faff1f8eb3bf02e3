"""The meters of a night: whose lag is used, what energy is then made of, and whether a meter agrees with itself."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.curve import run_bins
from analysis.energy import choice_of, energy, measure, total
from analysis.load import Series, load
from analysis.meter_lag import Lag
from analysis.meters import MARKS, check_total, energy_readings, meters_of, night_lag
from analysis.trial import try_out
from harness import joules
from harness.errors import NightFolderError
from harness.record import Channel, Kind, Phase, Quality, RunRecord, Status, Validity
from nightwatt.trial import lines

S = 1_000_000_000
POWER, TOTAL = "meter/wall.power_W", "meter/wall.energy_J"


def channel(name, domain, kind, origin, refresh_s, unit="W"):
    return Channel(name, unit, kind, domain, Quality.MEASURED, "a test", refresh_s, origin=origin)


OWN = channel("gpu0.power_W", "gpu0", Kind.MEAN, "nvml", 0.02)


def wall(interval_s=0.1):
    return channel(POWER, "wall", Kind.GAUGE, "meter", interval_s)


def wall_total():
    return channel(TOTAL, "wall", Kind.COUNTER, "meter", 0.1, "J")


def load_W(t_s):
    """Idle for 15 s, 30 s of load, idle."""
    return np.where((t_s >= 15) & (t_s < 45), 300.0, 60.0)


def record(channels, begin_s=0, **changes):
    begin_ns = begin_s * S
    body = {
        "slot": "b01-1", "block": 1, "position": 1, "replicate": 1, "attempt": 1, "configuration": "a", "levels": {},
        "seed": 1, "status": Status.COMPLETED, "validity": Validity.VALID, "started_ns": begin_ns,
        "ended_ns": begin_ns + 60 * S, "started_realtime_ns": begin_ns, "launched_ns": begin_ns + 14 * S,
        "exited_ns": begin_ns + 46 * S, "window": Phase("train", begin_ns + 15 * S, begin_ns + 45 * S),
        "channels": tuple(channels),
    }  # fmt: skip
    return RunRecord(**{**body, **changes})


def series(its, t_s, value):
    return Series(its, np.rint(np.asarray(t_s) * S).astype(np.int64), np.asarray(value, dtype=float))


def readings(late_s, interval_s=0.1, own=True, total=False, seed=1, scale=1.0):
    """A run's readings: our own power, and a meter's that is late."""
    draw = np.random.default_rng(seed)
    t_s = np.arange(draw.uniform(0, interval_s), 60, interval_s)
    watts = 90 + 1.2 * load_W(t_s - late_s) + draw.standard_normal(len(t_s))
    made = {POWER: series(wall(interval_s), t_s, watts)}
    if own:
        own_s = np.arange(0.02, 60, 0.02)
        made["gpu0.power_W"] = series(OWN, own_s, load_W(own_s - 0.01))
    if total:
        joules_told = 1e6 + scale * np.concatenate([[0], np.cumsum((watts[1:] + watts[:-1]) / 2 * np.diff(t_s))])
        made[TOTAL] = series(wall_total(), t_s, joules_told)
    return made


def meters(runs):
    """The meters of a night of such runs, by name."""
    records = {name: record([item.channel for item in its.values()]) for name, its in runs.items()}
    return meters_of(records, runs.__getitem__)


# -- whose lag ---------------------------------------------------------------------------------------------------------


def test_a_run_whose_steps_tell_the_lag_uses_its_own():
    (alignment,) = meters({"a": readings(0.7)}).alignments
    assert ("a", POWER, "wall", "own", "gpu0.power_W") == (
        alignment.run, alignment.channel, alignment.domain, alignment.how, alignment.reference
    )  # fmt: skip
    assert 0.7 == pytest.approx(alignment.offset_s, abs=0.1)


def test_a_run_that_is_not_sure_uses_the_median_of_the_night():
    night = meters({f"r{seed}": readings(0.7, 1.0, seed=seed) for seed in range(9)})
    assert {"night"} == {item.how for item in night.alignments}
    assert 1 == len({item.offset_s for item in night.alignments})
    assert 0.7 == pytest.approx(night.alignments[0].offset_s, abs=0.25)
    assert 0.05 < night.alignments[0].uncertainty_s < 0.6


def test_a_run_without_a_step_uses_the_nights_and_a_sure_one_keeps_its_own():
    flat = readings(0.7)
    flat[POWER] = series(wall(), np.arange(0.03, 60, 0.1), np.full(600, 200.0))
    night = meters({"a": readings(0.7), "b": readings(0.9, seed=2), "flat": flat})
    by_run = {item.run: item for item in night.alignments}
    assert ("own", "own", "night") == tuple(by_run[run].how for run in ("a", "b", "flat"))
    assert 0.8 == pytest.approx(by_run["flat"].offset_s, abs=0.1)
    assert "stands out" in by_run["flat"].own.why


def test_an_unsure_run_in_a_short_night_uses_its_own():
    assert ["own", "own"] == [
        item.how for item in meters({"a": readings(0.7, 1.0), "b": readings(0.7, 1.0)}).alignments
    ]


def test_where_nothing_tells_the_lag_nothing_is_moved():
    flat = {POWER: series(wall(), np.arange(0.03, 60, 0.1), np.full(600, 200.0))}
    night = meters({"a": flat})
    (alignment,) = night.alignments
    assert ("none", 0.0) == (alignment.how, alignment.offset_s)
    assert math.isnan(alignment.uncertainty_s)
    assert flat[POWER] is night.aligned("a", flat)[POWER]


def test_without_power_of_our_own_the_marks_tell_it():
    (alignment,) = meters({"a": readings(0.7, own=False)}).alignments
    assert (MARKS, "own") == (alignment.reference, alignment.how)
    assert 0.7 == pytest.approx(alignment.offset_s, abs=0.1)


def test_a_trace_that_saw_nothing_of_the_load_gives_way_to_the_marks():
    its = readings(0.7)
    its["gpu0.power_W"] = series(OWN, np.arange(0.02, 60, 0.02), np.full(2999, 60.0))
    assert MARKS == meters({"a": its}).alignments[0].reference


def test_our_own_power_comes_before_a_load_model_and_a_constant_is_never_asked():
    its = readings(0.7)
    its["cpu.power_W"] = series(channel("cpu.power_W", "cpu", Kind.MEAN, "load_model", 0.2), [1, 20, 50], [10, 20, 10])
    name = "constant/system.power_W"
    its[name] = series(channel(name, "system", Kind.MEAN, "constant", 1.0), np.arange(60), np.full(60, 100.0))
    assert "gpu0.power_W" == meters({"a": its}).alignments[0].reference


def test_two_meters_have_a_lag_each():
    its, other = readings(0.7), readings(2.2)
    name = "meter/wall-2.power_W"
    its[name] = series(channel(name, "wall-2", Kind.GAUGE, "meter", 0.1), other[POWER].t_ns / S, other[POWER].value)
    offsets = {item.channel: item.offset_s for item in meters({"a": its}).alignments}
    assert {POWER: pytest.approx(0.7, abs=0.1), name: pytest.approx(2.2, abs=0.1)} == offsets


def test_runs_without_a_meter_are_never_read():
    its = readings(0.7)
    del its[POWER]
    records = {"a": record([OWN]), "b": record([wall()], launched_ns=None)}
    assert () == meters_of(records, lambda run: pytest.fail(f"{run} was read")).alignments


def test_a_run_whose_readings_are_damaged_is_left_out():
    def samples(run):
        raise NightFolderError("damaged", where=run)

    assert () == meters_of({"a": record([wall()])}, samples).alignments


def test_the_nights_lag_is_a_median_with_the_spread_of_the_runs():
    lags = [Lag(offset_s, 0.5) for offset_s in (0.5, 0.6, 0.7, 0.8, 5.0)]
    offset_s, uncertainty_s = night_lag(lags)
    assert (0.7, pytest.approx(0.5 / math.sqrt(5))) == (offset_s, uncertainty_s)
    assert pytest.approx(1.4826) == night_lag([Lag(offset_s, 0.5) for offset_s in (0.0, 1.0, 2.0)])[1]


# -- what energy is made of --------------------------------------------------------------------------------------------


def test_a_meters_power_is_moved_back_and_everything_else_stays():
    its = readings(0.7)
    aligned = meters({"a": its}).aligned("a", its)
    (moved_ns,) = set((its[POWER].t_ns - aligned[POWER].t_ns).tolist())
    assert 0.7 == pytest.approx(moved_ns / S, abs=0.1)
    assert its["gpu0.power_W"] is aligned["gpu0.power_W"]
    assert its[POWER].value is aligned[POWER].value


def test_the_lags_uncertainty_is_in_how_late_a_value_may_be():
    its = readings(0.7)
    night = meters({"a": its})
    expected = 0.1 + night.alignments[0].uncertainty_s
    assert expected == pytest.approx(night.aligned("a", its)[POWER].channel.refresh_s)


def test_a_total_is_no_part_of_the_energy_beside_a_power_and_is_all_of_it_without():
    its = readings(0.7, total=True)
    assert {POWER, "gpu0.power_W"} == {item.channel.name for item in energy_readings(its)}
    del its[POWER]
    assert {TOTAL, "gpu0.power_W"} == {item.channel.name for item in energy_readings(its)}


# -- the check by the meter's own total --------------------------------------------------------------------------------


def test_a_total_that_goes_with_the_power_agrees():
    check = meters({"a": readings(0.7, total=True)}).alignments[0].total
    assert check.agrees
    assert check.total_J == pytest.approx(check.integral_J, rel=1e-3)
    assert 7200 + 0.03 * check.integral_J == pytest.approx(check.tolerance_J)


@pytest.mark.parametrize(("scale", "agrees"), [(0.0, False), (0.3, False), (2.0, False), (1.02, True)])
def test_a_total_that_does_not_is_found_out(scale, agrees):
    check = meters({"a": readings(0.7, total=True, scale=scale)}).alignments[0].total
    assert agrees is check.agrees


def test_a_total_that_moves_by_a_watt_hour_or_once_a_minute_is_not_blamed_for_it():
    power = joules.Series(np.arange(0, 300) * S, np.full(300, 500.0), Kind.GAUGE, 1.0)
    exact = np.arange(300) * 500.0
    for told in (exact // 3600 * 3600, np.repeat(exact[::60], 60)):
        assert check_total(power, joules.Series(power.t_ns, told, Kind.COUNTER)).agrees


def test_no_check_is_made_of_too_little_or_of_a_total_that_went_back():
    power = joules.Series(np.arange(0, 10) * S, np.full(10, 500.0), Kind.GAUGE, 1.0)
    one = joules.Series(np.array([5 * S]), np.array([1.0]), Kind.COUNTER)
    back = joules.Series(np.array([2, 5]) * S, np.array([2.0, 1.0]), Kind.COUNTER)
    away = joules.Series(np.array([100, 200]) * S, np.array([1.0, 2.0]), Kind.COUNTER)
    assert [None] * 4 == [
        check_total(power, one), check_total(power, back), check_total(power, away), check_total(one, power)
    ]  # fmt: skip


# -- on disk -----------------------------------------------------------------------------------------------------------


def add_meter(night, late_s, interval_s=0.1, base_W=90.0, gain=1.2, scale=1.0):
    """Let each run of a simulated night have a meter that shows the power of ``gpu0`` late."""
    for truth in night.runs:
        folder = night.path / "runs" / truth.run
        table = pq.read_table(folder / "samples.parquet")
        names, stamps, values = (table.column(name).to_pylist() for name in ("channel", "t_ns", "value"))
        own = [(t_ns, value) for name, t_ns, value in zip(names, stamps, values, strict=True) if "gpu0.power" in name]
        own_ns, watts = np.array([t_ns for t_ns, _ in own]), np.array([value for _, value in own])
        at_ns = np.arange(own_ns[0], own_ns[-1], round(interval_s * S)) + 7
        seen = watts[np.clip(np.searchsorted(own_ns, at_ns - round(late_s * S)), 0, len(watts) - 1)]
        told = base_W + gain * seen
        total_J = 1e6 + scale * np.concatenate([[0], np.cumsum((told[1:] + told[:-1]) / 2 * np.diff(at_ns) / S)])
        rows = pa.table(
            {
                "t_ns": pa.array([*stamps, *at_ns, *at_ns], pa.int64()),
                "channel": pa.array([*names, *[POWER] * len(at_ns), *[TOTAL] * len(at_ns)]).dictionary_encode(),
                "value": pa.array([*values, *told, *total_J], pa.float64()),
            }
        )
        pq.write_table(rows, folder / "samples.parquet")
        body = json.loads((folder / "run.json").read_text())
        body["channels"] += [
            {**vars(its), "kind": str(its.kind), "quality": str(its.quality)}
            for its in (wall(interval_s), wall_total())
        ]
        (folder / "run.json").write_text(json.dumps(body))
    return load(night.path)


def test_the_energy_of_a_late_meter_is_that_of_the_window(simulate):
    simulated = simulate(blocks=2, origin="nvml", counter=False, cooldown_s=6.0)
    night = add_meter(simulated, 0.7)
    frame = energy(night)
    windows = frame[(frame.domain == "wall") & (frame.phase == "train")].set_index("run")
    raw = measure(_unaligned(night)).frame
    raw = raw[(raw.domain == "wall") & (raw.phase == "train")].set_index("run")
    for truth in simulated.runs:
        expected_J = 90 * truth.train_s + 1.2 * truth.train_J["gpu0"]
        assert expected_J == pytest.approx(windows.energy_J[truth.run], rel=0.01)
        assert expected_J * 0.98 > raw.energy_J[truth.run]
        assert abs(windows.energy_J[truth.run] - expected_J) <= windows.uncertainty_J[truth.run]
    assert {"trace"} == set(windows.method)


def _unaligned(night):
    class Unaligned:
        def __getattr__(self, name):
            return getattr(night, name)

        meters = type("Off", (), {"aligned": staticmethod(lambda _, series: series)})

    return Unaligned()


def test_the_curve_of_a_meters_domain_is_moved_too(simulate):
    night = add_meter(simulate(blocks=1, origin="nvml", counter=False, cooldown_s=6.0), 0.7)
    choice = choice_of(energy(night), ["wall"])
    bins = run_bins(night, night.records, choice, bin_s=0.5)
    for item in bins:
        assert item.power_W[0] == pytest.approx(np.median(item.power_W), rel=0.05)
    sums = total(night, measure(night), choice).energy_J
    assert [pytest.approx(sums[item.run]) for item in bins] == [item.energy_J.sum() for item in bins]


# -- what a reader is told ---------------------------------------------------------------------------------------------


@pytest.fixture
def cautions_of():
    from analysis.study import study

    def told(night):
        return {item.code: item.message for item in study(night).cautions}

    return told


def test_a_reader_sees_how_late_a_meter_is_and_whether_it_agrees_with_itself(simulate, cautions_of):
    night = add_meter(simulate(blocks=3, origin="nvml", counter=False, cooldown_s=6.0), 0.7)
    from analysis.listings.meters import meters as listing

    (row,) = listing(night).frame.to_dict("records")
    assert (POWER, 6, 6, 0, 0, "gpu0.power_W", 0) == tuple(
        row[key] for key in ("channel", "runs", "own", "night", "none", "reference", "apart")
    )
    assert (pytest.approx(0.7, abs=0.1), pytest.approx(1.0, abs=1e-6)) == (row["offset_s"], row["total"])
    assert {} == {code: text for code, text in cautions_of(night).items() if code.startswith("meter")}


def test_a_total_that_does_not_go_with_the_power_is_a_caution(simulate, cautions_of):
    night = add_meter(simulate(blocks=3, origin="nvml", counter=False, train_s=60.0), 0.7, scale=2.0)
    text = cautions_of(night)["meter-total"]
    assert "does not agree with itself in 6 runs" in text
    total_J, integral_J = (float(text.partition(words)[2].split()[0]) for words in ("grew by ", "power is "))
    assert 2.0 == pytest.approx(total_J / integral_J, rel=0.01)


def test_a_lag_that_nothing_tells_is_a_caution_with_the_reason(simulate, cautions_of):
    night = add_meter(simulate(blocks=3, origin="nvml", counter=False), 0.7, gain=0.0)
    text = cautions_of(night)["meter-lag"]
    assert "is not known in 6 runs" in text
    assert "no load step of it stands out" in text


def test_a_night_without_a_meter_says_nothing_of_meters(simulate, cautions_of):
    night = load(simulate(blocks=3).path)
    assert () == night.meters.alignments
    assert not [code for code in cautions_of(night) if code.startswith("meter")]


def test_a_trial_takes_the_lag_out_and_tells_it():
    stages = {"idle run": ("none", Phase("train", 1 * S, 11 * S)), "load run": ("cpu", Phase("train", 15 * S, 25 * S))}
    runs = {"idle run": readings(2.0, seed=1), "load run": readings(2.0, seed=2)}
    records = {
        name: record([item.channel for item in runs[name].values()], levels={"device": stage}, phases=(phase,))
        for name, (stage, phase) in stages.items()
    }
    night = SimpleNamespace(
        records=records, samples=runs.__getitem__, meters=meters_of(records, runs.__getitem__), host={},
    )  # fmt: skip
    tried = try_out(night, {"none": "train", "cpu": "train"})
    by_meter = {item.stage: item.power_W for item in tried.trials if item.origin == "meter"}
    assert {"none": pytest.approx(90 + 1.2 * 60, abs=2), "cpu": pytest.approx(90 + 1.2 * 300, abs=5)} == by_meter
    (lag,) = tried.lags
    assert ("wall", "meter", "") == (lag.domain, lag.origin, lag.why)
    assert pytest.approx(2.0, abs=0.1) == lag.offset_s
    assert any(f"wall by meter: {lag.offset_s:.2f} s late" in line for line in lines(tried, 200))


def test_a_trial_says_where_a_meter_s_lag_is_not_told():
    flat = {POWER: series(wall(), np.arange(0, 60, 0.1), np.full(600, 150.0))}
    its = record([wall()], levels={"device": "none"}, phases=(Phase("train", 15 * S, 25 * S),))
    night = SimpleNamespace(
        records={"a": its}, samples=lambda _: flat, meters=meters_of({"a": its}, lambda _: flat), host={},
    )  # fmt: skip
    tried = try_out(night, {"none": "train"})
    (lag,) = tried.lags
    assert lag.why
    assert math.isnan(lag.offset_s)
    assert any("wall by meter: its lag is not told" in line for line in lines(tried, 300))
