"""How long a task may take, from the plan; and which limits no block can meet. Pure."""

from __future__ import annotations

import dataclasses
import math

from harness.errors import RefusedError
from harness.forecast import forecast
from harness.plan import Plan
from harness.protocol_engine import seconds
from harness.protocol_model import Protocol
from harness.view import duration

START_S = 120.0
"""Before the first run and behind the last: the node's own start, the probe of its sensors, the end in order."""


@dataclasses.dataclass(frozen=True)
class Need:
    """How long a block takes, its warm-up and a task's start included."""

    least_s: float
    """No block can be shorter."""
    most_s: float
    """Every wait, run and repeat as long as it may be."""


def of_block(plan: Plan, block: int) -> Plan:
    """The plan of one block alone: its own slots and the warm-up's."""
    return dataclasses.replace(plan, slots=tuple(slot for slot in plan.slots if slot.block in (0, block)))


def need(protocol: Protocol, plan: Plan, run_s: float = 0.0) -> Need:
    """What a block needs; ``run_s``: how long a run is known to take, waits aside."""
    ahead = forecast(protocol, of_block(plan, 1), run_s)
    warmup_s = protocol.warmup.duration_s if protocol.warmup else 0.0
    return Need(ahead.best_s + START_S, warmup_s + (ahead.worst_s - warmup_s) * protocol.night.attempts + START_S)


def limit_min(asked: str | None, longest_s: float | None, needed: Need, partition: str) -> int:
    """The time limit of a task in minutes: as asked for, else what a block takes at most, within the partition's own.

    Raises RefusedError where one block cannot be executed within it.
    """
    limit_s = needed.most_s if asked is None else seconds(asked)
    where = f"engine.slurm.time = {asked!r}" if asked is not None else ""
    if longest_s is not None and limit_s > longest_s:
        if asked is not None:
            raise RefusedError(
                f"the time limit of {duration(limit_s)} is longer than the partition {partition} allows"
                f" ({duration(longest_s)})",
                where=where,
                remedy="ask for less, or leave it out; or name a partition with longer tasks",
            )
        limit_s, where = longest_s, f"partition {partition}"
    if limit_s < needed.least_s:
        raise RefusedError(
            f"a time limit of {duration(limit_s)} is too short: one block takes {duration(needed.least_s)} at least,"
            " warm-up and waits included",
            where=where,
            remedy="raise engine.slurm.time or name a partition with longer tasks; or shorten warm-up and cool-down",
        )
    return math.ceil(limit_s / 60)
