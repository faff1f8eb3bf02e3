"""Make a night's folder, whole or not at all; read one back, and name whatever in it is not as it should be.

The folder is the state of a night: which run folders are settled is its progress. So nothing here is repaired by
guessing. A partial folder is what an interruption leaves and is expected; anything else that is foreign or damaged is
one error that names it, and nothing is touched.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import protocol as protocols
from harness.cohorts import Cohort, read_cohorts
from harness.errors import NightFolderError, UsageError
from harness.host import Host
from harness.json_files import save, save_tree
from harness.plan import Plan, Slot, document
from harness.progress import Outcome, RunKey
from harness.protocol_model import Protocol
from harness.record import (
    DAMAGED,
    PARTIAL,
    RUN_JSON,
    SAMPLES_PARQUET,
    SCHEMA,
    SET_ASIDE,
    Cause,
    Level,
    NightFolder,
    RunName,
    RunRecord,
    Validity,
    Verdict,
    read_json,
    slug,
    write_json,
)

_ENTRIES = (
    "protocol.toml", "plan.json", "host.json", "cohorts.json", "nodes", "cluster", "status.html",
    "journal", "sources", "runs", "report", "console.log", "lock",
)  # fmt: skip

_PARQUET = b"PAR1"
_SHORTEST_PARQUET_B = 12
"""Its mark at both ends and the length of its footer."""
NO_RUN = "it is no run of this night's plan"


@dataclass(frozen=True)
class OpenNight:
    """A night as its folder tells it."""

    folder: NightFolder
    protocol: Protocol
    protocol_file: Path
    """Where the protocol was read from; its relative paths start in that folder."""
    protocol_sha256: str
    plan: Plan
    host: Host
    """The machine as the cohort has it."""
    sources: Mapping[str, Path]
    """Where the workload's scripts lie, by their names in ``sources/``."""
    rehearsal: bool
    id: str = ""
    """The name under which it was begun; empty where an older nightwatt began it."""
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    cohorts: tuple[Cohort, ...] = ()
    """All of them, the one with which the night began first."""
    cohort: int = 1
    """To which the runs belong that are executed now; ``protocol``, ``host`` and ``sources`` are its."""
    outcomes: tuple[Outcome, ...] = ()
    used: tuple[RunKey, ...] = ()
    """Slot and attempt of every run folder, whatever became of it."""
    partial: tuple[Path, ...] = ()
    """What an interruption left, not yet set aside."""
    node: str = ""
    """The anonymous id of the node that executes it, of a night on a cluster."""


def note_conditions_after(folder: NightFolder, conditions: Mapping[str, str]) -> None:
    """Write into the night's ``host.json`` what the machine's conditions are now that a session ends."""
    write_json(folder.host, {**_json(folder.host), "conditions_after": dict(conditions)})


def script_sources(protocol: Protocol, plan: Plan, protocol_file: Path) -> tuple[protocols.Source, ...]:
    """The scripts that the night's commands are made of."""
    reheat = protocol.cooldown.reheat if protocol.cooldown else None
    hooks = (protocol.prepare, protocol.cleanup, protocol.warmup, reheat)
    commands = [protocol.workload.command, *(hook.command for hook in hooks if hook and hook.command)]
    fillings = [protocols.values(configuration.levels, 0) for configuration in plan.configurations]
    return protocols.sources(commands, fillings, protocol_file.absolute().parent)


def begin(
    protocol_file: Path,
    protocol: Protocol,
    plan: Plan,
    host: Host,
    *,
    out: Path,
    sources: Iterable[protocols.Source] = (),
    overrides: Mapping[str, Any] | None = None,
    rehearsal: bool = False,
    created_realtime_ns: int | None = None,
) -> NightFolder:
    """Make ``out/<date>-<slug>-<4 hex>`` with protocol, plan, host and sources, and no runs; whole or not at all.

    Raises UsageError where ``out`` cannot hold it.
    """
    created_realtime_ns = created_realtime_ns or time.time_ns()
    date = time.strftime("%Y-%m-%d", time.localtime(created_realtime_ns / 1e9))
    word = f"{slug(protocol_file.stem)}{'-rehearsal' if rehearsal else ''}"
    name = f"{date}-{word}-{secrets.token_hex(2)}"
    sources = tuple(sources)
    staging, final = NightFolder(out / f".{name}.new"), out / name
    try:
        body = protocol_file.read_bytes()
        staging.root.mkdir(parents=True)
        for folder in (staging.runs, staging.journal, staging.sources):
            folder.mkdir()
        staging.protocol.write_bytes(body)
        for source in sources:
            shutil.copyfile(source.path, staging.sources / source.copied_as)
        write_json(
            staging.plan,
            document(
                plan, protocol,
                nightwatt=version(), protocol_file=str(protocol_file.absolute()),
                protocol_sha256=hashlib.sha256(body).hexdigest(), created_realtime_ns=created_realtime_ns,
                overrides=overrides, sources=sources, rehearsal=rehearsal, night=name,
            ),
        )  # fmt: skip
        write_json(staging.host, host.to_json())
        save_tree(staging.root)  # a night that can be seen is whole, also after a power cut
        staging.root.rename(final)
        save(out)
        save(out.absolute().parent)
    except OSError as error:
        shutil.rmtree(staging.root, ignore_errors=True)
        raise UsageError(
            f"no night can be begun there: {error.strerror or error}",
            where=str(error.filename or out),
            remedy="name a folder that you may write to and that has room, with --out",
        ) from error
    return NightFolder(final)


def version() -> str:
    """The version of nightwatt, or "unknown" where it is not installed."""
    try:
        return importlib.metadata.version("nightwatt")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def refuse_unless_night(folder: NightFolder) -> None:
    """Raise NightFolderError where a folder holds no plan: it may be anything, and nothing is written into it."""
    if not folder.plan.is_file():
        raise NightFolderError(
            "this is not a night: it holds no plan.json" if folder.root.is_dir() else "there is no such folder",
            where=str(folder.root),
            remedy="give the folder that `nightwatt run` named, as in results/2026-11-20-demo-7f3a",
        )


def read(root: Path) -> OpenNight:
    """The night in ``root``; raises NightFolderError at the first thing that is not as a night's folder should be."""
    head = read_head(root)
    if not head.folder.protocol.is_file():
        raise NightFolderError(
            "this night has lost its protocol",
            where=str(head.folder.protocol),
            remedy=f"put the file back: a copy of {head.protocol_file.name} as it was when the night began",
        )
    _refuse_foreign(head.folder)
    return with_runs(head)


def with_runs(head: OpenNight, wanted: Callable[[RunName], bool] = lambda _: True) -> OpenNight:
    """A night that was read without its runs, with those of them that are wanted; raises NightFolderError."""
    outcomes, used, partial = _runs(head, wanted)
    return dataclasses.replace(head, outcomes=tuple(outcomes), used=tuple(used), partial=tuple(partial))


def read_head(root: Path) -> OpenNight:
    """The night in ``root`` without its runs: plan, protocol, host; raises NightFolderError."""
    folder = NightFolder(root)
    refuse_unless_night(folder)
    body = _json(folder.plan)
    schema = body.get("schema") if isinstance(body, dict) else None
    if not isinstance(schema, int) or schema > SCHEMA:
        raise NightFolderError(
            f"this night is written in schema {schema!r}; this nightwatt reads up to {SCHEMA}",
            where=str(folder.plan),
            remedy="use the nightwatt that began it, or a later one",
        )
    try:
        protocol, plan = protocols.from_json(body["protocol"]), Plan.from_json(body)
        sources = {slug(item["copied_as"]): Path(item["path"]) for item in body["sources"]}
        protocol_file, sha256, rehearsal = Path(body["protocol_file"]), body["protocol_sha256"], bool(body["rehearsal"])
        began_ns, overrides, night = int(body["created_realtime_ns"]), dict(body["overrides"]), body.get("night", "")
        if not isinstance(night, str):
            raise TypeError("its night is no name")
    except (KeyError, TypeError, ValueError, UsageError) as error:
        raise _unreadable(folder.plan, f"it is not a plan ({type(error).__name__}: {error})") from error
    try:
        host = Host.from_json(_json(folder.host))
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(folder.host, f"it does not describe a host ({error})") from error
    first = Cohort(1, began_ns, host, protocol, sha256, sources)
    return OpenNight(
        folder, protocol, protocol_file, sha256, plan, host, sources, rehearsal,
        id=night, overrides=overrides, cohorts=read_cohorts(folder, first),
    )  # fmt: skip


def record_of(path: Path) -> RunRecord:
    """The record in a settled run folder; raises NightFolderError where it is damaged."""
    file = path / RUN_JSON
    try:
        return RunRecord.from_json(read_json(file))
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(file, f"this run's record is damaged: {error or type(error).__name__}") from error


def planned_record(path: Path, slots: Mapping[str, Slot], night: str = "") -> RunRecord:
    """The record in a settled run folder of the plan whose ``slots`` (by key) these are, begun as ``night``.

    Raises NightFolderError where the folder is no run of that plan, or the record is damaged or that of another run.
    """
    name = RunName.parse(path.name)
    slot = slots.get(name.slot) if name else None
    if name is None or slot is None:
        raise _foreign(path, NO_RUN)
    record = record_of(path)
    if (record.slot, record.attempt, record.configuration) != (name.slot, name.attempt, slot.configuration):
        raise _foreign(path / RUN_JSON, f"it is the record of {record.slot}, attempt {record.attempt}")
    if night and record.night and record.night != night:
        raise _foreign(path, f"it is a run of the night {record.night}")
    return record


def supersede(path: Path, why: str, gap_s: float | None = None, limit_s: float | None = None) -> None:
    """Mark a settled run as superseded: nothing of its record is lost, the verdict says what it was and why.

    The record is replaced whole (aside, fsync, rename); a crash in between leaves the old one, and the next session
    finds the block as it was.
    """
    record = record_of(path)
    verdict = Verdict(
        "superseded", Cause.MEASUREMENT, Level.INVALID, gap_s, limit_s, "s" if gap_s is not None else "",
        f"was {record.validity.value}; {why}, and was begun anew",
    )  # fmt: skip
    renewed = dataclasses.replace(record, validity=Validity.SUPERSEDED, verdicts=(*record.verdicts, verdict))
    write_json(path / RUN_JSON, renewed.to_json())


def _runs(head: OpenNight, wanted: Callable[[RunName], bool]) -> tuple[list[Outcome], list[RunKey], list[Path]]:
    """What the run folders say: outcomes of the settled ones, all attempts used, and the partial folders."""
    folder = head.folder
    slots = {slot.key: slot for slot in head.plan.slots}
    outcomes: list[Outcome] = []
    used: list[RunKey] = []
    partial: list[Path] = []
    for path in sorted(folder.runs.iterdir()) if folder.runs.is_dir() else ():
        if path.name.startswith("."):
            continue
        aside = SET_ASIDE.fullmatch(path.name)
        name = RunName.parse(aside[1] if aside else path.name)
        if (name is not None and not wanted(name)) or not os.path.lexists(path):  # renamed meanwhile: it is at work
            continue
        slot = slots.get(name.slot) if name else None
        ours = name is not None and slot is not None and name.slug == slug(slot.configuration)
        if name is None or slot is None or not ours or path.is_symlink() or not path.is_dir():
            raise _foreign(path, NO_RUN)
        used.append((name.slot, name.attempt))
        if aside:
            if path.name.endswith(PARTIAL):
                partial.append(path)
            continue
        record = planned_record(path, slots, head.id)
        _refuse_torn_samples(path, record)
        outcomes.append(Outcome.of(record))
    return outcomes, used, partial


def _refuse_foreign(folder: NightFolder) -> None:
    for path in sorted(folder.root.iterdir()):
        if path.name not in _ENTRIES and not path.name.startswith(".") and not path.name.endswith(".aside"):
            raise _foreign(path, "nightwatt did not put it there")


def _refuse_torn_samples(path: Path, record: RunRecord) -> None:
    """Raise NightFolderError where the samples lack the mark at a Parquet file's end: they were cut short."""
    file = path / SAMPLES_PARQUET
    if not record.rows:
        return
    try:
        with open(file, "rb") as samples:
            whole = samples.seek(0, os.SEEK_END) >= _SHORTEST_PARQUET_B
            if whole:
                samples.seek(-len(_PARQUET), os.SEEK_END)
                whole = samples.read() == _PARQUET
    except OSError as error:
        raise _damaged(file, f"this run's samples cannot be read: {error.strerror}") from error
    if not whole:
        raise _damaged(file, "this run's samples are damaged: the file is cut short, or no Parquet")


def _damaged(file: Path, what: str) -> NightFolderError:
    run = file.parent
    return NightFolderError(
        what,
        where=str(file),
        remedy=f"restore it, or set the run aside and have its slot executed again: mv {run} {run}{DAMAGED}",
    )


def _foreign(path: Path, why: str) -> NightFolderError:
    return NightFolderError(
        f"something foreign lies in this night: {why}",
        where=str(path),
        remedy="move it out of the night's folder; nothing in the night was touched",
    )


def _unreadable(path: Path, why: str) -> NightFolderError:
    return NightFolderError(
        f"this night's {path.name} cannot be read: {why}",
        where=str(path),
        remedy="restore it from a copy; without it the night cannot go on, its runs are untouched",
    )


def _json(path: Path) -> Any:
    try:
        return read_json(path)
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, f"it is truncated or no JSON ({error})") from error
