"""The figures of what happens inside the runs: nothing cut off, every unit and every n said, gaps left open."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.figures.dips import draw_dips
from analysis.figures.energies import draw_energies, draw_rates
from analysis.figures.power import draw_power
from analysis.findings import Estimate
from analysis.temporal import EpochRate

STAMP = "modelled, not measured"
SIZES = [(1, 1, False), (2, 30, False), (6, 8, True), pytest.param(45, 3, True, marks=pytest.mark.slow)]


def means_of(names, runs, epochs=30, *, stops=True):
    frames = []
    for place, name in enumerate(names):
        epoch = np.arange(1, epochs + 1)
        n = np.where(stops & (epoch > 20), max(1, runs // 2), runs)
        energy = 900.0 + 20 * place + 0 * epoch
        frame = pd.DataFrame({"configuration": name, "epoch": epoch, "n": n, "energy_J": energy})
        frame["cumulative_J"], frame["efficiency"] = np.cumsum(energy), 40 / epoch
        for key in ("energy_J", "cumulative_J", "efficiency"):
            frame[f"{key}_low"] = np.where(n > 1, frame[key] * 0.97, np.nan)
            frame[f"{key}_high"] = np.where(n > 1, frame[key] * 1.03, np.nan)
        frames.append(frame)
    return pd.concat(frames)


def rates_of(names):
    slopes = [Estimate(0.25 + 0.01 * place, "Wh/epoch", 0.24, 0.26, 0.95, 5) for place in range(len(names))]
    return [EpochRate(name, slope, 20, 30, slope) for name, slope in zip(names, slopes, strict=True)]


def dips_of(names, domains=("gpu0", "package-0")):
    at = np.arange(0.25, 120, 0.5)
    return pd.concat(
        pd.DataFrame({"configuration": name, "domain": domain, "t_s": at, "share_pct": 100.0 * (at % 6 < 1)})
        for name in names
        for domain in domains
    )


def curve_of(names):
    at = np.arange(0.25, 30, 0.5)
    half = np.where((at > 10) & (at < 13), np.nan, 2.0)
    frame = pd.DataFrame({"begin_s": at - 0.25, "end_s": at + 0.25, "power_W": 100 + 0 * half})
    frame["low_W"], frame["high_W"] = 100 - half, 100 + half
    frame["all_low_W"], frame["all_high_W"] = 100 - 30 * half, 100 + 30 * half
    frame["n"] = np.where(np.isnan(half), 0, 10)
    return pd.concat(frame.assign(configuration=name) for name in names)


def words(figure):
    return " ".join(text.get_text() for text in figure.texts).replace("\n", " ")


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize(("count", "runs", "long"), SIZES)
@pytest.mark.parametrize("kind", ["energies", "rates", "dips", "power"])
def test_nothing_is_cut_off_or_written_over(kind, count, runs, long, made_up, flaws):
    names, _ = made_up(count, 1, long=long)
    given = {"configurations": names, "stamp": STAMP}
    figure = {
        "energies": lambda: draw_energies(means_of(names, runs), quantity="energy of gpu0 + package-0", **given),
        "rates": lambda: draw_rates(rates_of(names), quantity="energy of gpu0 + package-0", **given),
        "dips": lambda: draw_dips(dips_of(names), notes=["A dip is far below."], **given),
        "power": lambda: draw_power(curve_of(names), bin_s=0.5, **given),
    }[kind]()
    assert [] == flaws(figure)
    assert STAMP in words(figure)


def test_the_energies_name_their_units_and_show_how_many_runs_came_so_far(made_up):
    names, _ = made_up(2, 1)
    figure = draw_energies(means_of(names, 10), configurations=names)
    told = [axes.get_ylabel().replace("\n", " ").replace("\xa0", " ") for axes in figure.axes]
    assert ["energy of an epoch, J", "cumulative energy, kJ", "accuracy for cumulative energy, %/Wh"] == told[::2]
    assert ["runs"] * 3 == told[1::2]
    assert "float32 (n = 10 to 5)" in legend(figure)
    level = draw_energies(means_of(names, 10, stops=False), configurations=names)
    assert ("float32 (n = 10)", 3) == (legend(level)[0], len(level.axes))


def test_without_an_accuracy_there_is_no_efficiency(made_up):
    names, _ = made_up(2, 1)
    means = means_of(names, 10, stops=False).assign(efficiency=np.nan, efficiency_low=np.nan, efficiency_high=np.nan)
    assert 2 == len(draw_energies(means, configurations=names).axes)


@pytest.mark.parametrize(("count", "drawn"), [(6, True), (7, False)])
def test_the_accuracy_behind_an_efficiency_is_told_where_that_is_drawn(count, drawn, made_up):
    names, _ = made_up(count, 1)
    figure = draw_energies(means_of(names, 2, stops=False), configurations=names, notes=["Accuracy: val_accuracy."])
    assert drawn == ("Accuracy: val_accuracy." in words(figure))


def test_both_bands_are_named_and_a_wide_one_does_not_press_the_curve_flat(made_up):
    names, _ = made_up(2, 1)
    figure = draw_power(curve_of(names), bin_s=0.5, every="simultaneous 95 % band (sup-t)", configurations=names)
    assert {"pointwise 95 % band over runs", "simultaneous 95 % band (sup-t)"} < set(legend(figure))
    assert figure.axes[0].get_ylim()[1] < 130
    assert "holds for all times at once" in words(figure)


def test_a_gap_in_the_readings_stays_open(made_up):
    names, _ = made_up(1, 1)
    curve = curve_of(names)
    figure = draw_power(curve.assign(power_W=curve.power_W.where(curve.n > 0)), bin_s=0.5, configurations=names)
    assert "the curve has a gap" in words(figure)
    drawn = figure.axes[0].get_lines()[0].get_ydata()
    assert 6 == np.isnan(drawn).sum()


def test_a_last_bin_that_is_not_full_is_drawn_to_its_end(made_up):
    names, _ = made_up(1, 1)
    curve = pd.DataFrame({"configuration": names[0], "begin_s": [0.0, 45.0], "end_s": [45.0, 59.9], "n": 3})
    figure = draw_power(curve.assign(power_W=[100.0, 50.0], low_W=90.0, high_W=110.0), bin_s=45, configurations=names)
    for axes in figure.axes:
        [line] = axes.get_lines()
        assert [0.0, 45.0, 59.9] == line.get_xdata().tolist()
    assert "the last as long as the runs last: energy is conserved" in words(figure)
    within = draw_power(curve.assign(power_W=100.0, low_W=90.0, high_W=110.0), bin_s=45, whole=False)
    assert "conserved" not in words(within)


def test_a_bin_finer_than_a_counter_s_tick_is_said_to_hold_its_mean(made_up):
    names, _ = made_up(1, 1)
    figure = draw_power(curve_of(names), bin_s=0.5, refresh_s=5.0, counter=True, configurations=names)
    assert "finer than the tick of an energy counter (5 s)" in words(figure)
    assert "finer" not in words(draw_power(curve_of(names), bin_s=0.5, refresh_s=0.5, configurations=names))


def test_a_wide_band_of_few_runs_does_not_set_the_axis_and_that_is_said():
    curve = curve_of(["a", "b"]).drop(columns=["all_low_W", "all_high_W"])
    wide = curve.assign(low_W=-3000.0, high_W=curve["high_W"].where(curve["begin_s"] > 1, 3210.0))
    figure = draw_power(wide, bin_s=0.5)
    low, high = figure.axes[0].get_ylim()
    assert 0 == low
    assert curve["power_W"].max() < high < 2 * curve["power_W"].max()
    assert "cut there: the widest reaches 3.21 kW" in words(figure)
    assert "cut there" not in words(draw_power(curve, bin_s=0.5))
