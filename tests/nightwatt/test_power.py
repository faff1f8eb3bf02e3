"""``nightwatt power``: what a pilot tells, for people and for programs."""

from __future__ import annotations

import json

import pytest

from harness.errors import ExitCode
from nightwatt.__main__ import main


@pytest.fixture(scope="module")
def pilot(tmp_path_factory):
    """A rehearsed night of three configurations in four blocks."""
    folder = tmp_path_factory.mktemp("pilot")
    protocol = folder / "three.toml"
    protocol.write_text(
        'title = "three"\n[workload]\ncommand = ["{python}", "{workloads}/fake.py", "--note", "{arm}"]\n'
        'timeout_s = 800\n[factors]\narm = ["a", "b", "c"]\n[design]\nblocks = 4\n[sensors.simulated]\n'
    )
    with pytest.raises(SystemExit) as ended:
        main(["rehearse", str(protocol), "--out", str(folder / "out"), "--no-report", "--quiet"])
    assert not ended.value.code
    [night] = (folder / "out").iterdir()
    return night


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return ended.value.code or 0, said.out, said.err


def test_a_person_is_told_scatter_runs_needed_what_is_seen_and_what_it_rests_on(pilot, capsys):
    code, out, err = run(capsys, "power", pilot, "--effect", "1", "--effect", "3")
    assert (ExitCode.DONE, "") == (code, err)
    for part in (
        "REHEARSAL",
        "paired t on logs within blocks",
        "alpha 0.05 over 3 comparisons, 0.0167 each (Holm's first step); to be found in 90 % of nights",
        "with its 95 % interval",
        "b against a",
        "all together",
        "4 pairs",
        "Blocks needed for a difference of",
        "finds 3 %",
        "With 3 degrees of freedom the scatter is hardly known",
        "The pilot's own difference was not used",
    ):
        assert part in out


def test_a_program_is_told_the_same(pilot, capsys):
    code, out, _ = run(capsys, "power", pilot, "--effect", "2", "--power", "80", "--alpha", "0.01", "--json")
    body = json.loads(out)
    assert ExitCode.DONE == code
    assert (0.8, 0.01, [0.02]) == (body["power"], body["alpha"], body["effects"])
    assert 3 == len(body["contrasts"])
    [need] = body["contrasts"][0]["needed"]
    assert need["low"] <= need["runs"] <= need["advised"]
    assert body["curve"][0]["runs"] == 2


def test_tables_and_the_curve_become_files(pilot, capsys, tmp_path):
    before = sorted(pilot.rglob("*"))
    code, _, err = run(capsys, "power", pilot, "--effect", "2", "--out", tmp_path / "made")
    assert (ExitCode.DONE, True) == (code, f"tables and curve: {tmp_path / 'made'}" in err)
    names = {path.name for path in (tmp_path / "made").rglob("*.*")}
    tables = {
        f"power-{what}.{suffix}" for what in ("scatter", "needed", "curve") for suffix in ("md", "csv", "tex", "html")
    }
    assert tables | {f"power-curve.{suffix}" for suffix in ("svg", "pdf", "png")} == names
    assert "REHEARSAL" in (tmp_path / "made" / "tables" / "power-curve.md").read_text()
    assert before == sorted(pilot.rglob("*"))


def test_a_folder_that_cannot_be_made_is_one_clear_error(pilot, capsys, tmp_path):
    (tmp_path / "file").touch()
    code, _, err = run(capsys, "power", pilot, "--out", tmp_path / "file")
    assert ExitCode.USAGE == code
    assert "the tables cannot be written" in err
    assert "remedy" in err


@pytest.mark.parametrize("effect", ["0", "-1", "nan", "101"])
def test_no_difference_is_refused(pilot, capsys, effect):
    code, out, err = run(capsys, "power", pilot, "--effect", effect)
    assert (ExitCode.USAGE, "") == (code, out)
    assert "no difference to look for" in err
    assert "remedy" in err


def test_what_is_no_night_is_refused(capsys, tmp_path):
    code, out, err = run(capsys, "power", tmp_path)
    assert (ExitCode.USAGE, "") == (code, out)
    assert "no plan.json" in err
