"""Starts and watches one instrument process: readiness, status lines, loss, and its end.

The contract with the process is drawn in ``harness.instruments.instrument``. Silence is counted in looks: between two
of them at most LOOK_S counts, so that a pause of the whole machine, or of this process alone, is not taken for the
silence of an instrument, which then still has the time of some heartbeats to speak.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

from harness.child import Child, tail_of
from harness.errors import ExitCode, RunFault, SensorMissing
from harness.instruments.instrument import Instrument, StatusLine
from harness.record import SAMPLER

LOOK_S = 0.75
"""How long it may be until the next look: half as long again as the instruments' heartbeat."""
HUNG_S = 2.0
"""How long one that fell silent may take over its end before force is used."""


@dataclass(frozen=True)
class Loss:
    """That an instrument was lost."""

    why: str
    since_ns: int
    """Until when it was well, as far as is known (CLOCK_MONOTONIC): its last word where it fell silent."""


@dataclass(frozen=True)
class InstrumentEnd:
    """How an instrument ended."""

    exit_code: int | None
    """None: it hangs in the kernel and was left behind."""
    fault: str = ""
    """What is to be said of that; "" where it ended in order."""


class Sidecar:
    """One running instrument."""

    def __init__(self, instrument: Instrument, folder: Path) -> None:
        """Start it; its standard error goes to ``<name>.stderr.log`` in ``folder``."""
        self.instrument = instrument
        self.stderr = folder / f"{instrument.name}.stderr.log"
        self.status = StatusLine(t_ns=0)
        """The last status line."""
        try:
            self.child = Child(instrument.command, self.stderr)
        except OSError as error:
            raise SensorMissing(
                f"instrument {instrument.name} cannot be started: {error.strerror}", where=instrument.command[0]
            ) from error
        self._started_s = self._heard_s = self._looked_s = time.monotonic()
        self._silent_s = 0.0
        self._fell_silent = False
        self._ready_s: float | None = None
        self._samples_B = -1
        self._loss: Loss | None = None

    def listen(self) -> None:
        """Take in the status lines that came; never blocks. A line that is none is passed over."""
        for line in self.child.lines():
            try:
                self.status = StatusLine.from_json(json.loads(line))
            except (ValueError, TypeError, AttributeError):
                continue
            self._hear()

    def ready(self) -> bool:
        """Whether it records; raises when it has gone or takes too long."""
        if self._ready_s is not None:
            return True
        if self.instrument.ready_file.exists():
            self._ready_s = time.monotonic()
            self._hear()
            return True
        name = self.instrument.name
        if self.child.exit_code is not None:
            fault = SensorMissing if self.child.exit_code == ExitCode.REFUSED else RunFault
            raise fault(
                f"instrument {name} ended before it was ready, with exit code {self.child.exit_code}",
                where=tail_of(self.stderr) or str(self.stderr),
                remedy="nightwatt check shows what this machine can measure",
            )
        if time.monotonic() - self._started_s > self.instrument.ready_s:
            raise RunFault(
                f"instrument {name} is not ready after {self.instrument.ready_s:g} s",
                where=tail_of(self.stderr) or str(self.stderr),
                remedy="nightwatt check shows what this machine can measure",
            )
        return False

    def has_spoken(self, patience_s: float) -> bool:
        """Whether its first status line has come, or is no longer to be waited for once it is ready."""
        self.listen()
        if self.status.t_ns or not self.instrument.status_lines:
            return True
        return self._ready_s is not None and time.monotonic() - self._ready_s > patience_s

    def lost(self) -> Loss | None:
        """That this instrument is lost, for good; None while it is not. First ``listen``: a line may wait unheard."""
        self._loss = self._loss or self._see_loss()
        return self._loss

    @property
    def due_s(self) -> float:
        """In how many seconds ``lost`` wants to be asked again, however little happens; infinite once it is lost."""
        if self._loss is not None:
            return math.inf
        patience_s = max(0.0, self.instrument.silence_s - self._silent_s)
        return max(0.0, min(LOOK_S, patience_s) - (time.monotonic() - self._looked_s))

    @property
    def tail_s(self) -> float:
        """For how long it reads on once it was asked to end, as it has said when it was ready."""
        try:
            return float(json.loads(self.instrument.ready_file.read_bytes()).get("tail_s", 0.0))
        except (OSError, ValueError, TypeError, AttributeError):
            return 0.0

    def stop(self, patience_s: float, *, tail: bool = True) -> InstrumentEnd:
        """Ask it to end and wait, after ``patience_s`` beyond its tail use force; one that fell silent gets less.

        ``tail`` false: it need not read on, nobody wants to know.
        """
        if self._fell_silent:
            self.child.wake()
            patience_s = min(patience_s, HUNG_S)
        elif tail:
            patience_s += self.tail_s
        elif self.tail_s:
            self.child.hurry()
        code = self.child.end(patience_s)
        self.listen()
        if code is None:
            return InstrumentEnd(None, "hangs, not even SIGKILL ended it")
        if self.child.forced:
            return InstrumentEnd(code, "had to be ended by force")
        return InstrumentEnd(code, self._exit() if code else "")

    def close(self) -> None:
        """Give its descriptors back."""
        self.child.close()

    def _see_loss(self) -> Loss | None:
        name, now_s = self.instrument.name, time.monotonic()
        if self.child.exit_code is not None:
            return Loss(f"{name} {self._exit()}", time.monotonic_ns())
        if self.status.lost:
            why = f"{name}: {self.status.lost}" if name != SAMPLER else self.status.lost
            return Loss(why, time.monotonic_ns())
        if not self.instrument.status_lines:
            self._watch_samples()
        self._silent_s += min(now_s - self._looked_s, LOOK_S)
        self._looked_s = now_s
        if self._silent_s < self.instrument.silence_s:
            return None
        self._fell_silent = True
        return Loss(f"{name} has said nothing for {now_s - self._heard_s:.1f} s", round(self._heard_s * 1e9))

    def _hear(self) -> None:
        """Take note of a sign of life."""
        self._heard_s = self._looked_s = time.monotonic()
        self._silent_s = 0.0

    def _exit(self) -> str:
        """How it ended by itself, in words."""
        return f"ended with exit code {self.child.exit_code}: {tail_of(self.stderr, lines=1) or 'no message'}"

    def _watch_samples(self) -> None:
        try:
            size_B = self.instrument.samples_file.stat().st_size
        except FileNotFoundError:
            return
        if size_B != self._samples_B:
            self._samples_B = size_B
            self._hear()
