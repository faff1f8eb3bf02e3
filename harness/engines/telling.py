"""Who is told of a night on a cluster (night.notify), by whom and when: each thing once, whoever sees it first.

::

    nightwatt run, resume    submitted                                      -> "start", from where it was submitted
    a block that fails       refused, no rights, a defect, ended by Slurm   -> "trouble", one each ten minutes at most
    the block that ends last all is settled, or nothing waits and some is   -> "end", from its node
                             missing

A task tells after it has ended its claim, and only where no other claim is live and nothing else waits in the queue; so
the one that ends last tells. Two that end at the same moment meet at a file that one of them makes. A night whose tasks
are cancelled before they begin, or whose last node dies without a word, has nobody to tell: Slurm's own --mail-type
does.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from shlex import quote

from harness.block_claims import CLAIMS, live, owner_of, server_now_s, standings
from harness.engines.block import BlockEnded, Until, execute_block
from harness.engines.slurm import LIVE, Slurm
from harness.engines.submission import SUBMITTING, names_of
from harness.engines.waiting import ended as over_all
from harness.errors import ExitCode, NightwattError
from harness.events import Event, Trouble
from harness.folder import OpenNight, read, read_head
from harness.messenger import PAUSE_S, Messenger
from harness.night import progress_of
from harness.stop import Stop

TOLD = "told"
"""In the night's ``cluster/``: a file for each thing that was told."""
FAILURES = frozenset({ExitCode.USAGE, ExitCode.REFUSED, ExitCode.INTERNAL})
"""Ends of a block that a person must see to."""
ENDED = frozenset({ExitCode.INTERRUPTED, ExitCode.TERMINATED})
"""Ends by a signal: whether its task comes back only Slurm knows."""


def execute_and_tell(root: Path, block: int, show: Callable[[Event], None], until: Until) -> BlockEnded:
    """Execute a block, and tell what its end means for the night; raises what ``execute_block`` does."""
    try:
        ended = execute_block(root, block, show, until)
    except NightwattError as error:
        _tell(root, block, error.exit_code, error.what, show)
        raise
    except Exception as error:
        _tell(root, block, ExitCode.INTERNAL, f"nightwatt has failed: {type(error).__name__}", show)
        raise
    if ended.shown:
        _tell(root, block, ended.exit_code, ended.reason, show)
    return ended


def tell_after(root: Path, block: int, exit_code: ExitCode, reason: str, slurm: Slurm | None = None) -> list[Trouble]:
    """Tell what the end of a block means for its night; returns what went wrong with telling. Never raises its own."""
    try:
        head = read_head(root)
        if not head.protocol.night.notify or block in live(head.folder.cluster / CLAIMS):
            return []
        if exit_code in FAILURES:
            return _tell_trouble(head, f"block {block} could not be executed: {reason}")
        if exit_code in ENDED:
            how = f"block {block} was ended from outside (pre-empted, cancelled, its node drained)"
            return _tell_trouble(head, f"{how}; unless Slurm requeues it: nightwatt resume {quote(str(root))}")
        return _tell_end(head) if _nobody_else(head, block, slurm or Slurm()) else []
    except (NightwattError, OSError) as error:
        return [Trouble(f"nobody was told of the end of block {block}: {error}", "see night.notify")]


def tell_start(root: Path, submitted: int) -> list[Trouble]:
    """Tell that blocks were submitted; returns what went wrong with telling."""
    head = read_head(root)
    if not head.protocol.night.notify or not submitted:
        return []
    text = f"{head.plan.title}: {submitted} block{'' if submitted == 1 else 's'} submitted to Slurm"
    with contextlib.closing(Stop()) as stop:
        return _messenger(head, stop).send("start", text, {"submitted": submitted})


def _tell(root: Path, block: int, exit_code: ExitCode, reason: str, show: Callable[[Event], None]) -> None:
    for trouble in tell_after(root, block, exit_code, reason):
        show(trouble)


def _tell_trouble(head: OpenNight, text: str) -> list[Trouble]:
    """One each ten minutes at most, whichever block has it first."""
    if not _first(head, f"trouble-{server_now_s(head.folder.cluster) // PAUSE_S:.0f}"):
        return []
    with contextlib.closing(Stop()) as stop:
        facts = {"troubles": [{"what": text}], "troubles_in_all": 1}
        return _messenger(head, stop).send("trouble", text, facts)


def _tell_end(head: OpenNight) -> list[Trouble]:
    """Once, however many see it: how many claims were made tells one end of a night from a later one."""
    claims = standings(head.folder.cluster / CLAIMS)
    made = sum(item.generation for number, item in claims.items() if number != SUBMITTING)
    if not _first(head, f"end-{made}"):
        return []
    over = over_all(head.folder.root)
    with contextlib.closing(Stop()) as stop:
        return _messenger(head, stop).end(int(over.exit_code), over.reason, over.next_step, {})


def _messenger(head: OpenNight, stop: Stop) -> Messenger:
    """With how the whole night stands."""
    opened = read(head.folder.root)
    return Messenger(opened, progress_of(opened), stop)


def _first(head: OpenNight, name: str) -> bool:
    """Whether nobody has told this before."""
    folder = head.folder.cluster / TOLD
    folder.mkdir(parents=True, exist_ok=True)
    try:
        os.close(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
    except FileExistsError:
        return False
    return True


def _nobody_else(head: OpenNight, block: int, slurm: Slurm) -> bool:
    """Whether no other block is executed, or waits; where the queue is not known, whether all have been executed."""
    claims = head.folder.cluster / CLAIMS
    if live(claims).keys() - {block, SUBMITTING}:
        return False
    known = standings(claims)
    try:
        tasks = slurm.queue(names_of(head, slurm.configuration()))
    except NightwattError:
        blocks = {slot.block for slot in head.plan.slots if slot.block}
        return all(number in known and known[number].ended for number in blocks)
    gone = {owner.job for item in known.values() if item.ended and (owner := owner_of(item.path)) is not None}
    return all(
        task.state in LIVE | {"COMPLETING"} and all(f"{task.job}_{index}" in gone for index in task.indices)
        for task in tasks
    )
