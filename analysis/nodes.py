"""A night on a cluster, node by node: the comparisons of each, whether they differ, and what the nodes are.

Blocks lie within nodes, so a pair never spans two of them. The strata are the levels of the factor node where the
protocol names some, else the nodes themselves.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from analysis.comparisons import NOBODY, Method, Sides, split
from analysis.findings import Comparison, Estimate, Test
from analysis.load import Night
from analysis.node_findings import NodeFacts, NodeRatio, TaskAccount
from analysis.node_strata import strata
from analysis.statistics.families import adjust
from analysis.statistics.nights import interaction, over_nights
from analysis.statistics.paired import paired_ratio
from harness.record import NightFolder, Validity

INTERACTION = "node × "
"""How the name of such a test begins."""
STATES = "states.json"
_GIB = 1 << 30


@dataclass(frozen=True)
class ByNode:
    """Ratios of each node or level, the tests of their differences, the nodes, Slurm's account."""

    ratios: tuple[NodeRatio, ...] = ()
    tests: tuple[Test, ...] = ()
    nodes: tuple[NodeFacts, ...] = ()
    tasks: tuple[TaskAccount, ...] = ()
    unlike: tuple[str, ...] = ()
    """In what nodes of one level differ, one sentence each; empty where they are alike."""
    declared: bool = False
    """Whether the protocol says that nodes may differ."""

    @property
    def refusal(self) -> str:
        """Why no pooled answer is given; empty where one is."""
        if not self.unlike or self.declared:
            return ""
        return (
            f"No pooled answer: the nodes are of different kinds ({self.unlike[0]}), and the protocol declares neither"
            " engine.slurm.mixed nor engine.slurm.nodes; read each node by itself"
        )


def nodes_of(night: Night, headline: pd.DataFrame, compared: Sequence[Comparison], method: Method) -> ByNode:
    """Of the runs of the headline; nothing for a night on one machine, or several nights that were joined."""
    of_run = strata(night)
    if not of_run:
        return ByNode()
    slurm = night.protocol.engine.slurm if night.protocol.engine else None
    levels = tuple(slurm.nodes) if slurm else ()
    node_of = {run: night.records[run].node for run in of_run}
    runs = headline.assign(node=headline.run.map(node_of))
    runs = runs[runs.node.notna()]
    stratum = {int(block): of_run[str(run)] for block, run in zip(runs.block, runs.run, strict=True)}
    facts = _facts(night, runs, levels)
    unlike = _unlike(_hosts(night), facts)
    declared = slurm is not None and slurm.mixed
    tasks = _tasks(night, runs)
    if len(set(stratum.values())) < 2:
        return ByNode(nodes=facts, tasks=tasks, unlike=unlike, declared=declared)
    sides = split(runs)
    ratios: list[NodeRatio] = []
    interactions: list[Test] = []
    over: list[Test] = []
    for item in compared:
        names = item.configuration, item.baseline
        pair = Sides(*(sides.get(name, NOBODY) for name in names))
        one, other = (
            set((side.block * (1 << 32) + side.of_cohort).tolist()) for side in (pair.configuration, pair.baseline)
        )
        of_pair = [stratum[block >> 32] for block in sorted(one & other)]
        words = f"{names[0]} against {names[1]}"
        interactions.append(interaction(f"{INTERACTION}{words}", *pair.pairs, of_pair))
        over.append(replace(over_nights(*pair.pairs, of_pair, method.level), name=f"paired t over nodes, {words}"))
        for name in dict.fromkeys(levels or sorted(set(of_pair))):
            mine = np.array([its == name for its in of_pair], dtype=bool)
            left, right = (side[mine] for side in pair.pairs)
            ratio = paired_ratio(left, right, method.level).estimate or Estimate(None, "×")
            ratios.append(NodeRatio(name, *names, ratio))
    tests = (*(adjust(interactions) if len(interactions) > 1 else interactions), *over)
    return ByNode(tuple(ratios), tests, facts, tasks, unlike, declared)


def _facts(night: Night, runs: pd.DataFrame, levels: Sequence[str]) -> tuple[NodeFacts, ...]:
    hosts = _hosts(night)
    found = []
    for node in sorted({record.node for record in night.records.values() if record.node and record.block}):
        mine, host = runs[runs.node == node], hosts.get(node, {})
        blocks = {int(record.block) for record in night.records.values() if record.node == node and record.block}
        its = sorted({levels[(block - 1) % len(levels)] for block in blocks}) if levels else []
        found.append(
            NodeFacts(
                node,
                ", ".join(its),
                int(mine.block.nunique()),
                len(mine),
                str(host.get("cpu", "")),
                round(memory / _GIB) if isinstance(memory := host.get("memory_B"), int) else None,
                _cards(host),
                str(host.get("kernel", "")),
                str(host.get("python", "")),
            )
        )
    return tuple(found)


def _hosts(night: Night) -> Mapping[str, Mapping[str, Any]]:
    """The machine of each node, as it told it; one that cannot be read is left out."""
    found: dict[str, Mapping[str, Any]] = {}
    folder = NightFolder(night.path).nodes
    for file in sorted(folder.glob("*/host.json")) if folder.is_dir() else ():
        try:
            body = json.loads(file.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(body, dict):
            found[file.parent.name] = body
    return found


def _cards(host: Mapping[str, Any]) -> str:
    gpus = host.get("gpus")
    if not isinstance(gpus, list):
        return ""
    cards = [f"{gpu.get('name', '')}, driver {gpu.get('driver', '')}" for gpu in gpus if isinstance(gpu, dict)]
    return "; ".join(sorted(cards)) or "none"


def _unlike(hosts: Mapping[str, Mapping[str, Any]], facts: Sequence[NodeFacts]) -> tuple[str, ...]:
    """In what the nodes of one level differ: processor, memory, cards and their driver, Python, packages."""
    by_level: dict[str, list[NodeFacts]] = defaultdict(list)
    for item in facts:
        if item.node in hosts:
            by_level[item.level].append(item)
    sentences: list[str] = []
    for items in by_level.values():
        kinds = [_kind(hosts[item.node], item) for item in items]
        for key in dict.fromkeys(key for kind in kinds for key in kind):
            values = {item.node: kind.get(key, "none") for item, kind in zip(items, kinds, strict=True)}
            if len(set(values.values())) > 1:
                one = items[0].node
                other = next(node for node, value in values.items() if value != values[one])
                sentences.append(f"{key}: {values[one]} on {one}, {values[other]} on {other}")
    return tuple(sentences)


def _kind(host: Mapping[str, Any], facts: NodeFacts) -> dict[str, str]:
    packages = host.get("packages")
    return {
        "processor": f"{facts.processor}, {host.get('threads')} threads",
        "memory": f"{facts.memory_GiB} GiB",
        "cards": facts.cards,
        "python": facts.python,
        **({f"package {name}": str(its) for name, its in packages.items()} if isinstance(packages, dict) else {}),
    }


def _told(night: Night) -> dict[str, float]:
    """By task, the last joules that its runs had from Slurm's own count of it."""
    found: dict[str, float] = {}
    for record in night.records.values():
        facts = record.sensors.get("slurm", {})
        if facts.get("last_J") is not None:
            task = str(facts["task"])
            found[task] = max(found.get(task, 0.0), float(facts["last_J"]))
    return found


def _tasks(night: Night, runs: pd.DataFrame) -> tuple[TaskAccount, ...]:
    """Slurm's account of the tasks, where the night has one."""
    try:
        tasks = json.loads((NightFolder(night.path).cluster / STATES).read_bytes())["tasks"]
        valid = [record.block for record in night.records.values() if record.validity is Validity.VALID]
        energy = runs.groupby("block").energy_J.sum(min_count=1) if "energy_J" in runs else pd.Series(dtype=float)
        told = _told(night)
        return tuple(
            TaskAccount(
                int(item["block"]), str(item["task"]), str(item["state"]), str(item["exit_code"]),
                float(item["elapsed_s"]), valid.count(item["block"]),
                None if item["consumed_J"] is None else float(item["consumed_J"]),
                told.get(str(item["task"])),
                None if np.isnan(joules := float(energy.get(item["block"], np.nan))) else joules,
            )
            for item in tasks
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        return ()
