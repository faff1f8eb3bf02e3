"""Ratio metrics: declared aggregation, hand-computed values, comparisons, what is missing."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from analysis.load import load
from analysis.report import write_report
from analysis.study import study

approx = pytest.approx


def found(made):
    return {item.name: item for item in study(load(made.path)).ratios}


def declared(*items):
    return {"analysis": {"ratio": list(items)}}


def accuracies(made, configuration):
    runs = [run for run in made.usable() if run.configuration == configuration]
    return [json.loads((made.path / "runs" / run.run / "run.json").read_text())["metrics"]["accuracy"] for run in runs]


@pytest.mark.parametrize("order", ["blocks", "shuffle"])
def test_the_mean_of_ratios_and_the_ratio_of_means_are_each_as_declared(simulate_once, order):
    mean = {"ready": "energy_per_accuracy_point", "aggregation": "mean_of_ratios"}
    quotient = {"name": "quotient", "of": "energy", "per": "accuracy", "aggregation": "ratio_of_means"}
    made = simulate_once(blocks=12, order=order, accuracy_noise=0.05, protocol=declared(mean, quotient))
    items = found(made)
    energy, accuracy = np.array(made.energies("base")), np.array(accuracies(made, "base"))
    first, second = items["energy per accuracy point"], items["quotient"]
    assert (energy / (100 * accuracy)).mean() == approx(first.sides[0].figure.value, rel=1e-9)
    assert energy.mean() / accuracy.mean() == approx(second.sides[0].figure.value, rel=1e-9)
    assert ("J/%", "J/accuracy") == (first.unit, second.unit)
    for item in items.values():
        for side in item.sides:
            assert side.figure.low < side.figure.value < side.figure.high
        (contrast,) = item.contrasts
        assert contrast.ratio.low < contrast.ratio.value < contrast.ratio.high
    lean = np.array(made.energies("lean")).mean() / np.mean(accuracies(made, "lean"))
    assert lean / (energy.mean() / accuracy.mean()) == approx(second.contrasts[0].ratio.value, rel=1e-9)
    # The bootstrap stands beside it, a little narrower.
    for item in (*second.sides, *second.contrasts):
        told = item.figure if item in second.sides else item.ratio
        assert told.value == approx(item.bootstrap.value)
        assert 0.7 < (item.bootstrap.high - item.bootstrap.low) / (told.high - told.low) < 1.1
    assert all(item.bootstrap is None for item in (*first.sides, *first.contrasts))


def test_the_ready_ones_have_their_units_and_factors(simulate_once):
    names = ("accuracy_per_kWh", "percent_per_Wh")
    ready = [{"ready": name, "aggregation": "mean_of_ratios"} for name in names]
    made = simulate_once(blocks=4, accuracy_noise=0.0, protocol=declared(*ready, {"ready": "energy_delay_product"}))
    items = found(made)
    energy = np.array(made.energies("base"))
    assert (0.81 * 3.6e6 / energy).mean() == approx(items["accuracy per kWh"].sides[0].figure.value, rel=1e-6)
    assert (81 * 3600 / energy).mean() == approx(items["percent per Wh"].sides[0].figure.value, rel=1e-6)
    assert (6 * energy).mean() == approx(items["energy delay product"].sides[0].figure.value, rel=1e-6)
    assert ["1/kWh", "%/Wh", "J s"] == [item.unit for item in items.values()]
    assert "lower" == items["energy delay product"].contrasts[0].decision


def test_a_drift_that_a_block_shares_widens_no_comparison_of_ratios_of_means(simulate_once):
    quotient = {"name": "power", "of": "energy", "per": "duration", "aggregation": "ratio_of_means"}
    made = simulate_once(blocks=15, drift=0.3, noise=0.002, protocol=declared(quotient))
    (item,) = found(made).values()
    (contrast,) = item.contrasts
    assert "lower" == contrast.decision
    assert contrast.p < 1e-6
    assert 0.95 == approx(contrast.ratio.value, rel=0.02)
    width = contrast.ratio.high - contrast.ratio.low
    figure = item.sides[0].figure
    assert width < 0.5 * (figure.high - figure.low) / figure.value


def test_comparisons_of_ratios_of_means_are_corrected_over_their_family(simulate_once):
    quotient = {"name": "power", "of": "energy", "per": "duration", "aggregation": "ratio_of_means"}
    settings = {"configurations": {"base": 1.0, "lean": 0.95, "same": 1.0}, "accuracy": {}, "blocks": 8}
    protocol = {"analysis": {"ratio": [quotient], "correction": "bonferroni", "baseline": "base"}}
    (item,) = found(simulate_once(**settings, protocol=protocol)).values()
    assert [min(1.0, 2 * contrast.p) for contrast in item.contrasts] == approx([c.p_adjusted for c in item.contrasts])
    assert ["lower", "not told apart"] == [contrast.decision for contrast in item.contrasts]


def test_what_no_run_reports_is_said_and_never_a_number(simulate_once):
    made = simulate_once(blocks=3, protocol=declared({"ready": "J_per_image", "aggregation": "ratio_of_means"}))
    (item,) = found(made).values()
    assert [None, None] == [side.figure.value for side in item.sides]
    assert "6 of 6 runs lack energy or images" in item.note
    assert "cannot be told" == item.contrasts[0].decision


def test_points_of_an_accuracy_beyond_one_are_refused(simulate_once):
    asked = {"ready": "percent_per_Wh", "aggregation": "mean_of_ratios"}
    made = simulate_once(blocks=3, accuracy={"base": 81.0, "lean": 80.0}, protocol=declared(asked))
    (item,) = found(made).values()
    assert "no fraction" in item.note
    assert item.sides[0].figure.value is None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize("order", ["blocks", "shuffle"])
def test_few_runs_give_what_they_can(simulate_once, order, blocks):
    quotient = {"name": "q", "of": "energy", "per": "duration", "aggregation": "ratio_of_means"}
    made = simulate_once(blocks=blocks, order=order, protocol=declared(quotient, {"ready": "energy_delay_product"}))
    items = found(made)
    assert math.isfinite(items["q"].sides[0].figure.value)
    assert "too few" in items["q"].sides[0].figure.note
    assert "cannot be told" == items["q"].contrasts[0].decision


@pytest.mark.usefixtures("unrendered")
def test_ratio_metrics_stand_in_the_report(simulate, tmp_path):
    made = simulate(blocks=4, protocol=declared({"ready": "energy_delay_product"}))
    paths = write_report(made.path, tmp_path / "report")
    assert "energy delay product" in (paths.folder / "tables/ratios.md").read_text()
    assert "lower" in (paths.folder / "tables/ratio-comparisons.md").read_text()
