"""Every test sees the same world, wherever the suite was started: by a person, in the background, in a container."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

# A background job of a shell, or nohup, ignores these, and every process started from it would.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

for _name in ("NIGHTWATT_MARKS", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"):
    os.environ.pop(_name, None)
sys.dont_write_bytecode = False  # hundreds of processes are started here; compiling every module in each takes minutes

# A report's workers would take longer to start than they save of a small night, on cores that the suite has filled.
os.environ["NIGHTWATT_PROCESSES"] = "1"


LONGEST = (
    "protocols/test_small_forms.py", "harness/night/test_killed_nights.py", "harness/night/test_whole_nights.py",
    "harness/run/test_run.py", "analysis/test_report.py", "harness/engines/test_cluster.py",
    "harness/engines/test_block.py", "harness/night/test_faulty_nights.py", "nightwatt/test_command_line.py",
    "workloads/test_keras_cnn.py", "workloads/test_torch_width_cnn.py", "workloads/test_inference.py",
    "analysis/test_study.py", "analysis/test_report_explored.py", "analysis/test_degenerate_nights.py",
    "nightwatt/test_power.py", "nightwatt/test_estimate.py", "nightwatt/test_wheel.py", "nightwatt/test_check.py",
    "harness/night/test_meter_night.py", "harness/run/test_supervision.py",
)  # fmt: skip
"""The files that take longest, below this folder; a worker is given a file at a time."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest first, then those of most tests: no worker waits at the end for a long one."""
    here = Path(__file__).parent
    place = {here / name: number for number, name in enumerate(LONGEST)}
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (place.get(item.path, len(place)), -tests[item.path]))


def _module_beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def meters() -> ModuleType:
    """The module of the stand-in for a wall meter: FakeMeter, and what each kind says."""
    return _module_beside("fake_meter")


@pytest.fixture
def meter(meters: ModuleType) -> Iterator[Any]:
    """A wall meter on this machine: a Shelly, until it is told otherwise."""
    made = meters.FakeMeter()
    yield made
    made.close()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A real browser; the test is skipped where there is none."""
    chromium = _module_beside("chromium")
    if chromium.FOUND is None:
        pytest.skip("no Chromium on this machine")
    started = chromium.Browser(tmp_path_factory.mktemp("browser"))
    yield started
    started.close()


class Largest(NamedTuple):
    """What a command printed and how it ended, and the most memory that it held."""

    code: int
    out: str
    err: str
    rss_B: int


@pytest.fixture(scope="session")
def largest() -> Callable[[list[str]], Largest]:
    """Execute a command and tell the largest resident size of it and its children.

    From a small process in between: the system counts into a child's the size that its parent had when it forked, and
    the process of a long test session is larger than what is to be measured.
    """

    def executed(command: list[str]) -> Largest:
        done = subprocess.run(
            [sys.executable, "-S", "-c", _LARGEST, *command], capture_output=True, text=True, check=True, timeout=300
        )
        return Largest(*json.loads(done.stdout))

    return executed


_LARGEST = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
size = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps([done.returncode, done.stdout, done.stderr, size]))
"""
