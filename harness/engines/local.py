"""Executes nights on this machine: locks, probe, the host's identity, journal, signals; the walk is ``harness.night``.

::

    begin_night   signals | probe | claim GPUs, machine | make the folder | lock the night ---+
    resume_night  signals | lock the night | read the folder | as it is now | claim them --> the night's events
                                                                                             -> journal, show
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from harness import folder as folders
from harness.engines.changes import AsItIs, as_it_is_now, conditions
from harness.engines.claims import claimed
from harness.engines.observed import with_observations
from harness.errors import ExitCode, NightwattError
from harness.events import Event, NightEnded, Trouble
from harness.folder import OpenNight
from harness.host import snapshot
from harness.inhibitor import awake
from harness.journal import Journal, journal_path
from harness.leftovers import marked
from harness.locks import locked
from harness.messenger import Messenger
from harness.night import night, progress_of
from harness.plan import Plan
from harness.probe import probe, require
from harness.protocol_model import Protocol
from harness.record import NightFolder
from harness.shift import Clock, Shift, zoned
from harness.signals import Heard, listening
from harness.status_page import StatusPage
from harness.stop import Stop


@dataclass(frozen=True)
class Order:
    """A night that is to be begun."""

    protocol_file: Path
    protocol: Protocol
    plan: Plan
    out: Path
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    rehearsal: bool = False


@dataclass(frozen=True)
class Watcher:
    """Who is told what happens: each event, and that the terminal is going."""

    show: Callable[[Event], None]
    move_to_log: Callable[[], None]


@dataclass(frozen=True)
class Ended:
    """How a session ended, and where its night lies."""

    folder: NightFolder
    exit_code: ExitCode
    event: NightEnded
    messenger: Messenger
    """Who is to be told of the end, once there is an answer."""


def begin_night(order: Order, watcher: Watcher) -> Ended:
    """Begin a night and execute it; a refusal (exit code 3) leaves no folder behind."""
    with _hearing() as heard:
        order = dataclasses.replace(order, protocol=zoned(order.protocol, time.time()))
        found = probe(order.protocol)
        require(order.protocol, found)
        sources = folders.script_sources(order.protocol, order.plan, order.protocol_file)
        scripts = {item.copied_as: item.path for item in sources}
        host = snapshot(sources=scripts, cards=found.cards, conditions=conditions(found))
        with claimed(found, order.protocol, order.protocol_file.stem):
            folder = folders.begin(
                order.protocol_file, order.protocol, order.plan, host,
                out=order.out, sources=sources, overrides=order.overrides, rehearsal=order.rehearsal,
            )  # fmt: skip
            with locked(folder.lock, folder.root.name, what="this night"):
                return _session(AsItIs(folders.read(folder.root), host, found), heard, watcher, resumed=False)


def resume_night(root: Path, watcher: Watcher, *, accept_change: bool = False, at_once: bool = False) -> Ended:
    """Execute what is left of the night in ``root``.

    Raises NightFolderError for a folder that is not as it should be, and RefusedError where the protocol, the machine,
    its driver, packages or the workload's scripts are no longer those with which the night was left, unless the change
    is accepted: the runs from then on are a cohort of their own. ``at_once``: night.starts_at is passed over.
    """
    folder = NightFolder(root)
    folders.refuse_unless_night(folder)
    with _hearing() as heard, locked(folder.lock, root.name, what="this night"):
        now = as_it_is_now(folders.read(root), accept_change=accept_change)
        if at_once:
            now = dataclasses.replace(now, opened=_at_once(now.opened))
        with claimed(now.found, now.opened.protocol, root.name):
            return _session(now, heard, watcher, resumed=True)


def _at_once(opened: OpenNight) -> OpenNight:
    """The night for one session that waits for nothing; what is on disk stays as it is."""
    night = opened.protocol.night.model_copy(update={"starts_at": None})
    return dataclasses.replace(opened, protocol=opened.protocol.model_copy(update={"night": night}))


@contextlib.contextmanager
def _hearing() -> Iterator[Heard]:
    """A stop that listens to signals."""
    with contextlib.closing(Stop()) as stop, listening(stop) as heard:
        yield heard


def _session(now: AsItIs, heard: Heard, watcher: Watcher, *, resumed: bool) -> Ended:
    """Execute the night's events into the journal and to all who watch."""
    opened, host, found = now.opened, now.host, now.found
    root = opened.folder.root
    progress = progress_of(opened)
    clock = Clock()
    messenger = Messenger(opened, progress, heard.stop, hours=str(Shift(opened.protocol.night, clock)))
    page = StatusPage(opened, progress)
    last = NightEnded(ExitCode.INTERNAL, "it did not end", f"nightwatt resume {quote(str(root))}")
    path = journal_path(opened.folder.journal, host.id, time.time_ns())
    with Journal(path) as journal, marked(root), awake(f"measuring {root.name}") as inhibited:
        journal.line(
            "Session", host=host.to_json(), sleep_inhibited=inhibited, cohort=opened.cohort,
            channels=[channel.name for channel in found.channels],
            missing=[dataclasses.asdict(item) for item in found.missing],
        )  # fmt: skip

        def take(event: Event) -> list[Trouble]:
            journal.event(event)
            if heard.hang_up:
                heard.hang_up = False
                watcher.move_to_log()
            watcher.show(event)
            page.take(event)
            return messenger.take(event)

        try:
            events = night(opened, heard.stop, resumed=resumed, progress=progress, clock=clock)
            for event in with_observations(events, now, heard.stop, journal, inhibited=inhibited):
                if isinstance(event, NightEnded):
                    code = heard.exit_code if event.exit_code is ExitCode.INTERRUPTED else event.exit_code
                    event = last = dataclasses.replace(event, exit_code=code)  # noqa: PLW2901 -- the event, completed
                for trouble in take(event):
                    take(trouble)
        except NightwattError as error:
            journal.line("Error", what=str(error))
            messenger.end(error.exit_code, f"it could not go on: {error.what}", last.next_step, {})
            raise
        except Exception as error:  # a defect; the command line puts its traceback into the night's journal
            error.night = root  # type: ignore[attr-defined]  # where that journal is
            journal.line("Defect", what=repr(error))
            failed = Trouble("nightwatt has failed; nothing that is settled is lost", last.next_step)
            watcher.show(failed)
            messenger.end(ExitCode.INTERNAL, failed.what, last.next_step, {})
            raise
    return Ended(opened.folder, last.exit_code, last, messenger)
