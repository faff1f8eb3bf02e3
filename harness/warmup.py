"""The warm-up's command: kept for its duration, then ended with its whole tree by its keeper."""

from __future__ import annotations

import select
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.errors import NightwattError
from harness.events import Event, Tick, Trouble, WarmupStarted
from harness.keeping import Ending, Keeping, Kept
from harness.stop import Stop

TICK_S = 2.0
PATIENCE_S = 60.0
"""How long a keeper may take over its report beyond the grace it gives."""
STAGE = "warm-up"


def warm_up(
    command: tuple[str, ...], duration_s: float, *, env: Mapping[str, str], grace_s: float, folder: Path, stop: Stop
) -> Iterator[Event]:
    """Keep ``command`` running for ``duration_s``; its output goes to ``folder``. A stop ends it early.

    A warm-up that fails is told and the night goes on: its runs are then compared from a colder start, and the
    discarded runs, the cool-down and the judge look after that.
    """
    yield WarmupStarted(duration_s)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="nightwatt-warmup-") as scratch:
        kept = Kept(
            folder=folder,
            name="warmup",
            command=command,
            cwd=Path(scratch),
            stdout=folder / "stdout.log",
            stderr=folder / "stderr.log",
            env=env,
            timeout_s=duration_s,
            grace_s=grace_s,
            exit_file=folder / "exit.json",
        )
        try:
            keeping = Keeping(kept)
            try:
                yield from _kept(keeping, stop)
                trouble = _complaint(keeping.ending(grace_s + PATIENCE_S), duration_s, stop)
            finally:
                keeping.close()
        except (NightwattError, OSError) as error:
            trouble = str(error)
    if trouble:
        yield Trouble(f"the warm-up did not go as asked: {trouble}", remedy=f"its output is in {folder}")


def _kept(keeping: Keeping, stop: Stop) -> Iterator[Event]:
    """Wait for the keeper, with a tick now and then; pass a stop on."""
    begin_s = time.monotonic()
    asked = 0
    keeping.go()
    while not keeping.gone():
        if stop.level > asked:
            asked = stop.level
            keeping.end(at_once=asked > 1)
        ready, _, _ = select.select([keeping.child.pidfd, stop.fileno()], [], [], TICK_S)
        if stop.fileno() in ready:
            stop.acknowledge()
        if not ready:
            yield Tick("", STAGE, time.monotonic() - begin_s)


def _complaint(ending: Ending, duration_s: float, stop: Stop) -> str:
    """What went wrong, "" where nothing did: it is expected to be ended at its time."""
    if ending.why == "timed_out" or stop.level:
        return ""
    if ending.why == "not_launched":
        return f"it cannot be started ({ending.launch_error})"
    how = f"signal {ending.signal}" if ending.signal else f"exit code {ending.exit_code}"
    lasted_s = ((ending.exited_ns or 0) - (ending.launched_ns or 0)) / 1e9
    return f"it ended by itself after {lasted_s:.1f} of {duration_s:g} s, {how}"
