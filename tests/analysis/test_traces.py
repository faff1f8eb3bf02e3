"""One run's readings are reduced once: bins, pieces, a phase's mean, dips, loads."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest

from analysis.curve import aligned_bins, band, run_bins, window_bins
from analysis.dip_search import dips_of
from analysis.energy import Meter, choice_of, measure, total
from analysis.load import Series, load
from analysis.traces import Grid, bins_of, edges_of, gaps_of, grid_of, is_aligned, reduce_run
from harness import joules
from harness.record import Channel, Kind, Phase, Quality, RunRecord

NS = 1_000_000_000
GRID = Grid(0.5, 1, "epoch", 0.5, 1)


def meter_of(t_s, value, kind=Kind.MEAN, refresh_s=0.1, counter=None):
    power = joules.Series(np.rint(np.asarray(t_s) * NS).astype(np.int64), np.asarray(value, float), kind, refresh_s)
    return Meter("gpu0", "nvml", Quality.MEASURED, "made up", power, counter, None, refresh_s)


def record_of(window_s, phases=(), **settings):
    """A record of one run with a window called train and phases (name, begin, end)."""
    body = {"slot": "b01-1", "block": 1, "position": 1, "replicate": 1, "attempt": 1, "configuration": "base"}
    body |= {"levels": {}, "seed": 1, "status": "completed", "validity": "valid", "started_ns": 0}
    record = RunRecord.from_json({**body, "ended_ns": 10**12, "started_realtime_ns": 1, **settings})
    window = Phase("train", round(window_s[0] * NS), round(window_s[1] * NS))
    marked = tuple(Phase(name, round(begin * NS), round(end * NS)) for name, begin, end in phases)
    return dataclasses.replace(record, window=window, phases=(window, *marked))


def steps(times, powers, step_s=0.1):
    """Stamps and values of a step function: ``powers`` hold until ``times``."""
    t_s = np.arange(1, round(times[-1] / step_s) + 1) * step_s
    return t_s, np.asarray(powers, float)[np.searchsorted(times, t_s - 1e-9)]


@pytest.mark.parametrize("bin_s", [0.013, 0.5, 3.3, 100.0])
@pytest.mark.parametrize("kind", [Kind.MEAN, Kind.GAUGE, Kind.COUNTER])
def test_bins_of_two_rates_and_a_gap_sum_to_the_energy_whatever_their_width(kind, bin_s):
    fast, slow = np.arange(0.05, 10, 0.05), np.arange(13.0, 30, 0.5)
    t_s = np.concatenate([fast, slow])
    value = 100 + 30 * np.sin(t_s)
    series = joules.Series(
        np.rint(t_s * NS).astype(np.int64), np.cumsum(value) if kind is Kind.COUNTER else value, kind, 0.05
    )
    told = (None, series) if kind is Kind.COUNTER else (series, None)
    meter = Meter("gpu0", "nvml", Quality.MEASURED, "made up", *told, None, 0.05)
    edges = edges_of(NS, 28 * NS, bin_s)
    bins_J, seen = bins_of(meter, edges)
    assert meter.energy(NS, 28 * NS).energy_J == pytest.approx(bins_J.sum(), rel=1e-12)
    assert 3.05 == pytest.approx((np.diff(edges) / 1e9 * (1 - seen)).sum(), abs=1e-6), "the gap alone is not seen"


def test_a_slow_part_of_a_series_is_no_gap_but_a_hole_in_it_is():
    t_s = np.concatenate([np.arange(0, 5, 0.1), np.arange(5, 20, 1.0), np.arange(30, 40, 1.0)])
    gaps = gaps_of(meter_of(t_s, np.ones(len(t_s))).power)
    assert [19.0] == t_s[:-1][gaps].tolist()


def test_the_reduction_gives_the_same_bins_as_reading_the_run_again(simulate_once):
    night = load(simulate_once(blocks=2, domains={"gpu0": 0.7, "dram-0": 0.3}, train_s=6.4).path)
    grid = grid_of(night, night.protocol.analysis)
    measured = measure(night, functools.partial(reduce_run, grid=grid))
    choice = choice_of(measured.frame)
    energies = total(night, measured, choice).energy_J
    again = run_bins(night, night.records, choice, bin_s=grid.bin_s)
    for one, other in zip(window_bins(measured.reduced, night.records, choice), again, strict=True):
        np.testing.assert_allclose(one.energy_J, other.energy_J, rtol=1e-12)
        assert energies[one.run] == pytest.approx(one.energy_J.sum(), rel=1e-12)
        assert (one.run, 0.05) == (other.run, one.refresh_s)


def test_within_a_phase_the_mean_is_over_its_occurrences_and_then_over_runs(simulate_once):
    made = simulate_once(blocks=6, noise=0.02, epochs=3)
    night = load(made.path)
    measured = measure(night, functools.partial(reduce_run, grid=GRID))
    choice = choice_of(measured.frame)
    bins = aligned_bins(measured.reduced, night.records, choice)
    assert {4} == {len(item.power_W) for item in bins}
    assert {3} == {trace.occurrences for trace in measured.reduced.values()}
    curve = band(bins)
    assert {6} == set(curve.n), "the run is the unit, not its epochs"
    powers = [run.power_W for run in made.runs if run.configuration == "base"]
    np.testing.assert_allclose(curve[curve.configuration == "base"].power_W, np.mean(powers), rtol=1e-6)


def test_occurrences_of_different_lengths_count_where_they_reach():
    t_s, power = steps((1, 3, 5, 6, 8, 11), (70, 100, 200, 100, 300, 50))
    record = record_of((1, 11), [("epoch 1", 1, 5), ("epoch 2", 5, 11)])
    trace = reduce_run(record, {}, [meter_of(t_s, power)], grid=dataclasses.replace(GRID, aligned_bin_s=1.0))
    (of,) = trace.meters.values()
    np.testing.assert_allclose(of.aligned_W, [100, 200, 250, 125, 50, 50], rtol=1e-9)
    assert 6.0 == pytest.approx(trace.aligned_edges_s[-1])


def test_a_phase_is_named_with_or_without_its_number():
    assert all(is_aligned(name, "epoch") for name in ("epoch", "epoch 3"))
    assert not any(is_aligned(name, "epoch") for name in ("epochs", "epoch x", "train epoch 3", "epoch 3 b"))


def test_a_named_occurrence_of_a_phase_can_be_read(simulate_once):
    night = load(simulate_once(blocks=1, epochs=3).path)
    choice = choice_of(measure(night).frame)
    assert 2.0 == pytest.approx(run_bins(night, night.records, choice, phase="epoch", occurrence=3)[0].edges_s[-1])
    assert [] == run_bins(night, night.records, choice, phase="epoch", occurrence=4)


def test_dips_are_found_counted_and_tied_to_the_phases_around_them():
    # 100 W, a dip in evaluate 1, one between the epochs, one reading alone that is too short, one after the last.
    t_s, power = steps((10, 12, 19, 21, 30, 30.1, 38, 40), (100, 50, 100, 20, 100, 10, 100, 30))
    phases = [("epoch 1", 0, 19.5), ("evaluate 1", 9, 13), ("epoch 2", 20.8, 37)]
    trace = reduce_run(record_of((0, 40), phases), {}, [meter_of(t_s, power)], grid=GRID)
    (of,) = trace.meters.values()
    told = {place: (count, round(lasted_s, 6)) for place, (count, lasted_s) in of.dips.by_place.items()}
    assert {"evaluate": (1, 2.0), "between epochs": (1, 2.0), "after the last epoch": (1, 2.0)} == told
    assert 100.0 == pytest.approx(of.dips.level_W)
    assert 6.0 == pytest.approx((of.dips.share * np.diff(trace.edges_s)).sum())


def test_a_gap_is_no_dip_and_ends_one():
    t_s, power = steps((10, 14, 40), (100, 20, 100))
    kept = (t_s <= 11.05) | (t_s > 13.05)
    trace = reduce_run(record_of((0, 40)), {}, [meter_of(t_s[kept], power[kept])], grid=GRID)
    (of,) = trace.meters.values()
    ((count, lasted_s),) = of.dips.by_place.values()
    assert 2 == count
    assert 1.9 == pytest.approx(lasted_s, abs=0.01)


def test_a_window_too_short_for_its_sensor_tells_no_dips():
    t_s, power = steps((0.5, 1.0), (100, 20))
    trace = reduce_run(record_of((0, 1)), {}, [meter_of(t_s, power)], grid=GRID)
    (of,) = trace.meters.values()
    assert of.dips is None
    series = meter_of(t_s, 0 * power).power
    edges = edges_of(0, 40 * NS, 0.5)
    assert dips_of(series, gaps_of(series), record_of((0, 40)), edges, level_W=0.0, resolution_s=0.1) is None


def test_a_counter_alone_tells_its_course_to_its_own_ticks():
    t_s = np.arange(0, 40.1, 0.2)
    counter = joules.Series(np.rint(t_s * NS).astype(np.int64), 150 * t_s, Kind.COUNTER, 0.001)
    meter = Meter("package-0", "rapl", Quality.MEASURED, "made up", None, counter, None, 0.001)
    (of,) = reduce_run(record_of((0.3, 39.7)), {}, [meter], grid=GRID).meters.values()
    assert (True, 0.2) == (of.is_counter, pytest.approx(of.resolution_s))
    np.testing.assert_allclose(of.pieces_W, 150, rtol=1e-9)


def test_how_busy_a_device_was_is_the_mean_over_the_window_alone():
    channel = Channel("gpu0.utilisation_pct", "%", Kind.MEAN, "gpu0", Quality.MEASURED, "made up", 1.0)
    stamps = np.arange(1, 31) * NS
    series = Series(channel, stamps, np.where(stamps <= 10 * NS, 10.0, 90.0))
    other = Series(dataclasses.replace(channel, name="gpu0.fan_pct"), stamps, np.full(30, 50.0))
    given = {"gpu0.utilisation_pct": series, "gpu0.fan_pct": other}
    assert {"gpu0.utilisation_pct": pytest.approx(90.0)} == reduce_run(record_of((10, 30)), given, [], grid=GRID).loads
    # Before its first reading nothing is known: 9 s at 10 %, 10 s at 90 %.
    half = reduce_run(record_of((0, 20)), given, [], grid=GRID).loads["gpu0.utilisation_pct"]
    assert (9 * 10 + 10 * 90) / 19 == pytest.approx(half)
    assert {} == reduce_run(record_of((25, 90)), given, [], grid=GRID).loads


def test_bins_are_wider_than_asked_where_a_page_has_no_pixels_for_them(simulate_once):
    night = load(simulate_once(blocks=1).path)
    fine = night.protocol.analysis.model_copy(update={"bin_ms": 1.0, "align": "evaluate"})
    grid = grid_of(night, fine)
    assert (5, 0.005) == (grid.times, pytest.approx(grid.bin_s))
    assert ("evaluate", 1, 0.001) == (grid.align, grid.aligned_times, pytest.approx(grid.aligned_bin_s))
    assert "epoch" == grid_of(night, night.protocol.analysis).align


def test_a_run_without_a_window_has_an_empty_trace():
    record = dataclasses.replace(record_of((0, 1)), window=None)
    assert ({}, {}) == ((found := reduce_run(record, {}, [], grid=GRID)).meters, found.loads)
