"""Locks: one nightwatt at a time, told by name, given back by the kernel."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import ExitCode, LockHeld, NightwattError, UsageError
from harness.locks import RUNTIME_DIR_VARIABLE, held, locked, locked_devices, owner, runtime_dir

HOLDER = """
import sys, pathlib
from harness.locks import locked
with locked(pathlib.Path(sys.argv[1]), "night-1", what="this night"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock in ``tmp_path/lock``."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "lock")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert "held\n" == process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_a_second_nightwatt_is_told_who_is_there(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with (
        pytest.raises(LockHeld, match="another nightwatt is using this night") as caught,
        locked(tmp_path / "lock", "night-2", what="this night"),
    ):
        pass
    assert ExitCode.REFUSED == caught.value.exit_code
    assert caught.value.where.startswith(f"process {holder.pid} since 20")
    assert caught.value.where.endswith("night night-1")


def test_a_killed_owner_holds_nothing(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    assert held(tmp_path / "lock")
    holder.kill()
    holder.wait()
    assert not held(tmp_path / "lock")
    with locked(tmp_path / "lock", "night-2", what="this night"):
        who = owner(tmp_path / "lock")
        assert who is not None
        assert (os.getpid(), "night-2") == (who.pid, who.night)


def test_no_child_inherits_a_lock(tmp_path: Path) -> None:
    with locked(tmp_path / "lock", "night", what="this night"):
        child = subprocess.Popen(["sleep", "30"], close_fds=False)
    try:
        assert not held(tmp_path / "lock")
    finally:
        child.kill()
        child.wait()


def test_looking_at_a_lock_that_is_not_there_makes_none(tmp_path: Path) -> None:
    assert not held(tmp_path / "lock")
    assert owner(tmp_path / "lock") is None
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["", "{}", "[1]", "null", '{"pid": "x", "since_realtime_ns": 1, "night": ""}'])
def test_an_unreadable_signature_is_no_owner(tmp_path: Path, content: str) -> None:
    (tmp_path / "lock").write_text(content)
    assert owner(tmp_path / "lock") is None


def test_a_signature_cannot_steer_a_terminal(tmp_path: Path) -> None:
    escape = chr(27)
    (tmp_path / "lock").write_text('{"pid": 1, "since_realtime_ns": 1, "night": "a\\u001b[2Jb"}')
    who = owner(tmp_path / "lock")
    assert who is not None
    assert escape not in str(who)


def test_a_device_is_locked_by_its_uuid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUNTIME_DIR_VARIABLE, str(tmp_path / "locks"))
    with (
        locked_devices(["GPU-1/../x", "GPU-2"], "night-1"),
        pytest.raises(LockHeld, match="GPU GPU-2"),
        locked_devices(["GPU-2"], "night-2"),
    ):
        pass
    assert ["GPU-1-..-x.lock", "GPU-2.lock"] == sorted(path.name for path in (tmp_path / "locks").iterdir())


def test_the_devices_locks_are_open_to_all_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUNTIME_DIR_VARIABLE, str(tmp_path / "locks"))
    with locked_devices(["GPU-1"], "night-1"):
        assert 0o1777 == runtime_dir().stat().st_mode & 0o7777
        assert 0o666 == (runtime_dir() / "GPU-1.lock").stat().st_mode & 0o777


def test_a_link_in_the_locks_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("keep me")
    (tmp_path / "lock").symlink_to(tmp_path / "precious")
    with pytest.raises(NightwattError, match="cannot open the lock"), locked(tmp_path / "lock", "n", what="x"):
        pass
    assert "keep me" == (tmp_path / "precious").read_text()


def test_a_runtime_folder_that_cannot_be_made_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(RUNTIME_DIR_VARIABLE, str(tmp_path / "file" / "locks"))
    with pytest.raises(UsageError, match="no folder for the locks") as caught:
        runtime_dir()
    assert RUNTIME_DIR_VARIABLE in caught.value.remedy
