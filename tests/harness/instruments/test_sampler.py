"""The sampler as a real process: it records, reports, ends in order, and is never dead unseen."""

import contextlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time

import pytest

from harness.instruments.instrument import StatusLine
from harness.instruments.sampler import WRITE_FAILED
from harness.record import CLOCKS_CSV, SAMPLER, SAMPLES_CSV, InstrumentFiles, Kind, SamplerCost, channel_from_json

COMMAND = [sys.executable, "-P", "-m", "harness.instruments.sampler"]
ALL = {"machine": {"interval_ms": 100}, "load_model": {"interval_ms": 50}, "simulated": {"domains": ["gpu0"]},
       "constant": {"power_W": 12.5, "domain": "board"}}  # fmt: skip


class Running:
    """One sampler process on a run folder."""

    def __init__(self, folder, sensors, **options):
        self.folder = folder
        self.body = {
            "run_folder": str(folder),
            "sensors": sensors,
            "plan_seed": 1,
            "slot": "b01-1",
            "configuration": "a",
        }
        spec = folder / "sampler-spec.json"
        spec.write_text(json.dumps(self.body | options.pop("spec", {})))
        self.process = subprocess.Popen(
            [*COMMAND, str(spec)],
            stdin=subprocess.PIPE,
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=subprocess.PIPE,
            start_new_session=True,
            **options,
        )

    def state(self):
        try:
            return json.loads((self.folder / InstrumentFiles(SAMPLER).report).read_bytes())
        except FileNotFoundError:
            return {"state": ""}

    def until(self, condition, what, patience_s=20):
        """Wait for something that must come."""
        deadline = time.monotonic() + patience_s
        while not condition():
            assert time.monotonic() < deadline, f"{what} never came: {self.state()}"
            assert self.process.poll() is None, self.process.communicate()[1].decode()
            time.sleep(0.01)

    def ready(self):
        self.until(lambda: self.state()["state"] == "ready", "readiness")
        return self

    def stop(self):
        """Close the control pipe; output, error output, what its file says at the end."""
        out, err = self.process.communicate(timeout=20)
        return out, err.decode(), self.state()

    def rows(self):
        whole, _, torn = (self.folder / SAMPLES_CSV).read_text().rpartition("\n")
        assert not torn or self.process.poll() is None  # only while it writes
        lines = [line.split(",") for line in whole.splitlines()]
        return [(int(t_ns), channel, float(value)) for t_ns, channel, value in lines]


@pytest.fixture
def sampler(tmp_path):
    """A function that starts one; what still runs at the end of the test is killed."""
    started = []

    def start(sensors=ALL, **options):
        started.append(Running(tmp_path, sensors, **options))
        return started[-1]

    yield start
    for running in started:
        running.process.kill()
        running.process.communicate()


def test_it_records_all_its_sensors_until_its_control_pipe_closes(sampler):
    running = sampler().ready()
    channels = {item["name"]: channel_from_json(item) for item in running.state()["channels"]}
    running.until(lambda: {row[1] for row in running.rows()} == set(channels), "a row of each channel")
    _, err, end = running.stop()
    assert (0, "", "ended") == (running.process.returncode, err, end["state"])
    rows = running.rows()
    assert end["rows"] == len(rows)
    for name, channel in channels.items():
        stamps = [t_ns for t_ns, row_name, _ in rows if row_name == name]
        assert stamps == sorted(set(stamps)), name
        assert stamps[-1] <= end["ended_ns"]
        assert channel.kind in set(Kind)
    assert {12.5} == {value for _, name, value in rows if name == "constant/board.power_W"}


def test_its_last_file_tells_its_cost_its_sensors_and_the_refresh_it_saw(sampler):
    running = sampler({"simulated": {"interval_ms": 20}, "constant": {"power_W": 1.0}}).ready()
    time.sleep(1)
    *_, end = running.stop()
    cost = SamplerCost(**end["cost"])
    assert cost.ticks >= 4
    assert 0 < cost.cpu_s < cost.wall_s
    assert 5e6 < cost.max_rss_B < 25e6
    assert 0.02 == pytest.approx(end["refresh_seen"]["gpu0.power_W"], rel=0.01)
    assert end["refresh_seen"]["constant/system.power_W"] is None
    assert {"simulated", "constant"} == set(end["sensors"])
    assert running.process.pid == end["pid"]
    assert end["started_ns"] < end["ended_ns"]


def test_where_a_source_is_late_everything_is_read_on_for_its_tail(sampler, meter):
    shelly = {"kind": "shelly", "url": meter.url, "interval_ms": 50}
    running = sampler({"meter": [shelly], "constant": {"power_W": 1.0, "interval_ms": 50}}).ready()
    running.until(lambda: len(running.rows()) >= 3, "some rows")
    closed_ns = time.monotonic_ns()
    _, err, end = running.stop()
    assert (0, "", "ended") == (running.process.returncode, err, end["state"])
    late = {name for t_ns, name, _ in running.rows() if t_ns > closed_ns + 500_000_000}
    assert {"meter/wall.power_W", "meter/wall.energy_J", "constant/system.power_W"} == late
    assert end["cost"]["max_rss_B"] < 25e6
    assert end["sensors"]["meter"]["missed"] == 0


def test_sigterm_ends_a_tail_at_once(sampler, meter):
    running = sampler({"meter": [{"kind": "shelly", "url": meter.url, "interval_ms": 60_000}]}).ready()
    running.process.stdin.close()
    running.process.stdin = None
    time.sleep(0.1)
    running.process.send_signal(signal.SIGTERM)
    assert 0 == running.process.wait(timeout=20)
    assert "ended" == running.state()["state"]


def test_clock_triples_come_each_second_and_at_the_end(sampler):
    running = sampler({}).ready()
    running.until(lambda: len((running.folder / CLOCKS_CSV).read_text().splitlines()) >= 3, "three clock triples")
    running.stop()
    triples = [
        [int(word) for word in line.split(",")] for line in (running.folder / CLOCKS_CSV).read_text().splitlines()
    ]
    assert 1.0 == pytest.approx((triples[1][0] - triples[0][0]) / 1e9, abs=0.5)
    for t_ns, realtime_ns, boottime_ns in triples:
        assert 1.6e18 < realtime_ns
        assert boottime_ns >= t_ns - 1_000_000


def test_status_lines_tell_recent_power_and_temperature(sampler):
    running = sampler().ready()
    line = b""
    while b'"cpu"' not in line or b'"gpu0"' not in line:
        line = running.process.stdout.readline()
    status = StatusLine.from_json(json.loads(line))
    assert 12.5 == status.power_W["board"]
    assert 50 < status.power_W["gpu0"] < 70
    assert 35 == status.temperature_C["gpu0"]
    assert status.rows > 0
    assert "" == status.trouble


def test_a_pipe_that_nobody_reads_stops_nothing(sampler):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):  # full to the brim
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    running = sampler(stdout=writing).ready()
    count = len(running.rows())
    running.until(lambda: len(running.rows()) > count + 40, "more rows")
    os.set_blocking(reading, False)
    with contextlib.suppress(BlockingIOError):
        while os.read(reading, 1 << 16):
            pass
    assert [reading] == select.select([reading], [], [], 20)[0]  # taken again, they come again
    assert b"t_ns" in os.read(reading, 4096)
    *_, end = running.stop()
    assert (0, "ended") == (running.process.returncode, end["state"])
    os.close(reading)
    os.close(writing)


def test_a_reader_that_goes_away_stops_nothing(sampler):
    running = sampler().ready()
    running.process.stdout.close()
    count = len(running.rows())
    running.until(lambda: len(running.rows()) > count + 40, "more rows")
    running.process.stdout = None
    *_, end = running.stop()
    assert (0, "ended") == (running.process.returncode, end["state"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_and_a_closed_terminal_are_passed_over(sampler, number):
    running = sampler().ready()
    os.kill(running.process.pid, number)
    count = len(running.rows())
    running.until(lambda: len(running.rows()) > count + 20, "rows after the signal")
    assert "ended" == running.stop()[2]["state"]


def test_sigterm_ends_it_in_order(sampler):
    running = sampler().ready()
    os.kill(running.process.pid, signal.SIGTERM)
    assert 0 == running.process.wait(timeout=20)
    assert "ended" == running.state()["state"]
    assert running.state()["rows"] == len(running.rows())


def test_killed_it_leaves_whole_rows_up_to_the_last_second(sampler):
    running = sampler().ready()
    running.until(lambda: len(running.rows()) > 50, "rows")
    count = len(running.rows())
    running.process.kill()
    running.process.wait()
    assert "ready" == running.state()["state"]
    assert len(running.rows()) >= count


def test_a_full_disk_is_loud(sampler):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))

    running = sampler({"simulated": {"interval_ms": 5}}, preexec_fn=limit)
    out, err = running.process.communicate(timeout=20)
    assert WRITE_FAILED == running.process.returncode
    assert "recording has ended" in err.decode()
    assert "File too large" in err.decode()
    assert "recording has ended" in json.loads(out.splitlines()[-1])["trouble"]
    assert "ended" != running.state()["state"]
    lines = (running.folder / SAMPLES_CSV).read_bytes()[:3000].splitlines()
    assert len(lines) > 20  # what was recorded stays


def test_a_folder_that_cannot_be_written_is_loud(sampler, tmp_path):
    (tmp_path / SAMPLES_CSV).mkdir()
    running = sampler()
    _, err = running.process.communicate(timeout=20)
    assert WRITE_FAILED == running.process.returncode
    assert "cannot be written" in err.decode()


def test_without_a_measured_source_the_named_fallback_is_used_and_the_missing_are_told(sampler, tmp_path):
    running = sampler({"rapl": {}}, spec={"fallback": "load_model", "root": str(rooted(tmp_path))}).ready()
    state = running.state()
    assert ["cpu.power_W"] == [channel["name"] for channel in state["channels"]]
    assert {"modelled"} == {channel["quality"] for channel in state["channels"]}
    assert ["rapl"] == [item["sensor"] for item in state["missing"]]
    assert state["missing"][0]["reason"]
    assert state["missing"][0]["remedy"]


def test_without_a_fallback_nothing_takes_the_place_of_what_is_missing(sampler, tmp_path):
    running = sampler({"rapl": {}}, spec={"root": str(rooted(tmp_path))}).ready()
    assert [] == running.state()["channels"]
    assert [] == running.stop()[2]["channels"]


def test_a_simulated_night_needs_no_fallback(sampler):
    running = sampler({"simulated": {}}, spec={"fallback": "load_model"}).ready()
    assert {"gpu0"} == {channel["domain"] for channel in running.state()["channels"]}


def test_a_probe_says_what_it_would_record_and_leaves_nothing_behind(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    spec = tmp_path / "spec.json"
    spec.write_text(
        json.dumps({"run_folder": str(folder), "sensors": ALL | {"rapl": {}}, "root": str(rooted(tmp_path))})
    )
    done = subprocess.run([*COMMAND, "--probe", str(spec)], capture_output=True, check=True, text=True)
    body = json.loads(done.stdout)
    assert {"cpu.power_W", "gpu0.power_W", "constant/board.power_W"} <= {
        channel["name"] for channel in body["channels"]
    }
    assert ["rapl"] == [item["sensor"] for item in body["missing"]]
    assert [] == list(folder.iterdir())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("{", "not a sampler's specification"), ("{}", "not a sampler's specification"),
     ('{"run_folder": ".", "sensors": {"geiger": {}}}', "no sensor 'geiger'")],
)  # fmt: skip
def test_a_specification_that_is_none_is_refused(tmp_path, text, complaint):
    spec = tmp_path / "spec.json"
    spec.write_text(text)
    done = subprocess.run([*COMMAND, str(spec)], capture_output=True, check=False, text=True)
    assert 2 == done.returncode
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_a_defect_in_a_sensor_ends_it_with_an_error_and_keeps_what_was_read(sampler):
    running = sampler({"constant": {"power_W": 5.0, "interval_ms": 50}, "simulated": {"interval_ms": 20}}).ready()
    (running.folder / "marks.jsonl").mkdir()  # nothing that a workload could do: reading it raises
    running.process.wait(timeout=20)
    assert running.process.returncode not in (0, None)
    assert len(running.rows()) > 10


def test_it_imports_nothing_heavy():
    script = (
        "import sys, harness.instruments.sampler\n"
        "from harness.sensors import constant, load_model, machine, nvml, rapl, simulated\n"
        "heavy = ['numpy', 'pandas', 'pyarrow', 'rich', 'pydantic', 'psutil', 'pynvml', 'hashlib', 'statistics']\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, check=True, text=True)
    assert "[]" == done.stdout.strip()


def rooted(folder):
    """A made-up machine with a processor and nothing else."""
    root = folder / "root"
    (root / "proc").mkdir(parents=True, exist_ok=True)
    (root / "proc/stat").write_text("cpu  100 0 100 800 0 0 0 0 0 0\n")
    return root
