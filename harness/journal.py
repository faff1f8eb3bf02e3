"""One JSON line for each thing that happened in a session of a night; a log for people, never the state.

A line: ``realtime`` (ISO 8601, UTC), ``t_ns`` (CLOCK_MONOTONIC), ``event`` (the record's name), and its fields. Ticks
are left out; a settled run is one line of its essentials, since its record is on disk.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.events import Event, RunSettled, Tick
from harness.record import encode


class Journal:
    """The journal of one session; a context manager.

    A log that cannot be written (a full disk) must not end a night: the first failure is kept in ``trouble``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trouble = ""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, "x", encoding="utf-8")  # noqa: SIM115 -- closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
        except OSError as failure:
            self.trouble = self.trouble or str(failure)

    def event(self, event: Event) -> None:
        """Log what happened."""
        if not isinstance(event, Tick):
            self.line(type(event).__name__, **_fields(event))

    def line(self, event: str, /, **content: Any) -> None:
        """Log one line of any content."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        body = encode({"realtime": now, "t_ns": time.monotonic_ns(), "event": event, **content})
        try:
            self._file.write(json.dumps(body, ensure_ascii=False, default=str) + "\n")
            self._file.flush()
        except OSError as failure:
            self.trouble = self.trouble or str(failure)


def journal_path(folder: Path, host: str, started_realtime_ns: int) -> Path:
    """``<host>-<start>.jsonl`` in ``folder``, the start in UTC; a number behind it where that exists already."""
    start = stamp(started_realtime_ns)
    path, count = folder / f"{host}-{start}.jsonl", 1
    while path.exists():
        count += 1
        path = folder / f"{host}-{start}-{count}.jsonl"
    return path


def stamp(realtime_ns: int) -> str:
    """A moment as part of a file's name: 20261120T192209Z."""
    return datetime.datetime.fromtimestamp(realtime_ns / 1e9, datetime.UTC).strftime("%Y%m%dT%H%M%SZ")


def _fields(event: Event) -> dict[str, Any]:
    """An event's fields as JSON types."""
    if isinstance(event, RunSettled):
        record = event.record
        return {
            "run": event.run,
            "path": event.path.name,
            "status": record.status,
            "validity": record.validity,
            "exit_code": record.exit_code,
            "reason": record.reason,
            "gap_s": record.gap_s,
            "verdicts": [verdict.name for verdict in record.verdicts],
        }
    return {
        field.name: str(value) if isinstance(value := getattr(event, field.name), Path) else value
        for field in dataclasses.fields(event)
    }
