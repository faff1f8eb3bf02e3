"""Faults that strike a rehearsed night from outside: signals and limits to its real processes, as misfortune would.

::

    the night's events --> show --> the display
                            |
         RunStarted         |-- says which faults strike this run
         workload begins    |-- a thread waits for its first mark, then strikes sampler or keeper
         settle begins      |-- no byte more may be written by the sealer
         RunSettled         |-- no byte more may be written by this process, until the next event
                            v  the next thing that happens: every limit as before

Every process is found among this one's own children, held by a descriptor before it is signalled, and struck by that.
A full disk is a limit on the size of files (RLIMIT_FSIZE): the kernel then refuses every byte, as a full disk does.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.events import Event, NightStarted, RunSettled, RunStarted, StageStarted, Tick, Trouble
from harness.faults import Fault
from harness.process_tree import processes
from harness.record import MARKS_JSONL, PARTIAL, SAMPLES_CSV

POLL_S = 0.01
AFTER_S = 0.05
"""How long after the workload's first mark a process is struck."""
LONGEST_S = 60.0
"""How long to wait for that mark."""
SLOW_STOPPED_S, SLOW_RUNNING_S = 0.15, 0.1
"""A slow sampler is held up for so long, again and again."""
SAMPLER, KEEPER, SEALER = "harness.instruments.sampler", "harness.keeper", "harness.seal"
_IN_MID_RUN = ("sampler-killed", "sampler-stopped", "sampler-slow", "keeper-killed", "disk-full-samples")


def child(module: str, about: str = "") -> int | None:
    """A descriptor (pidfd) of the one child of this process that executes ``module``; ``about``: a word of its orders.

    None where there is none; the caller closes it.
    """
    for pid, parent, _ in processes():
        if parent != os.getpid():
            continue
        with contextlib.suppress(OSError):
            descriptor = os.pidfd_open(pid)
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
            if module.encode() in words and os.fsencode(about) in words:
                return descriptor
            os.close(descriptor)
    return None


def send(number: int, module: str, about: str) -> None:
    """Send a signal to a child of this process; one that has gone is none."""
    descriptor = child(module, about)
    if descriptor is not None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, number)
        os.close(descriptor)


def limit_files(pid: int, size_B: int | None) -> None:
    """Let a process write no file beyond this size; None: as large as it ever might. Its hard limit stays."""
    if sys.platform == "linux":  # where there is no prlimit there are no rehearsals
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard if size_B is None else size_B, hard))


def pid_of(descriptor: int) -> int:
    """The process behind a pidfd; -1 once it has gone."""
    with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as facts:
        return next(int(line.split()[1]) for line in facts if line.startswith("Pid:"))


class Striking:
    """What lets a night's faults happen; ``show`` stands in the place of the display's."""

    def __init__(self, faults: Sequence[Fault], show: Callable[[Event], None]) -> None:
        self._faults, self._pass_on = faults, show
        self._runs = Path()
        self._run = ""
        self._struck: tuple[Fault, ...] = ()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._limited: list[int] = []

    def show(self, event: Event) -> None:
        """Pass an event on, and strike at what it tells of."""
        if not isinstance(event, StageStarted | Tick):
            self._lift_limits()
        self._pass_on(event)
        if isinstance(event, NightStarted):
            self._runs = event.folder.absolute() / "runs"
        elif isinstance(event, RunStarted):
            self._end_thread()
            self._run = event.run
            self._struck = tuple(fault for fault in self._faults if fault.strikes(event.slot, event.attempt))
            for fault in self._struck:
                self._pass_on(Trouble(f"rehearsed fault {fault.name}: {fault.kind.sentence}", run=event.run))
        elif isinstance(event, StageStarted):
            self._strike_at(event.stage)
        elif isinstance(event, RunSettled) and self._is_struck("disk-full-journal"):
            self._limit(os.getpid(), 0)
            self._struck = ()

    def close(self) -> None:
        """Strike no more."""
        self._lift_limits()
        self._end_thread()

    def _is_struck(self, name: str) -> bool:
        return any(fault.name == name for fault in self._struck)

    def _strike_at(self, stage: str) -> None:
        if stage == "workload" and any(map(self._is_struck, _IN_MID_RUN)):
            self._over.clear()
            self._thread = threading.Thread(target=self._strike_in_mid_run, daemon=True)
            self._thread.start()
        elif stage == "settle":
            self._end_thread()
            if self._is_struck("disk-full-sealing") and (sealer := child(SEALER)) is not None:
                self._limit(pid_of(sealer), 0)
                os.close(sealer)

    def _strike_in_mid_run(self) -> None:
        folder = self._runs / f"{self._run}{PARTIAL}"
        give_up_s = time.monotonic() + LONGEST_S
        while not _has_marks(folder / MARKS_JSONL):
            if time.monotonic() > give_up_s or self._over.wait(POLL_S):
                return
        self._over.wait(AFTER_S)
        about = str(folder)
        if self._is_struck("sampler-killed"):
            send(signal.SIGKILL, SAMPLER, about)
        if self._is_struck("sampler-stopped"):
            send(signal.SIGSTOP, SAMPLER, about)
        if self._is_struck("keeper-killed"):
            send(signal.SIGKILL, KEEPER, about)
        if self._is_struck("disk-full-samples") and (sampler := child(SAMPLER, about)) is not None:
            with contextlib.suppress(OSError):
                limit_files(pid_of(sampler), (folder / SAMPLES_CSV).stat().st_size)
            os.close(sampler)
        while self._is_struck("sampler-slow") and not self._over.is_set():
            send(signal.SIGSTOP, SAMPLER, about)
            self._over.wait(SLOW_STOPPED_S)
            send(signal.SIGCONT, SAMPLER, about)
            self._over.wait(SLOW_RUNNING_S)

    def _end_thread(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _limit(self, pid: int, size_B: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            limit_files(pid, size_B)
            self._limited.append(pid)

    def _lift_limits(self) -> None:
        while self._limited:
            with contextlib.suppress(ProcessLookupError):
                limit_files(self._limited.pop(), None)


def _has_marks(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
