"""The orchestrator's end of a keeper: give it its orders, tell it when to begin and to end, read how it ended.

A keeper that is itself killed leaves no exit report; what it kept is then found by its session and its environment, and
ended here.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.child import Child, tail_of
from harness.errors import RunFault
from harness.orphans import end_orphans
from harness.process_tree import members, signal_all
from harness.record import read_json

KEEPER_VARIABLE = "NIGHTWATT_KEEPER"
"""Given to everything below a keeper, so that it can be found when the keeper has gone: the exit report's path."""
ORPHANS_S = 5.0
"""How long to go on killing what a lost keeper left behind."""


@dataclass(frozen=True)
class Ending:
    """How a kept process and its tree ended; the content of a keeper's exit report."""

    why: str
    """exited | timed_out | told | not_launched | keeper_lost"""
    exit_code: int | None = None
    signal: int | None = None
    launch_error: str = ""
    launched_ns: int | None = None
    exited_ns: int | None = None
    tree_gone_ns: int | None = None
    leftovers: tuple[str, ...] = ()
    """Processes that were still there when the main process had gone: "pid name"."""
    stuck: tuple[str, ...] = ()
    """Processes that even SIGKILL did not end."""
    oom_kills: Mapping[str, int] = field(default_factory=dict)
    """How many processes the kernel killed for want of memory meanwhile: on the machine, in the control group."""
    rusage: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Ending:
        """The ending of a parsed exit report; unknown keys are passed over."""
        known = {name: body[name] for name in cls.__dataclass_fields__ if name in body}
        return cls(**{**known, "leftovers": tuple(body["leftovers"]), "stuck": tuple(body["stuck"])})


@dataclass(frozen=True)
class Kept:
    """What a keeper is to keep. ``folder`` takes its files; ``name`` is their stem and that of the output files."""

    folder: Path
    name: str
    command: tuple[str, ...]
    cwd: Path
    stdout: Path
    stderr: Path
    env: Mapping[str, str]
    timeout_s: float
    grace_s: float
    exit_file: Path
    stdin: Path | None = None
    """What it reads; None: nothing."""


class Keeping:
    """One keeper, started at once; the process it keeps is launched by ``go``."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        spec = kept.folder / f"{kept.name}.keeper.json"
        spec.write_text(
            json.dumps(
                {
                    "command": kept.command,
                    "cwd": str(kept.cwd),
                    "env": {**kept.env, KEEPER_VARIABLE: str(kept.exit_file)},
                    "stdin": str(kept.stdin or os.devnull),
                    "stdout": str(kept.stdout),
                    "stderr": str(kept.stderr),
                    "exit_file": str(kept.exit_file),
                    "timeout_s": kept.timeout_s,
                    "grace_s": kept.grace_s,
                    "wait": True,
                }
            ),
            encoding="utf-8",
        )
        self.child = Child(
            (sys.executable, "-P", "-m", "harness.keeper", str(spec)), kept.folder / f"{kept.name}.keeper.stderr.log"
        )
        self.pid: int | None = None
        """Of the kept process, once it is launched."""
        self.launched_ns: int | None = None

    def go(self) -> None:
        """Launch the process now."""
        self.child.tell(b"g")

    def end(self, at_once: bool) -> None:
        """Ask for the end of the tree, with grace or without."""
        self.child.tell(b"k" if at_once else b"s")

    def listen(self) -> None:
        """Take in what the keeper said."""
        for line in self.child.lines():
            body = json.loads(line)
            self.pid, self.launched_ns = body["pid"], body["launched_ns"]

    def gone(self) -> bool:
        """Whether keeper and tree are gone."""
        return self.child.exit_code is not None

    def ending(self, patience_s: float) -> Ending:
        """How it ended; a keeper that still runs is told to end and waited for.

        ``launched_ns`` is None when nothing was launched; else ``exited_ns`` is there, if need be as the moment at
        which the tree was given up. Whatever a lost keeper left behind is killed first.
        """
        self.child.end(patience_s)
        self.listen()
        if self.kept.exit_file.exists():
            ending = Ending.from_json(read_json(self.kept.exit_file))
            if ending.why == "not_launched":
                return replace(ending, launched_ns=None, exited_ns=None)
            if ending.launched_ns is not None and ending.exited_ns is None:
                return replace(ending, exited_ns=ending.tree_gone_ns)
            return ending
        if self.pid is None:
            raise RunFault(
                f"the keeper of {self.kept.name} ended before it launched anything, exit code {self.child.exit_code}",
                where=tail_of(self.kept.folder / f"{self.kept.name}.keeper.stderr.log") or str(self.kept.folder),
            )
        self._end_orphans(self.pid)
        now_ns = time.monotonic_ns()
        return Ending("keeper_lost", launched_ns=self.launched_ns, exited_ns=now_ns, tree_gone_ns=now_ns)

    def close(self) -> None:
        """Give the descriptors back; a keeper that still runs ends its tree."""
        self.child.close()

    def _end_orphans(self, session: int) -> None:
        marker = f"{KEEPER_VARIABLE}={self.kept.exit_file}".encode()
        give_up_s = time.monotonic() + ORPHANS_S
        while (left := members(marker, session)) and time.monotonic() < give_up_s:
            signal_all(left, signal.SIGKILL)
            time.sleep(0.02)
        end_orphans(ORPHANS_S)
