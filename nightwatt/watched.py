"""What `run`, `resume` and `rehearse` share: show the night while it goes on, build its report, tell who wants to know.

The answer of the last message comes from here: the only layer that sees both the night and its analysis.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from shlex import quote
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from harness.engines.local import Ended, Watcher


def watched(execute: Callable[[Watcher], Ended], *, quiet: bool, report: bool) -> int:
    """Execute a night with its display on standard error; then its report; returns the exit code."""
    from harness.console import Console
    from harness.engines.local import Watcher
    from harness.errors import ExitCode
    from harness.orphans import adopting

    console = Console(sys.stderr, quiet=quiet)
    try:
        with adopting():
            ended = execute(Watcher(console.show, console.move_to_log))
    finally:
        console.close()
    answer: dict[str, Any] = {}
    try:
        if report and ended.exit_code in (ExitCode.DONE, ExitCode.UNFINISHED, ExitCode.STOPPED):
            answer = _answer(ended.folder.root, quiet=quiet)
    finally:
        event = ended.event
        for trouble in ended.messenger.end(int(ended.exit_code), event.reason, event.next_step, answer):
            typer.echo(f"{trouble.what} ({trouble.remedy})", err=True)
    return int(ended.exit_code)


def _answer(root: Path, *, quiet: bool) -> dict[str, Any]:
    """Write the report; what it says first, as facts for whoever is told of the end."""
    from harness.errors import NightwattError
    from nightwatt.report import told

    if not quiet:
        typer.echo("          writing the report …", err=True)
    try:
        paths = told(root)
    except NightwattError as error:  # the night is over and whole on disk; that a report fails does not undo it
        typer.echo(f"no report yet: {error}\nthe runs are all there: nightwatt report {quote(str(root))}", err=True)
        return {}
    except Exception as error:
        error.night = root  # type: ignore[attr-defined]  # the traceback goes into its journal
        raise
    found = paths.findings
    return {
        "headline": " ".join(filter(None, (found.first_line, found.headline))),
        "headline_all": found.headline_all,
        "cautions": [caution.message for caution in found.cautions],
        "report": str(paths.index.absolute()),
    }
