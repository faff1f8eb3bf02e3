"""``nightwatt report NIGHT``: the answer of a night, as a page with its figures and tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.errors import ExitCode, UsageError


def command(
    nights: Annotated[list[Path], typer.Argument(metavar="NIGHT", help="The folder that `nightwatt run` made.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Where the report goes; left out: report/ inside the night.")
    ] = None,
) -> int:
    """Answer the question of a night: headline, figures, tables, one self-contained page."""
    if len(nights) > 1:
        raise UsageError(
            "joining several nights in one report is not available yet",
            where=" ".join(str(night) for night in nights),
            remedy="report each night by itself",
        )
    from analysis.report import write_report

    paths = write_report(nights[0], out)
    found = paths.findings
    for line in (found.first_line, found.headline, found.headline_all):
        if line:
            typer.echo(line)
    typer.echo(str(paths.index))
    damaged = [caution for caution in found.cautions if caution.code.startswith("damaged-")]
    for caution in damaged:
        typer.echo(f"nightwatt: {' '.join(filter(None, (caution.message, caution.advice)))}", err=True)
    return int(ExitCode.UNFINISHED if damaged else ExitCode.DONE)
