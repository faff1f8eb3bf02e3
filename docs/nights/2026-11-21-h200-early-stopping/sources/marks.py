"""Leave marks for nightwatt: which phase begins and ends when, and what came out. Standard library only.

::

    import marks

    with marks.phase("train") as metrics:
        ...                              # a GPU workload synchronises its device before the phase begins and ends
        metrics["loss"] = 0.31
    marks.result(accuracy=0.81)

Each mark is one JSON line, appended in one write to the file that the variable ``NIGHTWATT_MARKS`` names, stamped with
CLOCK_MONOTONIC in nanoseconds. Without that variable nothing happens, so that a script also runs by itself.
Copy this file beside your own script; it needs nothing else of nightwatt.
"""

from __future__ import annotations

import json
import math
import numbers
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

VARIABLE = "NIGHTWATT_MARKS"
_OWN_KEYS = {"t_ns", "mark", "phase"}


def begin(phase: str) -> None:
    """Mark the begin of ``phase``."""
    _append(time.monotonic_ns(), {"mark": "begin", "phase": phase})


def end(phase: str, /, **metrics: Any) -> None:
    """Mark the end of ``phase``; ``metrics`` (numbers, short strings, booleans, None) belong to it."""
    _append(time.monotonic_ns(), {"mark": "end", "phase": phase}, metrics)


def result(**metrics: Any) -> None:
    """Leave results of the whole run, such as ``accuracy=0.81``; a later one of the same name replaces it."""
    _append(time.monotonic_ns(), {"mark": "result"}, metrics)


@contextmanager
def phase(name: str) -> Iterator[dict[str, Any]]:
    """Mark begin and end of ``name`` around a block; what is put into the dictionary it gives goes with the end.

    A block that raises leaves no end: a phase that broke off was not carried out.
    """
    metrics: dict[str, Any] = {}
    begin(name)
    yield metrics
    end(name, **metrics)


def _append(t_ns: int, mark: dict[str, Any], metrics: dict[str, Any] | None = None) -> None:
    metrics = metrics or {}
    taken = _OWN_KEYS & metrics.keys()
    if taken:
        raise ValueError(f"a metric may not be called {' or '.join(sorted(taken))}: the mark itself uses that name")
    path = os.environ.get(VARIABLE)
    if not path:
        return
    line = json.dumps({"t_ns": t_ns, **mark, **{name: _plain(value) for name, value in metrics.items()}})
    # One write to a file opened for appending: lines of several processes never mix.
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.write(descriptor, line.encode() + b"\n")
    finally:
        os.close(descriptor)


def _plain(value: Any) -> Any:
    """``value`` as JSON has it; one number of any library becomes an int or a float.

    JSON has no place for what is not finite: that is written as "NaN", "Infinity" or "-Infinity".
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    number = float(value)
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return number
