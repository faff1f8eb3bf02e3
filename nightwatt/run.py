"""nightwatt run: execute a protocol as a night of runs, then answer its question."""

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
    out: Annotated[Path, typer.Option(help="The folder in which the night's folder is made.")] = Path("results"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only troubles and the end.")] = False,
    report: Annotated[bool, typer.Option(help="Build the report when the night is over.")] = True,
) -> int:
    """Execute a protocol: warm-up, blocks of measured runs, and the report."""
    from harness.engines.local import Order, begin_night
    from harness.plan import make_plan
    from harness.protocol import find, parse_overrides
    from nightwatt.asked import read
    from nightwatt.watched import watched

    file, overrides = find(protocol), parse_overrides(override or [])
    read_protocol = read(file, overrides)
    order = Order(file, read_protocol, make_plan(read_protocol), out, overrides)
    return watched(lambda watcher: begin_night(order, watcher), quiet=quiet, report=report)
