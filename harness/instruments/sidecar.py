"""Starts and watches one instrument process: readiness, status lines, loss, and its end.

The contract with the process is drawn in ``harness.instruments.instrument``.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from harness.child import Child, tail_of
from harness.errors import ExitCode, RunFault, SensorMissing
from harness.instruments.instrument import Instrument, StatusLine
from harness.record import SAMPLER


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
        self._started_s = self._heard_s = time.monotonic()
        self._ready_s: float | None = None
        self._samples_B = -1

    def listen(self) -> None:
        """Take in the status lines that came; never blocks. A line that is none is passed over."""
        for line in self.child.lines():
            try:
                self.status = StatusLine.from_json(json.loads(line))
            except (ValueError, TypeError, AttributeError):
                continue
            self._heard_s = time.monotonic()

    def ready(self) -> bool:
        """Whether it records; raises when it has gone or takes too long."""
        if self._ready_s is not None:
            return True
        if self.instrument.ready_file.exists():
            self._ready_s = self._heard_s = time.monotonic()
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

    def lost(self) -> str:
        """Why this instrument counts as lost, "" if it does not; call ``listen`` first: a line may wait unheard."""
        name = self.instrument.name
        if self.child.exit_code is not None:
            return (
                f"{name} ended with exit code {self.child.exit_code}: {tail_of(self.stderr, lines=1) or 'no message'}"
            )
        if self.status.lost:
            return f"{name}: {self.status.lost}" if name != SAMPLER else self.status.lost
        now_s = time.monotonic()
        if not self.instrument.status_lines:
            self._watch_samples(now_s)
        silent_s = now_s - self._heard_s
        return f"{name} has said nothing for {silent_s:.1f} s" if silent_s > self.instrument.silence_s else ""

    def stop(self, patience_s: float) -> int | None:
        """Ask it to end and wait, after ``patience_s`` use force; returns its exit code (None: it hangs)."""
        code = self.child.end(patience_s)
        self.listen()
        return code

    def close(self) -> None:
        """Give its descriptors back."""
        self.child.close()

    def _watch_samples(self, now_s: float) -> None:
        try:
            size_B = self.instrument.samples_file.stat().st_size
        except FileNotFoundError:
            return
        if size_B != self._samples_B:
            self._samples_B, self._heard_s = size_B, now_s
