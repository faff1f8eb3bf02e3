"""Whether the engine of a protocol can execute its design."""

from __future__ import annotations

from collections.abc import Iterator

from harness.errors import Problem
from harness.protocol_model import Protocol


def check_engine(protocol: Protocol) -> Iterator[Problem]:
    """A cluster executes blocks, so there must be some; and nodes that are levels must all get one."""
    slurm = protocol.engine.slurm if protocol.engine else None
    if slurm is None:
        return
    design = protocol.design
    if design.order not in ("blocks", "latin"):
        yield Problem(
            "engine.slurm",
            f"a task executes a block, and the order {design.order!r} has none",
            remedy='design.order = "blocks" or "latin"; or execute it on one machine, without [engine]',
        )
    if len(slurm.nodes) > design.blocks:
        yield Problem(
            "engine.slurm.nodes",
            f"{len(slurm.nodes)} levels of nodes and {design.blocks} blocks: each level needs a block at least",
            remedy="raise design.blocks; the same number of blocks for each level is best",
        )
    if slurm.nodes and slurm.constraint:
        yield Problem(
            "engine.slurm.constraint",
            "nodes says of each level which nodes are its own",
            remedy="leave constraint out, or write it into the levels",
        )
