"""What an attempt waits for before its launch: rest, the gates, the idle baseline.

::

    cooldown   minimum_s since the end of the previous workload
    gates      until all are open at the same look, the temperature among them; reheated where the protocol says how
    baseline   idle, if the slot has one

The gates come before the baseline, so that it too is recorded on a quiet machine.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

from harness.course import Course
from harness.events import Event, StageStarted, Trouble
from harness.gates.gatekeeper import State
from harness.gates.opening import gates_of
from harness.instruments.instrument import StatusLine
from harness.order import RunOrder
from harness.protocol_model import Cooldown, Hook
from harness.record import Status
from harness.verdicts import UNMOVED
from harness.watch import Watch

TOLD_AFTER_S = 10.0
"""How long a run is held up before a person is told why."""

RunHook = Callable[[str, Hook, float, Callable[[], bool]], Generator[Event, None, str]]
"""Carry out a hook (its name, the hook, its time limit, when to end it early); returns what went wrong."""


class Waits:
    """The waits of one attempt, in their order."""

    def __init__(
        self, order: RunOrder, course: Course, watch: Watch, status: Callable[[], StatusLine], run_hook: RunHook
    ) -> None:
        """Gates that need to have seen a while begin to look now."""
        self._order, self._course, self._watch, self._run_hook = order, course, watch, run_hook
        self._gates = gates_of(order, status, self._rested_s)
        self._told = ""

    @property
    def held_up_by(self) -> str:
        """What a closed gate sees, for the display; "" while none is closed."""
        return self._gates.keeper.waiting_for

    def all(self) -> Iterator[Event]:
        """Everything, until the launch or until something cuts the attempt short."""
        order = self._order
        if order.cooldown is not None and self._goes_on():
            yield from self._rest(order.cooldown)
        if self._gates.keeper and self._goes_on():
            yield from self._pass_gates()
        if order.baseline_s is not None and self._goes_on():
            yield from self._idle(order.baseline_s)

    def _goes_on(self) -> bool:
        return self._course.cut is None

    def _rested_s(self) -> float:
        """Since the previous workload ended; since this attempt began where there was none."""
        previous_ns = self._order.previous_end_ns
        return (time.monotonic_ns() - (self._course.started_ns if previous_ns is None else previous_ns)) / 1e9

    def _rest(self, cooldown: Cooldown) -> Iterator[Event]:
        def left_s() -> float:
            self._gates.keeper.watch(time.monotonic())
            return cooldown.minimum_s - self._rested_s()

        with self._staged("cooldown"):
            yield StageStarted(str(self._order.name), "cooldown", max(0.0, left_s()))
            yield from self._watch.until("cooldown", lambda: not self._goes_on() or left_s() <= 0, left_s)

    def _pass_gates(self) -> Iterator[Event]:
        gates, course, begin_s = self._gates, self._course, time.monotonic()
        keeper, state = gates.keeper, State.CLOSED

        def over() -> bool:
            nonlocal state
            state = keeper.look(time.monotonic()) if self._goes_on() else state
            cold = gates.temperature is not None and gates.temperature.too_cold
            return state is not State.CLOSED or cold or not self._goes_on()

        with self._staged("gates"):
            yield StageStarted(str(self._order.name), "gates")
            while self._goes_on() and state is State.CLOSED:
                yield from self._tell(self._watch.until("gates", over, lambda: keeper.again_s), begin_s)
                if self._goes_on() and state is State.CLOSED:
                    yield from self._reheat()
        course.gates, course.settings = keeper.waits, gates.settings_now
        if state is State.REFUSED and self._goes_on():
            reason, course.remedy = keeper.refusal
            assert keeper.refused is not None
            by = keeper.refused
            verdict = UNMOVED.verdict("refused", by.figure, by.limit, reason)
            course.verdicts.append(replace(verdict, unit=by.unit))
            course.cut = Status.REFUSED, reason

    def _tell(self, waiting: Iterator[Event], begin_s: float) -> Iterator[Event]:
        """The events of a wait; once it takes longer than a moment, why there is one."""
        for event in waiting:
            yield event
            temperature = self._gates.temperature
            why = self.held_up_by
            hot = temperature is not None and not temperature.look(0.0).open
            if why and not hot and not self._told and time.monotonic() - begin_s > TOLD_AFTER_S:
                self._told = why
                yield Trouble(f"waiting to start: {why}", run=str(self._order.name))

    def _reheat(self) -> Iterator[Event]:
        """Heat until no domain is below its target, at most for so long; it is done once an attempt."""
        temperature, cooldown = self._gates.temperature, self._order.cooldown
        assert temperature is not None
        assert cooldown is not None
        assert cooldown.reheat is not None
        begin_s = time.monotonic()
        hook = Hook(command=cooldown.reheat.command, timeout_s=cooldown.reheat.maximum_s)
        fault = yield from self._run_hook("reheat", hook, hook.timeout_s, lambda: temperature.warm)
        temperature.reheated(time.monotonic() - begin_s)
        if fault and self._goes_on():
            remedy = "the run starts when its gates are open; reheat.log is in its folder"
            yield Trouble(fault, remedy, str(self._order.name))

    def _idle(self, baseline_s: float) -> Iterator[Event]:
        end_s = time.monotonic() + baseline_s
        with self._staged("baseline"):
            yield StageStarted(str(self._order.name), "baseline", baseline_s)
            yield from self._watch.until(
                "baseline",
                lambda: not self._goes_on() or time.monotonic() >= end_s,
                lambda: end_s - time.monotonic(),
            )

    def _staged(self, name: str) -> contextlib.AbstractContextManager[None]:
        return self._course.staged(name)
