"""What earlier nights left running: found by its environment, named with its pid, never touched."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from harness.leftovers import NIGHT_VARIABLE, Leftover, leftovers, marked, told, wait_for_helpers
from harness.process_tree import started_ticks
from harness.stop import Stop

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start() -> Iterator[Start]:
    """A process that sleeps, with this owner in its environment."""
    started = []

    def begun(owner: str, *words: str) -> subprocess.Popen[bytes]:
        command = words or (sys.executable, "-c", "import time; time.sleep(60)")
        started.append(subprocess.Popen(command, env={**os.environ, NIGHT_VARIABLE: owner}))
        return started[-1]

    yield begun
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def stop() -> Iterator[Stop]:
    with closing(Stop()) as stop:
        yield stop


def of(process: subprocess.Popen[bytes]) -> list[Leftover]:
    """What is found of this process, once it is up: before its exec it still has our environment."""
    give_up_s = time.monotonic() + 30
    while NIGHT_VARIABLE.encode() not in Path(f"/proc/{process.pid}/environ").read_bytes():
        assert time.monotonic() < give_up_s
        time.sleep(0.01)
    return [item for item in leftovers() if item.pid == process.pid]


def test_what_a_nightwatt_that_is_no_more_had_started_is_found_and_named(start: Start) -> None:
    process = start("4194303:17:/data/results/night one")
    (found,) = of(process)
    assert (process.pid, "/data/results/night one", False) == (found.pid, found.night, found.ending)
    (trouble,) = told([found])
    assert "1 process of the earlier night '/data/results/night one' still runs" in trouble.what
    assert f"{process.pid} python" in trouble.what
    assert trouble.remedy.endswith(f"kill {process.pid}")
    assert process.poll() is None


def test_a_pid_that_was_given_to_another_process_is_not_taken_for_its_owner(start: Start) -> None:
    assert 1 == len(of(start(f"{os.getpid()}:{started_ticks(os.getpid()) - 1}:/night")))


def test_what_was_started_with_another_folder_of_locks_is_of_another_world(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start("4194303:17:/night")
    assert 1 == len(of(process))
    monkeypatch.setenv("NIGHTWATT_RUNTIME_DIR", "/elsewhere")
    assert [] == of(process)


def test_what_a_living_nightwatt_has_started_is_its_own_business(start: Start) -> None:
    assert [] == of(start(f"{os.getpid()}:{started_ticks(os.getpid())}:/night"))


@pytest.mark.parametrize("owner", ["", "x", "1:2", ":::", "-1:-1:/night"])
def test_a_variable_that_says_nothing_is_passed_over(start: Start, owner: str) -> None:
    process = start(owner)
    if owner.startswith("1:2"):  # process 1 was not started at tick 2
        assert [""] == [item.night for item in of(process)]
    else:
        assert [] == of(process)


def test_everything_started_in_a_session_is_marked_and_nothing_after_it(tmp_path: Path) -> None:
    with marked(tmp_path):
        owner = os.environ[NIGHT_VARIABLE]
        assert f"{os.getpid()}:{started_ticks(os.getpid())}:{tmp_path}" == owner
    assert NIGHT_VARIABLE not in os.environ


def test_several_of_one_night_are_one_word() -> None:
    found = [Leftover(11, "11 sh", "/a", ending=False), Leftover(12, "12 python", "/a", ending=False)]
    (trouble,) = told(found)
    assert "2 processes of the earlier night /a still run: 11 sh, 12 python" == trouble.what
    assert trouble.remedy.endswith("kill 11 12")


def test_helpers_that_are_about_to_end_are_waited_for(monkeypatch: pytest.MonkeyPatch, stop: Stop) -> None:
    looks = [[Leftover(11, "11 python", "/a", ending=True), Leftover(12, "12 sh", "/a", ending=False)],
             [Leftover(12, "12 sh", "/a", ending=False)]]  # fmt: skip
    monkeypatch.setattr("harness.leftovers.leftovers", lambda: looks.pop(0))
    assert [12] == [item.pid for item in wait_for_helpers(60.0, stop)]
    assert [] == looks


def test_nobody_waits_for_what_does_not_end_by_itself(monkeypatch: pytest.MonkeyPatch, stop: Stop) -> None:
    looks = [[Leftover(12, "12 sh", "/a", ending=False)]]
    monkeypatch.setattr("harness.leftovers.leftovers", lambda: looks.pop(0))
    assert [12] == [item.pid for item in wait_for_helpers(60.0, stop)]


def test_a_stop_ends_the_waiting(monkeypatch: pytest.MonkeyPatch, stop: Stop) -> None:
    looks = [[Leftover(11, "11 python", "/a", ending=True)]]
    monkeypatch.setattr("harness.leftovers.leftovers", lambda: looks.pop(0))
    stop.request()
    assert [11] == [item.pid for item in wait_for_helpers(60.0, stop)]


def test_our_own_helpers_are_known(start: Start, tmp_path: Path) -> None:
    (found,) = of(start("4194303:17:/night", "sh", "-c", "sleep 60; :", "harness.keeper"))
    assert found.ending
