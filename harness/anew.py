"""A block is begun anew: its runs stay on disk as superseded, its slots are open again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from harness.errors import NightFolderError
from harness.events import Event, Trouble
from harness.folder import OpenNight, supersede
from harness.progress import Progress
from harness.record import RunName, slug
from harness.view import duration


def begin_anew(opened: OpenNight, progress: Progress, block: int, gap_s: float | None) -> Iterator[Event]:
    """Supersede the runs of a block. ``gap_s``: how long it stood still; None: a change was accepted meanwhile.

    Raises NightFolderError where a record cannot be replaced: a block that is only half superseded on disk is one in
    which runs of two states would be compared.
    """
    counted, limit_s = progress.counted(block), opened.protocol.night.max_block_gap_s
    if gap_s is None:
        why = "something changed, and was accepted, in the middle of its block"
        told = f"something changed, and was accepted, in the middle of block {block}: it is begun anew"
    else:
        why = "its block stood still for longer than night.max_block_gap_s"
        told = (
            f"block {block} stood still for {duration(gap_s)}, longer than night.max_block_gap_s = {limit_s:g}:"
            " it is begun anew"
        )
    supersede_runs(opened, progress, block, why, gap_s=gap_s, limit_s=None if gap_s is None else limit_s)
    yield Trouble(told, remedy=f"its {len(counted)} earlier runs stay on disk as superseded")


def supersede_runs(
    opened: OpenNight,
    progress: Progress,
    block: int,
    why: str,
    *,
    gap_s: float | None = None,
    limit_s: float | None = None,
) -> None:
    """Mark the runs of a block as superseded, on disk and in ``progress``; raises NightFolderError."""
    for outcome in progress.counted(block):
        path = opened.folder.runs / str(
            RunName(outcome.block, outcome.position, outcome.attempt, slug(outcome.configuration))
        )
        try:
            supersede(path, why, gap_s, limit_s)
        except OSError as error:
            raise NightFolderError(
                f"a run of a block that is begun anew cannot be marked as superseded: {error.strerror or error}",
                where=str(path),
                remedy=f"make room and rights there, then nightwatt resume {shlex.quote(str(opened.folder.root))}",
            ) from error
    progress.supersede(block)


def begin_anew_where_due(opened: OpenNight, progress: Progress, realtime_ns: int) -> Iterator[Event]:
    """Begin those blocks anew that were left half done for too long, or before something changed."""
    for block in progress.blocks:
        if progress.spans_cohorts(block):
            yield from begin_anew(opened, progress, block, None)
            continue
        last_ns = progress.last_end_realtime_ns(block)
        gap_s = (realtime_ns - last_ns) / 1e9 if last_ns is not None else 0.0
        if gap_s > opened.protocol.night.max_block_gap_s:
            yield from begin_anew(opened, progress, block, gap_s)
