"""JSON of a night folder: what goes in comes out, whatever a workload called it."""

from __future__ import annotations

import errno
import math
import os
from pathlib import Path

import pytest

from harness.json_files import save, save_tree
from harness.record import read_json, write_json


def test_half_a_surrogate_pair_comes_back_as_it_was(tmp_path):
    path = tmp_path / "run.json"
    body = {"metrics": {"a\udc80": "é\ud800 中 \U0001f600"}}
    write_json(path, body)
    assert body == read_json(path)
    assert ["run.json"] == [item.name for item in tmp_path.iterdir()]


def test_numbers_that_are_not_finite_are_written_by_name(tmp_path):
    path = tmp_path / "run.json"
    write_json(path, {"loss": math.nan, "bounds": [math.inf, -math.inf, 1.5]})
    assert {"loss": "NaN", "bounds": ["Infinity", "-Infinity", 1.5]} == read_json(path)


def fails(number):
    """What stands in for a call of the system that fails so."""

    def call(*_):
        raise OSError(number, os.strerror(number))

    return call


def test_what_is_written_is_safe_and_so_is_its_name(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: saved.append(Path(f"/proc/self/fd/{descriptor}").readlink()))
    write_json(tmp_path / "run.json", {})
    assert [tmp_path / "run.json.aside", tmp_path] == saved
    saved.clear()
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "train.py").write_text("")
    save_tree(tmp_path)
    assert {tmp_path, tmp_path / "run.json", tmp_path / "sources", tmp_path / "sources" / "train.py"} == set(saved)


def test_a_disk_that_fails_is_told_and_a_file_system_that_cannot_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", fails(errno.EINVAL))
    save(tmp_path)
    monkeypatch.setattr(os, "fsync", fails(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        save(tmp_path)


def test_a_folder_that_may_not_be_read_is_left_to_the_system(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "open", fails(errno.EACCES))
    save(tmp_path)
