"""Walks the plan block by block: warm-up, repeats, retirement, blocks begun anew; a generator of what happened.

::

    night(opened, stop, resumed)
      |  partial folders of an interruption set aside; a wait until starts_at
      |  a block interrupted for longer than max_block_gap_s, or by a change: its runs superseded, begun anew
      |-- warm-up     the command for its duration, then the discarded runs (block 0); in every session
      |-- block 1     its open slots in the plan's order, then once more those whose run was invalid, up to the limit
      |-- block 2 …   a configuration whose first two runs ended in the same fault is left out from then on
      v  NightEnded: done | unfinished (failed or invalid runs) | stopped (too many failures, ends_at) | interrupted

Nothing is counted in a file: what is left is what the folder does not hold yet.
"""

from __future__ import annotations

import contextlib
import functools
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harness import protocol as protocols
from harness import run
from harness.anew import begin_anew, begin_anew_where_due
from harness.errors import ExitCode, NightFolderError, NightwattError
from harness.events import BlockSettled, Event, NightEnded, NightStarted, RunSettled, Trouble
from harness.folder import OpenNight
from harness.forecast import forecast
from harness.journal import stamp
from harness.judge import ENERGIES, named_metrics
from harness.order import RunOrder
from harness.plan import Slot
from harness.probe import instrument_settings, sensor_settings
from harness.progress import Outcome, Progress
from harness.protocol_model import Cooldown, Hook
from harness.record import PARTIAL, NightFolder, RunName, RunRecord, slug
from harness.run_folder import note_why, set_aside
from harness.sealing import SEALER_LOG, Sealer
from harness.shift import Clock, Shift
from harness.standings import uncompared
from harness.stop import Stop
from harness.verdicts import Rules
from harness.warmup import warm_up

SHORTEST_SLEEP_S = 60.0
"""Between two attempts of one session lie milliseconds; longer than this, the machine slept or we were stopped."""

MOST_NAMED = 3
"""So many folders are named in the night's last sentence."""

Execute = Callable[[RunOrder, Stop], Iterator[Event]]


def night(
    opened: OpenNight,
    stop: Stop,
    *,
    resumed: bool,
    execute: Execute | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> Iterator[Event]:
    """Execute what is left of a night; the first event is NightStarted, the last NightEnded.

    The caller holds the night's lock. ``stop`` ends it in order: the run in progress is settled as interrupted.
    ``progress``, where it is given, is kept up to date for whoever else looks at it.
    """
    progress = progress or progress_of(opened)
    with contextlib.closing(Sealer(opened.folder.journal / SEALER_LOG)) as sealer:
        own = functools.partial(run.execute, sealer=sealer)
        yield from _Walk(opened, stop, execute or own, progress, clock or Clock()).events(resumed)


def progress_of(opened: OpenNight) -> Progress:
    """What is done and left of a night that was read."""
    return Progress(opened.plan, opened.protocol.night.attempts, opened.outcomes, opened.used, opened.cohort)


class _Walk:
    """One session of a night: what is known in memory, and the steps."""

    def __init__(self, opened: OpenNight, stop: Stop, execute: Execute, progress: Progress, clock: Clock) -> None:
        self.opened = opened
        self.folder: NightFolder = opened.folder
        self.protocol = opened.protocol
        self.stop = stop
        self.execute = execute
        self.progress = progress
        self.shift = Shift(opened.protocol.night, clock)
        self.late = ""
        """Why no block is begun any more, for want of time."""
        self.previous_end_ns: int | None = None
        self.previous_window_end_ns: int | None = None
        self.forecast = forecast(opened.protocol, opened.plan)
        self.left = {slot.key: len(opened.plan.slots) - place for place, slot in enumerate(opened.plan.slots)}
        self.rules = Rules(opened.protocol.judge)
        self.attempt_end_boottime_ns: int | None = None
        self.hints: dict[str, Any] = {}
        self.last_reason = ""
        self.unrecorded: list[str] = []
        """The folders of this session's attempts that left no record."""

    def events(self, resumed: bool) -> Iterator[Event]:
        """The whole session."""
        slots = [slot for slot in self.opened.plan.slots if slot.block > 0]
        left = self.progress.open_slots()
        yield NightStarted(
            self.folder.root,
            self.opened.plan.title,
            len(slots),
            len(slots) - len(left),
            resumed=resumed,
            rehearsal=self.opened.rehearsal,
            valid=sum(item.valid for item in self.progress.standing()),
        )
        for partial in self.opened.partial:
            aside = set_aside(partial)
            note_why(aside, "it was cut short: the session that executed it was killed, or the machine lost its power")
            yield Trouble("this run was cut short; it is kept, and its slot executed again", run=aside.name)
        if left:
            yield from self.shift.wait(self.stop)
            yield from begin_anew_where_due(self.opened, self.progress, int(self.shift.clock.realtime_s() * 1e9))
            self.look_at_the_clock(self.next_block(), warmed_up=False)
            yield from self.warm_up()
            for block in self.progress.blocks:
                yield from self.block(block)
        yield self.ended(len(slots))

    def block(self, block: int) -> Iterator[Event]:
        """The open slots of a block, again and again until all are settled for good or the night has to stop."""
        if not self.progress.open(block):
            return
        self.look_at_the_clock(self.progress.open(block))
        while slots := self.progress.open(block):
            for slot in slots:
                if self.progress.settled(slot):  # its configuration was retired meanwhile
                    continue
                if self.progress.blockless:
                    self.look_at_the_clock([slot])
                if self.must_stop():
                    return
                asleep_s = self.asleep_s()
                if asleep_s > max(self.protocol.night.max_block_gap_s, SHORTEST_SLEEP_S) and self.begun(block):
                    yield from begin_anew(self.opened, self.progress, block, asleep_s)
                    break
                yield from self.attempt(slot)
        yield BlockSettled(block)

    def attempt(self, slot: Slot) -> Iterator[Event]:
        """One attempt of a slot, and what follows from it."""
        self.refuse_if_gone()
        order = self.order(slot)
        self.progress.use(slot.key, order.name.attempt)
        retired_before = self.progress.retired(slot.configuration)
        try:
            with contextlib.closing(self.execute(order, self.stop)) as happenings:  # type: ignore[type-var]  # a generator
                for event in happenings:
                    if isinstance(event, RunSettled):
                        self.progress.settle(Outcome.of(event.record))
                        self.previous_end_ns = event.record.exited_ns or event.record.ended_ns
                        self.previous_window_end_ns = event.record.window.end_ns if event.record.window else None
                        self.hints = hints(event.record)
                        self.last_reason = "; ".join(filter(None, (event.record.reason, event.record.hint)))
                    yield event
        except (NightwattError, OSError) as error:
            self.progress.lose(slot)
            self.previous_end_ns, self.previous_window_end_ns = time.monotonic_ns(), None
            self.last_reason = error.what if isinstance(error, NightwattError) else str(error)
            partial = self.folder.runs / f"{order.name}{PARTIAL}"
            if partial.exists():
                aside = set_aside(partial)
                note_why(aside, self.last_reason)
                self.unrecorded.append(aside.name)
            yield _trouble(error, str(order.name))
        self.attempt_end_boottime_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        retired = self.progress.retired(slot.configuration)
        if retired and not retired_before:
            yield Trouble(
                f"{slot.configuration} is retired: its first two runs ended as {retired.value.replace('_', ' ')}",
                remedy="it is not executed any more in this night; look at its stderr.log",
                run=str(order.name),
            )

    def order(self, slot: Slot) -> RunOrder:
        """Everything that the slot's next attempt needs to know, placeholders filled in."""
        protocol, plan = self.protocol, self.opened.plan
        configuration = plan.configuration(slot.configuration)
        given = protocols.values(configuration.levels, slot.seed)
        until_cool = protocol.cooldown is not None and protocol.cooldown.until == "temperature"
        return RunOrder(
            night=NightFolder(self.folder.root.absolute()),  # a run works in a folder of its own
            name=RunName(slot.block, slot.position, self.progress.next_attempt(slot), slug(slot.configuration)),
            slot=slot,
            levels=configuration.levels,
            command=self.filled(protocol.workload.command, given),
            timeout_s=protocol.workload.timeout_s,
            grace_s=protocol.workload.grace_s,
            env=protocols.environment(protocol.workload.env, given),
            window=protocol.workload.window,
            prepare=self.filled_hook(protocol.prepare, given),
            cleanup=self.filled_hook(protocol.cleanup, given),
            cooldown=self.filled_cooldown(given),
            baseline_s=protocol.baseline.duration_s if protocol.baseline and slot.baseline else None,
            sensors=sensor_settings(protocol),
            fallback=protocol.sensors.fallback,
            instruments=instrument_settings(protocol),
            hints=self.hints,
            on_lost=protocol.night.lost_instrument,
            plan_seed=plan.seed,
            previous_end_ns=self.previous_end_ns,
            previous_window_end_ns=self.previous_window_end_ns,
            temperature_target=self.progress.temperature_target_C(slot) if until_cool else None,
            discarded=slot.block == 0,
            rehearsal=self.opened.rehearsal,
            expected_channels=self.progress.expected_channels,
            gates=protocol.gates,
            first_settings=self.progress.first_settings(slot.configuration),
            needed_B=self.forecast.needed_B(self.left[slot.key]),
            rules=self.rules,
            energy=protocol.analysis.energy,
            prefer=protocol.analysis.prefer,
            compares_energy=protocol.analysis.metric in ENERGIES,
            accuracy=protocol.analysis.accuracy,
            named_metrics=named_metrics(protocol.analysis),
            cohort=self.opened.cohort,
            night_id=self.opened.id,
            node=self.opened.node,
        )

    def filled(self, command: tuple[str, ...], given: dict[str, str]) -> tuple[str, ...]:
        """A command line ready to be executed anywhere."""
        return protocols.command_line(command, given, self.opened.protocol_file.parent)

    def filled_hook(self, hook: Hook | None, given: dict[str, str]) -> Hook | None:
        """A hook with its command ready to be executed."""
        return hook and hook.model_copy(update={"command": self.filled(hook.command, given)})

    def filled_cooldown(self, given: dict[str, str]) -> Cooldown | None:
        """The cool-down with its reheating ready to be executed."""
        cooldown = self.protocol.cooldown
        if cooldown is None or cooldown.reheat is None:
            return cooldown
        reheat = cooldown.reheat.model_copy(update={"command": self.filled(cooldown.reheat.command, given)})
        return cooldown.model_copy(update={"reheat": reheat})

    def warm_up(self) -> Iterator[Event]:
        """The warm-up's command, then each discarded run once."""
        warmup = self.protocol.warmup
        if warmup is None or self.must_stop():
            return
        if warmup.command and warmup.duration_s > 0:
            yield from warm_up(
                self.filled(warmup.command, protocols.values()),
                warmup.duration_s,
                env={},
                grace_s=self.protocol.workload.grace_s,
                folder=self.folder.journal.absolute() / f"warmup-{stamp(time.time_ns())}",
                stop=self.stop,
            )
            self.previous_end_ns = time.monotonic_ns()
        for slot in self.progress.slots(0):
            if self.must_stop():
                return
            yield from self.attempt(slot)

    def begun(self, block: int) -> bool:
        """Whether a block can be begun anew now: something of it is done, and it is a block."""
        return self.progress.last_end_realtime_ns(block) is not None

    def asleep_s(self) -> float:
        """How long this session's last attempt lies back, the machine's sleep included; 0 before there was one."""
        if self.attempt_end_boottime_ns is None:
            return 0.0
        return (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - self.attempt_end_boottime_ns) / 1e9

    def next_block(self) -> list[Slot]:
        """The open slots of the first block that has any."""
        return next((slots for block in self.progress.blocks if (slots := self.progress.open(block))), [])

    def look_at_the_clock(self, slots: list[Slot], *, warmed_up: bool = True) -> None:
        """See whether there is time for these slots, and for the warm-up before them."""
        cooldown, warmup = self.protocol.cooldown, self.protocol.warmup
        if self.must_stop():
            return
        needed_s = self.progress.forecast_s(slots, cooldown.minimum_s if cooldown else 0.0)
        if warmup is not None and not warmed_up:
            needed_s += warmup.duration_s + self.progress.forecast_s(self.progress.slots(0))
        self.late = self.shift.too_late(needed_s)

    def refuse_if_gone(self) -> None:
        """Raise NightFolderError where the night's folder is no longer there: nothing may be made in its place."""
        if not self.folder.plan.is_file():
            raise NightFolderError(
                "the night's folder has gone while the night was executed",
                where=str(self.folder.root),
                remedy="put it back and resume it; what had been settled is in it",
            )

    def must_stop(self) -> bool:
        """Whether nothing new may be started."""
        if self.stop.level > 0 or self.late or self.progress.windowless():
            return True
        return self.progress.failures_in_a_row >= self.protocol.night.stop_after_failures

    def over(self, done: str, folder: str, *, given_up: int) -> NightEnded:
        """No slot is open any more: whether all are as they should be."""
        if given_up:
            return NightEnded(ExitCode.UNFINISHED, f"the night is over: {done}", f"nightwatt resume {folder}")
        lacking = self.progress.imperfect() or uncompared(self.progress.rejected())
        code = ExitCode.UNFINISHED if lacking else ExitCode.DONE
        return NightEnded(code, f"the night is over: {done}", f"nightwatt report {folder}")

    def counts(self, slots: int, left: int, given_up: int) -> str:
        """How many slots have a valid run, and what became of the others."""
        valid = sum(item.valid for item in self.progress.standing())
        parts = [f"{valid} of {slots} runs are valid"]
        if bad := slots - left - given_up - valid:
            parts.append(f"{bad} failed, invalid or retired")
        if given_up:
            parts.append(f"{given_up} could not be carried out and left no record")
        if left:
            parts.append(f"{left} to do")
        told = ", ".join(parts)
        if untold := uncompared(self.progress.rejected()):
            told += f"; valid, but not to be compared: {untold}"
        if self.unrecorded:
            more = len(self.unrecorded) - MOST_NAMED
            named = ", ".join(self.unrecorded[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
            told += f"; attempts without a record are kept as {named}"
        return told

    def ended(self, slots: int) -> NightEnded:
        """How the session ended, and what to do now."""
        left = len(self.progress.open_slots())
        given_up = len(self.progress.given_up())
        done = self.counts(slots, left, given_up)
        folder = shlex.quote(str(self.folder.root))
        if not left:
            return self.over(done, folder, given_up=given_up)
        if self.stop.level:
            return NightEnded(ExitCode.INTERRUPTED, f"interrupted: {done}", f"nightwatt resume {folder}")
        if self.progress.windowless():
            return NightEnded(
                ExitCode.STOPPED,
                f"stopped: no run of the first block has its window: {done}",
                "mend workload.window or the workload's marks, and begin a new night",
            )
        if self.late:
            return NightEnded(ExitCode.STOPPED, f"stopped in time: {done}; {self.late}", f"nightwatt resume {folder}")
        failures = self.progress.failures_in_a_row
        return NightEnded(
            ExitCode.STOPPED,
            f"stopped after {failures} failures in a row (night.stop_after_failures): {done}"
            + (f"; the last: {self.last_reason}" if self.last_reason else ""),
            f"nightwatt resume {folder}",
        )


def hints(record: RunRecord) -> dict[str, Any]:
    """What the sensors of a run left for those of the next, by the sensor's name."""
    told = ((name, facts) for name, facts in record.sensors.items() if isinstance(facts, Mapping))
    return {name: facts["hint"] for name, facts in told if "hint" in facts}


def _trouble(error: Exception, run: str) -> Trouble:
    """An attempt that could not be carried out, as something that a person must know."""
    if isinstance(error, NightwattError):
        where = f" ({error.where})" if error.where else ""
        return Trouble(f"this attempt could not be carried out: {error.what}{where}", error.remedy, run)
    return Trouble(f"this attempt could not be carried out: {error}", "look at the disk and its rights", run)
