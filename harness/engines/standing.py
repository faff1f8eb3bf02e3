"""How a night on a cluster stands, from anywhere: its folder and its claims; Slurm's queue where it can be asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.block_claims import CLAIMS, end_of, live, standings
from harness.engines.slurm import Slurm, Task
from harness.engines.submission import names_of
from harness.engines.tracking import Tracked, believed, track
from harness.errors import NightwattError
from harness.folder import OpenNight, read_head
from harness.status import NightStatus, Watched


@dataclasses.dataclass(frozen=True)
class Standing:
    """The blocks of a night."""

    tracked: Tracked
    executed: Mapping[int, str]
    """Who executes a block, by its claim."""
    ended: Mapping[int, str]
    """Why the last task of a block that is not settled ended."""
    silence: str = ""
    """Why Slurm's queue is not known; empty where it is."""

    def to_json(self) -> dict[str, Any]:
        """This as JSON types."""
        return dataclasses.asdict(self)


def standing_of(root: Path, watched: Watched, slurm: Slurm | None = None) -> tuple[NightStatus, Standing | None]:
    """The status of a night, and of one on a cluster its blocks; None for a night on one machine."""
    status = watched.status()
    head = read_head(root)
    if head.protocol.engine is None or head.protocol.engine.slurm is None:
        return status, None
    tasks, silence = _queue(head, slurm or Slurm())
    at_work = {block: who for block, who in live(head.folder.cluster / CLAIMS).items() if block}
    if not silence:
        at_work = believed(at_work, tasks)
    blocks = sorted({slot.block for slot in head.plan.slots if slot.block})
    tracked = track(blocks, watched.unsettled, tasks, at_work.keys())
    ended = {
        block: f"{end.reason.splitlines()[0]} (exit code {end.exit_code})"
        for block, claim in standings(head.folder.cluster / CLAIMS).items()
        if block in tracked.missing and claim.ended and (end := end_of(claim)) is not None
    }
    told = Standing(tracked, {block: str(who or "a task") for block, who in at_work.items()}, ended, silence)
    running = bool(tracked.executed or tracked.waiting)
    at_once = len(tracked.executed)
    changed = dataclasses.replace(
        status,
        running=running,
        owner=f"{at_once} block{'' if at_once == 1 else 's'} executed, {len(tracked.waiting)} waiting"
        if running
        else "",
        left_s=status.left_s / max(at_once, 1) if status.left_s is not None else None,
        current=None,
        waiting="",
    )
    return changed, told


def _queue(head: OpenNight, slurm: Slurm) -> tuple[tuple[Task, ...], str]:
    try:
        return slurm.queue(names_of(head, slurm.configuration())), ""
    except NightwattError as error:
        return (), error.what
