"""nightwatt resume: execute exactly what is left of a night."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from harness.engines.local import Ended, Watcher


def command(
    night: Annotated[Path, typer.Argument(help="The night's folder, as `nightwatt run` named it.")],
    *,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only troubles and the end.")] = False,
    report: Annotated[bool, typer.Option(help="Build the report when the night is over.")] = True,
    at_once: Annotated[bool, typer.Option("--now", help="Begin at once, whatever night.starts_at says.")] = False,
    accept_change: Annotated[
        bool,
        typer.Option("--accept-change", help="Go on although protocol, machine, software or workload have changed."),
    ] = False,
) -> int:
    """Execute what is left of a night that was interrupted or stopped; the warm-up is repeated."""
    from harness.engines.local import resume_night
    from nightwatt.watched import watched

    def execute(watcher: Watcher) -> Ended:
        return resume_night(night, watcher, accept_change=accept_change, at_once=at_once)

    return watched(execute, quiet=quiet, report=report)
