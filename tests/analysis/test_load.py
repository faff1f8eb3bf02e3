"""A night folder as frames, and what happens when it is not what it should be."""

from __future__ import annotations

import contextlib
import json
import random
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.findings_file import findings_bytes
from analysis.load import load
from analysis.study import study
from harness.errors import NightFolderError


def rewrite(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def write_samples(path: Path, rows: list[tuple[int, str, float]]) -> None:
    stamps, channels, values = zip(*rows, strict=True)
    columns = {
        "t_ns": pa.array(stamps, pa.int64()),
        "channel": pa.array(channels).dictionary_encode(),
        "value": pa.array(values, pa.float64()),
    }
    pq.write_table(pa.table(columns), path)


def test_runs_are_one_row_an_attempt_in_the_order_in_which_they_started(simulate_once):
    night = simulate_once(blocks=3, invalid=("b02-1",), discarded=1)
    runs = load(night.path).runs
    assert [run.run for run in night.runs] == runs.run.tolist()
    assert list(range(1, 10)) == runs.order.tolist()
    assert [run.validity for run in night.runs] == runs.validity.tolist()
    np.testing.assert_allclose([run.train_s for run in night.runs], runs.duration_s)
    assert {"base", "lean"} == set(runs["factor.arm"])
    assert 0.0 == runs.started_s[0]
    assert runs.started_s.is_monotonic_increasing
    assert (runs.launched_s > runs.started_s).all()
    assert "foreign_load" in runs.verdicts.tolist()


def test_phases_are_one_row_a_mark_with_its_metrics(simulate_once):
    night = simulate_once(blocks=3, invalid=("b02-1",), discarded=1)
    phases = load(night.path).phases
    first = phases[phases.run == night.runs[0].run]
    assert ["setup", "train", "epoch 1", "epoch 2", "epoch 3", "evaluate"] == first.phase.tolist()
    assert [0.0, 1.0, 1.0, 3.0, 5.0, 7.0] == first.begin_s.tolist()
    assert [2.0, 1.0] == first["metric.loss"].dropna().tolist()[:2]


def test_frames_belong_to_the_caller_and_changing_them_changes_no_night(simulate_once):
    night = load(simulate_once(blocks=2).path)
    runs = night.runs
    runs["duration_s"] = 0.0
    assert (night.runs.duration_s > 0).all()


def test_samples_of_a_run_come_by_channel_with_their_description(simulate_once):
    made = simulate_once(blocks=2)
    night = load(made.path)
    series = night.samples(made.runs[0].run)["gpu0.power_W"]
    assert "W" == series.channel.unit
    assert series.t_ns.dtype == np.int64
    assert (np.diff(series.t_ns) > 0).all()


def test_readings_out_of_order_repeated_or_not_finite_are_mended_and_counted(simulate):
    made = simulate(blocks=1)
    path = made.folder("b01-1") / "samples.parquet"
    rows = [(20, 2.0), (10, 1.0), (30, 3.0), (30, 4.0), (40, float("nan")), (50, 5.0)]
    write_samples(path, [(at, "gpu0.power_W", value) for at, value in rows])
    series = load(made.path).samples(path.parent.name)["gpu0.power_W"]
    assert [10, 20, 30, 50] == series.t_ns.tolist()
    assert [1.0, 2.0, 4.0, 5.0] == series.value.tolist()
    assert (1, 1, 1) == (series.out_of_order, series.repeated, series.not_finite)


def test_a_channel_that_run_json_does_not_describe_is_left_out(simulate):
    made = simulate(blocks=1)
    path = made.folder("b01-1") / "samples.parquet"
    write_samples(path, [(1, "gpu0.power_W", 1.0), (2, "../../etc.power_W", 2.0)])
    assert ["gpu0.power_W"] == list(load(made.path).samples(path.parent.name))


def test_a_run_without_rows_has_no_series(simulate_once):
    made = simulate_once(blocks=1, energy=False, context=False)
    assert {} == load(made.path).samples(made.runs[0].run)


@pytest.mark.parametrize("content", [b"", b"PAR1 not really", b"t_ns,channel,value\n1,a,2\n"])
def test_samples_that_are_no_parquet_are_refused_by_the_run_s_name(simulate, content):
    made = simulate(blocks=1)
    path = made.folder("b01-1") / "samples.parquet"
    path.write_bytes(content)
    with pytest.raises(NightFolderError, match=path.parent.name):
        load(made.path).samples(path.parent.name)


def test_samples_of_other_columns_or_types_are_refused(simulate):
    made = simulate(blocks=1)
    path = made.folder("b01-1") / "samples.parquet"
    pq.write_table(pa.table({"t_ns": [1.5], "channel": ["a"], "value": [1.0]}), path)
    with pytest.raises(NightFolderError, match="t_ns is double"):
        load(made.path).samples(path.parent.name)
    pq.write_table(pa.table({"time": [1], "channel": ["a"], "value": [1.0]}), path)
    with pytest.raises(NightFolderError, match="its columns are time"):
        load(made.path).samples(path.parent.name)


def test_missing_samples_are_refused_by_the_run_s_name(simulate):
    made = simulate(blocks=1)
    (made.folder("b01-1") / "samples.parquet").unlink()
    with pytest.raises(NightFolderError, match="cannot be read"):
        load(made.path).samples(made.folder("b01-1").name)


@pytest.mark.parametrize("name", ["../n", "/etc", "b99-1-a1-x", "", "."])
def test_a_run_that_the_night_does_not_hold_has_no_samples(simulate_once, name):
    with pytest.raises(NightFolderError, match="no run"):
        load(simulate_once(blocks=1).path).samples(name)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b'{"schema": 1, "slot": "b01-1", ', "damaged"),
        (b"\xff\xfe", "damaged|decode"),
        (b"[]", "no JSON object"),
        (b'{"schema": 1}', "status"),
        (b"{}", "schema"),
    ],
)
def test_a_damaged_run_json_is_named_and_the_rest_of_the_night_is_read(simulate, content, word):
    made = simulate(blocks=2)
    folder = made.folder("b01-1")
    (folder / "run.json").write_bytes(content)
    night = load(made.path)
    assert 3 == len(night.runs)
    (damage,) = night.damage
    assert f"runs/{folder.name}" == damage.entry
    assert re.search(word, damage.what)


def test_what_is_said_of_a_missing_run_json_does_not_depend_on_the_callers_path(simulate):
    made = simulate(blocks=2)
    folder = made.folder("b01-1")
    (folder / "run.json").unlink()
    (damage,) = load(made.path).damage
    assert "its run.json cannot be read: No such file or directory" == damage.what


@pytest.mark.parametrize(
    "changes",
    [
        {"block": "one"},
        {"started_ns": 1.5},
        {"metrics": []},
        {"status": "perhaps"},
        {"phases": [{"name": "train", "begin_ns": 5, "end_ns": 1}]},
        {"phases": [3]},
        {"window": {"name": "train"}},
        {"configuration": "of another night"},
        {"position": 9},
        {"exit_code": "0"},
        {"gap_s": "soon"},
        {"channels": [{"name": "x"}]},
        {"levels": {"arm": "another"}},
        {"seed": 10**30},
        {"exited_ns": 1},
        {"verdicts": [{"name": 3, "cause": "outcome", "level": "warning"}]},
    ],
)
def test_a_run_json_of_wrong_types_or_of_another_run_is_left_out_and_named(simulate, changes):
    made = simulate(blocks=2)
    rewrite(made.folder("b02-1") / "run.json", **changes)
    night = load(made.path)
    assert [f"runs/{made.folder('b02-1').name}"] == [damage.entry for damage in night.damage]
    assert 3 == len(night.runs)


JUNK = [None, True, -1, 10**30, 1.5, "", "NaN", "Infinity", [], {}, [1], {"a": 1}, "\ud800", "../../x", -1e308]


def places(body, path=()):
    """The path of every value in a JSON document."""
    for key, value in body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ():
        yield (*path, key)
        yield from places(value, (*path, key))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["run.json", "plan.json", "host.json"])
def test_whatever_stands_in_a_night_s_files_the_answer_is_findings_or_one_clear_refusal(simulate, name):
    made = simulate(blocks=2, epochs=1, train_s=2.0)
    path = made.folder("b01-1") / name if name == "run.json" else made.path / name
    whole = path.read_text()
    draw = random.Random(7)
    everywhere = list(places(json.loads(whole)))
    for _ in range(8):
        body = json.loads(whole)
        *way, last = draw.choice(everywhere)
        inner = body
        for key in way:
            inner = inner[key]
        inner[last] = draw.choice(JUNK)
        path.write_text(json.dumps(body))
        with contextlib.suppress(NightFolderError):
            findings_bytes(study(load(made.path)))


def test_foreign_partial_and_interrupted_entries_are_passed_over(simulate):
    made = simulate(blocks=1)
    for name in ("b01-1-a9-x.partial", "b01-1-a8-x.interrupted", "b01-1-a8-x.interrupted-2", "notes", "b1"):
        (made.path / "runs" / name).mkdir()
    (made.path / "runs" / "readme.txt").write_text("hello")
    night = load(made.path)
    assert 2 == len(night.runs)
    assert () == night.damage


def test_a_run_folder_that_is_a_link_is_not_followed(simulate):
    made, other = simulate(blocks=1), simulate(blocks=1)
    target = other.folder("b01-1")
    (made.path / "runs" / "b01-1-a1-linked").symlink_to(target)
    night = load(made.path)
    assert ["runs/b01-1-a1-linked"] == [damage.entry for damage in night.damage]
    assert 2 == len(night.runs)


def test_a_folder_that_is_not_there_or_no_night_is_refused(tmp_path):
    with pytest.raises(NightFolderError, match="no such folder"):
        load(tmp_path / "nowhere")
    with pytest.raises(NightFolderError, match=r"no plan\.json"):
        load(tmp_path)
    (tmp_path / "plan.json").write_text("{")
    with pytest.raises(NightFolderError, match=r"plan\.json cannot be read"):
        load(tmp_path)
    (tmp_path / "plan.json").write_text('{"schema": 1}')
    with pytest.raises(NightFolderError, match="damaged or foreign"):
        load(tmp_path)


@pytest.mark.parametrize(("schema", "word"), [(0, "an older"), (3, "a newer")])
def test_a_night_of_another_schema_is_refused_by_name(simulate, schema, word):
    made = simulate(blocks=1)
    rewrite(made.path / "plan.json", schema=schema)
    with pytest.raises(NightFolderError, match=f"schema {schema} is that of {word} release"):
        load(made.path)


def test_a_run_of_a_newer_schema_refuses_the_night_and_names_the_run(simulate):
    made = simulate(blocks=1)
    rewrite(made.folder("b01-2") / "run.json", schema=3)
    with pytest.raises(NightFolderError, match=made.folder("b01-2").name):
        load(made.path)


def test_a_protocol_inside_the_plan_that_is_none_is_refused(simulate):
    made = simulate(blocks=1)
    rewrite(made.path / "plan.json", protocol={"title": 3})
    with pytest.raises(NightFolderError, match="damaged or foreign"):
        load(made.path)


def test_half_a_character_in_a_name_becomes_the_replacement_character(simulate):
    made = simulate(blocks=1)
    rewrite(made.folder("b01-1") / "run.json", reason="half \ud800 of one", metrics={"\ud800": 1.0})
    runs = load(made.path).runs
    assert "half \ufffd of one" in runs.reason.tolist()
    assert "metric.\ufffd" in runs.columns


def test_a_night_without_any_run_has_empty_frames_with_their_columns(simulate_once):
    night = load(simulate_once(blocks=1, stop_after=0).path)
    assert 0 == len(night.runs)
    assert {"run", "configuration", "duration_s", "rows"} <= set(night.runs.columns)
    assert ["run", "phase", "begin_s", "duration_s"] == list(night.phases.columns)


def test_metrics_that_are_not_finite_are_numbers_and_text_stays_text(simulate):
    made = simulate(blocks=1)
    rewrite(made.folder("b01-1") / "run.json", metrics={"loss": "NaN", "precision": "float16", "done": True, "x": [1]})
    runs = load(made.path).runs.set_index("slot")
    assert np.isnan(runs.loc["b01-1", "metric.loss"])
    assert "float16" == runs.loc["b01-1", "metric.precision"]
    assert runs.loc["b01-1", "metric.done"] is True
    assert "[1]" == runs.loc["b01-1", "metric.x"]
