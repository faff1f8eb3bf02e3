"""What happens inside the runs: slopes of power, dips, loads, waiting; and what is said of it."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from analysis.findings_file import findings_bytes, read_findings
from analysis.listings.within import within
from analysis.load import load
from analysis.over_time import dips_frame
from analysis.study import examine
from analysis.traces import MeterTrace, RunTrace
from analysis.within import ALL, WAITING, courses, loads
from harness.domains import Choice, Source

KEY = ("gpu0", "", "measured")
CHOICE = Choice(("gpu0",), "measured", sources=(Source(*KEY),))


def trace_of(power_W, length_s):
    """A run whose pieces have these powers."""
    empty = np.zeros(1)
    meter = MeterTrace(empty, empty, np.asarray(power_W, float), np.zeros(0), 0.1, False, None)
    return RunTrace("base", np.array([0.0, length_s]), {KEY: meter}, empty)


def minutes(length_s, pieces=120):
    return (np.arange(pieces) + 0.5) * length_s / pieces / 60


def test_the_slope_within_the_run_is_in_watts_a_minute_and_its_interval_is_over_runs():
    runs = {f"r{k}": trace_of(200 + slope * minutes(1200), 1200) for k, slope in enumerate((0.4, 0.5, 0.6))}
    (found,) = courses(runs, {"base": list(runs)}, CHOICE, 0.95)
    assert 0.5 == pytest.approx(found.whole.value)
    assert 0.5 - 4.302653 * 0.1 / 3**0.5 == pytest.approx(found.whole.low, abs=1e-6)
    assert (3, 300.0) == (found.whole.n, found.early_s)


def test_warming_up_is_told_apart_from_what_comes_after_it():
    at = minutes(2400)
    runs = {f"r{k}": trace_of(np.where(at < 5, 150 + 10 * at, 200), 2400) for k in range(3)}
    (found,) = courses(runs, {"base": list(runs)}, CHOICE, 0.95)
    assert 0.0 == pytest.approx(found.settled.value)
    assert 175 / 200 == pytest.approx(found.early.value, rel=0.01)


def test_short_windows_have_a_slope_but_no_begin_and_gaps_are_passed_over():
    power = 200 + minutes(30)
    power[40:60] = np.nan
    (found,) = courses({"r": trace_of(power, 30)}, {"base": ["r"]}, CHOICE, 0.95)
    assert 1.0 == pytest.approx(found.whole.value)
    assert (None, None) == (found.early_s, found.early.value)
    assert [] == courses({"r": trace_of(power, 5)}, {"base": ["r"]}, CHOICE, 0.95)
    assert [] == courses({}, {"base": ["r"]}, CHOICE, 0.95)


def waited(made, metrics=None, phases=None):
    for run in (made.path / "runs").iterdir():
        body = json.loads((run / "run.json").read_text())
        body["metrics"] |= metrics or {}
        for phase in body["phases"]:
            if phase["name"].startswith("epoch"):
                phase["metrics"] |= phases or {}
        (run / "run.json").write_text(json.dumps(body))
    return examine(load(made.path))


@pytest.mark.parametrize("told", [{"metrics": {"input_wait_s": 1.5}}, {"phases": {"input_wait_s": 0.5}}])
def test_waiting_for_input_is_a_share_of_the_window_and_a_caution_beyond_the_limit(told, simulate):
    study = waited(simulate(blocks=2, epochs=3), **told)
    loads = {item.what: item for item in study.findings.temporal.loads if item.configuration == "base"}
    assert 25.0 == pytest.approx(loads[WAITING].share.value)
    assert 97.0 == pytest.approx(loads["gpu0.utilisation_pct"].share.value)
    (caution,) = [item for item in study.findings.cautions if item.code == "input-bound"]
    assert "more than 10 %: 25 % of base, 25 % of lean" in caution.message
    (table,) = [item for item in within(study.findings.temporal, study.epochs, study.curve) if item.name == "loads"]
    assert "above 10 %" in " ".join(table.notes)


@pytest.mark.parametrize("told", [0.3, 99.0, -1.0, "NaN", "much"])
def test_little_waiting_and_what_cannot_be_a_share_give_no_caution(told, simulate):
    study = waited(simulate(blocks=2), metrics={"input_wait_s": told})
    assert [] == [item for item in study.findings.cautions if item.code == "input-bound"]
    assert (told == 0.3) == any(item.what == WAITING for item in study.findings.temporal.loads)


def test_a_run_without_dips_says_none_and_everything_is_written_and_read_back(simulate_once, tmp_path):
    study = examine(load(simulate_once(blocks=3, epochs=3).path))
    found = study.findings.temporal
    assert [(ALL, 0.0)] * 2 == [(item.place, item.count.value) for item in found.dips]
    assert dips_frame(study).empty
    names = [table.name for table in within(found, study.epochs, study.curve)]
    assert ["epoch-rates", "epochs", "dips", "loads", "epoch-runs", "power-curve"] == names
    (tmp_path / "findings.json").write_bytes(findings_bytes(study.findings))
    again = read_findings(tmp_path / "findings.json").temporal
    assert [item.n for item in found.epochs] == [item.n for item in again.epochs]
    assert again.rates[0].slope.value == pytest.approx(found.rates[0].slope.value, rel=1e-11)


def test_the_table_of_very_many_bins_lists_some_of_them_and_says_so():
    bins = np.arange(1200)
    curve = pd.concat(
        pd.DataFrame({"configuration": name, "bin": bins, "begin_s": bins / 2, "n": 10}).assign(
            **dict.fromkeys(("end_s", "width_s", "power_W", "low_W", "high_W", "all_low_W", "all_high_W"), 200.0)
        )
        for name in "abcdefghij"
    )
    (table,) = within(None, pd.DataFrame(), curve)
    assert ({0, 2, 4}, 6000) == (set(table.frame.begin_s.head(3) * 2), len(table))
    assert "One bin in 2" in " ".join(table.notes)


def test_a_night_without_any_energy_has_nothing_of_it_but_its_loads(simulate):
    study = examine(load(simulate(blocks=2, energy=False).path))
    assert 0 == len(study.curve)
    assert () == study.findings.temporal.courses
    assert () == study.findings.temporal.dips
    assert all(item.energy.value is None for item in study.findings.temporal.epochs)


def test_no_interval_of_a_share_reaches_beyond_none_or_all(monkeypatch):
    monkeypatch.setattr("analysis.within.waiting_of", lambda record: None)
    busy = {
        "b01": {"gpu0.utilisation_pct": 92.0, "cpu.load_pct": 40.0},
        "b02": {"gpu0.utilisation_pct": 98.0, "cpu.load_pct": 41.0},
    }
    traces = {run: SimpleNamespace(loads=of) for run, of in busy.items()}

    gpu, cpu = loads(dict.fromkeys(busy), traces, {"a": list(busy)}, 0.95)

    assert (95.0, 100.0) == (gpu.share.value, gpu.share.high)
    assert 40 < 95 - 38.12 == pytest.approx(gpu.share.low, abs=0.01)
    assert 0 < cpu.share.low < 40.5 < cpu.share.high < 100
