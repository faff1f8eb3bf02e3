"""Samples that are not what they should be: exact energy, an honest bound, or an exclusion with its reason.

Never a wrong number, never a traceback: whatever lies in a run's folder, its energy is the truth within its own bound,
or it has none and says why.
"""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.energy import measure
from analysis.findings_file import findings_bytes
from analysis.load import load
from analysis.study import examine
from harness.errors import NightFolderError
from harness.record import RunRecord, read_json, write_json

SETTINGS = {"blocks": 2, "epochs": 1}


def rows_of(path):
    table = pq.read_table(path)
    return table.column("t_ns").to_numpy(), table.column("channel").to_pylist(), table.column("value").to_numpy()


def write(path, t_ns, channel, value, **options):
    columns = {"t_ns": pa.array(t_ns, pa.int64()), "channel": pa.array(channel).dictionary_encode(), "value": value}
    pq.write_table(pa.table(columns), path, write_page_checksum=True, **options)


def reorder(path, places, **options):
    """Write the rows at these places, in their order."""
    t_ns, channel, value = rows_of(path)
    write(path, t_ns[places], [channel[place] for place in places], value[places], **options)


def places_of(path, keep):
    """The places of the rows that ``keep(t_ns, channel)`` wants."""
    t_ns, channel, _ = rows_of(path)
    return [place for place, (at, name) in enumerate(zip(t_ns, channel, strict=True)) if keep(at, name)]


def spoilt(made, slot="b01-1"):
    """The samples of one run, the run's name and truth."""
    folder = made.folder(slot)
    return folder / "samples.parquet", next(run for run in made.runs if run.run == folder.name)


def found(made, run):
    """The row of the study's runs, and the bound on its energy."""
    studied = examine(load(made.path))
    findings_bytes(studied.findings)
    [row] = studied.runs[studied.runs.run == run.run].to_dict("records")
    return row, studied


def change_record(folder, **changes):
    record = dataclasses.replace(RunRecord.from_json(read_json(folder / "run.json")), **changes)
    write_json(folder / "run.json", record.to_json())


@pytest.mark.parametrize("counter", [True, False])
@pytest.mark.parametrize("spoil", ["shuffled", "twice", "backwards", "many groups"])
def test_the_order_of_rows_and_rows_that_stand_twice_change_nothing(simulate, counter, spoil):
    made = simulate(**SETTINGS, counter=counter)
    path, run = spoilt(made)
    there = list(range(len(rows_of(path)[0])))
    draw = random.Random(1)
    places = {
        "shuffled": draw.sample(there, len(there)),
        "twice": [place for place in there for _ in range(2)],
        "backwards": there[::-1],
        "many groups": there,
    }[spoil]
    reorder(path, places, row_group_size=7 if spoil == "many groups" else None)
    row, studied = found(made, run)
    assert sum(run.train_J.values()) == pytest.approx(row["energy_J"], rel=1e-9)
    assert "headline" == row["state"]
    told = [item.code for item in studied.findings.cautions]
    assert ("mended-samples" in told) is (spoil != "many groups"), told


@pytest.mark.parametrize("counter", [True, False])
@pytest.mark.parametrize("missing", ["a second", "every third row", "the second half at a quarter of the rate"])
def test_holes_and_two_rates_leave_the_energy_within_its_own_bound(simulate, counter, missing):
    made = simulate(**SETTINGS, counter=counter)
    path, run = spoilt(made)
    window = RunRecord.from_json(read_json(path.with_name("run.json"))).window
    middle = (window.begin_ns + window.end_ns) // 2
    number = iter(range(10**6))
    keep = {
        "a second": lambda at, name: not middle < at < middle + 10**9,
        "every third row": lambda at, name: next(number) % 3 > 0,
        "the second half at a quarter of the rate": lambda at, name: at < middle or next(number) % 4 == 0,
    }[missing]
    reorder(path, places_of(path, keep))
    row, _ = found(made, run)
    truth = sum(run.train_J.values())
    assert truth == pytest.approx(row["energy_J"], abs=row["uncertainty_J"])
    assert row["uncertainty_J"] < 0.5 * truth


@pytest.mark.parametrize("end", ["the begin", "the end"])
def test_readings_that_do_not_reach_over_the_window_give_no_energy_and_the_reason(simulate, end):
    made = simulate(**SETTINGS, counter=False)
    path, run = spoilt(made)
    window = RunRecord.from_json(read_json(path.with_name("run.json"))).window
    keep = {
        "the begin": lambda at, _: at > window.begin_ns + 10**9,
        "the end": lambda at, _: at < window.end_ns - 10**9,
    }[end]
    reorder(path, places_of(path, keep))
    row, studied = found(made, run)
    assert np.isnan(row["energy_J"])
    assert {run.run: "the readings of gpu0 do not cover its window"} == {
        item.run: item.reason for item in studied.findings.exclusions if item.rule == "no-energy"
    }


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.99])
def test_samples_that_were_cut_leave_the_run_out_with_the_reason(simulate, kept):
    made = simulate(**SETTINGS)
    path, run = spoilt(made)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    row, studied = found(made, run)
    assert ("excluded", "no-energy") == (row["state"], row["rule"])
    assert any("cannot be read" in item.reason for item in studied.findings.exclusions if item.run == run.run)


def test_samples_that_were_never_sealed_leave_the_run_out_with_the_reason(simulate):
    made = simulate(**SETTINGS)
    path, run = spoilt(made)
    path.unlink()
    path.with_name("samples.csv").write_text("5000000000000,gpu0.power_W,20")
    _, studied = found(made, run)
    [told] = [item.reason for item in studied.findings.exclusions if item.run == run.run]
    assert "they were never sealed, samples.csv is still there" in told


def test_a_flipped_bit_is_never_read_as_another_number(simulate):
    made = simulate(**SETTINGS)
    path, run = spoilt(made)
    whole = path.read_bytes()
    before = load(made.path).samples(run.run)
    draw = random.Random(3)
    damaged = 0
    for _ in range(60):
        place = draw.randrange(len(whole))
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << draw.randrange(8)]) + whole[place + 1 :])
        try:
            after = load(made.path).samples(run.run)
        except NightFolderError:
            damaged += 1
            continue
        for name, series in after.items():
            np.testing.assert_array_equal(series.value, before[name].value)
            np.testing.assert_array_equal(series.t_ns, before[name].t_ns)
    assert damaged > 40


def test_a_domain_that_one_run_alone_lacks_leaves_that_run_out(simulate):
    made = simulate(**SETTINGS, domains={"gpu0": 0.7, "package-0": 0.3}, without_domain={"b01-1": ("package-0",)})
    _, run = spoilt(made)
    row, studied = found(made, run)
    assert ("excluded", "no energy of package-0") == (
        row["state"],
        next(item.reason for item in studied.findings.exclusions if item.run == run.run),
    )
    assert 3 == (studied.runs.state == "headline").sum()


def test_metrics_that_some_runs_lack_are_told_of_those_that_have_them(simulate):
    made = simulate(blocks=3, epochs=1)
    for slot, metrics in (("b01-1", {}), ("b02-1", {"accuracy": "NaN"}), ("b03-2", {"accuracy": "high"})):
        change_record(made.folder(slot), metrics=metrics)
    studied = examine(load(made.path))
    assert 6 == (studied.runs.state == "headline").sum()
    told = json.loads(findings_bytes(studied.findings))
    lacking = {made.folder(slot).name for slot in ("b01-1", "b02-1", "b03-2")}
    for group in told["groups"]:
        mine = [run.run for run in made.runs if run.configuration == group["configuration"] and run.run not in lacking]
        values = [read_json(made.path / "runs" / run / "run.json")["metrics"]["accuracy"] for run in mine]
        assert np.mean(values) == pytest.approx(group["metrics"]["accuracy"]["value"])


def test_a_night_of_the_first_schema_has_the_same_energies(simulate):
    made = simulate(**SETTINGS)
    before = measure(load(made.path)).frame
    for folder in (made.path / "runs").iterdir():
        body = json.loads((folder / "run.json").read_text())
        body["schema"] = 1
        for channel in body["channels"]:
            del channel["origin"]
        for key in ("instruments", "gates", "hint", "last_lines", "cohort", "night"):
            body.pop(key, None)
        (folder / "run.json").write_text(json.dumps(body))
    plan = json.loads((made.path / "plan.json").read_text())
    (made.path / "plan.json").write_text(json.dumps({**plan, "schema": 1}))
    after = measure(load(made.path)).frame
    np.testing.assert_array_equal(before.energy_J, after.energy_J)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whichever_rows_are_lost_doubled_or_moved_the_energy_is_the_truth_within_its_bound_or_none(
    simulate_once, tmp_path, data
):
    made = simulate_once(blocks=1, epochs=1, train_s=3.0)
    copy = tmp_path / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(made.path, copy)
    path, run = spoilt(made)
    path = copy / "runs" / path.parent.name / path.name
    count = len(rows_of(path)[0])
    begin = data.draw(st.integers(0, count))
    length = data.draw(st.integers(0, count // 4))
    places = [place for place in range(count) if not begin <= place < begin + length]
    places += data.draw(st.lists(st.integers(0, count - 1), max_size=20))
    data.draw(st.randoms(use_true_random=False)).shuffle(places)
    reorder(path, places)
    frame = measure(load(copy)).frame
    [row] = frame[(frame.run == run.run) & (frame.phase == "train")].to_dict("records")
    truth = run.train_J["gpu0"]
    assert np.isnan(row["energy_J"]) or abs(row["energy_J"] - truth) <= row["uncertainty_J"] + 1e-9 * truth


@pytest.mark.parametrize("fault", ["gone", "empty", "folder", "loop", "no parquet", "record loops", "no record"])
def test_the_findings_are_the_same_by_whatever_path_a_damaged_night_is_reached(simulate, tmp_path, monkeypatch, fault):
    made = simulate(**SETTINGS)
    path, _ = spoilt(made)
    record = path.with_name("run.json")
    if fault in ("gone", "folder", "loop"):
        path.unlink()
    if fault == "folder":
        path.mkdir()
    elif fault == "loop":
        path.symlink_to(path)
    elif fault == "empty":
        path.write_bytes(b"")
    elif fault == "record loops":
        record.unlink()
        record.symlink_to(record)
    elif fault == "no parquet":
        path.write_text("t_ns,channel,value\n" * 30)
    elif fault == "no record":
        record.write_text("[]")
    monkeypatch.chdir(made.path.parent)
    said = [findings_bytes(examine(load(given)).findings) for given in (made.path, made.path.relative_to(Path.cwd()))]
    assert said[0] == said[1]
    assert str(made.path).encode() not in said[0]
    assert str(tmp_path).encode() not in said[0]
