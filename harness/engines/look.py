"""Before a night on a cluster: its nodes are asked from within its folder what they are, each by a short job.

A node that answers shares the folder, has the command, the scripts and the sensors. Nodes that are idle are asked, one
job each; where none is, whichever comes first. What they say must be alike, unless the protocol declares otherwise.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.block_claims import server_now_s
from harness.child import tail_of
from harness.engines.arrays import Batch, look_script
from harness.engines.node import KINDS, differences
from harness.engines.slurm import Node, Slurm, answering
from harness.errors import RefusedError, SensorMissing, UsageError
from harness.record import NightFolder, read_json, write_json

MOST_ASKED = 16
"""So many nodes of each level are asked at most; the others say what they are before their first block."""
LATE_S = 6.0
"""How long an answer may take to be seen here once its job has gone."""
_LOOK_S = 0.3


@dataclass(frozen=True)
class Asked:
    """A job that looks at a node."""

    token: str
    job: int
    level: str
    node: str
    """Empty: whichever comes first."""

    @property
    def words(self) -> str:
        """The node, for people."""
        return f"node {self.node}" if self.node else "a node"


def look_at_nodes(slurm: Slurm, batch: Batch, patience_s: float) -> Iterator[str]:
    """Ask the nodes, and refuse what cannot be a night on them; words for people on the way.

    Raises RefusedError where no node answers in time, one does not share the folder or lacks a sensor, or those of one
    level differ; UsageError where no node has what is asked for.
    """
    folder = NightFolder(batch.night)
    asked: list[Asked] = []
    try:
        for level in batch.settings.nodes or ("",):
            for node in _chosen(slurm, batch, level):
                asked.append(_ask(slurm, batch, level, node, f"{len(asked) + 1}"))
        answers = _answers(slurm, folder, asked, patience_s)
    finally:
        with contextlib.suppress(RefusedError):
            for item in asked:
                slurm.cancel(item.job)
    yield f"{len(answers)} of {len(asked)} nodes have answered"
    kinds: dict[str, dict[str, str]] = {}
    of: dict[str, str] = {}
    for item in asked:
        body = answers.get(item.token)
        if body is None:
            continue
        kind = {str(key): str(value) for key, value in body["kind"].items()}
        if item.level not in kinds:
            kinds[item.level], of[item.level] = kind, item.words
        elif not batch.settings.mixed:
            _refuse_different(kinds[item.level], kind, (of[item.level], item.words))
    if len(kinds) < len(batch.settings.nodes or ("",)):
        silent = [level for level in batch.settings.nodes if level not in kinds]
        yield f"no node of {', '.join(silent)} has answered yet; the first block on one says what it is"
    write_json(folder.cluster / KINDS, kinds)
    first = next(iter(answers.values()))
    write_json(folder.host, first["host"])
    shutil.rmtree(folder.cluster / "looks", ignore_errors=True)


def _chosen(slurm: Slurm, batch: Batch, level: str) -> list[str]:
    """The idle nodes of a level, or "" for whichever comes first; raises UsageError where it has none at all."""
    kind, _, what = batch.settings.nodes.get(level, "").partition("=")
    constraint = what if kind == "constraint" else batch.settings.constraint or ""
    nodes = slurm.nodes(batch.partition, what if kind == "nodelist" else "")
    fitting = [node for node in nodes if _has(node, constraint)]
    where = f"engine.slurm.nodes.{level}" if level else "engine.slurm.constraint"
    if not fitting:
        features = ", ".join(sorted({word for node in nodes for word in node.features})) or "none"
        raise UsageError(
            f"no node of the partition {batch.partition} is {what or constraint!r}",
            where=where,
            remedy=f"the partition's nodes have the features {features}; `sinfo -N -p {batch.partition}` lists them",
        )
    if not any(node.usable for node in fitting):
        states = ", ".join(f"{node.name} {node.state}" for node in fitting[:MOST_ASKED])
        raise RefusedError(f"no node can be used now: {states}", where=where, remedy="`sinfo -R` says why")
    return [node.name for node in fitting if node.idle][:MOST_ASKED] or [""]


def _has(node: Node, constraint: str) -> bool:
    """Whether a node has the features of a constraint; one that is more than names and & is left to Slurm."""
    words = constraint.split("&")
    plain = all(word.replace("_", "").replace("-", "").replace(".", "").isalnum() for word in words if word)
    return not constraint or not plain or node.features.issuperset(words)


def _ask(slurm: Slurm, batch: Batch, level: str, node: str, token: str) -> Asked:
    file = batch.night / "cluster" / f"look-{token}.sh"
    file.write_text(look_script(batch, token, level, node), encoding="utf-8")
    try:
        return Asked(token, slurm.submit(file), level, node)
    finally:
        file.unlink()


def _answers(slurm: Slurm, folder: NightFolder, asked: list[Asked], patience_s: float) -> Mapping[str, Any]:
    """What the nodes say, by token, once all have answered; at the latest when the patience is over."""
    until_s = time.monotonic() + patience_s
    found: dict[str, Any] = {}
    gone_s: dict[str, float] = {}
    name = f"nightwatt-look-{folder.root.name}"
    while True:
        server_now_s(folder.cluster)  # a change of our own makes the file server tell what is there
        for item in asked:
            if item.token not in found and (body := _answer(folder.cluster / "looks" / f"{item.token}.json")):
                if body["refused"]:
                    raise SensorMissing(
                        f"{item.words} cannot measure: {body['refused']}",
                        remedy="leave it out with engine.slurm.constraint, or --exclude in engine.slurm.extra",
                    )
                found[item.token] = body
        if len(found) == len(asked):
            return found
        waited_for = {task.job for task in answering(lambda: slurm.queue([name]), patience_s)}
        for item in asked:
            if item.token in found or item.job in waited_for:
                continue
            if time.monotonic() - gone_s.setdefault(item.token, time.monotonic()) > LATE_S:
                raise _not_shared(folder, item)
        if time.monotonic() >= until_s:
            if found:
                return found
            raise RefusedError(
                f"no node has answered within {patience_s:g} s: all of them are at other work",
                remedy="try again when the partition is less busy (`squeue`), or wait longer: --patience SECONDS",
            )
        time.sleep(_LOOK_S)


def _answer(file: Path) -> dict[str, Any] | None:
    try:
        body: dict[str, Any] = read_json(file)
    except (OSError, ValueError):
        return None
    return body


def _not_shared(folder: NightFolder, item: Asked) -> RefusedError:
    """Why a job that looked at a node has gone without an answer."""
    log = folder.cluster / "logs" / f"look-{item.token}.log"
    if log.exists():  # its job could write here: it sees the folder
        told = tail_of(log, lines=3) or "its job ended without a word"
        return RefusedError(
            f"{item.words} could not say what it is: {told}",
            where=str(folder.root),
            remedy="nightwatt must start there as it does here: the same path, its Python; see engine.slurm.setup",
        )
    return RefusedError(
        f"{item.words} does not share the results folder: its job left nothing in it",
        where=str(folder.root.parent),
        remedy="name a folder that all nodes see under the same path, with --out (a home or project folder, not /tmp)",
    )


def _refuse_different(one: Mapping[str, str], other: Mapping[str, str], names: tuple[str, str]) -> None:
    found = differences(one, other, names)
    if found:
        raise RefusedError(
            "the nodes are not alike, so that no one answer is that of all:\n"
            + "\n".join(f"    {item}" for item in found),
            remedy="choose nodes that are alike (engine.slurm.constraint); make the node a factor (engine.slurm.nodes);"
            " or declare engine.slurm.mixed = true",
        )
