"""nightwatt rehearse: any protocol's whole night in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    protocol: Annotated[str, typer.Argument(help="A protocol file, or the name of a shipped protocol (demo).")],
    *,
    override: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key, as in design.blocks=2; may be repeated."),
    ] = None,
    factor: Annotated[
        float, typer.Option(min=1e-6, max=1.0, help="What every wait and duration is multiplied by.")
    ] = 0.001,
    out: Annotated[Path, typer.Option(help="The folder in which the night's folder is made.")] = Path("results"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only troubles and the end.")] = False,
    report: Annotated[bool, typer.Option(help="Build the report when the night is over.")] = True,
) -> int:
    """Execute a protocol's whole night with fake workloads and a simulated sensor, its times shrunk."""
    from harness.engines.local import Order, begin_night
    from harness.plan import make_plan
    from harness.protocol import find, parse_overrides
    from harness.rehearsal import rehearse
    from nightwatt.asked import read
    from nightwatt.watched import watched

    file, overrides = find(protocol), parse_overrides(override or [])
    rehearsed = rehearse(read(file, overrides), factor)
    order = Order(file, rehearsed, make_plan(rehearsed), out, overrides, rehearsal=True)
    return watched(lambda watcher: begin_night(order, watcher), quiet=quiet, report=report)
