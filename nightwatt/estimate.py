"""``nightwatt estimate NIGHT``: a run's energy from its first epochs, or before it begins, and how true that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from analysis.estimate.observed import Seen
    from analysis.estimate.scores import Scored
    from analysis.load import Night

LEVEL = 0.95
"""Of the intervals in which a further run is foretold to lie."""


def command(
    nights: Annotated[
        list[Path], typer.Argument(metavar="NIGHT", help="The folders of one or more nights whose runs mark epochs.")
    ],
    *,
    share: Annotated[
        float | None,
        typer.Option("--share", metavar="PART", help="How much of a run's epochs is seen; left out: 0.2."),
    ] = None,
    first: Annotated[
        int | None, typer.Option("--first", metavar="EPOCHS", min=1, help="The same as a number of epochs.")
    ] = None,
    window: Annotated[
        int, typer.Option("--stable", metavar="EPOCHS", min=1, help="Stable epochs that STEP takes at most.")
    ] = 5,
    tdp_W: Annotated[
        float | None, typer.Option("--tdp-W", metavar="WATTS", help="For TDP x time; left out: the recorded limit.")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option("--epochs", metavar="EPOCHS", min=1, help="At most so many a run; left out: as its command says."),
    ] = None,
    before: Annotated[
        str | None, typer.Option("--before", metavar="PROTOCOL", help="Foretell a night of this protocol instead.")
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key of --before's protocol; may be repeated."),
    ] = None,
    going_on: Annotated[
        bool, typer.Option("--running", help="Foretell the runs that go on in a night instead.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Tables and the figure go there as files.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON on standard output.")] = False,
) -> int:
    """Foretell energy early or beforehand, and say how far such guesses are from what runs used."""
    from analysis.load import load
    from harness.errors import UsageError

    _refuse(nights, share=share, first=first, tdp_W=tdp_W, before=before, override=override, out=out, going_on=going_on)
    loaded = [load(night) for night in nights]
    if going_on:
        from nightwatt.foretelling import running_lines

        return _say(*running_lines(loaded, epochs, window), as_json=as_json)
    seen = seen_in(loaded, tdp_W, epochs)
    if before is not None:
        from nightwatt.foretelling import before_lines

        return _say(*before_lines(loaded, seen, before, override or [], epochs=epochs, level=LEVEL), as_json=as_json)
    from analysis.estimate.guesses import EARLY, Asked
    from analysis.estimate.scores import score

    scored = score(seen, Asked(0.2 if share is None else share, first, window))
    if not any(item.n for item in scored.scores if item.method in EARLY):
        reasons = list(dict.fromkeys(guess.why for guess in scored.guesses if guess.why and guess.method in EARLY))
        raise UsageError(
            f"no run can be foretold at {scored.asked}: {'; '.join(reasons)}",
            where=" ".join(map(str, nights)),
            remedy="give another --share or --first: at least 2 epochs, at most as many as the runs have",
        )
    _say(lines(scored), body(scored), as_json=as_json)
    if out is not None:
        _write(scored, out)
    return 0


def _refuse(
    nights: Sequence[Path],
    *,
    share: float | None,
    first: int | None,
    tdp_W: float | None,
    before: str | None,
    override: Sequence[str] | None,
    out: Path | None,
    going_on: bool,
) -> None:
    """Raise UsageError for what does not go together or means nothing."""
    from harness.errors import UsageError

    if share is not None and first is not None:
        raise UsageError("--share and --first both tell how much is seen", remedy="give one of them")
    if share is not None and not 0 < share <= 1:
        raise UsageError(f"{share:g} is no share of a run", where="--share", remedy="give 0.2 for 20 % of the epochs")
    if tdp_W is not None and not 0 < tdp_W < 1e6:
        raise UsageError(f"{tdp_W:g} W is no device's power", where="--tdp-W", remedy="give watts, as in --tdp-W 300")
    if before is not None and going_on:
        raise UsageError("--before and --running ask for different things", remedy="give one of them")
    if override and before is None:
        raise UsageError("--set changes the protocol of --before, and there is none", remedy="give --before PROTOCOL")
    aside = "--before" if before is not None else "--running" if going_on else ""
    for name, given in (("--share", share), ("--first", first), ("--out", out)):
        if aside and given is not None:
            raise UsageError(f"{name} says nothing of {aside}", remedy=f"leave {name} out, or {aside}")
    resolved = [night.resolve() for night in nights]
    twice = next((night for night in resolved if resolved.count(night) > 1), None)
    if twice is not None:
        raise UsageError("a night was given twice", where=str(twice), remedy="give each night once")


def seen_in(nights: Sequence[Night], tdp_W: float | None = None, epochs: int | None = None) -> Seen:
    """The runs of the nights that tell their epochs; raises UsageError where none does."""
    from analysis.estimate.observed import observe
    from harness.errors import UsageError

    seen = observe(nights, tdp_W, None if epochs is None else float(epochs))
    if not seen.runs:
        reasons = "; ".join(f"{count} x {why}" for why, count in seen.left_out.items()) or "it has no runs yet"
        raise UsageError(
            f"no run here tells its epochs and their energy ({reasons})",
            where=" ".join(str(night.path) for night in nights),
            remedy='mark each epoch in the workload, as in marks.begin("epoch 1"): docs/adding-a-workload.md',
        )
    return seen


def lines(scored: Scored) -> Iterator[str]:
    """The errors, for a person."""
    from analysis.estimate.listing import errors, notes
    from analysis.numbers import MISSING

    if scored.seen.rehearsal:
        yield "REHEARSAL: what a simulated sensor uses says nothing about a machine."
    elif scored.seen.quality == "modelled":
        yield "MODELLED, not measured: the energy that is foretold was computed, not read from a sensor."
    count = f"{scored.n} run{'' if scored.n == 1 else 's'}"
    yield f"Energy of a run, foretold after {scored.asked} (STEP, mean), beforehand (PRE), by rules (TDP): {count}"
    yield ""
    table = errors(scored)
    heads = [column.head for column in table.columns[:-1]]
    rows = [row[:-1] for row in table.cells()]
    widths = [max(len(cells[place]) for cells in (heads, *rows)) for place in range(len(heads))]
    for cells in (heads, *rows):
        texts = [f"{cell:<{width}}" for cell, width in zip(cells[:2], widths[:2], strict=True)]
        numbers = [f"{cell:>{width}}" for cell, width in zip(cells[2:], widths[2:], strict=True)]
        yield "  " + "   ".join([*texts, *numbers]).rstrip()
    reasons: dict[str, list[str]] = {}
    for item in scored.scores:
        if item.why:
            reasons.setdefault(item.why, []).append(f"{item.method} ({item.epochs})")
    if reasons:
        yield ""
    for why, methods in reasons.items():
        yield f"{MISSING} {', '.join(methods)}: {why}"
    yield ""
    yield from notes(scored)


def body(scored: Scored) -> dict[str, Any]:
    """The same for a program."""
    from dataclasses import asdict

    seen, asked = scored.seen, scored.asked
    return {
        "asked": {"share": None if asked.first else asked.share, "first": asked.first, "stable": asked.window},
        "runs": {"scored": scored.n, "not_scored": scored.not_scored, "left_out": dict(seen.left_out)},
        "domains": list(seen.domains),
        "quality": seen.quality,
        "rehearsal": seen.rehearsal,
        "held_out_by": scored.held_out,
        "scores": [asdict(item) for item in scored.scores],
        "curve": [asdict(item) for item in scored.curve],
        "guesses": [
            {
                "night": item.run.night,
                "run": item.run.run,
                "configuration": item.run.configuration,
                "method": item.method,
                "epochs": item.epochs,
                "seen": item.seen,
                "of": item.run.epochs,
                "used_J": item.run.energy_J,
                "foretold_J": item.energy_J,
                "why": item.why,
            }
            for item in scored.guesses
        ],
    }


def _write(scored: Scored, out: Path) -> None:
    from analysis.estimate.illustrate import write_estimates
    from harness.errors import UsageError

    try:
        write_estimates(scored, out)
    except OSError as error:
        raise UsageError(
            f"the estimates cannot be written: {error.strerror or error}", where=str(out), remedy="name another folder"
        ) from error
    typer.echo(f"tables and figure: {out}", err=True)


def _say(told: Iterator[str] | Sequence[str], content: dict[str, Any], *, as_json: bool) -> int:
    """Print either; the exit status."""
    import json

    from harness.record import encode

    if as_json:
        typer.echo(json.dumps(encode(content), indent=1, ensure_ascii=False))
    else:
        typer.echo("\n".join(told))
    return 0
