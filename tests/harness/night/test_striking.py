"""What strikes a rehearsed night from outside strikes its own processes only, and what it limits it sets free."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.events import BlockSettled, Event, NightStarted, RunSettled, RunStarted, Trouble
from harness.faults import KINDS, Fault
from harness.striking import Striking, child, pid_of, send


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A child that looks like a sampler of the run "b02-1"."""
    code = "import time; print(flush=True); time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "harness.instruments.sampler", "/night/runs/b02-1-a1-a.partial"],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_a_process_is_found_by_its_module_and_its_run(sleeper: subprocess.Popen[bytes]) -> None:
    descriptor = child("harness.instruments.sampler", "b02-1-a1-a")
    assert descriptor is not None
    assert sleeper.pid == pid_of(descriptor)
    os.close(descriptor)
    assert child("harness.instruments.sampler", "b02-2-a1-a") is None
    assert child("harness.keeper", "b02-1-a1-a") is None


def test_somebody_else_s_child_is_never_found(tmp_path: Path) -> None:
    inner = "[sys.executable, '-c', 'input()', 'harness.' + 'keeper', sys.argv[1]], stdin=subprocess.PIPE"
    code = f"import subprocess, sys; p = subprocess.Popen({inner}); print(flush=True); input(); p.communicate()"
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    parent.stdout.readline()
    try:
        assert child("harness.keeper", str(tmp_path)) is None
    finally:
        parent.communicate(b"\n")


def test_a_signal_reaches_the_one_process(sleeper: subprocess.Popen[bytes]) -> None:
    send(signal.SIGKILL, "harness.instruments.sampler", "b02-2")
    assert sleeper.poll() is None
    send(signal.SIGKILL, "harness.instruments.sampler", "b02-1")
    assert -signal.SIGKILL == sleeper.wait(20)
    send(signal.SIGKILL, "harness.instruments.sampler", "b02-1")


def settled(record: Callable[..., Any], slot: str) -> RunSettled:
    return RunSettled(f"{slot}-a1-a", Path(), record(slot))


def test_between_a_run_and_the_next_event_no_byte_is_written(tmp_path: Path, record: Callable[..., Any]) -> None:
    shown: list[Event] = []

    def write() -> None:
        with open(tmp_path / "journal", "ab", buffering=0) as file:
            file.write(b"x")

    def show(event: Event) -> None:
        shown.append(event)
        write()  # a display may write into a file: it is never limited

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    striking = Striking([Fault("disk-full-journal", "b02-1")], show)
    striking.show(NightStarted(tmp_path, "title", 2, 0, resumed=False, rehearsal=True))
    for slot in ("b01-1", "b02-1"):
        striking.show(RunStarted(f"{slot}-a1-a", slot, 1, "a", 2))
        striking.show(settled(record, slot))
        if slot == "b01-1":
            write()
    try:
        with pytest.raises(OSError, match="File too large"):
            write()
    finally:
        striking.show(BlockSettled(2))
    write()
    assert before == resource.getrlimit(resource.RLIMIT_FSIZE)
    told = [event.what for event in shown if isinstance(event, Trouble)]
    assert [f"rehearsed fault disk-full-journal: {KINDS['disk-full-journal'].sentence}"] == told


def test_whatever_happens_no_limit_stays(tmp_path: Path, record: Callable[..., Any]) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    striking = Striking([Fault("disk-full-journal", "b02-1")], lambda event: None)
    striking.show(RunStarted("b02-1-a1-a", "b02-1", 1, "a", 2))
    striking.show(settled(record, "b02-1"))
    assert (0, before[1]) == resource.getrlimit(resource.RLIMIT_FSIZE)
    striking.close()
    assert before == resource.getrlimit(resource.RLIMIT_FSIZE)


def test_a_second_attempt_is_not_struck(record: Callable[..., Any]) -> None:
    shown: list[Event] = []
    striking = Striking([Fault("disk-full-journal", "b02-1")], shown.append)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    striking.show(RunStarted("b02-1-a2-a", "b02-1", 2, "a", 2))
    striking.show(settled(record, "b02-1"))
    assert before == resource.getrlimit(resource.RLIMIT_FSIZE)
    assert 2 == len(shown)
