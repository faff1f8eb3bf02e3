"""Blocks -> arrays within what a cluster takes, and the batch script of each; pure.

A block's number is the array's offset plus the task's index, so that a task is known again by the name of its job:
``nightwatt-<night>@1000`` and index 3 are block 1003.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from harness.engines.slurm import Task
from harness.protocol_engine import Slurm as Settings

LARGEST = 10_000
"""So many tasks have room in one array's specification, whatever the site allows."""


@dataclass(frozen=True)
class Array:
    """Blocks that are submitted as one array."""

    offset: int
    blocks: tuple[int, ...]
    level: str = ""
    """Of the factor node; empty where there is none."""

    @property
    def indices(self) -> tuple[int, ...]:
        """The tasks of its blocks."""
        return tuple(block - self.offset for block in self.blocks)


def level_of(block: int, levels: Sequence[str]) -> str:
    """The level of the factor node to which a block belongs: dealt out in turn."""
    return levels[(block - 1) % len(levels)] if levels else ""


def arrays(blocks: Iterable[int], max_array_size: int, levels: Sequence[str] = ()) -> tuple[Array, ...]:
    """The arrays of these blocks; an index is below ``max_array_size``."""
    size = min(max_array_size - 1, LARGEST)
    found: dict[tuple[int, str], list[int]] = {}
    for block in sorted(blocks):
        found.setdefault(((block - 1) // size * size, level_of(block, levels)), []).append(block)
    return tuple(Array(offset, tuple(its), level) for (offset, level), its in found.items())


def specification(indices: Iterable[int], at_most: int | None) -> str:
    """``1-4,7%3``: indices as sbatch takes them, and how many tasks may be executed at once."""
    parts = []
    for _, group in itertools.groupby(enumerate(sorted(indices)), lambda item: item[1] - item[0]):
        run = [index for _, index in group]
        parts.append(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}")
    return ",".join(parts) + (f"%{at_most}" if at_most else "")


def job_name(night: str, offset: int) -> str:
    """The name of an array's job."""
    return f"nightwatt-{night}@{offset}"


def job_names(night: str, blocks: int, max_array_size: int) -> tuple[str, ...]:
    """The names of all jobs that a night may have."""
    size = min(max_array_size - 1, LARGEST)
    return tuple(job_name(night, offset) for offset in range(0, max(blocks, 1), size))


def blocks_of(task: Task) -> tuple[int, ...]:
    """The blocks that a task (or several of one array) stands for; none where its name is not one of ours."""
    offset = task.name.rpartition("@")[2]
    return tuple(int(offset) + index for index in task.indices) if offset.isdecimal() else ()


@dataclass(frozen=True)
class Batch:
    """What a batch script holds besides its array."""

    night: Path
    command: Sequence[str]
    """How nightwatt is called on a node."""
    settings: Settings
    partition: str
    minutes: int
    until_realtime_s: float | None = None
    """When no block is begun any more."""


def script(batch: Batch, array: Array) -> str:
    """The batch script of an array: readable, and all that a node needs besides the command."""
    number = '"$SLURM_ARRAY_TASK_ID"' if not array.offset else f'"$((SLURM_ARRAY_TASK_ID + {array.offset}))"'
    limit = f" --limit {batch.minutes * 60}"
    until = f" --until {batch.until_realtime_s:.0f}" if batch.until_realtime_s is not None else ""
    options = {
        "job-name": job_name(batch.night.name, array.offset),
        "array": specification(array.indices, batch.settings.at_most),
        **common(batch, array.level),
        "output": log_pattern(batch.night, "%A_%a"),
        "open-mode": "append",
        "requeue": "",
    }
    level = f" on nodes of the level {array.level}" if array.level else ""
    return "\n".join(
        [
            "#!/bin/bash",
            f"# Written by nightwatt. One task executes one block of the night{level}: its number is the task's",
            f"# index{f' + {array.offset}' if array.offset else ''}. To submit what is missing: nightwatt resume NIGHT",
            *(sbatch_line(name, value) for name, value in options.items()),
            *(f"#SBATCH {option}" for option in batch.settings.extra),
            "",
            *([*batch.settings.setup, ""] if batch.settings.setup else []),
            f"exec {' '.join(map(quote, batch.command))} block {quote(str(batch.night))} {number}{limit}{until}",
            "",
        ]
    )


def look_script(batch: Batch, token: str, level: str = "", node: str = "") -> str:
    """The batch script of a job that only says what its node is."""
    options = {
        "job-name": f"nightwatt-look-{batch.night.name}",
        **common(batch, level),
        **({"nodelist": node} if node else {}),
        "time": "10",
        "output": log_pattern(batch.night, f"look-{token}"),
        "no-requeue": "",
    }
    return "\n".join(
        [
            "#!/bin/bash",
            *(sbatch_line(name, value) for name, value in options.items()),
            *(f"#SBATCH {option}" for option in batch.settings.extra),
            "",
            *([*batch.settings.setup, ""] if batch.settings.setup else []),
            f"exec {' '.join(map(quote, batch.command))} block {quote(str(batch.night))} --look {token}",
            "",
        ]
    )


def common(batch: Batch, level: str) -> Mapping[str, str]:
    """The options that a block and a look at a node share."""
    kind, _, what = batch.settings.nodes.get(level, "").partition("=")
    return {
        "nodes": "1",
        "ntasks": "1",
        "exclusive": "",
        "mem": "0",  # all of the node's: a task that has it alone would else have a site's default share
        "partition": batch.partition,
        "time": str(batch.minutes),
        **({"constraint": batch.settings.constraint} if batch.settings.constraint else {}),
        **({kind: what} if kind else {}),
    }


def sbatch_line(name: str, value: str) -> str:
    """One option as a line of a batch script; a value that a shell would split stands in quotation marks."""
    if not value:
        return f"#SBATCH --{name}"
    plain = all(character.isalnum() or character in "-_./,:=%@+[]" for character in value)
    return f"#SBATCH --{name}={value}" if plain else f'#SBATCH --{name}="{value}"'


def log_pattern(night: Path, name: str) -> str:
    """Where a task's output goes; a % in a path must be written twice."""
    return f"{str(night / 'cluster' / 'logs').replace('%', '%%')}/{name}.log"
