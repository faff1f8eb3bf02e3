"""What `run`, `resume` and `rehearse` share where a night goes to a cluster: submit, say what was done, wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from harness.engines.local import Order
    from harness.engines.standing import Standing
    from harness.engines.submission import Submitted
    from harness.faults import Fault
    from harness.protocol_model import Protocol

WAIT = typer.Option("--wait", help="On a cluster: wait until the night is over, then build the report.")
DRY_RUN = typer.Option("--dry-run", help="On a cluster: print the batch scripts and submit nothing.")
PATIENCE = typer.Option(
    "--patience", metavar="SECONDS", min=1, help="On a cluster: how long its nodes may take to say what they are."
)
ENGINE = typer.Option("--engine", help="Where blocks are executed; left out: where the protocol says, else here.")


class Engine(StrEnum):
    """Where the blocks of a night are executed."""

    LOCAL = "local"
    SLURM = "slurm"


@dataclass(frozen=True)
class Asked:
    """How a night is to be submitted, by the options of a command."""

    wait: bool
    dry: bool
    patience_s: float = 0.0
    report: bool = True
    at_once: bool = False
    """Whatever night.starts_at says."""
    accept_change: bool = False


def placed(protocol: Protocol, engine: Engine | None) -> Protocol:
    """``protocol`` with the engine that was asked for; raises ProtocolError where its design cannot go there."""
    from harness.engine_checks import check_engine
    from harness.errors import ProtocolError
    from harness.protocol_engine import with_slurm

    if engine is None:
        return protocol
    if engine is Engine.LOCAL:
        return protocol.model_copy(update={"engine": None})
    slurm = protocol.engine.slurm if protocol.engine else None
    found = protocol.model_copy(update={"engine": with_slurm(slurm)})
    problems = list(check_engine(found))
    if problems:
        raise ProtocolError(protocol.title, problems)
    return found


def on_cluster(protocol: Protocol) -> bool:
    """Whether a cluster executes it."""
    return protocol.engine is not None and protocol.engine.slurm is not None


def refuse_cluster_options(*, wait: bool, dry_run: bool) -> None:
    """Raise UsageError where a night of this machine is asked for what only a cluster has."""
    from harness.errors import UsageError

    if wait or dry_run:
        raise UsageError(
            f"{'--wait' if wait else '--dry-run'} is for a night on a cluster",
            remedy="add --engine slurm, or [engine] slurm = {…} to the protocol; `nightwatt plan` shows the order",
        )


def refuse_from_outside(faults: Sequence[Fault]) -> None:
    """Raise UsageError for a fault that somebody beside the night lets happen: on a node there is nobody."""
    from harness.errors import UsageError
    from harness.faults import Way

    striking = [item for item in faults if item.kind.way is Way.OUTSIDE]
    if striking:
        raise UsageError(
            f"{striking[0].name}: what strikes a run from outside cannot be rehearsed on a cluster",
            where="--fault",
            remedy="rehearse it on this machine: --engine local",
        )


def begun(order: Order, asked: Asked) -> int:
    """Begin a night on a cluster; returns the exit code."""
    from harness.engines.submission import Wishes, begin_on_cluster

    submitted = begin_on_cluster(order, Wishes(asked.dry, asked.patience_s), _say)
    return _told(submitted, asked)


def resumed(night: Path, asked: Asked) -> int:
    """Submit what is missing of a night on a cluster; returns the exit code."""
    from harness.engines.accounting import note_states
    from harness.engines.slurm import Slurm
    from harness.engines.submission import Wishes, resume_on_cluster
    from harness.folder import read_head

    slurm = Slurm()
    submitted = resume_on_cluster(
        night, Wishes(asked.dry, at_once=asked.at_once, accept_change=asked.accept_change), _say, slurm
    )
    if not asked.dry:
        note_states(read_head(night), slurm, slurm.configuration())
    return _told(submitted, asked)


def _told(submitted: Submitted, asked: Asked) -> int:
    from harness.engines.telling import tell_start
    from harness.errors import ExitCode

    if asked.dry:
        typer.echo("\n".join(submitted.scripts) if submitted.scripts else "# no block is missing")
        return int(ExitCode.DONE)
    night, tracked = quote(str(submitted.folder.root)), submitted.tracked
    jobs = ", ".join(map(str, submitted.jobs))
    if submitted.jobs:
        count = submitted.blocks
        _say(
            f"{count} block{'' if count == 1 else 's'} submitted as job{'' if len(submitted.jobs) == 1 else 's'} {jobs}"
        )
        _say(f"how it stands: nightwatt status {night}; to end it: scancel {jobs.replace(',', '')}")
    else:
        _say(f"no block is missing: {tracked}")
    for trouble in tell_start(submitted.folder.root, submitted.blocks):
        _say(f"{trouble.what} ({trouble.remedy})")
    for block, why in tracked.held:
        _say(f"block {block} is held by Slurm ({why}): scontrol release its task, or scancel it and resume")
    typer.echo(str(submitted.folder.root))
    return _waited(submitted.folder.root, asked) if asked.wait else int(ExitCode.DONE)


def _waited(root: Path, asked: Asked) -> int:
    from harness.engines.waiting import wait_for
    from harness.errors import ExitCode
    from nightwatt.report import told

    try:
        ended = wait_for(root, _say)
    except KeyboardInterrupt:
        _say(f"the night goes on without us: nightwatt status {quote(str(root))}")
        raise
    _say(f"{ended.reason}. Next: {ended.next_step}")
    if asked.report and ended.exit_code in (ExitCode.DONE, ExitCode.UNFINISHED, ExitCode.STOPPED):
        told(root)
    return int(ended.exit_code)


MOST_BLOCKS = 10
"""Of the blocks that are executed, or did not end well, so many are shown."""


def standing_lines(standing: Standing | None) -> list[str]:
    """How the blocks of a night on a cluster stand, for people; nothing for a night on one machine."""
    from harness.view import printable

    if standing is None:
        return []
    lines = [f"  blocks: {standing.tracked}"]
    if standing.silence:
        lines.append(f"  Slurm's queue is not known: {standing.silence}; what waits in it counts as missing")
    for block, who in list(standing.executed.items())[:MOST_BLOCKS]:
        lines.append(f"  block {block}: executed by {who}")
    for block, why in standing.tracked.held[:MOST_BLOCKS]:
        lines.append(f"  block {block}: held by Slurm ({printable(why)}); scontrol release its task, or scancel it")
    for block, why in list(standing.ended.items())[:MOST_BLOCKS]:
        lines.append(f"  block {block}: {printable(why)}")
    return lines


def _say(words: str) -> None:
    typer.echo(f"nightwatt: {words}", err=True)
