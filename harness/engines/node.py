"""A node of a cluster: its anonymous id, its kind, and in what two nodes differ."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.conditions import look
from harness.errors import RefusedError
from harness.folder import OpenNight
from harness.host import Host, anonymous_id, snapshot
from harness.probe import Probe, probe, require
from harness.record import read_json, write_json

NODE_VARIABLE = "SLURMD_NODENAME"
KINDS = "kinds.json"
"""In the night's ``cluster/``: what the nodes of each level are like."""
FIRST_BLOCK = "first-block"
_GIB = 1 << 30


@dataclasses.dataclass(frozen=True)
class Seen:
    """What this node is, and what its sensors would record."""

    host: Host
    found: Probe
    kind: Mapping[str, str]


def node_id() -> str:
    """The anonymous id of this node."""
    return anonymous_id(node=os.environ.get(NODE_VARIABLE, ""))


def task_name() -> str:
    """The task that this process is, as Slurm names it; empty where it is none."""
    array, index = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{index}" if array and index else os.environ.get("SLURM_JOB_ID", "")


def see(head: OpenNight) -> Seen:
    """This node as a night needs it; raises SensorMissing where a required sensor is not there."""
    found = probe(head.protocol)
    require(head.protocol, found)
    conditions = look(found.facts.get("nvml", {}).get("devices", ()))
    host = snapshot(sources=head.sources, cards=found.cards, conditions=conditions)
    host = dataclasses.replace(host, id=node_id())
    return Seen(host, found, kind_of(host, found))


def kind_of(host: Host, found: Probe) -> dict[str, str]:
    """What nodes must share so that one may stand for another: hardware, software, scripts, sources of energy."""
    cards = sorted(f"{gpu.name}, driver {gpu.driver}" for gpu in host.gpus)
    energy = sorted(f"{item.domain} by {item.origin}" for item in found.channels if item.tells_energy)
    return {
        "processor": f"{host.cpu}, {host.threads} threads",
        "memory": f"{round(host.memory_B / _GIB)} GiB",
        "gpus": "; ".join(cards) or "none",
        "python": host.python,
        **{f"package {name}": version for name, version in sorted(host.packages.items())},
        **{f"source {name}": sha256 for name, sha256 in sorted(host.sources.items())},
        "energy": ", ".join(dict.fromkeys(energy)) or "none",
    }


def differences(one: Mapping[str, str], other: Mapping[str, str], names: tuple[str, str]) -> tuple[str, ...]:
    """Where two kinds of node differ, one sentence each."""
    return tuple(
        f"{key}: {one.get(key, 'none')} on {names[0]}, {other.get(key, 'none')} on {names[1]}"
        for key in dict.fromkeys([*one, *other])
        if one.get(key) != other.get(key)
    )


def refuse_other_kind(head: OpenNight, seen: Seen, level: str) -> None:
    """Raise RefusedError where this node is of another kind than those of its level, unless the protocol allows it."""
    slurm = head.protocol.engine.slurm if head.protocol.engine else None
    if slurm is None or slurm.mixed:
        return
    kinds = kinds_of(head.folder.cluster)
    differing = differences(kinds[level], seen.kind, ("the others", "this node")) if level in kinds else ()
    if differing:
        raise RefusedError(
            "this node is not like those with which the night began:\n"
            + "\n".join(f"    {item}" for item in differing),
            where=f"node {seen.host.id}",
            remedy="make the nodes alike, or leave this one out (engine.slurm.constraint, or --exclude in"
            " engine.slurm.extra); to compare nodes, name them: engine.slurm.nodes; or declare engine.slurm.mixed;"
            " where all of them have changed: nightwatt resume NIGHT --accept-change",
        )


def kinds_of(cluster: Path) -> dict[str, dict[str, str]]:
    """What the nodes of each level are like, as far as the probe told; empty where it did not."""
    try:
        body: dict[str, dict[str, str]] = read_json(cluster / KINDS)
    except (OSError, ValueError):
        return {}
    return body


def answer(head: OpenNight, token: str) -> None:
    """Write into the night what this node is, or why it cannot measure; for the probe before a night."""
    body: dict[str, Any]
    try:
        seen = see(head)
        body = {"host": seen.host.to_json(), "kind": seen.kind, "refused": ""}
    except RefusedError as error:
        body = {"host": None, "kind": {}, "refused": str(error)}
    folder = head.folder.cluster / "looks"
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / f"{token}.json", body)


def first_block(night_node: Path, block: int, cohort: int = 1) -> int:
    """The first block of the night that this node had in this cohort; ``block``, where none had been before."""
    night_node.mkdir(parents=True, exist_ok=True)
    file = night_node / (FIRST_BLOCK if cohort == 1 else f"{FIRST_BLOCK}-{cohort}")
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        text = file.read_text().strip()
        return int(text) if text.isdecimal() else block
    try:
        os.write(descriptor, f"{block}\n".encode())
    finally:
        os.close(descriptor)
    return block
