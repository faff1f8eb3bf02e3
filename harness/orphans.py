"""Takes in what has lost its parent: while the orchestrator adopts, nothing below it can slip away.

::

    orchestrator (adopts) --> keeper (adopts) --> workload --> ... daemons

A keeper adopts every daemon of its workload and ends it. Should the keeper itself be killed, its whole tree falls to
the next one above that adopts: the orchestrator. What it has not started itself and is its child is such an orphan,
whatever it did to its environment, group or session. prctl(2), PR_SET_CHILD_SUBREAPER.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Iterator

from harness.child import STARTED
from harness.process_tree import processes, signal_all

_PR_SET_CHILD_SUBREAPER = 36
_SWEEP_S = 0.02

_adopting = False


@contextlib.contextmanager
def adopting() -> Iterator[None]:
    """Let orphans of this process's tree become its children in the body; they are ended by ``end_orphans``.

    Only for a process whose every child is started by ``harness.child``: others would be taken for orphans.
    """
    global _adopting  # noqa: PLW0603 -- it is the process that adopts, not an object
    libc = ctypes.CDLL(None, use_errno=True)
    _adopting = libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    try:
        yield
    finally:
        if _adopting:
            libc.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
        _adopting = False


def orphans() -> list[int]:
    """The children of this process that it did not start; empty while it does not adopt."""
    if not _adopting:
        return []
    own = os.getpid()
    return [pid for pid, parent, _ in processes(with_dead=True) if parent == own and pid not in STARTED]


def end_orphans(patience_s: float) -> list[int]:
    """Kill and reap every orphan until none is left; returns those that are still there after ``patience_s``.

    What an orphan had started falls to us in its turn.
    """
    give_up_s = time.monotonic() + patience_s
    while (left := orphans()) and time.monotonic() < give_up_s:
        signal_all(left, signal.SIGKILL)
        for pid in left:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(_SWEEP_S)
    return left
