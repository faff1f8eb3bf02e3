"""One slot -> one run folder: prepare, gate, start instruments, launch, settle, judge.

::

    execute(order, stop)
      |  <run>.partial made
      |-- prepare     the hook, under a keeper of its own
      |-- (start)     instruments and the workload's keeper, side by side; go on when all instruments record
      |-- cooldown    minimum_s since the end of the previous workload, or until the temperature is right
      |-- baseline    idle, if the slot has one
      |-- workload    "go" to the keeper; wait for: its end | an instrument's loss | a stop | the display's tick
      |-- settle      instruments stopped; cleanup hook; samples sealed; judged; run.json; transient files removed
      v  renamed to <run>   (or <run>.interrupted when it was stopped)

    time -->  ...previous workload|   cooldown   | baseline |####### workload #######|settle
              instruments           |<=========== records everything =================>|

The workload's working directory is a scratch folder inside the run folder; what it leaves there stays with the run.
Hooks run under a keeper too: what they leave running is ended, so a hook sets a state, it does not start a service.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Generator, Iterator, Mapping

from harness.child import tail_of
from harness.course import Course, quick_energy_J, record_of
from harness.errors import NightwattError
from harness.events import Event, RunSettled, RunStarted, StageStarted, Tick, Trouble
from harness.gates import Decision, may_start
from harness.instruments.instrument import StatusLine
from harness.keeping import Keeping
from harness.launch import hook_fault, keep_hook, keep_workload
from harness.marks import current_phase, find_window, read_marks
from harness.order import RunOrder
from harness.protocol_model import Cooldown, Hook
from harness.record import (
    MARKS_JSONL,
    PARTIAL,
    STDERR_LOG,
    Cause,
    Level,
    Phase,
    Status,
    Verdict,
)
from harness.recording import Recording, instruments_of
from harness.run_folder import make, publish, set_aside
from harness.sealing import SEALER_LOG, Sealer
from harness.stop import Stop
from harness.watch import Watch

__all__ = ["RunOrder", "execute", "set_aside"]

READY_POLL_S = 0.01
"""How often to look whether the instruments are ready; only before the launch, when nothing is measured yet."""
FIRST_STATUS_S = 1.0
"""How long to wait for an instrument's first words once it is ready, where a gate looks at the temperature in them."""
INSTRUMENT_STOP_S = 10.0
"""How long the instruments may take over their last readings and their summaries before they are ended by force."""
STDERR_TAIL_B = 1 << 16
"""How much of the end of a workload's standard error is searched for what killed it."""
OVERDUE_S = 60.0
"""How long after its own time limit and grace a keeper may still be busy before it counts as hanging itself."""
LAST_CLEANUP_S = 5.0
"""How long the cleanup hook may take when everything is to end at once."""


def execute(order: RunOrder, stop: Stop, sealer: Sealer | None = None) -> Iterator[Event]:
    """Carry out one attempt; the first event is RunStarted, the last RunSettled.

    An attempt that was stopped is settled too: status ``interrupted``, in ``<run>.interrupted``. Raises RunFault or
    another NightwattError when something outside the workload made the attempt impossible; the ``.partial`` folder
    then stays for ``set_aside``. Whatever happens, no process of this attempt is left when this generator is closed.
    ``sealer`` outlives the attempt and spares it the start of one; left out, the attempt has its own.
    """
    if sealer is None:
        with contextlib.closing(Sealer(order.night.journal / SEALER_LOG)) as own:
            yield from execute(order, stop, own)
        return
    attempt = _Attempt(order, stop, sealer)
    try:
        yield from attempt.carry_out()
    finally:
        attempt.close()


class _Attempt:
    """One attempt in progress."""

    def __init__(self, order: RunOrder, stop: Stop, sealer: Sealer) -> None:
        self.order, self.stop, self.sealer, self.course = order, stop, sealer, Course()
        self.run = str(order.name)
        self.final = order.night.runs / self.run
        self.partial = self.final.with_name(self.run + PARTIAL)
        self.marks_path = self.partial / MARKS_JSONL
        self.instruments: Recording | None = None
        self.workload: Keeping | None = None
        self.hook: Keeping | None = None
        self.recording = self.settling = self.cleanup_due = self.stop_told = False
        self.level = 0
        self.trouble = ""
        self.watch = Watch(stop, self._notice, self._glance)

    def carry_out(self) -> Iterator[Event]:
        order = self.order
        make(self.partial)
        yield RunStarted(self.run, order.slot.key, order.name.attempt, order.slot.configuration, order.slot.block)
        self._notice()
        if order.prepare is not None and self.course.cut is None:
            yield from self._prepare(order.prepare)
        if self.course.cut is None:
            yield from self._start()
        if order.cooldown is not None and self.course.cut is None:
            yield from self._cool_down(order.cooldown)
        if order.baseline_s is not None and self.course.cut is None:
            yield from self._baseline(order.baseline_s)
        if self.course.cut is None:
            yield from self._work()
        yield from self._settle()

    def close(self) -> None:
        """End whatever is still there: nothing is after an attempt that was settled."""
        for kept in (self.hook, self.workload):
            if kept is not None:
                if not kept.gone():
                    kept.end(at_once=self.stop.level >= Stop.HIGHEST)
                    kept.child.end(self.order.grace_s + OVERDUE_S)
                kept.close()
        if self.instruments is not None:
            self.instruments.stop(INSTRUMENT_STOP_S)
            self.instruments.close()
        self.watch.close()
        self.watch, self.settling = Watch(self.stop, self._notice, self._glance), True
        with contextlib.suppress(NightwattError, OSError):  # the fault that brought us here is the one to tell
            for _ in self._clean_up():
                pass
        self.watch.close()

    # -- before and during the workload -------------------------------------------------------------------------------

    def _prepare(self, hook: Hook) -> Iterator[Event]:
        self.cleanup_due = True
        fault = yield from self._run_hook("prepare", hook, hook.timeout_s)
        if fault and self.course.cut is None:
            self.course.verdicts.append(Verdict("prepare", Cause.MEASUREMENT, Level.INVALID, evidence=fault))
            self.course.cut = Status.REFUSED, fault

    def _start(self) -> Iterator[Event]:
        """Start instruments and keeper side by side; the attempt goes on when all instruments record."""
        order = self.order
        self.cleanup_due = True
        self.instruments = Recording(order, self.partial)
        for sidecar in self.instruments:
            self.watch.hear(sidecar.child, sidecar.listen)
        if self.instruments:
            self.sealer.start()
        self.workload = keep_workload(order, self.partial)
        if self.instruments:
            yield from self.watch.until("start", self._all_record, lambda: READY_POLL_S)
            self.recording = True

    def _all_record(self) -> bool:
        """Whether the attempt can go on; a gate that looks at temperatures needs the instruments' first words too.

        A sealer that has just been started must be asleep again: nothing of ours shall run beside the workload.
        """
        assert self.instruments is not None
        if self.course.cut is not None or not (self.instruments.ready() and self.sealer.ready()):
            return self.course.cut is not None
        looks_at_temperature = self.order.cooldown is not None and self.order.cooldown.until == "temperature"
        return not looks_at_temperature or self.instruments.have_spoken(FIRST_STATUS_S)

    def _cool_down(self, cooldown: Cooldown) -> Iterator[Event]:
        origin_ns = self.course.started_ns if self.order.previous_end_ns is None else self.order.previous_end_ns

        def decide() -> Decision:
            rested_s = (time.monotonic_ns() - origin_ns) / 1e9
            self.course.decision = may_start(cooldown, rested_s, self._temperature_C(), self.order.temperature_target)
            return self.course.decision

        with self._staged("cooldown"):
            yield StageStarted(self.run, "cooldown", decide().wait_s)
            yield from self.watch.until(
                "cooldown", lambda: self.course.cut is not None or decide().start, lambda: decide().wait_s
            )

    def _baseline(self, baseline_s: float) -> Iterator[Event]:
        end_s = time.monotonic() + baseline_s
        with self._staged("baseline"):
            yield StageStarted(self.run, "baseline", baseline_s)
            yield from self.watch.until(
                "baseline",
                lambda: self.course.cut is not None or time.monotonic() >= end_s,
                lambda: end_s - time.monotonic(),
            )

    def _work(self) -> Iterator[Event]:
        assert self.workload is not None
        workload = self.workload
        if workload.gone():
            workload.ending(0)  # raises: it has launched nothing
        yield StageStarted(self.run, "workload")
        overdue_s = time.monotonic() + self.order.timeout_s + self.order.grace_s + OVERDUE_S

        def over() -> bool:
            if time.monotonic() > overdue_s and not workload.gone():
                os.kill(workload.child.pid, signal.SIGKILL)
            return workload.gone()

        self.watch.hear(workload.child, workload.listen)
        workload.go()
        yield from self.watch.until("workload", over)
        self.watch.forget(workload.child)

    # -- after it -----------------------------------------------------------------------------------------------------

    def _settle(self) -> Iterator[Event]:
        self.settling = True
        course, instruments = self.course, self.instruments
        if instruments:
            instruments.let_go()
        if self.workload is not None:
            course.ending = self.workload.ending(self.order.grace_s + OVERDUE_S)
        seals = bool(instruments) and not (course.interrupted and self.stop.level >= Stop.HIGHEST)
        yield StageStarted(self.run, "settle")
        course.stderr_tail = tail_of(self.partial / STDERR_LOG, lines=10_000, size_B=STDERR_TAIL_B)
        if course.ending is not None and course.ending.launched_ns is not None and course.ending.exited_ns is not None:
            begin_ns, end_ns = course.ending.launched_ns, course.ending.exited_ns
            course.stages.append(Phase("workload", begin_ns, end_ns))
            course.marks = read_marks(self.marks_path, begin_ns, end_ns)
            course.window = find_window(course.marks, self.order.window, begin_ns, end_ns)
        if instruments:
            for sidecar in instruments:
                self.watch.forget(sidecar.child)
            course.instrument_exits = instruments.stop(INSTRUMENT_STOP_S)
        yield from self._clean_up()
        if seals:
            sealer = self.sealer
            sealer.order(self.partial, course.window, course.ending.launched_ns if course.ending is not None else None)
            self.watch.hear(sealer.child, sealer.listen)
            yield from self.watch.until("settle", sealer.answered)
            self.watch.forget(sealer.child)
            course.samples = sealer.summary()
        record = record_of(self.order, course, self.partial)
        final = None if record.status is Status.INTERRUPTED else self.final
        path = publish(record, self.partial, final, tuple(instruments_of(self.order)))
        yield RunSettled(self.run, path, record, quick_energy_J(record, course.samples))

    def _clean_up(self) -> Iterator[Event]:
        """Run the cleanup hook if anything was prepared; also after a stop, since it may restore a power limit."""
        hook = self.order.cleanup
        if hook is None or not self.cleanup_due:
            return
        self.cleanup_due = False
        hurried = self.stop.level >= Stop.HIGHEST
        limit_s = min(hook.timeout_s, LAST_CLEANUP_S) if hurried else hook.timeout_s
        self.course.cleanup_fault = yield from self._run_hook("cleanup", hook, limit_s)

    # -- what all of them use -----------------------------------------------------------------------------------------

    def _notice(self) -> None:
        """See what has happened: a wish to stop, a lost instrument; pass it on to what is running."""
        if self.stop.level > self.level:
            self.level = self.stop.level
            at_once = self.level >= Stop.HIGHEST
            if not self.settling:
                self.course.cut = self.course.cut or (Status.INTERRUPTED, "the night was stopped while it ran")
                if self.workload is not None:
                    self.workload.end(at_once)
            if self.hook is not None and (at_once or not self.settling):
                self.hook.end(at_once)
        if self.recording and not self.settling and not self.course.lost and self.instruments is not None:
            self.course.lost = self.instruments.lost()
            if self.course.lost and self.order.on_lost == "end":
                self.course.cut = self.course.cut or (Status.LOST_INSTRUMENT, self.course.lost)
                if self.workload is not None:
                    self.workload.end(at_once=False)

    def _glance(self, stage: str, stage_s: float) -> Iterator[Event]:
        status = self.instruments.status if self.instruments is not None else StatusLine(t_ns=0)
        if status.trouble and status.trouble != self.trouble:
            yield Trouble(status.trouble, run=self.run)
        self.trouble = status.trouble
        if self.level and not self.stop_told:
            self.stop_told = True
            yield Trouble(
                f"the night is being stopped: the workload has {self.order.grace_s:g} s to end by itself",
                remedy="nothing to do; a second Ctrl-C ends it at once",
                run=self.run,
            )
        phase = current_phase(self.marks_path) if stage == "workload" else ""
        yield Tick(self.run, stage, stage_s, phase, status.power_W, status.temperature_C)

    def _temperature_C(self) -> Mapping[str, float]:
        if self.instruments is None:
            return {}
        self.instruments.listen()
        return self.instruments.status.temperature_C

    @contextlib.contextmanager
    def _staged(self, name: str) -> Iterator[None]:
        begin_ns = time.monotonic_ns()
        yield
        self.course.stages.append(Phase(name, begin_ns, time.monotonic_ns()))

    def _run_hook(self, name: str, hook: Hook, timeout_s: float) -> Generator[Event, None, str]:
        """Run a hook to its end; returns what went wrong, "" if nothing did."""
        yield StageStarted(self.run, name)
        with self._staged(name):
            keeping = self.hook = keep_hook(self.order, self.partial, name, hook.command, timeout_s)
            self.watch.hear(keeping.child, keeping.listen)
            keeping.go()
            yield from self.watch.until(name, keeping.gone)
            self.watch.forget(keeping.child)
        ending = keeping.ending(self.order.grace_s + OVERDUE_S)
        keeping.close()
        self.hook = None
        return hook_fault(keeping.kept, ending)
