"""The nodes of a cluster's night in tables: each comparison by node, what they are, Slurm's account beside ours."""

from __future__ import annotations

from analysis.findings import Findings
from analysis.listings.rows import spread, table_of, why_not
from analysis.tables import Column, Table


def nodes(findings: Findings) -> Table:
    """One row a (comparison, node), or (comparison, level of nodes)."""
    rows = [
        {
            "node": item.node,
            "configuration": item.configuration,
            "baseline": item.baseline,
            **spread("ratio", item.ratio),
            "pairs": item.ratio.n,
        }
        for item in findings.nodes
    ]
    levels = any(item.level for item in findings.machines)
    columns = [
        Column("nodes of the level" if levels else "node", "node"),
        Column("configuration", "configuration"),
        Column("baseline", "baseline"),
        Column("ratio [interval]", "ratio", "interval", missing=why_not(item.ratio for item in findings.nodes)),
        Column("pairs", "pairs", "count"),
    ]
    notes = ["Pairs within the blocks of each. Whether they differ is tested among the omnibus tests."]
    return table_of("nodes", "Each node by itself", rows, columns, notes)


def machines(findings: Findings) -> Table:
    """One row a node: what it is, and what it did."""
    rows = [vars(item) for item in findings.machines]
    columns = [
        Column("node", "node"),
        *([Column("level", "level")] if any(item.level for item in findings.machines) else []),
        Column("blocks", "blocks", "count"),
        Column("runs", "runs", "count"),
        Column("processor", "processor", missing="the node's host.json cannot be read"),
        Column("memory, GiB", "memory_GiB", "count", missing="the node's host.json cannot be read"),
        Column("cards", "cards", missing="the node's host.json cannot be read"),
        Column("kernel", "kernel"),
        Column("python", "python"),
    ]
    notes = ["Nodes appear as anonymous ids. Blocks and runs: those in the headline."]
    return table_of("machines", "The nodes", rows, columns, notes)


def tasks(findings: Findings) -> Table:
    """One row a task: Slurm's state and energy of it beside the runs of its block."""
    rows = [vars(item) for item in findings.tasks]
    modelled = " (modelled)" if findings.quality == "modelled" else ""
    columns = [
        Column("block", "block", "count"),
        Column("task", "task"),
        Column("state by Slurm", "state"),
        Column("exit code", "exit_code"),
        Column("length, s", "elapsed_s", "number"),
        Column("valid runs", "valid", "count"),
        Column("ConsumedEnergy of the task, J", "consumed_J", "number", missing="this site's accounting tells none"),
        *(
            [Column("last count of the sensor slurm, J", "told_J", "number", missing="no run of it was told one")]
            if any(item.told_J is not None for item in findings.tasks)
            else []
        ),
        Column(f"sum of its windows{modelled}, J", "windows_J", "number", missing="no run of it is in the headline"),
    ]
    notes = [
        "ConsumedEnergy is Slurm's, of the whole task on its node: warm-up, waits and all components that the site's"
        " plugin reads. It stands beside the windows' energy and is compared with nothing.",
        "The sensor slurm reads the same count while the task goes on: its last one lies below ConsumedEnergy by"
        " what the task's end took, or one of the two is wrong."
        if any(item.told_J is not None for item in findings.tasks)
        else "",
    ]
    return table_of("tasks", "The tasks, by Slurm's accounting", rows, columns, notes)
