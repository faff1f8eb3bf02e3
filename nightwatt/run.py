"""nightwatt run: execute a protocol as a night of runs, then answer its question."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nightwatt.cluster import DRY_RUN, ENGINE, PATIENCE, WAIT, Engine


def command(
    protocol: Annotated[str, typer.Argument(help="A protocol file, or the name of a shipped protocol (demo).")],
    *,
    override: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key, as in design.blocks=2; may be repeated."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder in which the night's folder is made.")] = Path("results"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only troubles and the end.")] = False,
    report: Annotated[bool, typer.Option(help="Build the report when the night is over.")] = True,
    engine: Annotated[Engine | None, ENGINE] = None,
    wait: Annotated[bool, WAIT] = False,
    dry_run: Annotated[bool, DRY_RUN] = False,
    patience_s: Annotated[float, PATIENCE] = 300.0,
) -> int:
    """Execute a protocol: warm-up, blocks of measured runs, and the report."""
    from harness.engines.local import Order, begin_night
    from harness.plan import make_plan
    from harness.protocol import find, parse_overrides
    from nightwatt.asked import read
    from nightwatt.cluster import Asked, begun, on_cluster, placed, refuse_cluster_options
    from nightwatt.watched import watched

    file, overrides = find(protocol), parse_overrides(override or [])
    asked = placed(read(file, overrides), engine)
    order = Order(file, asked, make_plan(asked), out, overrides)
    if on_cluster(asked):
        return begun(order, Asked(wait, dry_run, patience_s, report))
    refuse_cluster_options(wait=wait, dry_run=dry_run)
    return watched(lambda watcher: begin_night(order, watcher), quiet=quiet, report=report)
