"""How a night stands, from its folder alone."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import folder as folders
from harness.errors import NightFolderError
from harness.locks import locked
from harness.plan import Slot
from harness.record import NightFolder, Phase, RunRecord, Status, Validity, encode, write_json
from harness.run_folder import note_why
from harness.status import Watched, recent_readings
from nightwatt.status import lines

Begin = Callable[..., NightFolder]
Record = Callable[..., RunRecord]


@pytest.fixture
def settle(record: Record) -> Callable[..., Path]:
    def settled(folder: NightFolder, index: int, **changes: Any) -> Path:
        slot = [slot for slot in folders.read_head(folder.root).plan.slots if slot.block > 0][index]
        made = record(
            slot.key, configuration=slot.configuration, replicate=slot.replicate,
            **{"started_realtime_ns": 10**18 + index, "ended_ns": 11 * 10**9, **changes},
        )  # fmt: skip
        path = folder.runs / f"{slot.key}-a{made.attempt}-{slot.configuration}"
        path.mkdir()
        write_json(path / "run.json", made.to_json())
        return path

    return settled


Settle = Callable[..., Path]


def test_a_fresh_night_has_everything_to_do(begin: Begin) -> None:
    status = Watched(begin().root).status()
    assert (6, 0, False, None, None, {}) == (
        status.slots, status.done, status.running, status.current, status.left_s, status.runs,
    )  # fmt: skip


def test_runs_are_counted_and_the_rest_is_reckoned_from_them(begin: Begin, settle: Settle) -> None:
    folder = begin()
    settle(folder, 0)
    settle(folder, 1, validity=Validity.INVALID)
    settle(folder, 2, status=Status.FAILED, reason="exit code 3", window=Phase("train", 0, 10**9))
    status = Watched(folder.root).status()
    assert {"completed, valid": 1, "completed, invalid": 1, "failed, valid": 1} == status.runs
    assert (2, 1, 40.0) == (status.done, status.imperfect, status.left_s)
    assert ("failed", "exit code 3", 1.0) == (status.last[-1].status, status.last[-1].reason, status.last[-1].window_s)


def test_an_attempt_without_a_record_is_named_with_why_and_what_is_kept(begin: Begin, settle: Settle) -> None:
    folder = begin()
    settle(folder, 0)
    for name, why, samples in (
        ("b01-2-a1-b.interrupted", "the samples could not be sealed: no space", "1,gpu0.power_W,2.0"),
        ("b02-1-a1-a.interrupted-2", "", ""),
    ):
        (folder.runs / name).mkdir()
        (folder.runs / name / "samples.csv").write_text(samples)
        if why:
            note_why(folder.runs / name, why)
    with_record = settle(folder, 3, status=Status.INTERRUPTED, validity=Validity.INVALID)
    with_record.rename(with_record.with_name(f"{with_record.name}.interrupted"))
    status = Watched(folder.root).status()
    assert [
        ("b01-2-a1-b.interrupted", "the samples could not be sealed: no space", True),
        ("b02-1-a1-a.interrupted-2", "it was cut short", False),
    ] == [(item.folder, item.why, item.samples) for item in status.unrecorded]
    told = "\n".join(lines(status, 0.0))
    assert "no record  b01-2-a1-b.interrupted: the samples could not be sealed: no space (its samples are kept)" in told
    assert "no record  b02-1-a1-a.interrupted-2: it was cut short (nothing was recorded)" in told


def test_a_second_look_reads_only_what_is_new(begin: Begin, settle: Settle, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, looks = begin(), []
    real = folders.planned_record

    def counted(path: Path, slots: dict[str, Slot], night: str) -> RunRecord:
        looks.append(path.name)
        return real(path, slots, night)

    monkeypatch.setattr("harness.status.planned_record", counted)
    watched = Watched(folder.root)
    settle(folder, 0)
    settle(folder, 1)
    watched.status()
    settle(folder, 2)
    watched.status()
    assert 3 == len(looks)
    assert 3 == watched.status().done


def test_a_superseded_run_is_seen_when_looked_at_again(begin: Begin, settle: Settle) -> None:
    folder = begin()
    path = settle(folder, 0)
    watched = Watched(folder.root)
    assert 1 == watched.status().done
    time.sleep(0.01)
    folders.supersede(path, 2.0, 1.0)
    assert 0 == watched.status().done


def test_the_owner_of_a_running_night_and_its_run_in_progress_are_told(begin: Begin, settle: Settle) -> None:
    folder = begin()
    settle(folder, 0)
    slot = folders.read_head(folder.root).plan.slots[1]
    partial = folder.runs / f"{slot.key}-a1-{slot.configuration}.partial"
    partial.mkdir()
    now_ns = time.monotonic_ns()
    (partial / "sampler.json").write_text(json.dumps({"state": "ready", "started_ns": now_ns - 5 * 10**9}))
    (partial / "stdout.log").write_text("")
    (partial / "marks.jsonl").write_text(json.dumps({"t_ns": now_ns, "mark": "begin", "phase": "train"}) + "\n")
    (partial / "samples.csv").write_text(f"{now_ns},gpu0.power_W,250.0\n{now_ns},gpu0.temperature_C,51.0\n{now_ns},gp")
    with locked(folder.lock, folder.root.name, what="this night"):
        status = Watched(folder.root).status()
    assert status.running
    assert f"process {os.getpid()}" in status.owner
    run = status.current
    assert run is not None
    assert (partial.name.removesuffix(".partial"), "workload", "train") == (run.run, run.stage, run.phase)
    assert ({"gpu0": 250.0}, {"gpu0": 51.0}) == (run.power_W, run.temperature_C)
    assert run.since_s is not None
    assert 5.0 <= run.since_s < 60.0
    assert json.loads(json.dumps(encode(status.to_json())))["current"]["phase"] == "train"


def test_what_an_interruption_left_is_no_run_in_progress(begin: Begin) -> None:
    folder = begin()
    (folder.runs / "b01-1-a1-a.partial").mkdir()
    assert Watched(folder.root).status().current is None


def test_a_damaged_record_is_named(begin: Begin, settle: Settle) -> None:
    folder = begin()
    path = settle(folder, 0)
    (path / "run.json").write_text("{")
    with pytest.raises(NightFolderError, match="damaged"):
        Watched(folder.root).status()


def test_a_run_of_another_plan_is_foreign(begin: Begin, settle: Settle) -> None:
    folder = begin()
    path = settle(folder, 0)
    path.rename(folder.runs / "b77-1-a1-a")
    with pytest.raises(NightFolderError, match="no run of this night's plan"):
        Watched(folder.root).status()


def test_a_record_of_another_slot_is_foreign(begin: Begin, settle: Settle) -> None:
    folder = begin()
    path = settle(folder, 0)
    write_json(path / "run.json", {**json.loads((path / "run.json").read_text()), "slot": "b77-1"})
    with pytest.raises(NightFolderError, match="record of b77-1"):
        Watched(folder.root).status()


def test_the_power_of_now_is_the_mean_of_the_last_two_seconds(tmp_path: Path) -> None:
    rows = [f"{second * 10**9},gpu0.power_W,{100.0 + second}" for second in range(10)]
    (tmp_path / "samples.csv").write_text("\n".join(rows) + "\n")
    assert ({"gpu0": 108.5}, {}) == recent_readings(tmp_path / "samples.csv")


def test_a_counter_gives_its_domains_power_by_its_growth(tmp_path: Path) -> None:
    rows = [f"{second * 10**9},package-0.energy_J,{65.0 * second}" for second in range(10)]
    (tmp_path / "samples.csv").write_text("\n".join(rows) + "\n")
    assert ({"package-0": 65.0}, {}) == recent_readings(tmp_path / "samples.csv")


def test_samples_that_are_not_there_or_torn_give_nothing(tmp_path: Path) -> None:
    assert ({}, {}) == recent_readings(tmp_path / "samples.csv")
    (tmp_path / "samples.csv").write_bytes(b"\xff\xfe,no\nrow\n1,2\n12")
    assert ({}, {}) == recent_readings(tmp_path / "samples.csv")
