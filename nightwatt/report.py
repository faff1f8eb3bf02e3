"""``nightwatt report NIGHT``: the answer of a night, as a page with its figures and tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from analysis.findings import Caution
    from analysis.report import ReportPaths


def command(
    nights: Annotated[
        list[Path], typer.Argument(metavar="NIGHT", help="The folder that `nightwatt run` made; several are joined.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Where the report goes; left out: report/ inside the night; needed for several."),
    ] = None,
) -> int:
    """Answer the question of a night, or of several: headline, figures, tables, one self-contained page."""
    if len(nights) > 1:
        from analysis.report import write_joined_report

        if out is None:
            raise UsageError(
                "the report of several nights belongs to none of them",
                where=" ".join(str(night) for night in nights),
                remedy="give it a folder of its own with --out",
            )
        return int(ExitCode.UNFINISHED if _damaged(_said(write_joined_report(nights, out))) else ExitCode.DONE)
    return int(ExitCode.UNFINISHED if _damaged(told(nights[0], out)) else ExitCode.DONE)


def told(night: Path, out: Path | None = None) -> ReportPaths:
    """Write a night's report and say its answer: the headline on standard output, damaged runs on standard error."""
    from analysis.report import write_report

    return _said(write_report(night, out))


def _said(paths: ReportPaths) -> ReportPaths:
    found = paths.findings
    for line in (found.first_line, found.headline, found.headline_all):
        if line:
            typer.echo(line)
    typer.echo(str(paths.index))
    for caution in _damaged(paths):
        typer.echo(f"nightwatt: {' '.join(filter(None, (caution.message, caution.advice)))}", err=True)
    return paths


def _damaged(paths: ReportPaths) -> list[Caution]:
    return [caution for caution in paths.findings.cautions if caution.code.startswith("damaged-")]
