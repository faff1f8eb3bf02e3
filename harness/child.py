"""A child process in a session of its own, held by a pipe: when the pipe closes, it ends by itself.

The pipe is the child's standard input and its write end exists in this process only (close-on-exec everywhere), so that
a child ends even when this process is killed. Waiting is done on pidfds; nothing here polls. Linux only.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

LONGEST_BACKLOG_B = 1 << 20
"""An unfinished line beyond this is dropped: whatever a child prints, memory stays bounded."""
STARTED: set[int] = set()
"""The pids of the children that this process has started and that have not been seen to end."""
_READS_AT_ONCE = 16
KILL_WAIT_S = 5.0
"""How long a killed process may take to go; one that hangs in the kernel may never."""


class Child:
    """One child process and the three descriptors by which it is held: control pipe, output pipe, pidfd."""

    def __init__(self, command: Sequence[str], stderr: Path, env: Mapping[str, str] | None = None) -> None:
        """Start it; standard error is appended to a file, ``env`` added to our own. Raises OSError if it cannot."""
        self._tail = b""
        with open(stderr, "ab") as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                env={**os.environ, **(env or {})},
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._control: int | None = os.dup(self._process.stdin.fileno())
        self._process.stdin.close()
        self.output = self._process.stdout.fileno()
        """Its standard output, for a selector; not blocking."""
        os.set_blocking(self.output, False)
        self.output_open = True
        self.forced = False
        """Whether it was ended by a signal of ours."""
        self.pid = self._process.pid
        STARTED.add(self.pid)
        self.pidfd = os.pidfd_open(self.pid)
        """Readable once the process has gone, for a selector."""

    def tell(self, order: bytes) -> None:
        """Write to its standard input; one that has gone hears nothing."""
        if self._control is not None:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._control, order)

    def let_go(self) -> None:
        """Close the control pipe: it is to end in order."""
        if self._control is not None:
            os.close(self._control)
            self._control = None

    def lines(self) -> list[bytes]:
        """The whole lines that it has printed since the last call; ``output_open`` says whether more can come."""
        parts = [self._tail]
        for _ in range(_READS_AT_ONCE):  # one that prints faster than we read must not hold us for ever
            if not self.output_open:
                break
            try:
                part = os.read(self.output, 1 << 16)
            except BlockingIOError:
                break
            self.output_open = part != b""
            parts.append(part)
        *whole, self._tail = b"".join(parts).split(b"\n")
        if len(self._tail) > LONGEST_BACKLOG_B:
            self._tail = b""
        return whole

    def wake(self) -> None:
        """Let it go on where something stopped it: a stopped process neither sees its pipe close nor minds SIGTERM."""
        if self.exit_code is None:
            self._process.send_signal(signal.SIGCONT)

    def hurry(self) -> None:
        """Tell it twice: by its pipe, and by a SIGTERM that one that ends in order takes for no more than that."""
        self.let_go()
        if self.exit_code is None:
            self._process.terminate()

    @property
    def exit_code(self) -> int | None:
        """None while it runs; a signal's number is negative."""
        code = self._process.poll()
        if code is not None:
            STARTED.discard(self.pid)  # the kernel may give the number to another now
        return code

    def wait(self, timeout_s: float) -> bool:
        """Wait until it has gone, at most so long; returns whether it has."""
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        poll.poll(timeout_s * 1e3)
        return self.exit_code is not None

    def end(self, patience_s: float) -> int | None:
        """End it: by its pipe, after ``patience_s`` by SIGTERM, after as long again by SIGKILL; returns its exit code.

        None means that it hangs in the kernel and is left behind.
        """
        self.let_go()
        if not self.wait(patience_s):
            self.forced = True
            self._process.terminate()
            if not self.wait(patience_s):
                self._process.kill()
                self.wait(KILL_WAIT_S)
        return self.exit_code

    def close(self) -> None:
        """Give the descriptors back; the process, if it is still there, sees its pipe close."""
        self.let_go()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self.output_open = False
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1


def tail_of(path: Path, lines: int = 3, size_B: int = 4096) -> str:
    """The last lines of a text file, for an error message; "" when there are none."""
    try:
        with open(path, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - size_B))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.strip().splitlines()[-lines:])
