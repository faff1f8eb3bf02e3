"""Slurm's own account of a night's tasks, where the site keeps one: states beside ours, and what it says they consumed.

ConsumedEnergy is that of a whole task on its node: warm-up, waits and idle included. It stands beside the sum of what
the block's runs measured, never in place of it; only tasks that had their node alone have one. The accounting keeps it
with a task's steps, and nothing with the task itself: its batch step's is taken. That spans the task; those of others
(extern, srun) tell the same joules of the node again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from harness.engines.arrays import blocks_of
from harness.engines.slurm import Configuration, Slurm, Task, parse_indices
from harness.engines.submission import names_of
from harness.errors import RefusedError
from harness.folder import OpenNight
from harness.record import NightFolder, read_json, write_json
from harness.sensors.slurm_energy import NO_VALUES

STATES = "states.json"
"""In the night's ``cluster/``."""
NO_ACCOUNT = "this cluster keeps no account (AccountingStorageType)"
NO_ENERGY = "its nodes tell no energy (AcctGatherEnergyType)"


@dataclass(frozen=True)
class TaskState:
    """What Slurm says became of one task."""

    block: int
    task: str
    state: str
    exit_code: str
    elapsed_s: float
    consumed_J: float | None
    """None: the site does not tell it."""


def parse_account(text: str, *, energy: bool) -> Iterator[TaskState]:
    """The lines of ``sacct --format=ACCOUNT``: each task and behind it its steps. A zero is no reading.

    Lines of other jobs are passed over. A task that was requeued has a line, with steps, for each time it was executed.
    """
    found: TaskState | None = None
    for line in text.splitlines():
        name, _, task, state, code, elapsed, consumed = line.split("|")
        if "." in task:
            if found is not None and energy and task == f"{found.task}.batch":
                found = replace(found, consumed_J=_joules(consumed))
            continue
        if found is not None:
            yield found
        index = re.search(r"_(\d+)$", task)
        blocks = blocks_of(Task(name, 0, tuple(parse_indices(index[1])), state)) if index else ()
        seconds = float(elapsed or 0)
        found = TaskState(blocks[0], task, state.split(" ")[0], code, seconds, None) if blocks else None
    if found is not None:
        yield found


def _joules(text: str) -> float | None:
    """Whole joules; None for what stands for none (empty, zero, NO_VAL)."""
    return float(text) if text.isdecimal() and int(text) and int(text) not in NO_VALUES else None


def note_states(head: OpenNight, slurm: Slurm, configuration: Configuration) -> str:
    """Write Slurm's states into the night where there are some; returns why there are none."""
    if not configuration.accounting:
        return NO_ACCOUNT
    try:
        since = time.strftime("%Y-%m-%d", time.localtime(_began_s(head) - 86400))
        text = slurm.accounting(names_of(head, configuration), since)
    except RefusedError as error:
        return error.what
    states = sorted(parse_account(text, energy=configuration.energy), key=lambda item: (item.block, item.task))
    body: dict[str, Any] = {
        "energy": "" if configuration.energy else NO_ENERGY,
        "tasks": [asdict(item) for item in states],
    }
    write_json(head.folder.cluster / STATES, body)
    return ""


def states_of(folder: NightFolder) -> tuple[TaskState, ...]:
    """What was noted; empty where nothing was."""
    try:
        return tuple(TaskState(**item) for item in read_json(folder.cluster / STATES)["tasks"])
    except (OSError, ValueError, TypeError, KeyError):
        return ()


def _began_s(head: OpenNight) -> float:
    return head.cohorts[0].since_realtime_ns / 1e9
