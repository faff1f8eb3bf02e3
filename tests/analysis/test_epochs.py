"""Energy by epoch: of runs and configurations, cumulated, for each accuracy point; runs may end early."""

from __future__ import annotations

import json

import numpy as np
import pytest

from analysis.epochs import epoch_means, epoch_rates, epoch_rows, means_frame
from analysis.load import load
from analysis.study import examine


def edited(made, change):
    """Give each run's record to ``change`` and write it back."""
    for run in sorted((made.path / "runs").iterdir()):
        body = json.loads((run / "run.json").read_text())
        change(body)
        (run / "run.json").write_text(json.dumps(body))
    return load(made.path)


def rows_of(night):
    study = examine(night)
    kept = study.runs[study.runs.state == "headline"]
    return epoch_rows(night, kept, study.energy, study.choice, "accuracy"), study


def test_the_epochs_of_a_run_sum_to_its_window_and_grow_by_the_true_slope(simulate_once):
    made = simulate_once(blocks=6, epochs=3, domains={"gpu0": 0.7, "dram-0": 0.3})
    rows, study = rows_of(load(made.path))
    for truth in made.runs:
        mine = rows[rows.run == truth.run]
        assert [1, 2, 3] == mine.epoch.tolist()
        assert sum(truth.train_J.values()) == pytest.approx(mine.cumulative_J.iloc[-1], rel=1e-6)
    rates = {item.configuration: item for item in study.findings.temporal.rates}
    expected = np.mean(made.energies("base")) / 3 / 3600
    assert expected == pytest.approx(rates["base"].slope.value, rel=1e-6)
    assert rates["base"].slope.low < expected < rates["base"].slope.high
    assert (6, 3, 3) == (rates["base"].slope.n, rates["base"].fewest_epochs, rates["base"].most_epochs)


def test_efficiency_is_accuracy_in_per_cent_for_each_watt_hour_until_then(simulate_once):
    made = simulate_once(blocks=6, epochs=3)
    rows, study = rows_of(load(made.path))
    expected = rows.accuracy_pct / (rows.cumulative_J / 3600)
    np.testing.assert_allclose(rows.efficiency_pct_per_Wh, expected)
    assert 50 < rows.accuracy_pct.max() < 100, "a fraction is told in per cent"
    assert "accuracy" == study.findings.temporal.accuracy
    rate = study.findings.temporal.rates[0]
    of = rows[rows.configuration == rate.configuration].groupby("run")
    assert (of.accuracy_pct.max() / of.cumulative_J.max() * 3600).mean() == pytest.approx(rate.efficiency.value)


def test_an_accuracy_on_validation_data_goes_before_that_on_training_data_and_per_cent_stays_per_cent(simulate):
    def change(body):
        for phase in body["phases"]:
            if phase["name"].startswith("epoch"):
                phase["metrics"]["val_accuracy"] = 70.0

    rows, study = rows_of(edited(simulate(blocks=2, epochs=2), change))
    assert {70.0} == set(rows.accuracy_pct)
    assert "val_accuracy" == study.findings.temporal.accuracy


def test_runs_that_stop_early_leave_fewer_in_the_later_epochs(simulate):
    def change(body):
        if body["block"] <= 2:
            body["phases"] = [phase for phase in body["phases"] if phase["name"] != "epoch 3"]

    _, study = rows_of(edited(simulate(blocks=5, epochs=3), change))
    means = [item for item in study.findings.temporal.epochs if item.configuration == "base"]
    assert [5, 5, 3] == [item.n for item in means]
    rate = study.findings.temporal.rates[0]
    assert (2, 3, 5) == (rate.fewest_epochs, rate.most_epochs, rate.slope.n)
    frame = means_frame(study.findings.temporal.epochs)
    assert (frame.cumulative_J_low < frame.cumulative_J).all()


def test_what_lies_behind_a_missing_epoch_is_not_cumulated(simulate):
    def change(body):
        body["phases"] = [phase for phase in body["phases"] if phase["name"] != "epoch 2"]

    rows, study = rows_of(edited(simulate(blocks=3, epochs=3), change))
    assert {1} == set(rows[rows.cumulative_J.notna()].epoch)
    assert study.findings.temporal.rates[0].slope.value is None
    assert study.findings.temporal.rates[0].slope.note


def test_without_epochs_there_is_none_and_one_epoch_has_no_slope(simulate_once):
    rows, study = rows_of(load(simulate_once(blocks=3, epochs=0).path))
    assert 0 == len(rows)
    assert () == study.findings.temporal.epochs
    assert ([], []) == (epoch_means(rows, ["base"], 0.95), epoch_rates(rows, ["base"], 0.95))
    assert means_frame([]).empty
    one, _ = rows_of(load(simulate_once(blocks=3, epochs=1).path))
    assert epoch_rates(one, ["base"], 0.95)[0].slope.value is None


def test_an_epoch_that_was_marked_twice_is_left_out(simulate):
    def change(body):
        twice = next(phase for phase in body["phases"] if phase["name"] == "epoch 3")
        body["phases"].append(dict(twice))

    rows, _ = rows_of(edited(simulate(blocks=2, epochs=3), change))
    assert {1, 2} == set(rows.epoch)
