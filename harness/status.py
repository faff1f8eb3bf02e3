"""How a night stands, computed from its folder alone: by another process, on another terminal, or years later.

Only what is new is read again, so that watching a night costs the machine that measures next to nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.folder import planned_record, read_head
from harness.locks import held, owner
from harness.marks import current_phase
from harness.progress import Outcome, Progress
from harness.record import (
    EXIT_JSON,
    MARKS_JSONL,
    PARTIAL,
    SAMPLER,
    SAMPLES_CSV,
    STDOUT_LOG,
    InstrumentFiles,
    NightFolder,
    RunName,
    RunRecord,
    read_json,
)
from harness.view import LAST_RUNS, RECENT_RUNS, complaints, reason

TAIL_B = 1 << 15
"""How much of the end of the running samples tells the power of now."""
RECENT_S = 2.0
"""Over how long the power of now is averaged."""


@dataclass(frozen=True)
class CurrentRun:
    """The run in progress, by its partial folder."""

    run: str
    stage: str
    """cooldown (or whatever precedes the launch), workload, settle."""
    phase: str
    since_s: float | None
    """Since its sampler started; None before that, or after a reboot."""
    power_W: Mapping[str, float] = field(default_factory=dict)
    temperature_C: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SettledRun:
    """A settled run in a few words."""

    run: str
    status: str
    validity: str
    window_s: float | None
    reason: str
    complaints: tuple[str, ...] = ()


@dataclass(frozen=True)
class NightStatus:
    """How a night stands."""

    folder: str
    title: str
    rehearsal: bool
    running: bool
    """Whether a nightwatt holds the night's lock."""
    owner: str
    slots: int
    done: int
    imperfect: int
    """Slots that are settled for good without a completed, valid run."""
    left_s: float | None
    """How long the rest will take, from the recent runs; None where there are none, or nothing is left."""
    runs: Mapping[str, int]
    """Settled runs by status and validity, such as "completed, valid"."""
    retired: tuple[str, ...]
    last: tuple[SettledRun, ...]
    current: CurrentRun | None

    def to_json(self) -> dict[str, Any]:
        """This status as JSON types."""
        return asdict(self)


class Watched:
    """A night that is looked at, once or again and again."""

    def __init__(self, root: Path) -> None:
        """Read what does not change; raises NightFolderError where it is not a night."""
        self._head = read_head(root)
        self._slots = {slot.key: slot for slot in self._head.plan.slots}
        self._records: dict[str, tuple[int, RunRecord]] = {}

    def status(self) -> NightStatus:
        """How it stands now; raises NightFolderError where a run is damaged or foreign."""
        head, folder = self._head, self._head.folder
        for name, path in folder.settled().items():
            stamp_ns = path.stat().st_mtime_ns  # a record that is replaced renews its folder's time
            if self._records.get(str(name), (0, None))[0] != stamp_ns:
                self._records[str(name)] = (stamp_ns, planned_record(path, self._slots))
        records = sorted((record for _, record in self._records.values()), key=lambda item: item.started_realtime_ns)
        progress = Progress(head.plan, head.protocol.night.attempts, [Outcome.of(record) for record in records])
        left, running = len(progress.open_slots()), held(folder.lock)
        slots = sum(1 for slot in head.plan.slots if slot.block > 0)
        return NightStatus(
            folder=str(folder.root),
            title=head.plan.title,
            rehearsal=head.rehearsal,
            running=running,
            owner=str(owner(folder.lock) or "") if running else "",
            slots=slots,
            done=slots - left,
            imperfect=len(progress.imperfect()),
            left_s=_left_s(records, left),
            runs=dict(Counter(f"{record.status.value}, {record.validity.value}" for record in records)),
            retired=tuple(item.name for item in head.plan.configurations if progress.retired(item.name)),
            last=tuple(_in_short(record) for record in records[-LAST_RUNS:]),
            current=_current(folder) if running else None,
        )


def _left_s(records: list[RunRecord], left: int) -> float | None:
    """The rest's length at the mean length of the recent runs, cool-down included."""
    recent = [(record.ended_ns - record.started_ns) / 1e9 for record in records[-RECENT_RUNS:]]
    return left * sum(recent) / len(recent) if recent and left else None


def _in_short(record: RunRecord) -> SettledRun:
    return SettledRun(
        run=f"{record.slot}-a{record.attempt} {record.configuration}",
        status=record.status.value,
        validity=record.validity.value,
        window_s=record.window.duration_s if record.window else None,
        reason=reason(record),
        complaints=complaints(record),
    )


def _current(folder: NightFolder) -> CurrentRun | None:
    """The run in progress; None between two runs."""
    for path in sorted(folder.runs.glob(f"*{PARTIAL}")):
        name = RunName.parse(path.name.removesuffix(PARTIAL))
        if name is not None:
            power_W, temperature_C = recent_readings(path / SAMPLES_CSV)
            stage = "cooldown"
            if (path / STDOUT_LOG).exists():
                stage = "settle" if (path / EXIT_JSON).exists() else "workload"
            return CurrentRun(
                str(name), stage, current_phase(path / MARKS_JSONL), _since_s(path), power_W, temperature_C
            )
    return None


def _since_s(partial: Path) -> float | None:
    try:
        started_ns = int(read_json(partial / InstrumentFiles(SAMPLER).report)["started_ns"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    since_s = (time.monotonic_ns() - started_ns) / 1e9
    return since_s if since_s >= 0 else None


def recent_readings(samples: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Power (W, mean of the last 2 s) and temperature (C, the last) by domain, from the tail of a ``samples.csv``.

    A domain with a counter of energy alone gets its power from the counter's growth over the tail.
    """
    series: dict[str, list[tuple[int, float]]] = {}
    try:
        with open(samples, "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL_B))
            lines = file.read().split(b"\n")[1 if file.tell() > TAIL_B else 0 : -1]
    except OSError:
        return {}, {}
    for line in lines:
        try:
            t_ns, channel, value = line.decode().split(",")
            series.setdefault(channel, []).append((int(t_ns), float(value)))
        except ValueError:
            continue
    last_ns = max((rows[-1][0] for rows in series.values()), default=0)
    power_W: dict[str, float] = {}
    temperature_C: dict[str, float] = {}
    for channel, rows in series.items():
        domain, _, quantity = channel.rpartition("/")[2].rpartition(".")
        recent = [value for t_ns, value in rows if t_ns > last_ns - RECENT_S * 1e9]
        if quantity == "power_W" and recent:
            power_W[domain] = sum(recent) / len(recent)
        elif quantity == "energy_J" and len(rows) > 1 and rows[-1][0] > rows[0][0]:
            power_W.setdefault(domain, (rows[-1][1] - rows[0][1]) / ((rows[-1][0] - rows[0][0]) / 1e9))
        elif quantity == "temperature_C":
            temperature_C[domain] = rows[-1][1]
    return power_W, temperature_C
