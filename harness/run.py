"""One slot -> one run folder: prepare, gate, start instruments, launch, settle, judge.

::

    execute(order, stop)
      |  <run>.partial made
      |-- prepare     the hook, under a keeper of its own
      |-- (start)     instruments and the workload's keeper, side by side; go on when all instruments record
      |-- cooldown    minimum_s since the end of the previous workload     (these three: ``harness.waits``)
      |-- gates       until everything is as it must be, the temperature too; out of budget: refused
      |-- baseline    idle, if the slot has one
      |-- workload    "go" to the keeper; wait for: its end | an instrument's loss | a stop | the display's tick
      |-- settle      instruments stopped; cleanup hook; samples sealed; judged; run.json; transient files removed
      v  renamed to <run>   (or <run>.interrupted when it was stopped)

    time -->  ...previous workload|cooldown, gates| baseline |###### workload #######|settle
              instruments           |<=========== records everything =================>|

The workload's working directory is a scratch folder inside the run folder; what it leaves there stays with the run.
Hooks run under a keeper too: what they leave running is ended, so a hook sets a state, it does not start a service.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import time
from collections.abc import Callable, Generator, Iterator

from harness.child import tail_of
from harness.course import Course, not_announced, record_of
from harness.endings import LAST_LINES
from harness.errors import NightwattError
from harness.events import Event, RunSettled, RunStarted, StageStarted, Tick, Trouble
from harness.gates.opening import needs_words
from harness.instruments.instrument import StatusLine
from harness.instruments.sidecar import Loss
from harness.keeping import Ending, Keeping
from harness.launch import hook_fault, keep_hook, keep_workload
from harness.marks import current_phase, find_window, read_marks
from harness.order import RunOrder
from harness.protocol_model import Hook
from harness.quick_energy import quick_energy_J
from harness.record import (
    MARKS_JSONL,
    PARTIAL,
    STDERR_LOG,
    STDOUT_LOG,
    Phase,
    Status,
)
from harness.recording import Recording, instruments_of
from harness.run_folder import make, publish, set_aside
from harness.sealing import SEALER_LOG, Sealer
from harness.stop import Stop
from harness.verdicts import UNMOVED
from harness.waits import Waits
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
        self.recording = self.launched = self.settling = self.cleanup_due = False
        self.stop_told = self.loss_told = False
        self.level = 0
        self.trouble = ""
        self.watch = Watch(stop, self._notice, self._glance, self._due_s)
        self.waits = Waits(order, self.course, self.watch, self._status, self._run_hook)

    def carry_out(self) -> Iterator[Event]:
        order = self.order
        make(self.partial)
        yield RunStarted(self.run, order.slot.key, order.name.attempt, order.slot.configuration, order.slot.block)
        self._notice()
        if order.prepare is not None and self.course.cut is None:
            yield from self._prepare(order.prepare)
        if self.course.cut is None:
            yield from self._start()
        yield from self.waits.all()
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
            self.course.verdicts.append(UNMOVED.verdict("prepare", evidence=fault))
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
            if self.course.cut is None and (why := not_announced(order, self.partial)):
                self._lose(Loss(why, time.monotonic_ns()))

    def _all_record(self) -> bool:
        """Whether the attempt can go on; a gate may need the instruments' first words too.

        A sealer that has just been started must be asleep again: nothing of ours shall run beside the workload.
        """
        assert self.instruments is not None
        if self.course.cut is not None or not (self.instruments.ready() and self.sealer.ready()):
            return self.course.cut is not None
        return not needs_words(self.order) or self.instruments.have_spoken(FIRST_STATUS_S)

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
        self.launched = True
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
        if course.lost:
            yield from self._tell_loss()
        seals = bool(instruments) and not (course.interrupted and self.stop.level >= Stop.HIGHEST)
        yield StageStarted(self.run, "settle")
        course.stderr_tail = tail_of(self.partial / STDERR_LOG, lines=10_000, size_B=STDERR_TAIL_B)
        course.stdout_tail = tail_of(self.partial / STDOUT_LOG, lines=LAST_LINES)
        if course.ending is not None and course.ending.launched_ns is not None and course.ending.exited_ns is not None:
            begin_ns, end_ns = course.ending.launched_ns, course.ending.exited_ns
            course.stages.append(Phase("workload", begin_ns, end_ns))
            course.marks = read_marks(self.marks_path, begin_ns, end_ns)
            course.window = find_window(course.marks, self.order.window, begin_ns, end_ns)
        if instruments:
            for sidecar in instruments:
                self.watch.forget(sidecar.child)
            course.instrument_ends = instruments.stop(INSTRUMENT_STOP_S, tail=not course.interrupted)
        yield from self._clean_up()
        if seals:
            sealer = self.sealer
            ending = course.ending or Ending("told")
            sealer.order(self.partial, course.window, ending.launched_ns, ending.exited_ns)
            self.watch.hear(sealer.child, sealer.listen)
            yield from self.watch.until("settle", sealer.answered)
            self.watch.forget(sealer.child)
            course.samples = sealer.summary()
        record = record_of(self.order, course, self.partial)
        final = None if record.status is Status.INTERRUPTED else self.final
        path = publish(record, self.partial, final, tuple(instruments_of(self.order)))
        energy_J = quick_energy_J(record, course.samples, self.order.energy, self.order.prefer)
        yield RunSettled(self.run, path, record, energy_J)

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
        if self._watches and self.instruments is not None:
            loss = self.instruments.lost()
            if loss is not None:
                self._lose(loss)

    def _lose(self, loss: Loss) -> None:
        """An instrument does not tell the truth, or not all of it: end the attempt, or let it go on and say so."""
        self.course.loss = loss
        if self._ends_on_loss:
            self.course.cut = self.course.cut or (Status.LOST_INSTRUMENT, loss.why)
            if self.workload is not None:
                self.workload.end(at_once=False)

    @property
    def _watches(self) -> bool:
        """Whether the loss of an instrument would be news."""
        return self.recording and not self.settling and self.course.loss is None

    @property
    def _ends_on_loss(self) -> bool:
        """Whether a lost instrument ends the attempt: what is not launched yet need not be, whatever is asked."""
        return self.order.on_lost == "end" or not self.launched

    def _due_s(self) -> float:
        """When to look at the instruments again, though nothing happened."""
        return self.instruments.due_s if self._watches and self.instruments is not None else math.inf

    def _glance(self, stage: str, stage_s: float) -> Iterator[Event]:
        status = self.instruments.status if self.instruments is not None else StatusLine(t_ns=0)
        if status.trouble and status.trouble != self.trouble:
            yield Trouble(status.trouble, run=self.run)
        self.trouble = status.trouble
        yield from self._tell_loss()
        if self.level and not self.stop_told:
            self.stop_told = True
            yield Trouble(
                f"the night is being stopped: the workload has {self.order.grace_s:g} s to end by itself",
                remedy="nothing to do; a second Ctrl-C ends it at once",
                run=self.run,
            )
        phase = current_phase(self.marks_path) if stage == "workload" else self.waits.held_up_by
        yield Tick(self.run, stage, stage_s, phase, status.power_W, status.temperature_C)

    def _tell_loss(self) -> Iterator[Event]:
        """Say once that an instrument is lost, and what becomes of the workload."""
        loss = self.course.loss
        if loss is not None and not self.loss_told:
            self.loss_told = True
            what = "the workload is ended" if self._ends_on_loss else "the workload goes on (night.lost_instrument)"
            remedy = "nothing to do; the run is marked invalid, and repeated while attempts are left"
            yield Trouble(f"lost instrument: {loss.why}; {what}", remedy, self.run)

    def _status(self) -> StatusLine:
        """What the instruments last said."""
        if self.instruments is None:
            return StatusLine(t_ns=0)
        self.instruments.listen()
        return self.instruments.status

    def _run_hook(
        self, name: str, hook: Hook, timeout_s: float, enough: Callable[[], bool] = lambda: False
    ) -> Generator[Event, None, str]:
        """Run a hook to its end, or until it has done enough; returns what went wrong, "" if nothing did."""
        yield StageStarted(self.run, name)
        with self.course.staged(name):
            keeping = self.hook = keep_hook(self.order, self.partial, name, hook.command, timeout_s)
            self.watch.hear(keeping.child, keeping.listen)
            keeping.go()
            yield from self.watch.until(name, lambda: keeping.gone() or enough())
            ended = not keeping.gone()
            if ended:
                keeping.end(at_once=False)
                yield from self.watch.until(name, keeping.gone)
            self.watch.forget(keeping.child)
        ending = keeping.ending(self.order.grace_s + OVERDUE_S)
        keeping.close()
        self.hook = None
        return "" if ended else hook_fault(keeping.kept, ending)
