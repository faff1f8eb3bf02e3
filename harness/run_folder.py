"""The folder of one attempt: made as ``.partial``, published when it is settled, set aside when it is not to be reused.

Settling goes in an order in which a power cut at any moment loses nothing that was whole: samples sealed
(``harness.seal``: written aside, compared, fsynced, renamed), run.json the same way, then the folder is fsynced that
has both names, then what these two hold now is removed, then the folder is renamed onto a name that does not exist, and
its parent fsynced.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import RunFault
from harness.json_files import save
from harness.record import (
    CLOCKS_CSV,
    EXIT_JSON,
    INTERRUPTED,
    MARKS_JSONL,
    PARTIAL,
    RUN_JSON,
    SAMPLER,
    SAMPLES_PARQUET,
    WHY_JSON,
    InstrumentFiles,
    RunRecord,
    write_json,
)

SCRATCH = "scratch"
"""The workload's working directory inside the run folder; it stays if the workload left anything in it."""
TRANSIENT = (CLOCKS_CSV, EXIT_JSON)
"""What run.json and the sealed samples hold when a run is settled; and the files of its instruments."""


def make(partial: Path) -> None:
    """Make the folder of an attempt, with an empty marks file and a scratch folder; refuses to reuse one."""
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir()
        (partial / SCRATCH).mkdir()
        (partial / MARKS_JSONL).touch()
    except FileExistsError as error:
        what, remedy = "what an earlier attempt left is still there", "nightwatt resume sets it aside"
        raise RunFault(what, where=str(partial), remedy=remedy) from error
    except OSError as error:
        what, remedy = f"the run folder cannot be made: {error.strerror}", "see whether the disk is full or read-only"
        raise RunFault(what, where=str(partial), remedy=remedy) from error


def publish(record: RunRecord, partial: Path, final: Path | None, instruments: Sequence[str] = (SAMPLER,)) -> Path:
    """Write run.json, remove what it and the sealed samples hold now, and give the folder its name; returns it.

    ``final`` None means interrupted: the first free ``.interrupted`` name.
    """
    write_json(partial / RUN_JSON, record.to_json())
    files = [InstrumentFiles(name) for name in instruments]
    sealed = (partial / SAMPLES_PARQUET).exists() or not any((partial / item.samples).exists() for item in files)
    _tidy(partial, files if sealed else None)
    if final is None:
        settled = set_aside(partial)
    elif final.exists():
        raise RunFault(
            "a run of this name is there already",
            where=str(final),
            remedy=f"move one of the two away; this one is kept in {partial.name}",
        )
    else:
        settled = partial.rename(final)
    save(settled.parent)
    return settled


def set_aside(partial: Path) -> Path:
    """Rename a ``.partial`` folder to the first free ``.interrupted``, ``.interrupted-2`` … name; the new path."""
    stem = partial.with_name(partial.name.removesuffix(PARTIAL) + INTERRUPTED)
    free, count = stem, 1
    while free.exists():
        count += 1
        free = stem.with_name(f"{stem.name}-{count}")
    return partial.rename(free)


@dataclass(frozen=True)
class Unrecorded:
    """An attempt without a record."""

    folder: str
    """Its name."""
    why: str
    samples: bool
    """Whether anything of what was recorded is kept in it."""


def note_why(folder: Path, why: str) -> None:
    """Leave in a folder that was set aside why there is no record; a disk that is full may take it or not."""
    with contextlib.suppress(OSError):
        (folder / WHY_JSON).write_text(json.dumps({"why": why}), encoding="utf-8", errors="backslashreplace")


def unrecorded(runs: Path) -> list[Unrecorded]:
    """The attempts that were set aside without a record, by name; those that were stopped in order have one."""
    return [
        Unrecorded(path.name, _why(path), any(file.stat().st_size > 0 for file in path.glob("*samples.*")))
        for path in sorted(runs.glob(f"*{INTERRUPTED}*"))
        if path.is_dir() and not (path / RUN_JSON).exists()
    ]


def _why(folder: Path) -> str:
    try:
        return str(json.loads((folder / WHY_JSON).read_bytes())["why"])
    except (OSError, ValueError, TypeError, KeyError):
        return "it was cut short"


def _tidy(folder: Path, sealed: Sequence[InstrumentFiles] | None) -> None:
    """Remove what is no longer needed: transient files, empty logs, a scratch folder without a file.

    ``sealed`` None: the samples are not safe, so nothing that tells of them goes.
    """
    transient: list[Path] = []
    if sealed is not None:
        names = [*TRANSIENT, *(name for item in sealed for name in (item.samples, item.report, item.spec))]
        transient = [folder / name for name in names]
    logs = [path for path in folder.glob("*.stderr.log") if path.stat().st_size == 0]
    for path in (*transient, *logs, *folder.glob("*.keeper.json"), *folder.glob("*.exit.json")):
        path.unlink(missing_ok=True)
    for parent, _, _ in os.walk(folder / SCRATCH, topdown=False):
        if not any(Path(parent).iterdir()):
            Path(parent).rmdir()
