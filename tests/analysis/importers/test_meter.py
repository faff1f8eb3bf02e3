"""CSVs of wattmeters: columns and units by their names, exact energies, the meter's own total as the check."""

from __future__ import annotations

import pytest

from analysis.energy import energy
from analysis.importers import meter
from analysis.importers.recording import Naming
from analysis.study import study

EPOCH_S = 1_763_676_000


def window(night):
    [row] = energy(night).query("phase == ''").itertuples()
    return row


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("timestamp,power_W", "2026-11-20T22:00:{s:02d},400.0"),
        ("Time,Power (W)", "2026/11/20 22:00:{s:02d},400.0"),
        ("Time;Power [kW]", "20.11.2026 22:00:{s:02d};0,4"),
        ("date;time;watts", "20.11.2026;22:00:{s:02d};400,0"),
        ("last_changed,power", "2026-11-20T22:00:{s:02d}.000Z,400.0 W"),
        ("time\tP (mW)", "2026-11-20 22:00:{s:02d}\t400000"),
        ("timestamp,apower,aenergy (Wh)", "{epoch},400.0,17.0"),
        ("timestamp_ms,power_W", "{epoch}000,400.0"),
        ("elapsed (s),power_W", "{s},400.0"),
        ("time_min,power_W,voltage", "{m},400.0,230"),
    ],
)
def test_time_and_power_are_told_by_the_names_of_their_columns(file, night, header, row):
    rows = [row.format(s=s, m=s / 60, epoch=EPOCH_S + s) for s in range(11)]
    path = file("a.csv", header, *rows)
    found = window(night(meter.read([path], Naming()), path))
    assert ("wall", "wattmeter") == (found.domain, found.origin)
    assert (4000.0, 10.0) == (pytest.approx(found.energy_J), pytest.approx(found.duration_s))


def test_names_may_be_given_where_the_header_says_little_or_is_missing(file, night):
    rows = [f"2026-11-20T22:00:{s:02d},plug,400" for s in range(11)]
    for name, lines in (("with", ["a,b,c", *rows]), ("without", rows)):
        path = file(f"{name}.csv", *lines)
        found = meter.read([path], Naming(), columns=("time", "-", "power_W"))
        assert 4000.0 == pytest.approx(window(night(found, path)).energy_J)


def test_a_meter_s_total_that_disagrees_with_its_power_is_said(file):
    rows = [f"{EPOCH_S + 60 * s},400.0,{17 + grown * s}" for grown in (400 / 60, 800 / 60) for s in range(61)]
    good = file("good.csv", "timestamp,power_W,energy_Wh", *rows[:61])
    bad = file("bad.csv", "timestamp,power_W,energy_Wh", *rows[61:])
    notes = [recording.notes for recording in meter.read([good, bad], Naming()).recordings]
    assert () == notes[0]
    assert "the meter's own total grew by 2.88e+06 J, the integral of its power is 1.44e+06 J" in notes[1][0]


def test_a_total_alone_is_compared_and_its_steps_are_the_uncertainty(file, night):
    path = file("a.csv", "timestamp,total_kWh", *(f"{EPOCH_S + 60 * s},{5 + 0.004 * s:.3f}" for s in range(61)))
    found = meter.read([path], Naming())
    assert any("its total only" in sentence for sentence in found.unknown)
    assert 0.24 * 3.6e6 == pytest.approx(window(night(found, path)).energy_J)


def test_recordings_without_moments_have_no_known_order(file, night):
    paths = [
        file(f"{name}.csv", "time_s,power_W", *(f"{s},{power}" for s in range(11)))
        for name, power in (("a_1", 400), ("b_1", 300), ("a_2", 401), ("b_2", 302))
    ]
    made = night(meter.read(paths, Naming.of(r"(?P<arm>\w)_(?P<run>\d)")), *paths)
    assert not made.ordered
    assert {"order-unknown"} <= {caution.code for caution in study(made).cautions}


def test_a_last_line_without_an_end_is_left_out(file):
    rows = [f"{EPOCH_S + s},400.0" for s in range(11)]
    path = file("a.csv", "timestamp,power_W", *rows, f"{EPOCH_S + 11},4", end="")
    [recording] = meter.read([path], Naming()).recordings
    assert 10 == recording.duration_ns / 1e9
    assert ("a.csv: its last line has no end and is left out",) == recording.notes


def test_the_class_of_a_wattmeter_is_that_of_meters(file, night):
    path = file("a.csv", "timestamp,power_W", *(f"{EPOCH_S + s},400.0" for s in range(11)))
    [source] = study(night(meter.read([path], Naming()), path)).sources
    assert "-2 to +2 %" == source.sensor_class


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["power_W,voltage", "1,2"], ["line 1", "no column tells the time", "--columns"]),
        (["timestamp,voltage", f"{EPOCH_S},2"], ["line 1", "no column tells power or energy"]),
        (["timestamp,power", f"{EPOCH_S},2", f"{EPOCH_S + 1},2"], ["line 2", "power: it names no unit"]),
        (["timestamp,power_W,watts", f"{EPOCH_S},2,2"], ["power_W and watts tell the same"]),
        (["timestamp,power (VA)", f"{EPOCH_S},2", f"{EPOCH_S + 1},2"], ["'VA' is no unit"]),
        (["timestamp,power_W", f"{EPOCH_S},2", f"{EPOCH_S},3"], ["line 3", "its clock stands still"]),
        (["timestamp,power_W", f"{EPOCH_S},2", f"{EPOCH_S - 1},3"], ["line 3", "its clock went back"]),
        (["timestamp,power_W", f"{EPOCH_S},2"], ["fewer than two readings"]),
        (["timestamp,power_W", "later,2"], ["line 2", "'later' is no date"]),
        (["timestamp,power_W", "5,2", "6,2"], ["line 2", "names no unit"]),
        (["timestamp,power_W", f"{EPOCH_S},much", f"{EPOCH_S + 1},2"], ["line 2", "'much' is no number"]),
        (["timestamp,power_W", f"{EPOCH_S},134000", f"{EPOCH_S + 9},134000"], ["134 kW", "a thousandth of it, 134 W"]),
        (["timestamp,energy_Wh", f"{EPOCH_S},9", f"{EPOCH_S + 1},8"], ["line 3", "the meter's total went back"]),
    ],
)
def test_what_is_no_recording_of_a_wattmeter_is_refused_with_file_line_and_remedy(file, refused, lines, words):
    path = file("x.csv", *lines)
    refused(lambda: meter.read([path], Naming()), "x.csv", *words)
