"""How a night stands, computed from its folder alone: by another process, on another terminal, or years later.

Only what is new is read again, so that watching a night costs the machine that measures next to nothing.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.child import tail_of
from harness.folder import OpenNight, planned_record, read_head
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
from harness.run_folder import Unrecorded, unrecorded
from harness.standings import Rejected, Standing
from harness.view import LAST_RUNS, RECENT_RUNS, clock, complaints, reason

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
    """Slots that are settled for good."""
    valid: int
    """Slots with a completed and valid run."""
    imperfect: int
    """Slots that are settled for good without a completed, valid run."""
    left_s: float | None
    """How long the rest will take, from the recent runs; None where there are none, or nothing is left."""
    runs: Mapping[str, int]
    """Settled runs by status and validity, such as "completed, valid"."""
    configurations: tuple[Standing, ...]
    rejected: tuple[Rejected, ...]
    """The attempts that cannot be compared, and why."""
    last: tuple[SettledRun, ...]
    current: CurrentRun | None
    temperature_C: Mapping[str, float]
    """By domain, what was read last: now, or at the last launch."""
    waiting: str = ""
    """What the session waits for before it begins; empty while it does not."""
    unrecorded: tuple[Unrecorded, ...] = ()
    """The attempts that were set aside without a record: cut short, or not to be sealed."""

    def to_json(self) -> dict[str, Any]:
        """This status as JSON types."""
        return asdict(self)


class Watched:
    """A night that is looked at, once or again and again."""

    def __init__(self, root: Path) -> None:
        """Read what does not change; raises NightFolderError where it is not a night."""
        self._head = read_head(root)
        self._slots = {slot.key: slot for slot in self._head.plan.slots}
        self._seen: dict[str, tuple[int, Outcome, SettledRun]] = {}
        self.unsettled: tuple[int, ...] = ()
        """The blocks that had open slots at the last look."""

    def status(self) -> NightStatus:
        """How it stands now; raises NightFolderError where a run is damaged or foreign."""
        head, folder = self._head, self._head.folder
        for name, path in folder.settled().items():
            stamp_ns = path.stat().st_mtime_ns  # a record that is replaced renews its folder's time
            if self._seen.get(str(name), (0,))[0] != stamp_ns:
                record = planned_record(path, self._slots, head.id)
                self._seen[str(name)] = (stamp_ns, Outcome.of(record), in_short(record))
        seen = sorted(self._seen.values(), key=lambda item: item[1].started_realtime_ns)
        progress = Progress(head.plan, head.protocol.night.attempts, [outcome for _, outcome, _ in seen])
        self.unsettled = tuple(block for block in progress.blocks if progress.open(block))
        running = held(folder.lock)
        return status_of(
            head,
            progress,
            runs=Counter(f"{outcome.status.value}, {outcome.validity.value}" for _, outcome, _ in seen),
            lengths_s=[outcome.length_s for _, outcome, _ in seen[-RECENT_RUNS:]],
            last=[short for _, _, short in seen[-LAST_RUNS:]],
            owner=str(owner(folder.lock) or "") if running else "",
            running=running,
            current=_current(folder) if running else None,
            start_temperature_C=seen[-1][1].start_temperature_C if seen else {},
            waiting=_waiting(folder) if running else "",
            without_record=unrecorded(folder.runs),
        )


def status_of(
    head: OpenNight,
    progress: Progress,
    *,
    runs: Mapping[str, int],
    lengths_s: Sequence[float],
    last: Iterable[SettledRun],
    running: bool,
    owner: str = "",
    current: CurrentRun | None = None,
    start_temperature_C: Mapping[str, float] | None = None,
    waiting: str = "",
    without_record: Sequence[Unrecorded] = (),
) -> NightStatus:
    """How a night stands, put together; ``lengths_s`` are those of the recent runs, from which the rest is reckoned."""
    standing = progress.standing()
    slots, done = sum(item.planned for item in standing), sum(item.settled for item in standing)
    left = slots - done
    return NightStatus(
        folder=str(head.folder.root),
        title=head.plan.title,
        rehearsal=head.rehearsal,
        running=running,
        owner=owner,
        slots=slots,
        done=done,
        valid=sum(item.valid for item in standing),
        imperfect=done - sum(item.valid for item in standing),
        left_s=left * sum(lengths_s) / len(lengths_s) if lengths_s and left else None,
        runs=dict(runs),
        configurations=standing,
        rejected=progress.rejected(),
        last=tuple(last),
        current=current,
        temperature_C=(current.temperature_C if current else {}) or start_temperature_C or {},
        waiting=waiting,
        unrecorded=tuple(without_record),
    )


def in_short(record: RunRecord) -> SettledRun:
    """A record in a few words."""
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


def _waiting(folder: NightFolder) -> str:
    """What a session that has begun no run yet waits for: the last line of the newest journal says so."""
    for path in sorted(folder.journal.glob("*.jsonl"), key=lambda item: item.stat().st_mtime_ns)[-1:]:
        try:
            body = json.loads(tail_of(path, lines=1))
            if body["event"] == "WaitStarted":
                return f"until {clock(body['until_realtime_s'], time.time())} ({body['why']})"
        except (ValueError, KeyError, TypeError):
            return ""
    return ""


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
