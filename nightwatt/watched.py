"""What `run`, `resume` and `rehearse` share: show the night while it goes on, and build its report when it is over."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
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
        try:
            from analysis.report import write_report

            written = write_report([ended.folder.root])
        except NightwattError as error:  # the night is over and whole on disk; that a report fails does not undo it
            folder = shlex.quote(str(ended.folder.root))
            typer.echo(f"no report yet: {error}\nThe runs are all there: nightwatt report {folder}", err=True)
        else:
            typer.echo(written.headline)
            typer.echo(str(written.page))
    return int(ended.exit_code)
