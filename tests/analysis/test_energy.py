"""Joules of runs and phases, against nights whose truth is known."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from analysis.energy import COLUMNS, TOTAL_COLUMNS, choice_of, energy, measure, total
from analysis.load import load
from harness.record import RunRecord, read_json, write_json


def change_record(folder, **changes):
    record = dataclasses.replace(RunRecord.from_json(read_json(folder / "run.json")), **changes)
    write_json(folder / "run.json", record.to_json())


def totals(path, domains=("gpu0",), prefer=()):
    night = load(path)
    measured = measure(night)
    return total(night, measured, choice_of(measured.frame, domains, prefer))


@pytest.mark.parametrize("counter", [True, False])
def test_the_energy_of_every_window_is_the_truth_to_rounding(simulate_once, counter):
    made = simulate_once(blocks=4, domains={"gpu0": 0.7, "package-0": 0.3}, counter=counter, drift=0.04)
    found = totals(made.path, ("gpu0", "package-0"))
    truth = [sum(run.train_J.values()) for run in made.runs]
    np.testing.assert_allclose(found.energy_J, truth, rtol=1e-9)
    np.testing.assert_allclose(found.mean_power_W, [run.power_W for run in made.runs], rtol=1e-9)
    assert list(TOTAL_COLUMNS) == list(found.columns)


def test_each_phase_and_the_whole_workload_have_their_energy_by_domain(simulate_once):
    made = simulate_once(blocks=2, domains={"gpu0": 0.7, "package-0": 0.3})
    frame = energy(load(made.path))
    assert list(COLUMNS) == list(frame.columns)
    first = made.runs[0]
    rows = frame[(frame.run == first.run) & (frame.domain == "package-0")].set_index("phase")
    assert ["", "setup", "train", "epoch 1", "epoch 2", "epoch 3", "evaluate"] == rows.index.tolist()
    np.testing.assert_allclose(rows.energy_J[""], first.workload_J["package-0"], rtol=1e-9)
    np.testing.assert_allclose(rows.energy_J[["epoch 1", "epoch 2", "epoch 3"]].sum(), rows.energy_J["train"])
    assert {"counter and trace"} == set(rows.method[["", "train"]])


def test_a_workload_without_marks_is_measured_whole(simulate_once):
    made = simulate_once(blocks=2, marks=False)
    np.testing.assert_allclose(totals(made.path).energy_J, [run.workload_J["gpu0"] for run in made.runs], rtol=1e-9)


def test_net_energy_is_less_the_idle_baseline_of_its_own_block(simulate_once):
    made = simulate_once(blocks=3)
    found = totals(made.path)
    np.testing.assert_allclose(found.energy_J - found.net_J, 50.0 * found.duration_s, rtol=1e-9)
    frame = energy(load(made.path))
    np.testing.assert_allclose(frame.idle_W, 50.0)


def test_without_a_baseline_there_is_gross_energy_and_no_net(simulate_once):
    found = totals(simulate_once(blocks=2, baseline_s=0.0).path)
    assert found.energy_J.notna().all()
    assert found.net_J.isna().all()


def test_a_block_without_its_baseline_does_not_borrow_that_of_another(simulate):
    made = simulate(blocks=2)
    folder = made.folder("b02-1")
    record = RunRecord.from_json(read_json(folder / "run.json"))
    change_record(folder, stages=tuple(stage for stage in record.stages if stage.name != "baseline"))
    found = totals(made.path)
    assert [True, True, False, False] == found.net_J.notna().tolist()


def test_without_blocks_the_last_baseline_before_a_run_counts(simulate_once):
    found = totals(simulate_once(blocks=3, order="shuffle").path)
    assert found.net_J.notna().all()


def test_the_baseline_of_an_invalid_run_gives_way_to_a_good_one(simulate):
    made = simulate(blocks=4, order="shuffle", lost=("b01-3",))
    folder = made.folder("b01-3")
    record = RunRecord.from_json(read_json(folder / "run.json"))
    busy = dataclasses.replace(record.window, name="baseline")
    change_record(folder, stages=(busy, *(stage for stage in record.stages if stage.name != "baseline")))
    frame = energy(load(made.path))
    np.testing.assert_allclose(frame.idle_W, 50.0)


def test_a_modelled_trace_beside_a_measured_counter_is_left_out_of_the_meter(simulate):
    made = simulate(blocks=1)
    folder = made.folder("b01-1")
    record = RunRecord.from_json(read_json(folder / "run.json"))
    change = {"gpu0.power_W": {"quality": "modelled", "source": "a model"}}
    change_record(folder, channels=tuple(dataclasses.replace(c, **change.get(c.name, {})) for c in record.channels))
    frame = energy(load(made.path))
    mine = frame[frame.run == folder.name]
    assert {"simulated counter"} == set(mine.source)
    assert {"measured"} == set(mine.quality)
    assert {"counter"} == set(mine.method)


def test_a_run_that_lacks_a_domain_has_no_total_and_never_a_smaller_sum(simulate_once):
    made = simulate_once(blocks=3, domains={"gpu0": 0.7, "package-0": 0.3}, without_domain={"b02-1": ("package-0",)})
    found = totals(made.path, ("gpu0", "package-0"))
    lacking = found.loc[made.folder("b02-1").name]
    assert np.isnan(lacking.energy_J)
    assert "no energy of package-0" == lacking.why
    assert 5 == found.energy_J.notna().sum()


def test_modelled_energy_never_fills_in_for_measured(simulate):
    made = simulate(blocks=2)
    folder = made.folder("b01-1")
    record = RunRecord.from_json(read_json(folder / "run.json"))
    modelled = tuple(dataclasses.replace(channel, quality="modelled") for channel in record.channels)
    change_record(folder, channels=modelled)
    found = totals(made.path)
    assert np.isnan(found.energy_J[folder.name])
    assert 3 == found.energy_J.notna().sum()


def test_a_power_limit_is_not_mistaken_for_power(simulate):
    made = simulate(blocks=1)
    folder = made.folder("b01-1")
    body = read_json(folder / "run.json")
    for channel in body["channels"]:
        channel["name"] = channel["name"].replace("power_W", "power_limit_W").replace("energy_J", "energy_kJ")
    (folder / "run.json").write_text(json.dumps(body))
    assert folder.name not in set(energy(load(made.path)).run)


def test_a_window_that_is_not_known_has_no_energy_and_says_so(simulate_once):
    made = simulate_once(blocks=2, failed=("b01-1",))
    found = totals(made.path).loc[made.folder("b01-1").name]
    assert "no window" == found.why


def test_a_run_without_samples_is_named_and_the_others_are_measured(simulate):
    made = simulate(blocks=2)
    (made.folder("b01-1") / "samples.parquet").write_bytes(b"")
    night = load(made.path)
    measured = measure(night)
    assert [made.folder("b01-1").name] == [item.entry for item in measured.damage]
    found = total(night, measured, choice_of(measured.frame, ("gpu0",)))
    assert "cannot be read" in found.why[made.folder("b01-1").name]
    assert 3 == found.energy_J.notna().sum()


def test_readings_that_do_not_cover_the_window_give_no_energy(simulate):
    made = simulate(blocks=1)
    folder = made.folder("b01-1")
    record = RunRecord.from_json(read_json(folder / "run.json"))
    late = dataclasses.replace(record.window, begin_ns=record.window.begin_ns, end_ns=record.window.end_ns + 10**10)
    change_record(folder, window=late, phases=(late,))
    assert "do not cover" in totals(made.path).why[folder.name]


def test_the_counter_s_ratio_to_the_trace_is_kept(simulate_once):
    frame = energy(load(simulate_once(blocks=1, counter_scale=1.02).path))
    np.testing.assert_allclose(frame.counter_ratio, 1.02, rtol=1e-6)


def test_a_night_without_energy_or_without_runs_has_an_empty_frame(simulate_once):
    for settings in ({"blocks": 1, "energy": False}, {"blocks": 1, "stop_after": 0}):
        night = load(simulate_once(**settings).path)
        measured = measure(night)
        assert 0 == len(measured.frame)
        assert total(night, measured, choice_of(measured.frame)).energy_J.isna().all()


TWO = {"origin": "nvml", "blocks": 2, "baseline_s": 2.0}


def test_two_sources_of_one_domain_stand_apart_and_only_the_chosen_one_counts(simulate_once):
    constant = {"origin": "constant", "constant_W": 70.0, "quality": "modelled"}
    made = simulate_once(**TWO, beside=({"origin": "energibridge", "scale": 0.97}, constant))
    frame = energy(load(made.path))
    whole = frame[(frame.run == made.runs[0].run) & (frame.phase == "train")].set_index("origin")
    assert {"nvml", "energibridge", "constant"} == set(whole.index)
    truth = made.runs[0].train_J["gpu0"]
    np.testing.assert_allclose(whole.energy_J["energibridge"], 0.97 * truth, rtol=1e-9)
    np.testing.assert_allclose(whole.energy_J["constant"], 70.0 * made.runs[0].train_s, rtol=1e-9)
    np.testing.assert_allclose(totals(made.path).energy_J, [run.train_J["gpu0"] for run in made.runs], rtol=1e-9)
    preferred = totals(made.path, prefer=("energibridge",))
    np.testing.assert_allclose(preferred.energy_J, [0.97 * run.train_J["gpu0"] for run in made.runs], rtol=1e-9)


def test_each_source_has_an_idle_baseline_of_its_own(simulate_once):
    made = simulate_once(**TWO, beside=({"origin": "energibridge", "scale": 0.5},))
    frame = energy(load(made.path))
    np.testing.assert_allclose(frame.idle_W[frame.origin == "nvml"], 50.0)
    np.testing.assert_allclose(frame.idle_W[frame.origin == "energibridge"], 25.0)


def test_a_run_without_the_chosen_source_has_no_total_though_another_tells_the_domain(simulate_once):
    made = simulate_once(**TWO, beside=({"origin": "energibridge", "without": ("b02-1",)},))
    found = totals(made.path, prefer=("energibridge",))
    lacking = found.loc[made.folder("b02-1").name]
    assert np.isnan(lacking.energy_J)
    assert "no energy of gpu0 by energibridge (nvml would be another source than in the other runs)" == lacking.why
    assert 3 == found.energy_J.notna().sum()


def test_the_bound_of_a_net_energy_has_that_of_its_idle_baseline_in_it(simulate_once):
    found = totals(simulate_once(**TWO).path)
    assert (found.net_uncertainty_J > found.uncertainty_J).all()
    # Power x update period at both edges: 20 Hz, 50 W over a baseline of 2 s, for each second of the window.
    idle_J = found.net_uncertainty_J - found.uncertainty_J
    assert (idle_J < 10 * 50.0 * 0.05 / 2.0 * found.duration_s).all()


def test_nights_of_the_first_schema_have_one_source_without_a_name(simulate):
    made = simulate(blocks=2)
    for folder in made.path.glob("runs/*"):
        body = json.loads((folder / "run.json").read_text())
        body["schema"] = 1
        for channel in body["channels"]:
            del channel["origin"]
        (folder / "run.json").write_text(json.dumps(body))
    frame = energy(load(made.path))
    assert {""} == set(frame.origin)
    assert totals(made.path).energy_J.notna().all()
