"""nightwatt block: execute one block of a night on this node; what a cluster's task calls."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    night: Annotated[Path, typer.Argument(help="The night's folder, on a file system that the nodes share.")],
    block: Annotated[int, typer.Argument(metavar="N", min=0, help="The block's number.")] = 0,
    limit_s: Annotated[
        float | None,
        typer.Option("--limit", metavar="SECONDS", min=0, help="When the task is ended; no run is begun too late."),
    ] = None,
    until_s: Annotated[
        float | None,
        typer.Option("--until", metavar="EPOCH", min=0, help="Seconds since 1970 behind which no block is begun."),
    ] = None,
    look: Annotated[
        str, typer.Option("--look", metavar="TOKEN", help="Only write into the night what this node is.")
    ] = "",
) -> int:
    """Execute what is left of one block, as its task on a cluster does: warm-up, gates, runs, repeats."""
    import sys

    from harness.console import Console
    from harness.engines.block import Until, refuse_unless_cluster
    from harness.engines.telling import execute_and_tell
    from harness.errors import ExitCode, UsageError
    from harness.orphans import adopting

    if look:
        from harness.engines.changes import in_cohort
        from harness.engines.node import answer
        from harness.folder import read_head

        if not look.isalnum():
            raise UsageError(f"--look {look!r} is no token", remedy="letters and digits only")
        head = read_head(night)
        head = in_cohort(head, head.cohorts[-1])
        refuse_unless_cluster(head)
        answer(head, look)
        return int(ExitCode.DONE)
    console = Console(sys.stderr)
    try:
        with adopting():
            ended = execute_and_tell(night, block, console.show, Until(limit_s, until_s))
    finally:
        console.close()
    if not ended.shown:
        typer.echo(ended.reason, err=True)
    return int(ended.exit_code)
