"""The stand-ins for hardware that the sensors' tests share."""

import importlib.util
from pathlib import Path

import pytest


def _load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def fake():
    """The module of the NVML stand-in: FakeClock, FakeCard, FakeNvml, the errors."""
    return _load("fake_nvml")
