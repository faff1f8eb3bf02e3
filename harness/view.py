"""What the display of a night shows: the events so far boiled down, and the words for it. No clock, no terminal."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.events import (
    BlockSettled,
    Event,
    NightEnded,
    NightStarted,
    RunSettled,
    RunStarted,
    StageStarted,
    Tick,
    Trouble,
    WaitStarted,
    WarmupStarted,
)
from harness.record import Level, RunRecord, Status, Validity, Verdict

LAST_RUNS = 5
"""How many results are shown."""
RECENT_RUNS = 20
"""How many runs the finish clock is reckoned from."""
UNCOMPARED = {"no_window": "no window", "no_energy": "no energy"}
"""Verdicts that leave a completed run out of the comparison, and what the display calls them."""


@dataclass
class View:
    """What the display shows: the events so far, boiled down. No clock and no terminal in here."""

    title: str = ""
    folder: Path = Path()
    rehearsal: bool = False
    slots: int = 0
    done: int = 0
    """Slots that are settled for good."""
    valid: int = 0
    """Slots with a completed and valid run."""
    run: str = ""
    configuration: str = ""
    stage: str = ""
    stage_s: float = 0.0
    expected_s: float | None = None
    phase: str = ""
    power_W: Mapping[str, float] = field(default_factory=dict)
    temperature_C: Mapping[str, float] = field(default_factory=dict)
    last: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_RUNS))
    counts: dict[str, int] = field(default_factory=dict)
    """What did not go well, by its word: failed, invalid, refused …"""
    trouble: str = ""
    lengths_s: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT_RUNS))

    def take(self, event: Event) -> None:
        """Take in what happened."""
        match event:
            case NightStarted():
                self.title, self.folder, self.rehearsal = printable(event.title), event.folder, event.rehearsal
                self.slots, self.done, self.valid = event.slots, event.done, event.valid
            case WaitStarted():
                self.stage, self.stage_s, self.expected_s = f"waiting until {clock(event.until_realtime_s)}", 0.0, None
            case WarmupStarted():
                self.stage, self.stage_s, self.expected_s = "warm-up", 0.0, event.duration_s
            case RunStarted():
                self.run, self.configuration = event.run, printable(event.configuration)
                self.stage = self.phase = ""
            case StageStarted():
                self.stage, self.stage_s, self.expected_s, self.phase = event.stage, 0.0, event.expected_s, ""
            case Tick():
                self.stage, self.stage_s, self.phase = event.stage, event.stage_s, printable(event.phase)
                self.power_W, self.temperature_C = event.power_W, event.temperature_C
            case RunSettled():
                self.settle(event)
            case Trouble():
                self.trouble = printable(event.what)
            case NightEnded() | BlockSettled():
                self.stage = self.run = ""

    def settle(self, event: RunSettled) -> None:
        """Take in a settled run."""
        record = event.record
        self.last.append(result_line(event))
        self.run = self.stage = self.phase = ""
        if record.status is Status.INTERRUPTED:
            return
        self.lengths_s.append((record.ended_ns - record.started_ns) / 1e9)
        if record.block > 0 and record.validity is not Validity.INVALID:
            self.done += 1
            self.valid += record.status is Status.COMPLETED
        for word in complaints(record):
            self.counts[word] = self.counts.get(word, 0) + 1

    def finish_in_s(self) -> float | None:
        """How long the rest will take, from the recent runs; None before there was one."""
        if not self.lengths_s:
            return None
        return max(self.slots - self.done, 0) * sum(self.lengths_s) / len(self.lengths_s)


def now_line(view: View) -> str:
    """What is going on, in one line."""
    named = view.configuration in view.run  # a short configuration's name is part of its run's
    parts = [view.run if named or not view.run else f"{view.run} {view.configuration}"]
    limit = f" of {duration(view.expected_s)}" if view.expected_s else ""
    parts.append(f"{view.stage} {duration(view.stage_s)}{limit}" if view.stage else "")
    parts.append(view.phase)
    for domain in dict.fromkeys([*view.power_W, *view.temperature_C]):
        power = f" {view.power_W[domain]:.1f} W" if domain in view.power_W else ""
        heat = f" {view.temperature_C[domain]:.0f} °C" if domain in view.temperature_C else ""
        parts.append(f"{domain}{power}{heat}")
    return " · ".join(filter(None, parts))


def result_line(event: RunSettled) -> str:
    """A settled run in one line: name, energy, duration, and what is wrong with it, or "ok", and what was warned of."""
    record = event.record
    window_s = record.window.duration_s if record.window else None
    parts = [event.run]
    if event.energy_J is not None:
        parts.append(energy(event.energy_J))
    if window_s is not None:
        parts.append(duration(window_s))
    wrong = complaints(record)
    if not wrong:
        warned = [verdict.name.replace("_", " ") for verdict in record.verdicts if verdict.level is Level.WARNING]
        fine = "discarded" if record.validity is Validity.DISCARDED else "ok"
        wrong = (fine, f"but warned of {', '.join(dict.fromkeys(warned))}") if warned else (fine,)
    parts.append(", ".join(wrong))
    if why := reason(record):
        parts.append(printable(f"{why} → {record.hint}" if record.hint else why))
    return "  ".join(parts)


def complaints(record: RunRecord) -> tuple[str, ...]:
    """The words for what did not go well with a run."""
    words = [] if record.status is Status.COMPLETED else [record.status.value.replace("_", " ")]
    if record.validity is Validity.INVALID and record.status is not Status.INTERRUPTED:
        words.append("invalid")
    words += [UNCOMPARED[verdict.name] for verdict in _uncompared(record)]
    return tuple(words)


def reason(record: RunRecord) -> str:
    """Why a run went as it did, or why it cannot be compared; empty where there is nothing to say."""
    if record.reason:
        return record.reason
    if record.validity is Validity.INVALID:
        spoilt = [verdict for verdict in record.verdicts if verdict.level is Level.INVALID]
        return "; ".join(": ".join(filter(None, (item.name.replace("_", " "), item.evidence))) for item in spoilt)
    return "; ".join(verdict.evidence for verdict in _uncompared(record))


def _uncompared(record: RunRecord) -> list[Verdict]:
    completed = record.status is Status.COMPLETED
    return [verdict for verdict in record.verdicts if completed and verdict.name in UNCOMPARED]


def ending(event: NightEnded) -> str:
    """The night's end in two lines."""
    reason = printable(event.reason)
    return f"{reason}\n          {event.next_step}" if event.next_step else reason


def duration(length_s: float) -> str:
    """Seconds for people: 0.25 s, 42.1 s, 4:05 min, 2:03:04 h."""
    if length_s < 60:
        return f"{length_s:.2f} s" if length_s < 10 else f"{length_s:.1f} s"
    minutes, seconds = divmod(round(length_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d} h" if hours else f"{minutes}:{seconds:02d} min"


def energy(energy_J: float) -> str:
    """Joules for people, four digits: 812.4 J, 31.92 kJ."""
    return f"{energy_J:.4g} J" if abs(energy_J) < 1000 else f"{energy_J / 1000:.4g} kJ"


def printable(text: str) -> str:
    """``text`` without what could steer a terminal: what a workload says of itself is shown, not obeyed."""
    return "".join(character if character.isprintable() else "�" for character in text)


def clock(realtime_s: float, today_s: float | None = None) -> str:
    """The local time of day; with the weekday in front where it is not the day of ``today_s``."""
    then = time.localtime(realtime_s)
    if today_s is None:
        return time.strftime("%H:%M:%S", then)
    same = time.localtime(today_s).tm_yday == then.tm_yday
    return time.strftime("%H:%M" if same else "%a %H:%M", then)
