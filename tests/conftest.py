"""Every test sees the same world, wherever the suite was started: by a person, in the background, in a container."""

import importlib.util
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

# A background job of a shell, or nohup, ignores these, and every process started from it would.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

for _name in ("NIGHTWATT_MARKS", "PYTHONUNBUFFERED"):
    os.environ.pop(_name, None)


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
