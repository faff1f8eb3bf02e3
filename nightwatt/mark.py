"""nightwatt mark: leave one mark from a shell. Standard library only: it must be gone in a few milliseconds.

``nightwatt.__main__`` reads the clock in its first lines and, where the first word is ``mark``, calls ``main`` before
it imports anything else; so the stamp is some 30 ms (Python's own start) after the shell asked for it, each time.
"""

from __future__ import annotations

import json
import math
import os
import sys
from typing import Any

VARIABLE = "NIGHTWATT_MARKS"
USAGE = """\
usage: nightwatt mark begin PHASE
       nightwatt mark end PHASE [NAME=VALUE ...]
       nightwatt mark result NAME=VALUE ...

Leaves a mark for nightwatt, from a shell workload: a phase begins or ends, or a result is there, as in
  nightwatt mark begin train
  nightwatt mark end train loss=0.31
  nightwatt mark result accuracy=0.81
Outside a night (without the variable NIGHTWATT_MARKS) it does nothing."""
_OWN_KEYS = frozenset({"t_ns", "mark", "phase"})


def main(words: list[str], t_ns: int) -> int:
    """Leave the mark that ``words`` (without ``mark`` itself) ask for, stamped ``t_ns``; gives the exit code."""
    if words[:1] in (["--help"], ["-h"]):
        print(USAGE)
        return 0
    try:
        mark = parse(words)
    except ValueError as error:
        print(f"nightwatt mark: {error}\n{USAGE}", file=sys.stderr)
        return 2
    path = os.environ.get(VARIABLE)
    if not path:
        return 0
    line = json.dumps({"t_ns": t_ns, **mark}).encode() + b"\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(descriptor, line)  # at once: lines of several processes never mix
        finally:
            os.close(descriptor)
    except OSError as error:
        print(f"nightwatt mark: {path} ({VARIABLE}) cannot be written: {error.strerror}", file=sys.stderr)
        return 2
    return 0


def parse(words: list[str]) -> dict[str, Any]:
    """The mark in ``words``, without its stamp; ValueError says what is wrong with them."""
    kind, *rest = words or [""]
    if kind == "result":
        if not rest:
            raise ValueError("a result is NAME=VALUE")
        return {"mark": kind, **_metrics(rest)}
    if kind not in ("begin", "end"):
        raise ValueError(f"{kind!r} is none of begin, end, result" if kind else "begin, end or result?")
    if not rest or not rest[0]:
        raise ValueError(f"which phase? as in: nightwatt mark {kind} train")
    phase, *metrics = rest
    if kind == "begin" and metrics:
        raise ValueError(f"metrics go with the end of a phase; quote a name of several words: '{' '.join(rest)}'")
    return {"mark": kind, "phase": phase, **_metrics(metrics)}


def _metrics(words: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise ValueError(f"{word!r} is not NAME=VALUE")
        if name in _OWN_KEYS:
            raise ValueError(f"a metric may not be called {name!r}: the mark itself uses that name")
        found[name] = _value(value)
    return found


def _value(text: str) -> Any:
    """A whole number, a number (what is not finite by its name, since JSON lacks it), true, false, or the text."""
    if text in ("true", "false"):
        return text == "true"
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return text
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
