"""Executes nights on this machine: locks, probe, the host's identity, journal, signals; the walk is ``harness.night``.

::

    begin_night   signals | probe | lock the GPUs | make the folder | lock the night ---+
    resume_night  signals | lock the night | read the folder | probe | lock the GPUs ---+--> the night's events
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
from harness.conditions import Condition, look, look_at_sleep
from harness.errors import ExitCode, NightwattError, RefusedError
from harness.events import Event, NightEnded, Trouble
from harness.folder import OpenNight
from harness.host import Host, differences, snapshot
from harness.inhibitor import awake
from harness.journal import Journal, journal_path
from harness.locks import locked, locked_devices
from harness.night import night
from harness.plan import Plan
from harness.probe import Probe, probe, require
from harness.protocol_model import Protocol
from harness.record import NightFolder
from harness.signals import Heard, listening
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


def begin_night(order: Order, watcher: Watcher) -> Ended:
    """Begin a night and execute it; a refusal (exit code 3) leaves no folder behind."""
    with _hearing() as heard:
        found = probe(order.protocol)
        require(order.protocol, found)
        sources = folders.script_sources(order.protocol, order.plan, order.protocol_file)
        scripts = {item.copied_as: item.path for item in sources}
        host = snapshot(sources=scripts, cards=found.cards, conditions=_conditions(found))
        with locked_devices(found.devices, order.protocol_file.stem):
            folder = folders.begin(
                order.protocol_file, order.protocol, order.plan, host,
                out=order.out, sources=sources, overrides=order.overrides, rehearsal=order.rehearsal,
            )  # fmt: skip
            with locked(folder.lock, folder.root.name, what="this night"):
                return _session(folders.read(folder.root), host, found, heard, watcher, resumed=False)


def resume_night(root: Path, watcher: Watcher) -> Ended:
    """Execute what is left of the night in ``root``.

    Raises NightFolderError for a folder that is not as it should be, and RefusedError where the machine, its driver,
    packages or the workload's scripts are no longer those with which the night began.
    """
    folder = NightFolder(root)
    folders.refuse_unless_night(folder)
    with _hearing() as heard, locked(folder.lock, root.name, what="this night"):
        opened = folders.read(root)
        found = probe(opened.protocol)
        require(opened.protocol, found)
        host = snapshot(sources=opened.sources, cards=found.cards, conditions=_conditions(found))
        changes = differences(opened.host.identity(), host.identity())
        if changes:
            raise RefusedError(
                "this is not the machine, software or workload with which the night began:\n"
                + "\n".join(f"    {change}" for change in changes),
                where=str(root),
                remedy="put it back as it was and resume, or begin a new night: runs on both sides of a change"
                " cannot be compared",
            )
        with locked_devices(found.devices, root.name):
            return _session(opened, host, found, heard, watcher, resumed=True)


@contextlib.contextmanager
def _hearing() -> Iterator[Heard]:
    """A stop that listens to signals."""
    with contextlib.closing(Stop()) as stop, listening(stop) as heard:
        yield heard


def _session(opened: OpenNight, host: Host, found: Probe, heard: Heard, watcher: Watcher, *, resumed: bool) -> Ended:
    """Execute the night's events into the journal and to the watcher."""
    root = opened.folder.root
    path = journal_path(opened.folder.journal, host.id, time.time_ns())
    exit_code = ExitCode.INTERNAL
    with Journal(path) as journal, awake(f"measuring {root.name}") as inhibited:
        journal.line(
            "Session", host=host.to_json(), sleep_inhibited=inhibited,
            channels=[channel.name for channel in found.channels],
            missing=[dataclasses.asdict(item) for item in found.missing],
        )  # fmt: skip
        try:
            for event in _events(opened, host, found, heard.stop, resumed=resumed, inhibited=inhibited):
                if isinstance(event, NightEnded):
                    code = heard.exit_code if event.exit_code is ExitCode.INTERRUPTED else event.exit_code
                    event = dataclasses.replace(event, exit_code=code)  # noqa: PLW2901 -- the event, completed
                    exit_code = code
                journal.event(event)
                if heard.hang_up:
                    heard.hang_up = False
                    watcher.move_to_log()
                watcher.show(event)
        except NightwattError as error:
            journal.line("Error", what=str(error))
            raise
        except Exception as error:  # a defect; the command line puts its traceback into the night's journal
            error.night = root  # type: ignore[attr-defined]  # where that journal is
            journal.line("Defect", what=repr(error))
            watcher.show(
                Trouble("nightwatt has failed; nothing that is settled is lost", f"nightwatt resume {quote(str(root))}")
            )
            raise
    return Ended(opened.folder, exit_code)


def _events(
    opened: OpenNight, host: Host, found: Probe, stop: Stop, *, resumed: bool, inhibited: bool
) -> Iterator[Event]:
    """The night's events; behind the first, what a person should know of sensors and machine."""
    events = night(opened, stop, resumed=resumed)
    yield next(events)
    for item in found.missing:
        yield Trouble(f"sensor {item.sensor} is missing: {item.reason}", item.remedy)
    for sleep in look_at_sleep(inhibited=inhibited):
        yield Trouble(f"sleep {sleep.value}: {sleep.effect}", sleep.command)
    for change in differences(opened.host.watched(), host.watched()):
        yield Trouble(f"{change}; the night goes on")
    for event in events:
        if isinstance(event, NightEnded):
            yield from _changed(opened, host, found)
        yield event


def _conditions(found: Probe) -> tuple[Condition, ...]:
    """What of the machine shapes a measurement now."""
    return look(found.facts.get("nvml", {}).get("devices", ()))


def _changed(opened: OpenNight, host: Host, found: Probe) -> Iterator[Event]:
    """What of the machine has changed since the session began, into ``host.json`` too."""
    after = _conditions(found)
    with contextlib.suppress(OSError):  # a disk that is full by now: the night itself tells that
        folders.note_conditions_after(opened.folder, {item.name: item.value for item in after})
    now = dataclasses.replace(host, conditions={item.name: item.value for item in after})
    for change in differences(host.watched(), now.watched()):
        yield Trouble(f"{change}: changed while the night went on", "the report says so too")
