"""Logs of nvidia-smi: each card and each kind of power apart, exact energies, refusals with file, line and remedy."""

from __future__ import annotations

import datetime

import pytest

from analysis.energy import energy
from analysis.importers import nvidia_smi
from analysis.importers.recording import Naming
from analysis.study import study

BEGIN = datetime.datetime(2026, 11, 20, 22, 0, 0)
HEADER = "timestamp, index, power.draw [W], temperature.gpu, utilization.gpu [%], clocks.current.sm [MHz]"


def stamp(step, *, apart_ms=200, digits=3):
    """The stamp of a reading as nvidia-smi writes it; no digits: whole seconds."""
    at = BEGIN + datetime.timedelta(milliseconds=apart_ms * step)
    return f"{at:%Y/%m/%d %H:%M:%S}" + (f".{at.microsecond // 1000:03d}" if digits else "")


def log(power_W=250.0, *, rows=51, header=HEADER, row="{at}, 0, {power:.2f} W, 41, 97 %, 1980 MHz", **stamps):
    """A log of constant power over ten seconds."""
    return [header, *(row.format(at=stamp(step, **stamps), power=power_W, step=step) for step in range(rows))]


def windows(night):
    return {(row.domain, row.origin): row for row in energy(night).query("phase == ''").itertuples()}


def test_a_log_of_constant_power_has_its_energy_and_its_context(file, night):
    path = file("a_1.csv", *log())
    found = nvidia_smi.read([path], Naming.of(r"(?P<arm>\w)_(?P<run>\d)"))
    [recording] = found.recordings
    assert {"gpu0.temperature_C", "gpu0.utilisation_pct", "gpu0.sm_clock_MHz", "gpu0.power_W"} == {
        channel.name.split("/")[-1] for channel in recording.channels
    }
    assert {"gpu0": 41.0} == recording.start_temperature_C
    row = windows(night(found, path))["gpu0", "nvidia-smi"]
    assert (2500.0, 10.0) == (pytest.approx(row.energy_J), pytest.approx(row.duration_s))


@pytest.mark.parametrize(
    ("header", "row", "columns"),
    [
        (HEADER, "{at}, 0, {power:.2f}, 41, 97, 1980", ()),
        ("timestamp, index, power.draw", "{at}, 0, {power:.2f}", ()),
        ("timestamp, index, power.draw", "{at}, 0, {power:.2f} W", ()),
        ("timestamp,index,power.draw [W]", "{at},0,{power:.2f}", ()),
        ("timestamp, index, power.draw [W]", "{at},0,{power:.2f} W", ()),
        ("timestamp, index, power.draw [mW]", "{at}, 0, {power:.0f}000 mW", ()),
        ("timestamp; index; power.draw [W]", "{at}; 0; 250,00 W", ()),
        ("timestamp, index, power.draw [W]", "{at}, 0, 250,00 W", ()),
        ("2026/11/20 21:59:59.800, 0, 250.00 W", "{at}, 0, {power:.2f} W", ("timestamp", "index", "power.draw")),
    ],
)
def test_units_stand_in_headers_in_cells_or_nowhere_and_decimals_behind_a_point_or_a_comma(
    file, night, header, row, columns
):
    path = file("a.csv", *log(header=header, row=row))
    found = windows(night(nvidia_smi.read([path], Naming(), columns=columns), path))["gpu0", "nvidia-smi"]
    assert 250.0 == pytest.approx(found.energy_J / found.duration_s)
    assert (10.2 if columns else 10.0) == pytest.approx(found.duration_s)


def test_the_three_powers_are_three_sources_and_one_of_them_is_compared(file, night):
    header = "timestamp, index, power.draw [W], power.draw.average [W], power.draw.instant [W]"
    paths = [
        file(f"{arm}_{run}.csv", *log(header=header, row="{at}, 0, 200.00 W, 201.00 W, 204.00 W", apart_ms=200 + shift))
        for shift, (arm, run) in enumerate((("a", 1), ("b", 1)))
    ]
    paths[1].write_text(paths[1].read_text().replace("22:00", "23:00"))
    found = nvidia_smi.read(paths, Naming.of(r"(?P<arm>\w)_(?P<run>\d)"))
    made = night(found, *paths)
    powers = {origin: row.energy_J / row.duration_s for (_, origin), row in windows(made).items()}
    assert {"nvidia-smi": 200.0, "nvidia-smi-average": 201.0, "nvidia-smi-instant": 204.0} == pytest.approx(powers)
    told = {item.origin: item for item in study(made).sources}
    assert ("compared", "stands beside it") == (told["nvidia-smi"].standing, told["nvidia-smi-instant"].standing)
    assert "power.draw.instant" in told["nvidia-smi-instant"].read_from
    prefer = night(found, *paths, prefer=["nvidia-smi-instant"])
    assert {204.0} == {round(group.power.value, 6) for group in study(prefer).groups}


@pytest.mark.parametrize("identity", ["index", "uuid", "pci.bus_id"])
def test_cards_that_take_turns_stand_apart(file, night, identity):
    names = {"index": ("0", "1"), "uuid": ("GPU-a", "GPU-b"), "pci.bus_id": ("00000000:18:00.0", "00000000:3B:00.0")}
    rows = [f"timestamp, {identity}, power.draw [W]"]
    for step in range(51):
        for card, power in zip(names[identity], (300, 60), strict=True):
            rows.append(f"{stamp(step)}, {card}, {power}.00 W")
    path = file("a.csv", *rows)
    found = windows(night(nvidia_smi.read([path], Naming()), path))
    assert {("gpu0", "nvidia-smi"): 3000.0, ("gpu1", "nvidia-smi"): 600.0} == pytest.approx(
        {key: row.energy_J for key, row in found.items()}
    )


def test_cards_that_no_column_tells_apart_are_refused(file, refused):
    rows = [f"{stamp(step)}, {power} W" for step in range(20) for power in (300, 60)]
    path = file("a.csv", "timestamp, power.draw [W]", *rows)
    refused(lambda: nvidia_smi.read([path], Naming()), "no column tells which card", "index")


def test_one_card_without_an_index_is_the_first(file, night):
    path = file("a.csv", *log(header="timestamp, power.draw [W]", row="{at}, {power:.2f} W"))
    assert {("gpu0", "nvidia-smi")} == set(windows(night(nvidia_smi.read([path], Naming()), path)))


def test_readings_under_stamps_of_whole_seconds_are_one_a_second_their_mean(file, night):
    # Five readings a second: 200, 210, 220, 230, 240 W.
    rows = [f"{stamp(step, digits=0)}, 0, {200 + 10 * (step % 5)}.00 W" for step in range(100)]
    path = file("a.csv", "timestamp, index, power.draw [W]", *rows)
    row = windows(night(nvidia_smi.read([path], Naming()), path))["gpu0", "nvidia-smi"]
    assert (19.0, 220.0) == (pytest.approx(row.duration_s), pytest.approx(row.energy_J / row.duration_s))


@pytest.mark.parametrize("text", ["[N/A]", "[Not Supported]", "N/A", "[Unknown Error]", "[GPU requires reset]"])
def test_cells_that_hold_no_reading_are_missing_counted_and_never_zero(file, night, text):
    lines = log()
    lines[10] = lines[10].replace("250.00 W", text)
    lines = [line.replace(" 41,", f" {text},") for line in lines]
    path = file("a.csv", *lines)
    found = nvidia_smi.read([path], Naming())
    row = windows(night(found, path))["gpu0", "nvidia-smi"]
    assert 2500.0 == pytest.approx(row.energy_J)
    notes = found.recordings[0].notes
    assert f"a.csv, gpu0: power.draw is {text} in 1 of 51 rows" in notes
    assert f"a.csv, gpu0: temperature.gpu is {text} in 51 of 51 rows" in notes
    assert {} == found.recordings[0].start_temperature_C


def test_a_card_that_falls_away_leaves_its_run_without_a_total(file, night):
    head = "timestamp, index, power.draw [W]"
    rows = [f"{stamp(step)}, {card}, 100.00 W" for step in range(51) for card in (0, 1)]
    whole = file("whole.csv", head, *(row.replace("22:00", "21:00") for row in rows))
    gone = file("gone.csv", head, *(row for place, row in enumerate(rows) if place < 40 or ", 0, " in row))
    [gone] = study(night(nvidia_smi.read([whole, gone], Naming()), whole, gone)).exclusions
    assert ("invalid", "not_covered") == (gone.rule, gone.reason)


def test_a_header_that_was_written_again_and_a_line_that_was_cut_are_said(file):
    path = file("a.csv", *log(rows=20), *log()[:1], *log(rows=51)[40:], "2026/11/20 22:00:20.0", end="")
    [recording] = nvidia_smi.read([path], Naming()).recordings
    assert 10.0 == recording.duration_ns / 1e9
    assert 3 == len(recording.notes)
    assert ["its header stands there 2 times", "4.0 s without a reading", "cut off"] == [
        words
        for words in ("its header stands there 2 times", "4.0 s without a reading", "cut off")
        if any(words in note for note in recording.notes)
    ]


def test_another_card_under_the_same_index_is_said(file):
    header = "timestamp, index, uuid, power.draw [W]"
    paths = [
        file(f"{name}.csv", *log(header=header, row="{at}, 0, GPU-" + name + ", {power:.2f} W")) for name in ("a", "b")
    ]
    found = nvidia_smi.read(paths, Naming()).recordings
    assert ((), ("b.csv: gpu0 is GPU-b, in a.csv it is GPU-a",)) == (found[0].notes, found[1].notes)


def test_a_log_that_the_shell_of_windows_wrote_is_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(("\r\n".join(log()) + "\r\n").encode("utf-16"))
    [recording] = nvidia_smi.read([path], Naming()).recordings
    assert 10.0 == recording.duration_ns / 1e9


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (log()[1:], ["line 1", "no header of nvidia-smi", "--columns"]),
        (["index, power.draw [W]", "0, 250.00 W"], ["line 1", "no column timestamp"]),
        (["timestamp, index", f"{stamp(0)}, 0"], ["line 1", "no column power.draw"]),
        (["timestamp, index, power.draw [kcal]", f"{stamp(0)}, 0, 250"], ["'kcal' is no unit"]),
        ([*log(rows=3), f"{stamp(3)}, 0, lots, 41, 97 %, 1980 MHz"], ["line 5", "power.draw", "'lots' is no number"]),
        ([*log(rows=3), f"{stamp(3)}, 0, 1,234 W, 41, 97 %, 1980 MHz"], ["line 5", "'1,234 W' is no number"]),
        ([*log(rows=3), f"{stamp(3)}, 0, 250000 mW, 41, 97 %, 1980 MHz"], ["line 5", "where the header says W"]),
        ([*log(rows=3), "noon, 0, 250 W, 41, 97 %, 1980 MHz"], ["line 5", "'noon' is no date"]),
        ([*log(rows=3), "Unable to determine the device handle: GPU is lost."], ["line 5", "1 cells where"]),
        ([*log(rows=3), *log(rows=2)[1:]], ["line 5", "its clock went back"]),
        (log(rows=1), ["fewer than two readings"]),
        ([line.replace("250.00 W", "[N/A]") for line in log()], ["fewer than two", "power.draw is [N/A] in 51 rows"]),
        (log(250_000.0), ["250 kW", "a unit is wrong", "a thousandth of it, 250 W, would be plausible"]),
        ([*log(rows=3), f"{stamp(3)}, 0, -1 W, 41, 97 %, 1980 MHz"], ["shows -1 W"]),
        ([*log(rows=3), f"{stamp(3)}, first, 1 W, 41, 97 %, 1980 MHz"], ["'first' is no index"]),
    ],
)
def test_what_is_no_log_of_nvidia_smi_is_refused_with_file_line_and_remedy(file, refused, lines, words):
    path = file("x.csv", *lines)
    refused(lambda: nvidia_smi.read([path], Naming()), "x.csv", *words)


def test_more_than_twice_its_own_limit_is_a_wrong_unit(file, refused):
    header = "timestamp, index, power.draw [W], power.limit [W]"
    path = file("x.csv", *log(1500.0, header=header, row="{at}, 0, {power:.2f} W, 300.00 W"))
    refused(lambda: nvidia_smi.read([path], Naming()), "1500 W", "a unit is wrong")
