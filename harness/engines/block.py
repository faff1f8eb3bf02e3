"""One block of a night on a shared file system, executed on this node: a session of its own, in files of its own.

::

    execute_block   signals | claim the block | look at this node | the runs that matter here | node's own facts
                      |-- the walk of ``harness.night`` over this block alone, behind its own warm-up
                      |     between two runs: is there time for another?   with each event: the claim is renewed
                      v-- claim ended, with how it went

What the runs of this block are compared with (channels, temperatures, clocks) is what this node's first block had. Of
the first two blocks, wherever they were, it is known which configurations are retired.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from shlex import quote

from harness import folder as folders
from harness import run
from harness.anew import supersede_runs
from harness.block_claims import CLAIMS, Claim, take
from harness.engines.arrays import level_of
from harness.engines.changes import AsItIs, in_cohort
from harness.engines.claims import claimed
from harness.engines.limits import of_block
from harness.engines.node import Seen, first_block, node_id, refuse_other_kind, see, task_name
from harness.engines.observed import with_observations
from harness.errors import ExitCode, NightFolderError, NightwattError, UsageError
from harness.events import Event, NightEnded, NightStarted, Trouble
from harness.folder import OpenNight
from harness.host import Host
from harness.inhibitor import awake
from harness.journal import Journal, journal_path
from harness.leftovers import marked
from harness.night import night
from harness.order import RunOrder
from harness.plan import Slot
from harness.progress import Outcome, Progress
from harness.protocol_engine import Slurm
from harness.record import NightFolder, read_json, write_json
from harness.sealing import SEALER_LOG, Sealer
from harness.signals import Heard, listening
from harness.standings import Standing
from harness.stop import Stop
from harness.view import duration

ELSEWHERE = -1
"""The cohort of what another node executed: it settles slots and retires configurations, and is no reference here."""
END_S = 20.0
"""What a task needs behind its last run: the claim's end, the journal's."""


@dataclasses.dataclass(frozen=True)
class BlockFolder(NightFolder):
    """A night's folder, in which this block has a journal and its node has facts of their own."""

    block: int = 0
    node: str = ""

    @property
    def journal(self) -> Path:
        """The logs of this block."""
        return self.root / "journal" / f"b{self.block:05d}"

    @property
    def host(self) -> Path:
        """The facts of this node."""
        return self.nodes / self.node / "host.json"


class BlockProgress(Progress):
    """What is done and left of one block; warm-up runs, which all blocks share, are numbered by the block."""

    def __init__(self, opened: OpenNight, block: int) -> None:
        """``opened``: the night with the runs that matter to this block, and its whole plan."""
        super().__init__(opened.plan, opened.protocol.night.attempts, opened.outcomes, opened.used, opened.cohort)
        self._every = max(self.blocks)
        self._block = block
        self.blocks = (block,)

    def next_attempt(self, slot: Slot) -> int:
        """Of a warm-up run: the next number that leaves the block's own rest by the number of blocks."""
        following = super().next_attempt(slot)
        return following if slot.block else following + (self._block - following) % self._every

    def standing(self) -> tuple[Standing, ...]:
        """How each configuration stands in this block."""
        return tuple(
            Standing(
                name,
                planned=len(slots),
                valid=sum(1 for slot in slots if (last := self.last(slot)) is not None and last.good),
                settled=sum(1 for slot in slots if self.settled(slot)),
                attempts=sum(1 for item in self.counted(self._block) if item.configuration == name),
                retired="" if (fault := self.retired(name)) is None else fault.value.replace("_", " "),
            )
            for name in dict.fromkeys(item.name for item in self.plan.configurations)
            for slots in [[slot for slot in self.slots(self._block) if slot.configuration == name]]
        )


@dataclasses.dataclass(frozen=True)
class Until:
    """When a task has to be over."""

    limit_s: float | None = None
    """So long after its start; Slurm ends it then."""
    realtime_s: float | None = None
    """When no block is begun any more (night.ends_at, night.stop_after_s)."""


@dataclasses.dataclass(frozen=True)
class BlockEnded:
    """How the execution of a block ended."""

    exit_code: ExitCode
    reason: str
    shown: bool = True
    """Whether an event has said so."""


def execute_block(root: Path, block: int, show: Callable[[Event], None], until: Until | None = None) -> BlockEnded:
    """Execute what is left of one block of the night in ``root``, on this node.

    Raises NightFolderError for a folder that is no night of a cluster, UsageError for a block that it does not have,
    LockHeld where another task executes it, RefusedError where this node is not like the others.
    """
    until, begun_s = until or Until(), time.monotonic()
    head = folders.read_head(root)
    head = in_cohort(head, head.cohorts[-1])
    slurm = refuse_unless_cluster(head)
    blocks = {slot.block for slot in head.plan.slots if slot.block}
    if block not in blocks:
        raise UsageError(f"this night has no block {block}", where=str(root), remedy=f"it has 1 to {max(blocks)}")
    with contextlib.closing(Stop()) as stop, listening(stop) as heard:
        claim = take(
            head.folder.cluster / CLAIMS, block, node=node_id(), job=task_name(), go_on=lambda: stop.level == 0
        )
        ended = BlockEnded(ExitCode.INTERNAL, "it did not end in order")
        try:
            ended = _Session(head, block, slurm, claim, heard, show, until, begun_s).execute()
        except NightwattError as error:
            ended = BlockEnded(error.exit_code, str(error))
            raise
        finally:
            claim.end(int(ended.exit_code), ended.reason)
        return ended


def refuse_unless_cluster(head: OpenNight) -> Slurm:
    """The settings of the cluster that executes a night; raises NightFolderError where none does."""
    slurm = head.protocol.engine.slurm if head.protocol.engine else None
    if slurm is None:
        raise NightFolderError(
            "this night is executed by one machine, not block by block",
            where=str(head.folder.root),
            remedy=f"nightwatt resume {quote(str(head.folder.root))}",
        )
    return slurm


def of_this_block(head: OpenNight, block: int, node: str, first: int) -> OpenNight:
    """The night with what matters to a block: its own runs, the first of this node, those that retire."""
    every = max(slot.block for slot in head.plan.slots)
    wanted = {block, first, 1, 2} & {slot.block for slot in head.plan.slots}

    def own(warmup_attempt: int) -> bool:
        return warmup_attempt % every == block % every

    opened = folders.with_runs(head, lambda name: name.block in wanted or (name.block == 0 and own(name.attempt)))

    def as_seen_here(outcome: Outcome) -> Outcome:
        return outcome if outcome.node == node else dataclasses.replace(outcome, cohort=ELSEWHERE)

    partial = tuple(path for path in opened.partial if path.name.startswith((f"b{block:02d}-", "b00-")))
    return dataclasses.replace(
        opened, outcomes=tuple(map(as_seen_here, opened.outcomes)), partial=partial, node=node
    )  # fmt: skip


@dataclasses.dataclass
class _Session:
    """The execution of one block by this process."""

    head: OpenNight
    block: int
    slurm: Slurm
    claim: Claim
    heard: Heard
    show: Callable[[Event], None]
    until: Until
    begun_s: float
    late: str = ""
    """Why no run is begun any more."""
    longest_s: float = 0.0
    """Of the runs of this session, waits included."""

    def execute(self) -> BlockEnded:
        """Look at this node, then execute what is left of the block."""
        node = self.claim.owner.node
        folder = BlockFolder(self.head.folder.root, self.block, node)
        opened = of_this_block(self.head, self.block, node, self.block)
        if not BlockProgress(opened, self.block).open_slots():
            return BlockEnded(ExitCode.DONE, f"block {self.block} was settled already", shown=False)
        seen = see(self.head)
        refuse_other_kind(self.head, seen, level_of(self.block, tuple(self.slurm.nodes)))
        first = first_block(folder.host.parent, self.block, self.head.cohort)
        opened = of_this_block(self.head, self.block, node, first)
        progress = BlockProgress(opened, self.block)
        told = tuple(self._moved(opened, progress))
        before = _own_host(folder) or seen.host
        write_json(folder.host, seen.host.to_json())
        quiet = {"starts_at": None, "ends_at": None, "stop_after_s": None, "notify": ()}
        protocol = opened.protocol.model_copy(update={"night": opened.protocol.night.model_copy(update=quiet)})
        opened = dataclasses.replace(
            opened, folder=folder, protocol=protocol, plan=of_block(opened.plan, self.block), host=before
        )
        with claimed(seen.found, protocol, self.head.folder.root.name):
            return self._session(AsItIs(opened, seen.host, seen.found, told), seen, progress)

    def _moved(self, opened: OpenNight, progress: BlockProgress) -> Iterator[Trouble]:
        """A block that another node had begun is begun anew: within a block everything is alike."""
        if progress.spans_cohorts(self.block):
            supersede_runs(
                opened, progress, self.block, "its block was begun on another node, or before an accepted change"
            )
            yield Trouble(
                f"block {self.block} was begun on another node, or before an accepted change: it is begun anew here",
                "its earlier runs stay on disk as superseded",
            )

    def _session(self, now: AsItIs, seen: Seen, progress: BlockProgress) -> BlockEnded:
        opened, stop = now.opened, self.heard.stop
        self._look_at_the_hours(progress)
        path = journal_path(opened.folder.journal, seen.host.id, time.time_ns())
        last = NightEnded(ExitCode.INTERNAL, "it did not end in order", "")
        with (
            Journal(path) as journal,
            marked(opened.folder.root),
            awake(f"measuring {opened.folder.root.name}") as inhibited,
            contextlib.closing(Sealer(opened.folder.journal / SEALER_LOG)) as sealer,
        ):
            journal.line("Session", block=self.block, task=task_name(), host=seen.host.to_json())
            execute = functools.partial(self._in_time, functools.partial(run.execute, sealer=sealer), progress)
            events = night(opened, stop, resumed=False, execute=execute, progress=progress)
            try:
                for event in with_observations(events, now, stop, journal, inhibited=inhibited):
                    shown = event
                    if isinstance(event, NightStarted):
                        shown = dataclasses.replace(event, title=f"block {self.block}: {event.title}")
                    if isinstance(event, NightEnded):
                        shown = last = self._ended(event)
                    journal.event(shown)
                    self.show(shown)
                    self._renew()
            except NightwattError as error:
                journal.line("Error", what=str(error))
                raise
            except Exception as error:  # a defect; the command line puts its traceback into the night's journal
                error.night = opened.folder.root  # type: ignore[attr-defined]  # where that journal is
                journal.line("Defect", what=repr(error))
                raise
        return BlockEnded(last.exit_code, last.reason)

    def _renew(self) -> None:
        self.claim.renew()
        if self.claim.lost and not self.late:
            self.late = "another task has taken this block over, since nothing was heard of this one"
            self.heard.stop.request()

    def _in_time(
        self, execute: Callable[[RunOrder, Stop], Iterator[Event]], progress: Progress, order: RunOrder, stop: Stop
    ) -> Iterator[Event]:
        """An attempt, if there is time for it before the task's limit; else the wish to stop."""
        left_s = self._left_s()
        needed_s = max(progress.forecast_s([order.slot]), self.longest_s) + END_S
        if left_s is not None and needed_s > left_s:
            self.late = self.late or (
                f"the next run would take about {duration(needed_s)}, and the task ends in {duration(max(left_s, 0))}"
            )
        if self.late:
            stop.request()
            return
        begun_s = time.monotonic()
        yield from execute(order, stop)
        self.longest_s = max(self.longest_s, time.monotonic() - begun_s)

    def _left_s(self) -> float | None:
        if self.until.limit_s is None:
            return None
        return self.until.limit_s - (time.monotonic() - self.begun_s)

    def _look_at_the_hours(self, progress: BlockProgress) -> None:
        """See whether the block ends before the night does, by what its node's first block took."""
        if self.until.realtime_s is None:
            return
        left_s = self.until.realtime_s - time.time()
        needed_s = progress.forecast_s(progress.open(self.block))
        if left_s <= needed_s:
            self.late = (
                "the night's time is over"
                if left_s <= 0
                else f"{duration(left_s)} of the night are left, and a block takes about {duration(needed_s)}"
            )

    def _ended(self, event: NightEnded) -> NightEnded:
        """The end of the block, in words of its own."""
        next_step = f"nightwatt status {quote(str(self.head.folder.root))}"
        reason = event.reason.replace("the night is over", f"block {self.block} is over", 1)
        code = event.exit_code
        if code is ExitCode.INTERRUPTED and self.late:
            code, reason = ExitCode.STOPPED, f"stopped in time: {reason.partition(': ')[2]}; {self.late}"
        elif code is ExitCode.INTERRUPTED:
            code = self.heard.exit_code
        return NightEnded(code, reason, next_step)


def _own_host(folder: BlockFolder) -> Host | None:
    """This node as an earlier block saw it."""
    try:
        return Host.from_json(read_json(folder.host))
    except (OSError, KeyError, TypeError, ValueError):
        return None
