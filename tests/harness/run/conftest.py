"""Real processes: a keeper as the orchestrator starts it, and attempts with a fake sampler beside them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.events import RunSettled
from harness.instruments import own
from harness.order import RunOrder
from harness.plan import Slot
from harness.process_tree import members
from harness.record import NightFolder, RunName
from harness.run import execute
from harness.stop import Stop

PATIENCE_S = 20.0

MARK = """
import json, os, sys, time
def mark(**body):
    with open(os.environ["NIGHTWATT_MARKS"], "a") as file:
        file.write(json.dumps({"t_ns": time.monotonic_ns(), **body}) + "\\n")
"""


def workload_in_python(code: str) -> tuple[str, ...]:
    """A workload written in Python, with ``mark`` at hand."""
    return (sys.executable, "-c", MARK + code)


@pytest.fixture
def python() -> Callable[[str], tuple[str, ...]]:
    return workload_in_python


def wait(condition: Callable[[], Any]) -> Any:
    """What ``condition`` gives as soon as it is true; fails after a long while."""
    give_up_s = time.monotonic() + PATIENCE_S
    while not (result := condition()):
        assert time.monotonic() < give_up_s, "waited in vain"
        time.sleep(0.005)
    return result


@pytest.fixture
def wait_for() -> Callable[[Callable[[], Any]], Any]:
    return wait


class Processes:
    """Processes that carry a mark of their own test in the environment, wherever they have fled to."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.env = {"NIGHTWATT_TEST": token}

    def pids(self) -> list[int]:
        return members(f"NIGHTWATT_TEST={self.token}".encode())

    def wait_for(self, count: int) -> list[int]:
        wait(lambda: len(self.pids()) == count)
        return self.pids()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    found = Processes(str(tmp_path))
    assert [] == found.pids()
    yield found
    for pid in found.pids():
        os.kill(pid, signal.SIGKILL)


class KeptProcess:
    """A keeper started by hand, its control pipe in ours."""

    def __init__(self, folder: Path, env: dict[str, str], command: tuple[str, ...], **changes: Any) -> None:
        self.folder = folder
        spec = {
            "command": command,
            "cwd": str(folder),
            "env": env,
            "stdout": str(folder / "stdout.log"),
            "stderr": str(folder / "stderr.log"),
            "exit_file": str(folder / "exit.json"),
            "timeout_s": 60.0,
            "grace_s": 5.0,
            "wait": False,
            **changes,
        }
        (folder / "spec.json").write_text(json.dumps(spec))
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "harness.keeper", str(folder / "spec.json")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def tell(self, order: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(order)
        self.process.stdin.flush()

    def let_go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def report(self) -> dict[str, Any]:
        assert self.process.stderr is not None
        assert self.process.wait(PATIENCE_S) == 0, self.process.stderr.read()
        report: dict[str, Any] = json.loads((self.folder / "exit.json").read_text())
        return report


@pytest.fixture
def keep(tmp_path: Path, processes: Processes) -> Iterator[Callable[..., KeptProcess]]:
    kept: list[KeptProcess] = []

    def start(command: tuple[str, ...], **changes: Any) -> KeptProcess:
        kept.append(KeptProcess(tmp_path, processes.env, command, **changes))
        return kept[-1]

    yield start
    for one in kept:
        one.process.kill()
        one.process.wait()
        for pipe in (one.process.stdin, one.process.stdout, one.process.stderr):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def fake_sampler(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Path(__file__).with_name("fake_sampler.py")
    monkeypatch.setattr(own, "COMMAND", (sys.executable, str(script)))


@pytest.fixture
def order(tmp_path: Path, processes: Processes, fake_sampler: None) -> Callable[..., RunOrder]:
    """An order for a workload, with the fake sampler; any field can be given."""

    def make(command: tuple[str, ...] = workload_in_python("pass"), **changes: Any) -> RunOrder:
        return RunOrder(
            **{
                "night": NightFolder(tmp_path / "night"),
                "name": RunName(1, 2, 1, "small"),
                "slot": Slot(1, 2, 1, "small", 7, baseline=False),
                "levels": {"width": 1},
                "command": command,
                "timeout_s": 600.0,
                "env": processes.env,
                "sensors": {"fake": {}},
                **changes,
            }
        )

    return make


@pytest.fixture
def stop() -> Iterator[Stop]:
    wish = Stop()
    yield wish
    wish.close()


@pytest.fixture
def settle(stop: Stop) -> Callable[[RunOrder], RunSettled]:
    """Carry an order out to its end."""

    def carry_out(order: RunOrder) -> RunSettled:
        *_, last = execute(order, stop)
        assert isinstance(last, RunSettled)
        return last

    return carry_out
