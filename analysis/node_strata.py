"""Which nodes of a cluster's night stand together: those of a level, or each by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.load import Night


def strata(night: Night) -> dict[str, str]:
    """Of each run its level of the factor node, or its node's id where there is no such factor; empty elsewhere."""
    if night.joined:
        return {}
    slurm = night.protocol.engine.slurm if night.protocol.engine else None
    levels = tuple(slurm.nodes) if slurm else ()
    return {
        run: levels[(record.block - 1) % len(levels)] if levels else record.node
        for run, record in night.records.items()
        if record.node and record.block
    }


def declared_unlike(night: Night) -> bool:
    """Whether the protocol says that nodes differ: as levels of a factor, or as mixed."""
    slurm = night.protocol.engine.slurm if night.protocol.engine else None
    return slurm is not None and (slurm.mixed or bool(slurm.nodes))
