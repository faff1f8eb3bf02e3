"""Which blocks of a night on a cluster are settled, executed, waiting or missing; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from harness.block_claims import Owner
from harness.engines.arrays import blocks_of
from harness.engines.slurm import HELD, LIVE, WAITING, Task


@dataclass(frozen=True)
class Tracked:
    """Every block of a night in one of five states."""

    settled: tuple[int, ...]
    executed: tuple[int, ...]
    waiting: tuple[int, ...]
    """In Slurm's queue."""
    held: tuple[tuple[int, str], ...]
    """In Slurm's queue until a person lets them go, and why."""
    missing: tuple[int, ...]
    """Not settled, and nobody will execute them: what `resume` submits."""
    jobs: tuple[tuple[int, int], ...] = ()
    """(block, job) of the tasks that are executed or wait by themselves."""

    def __str__(self) -> str:
        parts = [f"{len(self.settled)} settled"]
        parts += [f"{len(self.executed)} executed now"] if self.executed else []
        parts += [f"{len(self.waiting)} waiting"] if self.waiting else []
        parts += [f"{len(self.held)} held by Slurm"] if self.held else []
        parts += [f"{len(self.missing)} missing"] if self.missing else []
        return ", ".join(parts)


def believed(live: Mapping[int, Owner | None], tasks: Iterable[Task]) -> dict[int, Owner | None]:
    """The claims that are kept alive, less those of tasks that Slurm does not know any more: they were killed.

    Should such a task be at work all the same, on a node that Slurm has lost, the next one waits until it is silent.
    """
    known = {f"{task.job}_{index}" for task in tasks for index in task.indices}
    return {block: owner for block, owner in live.items() if owner is None or not owner.job or owner.job in known}


def track(blocks: Iterable[int], unsettled: Collection[int], tasks: Iterable[Task], live: Collection[int]) -> Tracked:
    """``unsettled``: the blocks with open slots; ``live``: those that somebody executes, by their claims.

    A task that waits may be of a block that is settled already: it will find nothing to do.
    """
    executed = set(live)
    waiting: set[int] = set()
    held: dict[int, str] = {}
    jobs: list[tuple[int, int]] = []
    for task in tasks:
        its = blocks_of(task)
        stuck_here = task.reason in HELD or task.state in ("REQUEUE_HOLD", "SPECIAL_EXIT")
        if task.state in LIVE or (task.state in WAITING and not stuck_here):
            jobs += [(block, task.job) for block in its]
        if task.state in LIVE:
            executed.update(its)
        elif task.state in WAITING and stuck_here:
            held.update(dict.fromkeys(its, task.reason))
        elif task.state in WAITING:
            waiting.update(its)
    wanted = set(unsettled)
    executed &= wanted
    waiting &= wanted - executed
    stuck = {block: why for block, why in sorted(held.items()) if block in wanted - executed - waiting}
    return Tracked(
        settled=tuple(sorted(set(blocks) - wanted)),
        executed=tuple(sorted(executed)),
        waiting=tuple(sorted(waiting)),
        held=tuple(stuck.items()),
        missing=tuple(sorted(wanted - executed - waiting - stuck.keys())),
        jobs=tuple(jobs),
    )
