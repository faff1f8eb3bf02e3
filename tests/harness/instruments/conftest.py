"""Stand-ins for foreign programs."""

import json
import os
import shlex
import signal
import sys
import time
from pathlib import Path

import pytest

from harness.process_tree import members

STAND_IN = Path(__file__).with_name("energibridge_stand_in.py")
PATIENCE_S = 20.0


class StandIn:
    """An executable that behaves like EnergiBridge; its processes are known by a mark in their environment."""

    def __init__(self, folder):
        self.folder = folder
        self.path = folder / "energibridge"

    def install(self, **behaviour):
        """(Re)write the executable; it behaves as told from its next start on."""
        # A file of its own per mark: what it starts inherits the environment.
        lines = [
            "#!/bin/sh",
            f"export NIGHTWATT_STAND_IN={shlex.quote(str(self.folder))} STAND_IN={shlex.quote(json.dumps(behaviour))}",
            f'exec {shlex.quote(sys.executable)} -I -S {shlex.quote(str(STAND_IN))} "$@"',
        ]
        self.folder.mkdir(exist_ok=True)
        self.path.write_text("\n".join(lines) + "\n")
        self.path.chmod(0o755)
        return self

    def settings(self, **more):
        return {"program": str(self.path), "interval_ms": 20, **more}

    def pids(self):
        """What is left of it: itself, its sleeper, whatever they started."""
        return members(f"NIGHTWATT_STAND_IN={self.folder}".encode())

    def wait_until_gone(self):
        give_up_s = time.monotonic() + PATIENCE_S
        while self.pids():
            assert time.monotonic() < give_up_s, f"left running: {self.pids()}"
            time.sleep(0.01)


@pytest.fixture
def energibridge(tmp_path):
    """A well-behaved stand-in; ``install`` makes it another. Nothing of it may be left at the end."""
    stand_in = StandIn(tmp_path / "bin").install()
    yield stand_in
    try:
        stand_in.wait_until_gone()
    finally:
        for pid in stand_in.pids():
            os.kill(pid, signal.SIGKILL)
