"""Power over time: bins conserve energy, bands are over runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from analysis.curve import COLUMNS, RunBins, band, run_bins
from analysis.energy import choice_of, measure, total
from analysis.load import load
from analysis.statistics.bands import pointwise
from analysis.traces import edges_of


def bins_of(path, domains=("gpu0",), **settings):
    night = load(path)
    return run_bins(night, night.records, choice_of(measure(night).frame, domains), **settings)


@pytest.mark.parametrize("bin_s", [0.5, 0.37, 7.0, 0.01])
@pytest.mark.parametrize("settings", [{}, {"counter": False}, {"counter_scale": 1.03}])
def test_the_bins_of_a_run_sum_to_its_energy_exactly_whatever_their_width(simulate_once, bin_s, settings):
    made = simulate_once(blocks=2, domains={"gpu0": 0.7, "dram-0": 0.3}, **settings)
    night = load(made.path)
    measured = measure(night)
    choice = choice_of(measured.frame)
    energies = total(night, measured, choice).energy_J
    for item in run_bins(night, night.records, choice, bin_s=bin_s):
        assert energies[item.run] == pytest.approx(item.energy_J.sum(), rel=1e-12)
        assert 6.0 == pytest.approx(item.edges_s[-1])


def test_a_step_of_power_stands_in_the_bins_where_it_was(simulate_once):
    made = simulate_once(blocks=1, noise=0.0, marks=False)
    (first, _) = bins_of(made.path)
    np.testing.assert_allclose(first.power_W[:2], 0.6 * 200, rtol=1e-9)
    np.testing.assert_allclose(first.power_W[2:14], 200, rtol=1e-9)
    np.testing.assert_allclose(first.power_W[14:], 0.7 * 200, rtol=1e-9)


def test_bins_can_be_aligned_to_a_phase(simulate_once):
    items = bins_of(simulate_once(blocks=1).path, phase="epoch 2")
    assert 2.0 == pytest.approx(items[0].edges_s[-1])
    assert [] == bins_of(simulate_once(blocks=1).path, phase="no such phase")


def test_a_run_that_lacks_a_domain_or_its_samples_is_left_out(simulate):
    made = simulate(blocks=2, domains={"gpu0": 0.7, "dram-0": 0.3}, without_domain={"b01-1": ("dram-0",)})
    (made.folder("b02-1") / "samples.parquet").write_bytes(b"")
    assert 2 == len(bins_of(made.path, ("gpu0", "dram-0")))


def test_the_band_is_over_runs_and_counts_them(simulate_once):
    made = simulate_once(blocks=5, noise=0.05)
    curve = band(bins_of(made.path))
    assert list(COLUMNS) == list(curve.columns)
    assert {"base", "lean"} == set(curve.configuration)
    base = curve[curve.configuration == "base"]
    assert {5} == set(base.n)
    assert 12 == len(base)
    assert (0.25, 5.75) == (pytest.approx(base.t_s.iloc[0]), pytest.approx(base.t_s.iloc[-1]))
    powers = [run.power_W for run in made.runs if run.configuration == "base"]
    np.testing.assert_allclose(base.power_W, np.mean(powers), rtol=1e-9)
    half = 2.776445 * np.std(powers, ddof=1) / math.sqrt(5)
    np.testing.assert_allclose(base.high_W - base.power_W, half, rtol=1e-6)


def test_the_band_follows_the_power_from_bin_to_bin(simulate_once):
    curve = band(bins_of(simulate_once(blocks=2, noise=0.0, marks=False, configurations={"base": 1.0}).path))
    np.testing.assert_allclose(curve.power_W, [120.0] * 2 + [200.0] * 12 + [140.0], rtol=1e-9)


def test_shorter_runs_leave_fewer_in_the_later_bins_and_one_run_has_no_band():
    def item(run, bins, last):
        edges = np.array([*np.arange(bins) * 0.5, (bins - 1) * 0.5 + last])
        return RunBins(run, "base", edges, np.diff(edges) * 100.0, 0.02)

    curve = band([item("a", 3, 0.5), item("b", 4, 0.5), item("c", 6, 0.2)])
    assert [3, 3, 3, 2, 1, 1] == curve.n.tolist()
    assert [False, False, False, False, True, True] == curve.low_W.isna().tolist()
    np.testing.assert_allclose(curve.power_W, 100.0)


@given(
    some.lists(some.floats(0.05, 200.0), min_size=1, max_size=9),
    some.floats(0.2, 300.0),
    some.integers(0, 2**32 - 1),
)
def test_power_times_width_times_runs_sums_to_the_energy_whatever_the_width_and_the_runs_lengths(lengths, bin_s, seed):
    draw = np.random.default_rng(seed)
    bins = []
    for place, length in enumerate(lengths):
        edges = edges_of(0, round(length * 1e9), bin_s) / 1e9
        bins.append(RunBins(str(place), "base", edges, draw.uniform(50, 150, len(edges) - 1) * np.diff(edges), 0.02))
    curve = band(bins)
    whole_J = sum(item.energy_J.sum() for item in bins)
    assert whole_J == pytest.approx((curve.power_W * curve.width_s * curve.n).sum(), rel=1e-9)
    reaching = [sum(len(item.energy_J) > place for item in bins) for place in curve.bin]
    assert reaching == curve.n.tolist()
    assert max(item.edges_s[-1] for item in bins) == curve.end_s.iloc[-1]
    assert curve.begin_s.iloc[1:].tolist() == curve.end_s.iloc[:-1].tolist()
    told = curve.low_W.notna()
    assert (curve.low_W[told] <= curve.power_W[told]).all()


def test_a_last_bin_that_is_not_full_is_as_wide_as_what_is_left():
    edges = np.array([0.0, 45.0, 59.9])
    curve = band([RunBins(run, "base", edges, np.array([4500.0, 2980.0]), 0.02) for run in "abc"])
    assert [45.0, pytest.approx(14.9)] == curve.width_s.tolist()
    assert [0.0, 45.0, 59.9] == [*curve.begin_s, curve.end_s.iloc[-1]]
    assert [100.0, 200.0] == pytest.approx(curve.power_W.tolist())


def test_where_the_runs_end_in_a_bin_the_interval_is_that_of_their_energy_over_their_time():
    energies, widths = np.array([30.0, 44.0, 51.0]), np.array([0.3, 0.4, 0.5])
    bins = [
        RunBins(str(place), "base", np.array([0.0, 1.0, 1.0 + width]), np.array([100.0, energy]), 0.02)
        for place, (energy, width) in enumerate(zip(energies, widths, strict=True))
    ]
    last = band(bins).iloc[-1]
    assert energies.sum() / widths.sum() == pytest.approx(last.power_W)
    # Cochran's linearised error of a ratio, by hand.
    off = energies - last.power_W * widths
    error = math.sqrt((off**2).sum() / 2 / 3) / widths.mean()
    assert 4.302653 * error == pytest.approx(last.high_W - last.power_W, rel=1e-6)


def test_a_run_shorter_than_a_bin_keeps_its_only_bin():
    curve = band([RunBins("a", "base", np.array([0.0, 0.2]), np.array([20.0]), 0.02)])
    assert [100.0] == pytest.approx(curve.power_W.tolist())


def test_no_runs_give_an_empty_curve_with_its_columns():
    assert list(COLUMNS) == list(band([]).columns)


def test_a_width_that_is_not_positive_is_refused(simulate_once):
    with pytest.raises(ValueError, match="positive width"):
        bins_of(simulate_once(blocks=1).path, bin_s=0.0)


def test_the_slowest_sensor_s_refresh_is_kept(simulate_once):
    assert 0.05 == bins_of(simulate_once(blocks=1).path)[0].refresh_s


def test_a_pointwise_band_covers_its_point_as_often_as_it_says():
    draws = np.random.default_rng(11).normal(5.0, 1.0, (6, 20_000))
    _, low, high, _ = pointwise(draws, 0.95)
    assert 0.95 == pytest.approx(np.mean((low < 5.0) & (high > 5.0)), abs=3 * math.sqrt(0.05 * 0.95 / 20_000))


def test_a_bin_without_any_run_is_refused():
    with pytest.raises(ValueError, match="at least one run"):
        pointwise(np.array([[1.0, np.nan]]), 0.95)
