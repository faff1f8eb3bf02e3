"""``nightwatt power NIGHT``: how many runs a wanted difference needs, by the scatter of a night that is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from analysis.power import Contrast, Pilot
    from analysis.statistics.pilot import Needed

FEW_DEGREES = 5
"""With fewer degrees of freedom than this a pilot hardly tells its scatter."""
WIDEST_NAME = 48


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
    as_json: Annotated[bool, typer.Option("--json", help="As JSON on standard output.")] = False,
) -> int:
    """Say how many runs a wanted difference needs, by the scatter that this night shows."""
    from analysis.load import load
    from analysis.power import EFFECTS, plan_from

    effects = _effects(effect_pct) if effect_pct else EFFECTS
    pilot = plan_from(load(night), effects, power=power_pct / 100, alpha=alpha, level=level_pct / 100)
    if as_json:
        _print_json(night, pilot)
    else:
        typer.echo("\n".join(lines(pilot)))
    return 0


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
    from harness.view import printable

    if pilot.rehearsal:
        yield "REHEARSAL: the scatter of a simulated sensor says nothing about a machine."
    elif pilot.quality == "modelled":
        yield "MODELLED, not measured: a model's scatter is not that of the energy."
    yield f"Pilot: {printable(pilot.title)}"
    count = len(pilot.contrasts)
    family = f" over {count} comparisons, {pilot.alpha_each:.3g} each (Holm's first step)" if count > 1 else ""
    yield f"  {pilot.response}; {pilot.analysis}"
    yield f"  alpha {pilot.alpha:g}{family}; to be found in {_percent(pilot.power)} of nights"
    if not pilot.contrasts:
        yield ""
        yield "There is one configuration: nothing is compared, so that no difference can be looked for."
        return
    rows = [*pilot.contrasts, *([] if pilot.pooled is None else [pilot.pooled])]
    names = [_name(item) for item in rows]
    width = max(map(len, names))
    yield ""
    yield from _scatter(pilot, rows, names, width)
    if pilot.worst is None:
        return
    yield ""
    yield from _needs(pilot, rows, names, width)
    yield ""
    yield from _curve(pilot, pilot.worst)
    yield ""
    yield from _notes(pilot)


def _scatter(pilot: Pilot, rows: Sequence[Contrast], names: Sequence[str], width: int) -> Iterator[str]:
    where = " within its block" if pilot.blocked else ""
    yield f"Scatter of a run{where} (CV), with its {_percent(pilot.level)} interval:"
    for name, row in zip(names, rows, strict=True):
        n = f"{row.n} {_unit(row, pilot)}"
        if row.scatter.deviation is None:
            yield f"  {name:<{width}}  cannot be told from {n}: {row.scatter.note}"
        else:
            edges = f"[{_percent(row.low)}, {_percent(row.high)}]"
            yield f"  {name:<{width}}  {_percent(row.scatter.deviation):>7} {edges:<20} {n}"


def _needs(pilot: Pilot, rows: Sequence[Contrast], names: Sequence[str], width: int) -> Iterator[str]:
    what = "Blocks" if pilot.blocked else "Runs of each configuration"
    yield f"{what} needed for a difference of …, with the interval that the pilot leaves, and what is advised:"
    heads = [f"{100 * effect:g} %" for effect in pilot.effects]
    cells = [[_cell(item) for item in row.needed] for row in rows]
    widths = [max(len(head), *(len(line[place]) for line in cells)) for place, head in enumerate(heads)]
    yield (
        "  "
        + "   ".join([" " * width, *(f"{head:<{size}}" for head, size in zip(heads, widths, strict=True))]).rstrip()
    )
    for name, line in zip(names, cells, strict=True):
        body = [f"{cell:<{size}}" for cell, size in zip(line, widths, strict=True)]
        yield "  " + "   ".join([f"{name:<{width}}", *body]).rstrip()
    often = _percent(pilot.assurance)
    yield f"  Advised, after the arrow: has the power asked for after {often} of such pilots, not after half of them."
    if pilot.pooled is not None:
        yield "  All together: only where all configurations may be taken to scatter alike."


def _cell(item: Needed) -> str:
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
        edges = f"[{_percent(point.smallest_effect_low)}, {_percent(point.smallest_effect_high)}]"
        row = [str(point.runs), f"{_percent(point.smallest_effect)} {edges}", *map(_share, point.power)]
        row += [_duration(cost.seconds * point.runs)] if cost.seconds is not None else []
        row += [_joules(cost.energy_J * point.runs)] if cost.energy_J is not None else []
        table.append(row)
    widths = [max(len(row[place]) for row in table) for place in range(len(heads))]
    for row in table:
        yield "  " + "   ".join(f"{cell:>{size}}" for cell, size in zip(row, widths, strict=True))


def _notes(pilot: Pilot) -> Iterator[str]:
    degrees = min(item.scatter.degrees for item in pilot.contrasts if item.scatter.deviation is not None)
    if degrees < FEW_DEGREES:
        of = "" if degrees == 1 else "s"
        yield f"With {degrees} degree{of} of freedom the scatter is hardly known: see the intervals."
        yield f"  remedy: a pilot of {FEW_DEGREES + 1} blocks or more"
    lost = pilot.begun - pilot.usable
    if lost > 0:
        noun = "pairs" if pilot.blocked else "runs"
        yield f"Of {pilot.begun} {noun} that began {lost} did not count here: plan as many more."
    if pilot.cost.energy_J is not None:
        yield f"Energy: {pilot.response} alone."
    yield "The pilot's own difference was not used, and its runs are not added to those of the night proper."
    yield "Runs are counted before the night: adding some until p is small is no test."


def _name(contrast: Contrast) -> str:
    from analysis.labels import shortened, visible

    if contrast.configuration == contrast.baseline == "all":
        return "all together"
    return shortened(f"{visible(contrast.configuration)} against {visible(contrast.baseline)}", WIDEST_NAME)


def _unit(contrast: Contrast, pilot: Pilot) -> str:
    if contrast is pilot.pooled:
        return "whole blocks"
    return "pairs" if pilot.blocked else "runs a side"


def _percent(fraction: float | None) -> str:
    if fraction is None:
        return "—"
    value = 100 * fraction
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
