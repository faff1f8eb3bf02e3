"""Whole nights with a wall meter beside the simulated sensor: its clock is put right, its death is noticed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from analysis.energy import energy
from analysis.load import load
from harness.record import MARKS_JSONL

PROTOCOL = """
title = "What does the wall say?"
[workload]
command = ["{python}", "{workloads}/fake.py", "--phases", "setup:SETUP,train:TRAIN", "--accuracy", "0.8"]
window = "train"
timeout_s = 60
[design]
blocks = 1
[cooldown]
minimum_s = 1.5
[night]
attempts = 1
[sensors.simulated]
idle_W = 60.0
load_W = 250.0
effect = {only = 1.0}
noise = 0.0
drift = 0.0
[sensors.meter]
kind = "shelly"
url_env = "PLUG"
interval_ms = 50
timeout_s = 0.5
[analysis]
energy = ["wall"]
"""
WATTS = {None: 80 + 1.2 * 60, "setup": 80 + 1.2 * (60 + 0.25 * 190), "train": 80 + 1.2 * 250}
"""What the wall draws: the simulated card's power with its losses, and the rest of the machine."""
LATE_S = 0.7


class Wall:
    """The power of the run that goes on in a results folder, at any moment up to now."""

    def __init__(self, results: Path) -> None:
        self.results = results

    def marks(self) -> list[dict[str, Any]]:
        paths = [path for path in self.results.glob(f"*/runs/*/{MARKS_JSONL}") if ".interrupted" not in str(path)]
        lines = [line for path in paths for line in path.read_text().splitlines(keepends=True)]
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def power_W(self, t_ns: int) -> float:
        phase = None
        for mark in self.marks():
            if mark["mark"] in ("begin", "end") and mark["phase"] in WATTS and mark["t_ns"] <= t_ns:
                phase = mark["phase"] if mark["mark"] == "begin" else None
        return WATTS[phase]


@pytest.fixture
def night(tmp_path: Path, meter: Any) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a night of the protocol with the meter's address in the environment."""
    started: list[subprocess.Popen[str]] = []

    def begin(setup_s: float, train_s: float) -> subprocess.Popen[str]:
        (tmp_path / "wall.toml").write_text(PROTOCOL.replace("SETUP", f"{setup_s}").replace("TRAIN", f"{train_s}"))
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "nightwatt", "run", "wall.toml", "--no-report"],
                cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                env=os.environ | {"NIGHTWATT_RUNTIME_DIR": str(tmp_path / "locks"), "PLUG": meter.url},
                start_new_session=True,
            )
        )  # fmt: skip
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def folder_of(tmp_path: Path) -> Path:
    return next((tmp_path / "results").glob("[0-9]*"))


@pytest.mark.slow
def test_a_meter_that_is_late_tells_the_windows_energy(tmp_path, meter, meters, night):
    wall = Wall(tmp_path / "results")
    total_J = 1e6
    asked_ns = time.monotonic_ns()

    def say() -> Any:
        nonlocal total_J, asked_ns
        now_ns = time.monotonic_ns()
        watts = wall.power_W(now_ns - round(LATE_S * 1e9))
        total_J, asked_ns = total_J + watts * (now_ns - asked_ns) / 1e9, now_ns
        return meters.shelly(watts, total_J / 3600)

    meter.say = say
    process = night(1.0, 8.0)
    _, told = process.communicate(timeout=120)
    assert 0 == process.returncode, told
    folder = folder_of(tmp_path)
    found = load(folder)
    (alignment,) = found.meters.alignments
    assert ("own", "gpu0.power_W") == (alignment.how, alignment.reference)
    assert pytest.approx(LATE_S, abs=0.15) == alignment.offset_s
    assert alignment.total is not None
    assert alignment.total.agrees
    frame = energy(found)
    (window,) = frame[(frame.phase == "train") & (frame.domain == "wall")].itertuples()
    assert WATTS["train"] * window.duration_s == pytest.approx(window.energy_J, rel=0.01)
    assert "valid" == next(iter(found.records.values())).validity
    facts = next(iter(found.records.values())).sensors["meter"]["meters"][0]
    assert facts["answered"] > 100
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert f"127.0.0.1:{meter.port}".encode() not in everything


def test_a_meter_that_dies_ends_its_run_as_a_lost_instrument(tmp_path, meter, night):
    process = night(0.1, 50.0)
    wall = Wall(tmp_path / "results")
    give_up_s = time.monotonic() + 60
    while not any(mark.get("phase") == "train" for mark in wall.marks()):
        assert time.monotonic() < give_up_s
        assert process.poll() is None
        time.sleep(0.02)
    meter.behave = "close"
    _, told = process.communicate(timeout=60)
    assert 1 == process.returncode, told
    (record,) = load(folder_of(tmp_path)).records.values()
    assert ("lost_instrument", "invalid") == (record.status, record.validity)
    assert "the shelly meter of wall gives no reading: it closed the connection" in record.reason
    assert record.sensors["meter"]["missed"] > 1


def test_a_night_does_not_begin_without_its_meter(tmp_path, meter, night):
    meter.behave = "status"
    process = night(0.1, 0.1)
    _, told = process.communicate(timeout=60)
    assert 3 == process.returncode
    assert "the shelly meter of wall gives no reading (GET /rpc/Switch.GetStatus?id=0): HTTP 500" in told
    assert "curl" in told
    assert "127.0.0.1" not in told


def test_a_second_night_on_a_machine_that_is_measured_as_a_whole_is_refused(tmp_path, night):
    first = night(0.1, 60.0)
    wall = Wall(tmp_path / "results")
    give_up_s = time.monotonic() + 60
    while not wall.marks():
        assert time.monotonic() < give_up_s
        assert first.poll() is None
        time.sleep(0.02)
    second = night(0.1, 0.1)
    _, told = second.communicate(timeout=60)
    assert 3 == second.returncode
    assert "another nightwatt is using this machine" in told
    assert f"process {first.pid} since" in told
    assert "night wall" in told
    assert "night.share_machine = true" in told
    assert 1 == len(list((tmp_path / "results").iterdir()))
