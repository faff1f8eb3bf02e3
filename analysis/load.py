"""Night folder -> Night: tidy frames of runs and phases, and the samples of one run at a time.

::

    night = load("results/2026-11-20-mixed-precision-7f3a")
    night.runs      one row an attempt, in the order in which they started
    night.phases    one row a phase that a workload marked
    night.samples("b03-2-a1-float32")["gpu0.power_W"].value

A run whose ``run.json`` is damaged is left out and named in ``night.damage``; entries that are no run folders are
passed over. Nothing outside the night's folder is ever opened: runs are found by listing it, links are not followed.
"""

from __future__ import annotations

import functools
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analysis.frames import phases_frame, runs_frame
from analysis.meters import NightMeters, meters_of
from analysis.run_checks import checked_record, is_slot
from analysis.set_aside import SetAside, set_aside
from analysis.spill import Readings
from harness.errors import NightFolderError, UsageError
from harness.joules import pieces
from harness.protocol import Protocol, from_json
from harness.record import (
    READABLE,
    RUN_JSON,
    SAMPLE_COLUMNS,
    SAMPLES_CSV,
    SAMPLES_PARQUET,
    SCHEMA,
    Channel,
    NightFolder,
    RunName,
    RunRecord,
)

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

_BATCH_ROWS = 1 << 17
"""Of a run's samples at a time: as many as the harness writes into a row group, about."""
REMEDY_NIGHT = "give the folder that `nightwatt run` made; it holds plan.json and runs/"


@dataclass(frozen=True)
class Damage:
    """An entry of a night that could not be used: its name inside the night, and what is wrong with it."""

    entry: str
    what: str


@dataclass(frozen=True)
class Series:
    """One channel's readings in one run, in time order, each stamp once."""

    channel: Channel
    t_ns: NDArray[np.int64]
    """(n,), CLOCK_MONOTONIC."""
    value: NDArray[np.float64]
    """(n,), finite, in the channel's unit."""
    out_of_order: int = 0
    """Readings that lay before their predecessor in the file."""
    repeated: int = 0
    """Readings left out because a later line had the same stamp."""
    not_finite: int = 0
    """Readings left out because they were no number."""


@dataclass(frozen=True)
class Night:
    """One night as it lies on disk."""

    path: Path
    plan: Mapping[str, Any]
    """The content of plan.json: order, seed, configurations, slots, hashes, overrides."""
    protocol: Protocol
    """The protocol as it was resolved, the analysis plan included."""
    host: Mapping[str, Any]
    """The content of host.json; empty where there is none."""
    records: Mapping[str, RunRecord]
    """By the run's name, in the order in which the attempts started."""
    damage: tuple[Damage, ...] = ()
    changes: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """What was different from the cohort before, by cohort from 2 on: one sentence a change that was accepted."""
    set_aside: tuple[SetAside, ...] = ()
    """The run folders that are no settled runs."""
    _paths: Mapping[str, Path] = field(default_factory=dict, repr=False)

    @property
    def configurations(self) -> tuple[str, ...]:
        """The names of the planned configurations, in the plan's order."""
        return tuple(item["name"] for item in self.plan["configurations"])

    @property
    def levels(self) -> Mapping[str, Mapping[str, Any]]:
        """Factor levels by configuration."""
        return {item["name"]: item["levels"] for item in self.plan["configurations"]}

    @property
    def blocked(self) -> bool:
        """Whether the order has blocks (blocks, latin), or is one long row (shuffle, listed)."""
        return self.plan["order"] in ("blocks", "latin")

    @property
    def rehearsal(self) -> bool:
        """Whether this is a rehearsal, as the plan or any run says."""
        return bool(self.plan.get("rehearsal")) or any(record.rehearsal for record in self.records.values())

    @property
    def imported(self) -> Mapping[str, Any]:
        """Of a night made of others' files: format, files, order, sampled, unknown, notes; empty of our own."""
        found = self.plan.get("imported")
        return found if isinstance(found, dict) else {}

    @property
    def joined(self) -> tuple[Mapping[str, Any], ...]:
        """Of several nights as one (``analysis.joined``): night, first_block, blocks, host of each; else empty."""
        return tuple(self.plan.get("joined") or ())

    def folder_of(self, run: str) -> Path:
        """The folder of a run."""
        return self._paths[run]

    @property
    def ordered(self) -> bool:
        """Whether the order of the runs is known."""
        return self.imported.get("order") != "unknown"

    @property
    def runs(self) -> pd.DataFrame:
        """One row an attempt, in the order in which they started.

        run, slot, block, position, replicate, attempt, order (1…), cohort, node (of a cluster; else ""), configuration,
        factor.<name>…, seed, status, validity, exit_code, reason, started_s and launched_s (since the night's first
        attempt), duration_s (of the window), window, gap_s, window_gap_s, start_temperature_C.<domain>…,
        metric.<name>…, verdicts (names joined by "; "), rows, rehearsal, hint. A number that is not known is NaN.
        """
        return self._runs.copy()

    @property
    def phases(self) -> pd.DataFrame:
        """One row a marked phase: run, phase, begin_s (since launch), duration_s, metric.<name>…."""
        return self._phases.copy()

    @functools.cached_property
    def meters(self) -> NightMeters:
        """How far each wall meter lies behind our clock in each run; reads the runs that have one."""
        return meters_of(self.records, self.samples)

    @functools.cached_property
    def _runs(self) -> pd.DataFrame:
        return runs_frame(self.records)

    @functools.cached_property
    def _phases(self) -> pd.DataFrame:
        return phases_frame(self.records)

    def samples(self, run: str) -> dict[str, Series]:
        """The readings of one run, by channel; channels that ``run.json`` does not describe are left out.

        Raises NightFolderError where there is no such run, or its samples are missing, foreign or damaged.
        """
        if run not in self._paths:
            raise NightFolderError(f"no run {run!r} in this night", where=str(self.path), remedy="see night.runs.run")
        return _read_samples(self._paths[run] / SAMPLES_PARQUET, self.records[run].channels)


def load(path: str | Path) -> Night:
    """The night in the folder ``path``.

    Raises NightFolderError where that is no night folder, or one of another schema than this release reads.
    """
    folder = NightFolder(Path(path))
    if not folder.root.is_dir():
        raise NightFolderError("no such folder", where=str(path), remedy=REMEDY_NIGHT)
    if not folder.plan.is_file():
        raise NightFolderError("this folder is not a night: it has no plan.json", where=str(path), remedy=REMEDY_NIGHT)
    plan = _json_object(folder.plan)
    _check_schema(plan, str(folder.plan))
    protocol = _protocol(plan, folder.plan)
    host = _json_object(folder.host) if folder.host.is_file() else {}
    levels = {item["name"]: item["levels"] for item in plan["configurations"]}
    records, paths, damage = _read_runs(folder, levels, str(plan.get("night") or ""))
    changes, unknown = _changes(folder)
    aside = set_aside(folder.runs)
    return Night(folder.root, plan, protocol, host, records, (*damage, *unknown), changes, aside, paths)


def _changes(folder: NightFolder) -> tuple[dict[int, tuple[str, ...]], tuple[Damage, ...]]:
    """What was different in each cohort from 2 on; damage where their file cannot be read."""
    if not folder.cohorts.is_file():
        return {}, ()
    try:
        found = {item["cohort"]: tuple(item["changes"]) for item in _read(folder.cohorts)["cohorts"]}
        if not all(type(cohort) is int and all(type(one) is str for one in items) for cohort, items in found.items()):
            raise TypeError("its cohorts are not what they should be")
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        return {}, (Damage(folder.cohorts.name, f"what changed in the night cannot be told ({type(error).__name__})"),)
    return found, ()


def _read(path: Path) -> Any:
    """A JSON file; lone surrogates (half of a character, which no frame can hold) become the replacement character."""
    content = path.read_bytes()
    body = json.loads(content)
    return _without_surrogates(body) if b"\\ud" in content.lower() else body


def _without_surrogates(body: Any) -> Any:
    if isinstance(body, str):
        return body.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(body, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in body.items()}
    return [_without_surrogates(item) for item in body] if isinstance(body, list) else body


def _json_object(path: Path) -> dict[str, Any]:
    try:
        body = _read(path)
    except (OSError, ValueError) as error:
        raise NightFolderError(f"{path.name} cannot be read: {error}", where=str(path), remedy=REMEDY_NIGHT) from error
    if not isinstance(body, dict):
        raise NightFolderError(f"{path.name} is not what it should be: no JSON object", where=str(path))
    return body


def _check_schema(body: Mapping[str, Any], where: str) -> None:
    schema = body.get("schema")
    if schema in READABLE:
        return
    if not isinstance(schema, int):
        raise NightFolderError("no schema is named here", where=where, remedy=REMEDY_NIGHT)
    age = "a newer" if schema > SCHEMA else "an older"
    raise NightFolderError(
        f"schema {schema} is that of {age} release; this one reads schema {SCHEMA}",
        where=where,
        remedy=f"use the nightwatt that made it ({body.get('nightwatt') or 'version not recorded'})",
    )


def _protocol(plan: Mapping[str, Any], path: Path) -> Protocol:
    try:
        names = [item["name"] for item in plan["configurations"]]
        if not all(isinstance(item["levels"], dict) for item in plan["configurations"]) or not 0 < len(names) == len(
            set(names)
        ):
            raise ValueError("its configurations are not what they should be")
        if not isinstance(plan["order"], str) or not all(map(is_slot, plan["slots"])):
            raise TypeError("its order or its slots are not what they should be")
        return from_json(plan["protocol"])
    except (KeyError, TypeError, ValueError, UsageError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise NightFolderError(
            f"plan.json is damaged or foreign: {what}", where=str(path), remedy=REMEDY_NIGHT
        ) from error


def _read_runs(
    folder: NightFolder, levels: Mapping[str, Any], night: str
) -> tuple[dict[str, RunRecord], dict[str, Path], tuple[Damage, ...]]:
    found: list[tuple[RunRecord, str, Path]] = []
    damage: list[Damage] = []
    entries = sorted(folder.runs.iterdir()) if folder.runs.is_dir() else []
    for path in entries:
        name = RunName.parse(path.name)
        if name is None:
            continue
        entry = f"runs/{path.name}"
        try:
            if path.is_symlink() or (path / RUN_JSON).is_symlink() or (path / SAMPLES_PARQUET).is_symlink():
                raise ValueError("it is, or holds, a link to somewhere else")
            body = _read(path / RUN_JSON)
            if not isinstance(body, dict):
                raise TypeError("its run.json is no JSON object")
            if "schema" not in body:
                raise KeyError("schema")
            _check_schema(body, f"{path / RUN_JSON}")
            record = checked_record(body, name, levels)
            if night and record.night and record.night != night:
                raise ValueError(f"it is a run of another night, {record.night}")
            found.append((record, path.name, path))
        except KeyError as error:
            damage.append(Damage(entry, f"its run.json has no {error}"))
        except json.JSONDecodeError as error:
            damage.append(Damage(entry, f"its run.json is damaged: {error}"))
        except OSError as error:  # its words name a path, which differs from one caller to the next
            damage.append(Damage(entry, f"its run.json cannot be read: {error.strerror or type(error).__name__}"))
        except (TypeError, ValueError, AttributeError) as error:
            damage.append(Damage(entry, str(error)))
    found.sort(key=lambda item: (item[0].started_realtime_ns, item[0].block, item[0].position, item[0].attempt))
    records = {name: record for record, name, _ in found}
    return records, {name: path for _, name, path in found}, tuple(damage)


def _read_samples(path: Path, channels: Iterable[Channel]) -> dict[str, Series]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    described = {channel.name: channel for channel in channels}
    not_finite: Counter[str] = Counter()
    try:
        if not path.exists() and path.with_name(SAMPLES_CSV).exists():
            raise ValueError(f"they were never sealed, {SAMPLES_CSV} is still there")
        with pq.ParquetFile(path, read_dictionary=["channel"], page_checksum_verification=True) as file:
            found = file.schema_arrow
            if tuple(found.names) != SAMPLE_COLUMNS:
                raise ValueError(f"its columns are {', '.join(found.names)}, not {', '.join(SAMPLE_COLUMNS)}")
            readings = Readings(file.metadata.num_rows)
            for batch in _batches(file):
                t_ns = _numbers(batch, "t_ns", pa.int64())
                value = _numbers(batch, "value", pa.float64())
                names, codes = _names(batch)
                finite = np.isfinite(value)
                for code, name in enumerate(names):
                    if name in described:
                        here = codes == code
                        rows = np.flatnonzero(here & finite)
                        not_finite[name] += int(np.count_nonzero(here)) - len(rows)
                        readings.add(name, t_ns[rows], value[rows])
    except (OSError, ValueError, TypeError, KeyError, MemoryError, pa.ArrowException) as error:
        raise NightFolderError(
            f"the samples of this run cannot be read: {_first_line(error, path)}",
            where=str(path),
            remedy="the run counts as one without energy; its run.json is still used",
        ) from error
    return {name: _series(described[name], *readings.columns(name), not_finite[name]) for name in readings.names}


def _batches(file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    """A file's rows, a row group at a time: pyarrow keeps what it read of earlier ones until the end of a call."""
    for group in range(file.num_row_groups):
        yield from file.iter_batches(_BATCH_ROWS, row_groups=[group])


def _first_line(error: Exception, path: Path) -> str:
    """What is wrong with the file, without the path by which this caller came to it."""
    if isinstance(error, FileNotFoundError):
        return f"there is no {path.name}"
    # Not strerror: pyarrow writes the whole path into it.
    said = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
    for known in sorted({str(path), str(path.absolute()), str(path.resolve())}, key=len, reverse=True):
        said = said.replace(known, path.name)
    return (said.splitlines() or [type(error).__name__])[0].rstrip(".")


def _numbers(batch: pa.RecordBatch, name: str, wanted: pa.DataType) -> NDArray[Any]:
    column = batch.column(name)
    if column.type != wanted or column.null_count:
        raise ValueError(f"its column {name} is {column.type} with {column.null_count} nulls, not {wanted}")
    array: NDArray[Any] = column.to_numpy()
    return array


def _names(batch: pa.RecordBatch) -> tuple[list[str], NDArray[np.int32]]:
    column = batch.column("channel")
    if column.null_count:
        raise ValueError("a reading has no channel")
    return [str(name) for name in column.dictionary.to_pylist()], column.indices.to_numpy()


def _series(channel: Channel, t_ns: NDArray[np.int64], value: NDArray[np.float64], not_finite: int) -> Series:
    """Readings, all of them numbers, in time order, each stamp once (the last line counts)."""
    lowest_ns = [int(np.diff(t_ns[low : high + 1]).min()) for low, high in pieces(0, len(t_ns) - 1, t_ns)]
    if min(lowest_ns, default=1) > 0:
        return Series(channel, t_ns, value, not_finite=not_finite)
    steps = np.diff(t_ns)
    out_of_order = int(np.count_nonzero(steps < 0))
    if out_of_order:
        order = np.argsort(t_ns, kind="stable")
        t_ns, value = t_ns[order], value[order]
        steps = np.diff(t_ns)
    repeated = int(np.count_nonzero(steps == 0))
    if repeated:
        last = np.append(steps != 0, True)
        t_ns, value = t_ns[last], value[last]
    return Series(channel, t_ns, value, out_of_order, repeated, not_finite)
