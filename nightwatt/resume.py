"""nightwatt resume: execute exactly what is left of a night."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nightwatt.cluster import DRY_RUN, WAIT

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
    wait: Annotated[bool, WAIT] = False,
    dry_run: Annotated[bool, DRY_RUN] = False,
) -> int:
    """Execute what is left of a night that was interrupted or stopped; the warm-up is repeated."""
    from harness.engines.local import resume_night
    from harness.errors import UsageError
    from harness.folder import read_head
    from nightwatt.cluster import Asked, on_cluster, refuse_cluster_options, resumed
    from nightwatt.watched import watched

    if on_cluster(read_head(night).protocol):
        if accept_change and dry_run:
            raise UsageError(
                "--dry-run leaves a night as it is, and --accept-change does not",
                where=str(night),
                remedy="name one of them",
            )
        asked = Asked(wait, dry_run, report=report, at_once=at_once, accept_change=accept_change)
        return resumed(night, asked)
    refuse_cluster_options(wait=wait, dry_run=dry_run)

    def execute(watcher: Watcher) -> Ended:
        return resume_night(night, watcher, accept_change=accept_change, at_once=at_once)

    return watched(execute, quiet=quiet, report=report)
