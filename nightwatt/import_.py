"""``nightwatt import FORMAT FILES…``: what others measured by hand as a night that ``nightwatt report`` reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.errors import UsageError

if TYPE_CHECKING:
    from analysis.importers.recording import Imported

FORMATS = {
    "energibridge": "CSVs of EnergiBridge, one file a run, or folders of them",
    "codecarbon": "emissions.csv of CodeCarbon, one row a run",
    "table": "a CSV with one row a run: configuration, energy_J, duration_s, and what else was reported",
}


def command(
    form: Annotated[str, typer.Argument(metavar="FORMAT", help="energibridge, codecarbon or table.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILES", help="The files, or folders of EnergiBridge's.")],
    *,
    title: Annotated[str, typer.Option(help="What the night is called.")] = "",
    pattern: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX",
            help="Takes names (of files; project names) apart: each named group is a factor, except block and run.",
        ),
    ] = None,
    configuration: Annotated[
        str, typer.Option(metavar="COLUMNS", help="table: the columns that are factors, with commas between.")
    ] = "configuration",
    results: Annotated[
        Path | None, typer.Option(metavar="CSV", help="energibridge: accuracy and so on, by the column file.")
    ] = None,
    modelled: Annotated[bool, typer.Option("--modelled", help="table: its energy was computed, not measured.")] = False,
    source: Annotated[str, typer.Option(help="table: what its energy was read from, in words.")] = "",
    domain: Annotated[str, typer.Option(help="table: what a column energy covers, as wall or gpu0.")] = "total",
    energy_unit: Annotated[
        str, typer.Option(metavar="UNIT", help="table: the true unit, where its header is wrong (mJ).")
    ] = "",
    duration_unit: Annotated[str, typer.Option(metavar="UNIT", help="table: the same of its durations (ms).")] = "",
    rapl: Annotated[bool, typer.Option("--rapl", help="codecarbon: the processor's energy was read by RAPL.")] = False,
    accept_unit_error: Annotated[
        bool, typer.Option("--accept-unit-error", help="energibridge: take Intel's energies of releases before 0.0.7.")
    ] = False,
    override: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A key of the analysis, as in analysis.recipe=classic."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder in which the night's folder is made.")] = Path("results"),
) -> int:
    """Make a night of what others measured by hand; what its files do not say stays unknown."""
    from analysis.importers import codecarbon, energibridge, table
    from analysis.importers.night import Order, write_night
    from analysis.importers.recording import Naming
    from analysis.importers.results import with_results
    from harness.record import Quality

    naming = Naming.of(pattern)
    given = tuple(files)
    found: Imported
    if form == energibridge.FORMAT:
        given = tuple(energibridge.files_of([path for path in files if path != results]))
        given = tuple(path for path in given if results is None or path.resolve() != results.resolve())
        found = energibridge.read(given, naming, accept_unit_error=accept_unit_error)
        if results is not None:
            from dataclasses import replace

            found = replace(found, recordings=with_results(found.recordings, results))
            given = (*given, results)
    elif form == codecarbon.FORMAT:
        found = codecarbon.read(given, naming, rapl=rapl)
    elif form == table.FORMAT:
        quality = Quality.MODELLED if modelled else Quality.MEASURED
        columns = tuple(name.strip() for name in configuration.split(",") if name.strip())
        found = table.read(given, table.Settings(columns, quality, source, domain, energy_unit, duration_unit))
    else:
        known = "; ".join(f"{name}: {what}" for name, what in FORMATS.items())
        raise UsageError(f"no format is called {form!r}", where="nightwatt import", remedy=f"give one of {known}")
    order = Order(
        title or f"{files[0].stem} (imported)", files[0].stem, out, given, _analysis(override or []), _version()
    )
    night = write_night(found, order)
    typer.echo(f"imported {len(found.recordings)} run{'' if len(found.recordings) == 1 else 's'}", err=True)
    for recording in found.recordings:
        for note in recording.notes:
            typer.echo(f"  {note}", err=True)
    typer.echo("What these files do not say stays unknown:", err=True)
    for sentence in found.unknown:
        typer.echo(f"  - {sentence}", err=True)
    typer.echo(str(night))
    typer.echo(f"next: nightwatt report {night}", err=True)
    return 0


def _analysis(overrides: list[str]) -> dict[str, Any]:
    """The keys of the analysis that were asked for; an import has no other part of a protocol."""
    from harness.protocol import parse_overrides

    body: dict[str, Any] = {}
    for key, value in parse_overrides(overrides).items():
        section, *inner = key.split(".")
        if section != "analysis" or not inner:
            raise UsageError(
                f"an imported night has no {key}", where="--set", remedy="only keys of analysis can be given"
            )
        place = body
        for name in inner[:-1]:
            place = place.setdefault(name, {})
        place[inner[-1]] = value
    return body


def _version() -> str:
    from importlib.metadata import version

    return version("nightwatt")
