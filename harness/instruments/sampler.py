"""Our own instrument: one small process that reads the sensors while a workload runs. Standard library only.

``python -P -m harness.instruments.sampler SPEC.json`` records until its standard input ends; with ``--probe`` it opens
the sensors, prints as JSON what they would deliver, and ends.

::

    open sensors -> <name>.json "ready" -> |read each sensor at its own absolute deadlines              |-> finish
                                           |each 1.0 s: clock triple, rows written to its samples CSV   |   sensors,
                                           |each 0.5 s: status line (dropped while nobody takes it)     |   "ended"
                                           |at once: a status line when a source is lost, or nonsense  |

Ends in order at the end-of-file of its standard input and at SIGTERM; a source with a ``tail_s`` (a meter, whose power
comes late) has everything read on for so long before that. SIGINT and SIGHUP are passed over, since Ctrl-C and a closed
terminal are the orchestrator's to judge. A write that fails ends it at once, with a status line, a message
and exit code 74: an instrument that cannot record is lost, and says so.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import resource
import select
import signal
import stat
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import ExitCode, UsageError
from harness.instruments.credibility import Credibility
from harness.instruments.instrument import StatusLine
from harness.instruments.opening import Opened, open_sensors
from harness.instruments.recorder import Recorder
from harness.record import SAMPLER, InstrumentFiles, SamplerCost, encode
from harness.sensors.clock import CLOCK
from harness.sensors.sensor import Reading, Sensor, Site

FLUSH_NS = 1_000_000_000
STATUS_NS = 500_000_000
LATE_SHARE, LATE_NS = 0.1, 10_000_000
"""A read is late when it begins later than a tenth of its period, and than 10 ms, after its deadline."""
WRITE_FAILED = 74
"""Exit code (EX_IOERR of sysexits.h): the samples could not be written."""
_PIPE_BUF = 4096


@dataclass
class _Task:
    """Something done each ``period_ns``, at absolute deadlines."""

    due_ns: int
    period_ns: int
    act: Callable[[int], None]
    counted: bool = False
    """Whether it is one of the ticks by which the sampler's time-keeping is judged."""

    def advance(self, now_ns: int) -> int:
        """To the next deadline on the grid that is still to come; how many were left out."""
        missed = max(0, now_ns - self.due_ns) // self.period_ns
        self.due_ns += (missed + 1) * self.period_ns
        return missed


@dataclass
class _Keeping:
    """How well time was kept."""

    ticks: int = 0
    late: int = 0
    last_ns: int = 0
    longest_ns: int = 0


@dataclass
class Sampler:
    """The sampler of one run."""

    folder: Path
    opened: Opened
    recorder: Recorder
    credibility: Credibility
    output: int | None
    """Where status lines go; None once nobody listens."""
    name: str = SAMPLER
    lost: str = ""
    """Why a source counts as lost; the first reason stays."""
    started_ns: int = field(default_factory=time.monotonic_ns)
    keeping: _Keeping = field(default_factory=_Keeping)

    def run(self, stops: Sequence[int]) -> None:
        """Announce readiness and record until one of the descriptors ``stops`` ends; then the tail, and finish.

        Where a second one ends there is no tail, or no more of it.
        """
        now_ns = time.monotonic_ns()
        tasks = [
            _Task(sensor.start_ns or now_ns, max(1, round(sensor.period_s * 1e9)), self._reader(sensor), counted=True)
            for sensor in self.opened.sensors
        ]
        first_ns = max((task.due_ns for task in tasks), default=now_ns)  # the first status line follows the first reads
        tasks += [_Task(now_ns, FLUSH_NS, self._flush), _Task(first_ns, STATUS_NS, self._report)]
        self._announce("ready")
        until_ns, heard = math.inf, list(stops)
        while True:
            task = min(tasks, key=lambda item: item.due_ns)
            wait_s = max(0, min(task.due_ns, until_ns) - time.monotonic_ns()) / 1e9
            ready, _, _ = select.select(heard, [], [], wait_s)
            for descriptor in filter(_has_ended, ready):
                until_ns = time.monotonic_ns() + self._tail_ns if len(heard) == len(stops) else 0
                heard.remove(descriptor)
            now_ns = time.monotonic_ns()
            if now_ns >= until_ns:
                break
            if now_ns >= task.due_ns:
                self._keep_time(task, now_ns)
                task.act(now_ns)
                self._notice_loss()
                missed = task.advance(time.monotonic_ns())
                if task.counted:
                    self.keeping.ticks += missed
                    self.keeping.late += missed
        self._finish()

    @property
    def _tail_ns(self) -> int:
        """How long everything is read on after the end was asked for: what the slowest source needs."""
        return round(max((getattr(sensor, "tail_s", 0.0) for sensor in self.opened.sensors), default=0.0) * 1e9)

    def fail(self, message: str) -> None:
        """Say aloud that nothing can be recorded any more."""
        print(message, file=sys.stderr, flush=True)
        self._say(StatusLine(time.monotonic_ns(), rows=self.recorder.rows, trouble=message[:500]))

    def _reader(self, sensor: Sensor) -> Callable[[int], None]:
        return lambda now_ns: self._take(sensor.read(now_ns))

    def _take(self, readings: Sequence[Reading]) -> None:
        self.recorder.take(readings)  # first: what is doubted is evidence
        self.credibility.take(readings)

    def _keep_time(self, task: _Task, now_ns: int) -> None:
        keeping = self.keeping
        if keeping.last_ns:
            keeping.longest_ns = max(keeping.longest_ns, now_ns - keeping.last_ns)
        keeping.last_ns = now_ns
        if task.counted:
            keeping.ticks += 1
            keeping.late += now_ns - task.due_ns > max(LATE_NS, LATE_SHARE * task.period_ns)

    def _notice_loss(self) -> None:
        if self.lost:
            return
        reasons = [*(sensor.lost for sensor in self.opened.sensors), self.credibility.lost]
        if lost := "; ".join(filter(None, reasons)):
            self.lost = lost[:500]
            self._report(time.monotonic_ns())

    def _flush(self, _now_ns: int) -> None:
        self.recorder.take_clock(*CLOCK.moment())
        self.recorder.flush()

    def _report(self, now_ns: int) -> None:
        recorder = self.recorder
        self.credibility.look(now_ns)
        troubles = [*(sensor.trouble for sensor in self.opened.sensors), self.credibility.trouble]
        trouble = "; ".join(filter(None, troubles))
        power_W = {domain: round(value, 2) for domain, value in recorder.power_W(now_ns).items()}
        temperature_C, context = recorder.temperature_C(now_ns), recorder.context(now_ns)
        self._say(StatusLine(now_ns, power_W, temperature_C, context, recorder.rows, trouble[:500], self.lost))

    def _say(self, line: StatusLine) -> None:
        """One status line, whole or not at all: a pipe takes up to PIPE_BUF bytes in one piece."""
        text = json.dumps(asdict(line), separators=(",", ":")).encode() + b"\n"
        if len(text) > _PIPE_BUF:
            short = StatusLine(line.t_ns, rows=line.rows, trouble=line.trouble, lost=line.lost)
            text = json.dumps(asdict(short)).encode() + b"\n"
        if self.output is not None:
            try:
                os.write(self.output, text)
            except BlockingIOError:
                pass  # nobody takes them just now: this one is dropped
            except OSError:
                self.output = None  # nobody ever will; the end-of-file is on its way

    def _finish(self) -> None:
        if self.keeping.last_ns:
            self.keeping.longest_ns = max(self.keeping.longest_ns, time.monotonic_ns() - self.keeping.last_ns)
        for sensor in self.opened.sensors:
            self._take(sensor.finish(time.monotonic_ns()))
        self.credibility.look(time.monotonic_ns())
        self._flush(0)
        self._announce("ended")
        for sensor in self.opened.sensors:
            sensor.close()

    def _announce(self, state: str) -> None:
        body: dict[str, Any] = {
            "state": state,
            "pid": os.getpid(),
            "started_ns": self.started_ns,
            "channels": [asdict(channel) for channel in self.opened.channels],
            "missing": list(self.opened.missing),
            "lost": self.lost,
            "tail_s": self._tail_ns / 1e9,
        }
        if state == "ended":
            body |= {
                "ended_ns": time.monotonic_ns(),
                "rows": self.recorder.rows,
                "not_finite": self.recorder.not_finite,
                "cost": asdict(self._cost()),
                "sensors": {sensor.name: sensor.summary() for sensor in self.opened.sensors},
                "refresh_seen": self.recorder.refresh_seen(),
                "unchanged": self.credibility.summary(),
            }
        # Aside and renamed, but not fsynced: whoever settles the run takes it from here, and the disk is left alone.
        report = self.folder / InstrumentFiles(self.name).report
        aside = report.with_name(f"{report.name}.aside")
        aside.write_text(json.dumps(encode(body)), encoding="utf-8")
        aside.replace(report)

    def _cost(self) -> SamplerCost:
        """What this process has used since it began, its start-up included."""
        return SamplerCost(
            cpu_s=time.process_time(),
            wall_s=(time.monotonic_ns() - self.started_ns) / 1e9,
            ticks=self.keeping.ticks,
            late_ticks=self.keeping.late,
            longest_gap_s=self.keeping.longest_ns / 1e9,
            max_rss_B=_largest_rss_B(),
        )


def _has_ended(descriptor: int) -> bool:
    """Whether a control pipe is at its end, or a signal has come; other bytes mean nothing."""
    try:
        return os.read(descriptor, 4096) in (b"", bytes([signal.SIGTERM]))
    except OSError:
        return True


def _largest_rss_B() -> int:
    """The largest resident size of this very program; getrusage would count its parent's from before the exec."""
    try:
        with open("/proc/self/status", "rb") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith(b"VmHWM:"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _heed_signals() -> int:
    """Pass over SIGINT and SIGHUP; a descriptor that can be read once SIGTERM has come."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told)
    signal.signal(signal.SIGTERM, lambda *_: None)
    return heard


def _status_output() -> int:
    """Standard output, made not blocking where it is a pipe of our own."""
    mode = os.fstat(1).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        os.set_blocking(1, False)
    return 1


def _probe(opened: Opened) -> int:
    """Print what the sensors would deliver."""
    try:
        body = {
            "channels": [asdict(channel) for channel in opened.channels],
            "missing": opened.missing,
            "sensors": {sensor.name: sensor.summary() for sensor in opened.sensors},
            "by_sensor": {sensor.name: [item.name for item in sensor.channels] for sensor in opened.sensors},
        }
    finally:
        for sensor in opened.sensors:
            sensor.close()
    print(json.dumps(body))
    return ExitCode.DONE


def _refuse(opened: Opened) -> int:
    """Say why an instrument of one source has nothing to record."""
    for item in opened.missing:
        print(f"{item['sensor']}: {item['reason']}; remedy: {item['remedy']}", file=sys.stderr)
    return ExitCode.REFUSED


def _record(site: Site, opened: Opened, name: str, *, clocks: bool, started_ns: int, told: int) -> int:
    """Record until standard input ends or ``told`` can be read."""
    try:
        recorder = Recorder(site.run_folder, opened.channels, name, clocks=clocks)
        doubts = Credibility(opened.channels, recorder.refresh_seen_s, site.root)
        sampler = Sampler(site.run_folder, opened, recorder, doubts, _status_output(), name, started_ns=started_ns)
    except OSError as error:
        print(f"the samples cannot be written: {error}", file=sys.stderr)
        return WRITE_FAILED
    try:
        sampler.run((0, told))
    except OSError as error:
        sampler.fail(f"recording has ended, {site.run_folder} cannot be written: {error}")
        return WRITE_FAILED
    finally:
        with contextlib.suppress(OSError):
            recorder.flush()  # what was read before a defect showed itself
        recorder.close()
    return ExitCode.DONE


def main(arguments: Sequence[str]) -> int:
    """Record, or probe; returns the exit code."""
    started_ns = time.monotonic_ns()
    heard = _heed_signals()
    probing = list(arguments[:1]) == ["--probe"]
    try:
        spec = json.loads(Path(arguments[-1]).read_bytes())
        site = Site(
            run_folder=Path(spec["run_folder"]),
            plan_seed=spec.get("plan_seed", 0),
            slot=spec.get("slot", ""),
            configuration=spec.get("configuration", ""),
            root=Path(spec.get("root", "/")),
            hints=spec.get("hints", {}),
        )
        name, named, fallback = spec.get("instrument", SAMPLER), spec["sensors"], spec.get("fallback")
        clocks = bool(spec.get("clocks", True))
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        print(f"not a sampler's specification: {error}\n  where:  {' '.join(arguments)}", file=sys.stderr)
        return ExitCode.USAGE
    try:
        opened = open_sensors(named, fallback, site)
    except UsageError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if probing:
        return _probe(opened)
    if name != SAMPLER and opened.missing:
        return _refuse(opened)
    return _record(site, opened, name, clocks=clocks, started_ns=started_ns, told=heard)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
