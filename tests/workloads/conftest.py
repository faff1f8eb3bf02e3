"""The shipped scripts as a user has them: as real processes, and as modules where a function is to be looked at."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from harness.marks import Marks, read_marks
from harness.record import MARKS_VARIABLE

WORKLOADS = Path(__file__).resolve().parents[2] / "workloads"


@dataclass(frozen=True)
class Outcome:
    """What a workload's process left: its exit code, its output, and its marks as the harness reads them."""

    code: int
    stdout: str
    stderr: str
    marks: Marks


@pytest.fixture
def execute(tmp_path: Path) -> Callable[..., Outcome]:
    """Executes a shipped script in a folder of its own, with its marks."""

    def run(script: str, *arguments: str, env: dict[str, str] | None = None) -> Outcome:
        marks = tmp_path / "marks.jsonl"
        marks.unlink(missing_ok=True)
        environment = {**os.environ, MARKS_VARIABLE: str(marks), **(env or {})}
        begin_ns = time.monotonic_ns()
        done = subprocess.run(
            [sys.executable, str(WORKLOADS / script), *arguments],
            cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return Outcome(done.returncode, done.stdout, done.stderr, read_marks(marks, begin_ns, time.monotonic_ns()))

    return run


@pytest.fixture(scope="session")
def module() -> Iterator[Callable[[str], ModuleType]]:
    """Imports a shipped script by its name, as it imports its neighbours."""
    sys.path.insert(0, str(WORKLOADS))
    before = set(sys.modules)
    yield importlib.import_module
    sys.path.remove(str(WORKLOADS))
    for name in {path.stem for path in WORKLOADS.glob("*.py")} - before:
        sys.modules.pop(name, None)


@pytest.fixture
def data(module: Callable[[str], ModuleType]) -> ModuleType:
    """``workloads/data.py``."""
    return module("data")
