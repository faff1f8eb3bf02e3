"""What happened in a night, in order: the records that ``night()`` yields, the journal keeps and the console draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import ExitCode
from harness.record import RunRecord


@dataclass(frozen=True)
class NightStarted:
    """The night begins or goes on."""

    folder: Path
    title: str
    slots: int
    done: int
    """Slots that are settled for good already."""
    resumed: bool
    rehearsal: bool
    valid: int = 0
    """Slots that have a completed and valid run already."""


@dataclass(frozen=True)
class WaitStarted:
    """The session waits until a moment (CLOCK_REALTIME) before it begins."""

    until_realtime_s: float
    why: str
    """The key of the protocol that asks for it."""


@dataclass(frozen=True)
class WarmupStarted:
    """The warm-up's command runs for ``duration_s``."""

    duration_s: float


@dataclass(frozen=True)
class RunStarted:
    """An attempt begins."""

    run: str
    slot: str
    attempt: int
    configuration: str
    block: int


@dataclass(frozen=True)
class StageStarted:
    """A run enters one of the harness's own stretches: prepare, cooldown, baseline, workload, settle, cleanup."""

    run: str
    stage: str
    expected_s: float | None = None


@dataclass(frozen=True)
class Tick:
    """A run goes on; at most one each 2 s."""

    run: str
    stage: str
    stage_s: float
    """Seconds since the stage began."""
    phase: str = ""
    """The workload's phase, as its last mark says."""
    power_W: Mapping[str, float] = field(default_factory=dict)
    temperature_C: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RunSettled:
    """An attempt is on disk."""

    run: str
    path: Path
    record: RunRecord
    energy_J: float | None = None
    """A quick figure for the display only, the window's mean power times its duration; the analysis decides."""


@dataclass(frozen=True)
class BlockSettled:
    """Every slot of a block is settled for good."""

    block: int


@dataclass(frozen=True)
class Trouble:
    """Something that a person must know: what, and what to do."""

    what: str
    remedy: str = ""
    run: str = ""


@dataclass(frozen=True)
class NightEnded:
    """The night is over or stopped; ``next_step`` is one line that says what to do now."""

    exit_code: ExitCode
    reason: str
    next_step: str


Event = (
    NightStarted
    | WaitStarted
    | WarmupStarted
    | RunStarted
    | StageStarted
    | Tick
    | RunSettled
    | BlockSettled
    | Trouble
    | NightEnded
)
