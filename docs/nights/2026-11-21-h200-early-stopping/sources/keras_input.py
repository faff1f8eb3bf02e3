"""How long a Keras model's fit and evaluate wait for their batches.

::

    wait = InputWait(keras.backend.backend(), keras.__version__)
    model.compile(...)
    wait.watch(model)              # again after each compile, which drops the functions that are watched
    ...                            # wait.begin() where an epoch or an evaluation begins; wait.seconds so far

What is timed is the host's way from one step to its next batch, by the clock of the host alone: nothing waits for a
device that Keras would not wait for, and no callback at each batch makes Keras fetch the losses of every step. On
TensorFlow and JAX that is next() of Keras's own iterator, taken just before the compiled step, not within it; on torch,
whose batches Keras takes itself, it is the time between the end of one step's call and the begin of the next.
Copy this file beside your own script; it needs nothing else of nightwatt.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

TENSORFLOW_SINCE = (3, 10)
"""The Keras whose step on TensorFlow takes a batch from any iterator; older ones take it within the compiled step."""


class InputWait:
    """The time (s) that watched models waited for batches; ``seconds`` is None where Keras leaves no place to look."""

    def __init__(self, backend: str, version: str) -> None:
        """``version``: of Keras, as it tells it."""
        known = tuple(int(part) for part in version.split(".")[:2])
        self.backend = backend
        self.seconds: float | None = None if backend == "tensorflow" and known < TENSORFLOW_SINCE else 0.0
        self._free_s = time.perf_counter()

    def watch(self, model: Any) -> None:
        """Watch ``model``, which is compiled, with one step an execution."""
        if self.seconds is None:
            return
        model.make_train_function()
        model.make_test_function()
        watched = self._between if self.backend == "torch" else self._taken
        model.train_function, model.test_function = watched(model.train_function), watched(model.test_function)

    def begin(self) -> None:
        """An epoch or an evaluation begins: what lay before was no wait for a batch."""
        self._free_s = time.perf_counter()

    def since(self, before: float | None) -> dict[str, float]:
        """What has been waited since there were ``before`` seconds, as a metric; none where it is not known."""
        return {} if self.seconds is None or before is None else {"input_wait_s": self.seconds - before}

    def _add(self, began_s: float) -> None:
        self.seconds = (self.seconds or 0.0) + time.perf_counter() - began_s

    def _taken(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def function(*arguments: Any) -> Any:
            *state, batches = arguments  # JAX hands its state over, TensorFlow does not
            began_s = time.perf_counter()
            batch = next(batches)
            self._add(began_s)
            return step(*state, iter((batch,)))

        return function

    def _between(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def function(batch: Any) -> Any:
            self._add(self._free_s)
            logs = step(batch)
            self._free_s = time.perf_counter()
            return logs

        return function
