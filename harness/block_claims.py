"""Who executes a block of a night on a shared file system: taken, kept alive, ended; no lock of the file system's own.

::

    cluster/claims/b00003.1          made with O_EXCL: generation 1 of block 3, its owner inside; its stamp renewed
    cluster/claims/b00003.1.ended    how it ended; without it the owner is at work, or silent
    cluster/claims/b00003.2          made by who found generation 1 silent: its owner, should it come back, stops

flock over a network file system is not to be trusted alone; making a file that must not exist is carried out by the
server. A claim is renewed from the loop that executes the runs, so that an orchestrator that hangs goes silent too.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.errors import LockHeld, NightFolderError
from harness.process_tree import started_ticks
from harness.record import read_json, write_json

CLAIMS = "claims"
"""Their folder, in the night's ``cluster/``."""
RENEWED_S = 10.0
"""How often a claim is renewed, at most."""
SILENT_S = 60.0
"""From when on an owner that was not heard of counts as gone."""
_LOOK_S = 0.5
_NAME = re.compile(r"b(\d{5,6})\.(\d{1,6})(\.ended)?")


@dataclass(frozen=True)
class Owner:
    """Who executes a block."""

    node: str
    """The node's anonymous id."""
    job: str
    """The task, as Slurm names it; empty where there is none."""
    pid: int
    ticks: int
    """When that process started, in the kernel's ticks: no later one of the same number shares it."""
    since_realtime_ns: int
    token: str

    def __str__(self) -> str:
        task = f"task {self.job}" if self.job else f"process {self.pid}"
        return f"{task} on node {self.node}"


@dataclass(frozen=True)
class End:
    """How a claim ended."""

    exit_code: int
    reason: str
    realtime_ns: int
    node: str = ""


@dataclass(frozen=True)
class Standing:
    """The last claim of a block."""

    block: int
    generation: int
    ended: bool
    path: Path


def standings(folder: Path) -> dict[int, Standing]:
    """The last claim of each block that ever had one, by one look at the folder."""
    found: dict[int, Standing] = {}
    ended: set[tuple[int, int]] = set()
    try:
        names = sorted(path.name for path in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        what = f"the claims of this night's blocks cannot be read: {error.strerror or error}"
        raise NightFolderError(what, where=str(folder), remedy="look at the folder's rights") from error
    for name in names:
        match = _NAME.fullmatch(name)
        if match is None:
            continue
        block, generation = int(match[1]), int(match[2])
        if match[3]:
            ended.add((block, generation))
        elif block not in found or found[block].generation < generation:
            found[block] = Standing(block, generation, ended=False, path=folder / name)
    return {
        block: Standing(block, item.generation, (block, item.generation) in ended, item.path)
        for block, item in sorted(found.items())
    }


def owner_of(path: Path) -> Owner | None:
    """Who made a claim; None where it cannot be told (yet)."""
    try:
        return Owner(**read_json(path))
    except (OSError, ValueError, TypeError):
        return None


def end_of(standing: Standing) -> End | None:
    """How a block's last claim ended; None where it has not, or it cannot be told."""
    try:
        return End(**read_json(_ended(standing.path)))
    except (OSError, ValueError, TypeError):
        return None


def silent_s(path: Path, now_s: float) -> float:
    """How long an owner was not heard of; opened anew, since a network file system asks its server then only."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return 0.0
    try:
        return now_s - os.fstat(descriptor).st_mtime
    finally:
        os.close(descriptor)


def server_now_s(folder: Path) -> float:
    """What time it is by the clock that stamps files in ``folder``; our own where nothing may be written there."""
    probe = folder / f".now-{secrets.token_hex(4)}"
    try:
        probe.touch()
        now_s = probe.stat().st_mtime
        probe.unlink()
    except OSError:
        return time.time()
    return now_s


def live(folder: Path, silence_s: float = SILENT_S) -> dict[int, Owner | None]:
    """The blocks that somebody executes now, with who does."""
    open_claims = [item for item in standings(folder).values() if not item.ended]
    if not open_claims:
        return {}
    now_s = server_now_s(folder)
    return {item.block: owner_of(item.path) for item in open_claims if silent_s(item.path, now_s) < silence_s}


class Claim:
    """A block that this process executes."""

    def __init__(self, path: Path, owner: Owner, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self.path, self.owner = path, owner
        self.lost = False
        self._monotonic_s = monotonic_s
        self._renewed_s = monotonic_s()

    def renew(self) -> None:
        """Say that the owner is alive, if it is time to; ``lost`` is true once somebody else has the block."""
        if self.lost or self._monotonic_s() - self._renewed_s < RENEWED_S:
            return
        self._renewed_s = self._monotonic_s()
        with contextlib.suppress(OSError):  # a server that is away for a moment
            os.utime(self.path)
        block, generation = _parts(self.path)
        with contextlib.suppress(OSError):
            os.close(os.open(_path(self.path.parent, block, generation + 1), os.O_RDONLY))
            self.lost = True

    def end(self, exit_code: int, reason: str) -> None:
        """Say how it ended; a block that somebody else has taken over is theirs to end."""
        if not self.lost:
            write_json(_ended(self.path), asdict(End(exit_code, reason, time.time_ns(), self.owner.node)))


def take(
    folder: Path,
    block: int,
    *,
    node: str,
    job: str = "",
    silence_s: float = SILENT_S,
    patience_s: float | None = None,
    go_on: Callable[[], bool] = lambda: True,
) -> Claim:
    """Take a block: at once where nobody has it, else once its owner has ended, gone, or been silent for so long.

    Raises LockHeld where the owner is still at work after ``patience_s`` (left out: a little longer than a silence),
    NightFolderError where the folder cannot be written.
    """
    until_s = time.monotonic() + (silence_s + RENEWED_S if patience_s is None else patience_s)
    owner = Owner(node, job, os.getpid(), started_ticks(os.getpid()), time.time_ns(), secrets.token_hex(8))
    while True:
        last = standings(folder).get(block)
        if last is None or last.ended or _gone(last, node, silence_s):
            path = _path(folder, block, last.generation + 1 if last else 1)
            if _made(path, asdict(owner)):
                return Claim(path, owner)
            last = Standing(block, last.generation + 1 if last else 1, ended=False, path=path)
        if time.monotonic() >= until_s or not go_on():
            raise LockHeld(
                f"block {block} is being executed by another task",
                where=str(owner_of(last.path) or last.path),
                remedy="wait for it; `nightwatt status` says how it stands",
            )
        time.sleep(_LOOK_S)


def _gone(last: Standing, node: str, silence_s: float) -> bool:
    """Whether an owner that has not ended its claim is no more."""
    owner = owner_of(last.path)
    if owner is not None and owner.node == node and started_ticks(owner.pid) != owner.ticks:
        return True
    return silent_s(last.path, server_now_s(last.path.parent)) >= silence_s


def _made(path: Path, content: Mapping[str, Any]) -> bool:
    """Whether this process made the file that must not have existed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        # A request that was sent twice is answered twice: the second answer may be wrong, the content is not.
        found = owner_of(path)
        return found is not None and found.token == content.get("token")
    except OSError as error:
        raise NightFolderError(
            f"a block cannot be claimed: {error.strerror or error}",
            where=str(path),
            remedy="see whether the night's folder can be written from this node, and the disk is not full",
        ) from error
    try:
        os.write(descriptor, json.dumps(content).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return True


def _path(folder: Path, block: int, generation: int) -> Path:
    return folder / f"b{block:05d}.{generation}"


def _ended(path: Path) -> Path:
    return path.with_name(f"{path.name}.ended")


def _parts(path: Path) -> tuple[int, int]:
    match = _NAME.fullmatch(path.name)
    assert match is not None
    return int(match[1]), int(match[2])
