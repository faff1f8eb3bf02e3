"""Waits for a night on a cluster: from its folder, its claims and Slurm's queue, a look each few seconds."""

from __future__ import annotations

import time
from pathlib import Path
from shlex import quote

from harness import folder as folders
from harness.block_claims import CLAIMS, live
from harness.engines.accounting import note_states
from harness.engines.slurm import Slurm, Task, answering
from harness.engines.submission import SUBMITTING, Say, names_of
from harness.engines.tracking import believed
from harness.errors import ExitCode, NightFolderError
from harness.events import NightEnded
from harness.night import progress_of
from harness.status import Watched

LOOK_S = 2.0
TOLD_S = 30.0
"""How often it is said how the night stands, at most, where something has changed."""
AWAY_S = 900.0
"""How long a controller may be away before waiting is given up; the night goes on."""
RENAMED = 3
"""How often a night is read again that changes while it is read."""


def wait_for(root: Path, say: Say, slurm: Slurm | None = None) -> NightEnded:
    """Wait until no task of the night is left; returns how it stands then. Raises RefusedError without a controller."""
    slurm = slurm or Slurm()
    head = folders.read_head(root)
    configuration = slurm.configuration()
    names, watched = names_of(head, configuration), Watched(root)
    told, told_s = "", float("-inf")

    def queue() -> tuple[Task, ...]:
        return slurm.queue(names)

    while True:
        tasks = answering(queue, AWAY_S)
        at_work = believed(live(head.folder.cluster / CLAIMS), tasks).keys() - {SUBMITTING}
        if time.monotonic() - told_s >= TOLD_S:
            status = watched.status()
            words = f"{status.valid} of {status.slots} valid, {len(at_work)} blocks executed now"
            if words != told:
                say(words)
            told, told_s = words, time.monotonic()
        if not tasks and not at_work:
            break
        time.sleep(LOOK_S)
    note_states(head, slurm, configuration)
    return ended(root)


def ended(root: Path) -> NightEnded:
    """How a night stands that nobody executes any more."""
    for _ in range(RENAMED - 1):
        try:
            opened = folders.read(root)
            break
        except NightFolderError:
            time.sleep(LOOK_S)
    else:
        opened = folders.read(root)
    progress = progress_of(opened)
    folder, left = quote(str(root)), len(progress.open_slots())
    slots = sum(1 for slot in opened.plan.slots if slot.block)
    if left:
        missing = sum(1 for block in progress.blocks if progress.open(block))
        words = f"stopped: {slots - left} of {slots} runs are done, blocks missing: {missing}"
        return NightEnded(ExitCode.STOPPED, words, f"nightwatt resume {folder}")
    imperfect = len(progress.imperfect())
    words = f"the night is over: {slots} of {slots} runs are done"
    if imperfect:
        words += f", {imperfect} of them failed, invalid or retired"
    return NightEnded(ExitCode.UNFINISHED if imperfect else ExitCode.DONE, words, f"nightwatt report {folder}")
