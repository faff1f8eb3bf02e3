"""The live night: events in, a small display out; plain lines where there is no terminal. The home of rich in harness.

The display is drawn when something happened, at most each 2 s while a run goes on, and never by a thread: while a
workload is measured, the orchestrator has nothing to do on the processor. A terminal that goes away is no error; the
output moves to ``console.log`` of the night, as plain lines.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from harness.events import (
    BlockSettled,
    Event,
    NightEnded,
    NightStarted,
    RunSettled,
    RunStarted,
    StageStarted,
    Tick,
    Trouble,
    WaitStarted,
    WarmupStarted,
)
from harness.record import NightFolder
from harness.view import View, clock, duration, ending, now_line, printable, result_line

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

REFRESH_S = 2.0
"""Not more often while a run goes on."""
_BAR = 30


class Console:
    """Shows a night on a stream; ``quiet`` leaves only troubles and the end."""

    def __init__(
        self,
        stream: TextIO,
        *,
        quiet: bool = False,
        realtime_s: Callable[[], float] = time.time,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.view = View()
        self._stream = stream
        self._quiet = quiet
        self._realtime_s, self._monotonic_s = realtime_s, monotonic_s
        self._drawn_s = float("-inf")
        self._live: Live | None = None
        self._wants_live = not quiet and stream.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")

    def show(self, event: Event) -> None:
        """Show what happened; never raises because of the terminal."""
        self.view.take(event)
        try:
            self._show(event)
        except OSError:  # the terminal is gone
            self.move_to_log()
            self._lines(event)

    def move_to_log(self) -> None:
        """Leave the terminal, which is going or gone: plain lines into the night's console.log from now on.

        Descriptors 1 and 2 follow where they lead to a terminal or nowhere, so that nothing that is written later, a
        traceback for instance, fails for want of it.
        """
        live, self._live, self._wants_live = self._live, None, False
        if live is not None:
            with contextlib.suppress(OSError):
                live.stop()
        left = self._stream
        try:
            log = NightFolder(self.view.folder).console_log
            self._stream = open(log, "a", encoding="utf-8", buffering=1)  # noqa: SIM115 -- open until the process ends
        except OSError:
            self._stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 -- nowhere left to complain
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):
            with contextlib.suppress(OSError):
                if os.isatty(descriptor) or _broken(descriptor):
                    os.dup2(nowhere, descriptor)
                    with contextlib.suppress(OSError):
                        left.flush()  # what the terminal never took does not belong into the log, colours and all
                    os.dup2(self._stream.fileno(), descriptor)
        os.close(nowhere)

    def close(self) -> None:
        """End the display; what it showed last stays on the terminal."""
        live, self._live = self._live, None
        if live is not None:
            try:
                live.update(self._text(), refresh=True)
                live.stop()
            except OSError:
                self.move_to_log()

    def _show(self, event: Event) -> None:
        if not self._wants_live:
            self._lines(event)
            return
        if not self._stream.isatty():  # hung up: rich would pass over it in silence
            raise OSError(errno.EIO, "the terminal is gone")
        if isinstance(event, Tick) and self._monotonic_s() - self._drawn_s < REFRESH_S:
            return
        if self._live is None:
            from rich.console import Console as Terminal
            from rich.live import Live

            self._live = Live(
                console=Terminal(file=self._stream, highlight=False),
                auto_refresh=False, redirect_stdout=False, redirect_stderr=False,
            )  # fmt: skip
            self._live.start()
        if isinstance(event, Trouble):
            self._live.console.print(self._line(event), markup=False)
        self._live.update(self._text(), refresh=True)
        self._drawn_s = self._monotonic_s()
        if isinstance(event, NightEnded):
            self.close()
            self._stream.write(self._line(event) + "\n")
            self._stream.flush()

    def _lines(self, event: Event) -> None:
        if isinstance(event, Tick | StageStarted | RunStarted | BlockSettled):
            return
        if self._quiet and not isinstance(event, Trouble | NightEnded):
            return
        self._stream.write(self._line(event) + "\n")
        self._stream.flush()

    def _line(self, event: Event) -> str:
        """An event as one line for people."""
        return f"{clock(self._realtime_s())}  {self._sentence(event)}"

    def _sentence(self, event: Event) -> str:
        view = self.view
        match event:
            case NightStarted():
                verb = "goes on" if event.resumed else "begins"
                word = "REHEARSAL: " if event.rehearsal else ""
                left = event.slots - event.done
                return f"{word}{view.title}: the night {verb} in {event.folder}, {left} of {event.slots} runs to do"
            case WaitStarted():
                until = clock(event.until_realtime_s, self._realtime_s())
                return f"waits until {until} ({event.why}); Ctrl-C ends the wait, nothing is lost"
            case WarmupStarted():
                return f"warm-up for {duration(event.duration_s)}"
            case RunSettled():
                return f"{view.done}/{view.slots}  {result_line(event)}{self._finish()}"
            case Trouble():
                where = f"{event.run}: " if event.run else ""
                remedy = f" ({printable(event.remedy)})" if event.remedy else ""
                return f"{where}{printable(event.what)}{remedy}"
            case NightEnded():
                return ending(event)
        raise AssertionError(f"no sentence for {type(event).__name__}")

    def _finish(self) -> str:
        left_s = self.view.finish_in_s()
        if left_s is None or self.view.done >= self.view.slots:
            return ""
        return f" · finish about {clock(self._realtime_s() + left_s, self._realtime_s())}"

    def _text(self) -> Text:
        """The display: at most 4 + LAST_RUNS lines, each cut to the terminal's width by rich."""
        from rich.text import Text

        view = self.view
        text = Text(no_wrap=True, overflow="ellipsis")
        if view.rehearsal:
            text.append("REHEARSAL ", style="bold yellow")
        text.append(view.title, style="bold")
        filled = _BAR * view.done // max(view.slots, 1)
        text.append(f"\n{'━' * filled}", style="green")
        text.append("━" * (_BAR - filled), style="bright_black")
        done = f", {view.done} done" if view.done != view.valid else ""
        text.append(f" {view.valid} of {view.slots} runs valid{done}, {view.slots - view.done} left{self._finish()}")
        if view.stage or view.run:
            text.append(f"\nnow   {now_line(view)}")
        for number, line in enumerate(view.last):
            text.append(
                f"\n{'last' if number == 0 else '':6}{line}", style="bright_black" if line.endswith("ok") else ""
            )
        if view.counts:
            text.append("\n" + " · ".join(f"{count} {word}" for word, count in view.counts.items()), style="yellow")
        if view.trouble:
            text.append(f"\n{view.trouble}", style="yellow")
        return text


def _broken(descriptor: int) -> bool:
    """Whether nothing reads this descriptor's pipe any more."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(mask & (select.POLLERR | select.POLLNVAL) for _, mask in poll.poll(0))
