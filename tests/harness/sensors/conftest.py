"""The stand-ins for hardware that the sensors' tests share."""

import importlib.util
import os
import sys
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


@pytest.fixture(scope="session")
def rapl():
    """The module of the machine with RAPL: Clock, Machine, readings_for, last_J."""
    return _load("fake_rapl")


@pytest.fixture
def machine(rapl, tmp_path):
    """A machine with RAPL, yet without any counter."""
    return rapl.Machine(tmp_path, rapl.Clock())


@pytest.fixture
def deny(monkeypatch):
    """A function after which files of this name may not be opened, whoever runs the test."""
    real = os.open

    def refuse(name):
        def opening(path, *args, **named):
            if Path(path).name == name:
                raise PermissionError(13, "Permission denied", str(path))
            return real(path, *args, **named)

        monkeypatch.setattr("os.open", opening)

    return refuse


@pytest.fixture
def cluster(tmp_path):
    """Slurm's commands as a stand-in, told by files what to say."""
    return _load("slurm_stand_in").StandIn(tmp_path / "slurm", sys.executable)
