"""The orchestrator's end of ``harness.seal``: one child that seals run folders as they are ordered."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from harness.child import Child, tail_of
from harness.errors import RunFault
from harness.record import SAMPLES_CSV, Phase

COMMAND = (sys.executable, "-P", "-m", "harness.seal", "--serve")
SEALER_LOG = "sealer.stderr.log"
"""Its standard error, in the night's journal."""
LAST_FOLDER_S = 10.0
"""How long it may go on with a folder that nobody waits for any more."""
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""NumPy would start a thread for every core when it is imported, and need none."""


class Sealer:
    """A child that seals one run folder after another, asleep in between.

    Its imports take a third of a second; they are paid once a night, never between two runs. A child that died is
    replaced for the next run.
    """

    def __init__(self, log: Path) -> None:
        """Nothing is started yet; the child's standard error will be appended to ``log``."""
        self.log = log
        self._child: Child | None = None
        self._ready = False
        self._folder: Path | None = None
        self._reply: dict[str, Any] | None = None

    @property
    def child(self) -> Child:
        """The running child, for a selector; only after ``start``."""
        assert self._child is not None
        return self._child

    def start(self) -> None:
        """See to it that a child is there."""
        if self._child is not None and self._child.exit_code is not None:
            self.close()
        if self._child is None:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            self._child = Child(COMMAND, self.log, ONE_THREAD)

    def ready(self) -> bool:
        """Whether its imports are done; also true of one that has gone, which ``summary`` will tell."""
        self.listen()
        return self._ready or self._gone()

    def order(self, folder: Path, window: Phase | None, launched_ns: int | None, exited_ns: int | None = None) -> None:
        """Have a folder sealed; gaps and means are told over the window, start values at the launch."""
        self.start()
        self._folder, self._reply = folder, None
        body: dict[str, Any] = {"folder": str(folder)}
        if window is not None:
            body |= {"begin_ns": window.begin_ns, "end_ns": window.end_ns}
        if launched_ns is not None:
            body["launched_ns"] = launched_ns
        if exited_ns is not None:
            body["exited_ns"] = exited_ns
        self.child.tell(json.dumps(body).encode() + b"\n")

    def listen(self) -> None:
        """Take in what it printed; an answer about another folder (whose attempt was given up) is passed over."""
        if self._child is None:
            return
        for line in self._child.lines():
            reply = json.loads(line)
            self._ready = True
            if self._folder is not None and reply.get("folder") == str(self._folder):
                self._reply = reply

    def answered(self) -> bool:
        """Whether there is an answer, or none is to come."""
        return self._reply is not None or self._gone()

    def summary(self) -> dict[str, Any]:
        """What it found in the folder; raises RunFault when the samples are not safely sealed."""
        gone = self._gone()
        self.listen()
        reply = self._reply or {}
        if "summary" not in reply:
            why = reply.get("error") or (f"the child died: {tail_of(self.log, lines=1)}" if gone else "no answer")
            raise RunFault(
                f"the samples could not be sealed: {why}",
                where=str((self._folder or Path()) / SAMPLES_CSV),
                remedy="nothing is lost, the CSV is kept; see whether the disk is full",
            )
        summary: dict[str, Any] = reply["summary"]
        return summary

    def close(self) -> None:
        """End it, in order if it is not at work on a folder for too long."""
        if self._child is not None:
            self._child.end(LAST_FOLDER_S)
            self._child.close()
        self._child, self._ready = None, False

    def _gone(self) -> bool:
        return self._child is None or self._child.exit_code is not None
