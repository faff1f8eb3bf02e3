"""The power goes at any instant of a night: what is on disk then is a night that can be resumed, and lacks no run.

A whole rehearsed night of real processes is recorded (``recorded_disk``); of each instant the states that a file system
may leave are built (``crash_states``), and read as `nightwatt resume` reads them. A few are resumed to their end.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from harness import folder as folders
from harness.night import progress_of
from harness.record import RUN_JSON, SAMPLES_PARQUET, NightFolder, RunName, read_json

HERE = Path(__file__).parent
_spec = importlib.util.spec_from_file_location("crash_states", HERE / "crash_states.py")
assert _spec is not None
assert _spec.loader is not None
states = sys.modules["crash_states"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(states)
PROTOCOL = """
title = "Which arm?"
[workload]
command = ["true", "{arm}"]
window = "train"
timeout_s = 800
[factors]
arm = ["a", "b"]
[design]
blocks = 2
[sensors.simulated]
[analysis]
baseline = "a"
"""
DRIVER = """
import json, os, sys
from pathlib import Path
from harness.engines.local import Order, Watcher, begin_night, resume_night
from harness.events import RunSettled
from harness.faults import place
from harness.plan import make_plan
from harness.protocol import find, read
from harness.rehearsal import rehearse

log = os.environ.get("NIGHT_DISK_LOG")

def show(event):
    if log and isinstance(event, RunSettled):
        with open(os.path.join(log, "log.jsonl"), "a") as file:
            file.write(json.dumps({"what": "told", "run": event.path.name}) + "\\n")

watcher = Watcher(show, lambda: None)
if sys.argv[1] == "begin":
    asked = read(Path("arms.toml"))
    plan = make_plan(asked)
    faults = place(["counter-back@b01-2", "failure@b02-1"], asked, plan)
    order = Order(Path("arms.toml"), rehearse(asked, 0.001, faults), plan, Path("results"), rehearsal=True)
    ended = begin_night(order, watcher)
else:
    ended = resume_night(Path(sys.argv[2]), watcher)
print(int(ended.exit_code))
"""


def drive(place: Path, *words: str, record: bool = False) -> int:
    """A session in a process of its own; its exit code."""
    env = os.environ | {"NIGHTWATT_RUNTIME_DIR": str(place / "locks")}
    if record:
        (place / "log").mkdir()
        (place / "site").mkdir()
        (place / "site" / "sitecustomize.py").write_text(
            f"import sys; sys.path.insert(0, {str(HERE)!r}); import recorded_disk; sys.path.pop(0);"
            " recorded_disk.install()\n"
        )
        env |= {"NIGHT_DISK": str(place / "results"), "NIGHT_DISK_LOG": str(place / "log")}
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(place / "site"), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, *words], cwd=place, env=env, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    return int(done.stdout.split()[-1])


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A recorded night of four runs, one of them repeated, one failed."""
    place = tmp_path_factory.mktemp("recorded")
    (place / "arms.toml").write_text(PROTOCOL)
    (place / "results").mkdir()
    assert 1 == drive(place, "begin", record=True)
    return states.Log.read(place / "results", place / "log")


def assert_nothing_is_lost(log: Any, crash: Any, disk: Path) -> NightFolder | None:
    """What resume finds in a state: no error, each told run whole, each slot once; None: no night was begun yet."""
    crash.leave(log, disk)
    told = log.told(crash.cut)
    night = next((path for path in disk.iterdir() if not path.name.startswith(".")), None)
    if night is None:
        assert not told, crash
        return None
    opened = folders.read(night)
    [begun] = log.root.glob("[0-9]*")
    for file in (begun / "protocol.toml", begun / "plan.json", *(begun / "sources").iterdir()):
        assert file.read_bytes() == (night / file.relative_to(begun)).read_bytes(), (crash, file)
    for run in told:
        [whole] = log.root.glob(f"*/runs/{run}")
        kept = night / "runs" / run
        assert (whole / RUN_JSON).read_bytes() == (kept / RUN_JSON).read_bytes(), (crash, run)
        if read_json(whole / RUN_JSON)["rows"]:
            rows = pyarrow.parquet.read_table(whole / SAMPLES_PARQUET)
            assert rows.equals(pyarrow.parquet.read_table(kept / SAMPLES_PARQUET)), (crash, run)
    settled = [RunName.parse(path.name) for path in opened.folder.settled().values()]
    assert all(settled)
    assert {str(name) for name in settled} >= set(told)
    progress = progress_of(opened)
    counted = Counter(item.slot for block in progress.blocks for item in progress.counted(block))
    assert all(count <= (2 if slot == "b01-2" else 1) for slot, count in counted.items()), crash
    done = {run.partition("-a")[0] for run in told if read_json(night / "runs" / run / RUN_JSON)["validity"] == "valid"}
    assert done <= {slot.key for slot in opened.plan.slots if progress.settled(slot)}
    return opened.folder


def assert_resumable(folder: NightFolder) -> None:
    """Resume it for real: it ends as the undisturbed one, each slot done once."""
    place = folder.root.parent
    (place / "arms.toml").write_text(PROTOCOL)
    before = {path: (path / RUN_JSON).read_bytes() for path in folder.settled().values()}
    code = drive(place, "resume", str(folder.root))
    assert before == {path: (path / RUN_JSON).read_bytes() for path in before}
    records = [read_json(path / RUN_JSON) for path in folder.settled().values()]
    assert any(body["status"] == "failed" for body in records) == code, "a fault strikes a slot's first attempt only"
    valid = sorted(body["slot"] for body in records if body["validity"] == "valid")
    assert ["b01-1", "b01-2", "b02-1", "b02-2"] == valid
    assert not list(folder.runs.glob("*.partial"))


def test_the_log_tells_of_all_that_the_night_did_to_its_disk(log: Any, tmp_path: Path) -> None:
    states.Crash(len(log.lines), "journal", "all").leave(log, tmp_path / "disk")
    made = {str(path.relative_to(log.root)) for path in log.root.rglob("*")}
    assert made == {str(path.relative_to(tmp_path / "disk")) for path in (tmp_path / "disk").rglob("*")}
    files = {path: tmp_path / "disk" / path.relative_to(log.root) for path in log.root.rglob("*") if path.is_file()}
    assert [] == [path for path, built in files.items() if path.read_bytes() != built.read_bytes()]
    assert 5 == len(log.told(len(log.lines)))


def test_a_power_cut_at_any_instant_loses_no_run_that_was_told_of(log: Any, tmp_path: Path) -> None:
    for number, crash in enumerate(states.crashes(log, 60, seed=1)):
        assert_nothing_is_lost(log, crash, tmp_path / str(number))


@pytest.mark.slow
def test_a_power_cut_before_every_line_loses_no_run_that_was_told_of(log: Any, tmp_path: Path) -> None:
    found = [
        assert_nothing_is_lost(log, crash, tmp_path / str(n)) for n, crash in enumerate(states.all_crashes(log, 3))
    ]
    print(
        f"{len(log.lines)} lines, {len(found)} states, {sum(item is None for item in found)} before the night's begin"
    )


def resumed(log: Any, tmp_path: Path, count: int, seed: int) -> None:
    for number, crash in enumerate(states.crashes(log, count, seed)):
        folder = assert_nothing_is_lost(log, crash, tmp_path / str(number))
        if folder is not None:
            assert_resumable(folder)


def test_what_a_power_cut_leaves_is_resumed_to_the_same_night(log: Any, tmp_path: Path) -> None:
    resumed(log, tmp_path, 1, seed=2)


@pytest.mark.slow
def test_what_each_of_many_power_cuts_leaves_is_resumed_to_the_same_night(log: Any, tmp_path: Path) -> None:
    resumed(log, tmp_path, 20, seed=3)
