"""nightwatt status: how a night stands, from another terminal, from its folder alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from harness.status import NightStatus


MOST_REJECTED = 10
"""Of the rejected runs the last ones are shown."""


def command(
    night: Annotated[Path, typer.Argument(help="The night's folder.")],
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it again each few seconds until it ends.")] = False,
    interval_s: Annotated[float, typer.Option("--interval", min=1.0, help="Seconds between two looks.")] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON on standard output.")] = False,
) -> None:
    """Show how a night stands: runs done and left, the run in progress, the last results."""
    import json
    import time

    from harness.engines.standing import standing_of
    from harness.record import encode
    from harness.status import Watched
    from nightwatt.cluster import standing_lines

    watched = Watched(night)
    try:
        while True:
            status, blocks = standing_of(night, watched)
            if as_json:
                also = {"cluster": blocks.to_json()} if blocks else {}
                typer.echo(json.dumps(encode({**status.to_json(), **also}), ensure_ascii=False))
            else:
                told = lines(status, time.time())
                typer.echo("\n".join([*told[:3], *standing_lines(blocks), *told[3:]]))
            if not watch or not status.running:
                return
            time.sleep(interval_s)
            if not as_json:
                typer.echo("")
    except KeyboardInterrupt:
        return  # watching is ended so; the night goes on


def lines(status: NightStatus, realtime_s: float) -> list[str]:
    """A status in a few lines for people; ``realtime_s`` is the moment that its finish clock is reckoned from."""
    from harness.standings import uncompared
    from harness.view import clock, duration, printable

    word = "REHEARSAL " if status.rehearsal else ""
    state = f"running ({status.owner})" if status.running else "not running"
    found = [f"{word}{printable(status.title)}", f"  {status.folder}: {state}"]
    left = status.slots - status.done
    finish = ""
    if status.left_s is not None:
        finish = f", about {duration(status.left_s)} of runs to go"
        if status.running:
            finish += f", finish about {clock(realtime_s + status.left_s, realtime_s)}"
    found.append(f"  {status.valid} of {status.slots} valid, {status.done} done, {left} left{finish}")
    if untold := uncompared(status.rejected):
        found.append(f"  valid, but not to be compared: {printable(untold)}")
    if status.runs:
        found.append("  on disk: " + " · ".join(f"{count} {kind}" for kind, count in status.runs.items()))
    for standing in status.configurations:
        if standing.rejected or standing.retired:
            wrong = ", ".join(f"{count} {word}" for word, count in standing.rejected.items())
            retired = f"; retired: {standing.retired} in its first two runs" if standing.retired else ""
            name = printable(standing.configuration)
            attempts = f"of {standing.attempts} attempts {wrong}{retired}"
            found.append(f"  {name}: {standing.valid} of {standing.planned} valid; {attempts}")
    if status.waiting:
        found.append(f"  waiting {printable(status.waiting)}")
    if run := status.current:
        parts = [run.run, run.stage, printable(run.phase)]
        parts.append(f"for {duration(run.since_s)}" if run.since_s is not None else "")
        parts += [f"{domain} {value:.1f} W" for domain, value in run.power_W.items()]
        parts += [f"{domain} {value:.0f} °C" for domain, value in run.temperature_C.items()]
        found.append("  now   " + " · ".join(filter(None, parts)))
    elif status.temperature_C:
        heat = " · ".join(f"{printable(domain)} {value:.0f} °C" for domain, value in status.temperature_C.items())
        found.append(f"  temperature at the last launch: {heat}")
    found += _rejected(status)
    found += _unrecorded(status)
    for number, item in enumerate(status.last):
        label = "last" if number == 0 else ""
        window = duration(item.window_s) if item.window_s is not None else ""
        wrong = ", ".join(item.complaints) or ("ok" if item.validity == "valid" else item.validity)
        told = "  ".join(filter(None, (printable(item.run), window, wrong, printable(item.reason))))
        found.append(f"  {label:6}{told}")
    return found


def _rejected(status: NightStatus) -> Iterator[str]:
    """The attempts that cannot be compared, the last ones."""
    from harness.view import printable

    for rejected in status.rejected[: -MOST_REJECTED - 1 : -1]:
        told = f"{rejected.slot}-a{rejected.attempt} {rejected.configuration}: {', '.join(rejected.wrong)}"
        yield f"  rejected  {printable(told)}{f' ({printable(rejected.reason)})' if rejected.reason else ''}"
    if len(status.rejected) > MOST_REJECTED:
        yield f"  rejected  and {len(status.rejected) - MOST_REJECTED} before these; --json has them all"


def _unrecorded(status: NightStatus) -> Iterator[str]:
    """The attempts that left no record, the last ones."""
    from harness.view import printable

    for attempt in status.unrecorded[: -MOST_REJECTED - 1 : -1]:
        kept = "its samples are kept" if attempt.samples else "nothing was recorded"
        yield f"  no record  {printable(attempt.folder)}: {printable(attempt.why)} ({kept})"
    if len(status.unrecorded) > MOST_REJECTED:
        yield f"  no record  and {len(status.unrecorded) - MOST_REJECTED} before these; --json has them all"
