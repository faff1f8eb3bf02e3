"""Keeps the machine from going to sleep during a night, where the system offers a way to ask for it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from harness.child import STARTED

_LEAVE_S = 2.0


@contextlib.contextmanager
def awake(why: str) -> Iterator[bool]:
    """Hold a sleep inhibitor for the body; gives whether there is one.

    The inhibitor is held by a process that waits for the end of its input, so that it goes when nightwatt does.
    """
    command = _command(why)
    if command is None:
        yield False
        return
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except OSError:
        yield False
        return
    STARTED.add(process.pid)
    try:
        yield process.poll() is None
    finally:
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_LEAVE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        STARTED.discard(process.pid)


def _command(why: str) -> list[str] | None:
    """systemd-inhibit where systemd runs, caffeinate on macOS, else None."""
    if (program := shutil.which("systemd-inhibit")) and Path("/run/systemd/system").is_dir():
        return [program, "--what=sleep:idle", "--who=nightwatt", f"--why={why}", "--mode=block", "cat"]
    if program := shutil.which("caffeinate"):
        return [program, "-i", "cat"]
    return None
