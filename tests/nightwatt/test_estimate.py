"""``nightwatt estimate``: what a night tells a person and a program, what is foretold, and what is refused."""

from __future__ import annotations

import json
import shutil

import pytest

from harness.errors import ExitCode
from nightwatt.__main__ import main

PROTOCOL = """
title = "three"
[workload]
command = ["{python}", "{workloads}/fake.py", "--epochs", "10", "--note", "{arm}"]
window = "train"
[factors]
arm = ["a", "b", "c"]
[design]
blocks = 2
[sensors.simulated]
"""


@pytest.fixture(scope="module")
def protocol(tmp_path_factory):
    file = tmp_path_factory.mktemp("protocol") / "three.toml"
    file.write_text(PROTOCOL)
    return file


@pytest.fixture(scope="module")
def night(protocol):
    """A night of three configurations in two blocks, ten epochs a run, read by a simulated sensor."""
    out = protocol.parent / "out"
    with pytest.raises(SystemExit) as ended:
        main(["run", str(protocol), "--out", str(out), "--no-report", "--quiet"])
    assert not ended.value.code
    [made] = out.iterdir()
    return made


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["estimate", *map(str, arguments)])
    said = capsys.readouterr()
    return ended.value.code or 0, said.out, said.err


def test_a_person_is_told_the_errors_of_every_method_and_what_they_rest_on(night, capsys):
    code, out, err = run(capsys, night)
    assert (ExitCode.DONE, "") == (code, err)
    for part in (
        "foretold after 20 % of the epochs",
        "6 runs",
        "RMSE (J)",
        "STEP, energy",
        "mean epoch energy × n",
        "PRE, power",
        "no power limit of gpu0 was recorded: give --tdp-W",
        "fitted without the configuration",
        "on the same 6 runs",
    ):
        assert part in out


def test_a_program_is_told_the_same_with_every_guess(night, capsys):
    code, out, _ = run(capsys, night, "--first", "4", "--tdp-W", "300", "--json")
    body = json.loads(out)
    assert ExitCode.DONE == code
    assert {"share": None, "first": 4, "stable": 5} == body["asked"]
    told = {(item["method"], item["epochs"]): item for item in body["scores"]}
    assert {6} == {item["n"] for item in told.values() if item["rmse_J"] is not None}
    assert told["TDP × time", "run over"]["rmse_J"] > 0
    assert {4} == {item["seen"] for item in body["guesses"] if item["method"] == "STEP, power"}
    assert 6 * len(body["scores"]) == len(body["guesses"])
    assert body["curve"]


def test_tables_and_figure_become_files_and_the_night_is_left_as_it_was(night, capsys, tmp_path):
    before = sorted(path for path in night.rglob("*"))
    code, _, err = run(capsys, night, "--out", tmp_path / "made")
    assert (ExitCode.DONE, True) == (code, str(tmp_path / "made") in err)
    assert (tmp_path / "made" / "tables" / "estimates.csv").is_file()
    assert (tmp_path / "made" / "figures" / "estimates-by-window.png").is_file()
    assert before == sorted(path for path in night.rglob("*"))


def test_a_night_of_the_same_protocol_is_foretold_by_its_runs(night, protocol, capsys):
    code, out, _ = run(capsys, night, "--before", protocol, "--set", "design.blocks=9", "--json")
    body = json.loads(out)
    assert ExitCode.DONE == code
    assert ["measured"] * 3 == [item["how"] for item in body["configurations"]]
    assert [9] * 3 == [item["runs"] for item in body["configurations"]]
    assert body["energy"]["low"] < body["energy"]["value"] < body["energy"]["high"]
    assert 9 * sum(item["energy"]["value"] for item in body["configurations"]) == pytest.approx(body["energy"]["value"])
    assert body["night_s"] >= 27 * body["run_s"]


def test_what_was_never_measured_is_foretold_by_regression_and_says_so(night, protocol, capsys):
    code, out, _ = run(capsys, night, "--before", protocol, "--set", 'factors.arm=["a", "d"]')
    assert ExitCode.DONE == code
    for part in (
        "measured (2)",
        "PRE, ±",
        "on runs that it had not seen",
        "factor arm",
        "The night takes",
    ):
        assert part in out


def test_a_plan_takes_length_and_energy_from_its_pilot(night, protocol, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["plan", str(protocol), "--pilot", str(night), "--set", "design.blocks=9", "--json"])
    assert not ended.value.code
    body = json.loads(capsys.readouterr().out)
    _, out, _ = run(capsys, night, "--before", protocol, "--set", "design.blocks=9", "--json")
    before = json.loads(out)
    assert before["run_s"] == pytest.approx(body["run_s"])
    assert before["energy"]["n"] == body["energy"]["n"] == 6
    for key in ("value", "low", "high"):
        assert before["energy"][key] == pytest.approx(body["energy"][key])
    assert before["night_s"] == pytest.approx(body["forecast"]["best_s"])


def test_a_plan_foretells_configurations_that_its_pilot_has_not_and_says_so(night, protocol, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["plan", str(protocol), "--pilot", str(night), "--set", 'factors.arm=["a", "d"]'])
    assert not ended.value.code
    out = capsys.readouterr().out
    for part in ("partly foretold (PRE", "Not in the pilot: d. It is reckoned", "d against a*"):
        assert part in out


def going_on(night, folder, *, seen):
    """A copy of the night with a run in progress: so many epochs of 2 s at 50 W in each domain."""
    copy = folder / night.name
    shutil.copytree(night, copy)
    settled = next(path for path in sorted((copy / "runs").iterdir()) if path.name.startswith("b02-1"))
    record = json.loads((settled / "run.json").read_text())
    partial = copy / "runs" / f"{settled.name}.partial"
    shutil.rmtree(settled)
    partial.mkdir()
    second = 1_000_000_000
    begin = [{"t_ns": second, "mark": "begin", "phase": "train"}]
    for epoch in range(1, seen + 1):
        edges = ("begin", second * (2 * epoch - 1)), ("end", second * (2 * epoch + 1))
        begin += [{"t_ns": at, "mark": mark, "phase": f"epoch {epoch}"} for mark, at in edges]
    (partial / "marks.jsonl").write_text("".join(json.dumps(mark) + "\n" for mark in begin) + '{"t_ns": 9, "ma')
    (partial / "sampler.json").write_text(json.dumps({"state": "ready", "channels": record["channels"]}))
    power = [item["name"] for item in record["channels"] if item["name"].endswith("power_W")]
    rows = [f"{second * at // 10},{name},50.0\n" for at in range(20 * seen + 20) for name in power]
    (partial / "samples.csv").write_text("".join(rows) + "1234")
    return copy, partial, len(power)


def test_a_run_that_goes_on_is_foretold_and_its_folder_not_touched(night, capsys, tmp_path):
    copy, partial, domains = going_on(night, tmp_path, seen=4)
    before = {path: path.read_bytes() for path in partial.rglob("*")}
    code, out, _ = run(capsys, copy, "--running", "--json")
    assert ExitCode.DONE == code
    [told] = json.loads(out)["running"]
    assert (4, 10.0) == (told["seen"], told["expected"])
    assert 50 * domains * 20 == pytest.approx(told["told"]["energy_J"], rel=1e-6)
    assert before == {path: path.read_bytes() for path in partial.rglob("*")}
    code, out, _ = run(capsys, copy, "--running")
    assert "4 epochs so far" in out
    assert "STEP, energy" in out


def test_finished_runs_of_another_night_of_the_same_protocol_tell_the_length(night, capsys, tmp_path):
    copy, _, _ = going_on(night, tmp_path, seen=4)
    for file in copy.glob("runs/*/run.json"):
        file.unlink()
    _, out, _ = run(capsys, copy, "--running", "--epochs", "30", "--json")
    assert (0, 30.0) == tuple(json.loads(out)["running"][0][key] for key in ("by_finished", "expected"))
    _, out, _ = run(capsys, copy, night, "--running", "--json")
    assert (2, 10.0) == tuple(json.loads(out)["running"][0][key] for key in ("by_finished", "expected"))


def test_a_run_that_has_hardly_begun_says_what_is_missing(night, capsys, tmp_path):
    copy, _, _ = going_on(night, tmp_path, seen=1)
    code, out, _ = run(capsys, copy, "--running")
    assert ExitCode.DONE == code
    assert "1 of its epochs can be told yet, and 2 are needed" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--share", "0.2", "--first", "3"], "--share and --first"),
        (["--share", "0"], "no share of a run"),
        (["--share", "1.5"], "no share of a run"),
        (["--share", "nan"], "no share of a run"),
        (["--first", "0"], "--first"),
        (["--first", "11"], "it ended before"),
        (["--tdp-W", "-3"], "no device's power"),
        (["--before", "demo", "--running"], "different things"),
        (["--set", "design.blocks=2"], "--before"),
        (["--running", "--share", "0.5"], "--share says nothing of --running"),
        (["--running"], "no run goes on"),
        (["--before", "nowhere"], "nowhere"),
    ],
)
def test_what_means_nothing_is_refused_by_one_error(night, capsys, arguments, words):
    code, out, err = run(capsys, night, *arguments)
    assert (ExitCode.USAGE, "") == (code, out)
    assert words in err
    assert "Traceback" not in err


def test_a_night_twice_a_folder_that_is_none_and_runs_without_epochs_are_refused(night, capsys, tmp_path):
    code, _, err = run(capsys, night, night)
    assert (ExitCode.USAGE, True) == (code, "given twice" in err)
    code, _, err = run(capsys, tmp_path)
    assert (ExitCode.USAGE, True) == (code, "no plan.json" in err)
    bare = tmp_path / night.name
    shutil.copytree(night, bare)
    for file in bare.glob("runs/*/run.json"):
        body = json.loads(file.read_text())
        body["phases"] = [phase for phase in body["phases"] if not phase["name"].startswith("epoch")]
        file.write_text(json.dumps(body))
    code, _, err = run(capsys, bare)
    assert (ExitCode.USAGE, True) == (code, "6 x no marked epochs" in err)
    assert "remedy" in err


def test_a_folder_that_cannot_be_written_is_refused(night, capsys, tmp_path):
    (tmp_path / "taken").write_text("")
    code, _, err = run(capsys, night, "--out", tmp_path / "taken")
    assert (ExitCode.USAGE, True) == (code, "cannot be written" in err)
