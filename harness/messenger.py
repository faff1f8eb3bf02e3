"""What is told to people, and when: at the start the plan, between two runs what went wrong, at the end the answer.

Nothing is ever sent while a run goes on. Troubles are collected: at most one message each ten minutes, the rest goes
with the next one or with the end.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from harness.events import BlockSettled, Event, NightEnded, NightStarted, RunSettled, RunStarted, Trouble
from harness.folder import OpenNight
from harness.forecast import forecast
from harness.notify import notify, now_text
from harness.progress import Progress
from harness.stop import Stop
from harness.view import duration

PAUSE_S = 600.0
"""Between two messages about troubles, at least."""
MOST_TROUBLES = 20
"""So many stand in one message, the last ones; how many there were is said."""

Send = Callable[..., list[Trouble]]


class Messenger:
    """Takes in the events of a session and sends what people are to know."""

    def __init__(
        self,
        opened: OpenNight,
        progress: Progress,
        stop: Stop,
        *,
        hours: str = "",
        send: Send = notify,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """``hours``: when the session is at work, in words."""
        self.opened, self.progress, self.stop, self.hours = opened, progress, stop, hours
        self.commands = opened.protocol.night.notify
        self._send, self._monotonic_s = send, monotonic_s
        self._troubles: list[Trouble] = []
        self._untold = 0
        self._last_s = float("-inf")
        self._busy = False

    def take(self, event: Event) -> list[Trouble]:
        """Take in an event and send what is due; returns what went wrong with that."""
        if not self.commands:
            return []
        match event:
            case NightStarted():
                return self.send("start", self._begun(event), self._plan(event))
            case Trouble():
                self._troubles = [*self._troubles, event][-MOST_TROUBLES:]
                self._untold += 1
            case RunStarted() | RunSettled() | BlockSettled() | NightEnded():  # before a run nothing is measured yet
                self._busy = False
        found = self._send_troubles() if not self._busy and not isinstance(event, NightEnded) else []
        self._busy = self._busy or isinstance(event, RunStarted)
        return found

    def end(self, exit_code: int, reason: str, next_step: str, facts: Mapping[str, Any]) -> list[Trouble]:
        """Tell that the session is over; ``facts`` hold the headline where there is one."""
        if not self.commands:
            return []
        told = [reason, str(facts.get("headline") or ""), *(self._words()), f"next: {next_step}" if next_step else ""]
        body = {"exit_code": exit_code, "reason": reason, "next_step": next_step, **self._untold_troubles(), **facts}
        return self.send("end", "\n".join(filter(None, told)), body)

    def send(self, kind: str, text: str, facts: Mapping[str, Any]) -> list[Trouble]:
        """Tell one thing, with how the night stands."""
        word = "REHEARSAL: " if self.opened.rehearsal else ""
        standing = self.progress.standing()
        body = {
            "event": kind,
            "subject": f"{word}nightwatt {kind}: {self.opened.plan.title}",
            "text": f"{word}{text}",
            "night": str(self.opened.folder.root.absolute()),
            "title": self.opened.plan.title,
            "rehearsal": self.opened.rehearsal,
            "time": now_text(),
            "planned": sum(item.planned for item in standing),
            "valid": sum(item.valid for item in standing),
            "settled": sum(item.settled for item in standing),
            "configurations": [asdict(item) for item in standing],
            **facts,
        }
        return self._send(self.commands, body, cwd=self.opened.protocol_file.parent, stop=self.stop)

    def _send_troubles(self) -> list[Trouble]:
        if not self._untold or self._monotonic_s() - self._last_s < PAUSE_S:
            return []
        self._last_s = self._monotonic_s()
        text, facts = "\n".join(self._words()), self._untold_troubles()
        self._troubles, self._untold = [], 0
        return self.send("trouble", text, facts)

    def _words(self) -> list[str]:
        more = self._untold - len(self._troubles)
        lines = [f"{item.run}: {item.what}" if item.run else item.what for item in self._troubles]
        return [*([f"{more} more before these"] if more else []), *lines]

    def _untold_troubles(self) -> dict[str, Any]:
        return {"troubles": [asdict(item) for item in self._troubles], "troubles_in_all": self._untold}

    def _begun(self, event: NightStarted) -> str:
        ahead = forecast(self.opened.protocol, self.opened.plan)
        parts = [
            f"{event.title}: the night {'goes on' if event.resumed else 'begins'}, {event.slots - event.done} of"
            f" {event.slots} runs to do",
            f"of {len(self.opened.plan.configurations)} configurations in the order {self.opened.plan.order!r}",
            self.hours,
            f"at most {duration(ahead.worst_s)} in all, were every wait and every run as long as allowed",
        ]
        return f"{', '.join(filter(None, parts))}; nightwatt status {shlex.quote(str(self.opened.folder.root))}"

    def _plan(self, event: NightStarted) -> dict[str, Any]:
        plan, ahead = self.opened.plan, forecast(self.opened.protocol, self.opened.plan)
        return {
            "resumed": event.resumed,
            "order": plan.order,
            "seed": plan.seed,
            "hours": self.hours,
            "least_s": ahead.best_s,
            "most_s": ahead.worst_s,
            "cohort": self.opened.cohort,
        }
