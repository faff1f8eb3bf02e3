"""Runs and nights with EnergiBridge beside a simulated sensor: real processes, and a stand-in that dies as told."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harness.errors import SensorMissing
from harness.events import RunSettled
from harness.instruments.energibridge_opening import FILE
from harness.instruments.own import COMMAND
from harness.order import RunOrder
from harness.plan import Slot
from harness.record import NightFolder, RunName, read_json
from harness.run import execute
from harness.stop import Stop

PACKAGE = "energibridge/package-0.energy_J"
PROTOCOL = """
title = "Which length?"
[workload]
command = ["{python}", "{workloads}/fake.py", "--phases", "setup:0.02,train:{length}", "--seed", "{seed}"]
window = "train"
timeout_s = 60
grace_s = 0.5
[factors]
length = [0.6, 0.7]
[design]
blocks = 1
seed = 3
[sensors.simulated]
[instruments.energibridge]
interval_ms = 50
"""


MARKED = """
import json, os, sys, time
with open(os.environ["NIGHTWATT_MARKS"], "a") as file:
    file.write(json.dumps({"t_ns": time.monotonic_ns(), "mark": "begin", "phase": "train"}) + "\\n")
time.sleep(float(sys.argv[1]))
"""


def work(seconds):
    """A workload that lasts so long, and says that it has begun."""
    return (sys.executable, "-c", MARKED, str(seconds))


@pytest.fixture
def settle(tmp_path, energibridge):
    """Carry out one attempt with the stand-in as it was installed."""
    stop = Stop()

    def carry_out(seconds, **changes):
        order = RunOrder(
            **{
                "night": NightFolder(tmp_path / "night"),
                "name": RunName(1, 2, 1, "small"),
                "slot": Slot(1, 2, 1, "small", 7, baseline=False),
                "levels": {},
                "command": work(seconds),
                "timeout_s": 600.0,
                "sensors": {"simulated": {"interval_ms": 20.0, "domains": ["gpu0"], "idle_W": 60.0, "load_W": 250.0}},
                "instruments": {"energibridge": energibridge.settings()},
                **changes,
            }
        )
        *_, last = execute(order, stop)
        assert isinstance(last, RunSettled)
        return last

    yield carry_out
    stop.close()


def test_a_run_holds_its_readings_beside_our_own_and_keeps_its_file(settle, energibridge):
    last = settle(0.8)
    record = last.record
    assert ("completed", "valid") == (record.status, record.validity), record.verdicts
    rows = pq.read_table(last.path / "samples.parquet").to_pydict()
    package = [
        (t_ns, value)
        for t_ns, name, value in zip(rows["t_ns"], rows["channel"], rows["value"], strict=True)
        if name == PACKAGE
    ]
    assert 64.0 == pytest.approx((package[-1][1] - package[0][1]) / (package[-1][0] - package[0][0]) * 1e9, rel=1e-3)
    assert package[0][0] <= record.launched_ns < record.exited_ns <= package[-1][0] + 100e6
    assert "gpu0.power_W" in rows["channel"]
    assert {"simulated", "energibridge"} == {channel.origin for channel in record.channels}
    assert ("ended", 0) == tuple(record.instruments["energibridge"][key] for key in ("state", "exit_code"))
    facts = record.sensors["energibridge"]
    assert (str(energibridge.path), "0.0.7", "ended with exit code 0") == (
        facts["program"], facts["version"], facts["ended"],
    )  # fmt: skip
    assert (last.path / FILE).read_text().startswith("Delta,Time,CPU_FREQUENCY_0")
    assert ["energibridge.csv", "marks.jsonl", "run.json", "samples.parquet", "stderr.log", "stdout.log"] == sorted(
        path.name for path in last.path.iterdir()
    )
    energibridge.wait_until_gone()


@pytest.mark.parametrize("die", ["panic", "exit", "killed"])
def test_its_death_in_mid_run_ends_the_run_with_its_last_words(settle, energibridge, die):
    energibridge.install(die=die, at_mark=True)
    last = settle(60)
    assert ("lost_instrument", "invalid") == (last.record.status, last.record.validity)
    words = {"panic": "exit code 101: thread 'main' panicked", "exit": "exit code 0", "killed": "SIGKILL"}[die]
    assert words in last.record.reason
    assert last.record.reason.startswith("energibridge: EnergiBridge ")
    assert PACKAGE in pq.read_table(last.path / "samples.parquet")["channel"].to_pylist()
    assert (last.path / FILE).exists()
    energibridge.wait_until_gone()


@pytest.mark.slow
def test_a_file_that_stands_still_in_mid_run_ends_the_run(settle, energibridge):
    energibridge.install(die="stop", at_mark=True)
    record = settle(60).record
    assert ("lost_instrument", "invalid") == (record.status, record.validity)
    assert "EnergiBridge's file has brought nothing for 2." in record.reason
    energibridge.wait_until_gone()


def test_a_run_may_go_on_without_it_and_is_invalid_all_the_same(settle, energibridge):
    energibridge.install(die="panic", at_mark=True)
    record = settle(1, on_lost="go_on").record
    assert ("completed", "invalid", 0) == (record.status, record.validity, record.exit_code)
    assert "lost_instrument" in [item.name for item in record.verdicts if item.level == "invalid"]


def test_one_that_cannot_be_opened_any_more_is_no_run_without_it(settle, energibridge):
    energibridge.install(die="rights")
    with pytest.raises(SensorMissing, match="instrument energibridge ended before it was ready") as caught:
        settle(60)
    assert "setcap cap_sys_rawio=ep" in caught.value.where


def test_nothing_is_left_when_the_process_that_hosts_it_is_killed(energibridge, tmp_path):
    spec = tmp_path / "spec.json"
    body = {"instrument": "energibridge", "run_folder": str(tmp_path), "root": "/", "clocks": False}
    spec.write_text(json.dumps({**body, "sensors": {"energibridge": energibridge.settings()}}))
    host = subprocess.Popen([*COMMAND, str(spec)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    give_up_s = time.monotonic() + 20
    while not (tmp_path / "energibridge.json").exists():
        assert time.monotonic() < give_up_s
        time.sleep(0.01)
    assert len(energibridge.pids()) >= 2
    host.kill()
    host.communicate()
    energibridge.wait_until_gone()


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_nothing_is_left_when_both_are_gone_or_hang(energibridge, tmp_path, number):
    """The sleeper itself ends what does not end with it."""
    code = f"""
import os, time
from pathlib import Path
from harness.instruments.energibridge import open_sensor
from harness.sensors.sensor import Site
sensor = open_sensor({energibridge.settings()!r}, Site(Path({str(tmp_path)!r})))
os.kill(sensor._source.program.pid, {int(number)})
os.kill(os.getpid(), 9)
"""
    assert -9 == subprocess.run([sys.executable, "-c", code], check=False).returncode
    energibridge.wait_until_gone()


# --- nights -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def nightwatt(tmp_path, energibridge):
    """Run ``nightwatt …`` on the protocol, the stand-in on PATH; its exit code and what it told."""
    (tmp_path / "lengths.toml").write_text(PROTOCOL)

    def run(*words, path=f"{energibridge.folder}:{os.environ['PATH']}"):
        done = subprocess.run(
            [sys.executable, "-m", "nightwatt", *words], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=120, check=False,
            env=os.environ | {"NIGHTWATT_RUNTIME_DIR": str(tmp_path / "locks"), "PATH": path},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_night_whose_program_is_absent_is_refused_before_it_begins(nightwatt, tmp_path):
    code, told = nightwatt("run", "lengths.toml", "--no-report", path=os.environ["PATH"])
    assert 3 == code
    for piece in ("no program 'energibridge' on PATH", "github.com/tdurieux/EnergiBridge", "remedy"):
        assert piece in " ".join(told.split())
    assert not (tmp_path / "results").exists()


def test_a_night_without_the_rights_is_refused_with_the_commands_that_give_them(nightwatt, tmp_path, energibridge):
    energibridge.install(die="rights")
    code, told = nightwatt("run", "lengths.toml", "--no-report")
    assert 3 == code
    assert "setcap cap_sys_rawio=ep" in " ".join(told.split())
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_a_run_that_lost_it_is_repeated_and_the_night_ends_whole(nightwatt, tmp_path, energibridge):
    energibridge.install(die="panic", at_mark=True, once=str(tmp_path / "died"))
    code, told = nightwatt("run", "lengths.toml", "--no-report")
    assert 0 == code, told
    (night,) = (tmp_path / "results").iterdir()
    runs = {name: read_json(path / "run.json") for name, path in NightFolder(night).settled().items()}
    assert {"b01-1-a1": "lost_instrument", "b01-1-a2": "completed", "b01-2-a1": "completed"} == {
        f"{name.slot}-a{name.attempt}": run["status"] for name, run in runs.items()
    }
    assert all(Path(path, FILE).exists() for path in NightFolder(night).settled().values())
    energibridge.wait_until_gone()


@pytest.mark.slow
def test_check_tells_the_release_and_the_domains_and_leaves_nothing_running(nightwatt, energibridge):
    code, told = nightwatt("check", "lengths.toml")
    told = " ".join(told.split())
    assert 0 == code, told
    assert "energibridge measures" in told
    assert "release 0.0.7" in told
    energibridge.wait_until_gone()
