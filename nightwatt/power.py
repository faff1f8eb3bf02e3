"""``nightwatt power NIGHT``: how many runs a wanted difference needs, by the scatter of a night that is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from analysis.findings import Caution
    from analysis.power.pilot import Contrast, Pilot, Point
    from analysis.statistics.pilot import Needed

WIDEST_NAME = 48
_LARGEST_PCT = 1000
"""As far as per cent are told; beyond, nothing can be read from them."""


def command(
    night: Annotated[Path, typer.Argument(help="The folder of the night that serves as pilot.")],
    *,
    effect_pct: Annotated[
        list[float] | None,
        typer.Option("--effect", metavar="PERCENT", help="The difference that is to be found; may be repeated."),
    ] = None,
    power_pct: Annotated[
        float, typer.Option("--power", metavar="PERCENT", min=50, max=99.9, help="How often it is to be found.")
    ] = 90.0,
    alpha: Annotated[
        float | None,
        typer.Option(min=1e-6, max=0.5, help="How often nothing may be taken for something; left out: the protocol's."),
    ] = None,
    level_pct: Annotated[
        float, typer.Option("--level", metavar="PERCENT", min=50, max=99.9, help="Of the intervals.")
    ] = 95.0,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Tables and the curve go there as files.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON on standard output.")] = False,
) -> int:
    """Say how many runs a wanted difference needs, by the scatter that this night shows."""
    from analysis.load import load
    from analysis.power.pilot import EFFECTS, plan_from

    effects = _effects(effect_pct) if effect_pct else EFFECTS
    pilot = plan_from(load(night), effects, power=power_pct / 100, alpha=alpha, level=level_pct / 100)
    if as_json:
        _print_json(night, pilot)
    else:
        typer.echo("\n".join(lines(pilot)))
    if out is not None:
        _write(pilot, out)
    return 0


def _write(pilot: Pilot, out: Path) -> None:
    from analysis.power.illustrate import write_pilot
    from harness.errors import UsageError

    try:
        written = write_pilot(pilot, out)
    except OSError as error:
        raise UsageError(
            f"the tables cannot be written: {error.strerror or error}", where=str(out), remedy="name another folder"
        ) from error
    what = "tables and curve" if any(path.suffix == ".png" for path in written) else "tables; no curve can be drawn"
    typer.echo(f"{what}: {out}", err=True)


def _effects(asked: Sequence[float]) -> tuple[float, ...]:
    from harness.errors import UsageError

    for effect in asked:
        if not 0 < effect <= 100:
            raise UsageError(
                f"{effect:g} % is no difference to look for",
                where="--effect",
                remedy="give a percentage above 0 and up to 100, as in --effect 1",
            )
    return tuple(effect / 100 for effect in asked)


def lines(pilot: Pilot) -> Iterator[str]:
    """What the pilot tells, for a person."""
    from analysis.statistics.families import FIRST
    from harness.view import printable

    if pilot.rehearsal:
        yield "REHEARSAL: the scatter of a simulated sensor says nothing about a machine."
    elif pilot.quality == "modelled":
        yield "MODELLED, not measured: a model's scatter is not that of the energy."
    yield f"Pilot: {printable(pilot.title)}"
    count = pilot.comparisons
    family = f" over {count} comparisons, {pilot.alpha_each:.3g} each ({FIRST[pilot.correction]})" if count > 1 else ""
    yield f"  {pilot.response}; {pilot.analysis}"
    yield f"  alpha {pilot.alpha:g}{family}; to be found in {percent(pilot.power)} of nights"
    rows = [*pilot.contrasts, *([] if pilot.pooled is None else [pilot.pooled])]
    names = [_name(item) for item in rows]
    width = max(map(len, names))
    yield ""
    yield from _scatter(pilot, rows, names, width)
    if pilot.worst is not None:
        yield ""
        yield from _needs(pilot, rows, names, width)
        yield ""
        yield from _curve(pilot, pilot.worst)
    yield ""
    yield from said(pilot.lacks)
    if pilot.worst is not None:
        yield from _notes(pilot)


def _scatter(pilot: Pilot, rows: Sequence[Contrast], names: Sequence[str], width: int) -> Iterator[str]:
    where = " within its block" if pilot.blocked else ""
    yield f"Scatter of a run{where} (CV), with its {percent(pilot.level)} interval:"
    for name, row in zip(names, rows, strict=True):
        n = f"{row.n} {row.unit}"
        if row.scatter.deviation is None:
            yield f"  {name:<{width}}  cannot be told from {n}: {row.scatter.note}"
        else:
            edges = f"[{percent(row.low)}, {percent(row.high)}]"
            yield f"  {name:<{width}}  {percent(row.scatter.deviation):>7} {edges:<20} {n}"


def _needs(pilot: Pilot, rows: Sequence[Contrast], names: Sequence[str], width: int) -> Iterator[str]:
    what = "Blocks" if pilot.blocked else "Runs of each configuration"
    yield f"{what} needed for a difference of …, with the interval that the pilot leaves, and what is advised:"
    heads = [f"{100 * effect:g} %" for effect in pilot.effects]
    cells = [[needs_cell(item) for item in row.needed] for row in rows]
    widths = [max(len(head), *(len(line[place]) for line in cells)) for place, head in enumerate(heads)]
    yield (
        "  "
        + "   ".join([" " * width, *(f"{head:<{size}}" for head, size in zip(heads, widths, strict=True))]).rstrip()
    )
    for name, line in zip(names, cells, strict=True):
        body = [f"{cell:<{size}}" for cell, size in zip(line, widths, strict=True)]
        yield "  " + "   ".join([f"{name:<{width}}", *body]).rstrip()
    often = percent(pilot.assurance)
    yield f"  Advised, after the arrow: has the power asked for after {often} of such pilots, not after half of them."
    if pilot.pooled is not None:
        yield "  All together: only where all configurations may be taken to scatter alike."


def needs_cell(item: Needed) -> str:
    """Runs needed, with their interval, and those advised."""
    if item.runs is None:
        return "—" if item.advised is None and item.low is None else f"beyond {_most()}"
    high = "…" if item.high is None else str(item.high)
    return f"{item.runs} [{item.low}, {high}] → {'…' if item.advised is None else item.advised}"


def _most() -> int:
    from analysis.statistics.pilot import MOST_RUNS

    return MOST_RUNS


def _curve(pilot: Pilot, contrast: Contrast) -> Iterator[str]:
    noun = "blocks" if pilot.blocked else "runs"
    of = f" ({_name(contrast)}, which scatters most)" if len(pilot.contrasts) > 1 else ""
    yield f"What a night sees{of}:"
    cost = pilot.cost
    heads = [noun, "smallest difference", *(f"finds {100 * effect:g} %" for effect in pilot.effects)]
    heads += ["takes"] * (cost.seconds is not None) + ["energy"] * (cost.energy_J is not None)
    table = [heads]
    for point in pilot.curve:
        row = [str(point.runs), seen(point), *map(_share, point.power)]
        row += [_duration(cost.seconds * point.runs)] if cost.seconds is not None else []
        row += [_joules(cost.energy_J * point.runs)] if cost.energy_J is not None else []
        table.append(row)
    widths = [max(len(row[place]) for row in table) for place in range(len(heads))]
    for row in table:
        yield "  " + "   ".join(f"{cell:>{size}}" for cell, size in zip(row, widths, strict=True))


def _notes(pilot: Pilot) -> Iterator[str]:
    if pilot.cost.energy_J is not None:
        yield f"Energy: {pilot.response} alone."
    yield "The pilot's own difference was not used, and its runs are not added to those of the night proper."
    yield "Runs are counted before the night: adding some until p is small is no test."


def said(cautions: Sequence[Caution]) -> Iterator[str]:
    """Cautions with their remedies."""
    for caution in cautions:
        yield caution.message
        if caution.advice:
            yield f"  remedy: {caution.advice}"


def seen(point: Point) -> str:
    """The smallest difference that so many runs see, with its interval."""
    told = (point.smallest_effect, point.smallest_effect_low, point.smallest_effect_high)
    middle, low, high = (f"> {_LARGEST_PCT} %" if effect is None else percent(effect) for effect in told)
    return f"{middle} [{low}, {high}]"


def _name(contrast: Contrast) -> str:
    from analysis.labels import shortened
    from analysis.power.listing import name

    return shortened(name(contrast), WIDEST_NAME)


def percent(fraction: float | None) -> str:
    """A fraction in per cent with its sign, as far as per cent are told."""
    if fraction is None:
        return "—"
    value = 100 * fraction
    if value > _LARGEST_PCT:
        return f"> {_LARGEST_PCT} %"
    return f"{value:.3g} %" if value < 99.95 else f"{value:.0f} %"


def _share(power: float | None) -> str:
    if power is None:
        return "—"
    return "> 99 %" if power > 0.99 else f"{100 * power:.0f} %"


def _duration(seconds: float) -> str:
    from harness.view import duration

    return duration(seconds)


def _joules(value: float) -> str:
    from analysis.numbers import scale, significant

    factor, unit = scale([value], "J")
    return f"{significant(value / factor, 3)} {unit}"


def _print_json(night: Path, pilot: Pilot) -> None:
    import json
    from dataclasses import asdict

    from harness.record import encode

    body: dict[str, Any] = {"night": str(night), **asdict(pilot)}
    typer.echo(json.dumps(encode(body), indent=1, ensure_ascii=False))
