"""Who executes a block: one at a time, whoever dies or falls silent."""

from __future__ import annotations

import multiprocessing
import os
import time

import pytest

from harness import block_claims
from harness.block_claims import end_of, live, owner_of, standings, take
from harness.errors import LockHeld, NightFolderError
from harness.record import read_json, write_json


def grow_silent(path, seconds=1000.0):
    os.utime(path, (time.time() - seconds,) * 2)


def test_a_block_is_taken_ended_and_taken_again_under_the_next_number(tmp_path):
    first = take(tmp_path, 3, node="aa", job="7_3")
    assert ("b00003.1", "7_3") == (first.path.name, first.owner.job)
    assert [3] == list(live(tmp_path))
    first.end(0, "block 3 is over")
    assert ({}, 0) == (live(tmp_path), end_of(standings(tmp_path)[3]).exit_code)
    assert "b00003.2" == take(tmp_path, 3, node="bb").path.name


def test_who_is_at_work_keeps_the_block(tmp_path):
    mine = take(tmp_path, 3, node="aa")
    with pytest.raises(LockHeld, match="block 3 is being executed") as refused:
        take(tmp_path, 3, node="bb", patience_s=0.1)
    assert "on node aa" in refused.value.where
    assert [3] == list(live(tmp_path))
    take(tmp_path, 4, node="bb")
    assert not mine.lost


def test_who_is_silent_loses_the_block_and_finds_that_out(tmp_path, monkeypatch):
    monkeypatch.setattr(block_claims, "RENEWED_S", 0.0)
    mine = take(tmp_path, 3, node="aa")
    mine.renew()
    grow_silent(mine.path)
    assert {} == live(tmp_path)
    other = take(tmp_path, 3, node="bb", patience_s=0.1)
    mine.renew()
    assert (True, "b00003.2") == (mine.lost, other.path.name)
    mine.end(0, "much later")
    assert not standings(tmp_path)[3].ended


def test_renewing_is_what_keeps_a_block_from_being_silent(tmp_path, monkeypatch):
    monkeypatch.setattr(block_claims, "RENEWED_S", 0.0)
    mine = take(tmp_path, 3, node="aa")
    grow_silent(mine.path)
    mine.renew()
    assert [3] == list(live(tmp_path))


def test_an_owner_that_has_gone_is_succeeded_at_once_on_its_own_node_only(tmp_path):
    mine = take(tmp_path, 3, node="aa")
    write_json(mine.path, {**read_json(mine.path), "ticks": 1})  # another process of that number
    with pytest.raises(LockHeld):
        take(tmp_path, 3, node="bb", patience_s=0.1)
    assert "b00003.2" == take(tmp_path, 3, node="aa", patience_s=0.1).path.name


def _try(folder, results):
    try:
        results.put(take(folder, 5, node=str(os.getpid()), patience_s=0.0).path.name)
    except LockHeld:
        results.put("")


def test_of_many_at_once_one_wins(tmp_path):
    results = multiprocessing.Queue()
    processes = [multiprocessing.Process(target=_try, args=(tmp_path, results)) for _ in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert ["b00005.1"] == [name for name in (results.get(timeout=10) for _ in processes) if name]


def test_who_saw_an_old_list_of_the_folder_does_not_win_for_that(tmp_path, monkeypatch):
    mine = take(tmp_path, 3, node="aa")
    monkeypatch.setattr(block_claims, "standings", lambda _: {})
    with pytest.raises(LockHeld):
        take(tmp_path, 3, node="bb", patience_s=0.1)
    assert mine.owner == owner_of(mine.path)


def test_a_claim_that_is_just_being_written_belongs_to_somebody(tmp_path):
    (tmp_path / "b00003.1").touch()
    assert {3: None} == live(tmp_path)
    assert owner_of(tmp_path / "b00003.1") is None
    with pytest.raises(LockHeld):
        take(tmp_path, 3, node="aa", patience_s=0.1)


def test_a_folder_that_cannot_be_written_is_told_as_such(tmp_path):
    (tmp_path / "claims").write_text("a file")
    with pytest.raises(NightFolderError, match="cannot be claimed"):
        take(tmp_path / "claims" / "deeper", 3, node="aa")
