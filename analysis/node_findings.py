"""What a study found out about the nodes of a cluster's night: frozen records, as in ``findings``."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.estimates import Estimate


@dataclass(frozen=True)
class NodeRatio:
    """One comparison on one node, or on the nodes of one level."""

    node: str
    """The level's name where the protocol names levels, else the node's anonymous id."""
    configuration: str
    baseline: str
    ratio: Estimate


@dataclass(frozen=True)
class NodeFacts:
    """One node, and what it did of the night."""

    node: str
    """Its anonymous id."""
    level: str
    """Of the factor node; empty where there is none."""
    blocks: int
    """With a run in the headline."""
    runs: int
    """In the headline."""
    processor: str
    memory_GiB: int | None
    cards: str
    kernel: str
    python: str


@dataclass(frozen=True)
class TaskAccount:
    """What Slurm says of one task, beside what the night says of its block."""

    block: int
    task: str
    state: str
    exit_code: str
    elapsed_s: float
    valid: int
    """Runs of the block that are valid."""
    consumed_J: float | None
    """ConsumedEnergy of the whole task, warm-up and waits included; None: the site does not tell it."""
    told_J: float | None
    """The last count of the sensor slurm in this task, from the task's begin on; None: the night has no such sensor."""
    windows_J: float | None
    """What the windows of the block's valid runs sum up to, in the compared domains."""
