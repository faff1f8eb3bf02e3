"""Sealing: no row lost, none invented, the CSV safe until the end."""

import json
import os
import resource
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

import harness.seal
from harness.seal import CHUNK_B, UNREAD_CSV, Interest, seal

ROWS = "1000,gpu0.power_W,100.5\n1000,gpu0.energy_J,5.0\n1020,gpu0.power_W,101.5\n1040,gpu0.power_W,nan\n"


@pytest.fixture
def sealed(tmp_path):
    def write_and_seal(text, **interest):
        (tmp_path / "samples.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
        summary = seal(tmp_path, Interest(**interest))
        return summary, pq.read_table(tmp_path / "samples.parquet")

    return write_and_seal


def test_every_row_is_there_in_file_order(sealed):
    summary, table = sealed(ROWS)
    assert 4 == summary["rows"] == table.num_rows
    assert [1000, 1000, 1020, 1040] == table.column("t_ns").to_pylist()
    assert ["gpu0.power_W", "gpu0.energy_J", "gpu0.power_W", "gpu0.power_W"] == table.column("channel").to_pylist()
    assert [100.5, 5.0, 101.5] == table.column("value").to_pylist()[:3]
    assert ["int64", "dictionary<values=string, indices=int32, ordered=0>", "double"] == [
        str(kind) for kind in table.schema.types
    ]


def test_the_csv_stays(sealed, tmp_path):
    sealed(ROWS)
    assert ROWS == (tmp_path / "samples.csv").read_text()


def test_what_stands_after_the_last_newline_is_cut_and_counted(sealed):
    summary, table = sealed(ROWS + "1060,gpu0.power_W,10")
    assert (4, 20) == (table.num_rows, summary["torn_B"])


def test_lines_that_are_no_readings_are_put_aside_and_counted(sealed, tmp_path):
    bad = [
        b"not a reading",
        b"\0\0\0\0",
        b"1060,gpu0.power_W,",
        b"1_0,a,1",
        b"1,a,0x10",
        b"2,\xff,1.0",
        b"3,a,1,1",
        b"4",
    ]
    summary, table = sealed(ROWS.encode() + b"\n".join(bad) + b"\n1080,gpu0.power_W,-1e-3\n")
    assert (5, len(bad)) == (table.num_rows, summary["unread_lines"])
    assert b"\n".join(bad) + b"\n" == (tmp_path / UNREAD_CSV).read_bytes()
    assert -0.001 == table.column("value").to_pylist()[-1]


def test_a_file_of_nothing_but_damage_gives_no_rows(sealed):
    summary, table = sealed(b"\0" * 5000 + b"\n")
    assert (0, 1, {}) == (table.num_rows, summary["unread_lines"], summary["channels"])


@pytest.mark.parametrize("text", ["", "torn"])
def test_an_empty_csv_gives_an_empty_table_with_its_columns(sealed, text):
    summary, table = sealed(text)
    assert (0, 0) == (summary["rows"], table.num_rows)
    assert ["t_ns", "channel", "value"] == table.column_names


def test_no_csv_at_all_gives_an_empty_table(tmp_path):
    assert 0 == seal(tmp_path)["rows"]
    assert 0 == pq.read_table(tmp_path / "samples.parquet").num_rows


def test_each_channel_is_summed_up(sealed):
    summary, _ = sealed(ROWS)
    power = summary["channels"]["gpu0.power_W"]
    assert (3, 1, 1000, 1040) == (power["n"], power["not_finite"], power["first_ns"], power["last_ns"])
    assert (100.5, 101.5, 101.0) == (power["minimum"], power["maximum"], power["mean"])


def test_gaps_and_means_are_told_over_the_window(sealed):
    stamps_s = [0, 1, 2, 5, 6, 7, 17]
    text = "".join(f"{t * 10**9},a.power_W,{10.0 * t}\n" for t in stamps_s)
    tally = sealed(text, begin_ns=3 * 10**9, end_ns=7 * 10**9)[0]["channels"]["a.power_W"]
    assert (10.0, 3.0) == (tally["longest_gap_s"], tally["window_gap_s"])
    assert (3, 60.0, 50.0, 70.0, 70.0) == tuple(
        tally[f"window_{name}"] for name in ("n", "mean", "first", "last", "maximum")
    )


def test_the_mean_around_the_run_is_that_of_the_readings_that_reach_into_it(sealed):
    """Each tells of the time since the one before, so that the one behind the exit belongs to the run as well."""
    stamps = [0, 1, 2, 4, 5, 7, 9]
    text = "".join(f"{t},cpu.load_pct,{10.0 * t}\n" for t in stamps)
    tally = sealed(text, launched_ns=3, exited_ns=6)[0]["channels"]["cpu.load_pct"]
    assert (pytest.approx((2 * 40 + 1 * 50 + 2 * 70) / 5), 2, 7) == tuple(
        tally[f"around_{name}"] for name in ("mean", "begin_ns", "end_ns")
    )
    assert sealed(text, launched_ns=20)[0]["channels"]["cpu.load_pct"]["around_mean"] is None


def test_of_bit_masks_each_bit_is_counted_in_the_window(sealed):
    masks = [4, 0, 4, 12, 128, 4]
    text = "".join(f"{t},gpu0.throttle_reasons,{mask}.0\n{t},gpu0.power_W,4.0\n" for t, mask in enumerate(masks))
    channels = sealed(text, begin_ns=1, end_ns=4)[0]["channels"]
    assert {"4": 2, "8": 1, "128": 1} == channels["gpu0.throttle_reasons"]["window_bits"]
    assert {} == channels["gpu0.power_W"]["window_bits"]


def announced(*names):
    """The report of a sampler with these channels."""
    kinds = {"power_W": "mean", "energy_J": "counter"}
    return {
        "channels": [
            {
                "name": name, "unit": name[-1], "kind": kinds[name.partition(".")[2]], "quality": "measured",
                "domain": name.partition(".")[0].rpartition("/")[2], "source": "x", "refresh_s": 0.02,
                "origin": name.rpartition("/")[0],
            }
            for name in names
        ]
    }  # fmt: skip


def readings(power_W, joules_a_second, length_s=10):
    """A trace each 20 ms and a counter each second."""
    lines = [f"{step * 20_000_000},gpu0.power_W,{power_W}\n" for step in range(length_s * 50 + 1)]
    return "".join(lines + [f"{s * 10**9},gpu0.energy_J,{s * joules_a_second}\n" for s in range(length_s + 1)])


@pytest.mark.parametrize(("joules_a_second", "ratio"), [(100.0, 1.0), (103.0, 1.03)])
def test_counter_and_trace_are_compared_over_the_whole_run(sealed, tmp_path, joules_a_second, ratio):
    (tmp_path / "sampler.json").write_text(json.dumps(announced("gpu0.power_W", "gpu0.energy_J")))
    summary, _ = sealed(readings(100.0, joules_a_second))
    assert {"gpu0.energy_J": pytest.approx(ratio)} == summary["counter_ratios"]


def test_counter_and_trace_of_two_sources_are_no_pair(sealed, tmp_path):
    (tmp_path / "sampler.json").write_text(json.dumps(announced("meter/gpu0.power_W", "gpu0.energy_J")))
    assert {} == sealed(readings(100.0, 103.0))[0]["counter_ratios"]


def test_a_wall_meter_s_total_is_too_coarse_for_one_run(tmp_path):
    (tmp_path / "sampler.json").write_text(json.dumps(announced("meter/gpu0.power_W", "meter/gpu0.energy_J")))
    (tmp_path / "samples.csv").write_text(readings(100.0, 0.0).replace("gpu0.", "meter/gpu0."))
    assert {} == seal(tmp_path)["counter_ratios"]


@pytest.mark.parametrize("report", [None, "{", '{"channels": [3]}'])
def test_without_a_report_nothing_is_compared(sealed, tmp_path, report):
    if report is not None:
        (tmp_path / "sampler.json").write_text(report)
    assert {} == sealed(readings(100.0, 103.0))[0]["counter_ratios"]


def test_another_instrument_s_counter_is_compared_with_its_own_trace(tmp_path):
    (tmp_path / "bridge.json").write_text(json.dumps(announced("gpu0.power_W", "gpu0.energy_J")))
    (tmp_path / "bridge.samples.csv").write_text(readings(100.0, 110.0))
    assert {"gpu0.energy_J": pytest.approx(1.1)} == seal(tmp_path)["counter_ratios"]


def test_what_would_take_too_much_memory_is_not_compared(sealed, tmp_path, monkeypatch):
    monkeypatch.setattr("harness.accounts.MOST_ROWS", 100)
    (tmp_path / "sampler.json").write_text(json.dumps(announced("gpu0.power_W", "gpu0.energy_J")))
    assert {} == sealed(readings(100.0, 103.0))[0]["counter_ratios"]


@pytest.mark.parametrize(("launched_ns", "start"), [(5, 40.0), (10, 40.0), (29, 42.0), (99, 43.0)])
def test_the_start_value_is_the_last_before_the_launch_or_the_first_of_all(sealed, launched_ns, start):
    text = "10,a.temperature_C,40.0\n20,a.temperature_C,42.0\n30,a.temperature_C,43.0\n"
    assert start == sealed(text, launched_ns=launched_ns)[0]["channels"]["a.temperature_C"]["start"]


def test_steps_back_of_time_and_value_are_counted(sealed):
    tally = sealed("10,c.energy_J,1.0\n30,c.energy_J,3.0\n20,c.energy_J,2.0\n40,c.energy_J,5.0\n")[0]["channels"]
    assert (1, 1) == (tally["c.energy_J"]["backwards"], tally["c.energy_J"]["falls"])


def test_how_long_the_window_s_readings_are_apart_is_told(sealed):
    text = "10,c.energy_J,1.0\n30,c.energy_J,3.0\n90,c.energy_J,5.0\n"
    tally = sealed(text, begin_ns=10, end_ns=50)[0]["channels"]["c.energy_J"]
    assert (1.0, 3.0, pytest.approx(20e-9)) == (tally["window_first"], tally["window_last"], tally["window_between_s"])


def test_chunks_do_not_change_what_is_found(sealed, monkeypatch, tmp_path):
    lines = [f"{n * 1000},{'ab'[n % 2]}.power_W,{(n * 37) % 101}\n" for n in range(2000)]
    text = "".join(["first\n", *lines[:1000], "second\n", *lines[1000:], "third\n", "torn"])
    whole, table = sealed(text, begin_ns=200_000, end_ns=900_000, launched_ns=300_000)
    monkeypatch.setattr(harness.seal, "CHUNK_B", 1000)
    in_chunks, same_table = sealed(text, begin_ns=200_000, end_ns=900_000, launched_ns=300_000)
    assert CHUNK_B > len(text)
    assert whole == in_chunks
    assert table.to_pylist() == same_table.to_pylist()
    assert "first\nsecond\nthird\n" == (tmp_path / UNREAD_CSV).read_text()


def test_a_result_that_does_not_read_back_the_same_is_refused(sealed, monkeypatch, tmp_path):
    monkeypatch.setattr(harness.seal.Fingerprint, "equals", lambda self, other: False)
    with pytest.raises(OSError, match="does not hold the rows"):
        sealed(ROWS)
    assert ["samples.csv"] == [path.name for path in tmp_path.iterdir()]


def run_seal(folder, *arguments, **settings):
    return subprocess.run(
        [sys.executable, "-P", "-m", "harness.seal", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=False,
        **settings,
    )


def test_a_full_disk_leaves_the_csv_and_nothing_half_written(tmp_path):
    text = "".join(
        f"{n},a.power_W,{os.urandom(7).hex().translate(str.maketrans('abcdef', '123456'))}\n" for n in range(9999)
    )
    (tmp_path / "samples.csv").write_text(text)
    full = run_seal(tmp_path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))
    assert 1 == full.returncode
    assert "could not be sealed: " in full.stderr
    assert "Traceback" not in full.stderr
    assert ["samples.csv"] == [path.name for path in tmp_path.iterdir()]
    assert text == (tmp_path / "samples.csv").read_text()


def serve(*orders):
    """What a serving process prints for these orders, line by line."""
    text = "".join(json.dumps(order) + "\n" for order in orders)
    command = [sys.executable, "-P", "-m", "harness.seal", "--serve"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_serving_process_says_when_it_is_ready_and_seals_folder_after_folder(tmp_path):
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
        (folder / "samples.csv").write_text(ROWS)
    ready, *replies = serve(*({"folder": str(folder), "begin_ns": 1000, "end_ns": 1020} for folder in folders))
    assert {"ready": True} == ready
    assert [str(folder) for folder in folders] == [reply["folder"] for reply in replies]
    assert [101.0, 101.0] == [reply["summary"]["channels"]["gpu0.power_W"]["window_mean"] for reply in replies]


def test_a_folder_that_cannot_be_sealed_is_told_and_the_next_one_sealed(tmp_path):
    (tmp_path / "samples.csv").write_text(ROWS)
    _, first, second = serve({"folder": str(tmp_path / "absent")}, {"folder": str(tmp_path)})
    assert "No such file" in first["error"]
    assert "summary" in second


def test_a_serving_process_without_orders_does_nothing(tmp_path):
    (tmp_path / "samples.csv").write_text(ROWS)
    assert [{"ready": True}] == serve()
    assert ["samples.csv"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.slow
def test_ten_times_the_rows_take_no_more_memory(tmp_path, largest):
    taken_B = {}
    for rows in (300_000, 3_000_000):
        with open(tmp_path / "samples.csv", "w") as file:
            for n in range(rows):
                file.write(f"{10**12 + n * 1_000_003},{'abcd'[n % 4]}.power_W,{(n * 7919 % 2_999_999) ** 0.5!r}\n")
        told = largest([sys.executable, "-P", "-m", "harness.seal", str(tmp_path)])
        assert rows == json.loads(told.out)["rows"]
        taken_B[rows] = told.rss_B
    assert taken_B[3_000_000] - taken_B[300_000] < 15_000_000, taken_B
