"""Cohorts: what a night was executed with, from one accepted change to the next.

Runs on both sides of a change of machine, software, workload or protocol are not alike. Such a change is refused; who
accepts it (`nightwatt resume --accept-change`) makes a new cohort. Its number stands in every run from then on, what
changed stands in ``cohorts.json``, and the analysis takes the cohort for one more factor. Cohort 1 is what the night
began with. What was put back as it was belongs to its old cohort again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import protocol as protocols
from harness.errors import NightFolderError, UsageError
from harness.host import Host, differences
from harness.protocol_model import Protocol
from harness.record import SCHEMA, NightFolder, read_json, write_json


@dataclass(frozen=True)
class Cohort:
    """One state of machine, software, workload and protocol."""

    number: int
    since_realtime_ns: int
    host: Host
    protocol: Protocol
    protocol_sha256: str
    sources: Mapping[str, Path]
    """Where the workload's scripts lie, by their names in ``sources/``."""
    changes: tuple[str, ...] = ()
    """What is different from the cohort before, one sentence each."""

    def differences(self, protocol: Protocol, host: Host) -> tuple[str, ...]:
        """Where another state differs from this one, one sentence each."""
        return (*protocol_differences(self.protocol, protocol), *differences(self.host.identity(), host.identity()))

    def to_json(self) -> dict[str, Any]:
        """This cohort as JSON types."""
        return {
            "cohort": self.number,
            "since_realtime_ns": self.since_realtime_ns,
            "changes": list(self.changes),
            "protocol_sha256": self.protocol_sha256,
            "sources": {name: str(path) for name, path in self.sources.items()},
            "host": self.host.to_json(),
            "protocol": self.protocol.to_json(),
        }


def protocol_differences(before: Protocol, now: Protocol) -> tuple[str, ...]:
    """Where two protocols differ, one sentence a key."""
    old, new = (dict(_flat(protocol.to_json())) for protocol in (before, now))
    return differences(
        {f"protocol {key}": value for key, value in old.items()},
        {f"protocol {key}": value for key, value in new.items()},
    )


def read_cohorts(folder: NightFolder, first: Cohort) -> tuple[Cohort, ...]:
    """``first`` and those that were accepted after it; raises NightFolderError where their file is damaged."""
    if not folder.cohorts.exists():
        return (first,)
    try:
        found = [_cohort(item) for item in read_json(folder.cohorts)["cohorts"]]
        if [item.number for item in found] != list(range(2, len(found) + 2)):
            raise ValueError("its cohorts are not numbered from 2 on")
    except (OSError, KeyError, TypeError, ValueError, AttributeError, UsageError) as error:
        raise NightFolderError(
            f"this night's {folder.cohorts.name} cannot be read: {error or type(error).__name__}",
            where=str(folder.cohorts),
            remedy="restore it from a copy; without it the night cannot go on, its runs are untouched",
        ) from error
    return (first, *found)


def accept(folder: NightFolder, cohorts: tuple[Cohort, ...], new: Cohort) -> None:
    """Write a new cohort into the night, with the scripts that are different; whole or not at all.

    Raises NightFolderError where the night cannot be written.
    """
    try:
        for name, path in new.sources.items():
            if new.host.sources.get(name) not in (cohorts[-1].host.sources.get(name), "absent"):
                copy = folder.sources / f"cohort-{new.number}" / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
        write_json(folder.cohorts, {"schema": SCHEMA, "cohorts": [item.to_json() for item in (*cohorts[1:], new)]})
    except OSError as error:
        raise NightFolderError(
            f"the accepted change cannot be written into the night: {error.strerror or error}",
            where=str(error.filename or folder.cohorts),
            remedy="make room and rights there; nothing of the night was changed",
        ) from error


def _cohort(body: Mapping[str, Any]) -> Cohort:
    number, since_ns, sha256 = body["cohort"], body["since_realtime_ns"], body["protocol_sha256"]
    changes = tuple(body["changes"])
    if type(number) is not int or type(since_ns) is not int or not all(isinstance(item, str) for item in changes):
        raise TypeError("a cohort in it is not what it should be")
    return Cohort(
        number,
        since_ns,
        Host.from_json(body["host"]),
        protocols.from_json(body["protocol"]),
        str(sha256),
        {str(name): Path(path) for name, path in body["sources"].items()},
        changes,
    )


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """A protocol's JSON as (dotted key, value as text); what is not there is left out."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{name}.{key}" if name else str(key))
    elif value is not None:
        yield name, " ".join(map(str, value)) if isinstance(value, list) else str(value)
