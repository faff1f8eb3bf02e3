"""The orchestrator's waiting: one selector over child processes and the stop, awake only when something happens.

Nothing polls: a child's end is its pidfd, its words are its output pipe, a wish to stop is a pipe too, and the display
gets a tick every two seconds. So the orchestrator costs next to nothing while a workload is being measured.
"""

from __future__ import annotations

import math
import selectors
import time
from collections.abc import Callable, Iterable, Iterator
from typing import cast

from harness.child import Child
from harness.events import Event
from harness.stop import Stop

TICK_S = 2.0
"""Time between two events for the display."""


class Watch:
    """Waits until something is over, and lets its owner notice what happens meanwhile."""

    def __init__(
        self,
        stop: Stop,
        notice: Callable[[], None],
        glance: Callable[[str, float], Iterable[Event]],
        due_s: Callable[[], float] = lambda: math.inf,
    ) -> None:
        """``notice`` is called whenever something happened, and after ``due_s()`` though nothing did.

        ``glance(stage, stage_s)`` is asked for events each two seconds.
        """
        self._notice, self._glance, self._due_s = notice, glance, due_s
        self._selector = selectors.DefaultSelector()
        self._selector.register(stop.fileno(), selectors.EVENT_READ, stop.acknowledge)
        self._next_tick_s = time.monotonic() + TICK_S

    def hear(self, child: Child, listen: Callable[[], None]) -> None:
        """Wake when the child prints (``listen`` then takes it in) or ends."""

        def output() -> None:
            listen()
            if not child.output_open:
                self._selector.unregister(child.output)

        self._selector.register(child.output, selectors.EVENT_READ, output)
        self._selector.register(child.pidfd, selectors.EVENT_READ, lambda: self._drop(child.pidfd))

    def forget(self, child: Child) -> None:
        """Wake for this child no more; call it before its descriptors are closed."""
        self._drop(child.output)
        self._drop(child.pidfd)

    def until(
        self, stage: str, over: Callable[[], bool], wait_s: Callable[[], float] = lambda: TICK_S
    ) -> Iterator[Event]:
        """Wait until ``over()``; it is asked after each event and at the latest after ``wait_s()``."""
        begin_s = time.monotonic()
        self._notice()
        while not over():
            now_s = time.monotonic()
            if now_s >= self._next_tick_s:
                yield from self._glance(stage, now_s - begin_s)
                self._next_tick_s = time.monotonic() + TICK_S
            timeout_s = max(0.0, min(wait_s(), self._due_s(), self._next_tick_s - time.monotonic()))
            for key, _ in self._selector.select(timeout_s):
                cast(Callable[[], None], key.data)()
            self._notice()

    def close(self) -> None:
        """Give the selector back."""
        self._selector.close()

    def _drop(self, descriptor: int) -> None:
        if descriptor in self._selector.get_map():
            self._selector.unregister(descriptor)
