# A keeper starts with this, and pathlib would double its time:
# ruff: noqa: PTH100, PTH115, PTH118
"""Records what a night does to its disk: every name made, moved and removed, and what is safe, in one order.

::

    sitecustomize --> install()      in each Python process of the night: orchestrator, keepers, sampler, sealer
      open (new files), mkdir, rename, unlink, rmdir, fsync  -->  one JSON line each, under a lock

The log is in the order in which the kernel did it, over all processes. What a file holds when it is fsynced is copied;
a file that is removed or replaced is kept under its inode's number, so that no number is given out twice. Nothing is
recorded outside the folder NIGHT_DISK names. Only calls through ``os`` and ``open`` are seen; ``pyarrow`` writes into a
file that was opened so. Standard library only, and little of it: keepers start with it.
"""

from __future__ import annotations

import builtins
import contextlib
import fcntl
import io
import json
import os
import stat
from collections.abc import Callable, Iterator
from typing import Any

VARIABLE = "NIGHT_DISK"
LOG_VARIABLE = "NIGHT_DISK_LOG"
_open, _link, _stat = os.open, os.link, os.lstat


class Recorder:
    """The log of one process; all share the file."""

    def __init__(self, root: str, folder: str) -> None:
        self.root, self.folder = os.path.join(os.path.realpath(root), ""), folder
        self._log = _open(os.path.join(folder, "log.jsonl"), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
        self._held = False

    def path(self, name: Any) -> str:
        """The absolute path of what lies in the recorded folder; "" of all else."""
        if isinstance(name, int):
            return ""
        path = os.path.abspath(os.fsdecode(name))
        return path if f"{path}/".startswith(self.root) else ""

    @contextlib.contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """What happens to the disk inside happens between two lines of the log."""
        if self._held:
            yield
            return
        fcntl.flock(self._log, fcntl.LOCK_EX)  # each process has opened the file itself, so the lock is its own
        self._held = True
        try:
            yield
        finally:
            self._held = False
            fcntl.flock(self._log, fcntl.LOCK_UN)

    def note(self, what: str, **facts: Any) -> None:
        """A line."""
        os.write(self._log, json.dumps({"what": what, **facts}).encode() + b"\n")

    def keep(self, path: str) -> None:
        """Give a file a second name before it loses its own."""
        facts = _stat(path)
        if stat.S_ISREG(facts.st_mode):
            with contextlib.suppress(FileExistsError):
                _link(path, os.path.join(self.folder, f"inode-{facts.st_ino}"))


def install() -> None:
    """Record what this process does from now on, where the environment asks for it."""
    if VARIABLE not in os.environ:
        return
    recorder = Recorder(os.environ[VARIABLE], os.environ[LOG_VARIABLE])
    for module, name in ((os, "open"), (io, "open"), (builtins, "open")):
        setattr(module, name, _making(recorder, getattr(module, name)))
    for name in ("rename", "replace"):
        setattr(os, name, _renaming(recorder, getattr(os, name)))
    for name in ("unlink", "remove", "rmdir", "mkdir"):
        setattr(os, name, _naming(recorder, getattr(os, name), name))
    os.fsync = _saving(recorder, os.fsync)


def _making(recorder: Recorder, real: Callable[..., Any]) -> Callable[..., Any]:
    def making(name: Any, *args: Any, **kwargs: Any) -> Any:
        path = recorder.path(name)
        if not path or os.path.lexists(path):
            return real(name, *args, **kwargs)
        with recorder.one_at_a_time():
            new = not os.path.lexists(path)
            opened = real(name, *args, **kwargs)
            if new and os.path.lexists(path):
                recorder.note("create", path=path, inode=_stat(path).st_ino)
            return opened

    return making


def _renaming(recorder: Recorder, real: Callable[..., None]) -> Callable[..., None]:
    def renaming(old: Any, new: Any, **kwargs: Any) -> None:
        before, after = recorder.path(old), recorder.path(new)
        if not before:
            real(old, new, **kwargs)
            return
        with recorder.one_at_a_time():
            if os.path.lexists(after):
                recorder.keep(after)
            real(old, new, **kwargs)
            recorder.note("rename", path=before, to=after)

    return renaming


def _naming(recorder: Recorder, real: Callable[..., None], what: str) -> Callable[..., None]:
    def naming(name: Any, *args: Any, **kwargs: Any) -> None:
        path = recorder.path(name)
        if not path or kwargs.get("dir_fd") is not None:
            real(name, *args, **kwargs)
            return
        with recorder.one_at_a_time():
            if what in ("unlink", "remove") and os.path.lexists(path):
                recorder.keep(path)
            real(name, *args, **kwargs)
            facts = {"inode": _stat(path).st_ino} if what == "mkdir" else {}
            recorder.note("mkdir" if what == "mkdir" else "remove", path=path, **facts)

    return naming


def _saving(recorder: Recorder, real: Callable[[Any], None]) -> Callable[[Any], None]:
    def saving(opened: Any) -> None:
        descriptor = opened if isinstance(opened, int) else opened.fileno()
        path = recorder.path(os.readlink(f"/proc/self/fd/{descriptor}"))
        with recorder.one_at_a_time():
            real(opened)
            if not path:
                return
            facts = os.fstat(descriptor)
            if stat.S_ISDIR(facts.st_mode):
                recorder.note("save_names", path=path, inode=facts.st_ino)
                return
            with io.open(path, "rb") as file:  # noqa: UP020 -- the patched one passes files that are there
                content = file.read()
            recorder.note("save", path=path, inode=facts.st_ino, size_B=len(content), content=content.hex())

    return saving
