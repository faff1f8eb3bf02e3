"""Foreign files: read, refused with file, line and remedy, written as a night that is loaded, studied and reported."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from analysis.energy import energy
from analysis.importers import codecarbon, energibridge, table
from analysis.importers.cells import files_of
from analysis.importers.recording import Naming
from analysis.importers.results import with_results
from analysis.report import write_report
from analysis.study import study
from harness.record import Quality

T0_MS = 1_769_900_000_000


def bridge(power_W, start_J=100.0, *, seconds=10, begin_ms=T0_MS, wraps_at=65536.0, header="CPU_ENERGY (J)"):
    """The lines of a recording of constant power by a counter, each 200 ms; its first row twice, its last of age 0."""
    rows = [f"Delta,Time,{header}"]
    for step in range(5 * seconds + 1):
        rows.append(f"200,{begin_ms + 200 * step},{(start_J + power_W * 0.2 * step) % wraps_at:.6f}")
    return [rows[0], rows[1], *rows[1:], "0" + rows[-1][3:]]


TABLE = table.Settings(("arm",), Quality.MEASURED, "RAPL by perf")


def runs(**columns):
    """A table of these columns as lines."""
    return [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]


# ---- EnergiBridge


def test_a_counter_that_began_again_at_0_is_unwrapped(file, night):
    path = file("a_1.csv", *bridge(100.0, 65500.0))
    found = energibridge.read([path], Naming.of(r"(?P<arm>\w)_(?P<run>\d)"))
    [row] = energy(night(found, path)).query("phase == ''").itertuples()
    assert ("package-0", "energibridge", "measured") == (row.domain, row.origin, row.quality)
    assert (1000.0, 10.0) == (pytest.approx(row.energy_J, abs=1e-3), pytest.approx(row.duration_s))
    assert ("a_1.csv: package-0's counter began again at 0 1 times, unwrapped",) == found.recordings[0].notes


def test_the_runs_of_a_folder_stand_in_the_order_of_their_stamps_with_the_gaps_between_them(file, night):
    paths = [
        file(f"eb/{arm}_{number}.csv", *bridge(power_W, begin_ms=T0_MS + 30_000 * place))
        for arm, number, power_W, place in (
            ("a", 1, 100.0, 1),
            ("b", 1, 90.0, 0),
            ("a", 2, 101.0, 3),
            ("b", 2, 91.0, 2),
        )
    ]
    found = energibridge.read(files_of([paths[0].parent]), Naming.of(r"(?P<arm>\w)_(?P<run>\d)"))
    loaded = night(found, *paths)
    assert ["b", "a", "b", "a"] == loaded.runs.configuration.tolist()
    assert [20.0] * 3 == pytest.approx(loaded.runs.gap_s.tolist()[1:])
    assert math.isnan(loaded.runs.gap_s[0])
    assert (True, False, "as recorded") == (loaded.ordered, loaded.blocked, loaded.plan["order"])


def test_a_gauge_in_milliwatts_is_in_watts(file, night):
    rows = ["Delta,Time,GPU0_POWER (mWatts)", *(f"200,{T0_MS + 200 * step},250000" for step in range(11))]
    path = file("one.csv", *rows)
    [row] = energy(night(energibridge.read([path], Naming()), path)).query("phase == ''").itertuples()
    assert ("gpu0", 500.0) == (row.domain, pytest.approx(row.energy_J))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["a,b,c", "1,2,3"], ["line 1", "not EnergiBridge's"]),
        (["Delta,Time,CPU_USAGE_0", f"200,{T0_MS},5"], ["line 1", "no column of it tells power or energy"]),
        ([*bridge(100.0)[:4], "200,later,5"], ["line 5", "later"]),
        ([*bridge(100.0)[:5], f"200,{T0_MS - 5000},5"], ["line 6", "its clock went back"]),
        (bridge(100.0)[:3], ["fewer than two readings"]),
        ([bridge(1.0)[0], f"200,{T0_MS},100", f"200,{T0_MS + 200},90000"], ["neither a step forward nor a turn"]),
        (bridge(100.0, header="PACAKGE_ENERGY (W)"), ["before 0.0.7", "--accept-unit-error"]),
        (["Delta,Time,SYSTEM_POWER (Watts)", f"0,{T0_MS},134000", f"0,{T0_MS + 900},134000"], ["134 kW", "unit"]),
        (["Delta,Time,SYSTEM_POWER (Watts)", f"0,{T0_MS},-4", f"0,{T0_MS + 900},5"], ["-4 W"]),
    ],
)
def test_what_is_no_recording_of_energibridge_is_refused_with_file_line_and_remedy(file, lines, words, refused):
    path = file("x.csv", *lines)
    refused(lambda: energibridge.read([path], Naming()), "x.csv", *words)


def test_a_last_line_that_was_cut_is_left_out_and_said(file):
    path = file("x.csv", *bridge(100.0)[:-1], "200,176990", end="")
    [recording] = energibridge.read([path], Naming()).recordings
    assert 10_000_000_000 == recording.duration_ns
    assert ("x.csv: its last line was cut off and is left out",) == recording.notes


def test_a_hole_in_a_recording_is_said(file):
    lines = bridge(100.0, seconds=20)
    [whole] = energibridge.read([file("x.csv", *lines)], Naming()).recordings
    [holed] = energibridge.read([file("x.csv", *lines[:20], *lines[40:])], Naming()).recordings
    assert ((), ("x.csv: 4.2 s without a reading",)) == (whole.notes, holed.notes)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [("(", ["no regular expression"]), ("a.*", ["no group", "(?P<"]), (r"(?P<arm>\d+)", ["'x'", "does not match"])],
)
def test_a_pattern_that_names_nothing_is_refused(file, pattern, words, refused):
    path = file("x.csv", *bridge(100.0))
    refused(lambda: energibridge.read([path], Naming.of(pattern)), *words)


def test_results_stand_beside_the_recordings_that_they_name(file, refused):
    paths = [file(f"{name}.csv", *bridge(100.0)) for name in "ab"]
    recordings = energibridge.read(paths, Naming()).recordings
    found = with_results(recordings, file("r.csv", "file,accuracy,note", "a.csv,0.9,fine"))
    assert [{"accuracy": 0.9, "note": "fine"}, {}] == [item.metrics for item in found]
    refused(lambda: with_results(recordings, file("r.csv", "file,x", "c,1")), "line 2", "'c'", "names no recording")
    refused(lambda: with_results(recordings, file("r.csv", "file,x", "a,1", "a,2")), "line 3", "is in two rows")
    refused(lambda: with_results(recordings, file("r.csv", "run,x", "a,1")), "no column 'file'")


# ---- CodeCarbon

EMISSIONS = "timestamp,project_name,run_id,duration,emissions,cpu_energy,gpu_energy,ram_energy,energy_consumed"


def test_codecarbon_s_parts_stand_apart_and_what_it_models_is_never_summed_with_what_it_measures(file, night):
    path = file("emissions.csv", EMISSIONS, "2023-05-04T10:10:00,vgg,1,600,0.01,0.002,0.01,0.001,0.013")
    loaded = night(codecarbon.read([path], Naming()), path)
    frame = energy(loaded).query("phase == ''").set_index("domain")
    assert {"cpu": "modelled", "gpu": "measured", "ram": "modelled"} == frame.quality.to_dict()
    assert 36_000.0 == pytest.approx(frame.energy_J["gpu"])
    assert ("gpu",) == study(loaded).domains
    assert 0.013 == loaded.runs["metric.codecarbon_energy_consumed"][0]
    by_rapl = codecarbon.read([path], Naming(), rapl=True).recordings[0].channels
    assert [Quality.MEASURED, Quality.MEASURED, Quality.MODELLED] == [channel.quality for channel in by_rapl]


def test_of_the_rows_that_one_run_flushed_the_last_counts(file):
    rows = [f"2023-05-04T10:{m}:00,vgg,1,{m * 60},0.01,0.002,{m / 1000},0.001,0.013" for m in (10, 20, 30)]
    [recording] = codecarbon.read([file("emissions.csv", EMISSIONS, *rows)], Naming()).recordings
    assert 1800 * 10**9 == recording.duration_ns
    assert "the last of 3 rows" in recording.notes[0]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("2023-05-04T10:10:00,vgg,1,600,0.01,-0.002,0.01,0.001,0.013", ["line 2", "cpu_energy", "-0.002 kWh"]),
        ("2023-05-04T10:10:00,vgg,1,0,0.01,0.002,0.01,0.001,0.013", ["line 2", "duration", "0 s"]),
        ("yesterday,vgg,1,600,0.01,0.002,0.01,0.001,0.013", ["line 2", "timestamp", "'yesterday'"]),
        ("2023-05-04T10:10:00,vgg,1,600,0.01,,0.01,0.001,0.013", ["line 2", "cpu_energy", "nothing stands here"]),
        ("2023-05-04T10:10:00,vgg,1,600", ["line 2", "4 cells where the header names 9"]),
        ("2023-05-04T10:10:00,vgg,1,600,0.01,nan,0.01,0.001,0.013", ["line 2", "'nan' is no number"]),
        ("2023-05-04T10:10:00,vgg,1,600,0.01,36000,0.01,0.001,0.013", ["line 2", "kW", "a unit is wrong"]),
    ],
)
def test_what_codecarbon_cannot_have_measured_is_refused(file, row, words, refused):
    path = file("emissions.csv", EMISSIONS, row)
    refused(lambda: codecarbon.read([path], Naming()), "emissions.csv", *words)


def test_another_csv_is_not_codecarbon_s(file, refused):
    path = file("other.csv", "a,b", "1,2")
    refused(lambda: codecarbon.read([path], Naming()), "line 1", "no column timestamp")


# ---- tables


def test_units_stand_in_the_header_and_domains_before_it(file, night):
    columns = {"arm": ["x"], "gpu0.energy_Wh": [1], "energy (kJ)": [5], "duration_min": [2], "accuracy": [0.5]}
    path = file("runs.csv", *runs(**columns))
    frame = energy(night(table.read([path], TABLE), path)).query("phase == ''").set_index("domain")
    assert {"gpu0": 3600.0, "total": 5000.0} == frame.energy_J.to_dict()
    assert {120.0} == set(frame.duration_s)
    assert frame.uncertainty_J.isna().all()  # what the edges leave uncertain nobody can tell


def test_runs_of_named_blocks_are_compared_within_them(file, night):
    draw = np.random.default_rng(1)
    level = np.repeat(np.exp(draw.normal(0, 0.2, 8)), 2)
    energies = 1000 * level * np.tile([1.0, 0.9], 8) * np.exp(draw.normal(0, 0.002, 16))
    columns = {
        "arm": ["a", "b"] * 8,
        "energy_J": energies,
        "duration_s": [10] * 16,
        "block": np.repeat(np.arange(8), 2),
    }
    path = file("runs.csv", *runs(**columns))
    loaded = night(table.read([path], TABLE), path, baseline="a")
    [found] = study(loaded).comparisons
    assert ("paired t on logs", 8) == (found.tests[0].name, found.pairs)
    assert found.ratio.low < 0.9 < found.ratio.high
    assert found.ratio.high - found.ratio.low < 0.01


def test_runs_of_unknown_order_are_not_compared_by_it(file, night):
    columns = {"arm": ["a"] * 5 + ["b"] * 5, "energy_J": [100 + i % 5 for i in range(10)], "duration_s": [10] * 10}
    path = file("runs.csv", *runs(**columns))
    loaded = night(table.read([path], TABLE), path)
    found = study(loaded)
    assert not loaded.ordered
    assert ("Welch t on logs", ()) == (found.comparisons[0].tests[0].name, found.drift)
    assert {"imported", "order-unknown"} <= {caution.code for caution in found.cautions}
    assert "the order of the runs not being known" in found.methods
    assert loaded.runs.started_s.isna().all()


def test_all_runs_of_one_configuration_before_the_other_are_told(file, night):
    stamps = [f"2026-01-31T20:{minute:02d}:00" for minute in range(10)]
    columns = {"arm": ["a"] * 5 + ["b"] * 5, "energy_J": [100 + i % 5 for i in range(10)], "duration_s": [10] * 10}
    path = file("runs.csv", *runs(**columns, started=stamps))
    loaded = night(table.read([path], TABLE), path)
    assert "listed" == loaded.plan["order"]
    assert "order-listed" in {caution.code for caution in study(loaded).cautions}


def test_a_run_that_failed_stays_in_the_night_without_energy(file, night):
    path = file("runs.csv", "arm,energy_J,duration_s,status", "a,100,10,", "a,,3,out_of_memory", "b,90,10,completed")
    found = study(night(table.read([path], TABLE), path))
    assert [1, 0] == [group.n_failed for group in found.groups]


def test_the_published_numbers_of_a_study_come_back_by_the_classic_recipe(file, night, refused):
    # Group 30, 2026: 3.19e7 and 2.79e7 SD 1.13e5 and 8.91e4, 29 and 30 runs; t 151.43, d 39.44.
    def sample(n, mean, deviation):
        drawn = np.random.default_rng(n).normal(0, 1, n)
        return mean + deviation * (drawn - drawn.mean()) / drawn.std(ddof=1)

    energies = [*sample(29, 3.19e7, 1.13e5), *sample(30, 2.79e7, 8.91e4)]
    columns = {"arm": ["float32"] * 29 + ["mixed"] * 30, "energy_J": energies, "duration_s": [239] * 29 + [236] * 30}
    path = file("runs.csv", *runs(**columns))
    refused(lambda: table.read([path], TABLE), "line 2", "134 kW" if energies[0] > 3.19e7 else "13", "--energy-unit")
    settings = table.Settings(("arm",), Quality.MEASURED, "SMC", "system", "mJ")
    loaded = night(table.read([path], settings), path, recipe="classic", baseline="mixed", outliers={"rule": "none"})
    [found] = study(loaded).comparisons
    # As rounded as the published means and deviations are: 4.0e6 / 1.015e5 is 39.4, over sqrt(1/29 + 1/30) is 151.2.
    assert ("pooled t", pytest.approx(151.4, abs=0.5)) == (found.tests[0].name, abs(found.tests[0].statistic))
    assert pytest.approx(39.44, abs=0.1) == abs(found.cohens_d.value)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["arm,energy,duration_s", "a,1,1"], ["line 1", "energy: it names no unit"]),
        (["arm,energy_cal,duration_s", "a,1,1"], ["line 1", "'cal' is no unit"]),
        (["arm,power_W,duration_s", "a,1,1"], ["line 1", "no column tells the energy"]),
        (["arm,energy_J", "a,1"], ["line 1", "no column tells the duration"]),
        (["arm,energy_J,energy_kJ,duration_s", "a,1,1,1"], ["line 1", "energy_J and energy_kJ tell the same"]),
        (["kind,energy_J,duration_s", "a,1,1"], ["line 1", "no column 'arm'", "kind"]),
        (["arm,energy_J,duration_s", "a,many,1"], ["line 2", "energy_J", "'many' is no number"]),
        (["arm,energy_J,duration_s", "a,inf,1"], ["line 2", "'inf' is no number"]),
        (["arm,energy_J,duration_s", "a,-1,1"], ["line 2", "energy_J", "-1"]),
        (["arm,energy_J,duration_s", "a,1,0"], ["line 2", "duration_s", "a run of 0"]),
        (["arm,energy_J,duration_s", "a,1,1,5"], ["line 2", "4 cells where the header names 3"]),
        (["arm,energy_J,duration_s,status", "a,1,1,good"], ["line 2", "'good' is no status", "completed"]),
        (["arm,energy_J,duration_s,started", "a,1,1,noon"], ["line 2", "'noon' is no date"]),
        (["arm,energy_J,energy_J", "a,1,1"], ["line 1", "two columns are called 'energy_J'"]),
        (["arm,energy_J,duration_s"], ["no row below the header"]),
        ([""], ["no header"]),
    ],
)
def test_what_is_no_table_of_runs_is_refused_with_file_line_value_and_remedy(file, lines, words, refused):
    path = file("runs.csv", *lines)
    refused(lambda: table.read([path], TABLE), "runs.csv", *words)


def test_a_table_of_durations_alone_is_a_night_where_they_are_compared(file, night):
    rows = [f"{arm},{base + place},0.9" for place in range(6) for arm, base in (("a", 100), ("b", 150))]
    path = file("runs.csv", "arm,duration_s,accuracy", *rows)
    read = table.read([path], table.Settings(("arm",), needs_energy=False))
    assert any("holds none" in sentence for sentence in read.unknown)
    [found] = study(night(read, path, metric="duration", baseline="a")).comparisons
    assert 1.4 < found.ratio.value < 1.5
    assert 12 == found.ratio.n


def test_a_table_whose_energy_is_there_says_where_it_is_from_whatever_is_compared(file, refused):
    path = file("runs.csv", "arm,energy_J,duration_s", "a,1,1")
    refused(lambda: table.read([path], table.Settings(("arm",), needs_energy=False)), "read from", "--source")


def test_a_comma_may_stand_before_the_decimals_where_nothing_else_can_be_meant(file, refused):
    path = file("runs.csv", "arm;energy_kJ;duration_s;accuracy;shape", "a;10,1;1e2;0,467;3x3", "b;9.5;99,25;0,5;1x1")
    one, other = table.read([path], TABLE).recordings
    assert [10_100, 9500] == pytest.approx([item.readings["imported/total.energy_J"][1][1] for item in (one, other)])
    assert (100_000_000_000, 99_250_000_000) == (one.duration_ns, other.duration_ns)
    assert {"accuracy": 0.467, "shape": "3x3"} == one.metrics
    quoted = file("quoted.csv", "arm,energy_kJ,duration_s,layers", 'a,"10,1",100,"3,4"')
    [item] = table.read([quoted], TABLE).recordings
    assert 10_100 == pytest.approx(item.readings["imported/total.energy_J"][1][1])
    assert {"layers": "3,4"} == item.metrics  # among cells that commas part a text with one is a text
    either = file("either.csv", "arm;energy_J;duration_s", "a;1,234;1")
    refused(lambda: table.read([either], TABLE), "line 2", "energy_J", "'1,234' may be either of two numbers")
    metric = file("metric.csv", "arm;energy_J;duration_s;loss", "a;1,2;1;1,234")
    refused(lambda: table.read([metric], TABLE), "line 2", "loss", "'1,234' may be either of two numbers")


def test_a_table_that_nobody_says_what_was_read_of_is_refused(file, refused):
    path = file("runs.csv", "arm,energy_J,duration_s", "a,1,1")
    refused(lambda: table.read([path], table.Settings(("arm",))), "read from", "--source")


def test_what_is_no_text_and_what_is_not_there_is_refused(tmp_path, refused):
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00")
    refused(lambda: table.read([tmp_path / "x.csv"], TABLE), "no text in UTF-8")
    refused(lambda: table.read([tmp_path / "y.csv"], TABLE), "cannot be read")
    (tmp_path / "empty").mkdir()
    refused(lambda: files_of([tmp_path / "empty"]), "no file in this folder ends in .csv")


# ---- the night


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (
            ["a,1,1,2026-01-31T20:00:00,", "b,1,60,2026-01-31T20:00:30,", "a,1,1,2026-01-31T20:01:00,"],
            ["line 4", "30 s"],
        ),
        (["a,1,1,,1", "b,1,1,,"], ["line 3", "it names no block"]),
        (["a,1,1,,1", "a,1,1,,1"], ["line 3", "block 1 has a run of a already", "line 2"]),
    ],
)
def test_runs_that_make_no_night_are_refused_and_nothing_is_left(file, night, tmp_path, lines, words, refused):
    path = file("runs.csv", "arm,energy_J,duration_s,started,block", *lines)
    refused(lambda: night(table.read([path], TABLE), path), *words)
    assert not (tmp_path / "results").exists()


def test_a_baseline_that_no_run_is_of_is_refused(file, night, refused):
    path = file("runs.csv", "arm,energy_J,duration_s", "a,1,1")
    refused(lambda: night(table.read([path], TABLE), path, baseline="z"), "'z'", "name one of a")


def test_the_same_files_are_not_imported_twice(file, night):
    from harness.errors import NightFolderError

    path = file("runs.csv", "arm,energy_J,duration_s", "a,1,1")
    found = table.read([path], TABLE)
    night(found, path)
    with pytest.raises(NightFolderError, match="imported already"):
        night(found, path)


@pytest.mark.usefixtures("unrendered")
def test_the_report_of_an_imported_night_says_what_cannot_be_known_and_draws_no_power(file, night):
    columns = {"arm": ["a", "b"] * 3, "energy_J": [100, 90, 101, 91, 102, 93], "duration_s": [10] * 6}
    path = file("runs.csv", *runs(**columns))
    loaded = night(table.read([path], TABLE), path)
    paths = write_report(loaded.path)
    page = paths.index.read_text()
    assert "was not measured by nightwatt" in page
    assert "Power over time: a table holds totals of whole runs only." in page
    drawn = {item.stem for item in (paths.folder / "figures").iterdir()}
    assert "ratios" in drawn
    assert set() == {"power", "drift"} & drawn
    assert {"runs.csv"} == set(json.loads((loaded.path / "plan.json").read_text())["imported"]["files"])
