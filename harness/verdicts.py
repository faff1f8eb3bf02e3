"""Every verdict that a run can get: its cause, its level unless the protocol moves it, its limit, its meaning.

Standard library only. ``harness.judge`` and ``harness.coverage`` give them; the protocol's ``[judge]`` moves them.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class Cause(enum.StrEnum):
    """Whose doing a verdict is."""

    MEASUREMENT = "measurement"
    """Instrument, clock, foreign load, machine: the run is invalid and is repeated."""
    OUTCOME = "outcome"
    """A property of the configuration: never repeated for being bad."""


class Level(enum.StrEnum):
    """What a verdict does to its run."""

    INVALID = "invalid"
    WARNING = "warning"
    INFORMATION = "information"


_MILDER = (Level.INVALID, Level.WARNING, Level.INFORMATION)


@dataclass(frozen=True)
class Verdict:
    """One thing that the judge found in a run: its name, cause and level, the figure seen and its limit, evidence."""

    name: str
    cause: Cause
    level: Level
    figure: float | None = None
    limit: float | None = None
    unit: str = ""
    evidence: str = ""


@dataclass(frozen=True)
class VerdictKind:
    """What is known of a verdict before it is given."""

    cause: Cause
    level: Level
    meaning: str
    limit: float | None = None
    """Beyond it the verdict is given; None where nothing is compared, or the limit follows from the run."""
    unit: str = ""
    own_limit: bool = False
    """Whether a protocol may give a limit although there is no fixed one to begin with."""
    fixed: bool = False
    """Decided by the run's status: the protocol cannot move it."""

    @property
    def takes_limit(self) -> bool:
        """Whether the protocol may give a limit."""
        return not self.fixed and (self.limit is not None or self.own_limit)


def _measurement(level: Level, meaning: str, limit: float | None = None, unit: str = "") -> VerdictKind:
    return VerdictKind(Cause.MEASUREMENT, level, meaning, limit, unit)


def _by_the_run(level: Level, meaning: str, unit: str) -> VerdictKind:
    """Of the measurement, with a limit that follows from the run unless the protocol gives one."""
    return VerdictKind(Cause.MEASUREMENT, level, meaning, None, unit, own_limit=True)


def _status(meaning: str) -> VerdictKind:
    return VerdictKind(Cause.MEASUREMENT, Level.INVALID, meaning, fixed=True)


def _outcome(level: Level, meaning: str, limit: float | None = None, unit: str = "") -> VerdictKind:
    return VerdictKind(Cause.OUTCOME, level, meaning, limit, unit)


KINDS: Mapping[str, VerdictKind] = {
    # the measurement: what spoils a run
    "not_covered": _by_the_run(
        Level.INVALID, "readings begin after the window or end before it; limit: two refreshes, at least 0.25 s", "s"
    ),
    "gap": _by_the_run(Level.INVALID, "longest time unread in the window; limit: ten refreshes, at least 1 s", "s"),
    "no_readings": _measurement(Level.INVALID, "a channel that was announced has no reading"),
    "channel_missing": _measurement(Level.INVALID, "a channel of the night's first run is not there"),
    "counter_fell": _measurement(Level.INVALID, "an energy counter went back: its driver was reloaded"),
    "impossible_power": _by_the_run(
        Level.INVALID,
        "mean power below zero or beyond what the device can draw (a unit error); limit: the enforced power limit"
        " x 1.2, else that of its class of device",
        "W",
    ),
    "suspended": _measurement(Level.INVALID, "the machine slept while the workload ran", 0.1, "s"),
    "foreign_processes": _measurement(
        Level.INVALID, "others' processes on a card; a warning where they were there all along", 0
    ),
    # the measurement: what is warned of
    "short_window": _measurement(Level.WARNING, "the window holds fewer refreshes of a sensor than this", 20),
    "late_ticks": _measurement(Level.WARNING, "share of an instrument's readings that came late", 0.05),
    "counter_ratio": _measurement(Level.WARNING, "energy by the counter against energy by the trace, less one", 0.01),
    "start_temperature": _measurement(
        Level.WARNING, "started outside the cool-down's band, or nobody read it", None, "C"
    ),
    "thermal_throttling": _measurement(Level.WARNING, "share of the window with clocks held down by heat", 0.01),
    "hardware_slowdown": _measurement(
        Level.WARNING, "share of the window with clocks held down by the board or its supply", 0.01
    ),
    "foreign_load": _measurement(
        Level.WARNING, "processor load that is not the run's, mean over the run and the second about it", 0.5, "cores"
    ),
    "stuck_processes": _measurement(Level.WARNING, "processes that not even SIGKILL ended"),
    "cleanup": _measurement(Level.WARNING, "the cleanup hook failed"),
    "frozen": _by_the_run(
        Level.WARNING,
        "a power or an energy that did not change while its device was at work; limit: 10 s, or 20 refreshes if longer",
        "s",
    ),
    "instrument_unfinished": _measurement(Level.WARNING, "an instrument did not come to its end in order"),
    "unread_samples": _measurement(Level.WARNING, "lines of the samples that are no readings"),
    "not_finite_readings": _measurement(Level.WARNING, "readings that are no numbers"),
    "torn_samples": _measurement(Level.INFORMATION, "bytes cut after the last whole line of the samples", None, "B"),
    "clock_step": _measurement(Level.INFORMATION, "step of the wall clock; readings are not on it", 0.005, "s"),
    # the measurement: what the run's status says
    "prepare": _status("the prepare hook failed"),
    "refused": _status("a gate ran out of its budget"),
    "lost_instrument": _status("an instrument was lost while the workload ran"),
    "keeper_lost": _status("the workload's keeper was killed, and the workload with it"),
    "superseded": _status("its block was begun anew"),
    # the outcome
    "failed": _outcome(Level.WARNING, "the workload ended with an exit code"),
    "timed_out": _outcome(Level.WARNING, "the workload was ended at its time limit"),
    "out_of_memory": _outcome(Level.WARNING, "the workload was ended for want of memory, with evidence"),
    "killed": _outcome(Level.WARNING, "the workload was ended by a signal that was not ours"),
    "no_window": _outcome(Level.WARNING, "the window was not marked, or more than once"),
    "no_energy": _outcome(
        Level.WARNING, "the readings do not tell the energy of so short a window, where energy is what is compared"
    ),
    "unread_marks": _outcome(Level.WARNING, "lines of the marks that are no marks"),
    "not_finite": _outcome(Level.WARNING, "results or losses that are no finite numbers"),
    "exploding_loss": _outcome(Level.WARNING, "a loss ends at so many times its first value", 10),
    "chance_level": _outcome(Level.WARNING, "an accuracy below so many times that of guessing", 1.25),
    "constant_accuracy": _outcome(Level.WARNING, "an accuracy that is the same in all epochs, from so many on", 3),
    "late_decline": _outcome(
        Level.WARNING, "share of the best epoch's accuracy that was lost by the last one, of three or more", 0.1
    ),
    "metric_missing": _outcome(Level.WARNING, "a result that the analysis names was not reported"),
    "leftover_processes": _outcome(Level.INFORMATION, "the workload left processes behind, which were ended"),
    "power_cap": _outcome(Level.INFORMATION, "share of the window with clocks held down by the power limit", 0.01),
}
"""Every verdict by its name."""


class Moved(Protocol):
    """What a protocol says of one verdict; None: as it is."""

    @property
    def level(self) -> str | None:
        """Its level."""

    @property
    def limit(self) -> float | None:
        """Its limit, in the verdict's unit."""


@dataclass(frozen=True)
class Rules:
    """The verdicts with what the protocol moved."""

    moved: Mapping[str, Moved] = field(default_factory=dict)

    def limit(self, name: str, otherwise: float | None = None) -> float:
        """The protocol's limit, else the verdict's own, else the one that follows from the run."""
        moved = self.moved.get(name)
        found = moved.limit if moved is not None and moved.limit is not None else KINDS[name].limit
        found = otherwise if found is None else found
        assert found is not None
        return found

    def verdict(
        self,
        name: str,
        figure: float | None = None,
        limit: float | None = None,
        evidence: str = "",
        *,
        level: Level | None = None,
    ) -> Verdict:
        """The verdict ``name`` at the level that it has in this night.

        ``level``: a milder one that this case has by itself; a protocol makes it milder still, never graver.
        """
        kind = KINDS[name]
        moved = self.moved.get(name)
        asked = Level(moved.level) if moved is not None and moved.level is not None else kind.level
        if level is not None:
            asked = max(level, asked, key=_MILDER.index)
        return Verdict(name, kind.cause, asked, figure, limit, kind.unit, evidence)


UNMOVED = Rules()
"""The verdicts as they are where a protocol moves none."""
