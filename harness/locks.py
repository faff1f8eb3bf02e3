"""flock on the night, on each GPU and on the machine: one nightwatt at a time, the owner's name inside.

A machine's lock may be held together by nights that do not mind one another (``harness.engines.claims``).

The kernel gives a lock back when its owner dies, however it dies; the file stays and means nothing by itself. Files
are opened close-on-exec (Python's default), so that no workload inherits a lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.errors import LockHeld, UsageError

RUNTIME_DIR_VARIABLE = "NIGHTWATT_RUNTIME_DIR"
"""Where the locks of devices lie instead of the shared default; for tests and unusual machines."""
_SHARED = Path("/tmp/nightwatt-locks")  # not below a user's own folder: users of one machine share its GPUs


@dataclass(frozen=True)
class Owner:
    """Who holds a lock: a process, since when (CLOCK_REALTIME), and which night it executes."""

    pid: int
    since_realtime_ns: int
    night: str

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since_realtime_ns / 1e9))
        return f"process {self.pid} since {since}, night {self.night}"


@contextlib.contextmanager
def locked(
    path: Path, night: str, *, what: str, shared: bool = False, together: bool = False, remedy: str = ""
) -> Iterator[None]:
    """Hold the lock in ``path`` for the body; ``what`` names the thing in the message of LockHeld.

    ``shared``: other users lock the same file, so it is opened to all when it is made. ``together``: others may hold it
    too who ask for it so. ``remedy``: what else would help whoever is refused.
    """
    descriptor = _open(path, shared=shared)
    try:
        if not _taken(descriptor, fcntl.LOCK_SH if together else fcntl.LOCK_EX):
            raise LockHeld(
                f"another nightwatt is using {what}",
                where=_holder(path),
                remedy=f"wait for it, or end it with Ctrl-C or SIGTERM; what is on disk stays{remedy}",
            )
        _sign(descriptor, Owner(os.getpid(), time.time_ns(), night))
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked_devices(devices: Iterable[str], night: str) -> Iterator[None]:
    """Hold the lock of each device (a GPU's UUID), in sorted order, for the body."""
    with contextlib.ExitStack() as stack:
        for device in sorted(set(devices)):
            name = re.sub(r"[^A-Za-z0-9._-]", "-", device)
            stack.enter_context(locked(runtime_dir() / f"{name}.lock", night, what=f"GPU {device}", shared=True))
        yield


@contextlib.contextmanager
def locked_machine(night: str, *, alone: bool) -> Iterator[None]:
    """Hold the lock of this machine for the body: ``alone``, or together with others that do not ask for it alone."""
    remedy = (
        "; or let both nights measure each other's load too: night.share_machine = true in both protocols"
        " (--set night.share_machine=true)"
    )
    path = runtime_dir() / "machine.lock"
    with locked(path, night, what="this machine", shared=True, together=not alone, remedy=remedy):
        yield


def owner(path: Path) -> Owner | None:
    """Who signed the lock file, or None where it cannot be read; says nothing about whether the lock is held."""
    try:
        body = json.loads(path.read_text())
        return Owner(int(body["pid"]), int(body["since_realtime_ns"]), ascii(body["night"])[1:-1])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def held(path: Path) -> bool:
    """Whether somebody holds the lock now."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def runtime_dir() -> Path:
    """The folder of the devices' locks, made when it is missing: sticky and writable for all, like /tmp."""
    named = os.environ.get(RUNTIME_DIR_VARIABLE)
    folder = Path(named) if named else _SHARED
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"no folder for the locks of GPUs: {error.strerror}",
            where=str(folder),
            remedy=f"make it, or name another one in {RUNTIME_DIR_VARIABLE}",
        ) from error
    with contextlib.suppress(PermissionError):  # another user made it, and opened it to all then
        folder.chmod(0o1777)
    return folder


def _holder(path: Path) -> str:
    """Who holds the lock, for people; of several who hold it together the last one that is still there."""
    signed = owner(path)
    return str(signed) if signed is not None and Path(f"/proc/{signed.pid}").exists() else str(path)


def _taken(descriptor: int, way: int) -> bool:
    """Whether we have the lock now; tried for a moment, since ``held`` may have it for an instant."""
    for _ in range(5):
        try:
            fcntl.flock(descriptor, way | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.04)
        else:
            return True
    return False


def _open(path: Path, *, shared: bool) -> int:
    """The lock file's descriptor: an existing one for writing or at least reading (flock needs no more), or a new one.

    O_CREAT on another user's file in a sticky folder is forbidden (fs.protected_regular), hence three attempts.
    """
    flags = os.O_NOFOLLOW | os.O_CLOEXEC
    for attempt in (os.O_RDWR, os.O_RDONLY, os.O_RDWR | os.O_CREAT):
        try:
            descriptor = os.open(path, flags | attempt, 0o644)
        except (FileNotFoundError, PermissionError) as error:
            trouble: OSError = error
            continue
        except OSError as error:
            trouble = error
            break
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            if shared:
                with contextlib.suppress(PermissionError):  # another user made it, and opened it to all then
                    os.fchmod(descriptor, 0o666)
            return descriptor
        os.close(descriptor)
        trouble = OSError("not a regular file")
        break
    raise UsageError(
        f"cannot open the lock: {trouble.strerror or trouble}",
        where=str(path),
        remedy="a night is executed by who may write to its folder; look at its rights",
    ) from trouble


def _sign(descriptor: int, by: Owner) -> None:
    """Write the owner into the lock file; in another user's file, which is read-only for us, the old name stays."""
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(by)).encode(), 0)
