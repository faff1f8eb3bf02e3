"""Tells people: runs the commands of ``night.notify`` with facts as JSON on their standard input.

A command is a line for the shell. It finds a ready sentence in its environment too (NIGHTWATT_SUBJECT, NIGHTWATT_TEXT,
NIGHTWATT_EVENT), so that mail and curl need nothing else. It is kept like a workload: after its time limit its whole
tree is ended, and nothing of it is left whatever happens to nightwatt. One that fails is a word to whoever looks at the
display; the night goes on.
"""

from __future__ import annotations

import json
import select
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.child import tail_of
from harness.errors import NightwattError
from harness.events import Trouble
from harness.keeping import Ending, Keeping, Kept
from harness.record import encode
from harness.stop import Stop

LIMIT_S = 20.0
"""How long a command may take; the next run waits for it."""
GRACE_S = 1.0
PATIENCE_S = 10.0
"""How long a keeper may take over its report beyond the grace it gives."""


def notify(
    commands: Iterable[str], facts: Mapping[str, Any], *, cwd: Path, stop: Stop | None = None, limit_s: float = LIMIT_S
) -> list[Trouble]:
    """Run each command to its end or its limit; what went wrong, a word for each that failed.

    ``facts`` holds at least ``event``, ``subject`` and ``text``. A wish to stop ends a command at once.
    """
    troubles = []
    for command in commands:
        try:
            fault = _told(command, facts, cwd, stop, limit_s)
        except (NightwattError, OSError) as error:
            fault = str(error)
        if fault:
            troubles.append(Trouble(f"nobody was told ({facts['event']}): {command!r} {fault}", "see night.notify"))
    return troubles


def _told(command: str, facts: Mapping[str, Any], cwd: Path, stop: Stop | None, limit_s: float) -> str:
    with tempfile.TemporaryDirectory(prefix="nightwatt-notify-") as name:
        folder = Path(name)
        told = folder / "facts.json"
        told.write_text(json.dumps(encode(facts), ensure_ascii=False, indent=1, default=str) + "\n", encoding="utf-8")
        keeping = Keeping(
            Kept(
                folder=folder,
                name="notify",
                command=("/bin/sh", "-c", command),
                cwd=cwd if cwd.is_dir() else folder,
                stdin=told,
                stdout=folder / "stdout.log",
                stderr=folder / "stderr.log",
                env={f"NIGHTWATT_{key.upper()}": _plain(facts[key]) for key in ("event", "subject", "text")},
                timeout_s=limit_s,
                grace_s=GRACE_S,
                exit_file=folder / "exit.json",
            )
        )
        try:
            _wait(keeping, stop)
            return _fault(keeping.ending(GRACE_S + PATIENCE_S), limit_s, tail_of(folder / "stderr.log", lines=1))
        finally:
            keeping.close()


def _wait(keeping: Keeping, stop: Stop | None) -> None:
    """Until the command has gone, or somebody wants an end: that is not waited for."""
    keeping.go()
    began = stop.level if stop else 0
    while not keeping.gone():
        if stop is not None and stop.level > began:
            keeping.end(at_once=True)
        listened = [keeping.child.pidfd, *([stop.fileno()] if stop else [])]
        ready, _, _ = select.select(listened, [], [], 1.0)
        if stop is not None and stop.fileno() in ready:
            stop.acknowledge()


def _fault(ending: Ending, limit_s: float, last_line: str) -> str:
    """What went wrong, "" where nothing did."""
    if ending.why == "exited" and ending.exit_code == 0:
        return ""
    if ending.why == "timed_out":
        return f"was ended at its limit of {limit_s:g} s"
    if ending.why == "told":
        return "was ended with the night"
    how = f"signal {ending.signal}" if ending.signal else f"exit code {ending.exit_code}"
    said = f": {last_line}" if last_line else ""
    return f"ended with {how}{said}"


def _plain(text: Any) -> str:
    """A text as an environment variable can hold it."""
    return str(text).replace("\0", "")


def now_text() -> str:
    """The local time with its offset, for facts."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
