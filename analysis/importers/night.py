"""Recordings -> a night folder like one of our own, with what their files do not say listed in its plan.

The order of the runs is that of their time stamps. Where not every run has one it is not known: then nothing is
compared by it. Runs are compared within blocks where the files name a block for each of them, never by guess.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.importers.judging import exclusions, is_spoilt, verdicts_of
from analysis.importers.recording import Imported, ImportRefused, Recording, doubts
from harness.errors import NightFolderError
from harness.protocol import Protocol, from_json
from harness.record import (
    SAMPLES_PARQUET,
    SCHEMA,
    NightFolder,
    Phase,
    RunName,
    RunRecord,
    Status,
    Validity,
    slug,
    write_json,
)

START_NS = 1_000_000_000
"""Where the night's own clock stands at its first reading."""
SLACK_NS = 2_000_000_000
"""Stamps of whole seconds may let two runs overlap by so much."""
UNKNOWN, STAMPS, BLOCKS = "unknown", "time stamps", "blocks and time stamps"


@dataclass(frozen=True)
class Order:
    """What an import is to make."""

    title: str
    name: str
    """Of the folder, between what tells imported nights and their contents."""
    out: Path
    """The folder in which the night's folder is made."""
    files: tuple[Path, ...]
    analysis: Mapping[str, Any]
    """Keys of the protocol's section analysis."""
    nightwatt: str
    command: str = ""
    """That asked for it, with the names of files in place of their paths."""


@dataclass(frozen=True)
class _Placed:
    """A recording in its slot."""

    recording: Recording
    configuration: str
    block: int
    position: int
    replicate: int


def write_night(imported: Imported, order: Order) -> Path:
    """Write the night and return its folder; nothing is left where it is refused."""
    placed, blocked, how = _place(imported.recordings)
    configurations = {item.configuration: dict(item.recording.levels) for item in placed}
    protocol = _protocol(order, configurations, placed, blocked=blocked)
    hashes = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in order.files}
    digest = hashlib.sha256("".join([repr(order.analysis), order.title, *hashes.values()]).encode()).hexdigest()[:4]
    root = order.out / f"imported-{slug(order.name)}-{digest}"
    if root.exists():
        raise NightFolderError(
            "these files were imported already", where=str(root), remedy="report that night, or move it away"
        )
    aside = root.with_name(f".{root.name}.partial")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        _write(NightFolder(aside), imported, order, protocol, placed, blocked=blocked, how=how, hashes=hashes)
        aside.rename(root)
    except OSError as error:
        raise NightFolderError(
            f"the night cannot be written: {error.strerror or error}",
            where=str(error.filename or root),
            remedy="make room or rights there, or give another folder with --out",
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return root


def _place(recordings: Sequence[Recording]) -> tuple[list[_Placed], bool, str]:
    """Every recording in a slot; whether there are blocks, and whence the order is known."""
    factors = [tuple(item.levels) for item in recordings]
    if len(set(factors)) > 1:
        other = recordings[factors.index(next(item for item in factors if item != factors[0]))]
        raise ImportRefused(
            f"its factors are {', '.join(other.levels)}, those of the runs before it {', '.join(factors[0])}",
            where=other.where,
            remedy="import the files of one study at a time",
        )
    stamped = all(item.begin_ns is not None for item in recordings)
    with_block = [item for item in recordings if item.block is not None]
    if 0 < len(with_block) < len(recordings):
        lacking = next(item for item in recordings if item.block is None)
        raise ImportRefused("it names no block, others do", where=lacking.where, remedy="name it, or no block at all")
    blocked = bool(with_block)
    ordered = sorted(recordings, key=lambda item: item.begin_ns or 0) if stamped else list(recordings)
    if stamped:
        _refuse_overlaps(ordered)
    numbers = {name: place for place, name in enumerate(dict.fromkeys(item.block for item in ordered), start=1)}
    placed: list[_Placed] = []
    seen: Counter[str] = Counter()
    filled: Counter[int] = Counter()
    cells: dict[tuple[int, str], Recording] = {}
    for item in ordered:
        name = _configuration(item.levels)
        block = numbers[item.block] if blocked else 1
        earlier = cells.setdefault((block, name), item)
        if blocked and earlier is not item:
            raise ImportRefused(
                f"block {item.block} has a run of {name} already, in {earlier.where}",
                where=item.where,
                remedy="a block holds one run of each configuration",
            )
        seen[name] += 1
        filled[block] += 1
        placed.append(_Placed(item, name, block, filled[block], seen[name]))
    return placed, blocked, (BLOCKS if blocked else STAMPS) if stamped else UNKNOWN


def _refuse_overlaps(ordered: Sequence[Recording]) -> None:
    for one, other in itertools.pairwise(ordered):
        late_ns = (one.begin_ns or 0) + one.duration_ns - (other.begin_ns or 0)
        if late_ns > SLACK_NS:
            raise ImportRefused(
                f"it begins {late_ns / 1e9:.4g} s before the run before it has ended ({one.where})",
                where=other.where,
                remedy="see the unit of the durations; runs side by side tell one another's energy and are no night",
            )


def _configuration(levels: Mapping[str, str]) -> str:
    """As ``harness.configurations`` names them."""
    named = {factor: level or "(empty)" for factor, level in levels.items()}
    return next(iter(named.values())) if len(named) == 1 else ",".join(f"{key}={value}" for key, value in named.items())


def _protocol(
    order: Order, configurations: Mapping[str, Mapping[str, str]], placed: Sequence[_Placed], *, blocked: bool
) -> Protocol:
    factors: dict[str, list[str]] = {}
    for levels in configurations.values():
        for factor, level in levels.items():
            if level not in factors.setdefault(factor, []):
                factors[factor].append(level)
    baseline = order.analysis.get("baseline")
    if baseline is not None and str(baseline) not in configurations:
        there = ", ".join(configurations)
        raise ImportRefused(
            f"no run is of the baseline {baseline!r}", where="--set analysis.baseline", remedy=f"name one of {there}"
        )
    return from_json(
        {
            "title": order.title,
            "workload": {"command": ["(imported)"]},
            "factors": factors,
            "design": {
                "blocks": max(item.block if blocked else item.replicate for item in placed),
                "order": "blocks" if blocked else "listed",
            },
            "analysis": dict(order.analysis),
        }
    )


def _write(
    folder: NightFolder,
    imported: Imported,
    order: Order,
    protocol: Protocol,
    placed: Sequence[_Placed],
    *,
    blocked: bool,
    how: str,
    hashes: Mapping[str, str],
) -> None:
    folder.runs.mkdir(parents=True)
    first_ns = min((item.recording.begin_ns or 0 for item in placed), default=0) if how != UNKNOWN else 0
    ended_ns: int | None = None
    for item in placed:
        ended_ns = _write_run(folder, item, first_ns, ended_ns, stamped=how != UNKNOWN)
    configurations = {item.configuration: dict(item.recording.levels) for item in placed}
    plan = {
        "schema": SCHEMA,
        "nightwatt": order.nightwatt,
        "night": "",
        "rehearsal": False,
        "created_realtime_ns": first_ns,
        "protocol_file": "",
        "protocol_sha256": "",
        "overrides": {f"analysis.{key}": value for key, value in order.analysis.items()},
        "sources": [],
        "imported": {
            "format": imported.format,
            "command": order.command,
            "files": {Path(name).name: digest for name, digest in hashes.items()},
            "order": how,
            "sampled": imported.sampled,
            "unknown": list(imported.unknown),
            "notes": [
                *exclusions([item.recording for item in placed]),
                *doubts(imported.recordings),
                *(note for item in placed for note in item.recording.notes),
            ],
        },
        "protocol": protocol.to_json(),
        "title": order.title,
        "seed": 0,
        "order": "blocks" if blocked else _row(placed, how),
        "configurations": [{"name": name, "levels": levels} for name, levels in configurations.items()],
        "slots": [
            {
                "block": item.block,
                "position": item.position,
                "replicate": item.replicate,
                "configuration": item.configuration,
                "seed": 0,
                "baseline": False,
            }
            for item in placed
        ],
    }
    write_json(folder.plan, plan)


def _row(placed: Sequence[_Placed], how: str) -> str:
    """What one long row of runs is called: listed where all runs of a configuration stand together."""
    if how == UNKNOWN:
        return UNKNOWN
    names = [item.configuration for item in placed]
    changes = sum(one != other for one, other in itertools.pairwise(names))
    return "listed" if changes == len(set(names)) - 1 else "as recorded"


def _write_run(folder: NightFolder, item: _Placed, first_ns: int, ended_ns: int | None, *, stamped: bool) -> int:
    """Write one run's folder; returns its end on the night's clock."""
    recording = item.recording
    shift_ns = START_NS - (first_ns if stamped else recording.begin_ns or 0)
    begin_ns = (recording.begin_ns or 0) + shift_ns
    end_ns = begin_ns + recording.duration_ns
    gap_s = (begin_ns - ended_ns) / 1e9 if stamped and ended_ns is not None and begin_ns >= ended_ns else None
    path = folder.runs / str(RunName(item.block, item.position, 1, slug(item.configuration)))
    path.mkdir()
    completed = recording.status is Status.COMPLETED
    verdicts = verdicts_of(recording) if completed else ()
    record = RunRecord(
        slot=RunName(item.block, item.position, 1, "x").slot,
        block=item.block,
        position=item.position,
        replicate=item.replicate,
        attempt=1,
        configuration=item.configuration,
        levels=dict(recording.levels),
        seed=0,
        status=recording.status,
        validity=Validity.INVALID if is_spoilt(verdicts) else Validity.VALID,
        verdicts=verdicts,
        started_ns=begin_ns,
        ended_ns=end_ns,
        started_realtime_ns=(recording.begin_ns or 0) if stamped else 0,
        reason="" if completed else f"{recording.status}, as its table says",
        launched_ns=begin_ns,
        exited_ns=end_ns,
        window=Phase("", begin_ns, end_ns) if completed else None,
        metrics=dict(recording.metrics),
        channels=recording.channels,
        rows=_write_samples(path / SAMPLES_PARQUET, recording, shift_ns),
        start_temperature_C=dict(recording.start_temperature_C),
        gap_s=gap_s,
        window_gap_s=gap_s,
    )
    write_json(path / "run.json", record.to_json())
    return end_ns


def _write_samples(path: Path, recording: Recording, shift_ns: int) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = list(recording.readings)
    columns = [recording.readings[name] for name in names]
    stamps = [stamps + shift_ns for stamps, _ in columns]
    t_ns = np.concatenate([*stamps, np.empty(0, np.int64)]).astype(np.int64)
    codes = np.repeat(np.arange(len(names), dtype=np.int32), [part.size for part in stamps])
    order = np.argsort(t_ns, kind="stable")
    values = np.concatenate([*(values for _, values in columns), np.empty(0)])
    channel = pa.DictionaryArray.from_arrays(pa.array(codes[order], pa.int32()), pa.array(names, pa.string()))
    table = pa.table({"t_ns": pa.array(t_ns[order]), "channel": channel, "value": pa.array(values[order])})
    pq.write_table(table, path, compression="zstd", use_dictionary=["channel"], write_page_checksum=True)
    return int(t_ns.size)
