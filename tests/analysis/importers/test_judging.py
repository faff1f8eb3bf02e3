"""Imported recordings with gaps: judged by the limits of runs of our own, and told at the import."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from analysis.importers import meter, table
from analysis.importers.judging import exclusions, verdicts_of
from analysis.importers.recording import Naming
from analysis.load import load
from analysis.study import examine
from nightwatt.__main__ import main

EPOCH_S = 1_763_676_000


def readings(start_s, power_W, unseen=range(0)):
    return [f"{EPOCH_S + start_s + s},{power_W + s % 3}" for s in range(120) if s not in unseen]


@pytest.fixture
def paths(file):
    """Six runs of two minutes, of one of which half was not read."""
    made = []
    for number in range(6):
        arm, unseen = "ab"[number % 2], range(30, 91) if number == 3 else range(0)
        rows = readings(600 * number, 300 + 40 * (number % 2), unseen)
        made.append(file(f"{arm}_{number}.csv", "timestamp,power_W", *rows))
    return made


def test_a_recording_with_a_gap_as_long_as_spoils_a_run_of_our_own_is_not_compared(paths, night):
    found = meter.read(paths, Naming.of(r"(?P<arm>[ab])_(?P<run>\d)"))
    seen = examine(night(found, *paths))
    assert ["excluded"] == seen.runs[seen.runs.state != "headline"].state.tolist()
    [left_out] = seen.runs[seen.runs.state == "excluded"].itertuples()
    assert "b" == left_out.configuration
    assert "invalid" == left_out.rule
    assert {"a": 3, "b": 2} == {group.configuration: group.n_headline for group in seen.findings.groups}
    assert ["gap"] == [item.reason for item in seen.findings.exclusions]


@pytest.mark.parametrize(("lost", "spoils"), [(8, False), (9, False), (10, True)])
def test_the_limit_is_ten_of_the_readings_own_periods(file, lost, spoils):
    path = file("a.csv", "timestamp,power_W", *readings(0, 300, range(40, 40 + lost)))
    [recording] = meter.read([path], Naming()).recordings
    assert spoils == bool(verdicts_of(recording))


def test_a_gap_is_told_at_the_import_by_the_name_of_its_file(paths, tmp_path, capsys):
    called = ["import", "meter", *map(str, paths), "--pattern", r"(?P<arm>[ab])_(?P<run>\d)", "--out", str(tmp_path)]
    with pytest.raises(SystemExit, match="0"):
        main(called)
    said = capsys.readouterr().err
    assert "b_3.csv is not compared: wattmeter/wall.power_W: longest time unread, 62 s (limit 10 s)" in said


def test_totals_of_whole_runs_have_no_gaps(file):
    path = file("runs.csv", "configuration,energy_J,duration_s", "a,1000,600", "b,2000,600")
    found = table.read([path], table.Settings(source="a meter"))
    assert [] == exclusions(found.recordings)


def test_a_gap_outside_a_run_that_was_cut_out_of_the_recording_says_nothing_of_it(file):
    from analysis.importers.cut import cut

    path = file("all.csv", "timestamp,power_W", *readings(0, 300, range(60, 90)))
    at = [np.datetime64(EPOCH_S + s, "s") for s in (5, 50, 92, 118)]
    runs = file("runs.csv", "run,started,ended", f"a,{at[0]},{at[1]}", f"b,{at[1]},{at[2]}", f"c,{at[2]},{at[3]}")
    found = cut(meter.read([path], Naming()), runs, Naming())
    assert [False, True, False] == [bool(verdicts_of(item)) for item in found.recordings]


def test_how_to_reproduce_an_import_names_its_command_and_files_without_their_folders(paths, tmp_path):
    called = ["import", "meter", *map(str, paths), "--pattern", r"(?P<arm>[ab])_(?P<run>\d)", "--domain", "plug"]
    with pytest.raises(SystemExit, match="0"):
        main([*called, "--set", "analysis.recipe=classic", "--out", str(tmp_path)])
    [made] = tmp_path.glob("imported-*")
    said = examine(load(made)).findings.reproduce
    names = [path.name for path in paths]
    assert said["import"] == (
        f"nightwatt import meter {' '.join(names)} --pattern '(?P<arm>[ab])_(?P<run>\\d)' --domain plug "
        "--set analysis.recipe=classic"
    )
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths} == said["imported_files"]
    assert str(tmp_path) not in (made / "plan.json").read_text()
