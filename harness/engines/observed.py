"""What a person should know of the machine, its sensors and what is left over, among the events of a night."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

from harness import folder as folders
from harness.conditions import look_at_sleep
from harness.engines.changes import AsItIs, conditions
from harness.events import Event, NightEnded, Trouble
from harness.host import differences
from harness.journal import Journal
from harness.leftovers import LINGER_S, told, wait_for_helpers
from harness.stop import Stop


def with_observations(
    events: Iterator[Event], now: AsItIs, stop: Stop, journal: Journal, *, inhibited: bool
) -> Iterator[Event]:
    """The night's events; behind the first what is to be known of the machine, before the last what changed in it."""
    yield next(events)
    for item in now.found.missing:
        yield Trouble(f"sensor {item.sensor} is missing: {item.reason}", item.remedy)
    for sleep in look_at_sleep(inhibited=inhibited):
        yield Trouble(f"sleep {sleep.value}: {sleep.effect}", sleep.command)
    for change in differences(now.opened.host.watched(), now.host.watched()):
        yield Trouble(f"{change}; the night goes on")
    yield from now.told
    yield from told(wait_for_helpers(now.opened.protocol.workload.grace_s + LINGER_S, stop))
    complained = False
    for event in events:
        if isinstance(event, NightEnded):
            yield from _changed(now)
            journal.line("Ending")  # so that a journal that fails only now is told before the end, which stays last
        if journal.trouble and not complained:
            complained = True
            yield Trouble(
                f"the journal cannot be written: {journal.trouble}", "make room; the runs do not depend on it"
            )
        yield event


def _changed(now: AsItIs) -> Iterator[Event]:
    """What of the machine has changed since the session began, into ``host.json`` too."""
    after = {item.name: item.value for item in conditions(now.found)}
    with contextlib.suppress(OSError):  # a disk that is full by now: the night itself tells that
        folders.note_conditions_after(now.opened.folder, after)
    for change in differences(now.host.watched(), dataclasses.replace(now.host, conditions=after).watched()):
        yield Trouble(f"{change}: changed while the night went on", "the report says so too")
