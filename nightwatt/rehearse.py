"""nightwatt rehearse: any protocol's whole night in seconds."""

from __future__ import annotations

import dataclasses
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nightwatt.cluster import DRY_RUN, ENGINE, PATIENCE, WAIT, Engine

if TYPE_CHECKING:
    from harness.engines.local import Ended, Order, Watcher
    from harness.faults import Fault


def _list_faults(words: list[str] | None) -> list[str]:
    """Print what can be asked for and end, where that is asked."""
    if words and "list" in words:
        from harness.faults import listing

        typer.echo(listing())
        raise typer.Exit
    return words or []


def command(
    protocol: Annotated[str, typer.Argument(help="A protocol file, or the name of a shipped protocol (demo).")],
    *,
    override: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key, as in design.blocks=2; may be repeated."),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="NAME[@SLOT]",
            is_eager=True,
            callback=_list_faults,
            help="Let this go wrong in a run (@b02-1: in that slot); may be repeated. `--fault list` prints them.",
        ),
    ] = None,
    factor: Annotated[
        float, typer.Option(min=1e-6, max=1.0, help="What every wait and duration is multiplied by.")
    ] = 0.001,
    out: Annotated[Path, typer.Option(help="The folder in which the night's folder is made.")] = Path("results"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only troubles and the end.")] = False,
    report: Annotated[bool, typer.Option(help="Build the report when the night is over.")] = True,
    engine: Annotated[Engine | None, ENGINE] = None,
    wait: Annotated[bool, WAIT] = False,
    dry_run: Annotated[bool, DRY_RUN] = False,
    patience_s: Annotated[float, PATIENCE] = 300.0,
) -> int:
    """Execute a protocol's whole night with fake workloads and a simulated sensor, its times shrunk."""
    from harness.engines.local import Order
    from harness.faults import place
    from harness.plan import make_plan
    from harness.protocol import find, parse_overrides
    from harness.rehearsal import rehearse
    from nightwatt.asked import read
    from nightwatt.cluster import Asked, begun, on_cluster, placed, refuse_cluster_options, refuse_from_outside
    from nightwatt.watched import watched

    file, overrides = find(protocol), parse_overrides(override or [])
    asked = placed(read(file, overrides), engine)
    plan = make_plan(asked)
    faults = place(fault or [], asked, plan)
    order = Order(file, rehearse(asked, factor, faults), plan, out, overrides, rehearsal=True)
    if on_cluster(asked):
        refuse_from_outside(faults)
        return begun(order, Asked(wait, dry_run, patience_s, report))
    refuse_cluster_options(wait=wait, dry_run=dry_run)
    return watched(lambda watcher: _begin(order, faults, watcher), quiet=quiet, report=report)


def _begin(order: Order, faults: tuple[Fault, ...], watcher: Watcher) -> Ended:
    """Begin the night; what strikes it from outside stands between it and its display."""
    from harness.engines.local import begin_night
    from harness.striking import Striking

    with closing(Striking(faults, watcher.show)) as striking:
        return begin_night(order, dataclasses.replace(watcher, show=striking.show))
