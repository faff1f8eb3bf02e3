"""The orchestrator's end of ``harness.seal``: a child that seals the samples of one run folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from harness.child import Child, tail_of
from harness.errors import RunFault
from harness.record import SAMPLES_CSV, Phase

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""NumPy would start a thread for every core when it is imported, and need none."""


class Sealing:
    """The child that seals one run folder: started while the sampler still ends, so that its imports cost no time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stderr = folder / "seal.stderr.log"
        command = (sys.executable, "-P", "-m", "harness.seal", str(folder), "--wait")
        self.child = Child(command, self.stderr, ONE_THREAD)
        self._lines: list[bytes] = []

    def go(self, window: Phase | None, launched_ns: int | None) -> None:
        """Seal now; gaps and means are told over the window, start values at the launch."""
        body = {} if window is None else {"begin_ns": window.begin_ns, "end_ns": window.end_ns}
        if launched_ns is not None:
            body["launched_ns"] = launched_ns
        self.child.tell(json.dumps(body).encode() + b"\n")

    def listen(self) -> None:
        """Take in what it printed."""
        self._lines += self.child.lines()

    def summary(self) -> dict[str, Any]:
        """What it found, once it has gone; raises RunFault when the samples are not safely sealed."""
        self.listen()
        if self.child.exit_code != 0 or not self._lines:
            raise RunFault(
                f"the samples could not be sealed: {tail_of(self.stderr, lines=1) or 'the child died'}",
                where=str(self.folder / SAMPLES_CSV),
                remedy="nothing is lost, the CSV is kept; see whether the disk is full",
            )
        summary: dict[str, Any] = json.loads(self._lines[-1])
        return summary

    def close(self) -> None:
        """Give the descriptors back."""
        self.child.close()
