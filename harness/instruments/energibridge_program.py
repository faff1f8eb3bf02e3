"""EnergiBridge's binary: found, asked its release, started around a sleeper of its own, watched, and ended whole.

::

    our sampler --(pipe)--> energibridge -o FILE … --- sleeper: reads the pipe's end-of-file, then exits
                            \\____________ a process group of their own ___________/

EnergiBridge ends when its child does, so closing the pipe ends both in order; the same end-of-file comes when our
sampler is killed. The workload is never its child: when EnergiBridge panics or is told to stop, its child goes on
unmeasured. What does not end in order is killed by its group; the sleeper sees to that too when nobody else is left.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.child import tail_of
from harness.errors import SensorMissing

SLEEPER = ("/bin/sh", "-c", "cat >/dev/null; (sleep 2; kill -KILL 0) >/dev/null 2>&1 & exit 0")
"""Waits for the end of its standard input and exits; two seconds later it ends what is left of its process group."""
LOG = "energibridge.program.stderr.log"
"""What EnergiBridge prints; in the run's folder, from which it is tidied away when it is empty."""
VERSION_S = 10.0
"""How long it may take to say which release it is."""
POLL_S = 0.02
"""How often to look whether it has gone; only before and after a run."""
_QUOTED = 300

WHERE = "take the release for this system from github.com/tdurieux/EnergiBridge, or build it there (cargo build -r)"
_CHATTER = re.compile(r"^(note: run with|\[WARNING\]|stack backtrace)|^\s*$")


def find_program(named: str) -> Path:
    """The binary: a path, or a name in PATH; raises SensorMissing with where to get it."""
    remedy = f"{WHERE}, put it on PATH or name it: [instruments.energibridge] program"
    path = Path(named).expanduser()
    if os.sep not in named:
        found = shutil.which(named)
        if found is None:
            raise SensorMissing(f"no program {named!r} on PATH", remedy=remedy)
        return Path(found)
    if not path.exists():
        raise SensorMissing(f"there is no {path}", where=str(path), remedy=remedy)
    if path.is_dir() or not os.access(path, os.X_OK):
        raise SensorMissing(f"{path} cannot be executed", where=str(path), remedy=f"chmod +x {path}; or {WHERE}")
    return path.absolute()


def version_of(program: Path) -> tuple[int, ...]:
    """Its release, (0, 0, 7); () where it does not say. Raises SensorMissing where it cannot be started."""
    try:
        done = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=VERSION_S, check=False, start_new_session=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return ()
    except OSError as error:
        raise _cannot_start(program, error) from error
    found = re.search(rb"energibridge\D{0,3}(\d+(?:\.\d+)+)", done.stdout, re.IGNORECASE)
    return tuple(int(part) for part in found[1].split(b".")) if found and done.returncode == 0 else ()


class Program:
    """One running EnergiBridge."""

    def __init__(self, program: Path, options: Sequence[str], log: Path) -> None:
        """Start it with ``options`` around its sleeper, what it prints into ``log``; raises SensorMissing."""
        self._log = log
        with open(log, "ab") as output:
            try:
                self._process = subprocess.Popen(
                    [program, *options, *SLEEPER],
                    stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise _cannot_start(program, error) from error
        self.pid = self._process.pid

    def gone(self) -> bool:
        """Whether it has ended. It is not reaped here: until then nobody else's group can have its number."""
        if self._process.returncode is not None:
            return True
        if not hasattr(os, "waitid"):
            return self._process.poll() is not None
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def end(self, patience_s: float, grace_s: float = 1.0) -> str:
        """End it and its group: by its sleeper, after ``patience_s`` by SIGTERM, after ``grace_s`` by SIGKILL.

        Returns how it ended, in words.
        """
        self._let_go()
        if not self._wait(self.gone, patience_s) and grace_s:
            self._signal(signal.SIGTERM)
            self._wait(self.gone, grace_s)
        self._signal(signal.SIGKILL)  # whatever it left: an orphaned sleeper, or itself
        self._wait(self.gone, 2.0)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0)
        with contextlib.suppress(OSError):
            if not self._log.stat().st_size:
                self._log.unlink()
        return self.how()

    def how(self) -> str:
        """How it ended, in words, with the last thing it said; only after ``end``."""
        code = self._process.returncode
        if code is None:
            how = "hangs and cannot be ended"
        elif code < 0:
            how = f"was ended by {_signal_name(-code)}"
        else:
            how = f"ended with exit code {code}"
        said = self.said()
        return f"{how}: {said}" if said else how

    def said(self) -> str:
        """Its last words, in one line; "" where it said nothing of use."""
        lines = [line.strip() for line in tail_of(self._log, lines=20).splitlines() if not _CHATTER.search(line)]
        start = max((place for place, line in enumerate(lines) if "panicked at" in line), default=len(lines) - 2)
        return " ".join(lines[max(0, start) :])[:_QUOTED]

    def _let_go(self) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def _signal(self, number: signal.Signals) -> None:
        """Signal its group; for as long as it is not reaped, the group's number is its own."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def _wait(self, over: Callable[[], bool], patience_s: float) -> bool:
        until_s = time.monotonic() + patience_s
        while not over():
            if time.monotonic() >= until_s:
                return False
            time.sleep(POLL_S)
        return True


def remedy_for(said: str, program: Path, root: Path, interval_s: float) -> str:
    """What helps against the ways in which EnergiBridge fails, by its own words; the rights that it needs, else."""
    msr = root / "dev/cpu/0/msr"
    if "overflow when subtracting durations" in said:
        return f"it could not read each {interval_s * 1000:g} ms: raise instruments.energibridge.interval_ms"
    if re.search(r"No space left|StorageFull", said):
        return "free some disk space"
    if "SystemTimeError" in said or "second time provided was later" in said:
        return "the wall clock was set back while it ran: let the time daemon finish before the night"
    if "Input/output error" in said:
        return (
            "the processor, or the virtual machine, lacks a register that EnergiBridge always reads;"
            " [sensors.rapl] takes what there is"
        )
    if re.search(r"PermissionDenied|Permission denied|Operation not permitted|NotFound|No such file|PP0|RAPL", said):
        load = "" if msr.exists() else "sudo modprobe msr; "
        return (
            f"it reads the processor's registers: {load}sudo chgrp msr /dev/cpu/*/msr; sudo chmod g+r /dev/cpu/*/msr"
            f" (you in the group msr; until the next start); sudo setcap cap_sys_rawio=ep {program};"
            " virtual machines have no such registers"
        )
    return f"try it by hand: {program} -o /tmp/try.csv sleep 1; or {WHERE}"


def _cannot_start(program: Path, error: OSError) -> SensorMissing:
    what = f"{program} cannot be started: {error.strerror or error}"
    return SensorMissing(what, where=str(program), remedy=f"is it the release for this system? {WHERE}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
