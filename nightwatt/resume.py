"""nightwatt resume: execute exactly what is left of a night."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    night: Annotated[Path, typer.Argument(help="The night's folder, as `nightwatt run` named it.")],
    *,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only troubles and the end.")] = False,
    report: Annotated[bool, typer.Option(help="Build the report when the night is over.")] = True,
) -> int:
    """Execute what is left of a night that was interrupted or stopped; the warm-up is repeated."""
    from harness.engines.local import resume_night
    from nightwatt.watched import watched

    return watched(lambda watcher: resume_night(night, watcher), quiet=quiet, report=report)
