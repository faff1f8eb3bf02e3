"""marks.jsonl -> phases, results, window; tolerant of everything that a workload may leave there.

A mark is one JSON object a line: ``{"t_ns": …, "mark": "begin", "phase": "train"}``, the same with ``"end"`` (metrics
may stand beside the name), and ``{"mark": "result", "accuracy": 0.81}``. A line that is none of these (torn, foreign,
stamped by another clock) is counted with its reason and otherwise passed over. Phases may nest and repeat; a phase that
was never ended is no phase, since its length is not known.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.record import Phase

LONGEST_LINE_B = 1 << 20
"""A line beyond this is no mark; reading it whole could take all memory."""
TAIL_B = 4096
"""How much of the end of the file tells the phase that is going on."""
CLOCK_SLACK_NS = 1_000_000_000
"""How far outside the workload's life a stamp may lie: none can, but a shell's own stamp may be coarse."""
_RESERVED = ("t_ns", "mark", "phase")


@dataclass(frozen=True)
class Marks:
    """What a workload told."""

    phases: tuple[Phase, ...] = ()
    """In the order of their begins."""
    results: Mapping[str, Any] = field(default_factory=dict)
    """Later results of the same name win."""
    open: tuple[str, ...] = ()
    """Phases that began and never ended."""
    unread: int = 0
    """Lines that are no marks."""
    first_complaint: str = ""
    """Why the first of them is none."""


def read_marks(path: Path, begin_ns: int, end_ns: int) -> Marks:
    """The marks of a workload that lived from ``begin_ns`` to ``end_ns`` (CLOCK_MONOTONIC); no file means no marks."""
    phases: list[Phase] = []
    results: dict[str, Any] = {}
    begun: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    complaints: list[str] = []
    for line_number, body in _lines(path):
        complaint = body if isinstance(body, str) else _complaint(body, begin_ns, end_ns)
        if complaint or isinstance(body, str):
            complaints.append(f"line {line_number}: {complaint}")
            continue
        extras = {name: value for name, value in body.items() if name not in _RESERVED}
        if body["mark"] == "result":
            results |= extras
        elif body["mark"] == "begin":
            begun.setdefault(body["phase"], []).append((body["t_ns"], extras))
        elif not begun.get(body["phase"]):
            complaints.append(f"line {line_number}: phase {body['phase']!r} ends without having begun")
        else:
            since_ns, earlier = begun[body["phase"]].pop()
            if body["t_ns"] < since_ns:
                complaints.append(f"line {line_number}: phase {body['phase']!r} ends before it began")
            else:
                phases.append(Phase(body["phase"], since_ns, body["t_ns"], {**earlier, **extras}))
    return Marks(
        phases=tuple(sorted(phases, key=lambda phase: (phase.begin_ns, -phase.end_ns))),
        results=results,
        open=tuple(name for name, stack in begun.items() for _ in stack),
        unread=len(complaints),
        first_complaint=complaints[0] if complaints else "",
    )


def find_window(marks: Marks, name: str | None, begin_ns: int, end_ns: int) -> Phase | None:
    """The phase whose energy is compared: the one phase of that name, or the whole process where none is asked for.

    None when the phase is missing or was marked more than once: which one is meant is not ours to guess.
    """
    if name is None:
        return Phase("", begin_ns, end_ns)
    named = [phase for phase in marks.phases if phase.name == name]
    return named[0] if len(named) == 1 else None


def current_phase(path: Path) -> str:
    """The innermost phase that is going on, as far as the last few kilobytes of the file tell; "" when none is."""
    try:
        with open(path, "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL_B))
            lines = file.read().split(b"\n")[:-1]
    except OSError:
        return ""
    ended: list[str] = []
    for line in reversed(lines):
        body = _parse(line)
        phase = None if isinstance(body, str) else body.get("phase")
        if isinstance(body, str) or not isinstance(phase, str):
            continue
        if body.get("mark") == "end":
            ended.append(phase)
        elif body.get("mark") == "begin":
            if phase not in ended:
                return phase
            ended.remove(phase)
    return ""


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Each line's number with its object, or with the reason why it is none."""
    try:
        file = open(path, "rb")  # noqa: SIM115  (a missing file is no error, one that breaks while it is read is)
    except FileNotFoundError:
        return
    with file:
        number = 0
        while line := file.readline(LONGEST_LINE_B):
            number += 1
            if len(line) < LONGEST_LINE_B:  # a last line without its newline is whole if it parses: an object ends in }
                if line.strip():
                    yield number, _parse(line)
                continue
            while not line.endswith(b"\n") and (line := file.readline(LONGEST_LINE_B)):
                pass
            yield number, "it is longer than 1 MiB"


def _parse(line: bytes) -> dict[str, Any] | str:
    try:
        body = json.loads(line)
    except (ValueError, RecursionError):
        return "it is not JSON"
    return body if isinstance(body, dict) else "it is not a JSON object"


def _complaint(body: dict[str, Any], begin_ns: int, end_ns: int) -> str:
    """Why this object is no mark; "" if it is one."""
    if body.get("mark") == "result":
        return ""
    if body.get("mark") not in ("begin", "end"):
        return f"its mark is {body.get('mark')!r}, not begin, end or result"
    if not isinstance(body.get("phase"), str) or not body["phase"]:
        return "it names no phase"
    t_ns = body.get("t_ns")
    if not isinstance(t_ns, int) or isinstance(t_ns, bool):
        return "its t_ns is not a whole number"
    if not begin_ns - CLOCK_SLACK_NS <= t_ns <= end_ns + CLOCK_SLACK_NS:
        return "its t_ns lies outside the workload's life: not CLOCK_MONOTONIC nanoseconds"
    return ""
