"""Is everything as it was when the night was left? If not: what is different, item by item; and a new cohort for it.

::

    as_it_is_now(opened, accept_change)
      |  protocol.toml of the night read again; what it may never change is refused
      |  the sensors probed, the machine looked at
      |-- as a cohort had it: the night goes on in that cohort
      |-- different, not accepted: RefusedError with every difference
      v-- different, accepted: a new cohort, written into the night
"""

from __future__ import annotations

import dataclasses
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import protocol as protocols
from harness.cohorts import Cohort, accept, protocol_differences
from harness.conditions import Condition, look
from harness.errors import RefusedError
from harness.events import Trouble
from harness.folder import OpenNight, script_sources
from harness.host import Host, digest, snapshot
from harness.plan import make_plan
from harness.probe import Probe, probe, require
from harness.protocol_model import Protocol
from harness.record import slug
from harness.shift import zoned


@dataclass(frozen=True)
class AsItIs:
    """A night in the cohort to which its next runs belong, and the machine as it is now."""

    opened: OpenNight
    host: Host
    found: Probe
    told: tuple[Trouble, ...] = ()
    """What a person should know of it."""


@dataclass(frozen=True)
class Asked:
    """What the protocol file of a night asks for now."""

    protocol: Protocol
    sha256: str
    sources: Mapping[str, Path]
    told: tuple[Trouble, ...] = ()


def as_it_is_now(opened: OpenNight, *, accept_change: bool) -> AsItIs:
    """Find the cohort to which the next runs of a night belong, or make it where the change is accepted.

    Raises RefusedError with every difference where there is none; another NightwattError where a file of the night or
    a sensor is not as it should be.
    """
    asked = asked_now(opened)
    found = probe(asked.protocol)
    require(asked.protocol, found)
    host = snapshot(sources=asked.sources, cards=found.cards, conditions=conditions(found))
    told = (*asked.told, *_edited_elsewhere(opened))
    for cohort in reversed(opened.cohorts):
        if not cohort.differences(asked.protocol, host):
            return AsItIs(in_cohort(opened, cohort), host, found, told)
    last = opened.cohorts[-1]
    changes = last.differences(asked.protocol, host)
    if not accept_change:
        night = shlex.quote(str(opened.folder.root))
        raise RefusedError(
            "this is not the protocol, machine, software or workload with which the night was left:\n" + _list(changes),
            where=str(opened.folder.root),
            remedy="put it back as it was and resume; or begin a new night; or accept the change:"
            f" `nightwatt resume {night} --accept-change`, the runs from then on are a cohort of their own,"
            " which the report says and takes into account",
        )
    new = Cohort(last.number + 1, time.time_ns(), host, asked.protocol, asked.sha256, asked.sources, changes)
    accept(opened.folder, opened.cohorts, new)
    accepted = Trouble(
        f"accepted: the runs from now on are cohort {new.number} of this night:\n{_list(changes)}",
        "the report says so; runs are compared within their block, and so within their cohort",
    )
    opened = dataclasses.replace(opened, cohorts=(*opened.cohorts, new))
    return AsItIs(in_cohort(opened, new), host, found, (*told, accepted))


def conditions(found: Probe) -> tuple[Condition, ...]:
    """What of the machine shapes a measurement now."""
    return look(found.facts.get("nvml", {}).get("devices", ()))


def asked_now(opened: OpenNight) -> Asked:
    """The protocol that the night's own file holds now; a cohort's, where the file is as that cohort had it."""
    file = opened.folder.protocol
    sha256 = digest(file)
    for cohort in reversed(opened.cohorts):
        if cohort.protocol_sha256 == sha256:
            return Asked(cohort.protocol, sha256, cohort.sources)
    last = opened.cohorts[-1]
    if opened.rehearsal:
        raise RefusedError(
            "the protocol in this rehearsal was edited",
            where=str(file),
            remedy="put the old file back, or begin a new rehearsal: it takes seconds",
        )
    protocol = zoned(protocols.read(file, opened.overrides, opened.protocol_file.parent), time.time())
    if (protocol.engine is None) is not (last.protocol.engine is None):  # --engine, which the file does not know
        protocol = protocol.model_copy(update={"engine": last.protocol.engine})
    changes = protocol_differences(last.protocol, protocol)
    if not changes:
        told = Trouble("protocol.toml in this night was edited; it still asks for the same", run="")
        return Asked(last.protocol, last.protocol_sha256, last.sources, (told,))
    fixed = _fixed(opened, last.protocol, protocol)
    if fixed:
        raise RefusedError(
            "the question of a night cannot be changed once it has begun:\n" + _list(changes),
            where=str(file),
            remedy=f"put {' and '.join(fixed)} back as it was; another question is another night: `nightwatt run`",
        )
    scripts = script_sources(protocol, opened.plan, opened.protocol_file)
    return Asked(protocol, sha256, {slug(item.copied_as): item.path for item in scripts})


def _fixed(opened: OpenNight, before: Protocol, now: Protocol) -> list[str]:
    """What may not change in a night, and did: what the plan was made from, and the frozen plan of the analysis."""
    fixed = []
    if make_plan(now) != opened.plan:
        fixed.append("the plan (title, factors, exclude, design, warmup.runs, [baseline])")
    if now.analysis != before.analysis:
        fixed.append("[analysis]")
    if now.workload.window != before.workload.window:
        fixed.append("workload.window")
    return fixed


def _edited_elsewhere(opened: OpenNight) -> tuple[Trouble, ...]:
    """A word about the file from which the night was begun, where that was edited since."""
    known = {"absent", *(cohort.protocol_sha256 for cohort in opened.cohorts)}
    if digest(opened.protocol_file) in known:
        return ()
    return (
        Trouble(
            f"{opened.protocol_file} was edited since the night began; the night goes on with its own copy",
            f"to change this night edit {opened.folder.protocol} and resume with --accept-change",
        ),
    )


def in_cohort(opened: OpenNight, cohort: Cohort) -> OpenNight:
    """The night as it is in a cohort: its protocol, host and scripts."""
    return dataclasses.replace(
        opened,
        cohort=cohort.number,
        protocol=cohort.protocol,
        host=cohort.host,
        sources=cohort.sources,
    )


def _list(changes: Sequence[str]) -> str:
    return "\n".join(f"    {change}" for change in changes)
