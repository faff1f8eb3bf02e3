"""Runs of a night as the methods see them: joules of epochs that sum to the window, and why others are left out."""

from __future__ import annotations

import json

import pytest

from analysis.estimate.guesses import MEAN, OVER, STEP_ENERGY, TDP, TRUE, Asked
from analysis.estimate.observed import names_of, observe
from analysis.estimate.scores import score
from analysis.load import load


def edited(made, change):
    """Give each run's record to ``change`` and write it back."""
    for run in sorted((made.path / "runs").iterdir()):
        body = json.loads((run / "run.json").read_text())
        change(body)
        (run / "run.json").write_text(json.dumps(body))
    return load(made.path)


def slow_start(body):
    """Epoch 1 takes 40 % of the window; runs of block 1 stop after 7 of 10 epochs."""
    window = body["window"]
    begin, length = window["begin_ns"], window["end_ns"] - window["begin_ns"]
    edges = [begin, *(begin + round(length * (0.4 + 0.6 * place / 9)) for place in range(10))]
    count = 7 if body["block"] == 1 else 10
    rest = [phase for phase in body["phases"] if not phase["name"].startswith("epoch")]
    marked = [
        {"name": f"epoch {place + 1}", "begin_ns": edges[place], "end_ns": edges[place + 1], "metrics": {}}
        for place in range(count)
    ]
    window["end_ns"] = edges[count]
    body["phases"] = [*(phase for phase in rest if phase["name"] != "train"), {**window, "name": "train"}, *marked]


def test_spans_sum_to_the_window_over_all_domains(simulate_once):
    made = simulate_once(blocks=4, epochs=5, domains={"gpu0": 0.7, "dram-0": 0.3})
    seen = observe([load(made.path)])
    true = {run.run: sum(run.train_J.values()) for run in made.runs}
    assert len(true) == len(seen.runs)
    for run in seen.runs:
        assert 5 == run.epochs
        assert true[run.run] == pytest.approx(run.spans_J.sum(), rel=1e-9) == pytest.approx(run.energy_J)
        assert run.spans_J == pytest.approx(run.epochs_J)
        assert 0.97 == pytest.approx(run.power.utilisation, abs=1e-6)
        assert 2**34 / 1e9 == run.memory_GB
    assert (("gpu0", "dram-0"), "measured") == (seen.domains, seen.quality)


def test_a_known_start_and_early_stopping_in_a_night(simulate):
    night = edited(simulate(blocks=3, train_s=60.0, rate_hz=10.0), slow_start)
    seen = observe([night], tdp_W=300.0)
    assert {7, 10} == {run.epochs for run in seen.runs}
    scored = score(seen, Asked(0.5))
    of = {(item.method, item.epochs): item for item in scored.scores}
    assert of[STEP_ENERGY, TRUE].mean_absolute_pct < 0.1
    assert of[MEAN, TRUE].mean_absolute_pct > 30
    run = seen.runs[0]
    [told] = [item for item in scored.guesses if item.run is run and item.method == TDP and item.epochs == OVER]
    assert 300 * run.duration_s == told.energy_J


def test_what_lies_between_epochs_is_in_the_next_span(simulate):
    def gap(body):
        for phase in body["phases"]:
            if phase["name"].startswith("epoch"):
                phase["begin_ns"] += (phase["end_ns"] - phase["begin_ns"]) // 2

    seen = observe([edited(simulate(blocks=1), gap)])
    for run in seen.runs:
        assert run.energy_J == pytest.approx(run.spans_J.sum())
        assert run.energy_J / 2 == pytest.approx(run.epochs_J.sum(), rel=1e-6)


def test_each_run_that_is_left_out_has_its_reason(simulate):
    def change(body):
        if body["slot"] == "b01-1":
            body["phases"] = [phase for phase in body["phases"] if not phase["name"].startswith("epoch")]
        if body["slot"] == "b02-1":
            for phase in body["phases"]:
                if phase["name"].startswith("epoch"):
                    phase["begin_ns"] = body["window"]["begin_ns"]

    made = simulate(blocks=4, failed=["b03-1"], invalid=["b04-1"], discarded=1, without_domain={"b04-2": ["gpu0"]})
    seen = observe([edited(made, change)])
    assert {
        "no marked epochs": 1,
        "its epochs overlap": 1,
        "not valid, or not completed": 2,
        "no energy of gpu0": 1,
    } == (dict(seen.left_out))
    assert 4 == len(seen.runs), "neither warm-up runs nor invalid attempts count"


def test_a_night_without_marks_or_energy_tells_no_run(simulate):
    assert () == observe([load(simulate(blocks=1, marks=False).path)]).runs
    assert () == observe([load(simulate(blocks=1, energy=False).path)]).runs


def test_modelled_and_measured_nights_together_are_mixed(simulate):
    nights = [load(simulate(blocks=1, quality=quality).path) for quality in ("measured", "modelled")]
    seen = observe(nights)
    assert "mixed" == seen.quality
    assert ["night-1", "night-2"] == names_of(nights)
    assert ["night-1 (1)", "night-1 (2)"] == names_of([nights[0], nights[0]])
    assert 4 == len(seen.runs)
