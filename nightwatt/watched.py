"""What `run`, `resume` and `rehearse` share: show the night while it goes on, and build its report when it is over."""

from __future__ import annotations

import sys
from collections.abc import Callable
from shlex import quote
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from harness.engines.local import Ended, Watcher


def watched(execute: Callable[[Watcher], Ended], *, quiet: bool, report: bool) -> int:
    """Execute a night with its display on standard error; then its report; returns the exit code."""
    from harness.console import Console
    from harness.engines.local import Watcher
    from harness.errors import ExitCode, NightwattError

    console = Console(sys.stderr, quiet=quiet)
    try:
        ended = execute(Watcher(console.show, console.move_to_log))
    finally:
        console.close()
    if report and ended.exit_code in (ExitCode.DONE, ExitCode.UNFINISHED):
        from nightwatt.report import command as write_report

        root = ended.folder.root
        if not quiet:
            typer.echo("          writing the report …", err=True)
        try:
            write_report([root])
        except NightwattError as error:  # the night is over and whole on disk; that a report fails does not undo it
            typer.echo(f"no report yet: {error}\nthe runs are all there: nightwatt report {quote(str(root))}", err=True)
        except Exception as error:
            error.night = root  # type: ignore[attr-defined]  # the traceback goes into its journal
            raise
    return int(ended.exit_code)
