"""Charts for the page's script: the static figures' data and colours, names that are only ever text."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from analysis.explore.accuracy import explore_accuracy
from analysis.explore.chart import BANDED, TOO_MANY, Chart, as_json, dash_of, escaped, numbers, spaced, whole_axis
from analysis.explore.distribution import explore_distribution
from analysis.explore.drift import explore_drift
from analysis.explore.epochs import explore_energies, explore_learning
from analysis.explore.pairs import explore_pairs
from analysis.explore.pareto import FRONT, explore_pareto
from analysis.explore.power import explore_power
from analysis.figures.pareto import FIRM
from analysis.figures.style import PALETTE, look
from analysis.findings import Comparison, Estimate, Group
from analysis.grid_findings import Tradeoff, TradeoffPoint

HOSTILE = "</script><img src=x onerror=alert(1)> %{y} <b>&amp;</b>\u2028"


def curve_of(names, bins=4, n=3):
    at = 0.5 * np.arange(bins)
    parts = [
        pd.DataFrame({"configuration": name, "bin": range(bins), "begin_s": at, "end_s": at + 0.5,
                      "power_W": 100.0 + place, "low_W": 99.0, "high_W": 105.0, "n": n})
        for place, name in enumerate(names)
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def runs_of(names, blocks=6):
    rows = [
        {"run": f"b{block:02d}-{place}", "configuration": name, "value": 2000.0 + 100 * place + 7 * block,
         "accuracy": 0.8 + 0.001 * block, "state": "headline", "block": block + 1,
         "started_s": 60.0 * block, "start_temperature_C": 40.0}
        for block in range(blocks)
        for place, name in enumerate(names)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def group_of(name):
    none = Estimate(None, "")
    return Group(name, 6, 6, 0, 0, Estimate(2100.0, "J", 2000.0, 2300.0), *([None] * 5), none, none,
                 {"accuracy": Estimate(0.8, "", 0.79, 0.81)})  # fmt: skip


def means_of(names, epochs=3):
    rows = [
        {"configuration": name, "epoch": float(epoch), "n": 4.0, "energy_J": 2000.0 + place, "energy_J_low": 1900.0,
         "energy_J_high": 2100.0, "cumulative_J": 2000.0 * epoch, "cumulative_J_low": 1900.0 * epoch,
         "cumulative_J_high": 2100.0 * epoch, "efficiency": 9.0, "efficiency_low": 8.0, "efficiency_high": 10.0}
        for place, name in enumerate(names)
        for epoch in range(1, epochs + 1)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def learning_of(names, epochs=3):
    return pd.DataFrame(
        [
            {"configuration": name, "metric": metric, "epoch": epoch, "mean": 0.5, "low": 0.4, "high": 0.6, "n": 3}
            for name in names
            for metric in ("loss", "val_loss", "accuracy")
            for epoch in range(1, epochs + 1)
        ]
    )


def tradeoff_of(names, **more):
    points = [
        TradeoffPoint(name, Estimate(2000.0 + 100 * place, "J", 1950.0 + 100 * place, 2050.0 + 100 * place),
                      Estimate(0.8 + 0.01 * (place == 1), "", 0.79, 0.82), place < 2, (1.0, 0.6, 0.0)[place % 3],
                      () if place < 2 else (names[0],))
        for place, name in enumerate(names)
    ]  # fmt: skip
    made = {"metric": "accuracy", "unit": "", "better": "higher", "declared": True, "response": "energy",
            "response_unit": "J", "points": tuple(points), "resamples": 2000, "seed": 1,
            "unit_resampled": "block"}  # fmt: skip
    return Tradeoff(**{**made, **more})


def comparison_of(name, baseline):
    none = Estimate(None, "")
    ratio = Estimate(1.05, "×", 1.04, 1.06, 0.95, 6)
    return Comparison(name, baseline, "energy", ratio, ratio, none, (), *([none] * 4), none, 6, 0, "higher", "higher")


def pairs_of(names):
    return explore_pairs(runs_of(names), [comparison_of(name, names[0]) for name in names[1:]])


def charts(names):
    runs = runs_of(names)
    return {
        "power": explore_power(curve_of(names)),
        "distribution": explore_distribution(runs),
        "accuracy": explore_accuracy(runs, []),
        "drift": explore_drift(runs),
        "pairs": pairs_of(names),
        "energies": explore_energies(means_of(names)),
        "epochs": explore_learning(learning_of(names)),
        "pareto": explore_pareto(tradeoff_of(names)),
    }


KINDS = ["power", "distribution", "accuracy", "drift", "pairs", "energies", "epochs", "pareto"]


@pytest.mark.parametrize("which", KINDS)
def test_each_configuration_can_be_hidden_and_has_the_colour_of_the_static_figure(which):
    chart = charts(["a", "b", "c"])[which]
    assert ["a", "b", "c"] == [name for name, _ in chart.keys]
    assert list(PALETTE[:3]) == [key.colour for _, key in chart.keys]
    assert {"0", "1", "2"} == {trace["legendgroup"] for trace in chart.traces} - {FRONT}
    for trace in chart.traces:
        if trace["legendgroup"] == FRONT:
            continue
        used = (trace.get("marker") or trace["line"]).get("color")
        assert used in (None, PALETTE[int(trace["legendgroup"])])


@pytest.mark.parametrize("which", KINDS)
def test_a_hostile_name_ends_no_block_and_is_no_markup_of_plotly(which):
    text = as_json(charts([HOSTILE, "b"])[which])
    assert not set("<>&\u2028") & set(text)
    body = json.loads(text)
    assert body["keys"][0]["whole"].startswith("</script><img")  # shown as text, by textContent
    for trace in body["data"]:
        if trace.get("name") not in (None, "b"):
            assert "<" not in trace["name"]
            assert trace["name"].startswith("&lt;/script&gt;&lt;img")
        # A name must never stand in a template, which would fill what looks like a field of it.
        assert "img" not in trace.get("hovertemplate", "")


def test_power_has_the_curve_and_its_band_in_the_unit_of_the_axis():
    curve = curve_of(["a"]).assign(power_W=[1000.0, 2000.0, 1500.0, 1250.0], low_W=900.0, high_W=2100.0)
    low, high, mean = explore_power(curve).traces
    assert [1, 2, 1.5, 1.25, 1.25] == mean["y"]  # each from its bin's begin to the next, the last to the end
    assert [0.9] * 5 == low["y"]
    assert [2.1] * 5 == high["y"]
    assert (0, 0.5, "hv") == (mean["x0"], mean["dx"], mean["line"]["shape"])
    assert "0.9000 to 2.100, n 3" == mean["text"][0]
    assert "kW" in mean["hovertemplate"]


def test_power_of_single_runs_has_no_band_and_a_missing_value_is_none():
    curve = curve_of(["a"], n=1).assign(low_W=np.nan, high_W=np.nan)
    curve.loc[2, "power_W"] = np.nan
    [mean] = explore_power(curve).traces
    assert [100, 100, None, 100, 100] == mean["y"]
    assert ["n 1"] * 5 == mean["text"]
    assert "NaN" not in as_json(explore_power(curve))


def test_the_simultaneous_band_lies_behind_the_pointwise_one_and_is_cut_as_in_the_static_figure():
    curve = curve_of(["a"]).assign(all_low_W=50.0, all_high_W=1e6)
    chart = explore_power(curve, every="simultaneous 95 % band (sup-t)")
    every_low, every_high, low, high, _ = chart.traces
    assert ([50] * 5, [1e6] * 5) == (every_low["y"], every_high["y"])
    assert ([99] * 5, [105] * 5) == (low["y"], high["y"])
    assert chart.layout["yaxis"]["range"][1] < 150
    assert "paler: simultaneous 95 % band (sup-t)" in chart.notes[0]
    assert len(explore_power(curve_of(["a"])).traces) == 3


def test_a_last_bin_that_is_not_full_ends_where_the_runs_do():
    curve = curve_of(["a"], bins=2).assign(begin_s=[0.0, 45.0], end_s=[45.0, 59.9])
    assert [0, 45, 59.9] == explore_power(curve).traces[-1]["x"]


def test_a_page_of_many_long_curves_has_no_bands_and_says_so():
    chart = explore_power(curve_of([f"c{number}" for number in range(45)], bins=1000))
    assert 45 == len(chart.traces)
    assert "too many bins" in chart.notes[0]
    assert len(as_json(chart)) < 1_500_000


def test_every_run_stands_in_the_distribution_with_its_name_and_standing():
    runs = runs_of(["a", "b"])
    runs.loc[0, "state"] = "outlier"
    chart = explore_distribution(runs)
    shown = [text for trace in chart.traces for text in trace["text"]]
    assert len(runs) == len(shown)
    assert "b00-0<br>flagged as an outlier" in shown
    assert {"violin", "scatter"} == {trace["type"] for trace in chart.traces}


def test_below_five_runs_there_is_no_violin():
    assert {"scatter"} == {trace["type"] for trace in explore_distribution(runs_of(["a"], blocks=4)).traces}


def test_an_excluded_run_of_ten_times_the_value_is_there_and_not_in_the_first_view():
    runs = runs_of(["a", "b"])
    runs.loc[3, ["state", "value"]] = ["excluded", 40_000.0]
    chart = explore_distribution(runs)
    assert chart.layout["yaxis"]["range"][1] < 3
    assert 40 in [value for trace in chart.traces for value in trace["y"]]
    assert "outside at first" in chart.notes[0]


def test_many_configurations_lie_one_under_the_other():
    chart = explore_distribution(runs_of([f"c{number}" for number in range(45)]))
    assert {"h"} == {trace["orientation"] for trace in chart.traces}
    assert chart.height_px > 45 * 30


def test_means_stand_with_their_intervals_against_accuracy():
    chart = explore_accuracy(runs_of(["a"]), [group_of("a")])
    mean = chart.traces[-1]
    assert ([0.2], [0.1]) == (mean["error_x"]["array"], mean["error_x"]["arrayminus"])
    assert "mean of 6 runs<br>2.10 [2.00, 2.30] kJ" in mean["text"][0]


def test_a_course_without_temperatures_has_one_panel():
    runs = runs_of(["a"])
    assert "yaxis2" in explore_drift(runs).layout
    assert "yaxis2" not in explore_drift(runs.assign(start_temperature_C=np.nan)).layout


def test_numbers_are_json():
    assert [1.23457, None, None, 3, 1e-07] == numbers([1.2345678, math.nan, math.inf, 3.0, 1e-7])
    assert isinstance(numbers([3.0])[0], int)
    assert {"x": [0, 1, 3]} == spaced("x", [0, 1, 3])
    assert {"x": [2]} == spaced("x", [2.0])
    assert {"x0": 0.5, "dx": 1.0} == spaced("x", [0.5, 1.5, 2.5])


def test_dashes_tell_configurations_of_one_colour_apart():
    assert ["solid", "8px,3px"] == [dash_of(look(0), 2.0), dash_of(look(7), 2.0)]


def test_the_same_chart_gives_the_same_text():
    assert as_json(charts(["a", "b"])["drift"]) == as_json(charts(["a", "b"])["drift"])
    assert as_json(Chart((), {}, ())).startswith('{"data":[]')
    assert "&lt;b&gt; &amp;" == escaped("<b> &")


def test_each_whole_block_has_its_ratio_beside_the_estimate_with_its_interval():
    runs = runs_of(["a", "b"])
    runs.loc[2, "state"] = "outlier"
    chart = explore_pairs(runs, [comparison_of("b", "a")])
    ratios = [trace for trace in chart.traces if trace.get("yaxis") == "y2" and trace["mode"] == "markers"]
    assert [5, 1] == [len(trace["y"]) for trace in ratios]
    assert "with a flagged run" in ratios[1]["text"][0]
    assert "1.050 [1.040, 1.060]" in ratios[0]["text"][0]
    flat = [trace["y"] for trace in chart.traces if trace["mode"] == "lines"]
    assert [[1.04, 1.04], [1.06, 1.06], [1.05, 1.05]] == flat
    assert "Ratios are to a;" in chart.notes[0]
    assert "yaxis2" not in explore_pairs(runs, []).layout


def test_cumulative_energy_lies_above_that_of_each_epoch_in_units_of_its_own():
    chart = explore_energies(means_of(["a"]), quantity="energy of gpu0")
    lines = [trace for trace in chart.traces if trace["mode"] == "lines+markers"]
    assert [[2, 4, 6], [2, 2, 2], [9, 9, 9]] == [trace["y"] for trace in lines]
    assert "cumulative, kJ" == chart.layout["yaxis"]["title"]["text"]
    assert "Energy of gpu0. Accuracy is for the cumulative energy." in chart.notes[0]
    assert "%/Wh" in chart.layout["yaxis3"]["title"]["text"]
    assert "1.9 to 2.1, n 4" == lines[0]["text"][0]
    bare = explore_energies(means_of(["a"]).assign(efficiency=np.nan))
    assert "yaxis3" not in bare.layout


def test_validation_is_dashed_and_single_runs_have_no_band():
    chart = explore_learning(learning_of(["a"]).assign(n=1))
    assert ["solid", "4px,3px", "solid"] == [trace["line"]["dash"] for trace in chart.traces]
    assert "Dashed: validation." in chart.notes


def test_the_front_is_told_by_marks_and_the_beaten_say_by_whom():
    names = ["a", "b", "c"]
    front, *points = explore_pareto(tradeoff_of(names)).traces
    assert ([2, 2.1], [0.8, 0.81]) == (front["x"], front["y"])
    assert ["circle", "circle-open", "square-open"] == [point["marker"]["symbol"] for point in points]
    assert FIRM > 0.6
    assert "beaten by a" in points[2]["text"][0]
    assert "60 % of the resamples" in points[1]["text"][0]
    assert "reversed" == explore_pareto(tradeoff_of(names, better="lower")).layout["yaxis"]["autorange"]


def test_a_configuration_that_cannot_be_placed_is_not_drawn():
    gone = TradeoffPoint("d", Estimate(None, "J"), Estimate(None, ""), False, None, (), "no run has a value")
    chart = explore_pareto(tradeoff_of(["a", "b"], points=(*tradeoff_of(["a", "b"]).points, gone)))
    assert ["a", "b"] == [name for name, _ in chart.keys]


def test_bands_of_many_configurations_are_left_out_and_that_is_said():
    names = [f"c{number}" for number in range(BANDED + 1)]
    for chart in (pairs_of(names), explore_energies(means_of(names)), explore_learning(learning_of(names))):
        assert not any("fill" in trace for trace in chart.traces)
        assert TOO_MANY in chart.notes[0]


def test_blocks_and_epochs_are_marked_at_whole_numbers_only():
    assert [1, 1, 2, 5, 10, 100] == [whole_axis("block", last)["dtick"] for last in (1, 12, 13, 60, 61, 1000)]
