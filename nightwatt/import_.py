"""``nightwatt import FORMAT FILES…``: what others measured by hand as a night that ``nightwatt report`` reads."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.errors import UsageError

if TYPE_CHECKING:
    from analysis.importers.recording import Imported, Naming

FORMATS = {
    "energibridge": "CSVs of EnergiBridge, one file a run, or folders of them",
    "nvidia-smi": "logs of nvidia-smi --query-gpu=… --format=csv -lms N, one file a run, or folders of them",
    "meter": "CSVs of a wattmeter, one file a run, or folders of them",
    "codecarbon": "emissions.csv of CodeCarbon, one row a run",
    "table": "a CSV with one row a run: configuration, energy_J, duration_s, and what else was reported",
}

ONE_A_RUN = {"energibridge": (".csv",), "nvidia-smi": (".csv", ".log", ".txt"), "meter": (".csv", ".txt")}
"""The formats of one file a run, and how their files end."""
OF_OPTIONS = {
    "--results": tuple(ONE_A_RUN),
    "--runs": tuple(ONE_A_RUN),
    "--columns": ("nvidia-smi", "meter"),
    "--domain": ("table", "meter"),
    "--source": ("table",),
    "--energy-unit": ("table",),
    "--duration-unit": ("table",),
    "--modelled": ("table",),
    "--rapl": ("codecarbon",),
    "--accept-unit-error": ("energibridge",),
}
"""The formats that each option is for."""


def command(
    form: Annotated[
        str, typer.Argument(metavar="FORMAT", help="energibridge, nvidia-smi, codecarbon, meter or table.")
    ],
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES", help="The files, or folders of those with one file a run.")
    ],
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
        Path | None,
        typer.Option(metavar="CSV", help="Of runs with a file each: accuracy and so on, by the column file."),
    ] = None,
    runs: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            help="Of a recording of many runs: run, started and ended (or duration_s) of each, accuracy …",
        ),
    ] = None,
    modelled: Annotated[bool, typer.Option("--modelled", help="table: its energy was computed, not measured.")] = False,
    source: Annotated[str, typer.Option(help="table: what its energy was read from, in words.")] = "",
    domain: Annotated[str, typer.Option(help="table, meter: what is covered, as wall or gpu0.")] = "",
    columns: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="nvidia-smi, meter: its columns' names, where it has no header or one that says little.",
        ),
    ] = "",
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
    from analysis.importers.cut import cut
    from analysis.importers.judging import exclusions
    from analysis.importers.night import Order, write_night
    from analysis.importers.recording import Naming, doubts
    from analysis.importers.results import with_results

    _refuse_foreign(
        form,
        {
            "--results": bool(results),
            "--runs": bool(runs),
            "--columns": bool(columns),
            "--domain": bool(domain),
            "--source": bool(source),
            "--energy-unit": bool(energy_unit),
            "--duration-unit": bool(duration_unit),
            "--modelled": modelled,
            "--rapl": rapl,
            "--accept-unit-error": accept_unit_error,
        },
    )
    analysis = _analysis(override or [])
    given = _files(form, files, results or runs)
    if results is not None and runs is not None:
        raise UsageError(
            "--results and --runs both tell the runs", where="nightwatt import", remedy="put all of it into --runs"
        )
    ways = _Ways(
        Naming.of(pattern) if runs is None else Naming(),
        _listed(configuration),
        _listed(columns),
        domain=domain,
        source=source,
        units=(energy_unit, duration_unit),
        modelled=modelled,
        rapl=rapl,
        accept_unit_error=accept_unit_error,
        needs_energy=_needs_energy(analysis),
    )
    found = _read(form, given, ways)
    if results is not None:
        found = replace(found, recordings=with_results(found.recordings, results))
        given = (*given, results)
    if runs is not None:
        found = cut(found, runs, Naming.of(pattern))
        given = (*given, runs)
    options: dict[str, object] = {
        "--title": title,
        "--pattern": pattern,
        "--configuration": configuration if configuration != "configuration" else "",
        "--results": results,
        "--runs": runs,
        "--modelled": modelled,
        "--source": source,
        "--domain": domain,
        "--columns": columns,
        "--energy-unit": energy_unit,
        "--duration-unit": duration_unit,
        "--rapl": rapl,
        "--accept-unit-error": accept_unit_error,
        "--set": override or [],
    }
    order = Order(
        title or f"{files[0].stem} (imported)",
        files[0].stem,
        out,
        given,
        analysis,
        _version(),
        _called(form, files, options),
    )
    night = write_night(found, order)
    typer.echo(f"imported {len(found.recordings)} run{'' if len(found.recordings) == 1 else 's'}", err=True)
    notes = (note for item in found.recordings for note in item.notes)
    for note in (*exclusions(found.recordings), *doubts(found.recordings), *notes):
        typer.echo(f"  {note}", err=True)
    typer.echo("What these files do not say stays unknown:", err=True)
    for sentence in found.unknown:
        typer.echo(f"  - {sentence}", err=True)
    typer.echo(str(night))
    typer.echo(f"next: nightwatt report {night}", err=True)
    return 0


@dataclass(frozen=True)
class _Ways:
    """How files are read: what the command's options say."""

    naming: Naming
    configuration: tuple[str, ...]
    columns: tuple[str, ...]
    domain: str
    source: str
    units: tuple[str, str]
    modelled: bool
    rapl: bool
    accept_unit_error: bool
    needs_energy: bool


def _read(form: str, files: tuple[Path, ...], ways: _Ways) -> Imported:
    from analysis.importers import codecarbon, energibridge, meter, nvidia_smi, table
    from harness.record import Quality

    if form == energibridge.FORMAT:
        return energibridge.read(files, ways.naming, accept_unit_error=ways.accept_unit_error)
    if form == nvidia_smi.FORMAT:
        return nvidia_smi.read(files, ways.naming, columns=ways.columns)
    if form == meter.FORMAT:
        return meter.read(files, ways.naming, domain=ways.domain or "wall", columns=ways.columns)
    if form == codecarbon.FORMAT:
        return codecarbon.read(files, ways.naming, rapl=ways.rapl)
    quality = Quality.MODELLED if ways.modelled else Quality.MEASURED
    settings = table.Settings(
        ways.configuration,
        quality,
        ways.source,
        ways.domain or "total",
        *ways.units,
        needs_energy=ways.needs_energy,
    )
    return table.read(files, settings)


def _refuse_foreign(form: str, given: dict[str, bool]) -> None:
    """Refuse a format that is none, and options that it has no use for."""
    if form not in FORMATS:
        known = "; ".join(f"{name}: {what}" for name, what in FORMATS.items())
        raise UsageError(f"no format is called {form!r}", where="nightwatt import", remedy=f"give one of {known}")
    for option, is_given in given.items():
        if is_given and form not in OF_OPTIONS[option]:
            raise UsageError(
                f"{option} says nothing of {form}",
                where="nightwatt import",
                remedy=f"leave it out; it is for {', '.join(OF_OPTIONS[option])}",
            )


def _files(form: str, given: list[Path], results: Path | None) -> tuple[Path, ...]:
    """The files to read: those inside folders too, without that of the results."""
    from analysis.importers.cells import files_of

    if form not in ONE_A_RUN:
        return tuple(given)
    found = files_of([path for path in given if path != results], ONE_A_RUN[form])
    return tuple(path for path in found if results is None or path.resolve() != results.resolve())


def _listed(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


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


def _needs_energy(analysis: dict[str, Any]) -> bool:
    """Whether what is compared is an energy or a power: an import's own metric may be anything that its table has."""
    return str(analysis.get("metric", "energy")).replace("_", " ") in ("energy", "net energy", "power", "mean power")


def _called(form: str, files: Sequence[Path], options: Mapping[str, object]) -> str:
    """The command line for whoever repeats it: files and folders by their names, since paths are nobody's business."""
    words = ["nightwatt", "import", form, *(path.name or str(path) for path in files)]
    for option, value in options.items():
        for item in value if isinstance(value, list) else [value]:
            if item is True:
                words.append(option)
            elif item:
                words += [option, item.name if isinstance(item, Path) else str(item)]
    return shlex.join(words)


def _version() -> str:
    from importlib.metadata import version

    return version("nightwatt")
