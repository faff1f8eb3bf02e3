"""What happened in one attempt -> its record, judged."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.clocks import read_clocks, thin
from harness.endings import Circumstances, hint, last_lines, status_of
from harness.gates.settings import Settings
from harness.instruments.sidecar import InstrumentEnd, Loss
from harness.judge import Evidence, judge, validity_of
from harness.keeping import Ending
from harness.marks import Marks
from harness.order import RunOrder
from harness.quick_energy import untold
from harness.record import (
    CLOCKS_CSV,
    SAMPLER,
    Channel,
    GateWait,
    InstrumentFiles,
    Phase,
    RunRecord,
    SamplerCost,
    Status,
    Verdict,
    channel_from_json,
    read_json,
)
from harness.verdicts import UNMOVED, Level


@dataclass
class Course:
    """What happened in one attempt, noted down while it goes on."""

    started_ns: int = field(default_factory=time.monotonic_ns)
    started_realtime_ns: int = field(default_factory=time.time_ns)
    stages: list[Phase] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    cut: tuple[Status, str] | None = None
    """Why this attempt did not go its way: the status that it gets, and the reason."""
    remedy: str = ""
    """What would help against that."""
    loss: Loss | None = None
    """Of an instrument, while it was watched."""
    instrument_ends: Mapping[str, InstrumentEnd] = field(default_factory=dict)
    gates: tuple[GateWait, ...] = ()
    """What the gates saw last."""
    settings: Settings = field(default_factory=dict)
    """Clocks and power limits, as the gates saw them last."""
    cleanup_fault: str = ""
    ending: Ending | None = None
    """None: the workload was never launched."""
    stderr_tail: str = ""
    stdout_tail: str = ""
    marks: Marks = field(default_factory=Marks)
    window: Phase | None = None
    samples: Mapping[str, Any] | None = None
    """The sealing's summary."""

    @contextlib.contextmanager
    def staged(self, name: str) -> Iterator[None]:
        """Note down what happens inside as one of the harness's own stretches."""
        begin_ns = time.monotonic_ns()
        yield
        self.stages.append(Phase(name, begin_ns, time.monotonic_ns()))

    @property
    def interrupted(self) -> bool:
        """Whether it was stopped; a workload that had ended by itself when the wish to stop came was not."""
        return self.cut is not None and self.cut[0] is Status.INTERRUPTED and not self._ended_by_itself

    @property
    def lost(self) -> str:
        """Why an instrument counts as lost.

        One that was well until the workload had ended by itself was not: whether its last readings cover the window
        is for the judge to see.
        """
        if self.loss is None:
            return ""
        ended_ns = self.ending.exited_ns if self.ending is not None and self._ended_by_itself else None
        return self.loss.why if ended_ns is None or self.loss.since_ns < ended_ns else ""

    @property
    def _ended_by_itself(self) -> bool:
        return self.ending is not None and self.ending.why in ("exited", "timed_out")


MOST_NAMED = 4
"""So many missing channels are named in a sentence."""


@dataclass(frozen=True)
class InstrumentReport:
    """What an instrument's own file says."""

    state: str = ""
    """ready | ended; "" where there is no file."""
    channels: tuple[Channel, ...] = ()
    cost: SamplerCost | None = None
    sensors: Mapping[str, Any] = field(default_factory=dict)
    """What each sensor says of itself; of one that is missing, the reason and the remedy."""
    unchanged: Mapping[str, Any] = field(default_factory=dict)
    """By channel, its longest time unchanged while its device was at work."""


def read_report(folder: Path, name: str = SAMPLER) -> InstrumentReport:
    """The report that an instrument left in a run folder."""
    try:
        body = read_json(folder / InstrumentFiles(name).report)
    except FileNotFoundError:
        return InstrumentReport()
    seen = body.get("refresh_seen", {})
    channels = (channel_from_json(item) for item in body.get("channels", ()))
    missing = {
        item["sensor"]: {"missing": item["reason"], "remedy": item["remedy"]} for item in body.get("missing", ())
    }
    return InstrumentReport(
        state=body.get("state", ""),
        channels=tuple(replace(channel, refresh_seen_s=seen.get(channel.name)) for channel in channels),
        cost=SamplerCost(**body["cost"]) if body.get("cost") else None,
        sensors={**missing, **body.get("sensors", {})},
        unchanged=body.get("unchanged", {}),
    )


def not_announced(order: RunOrder, folder: Path) -> str:
    """Which channels of the night's first run no instrument announces in this one, and why; "" where none is missing.

    The attempt would be invalid: told before its workload is launched, it costs no hours. Also "" where the protocol
    has made it a milder verdict.
    """
    if order.rules.verdict("channel_missing").level is not Level.INVALID:
        return ""
    reports = [read_report(folder, name) for name in (SAMPLER, *order.instruments)]
    there = {channel.name for report in reports for channel in report.channels}
    gone = [name for name in order.expected_channels if name not in there]
    if not gone:
        return ""
    more = f" and {len(gone) - MOST_NAMED} more" if len(gone) > MOST_NAMED else ""
    facts = [item for report in reports for item in report.sensors.items()]
    reasons = [f"{sensor}: {told['missing']}" for sensor, told in facts if "missing" in told]
    what = f"not there as in the night's first run: {', '.join(gone[:MOST_NAMED])}{more}"
    return f"{what} ({'; '.join(reasons)})" if reasons else what


def record_of(order: RunOrder, course: Course, folder: Path) -> RunRecord:
    """The record of an attempt that is over, with its verdicts; ``folder`` holds what its sampler left."""
    ending, clocks = course.ending or Ending("told"), read_clocks(folder / CLOCKS_CSV)
    sampler = read_report(folder)
    others = {name: read_report(folder, name) for name in order.instruments}
    channels = (*sampler.channels, *(channel for item in others.values() for channel in item.channels))
    status, reason = _status(course)
    samples = course.samples or {"rows": 0, "torn_B": 0, "channels": {}}
    record = RunRecord(
        slot=order.slot.key,
        block=order.slot.block,
        position=order.slot.position,
        replicate=order.slot.replicate,
        attempt=order.name.attempt,
        configuration=order.slot.configuration,
        levels=order.levels,
        seed=order.slot.seed,
        status=status,
        validity=validity_of(status, (), order.discarded),
        started_ns=course.started_ns,
        ended_ns=time.monotonic_ns(),
        started_realtime_ns=course.started_realtime_ns,
        exit_code=ending.exit_code,
        signal=ending.signal,
        reason=reason,
        hint=course.remedy or _hint(order, course, status),
        last_lines=last_lines(course.stderr_tail, course.stdout_tail) if status is not Status.COMPLETED else (),
        launched_ns=ending.launched_ns,
        exited_ns=ending.exited_ns,
        window=course.window,
        stages=tuple(sorted(course.stages, key=lambda stage: stage.begin_ns)),
        phases=course.marks.phases,
        metrics=course.marks.results,
        channels=channels,
        rows=samples["rows"],
        torn_B=samples["torn_B"],
        clock=thin(clocks),
        sampler=sampler.cost,
        sensors={
            **sampler.sensors,
            **{name: facts for item in others.values() for name, facts in item.sensors.items()},
        },
        instruments={
            name: {
                "state": item.state,
                "cost": asdict(item.cost) if item.cost else None,
                "exit_code": course.instrument_ends[name].exit_code if name in course.instrument_ends else None,
            }
            for name, item in others.items()
        },
        resources=ending.rusage,
        start_temperature_C=_start_temperature_C(channels, samples["channels"]) if ending.launched_ns else {},
        gap_s=_gap_s(order.previous_end_ns, ending.launched_ns),
        window_gap_s=_gap_s(order.previous_window_end_ns, course.window.begin_ns if course.window else None),
        gates=course.gates,
        settings=course.settings,
        command=order.command,
        rehearsal=order.rehearsal,
        cohort=order.cohort,
        night=order.night_id,
        node=order.node,
    )
    evidence = Evidence(
        marks=course.marks,
        window_name=order.window,
        leftovers=ending.leftovers,
        stuck=ending.stuck,
        samples=course.samples,
        unfinished=tuple(
            f"{name} {course.instrument_ends[name].fault or 'left no last report'}"
            for name, item in ((SAMPLER, sampler), *others.items())
            if item.state not in ("", "ended") and name in course.instrument_ends
        ),
        unchanged={name: facts for item in (sampler, *others.values()) for name, facts in item.unchanged.items()},
        lost=course.lost,
        clocks=clocks,
        expected_channels=order.expected_channels,
        cooldown=order.cooldown,
        temperature_target=order.temperature_target,
        cleanup_fault=course.cleanup_fault,
        # The windows of a rehearsal are short on purpose, and its energy is none.
        untold=untold(record, course.samples, order.energy, order.prefer)
        if order.compares_energy and not order.rehearsal
        else "",
        accuracy=order.accuracy,
        named_metrics=order.named_metrics,
        rules=order.rules,
        cpus=os.cpu_count(),
        extra=tuple(course.verdicts),
    )
    verdicts = judge(record, evidence)
    return replace(record, verdicts=verdicts, validity=validity_of(status, verdicts, order.discarded))


def _start_temperature_C(channels: Sequence[Channel], tallies: Mapping[str, Any]) -> dict[str, float]:
    """By domain, the last temperature that was read before the launch."""
    return {
        channel.domain: tallies[channel.name]["start"]
        for channel in channels
        if channel.quantity == "temperature_C" and tallies.get(channel.name, {}).get("start") is not None
    }


def _gap_s(end_ns: int | None, begin_ns: int | None) -> float | None:
    """From the end of what was before to the begin of this; None where one of them is not known."""
    return None if end_ns is None or begin_ns is None else (begin_ns - end_ns) / 1e9


def _hint(order: RunOrder, course: Course, status: Status) -> str:
    """What would help a workload that did not go well."""
    if course.ending is None:
        return ""
    phase = course.marks.open[-1] if course.marks.open else ""
    given = Circumstances(order.command[0], sys.executable, order.timeout_s, phase)
    return hint(status, course.ending, course.stderr_tail, given)


def _status(course: Course) -> tuple[Status, str]:
    ending = course.ending
    stands = {Status.INTERRUPTED: course.interrupted, Status.LOST_INSTRUMENT: bool(course.lost)}
    if course.cut is not None and stands.get(course.cut[0], True):
        return course.cut
    assert ending is not None
    if ending.why == "keeper_lost":
        evidence = "something killed the keeper, and with it the workload"
        course.verdicts.append(UNMOVED.verdict("keeper_lost", evidence=evidence))
    return status_of(ending, course.stderr_tail)
