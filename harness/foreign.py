"""How many processors were busy with other things than a run: the machine's load around it less the run's own. Pure.

::

    readings of the load    |------|------|------|------|      each tells of the time since the one before
    the workload                 |============|
    looked at               |====================|             whole readings, until the workload lies inside

Since the workload lies inside, its processor time as the kernel counted it can be taken off to the last tick, and runs
shorter than the time between two readings are told of, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.record import Channel, RunRecord

SHORTEST_CUT_S = 5.0
"""Of a workload that does not lie inside what was read its own load is a mean only, too little for a short run."""
PREPARING = "prepare"


@dataclass
class Around:
    """The readings that reach into a stretch, each the mean over the time since the one before; chunk by chunk."""

    begin_ns: int = 0
    end_ns: int = 0
    total: float = 0.0
    """Value times nanoseconds."""

    def take(
        self, t_ns: npt.NDArray[np.int64], value: npt.NDArray[np.float64], launched_ns: int, exited_ns: int
    ) -> None:
        """Take in the next readings; the first one is that with which the last call ended."""
        reach = (t_ns[1:] > launched_ns) & (t_ns[:-1] < exited_ns) & np.isfinite(value[1:])
        if not reach.any():
            return
        begin_ns, end_ns = t_ns[:-1][reach], t_ns[1:][reach]
        self.begin_ns = self.begin_ns or int(begin_ns[0])
        self.end_ns = int(end_ns[-1])
        self.total += float((value[1:][reach] * (end_ns - begin_ns)).sum())

    @property
    def mean(self) -> float | None:
        """None where nothing was read."""
        return self.total / (self.end_ns - self.begin_ns) if self.end_ns > self.begin_ns else None


@dataclass(frozen=True)
class Busy:
    """Processors at work around a run, as a mean number of cores."""

    cores: float
    own_cores: float
    """The workload's and the instruments'."""

    @property
    def foreign_cores(self) -> float:
        """Of others; the clocks of the two differ by some ticks, so it may be a little below zero."""
        return self.cores - self.own_cores


def is_load(channel: Channel) -> bool:
    """Whether a channel tells the load of all processors together, %."""
    return (channel.domain, channel.quantity) == ("cpu", "load_pct")


def busy(record: RunRecord, load_pct: float | None, begin_ns: int, end_ns: int, cpus: int | None) -> Busy | None:
    """What the machine's mean load, %, over [begin_ns, end_ns] around a run says; None where it says nothing."""
    launched_ns, exited_ns = record.launched_ns, record.exited_ns
    if load_pct is None or cpus is None or launched_ns is None or exited_ns is None:
        return None
    if "user_s" not in record.resources:
        return None
    run_s = over_s = (exited_ns - launched_ns) / 1e9
    if begin_ns <= launched_ns and end_ns >= exited_ns and not _prepared_in(record, begin_ns):
        over_s = (end_ns - begin_ns) / 1e9
    elif run_s < SHORTEST_CUT_S:
        return None
    own_s = record.resources["user_s"] + record.resources.get("system_s", 0.0)
    costs = [(record.sampler.cpu_s, record.sampler.wall_s)] if record.sampler else []
    costs += [(cost["cpu_s"], cost["wall_s"]) for item in record.instruments.values() if (cost := item.get("cost"))]
    return Busy(load_pct / 100 * cpus, own_s / over_s + sum(cpu_s / wall_s for cpu_s, wall_s in costs if wall_s))


def _prepared_in(record: RunRecord, begin_ns: int) -> bool:
    """Whether the run's own preparation, whose processor time nobody counted, reaches behind ``begin_ns``."""
    return any(stage.name == PREPARING and stage.end_ns > begin_ns for stage in record.stages)
