"""Charts for the page's script: the static figures' data and colours, names that are only ever text."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from analysis.explore.accuracy import explore_accuracy
from analysis.explore.chart import Chart, as_json, dash_of, escaped, numbers, spaced
from analysis.explore.distribution import explore_distribution
from analysis.explore.drift import explore_drift
from analysis.explore.power import explore_power
from analysis.figures.style import PALETTE, look
from analysis.findings import Estimate, Group

HOSTILE = "</script><img src=x onerror=alert(1)> %{y} <b>&amp;</b>\u2028"


def curve_of(names, bins=4, n=3):
    at = 0.25 + 0.5 * np.arange(bins)
    parts = [
        pd.DataFrame({"configuration": name, "bin": range(bins), "t_s": at, "power_W": 100.0 + place,
                      "low_W": 99.0, "high_W": 105.0, "n": n})
        for place, name in enumerate(names)
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def runs_of(names, blocks=6):
    rows = [
        {"run": f"b{block:02d}-{place}", "configuration": name, "value": 2000.0 + 100 * place + 7 * block,
         "accuracy": 0.8 + 0.001 * block, "state": "headline", "started_s": 60.0 * block, "start_temperature_C": 40.0}
        for block in range(blocks)
        for place, name in enumerate(names)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def group_of(name):
    none = Estimate(None, "")
    return Group(name, 6, 6, 0, 0, Estimate(2100.0, "J", 2000.0, 2300.0), *([None] * 5), none, none,
                 {"accuracy": Estimate(0.8, "", 0.79, 0.81)})  # fmt: skip


def charts(names):
    runs = runs_of(names)
    return {
        "power": explore_power(curve_of(names)),
        "distribution": explore_distribution(runs),
        "accuracy": explore_accuracy(runs, []),
        "drift": explore_drift(runs),
    }


@pytest.mark.parametrize("which", ["power", "distribution", "accuracy", "drift"])
def test_each_configuration_can_be_hidden_and_has_the_colour_of_the_static_figure(which):
    chart = charts(["a", "b", "c"])[which]
    assert ["a", "b", "c"] == [name for name, _ in chart.keys]
    assert list(PALETTE[:3]) == [key.colour for _, key in chart.keys]
    assert {"0", "1", "2"} == {trace["legendgroup"] for trace in chart.traces}
    for trace in chart.traces:
        used = (trace.get("marker") or trace["line"]).get("color")
        assert used in (None, PALETTE[int(trace["legendgroup"])])


@pytest.mark.parametrize("which", ["power", "distribution", "accuracy", "drift"])
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
    assert [1, 2, 1.5, 1.25] == mean["y"]
    assert [0.9] * 4 == low["y"]
    assert [2.1] * 4 == high["y"]
    assert (0.25, 0.5) == (mean["x0"], mean["dx"])
    assert "0.9000 to 2.100, n 3" == mean["text"][0]
    assert "kW" in mean["hovertemplate"]


def test_power_of_single_runs_has_no_band_and_a_missing_value_is_none():
    curve = curve_of(["a"], n=1).assign(low_W=np.nan, high_W=np.nan)
    curve.loc[2, "power_W"] = np.nan
    [mean] = explore_power(curve).traces
    assert [100, 100, None, 100] == mean["y"]
    assert ["n 1"] * 4 == mean["text"]
    assert "NaN" not in as_json(explore_power(curve))


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
