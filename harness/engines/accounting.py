"""Slurm's own account of a night's tasks, where the site keeps one: states beside ours, and what it says they consumed.

ConsumedEnergy is that of a whole task on its node: warm-up, waits and idle included. It stands beside the sum of what
the block's runs measured, never in place of it; only tasks that had their node alone have one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from harness.engines.arrays import blocks_of
from harness.engines.slurm import Configuration, Slurm, Task, parse_indices
from harness.engines.submission import names_of
from harness.errors import RefusedError
from harness.folder import OpenNight
from harness.record import NightFolder, read_json, write_json

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
    """The lines of ``sacct --format=ACCOUNT``; those of other jobs are passed over. A zero is no reading."""
    for line in text.splitlines():
        name, _, task, state, code, elapsed, consumed = line.split("|")
        index = re.search(r"_(\d+)$", task)
        if index is None:
            continue
        for block in blocks_of(Task(name, 0, tuple(parse_indices(index[1])), state)):
            joules = float(consumed) if energy and re.fullmatch(r"\d+(\.\d+)?", consumed) else 0.0
            word = state.split(" ")[0]
            yield TaskState(block, task, word, code, float(elapsed or 0), joules or None)


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
