"""What a person or the system says to a night: Ctrl-C and SIGTERM ask for its end, SIGHUP takes the terminal away.

::

    SIGINT, SIGTERM   once: the stop's level 1; twice: level 2
    SIGHUP            the night goes on; its output moves to console.log
    SIGPIPE           ignored (Python's default): a reader that has gone is an error of one write

A signal that was ignored when nightwatt started (nohup, a background job of a shell) stays ignored.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

from harness.errors import ExitCode
from harness.stop import Stop


@dataclass
class Heard:
    """What has been heard so far, and the stop that follows from it."""

    stop: Stop
    hang_up: bool = False
    ended_by: signal.Signals | None = None
    """The first signal that asked for the end."""

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of a night that was ended so."""
        return ExitCode.TERMINATED if self.ended_by is signal.SIGTERM else ExitCode.INTERRUPTED


@contextlib.contextmanager
def listening(stop: Stop) -> Iterator[Heard]:
    """Turn signals into ``stop`` and the returned record while the body runs; in the main thread only."""
    heard = Heard(stop)

    def end(number: int, _: FrameType | None) -> None:
        heard.ended_by = heard.ended_by or signal.Signals(number)
        stop.request()

    def hang_up(_number: int, _: FrameType | None) -> None:
        heard.hang_up = True

    before = {}
    for number, handler in ((signal.SIGINT, end), (signal.SIGTERM, end), (signal.SIGHUP, hang_up)):
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, handler)
    try:
        yield heard
    finally:
        for number, old in before.items():
            signal.signal(number, old)
