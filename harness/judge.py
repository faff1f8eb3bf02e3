"""Looks at a finished run: how it ended, what is wrong with it, and whether it may enter the comparison. Pure.

Two causes, two treatments. An *outcome* is a property of the configuration (it failed, ran out of memory, gave NaN): it
is a warning and never makes a run invalid, since repeating until it looks well would be survivorship bias. A
*measurement* fault (``harness.coverage``: gaps, lost instruments, a machine that slept) can make it invalid; then it is
repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.coverage import judge_measurement
from harness.gates.temperature import too_cold, too_hot
from harness.health import judge_results, listed
from harness.marks import Marks
from harness.protocol_model import Analysis, Cooldown
from harness.quick_energy import UNTOLD
from harness.record import Cause, ClockPair, Level, RunRecord, Status, Validity, Verdict
from harness.verdicts import UNMOVED, Rules

ENERGIES = ("energy", "net energy", "net_energy", "power", "mean power", "mean_power")
"""How an analysis calls what is made of energy."""
RESPONSES = (*ENERGIES, "duration")
"""What a protocol may compare without a workload reporting it."""


@dataclass(frozen=True)
class Evidence:
    """What the judge is shown beside the record."""

    marks: Marks = field(default_factory=Marks)
    window_name: str | None = None
    leftovers: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()
    samples: Mapping[str, Any] | None = None
    """The summary of ``harness.seal``; None when nothing was sealed."""
    unfinished: tuple[str, ...] = ()
    """Of each instrument that never came to its end, how it ended instead."""
    lost: str = ""
    """Why an instrument counts as lost."""
    unchanged: Mapping[str, Any] = field(default_factory=dict)
    """By channel, its longest time unchanged while its device was at work (``harness.instruments.credibility``)."""
    clocks: Sequence[ClockPair] = ()
    expected_channels: tuple[str, ...] = ()
    cooldown: Cooldown | None = None
    temperature_target: Mapping[str, float] | None = None
    cleanup_fault: str = ""
    accuracy: str = "accuracy"
    named_metrics: tuple[str, ...] = ()
    untold: str = ""
    """Why the readings do not tell the window's energy, where energy is what is compared."""
    rules: Rules = UNMOVED
    cpus: int | None = None
    """The machine's processors, as many as /proc/stat counts."""
    extra: tuple[Verdict, ...] = field(default=())
    """Verdicts that were reached while it ran (a refused hook, a lost keeper)."""


def judge(record: RunRecord, evidence: Evidence) -> tuple[Verdict, ...]:
    """Every verdict on a run whose record is complete but for its verdicts."""
    found = (
        *evidence.extra,
        *_ended(record, evidence),
        *_window(record, evidence),
        *judge_results(record, evidence.rules, evidence.accuracy, evidence.named_metrics),
        *_start(record, evidence),
        *judge_measurement(
            record,
            samples=evidence.samples,
            unfinished=evidence.unfinished,
            lost=evidence.lost,
            unchanged=evidence.unchanged,
            clocks=evidence.clocks,
            expected_channels=evidence.expected_channels,
            rules=evidence.rules,
            cpus=evidence.cpus,
        ),
    )
    spoilt = any(item.name in UNTOLD and item.level is Level.INVALID for item in found)
    if evidence.untold and record.status is Status.COMPLETED and not spoilt:
        found += (evidence.rules.verdict("no_energy", evidence=evidence.untold),)
    return found


def validity_of(status: Status, verdicts: Iterable[Verdict], discarded: bool) -> Validity:
    """Whether a run may enter the comparison: only faults of the measurement make it invalid."""
    if discarded:
        return Validity.DISCARDED
    if status in (Status.LOST_INSTRUMENT, Status.REFUSED, Status.INTERRUPTED):
        return Validity.INVALID
    spoilt = any(verdict.cause is Cause.MEASUREMENT and verdict.level is Level.INVALID for verdict in verdicts)
    return Validity.INVALID if spoilt else Validity.VALID


def named_metrics(analysis: Analysis) -> tuple[str, ...]:
    """The results of a workload that an analysis plan cannot do without."""
    return tuple(name for name in analysis.results if name not in RESPONSES)


def _ended(record: RunRecord, evidence: Evidence) -> Iterator[Verdict]:
    rules = evidence.rules
    if record.status in (Status.FAILED, Status.TIMED_OUT, Status.OUT_OF_MEMORY, Status.KILLED):
        yield rules.verdict(record.status.value, evidence=record.reason)
    if left := evidence.leftovers:
        words = f"it left processes behind, which were ended: {listed(left)}"
        yield rules.verdict("leftover_processes", len(left), evidence=words)
    if stuck := evidence.stuck:
        words = f"not even SIGKILL ended these, they may burden later runs: {listed(stuck)}"
        yield rules.verdict("stuck_processes", len(stuck), evidence=words)


def _window(record: RunRecord, evidence: Evidence) -> Iterator[Verdict]:
    marks, name = evidence.marks, evidence.window_name
    if record.launched_ns is not None and name is not None and record.window is None:
        times = sum(phase.name == name for phase in marks.phases)
        found = f"marked {times} times" if times else "begun, never ended" if name in marks.open else ""
        others = listed([phase.name for phase in marks.phases]) or "none"
        words = f"phase {name!r} is {found or f'not among the marked phases ({others})'}"
        yield evidence.rules.verdict("no_window", evidence=words)
    if marks.unread:
        yield evidence.rules.verdict("unread_marks", marks.unread, evidence=f"first: {marks.first_complaint}")


def _start(record: RunRecord, evidence: Evidence) -> Iterator[Verdict]:
    cooldown, target, rules = evidence.cooldown, evidence.temperature_target, evidence.rules
    if evidence.cleanup_fault:
        yield rules.verdict("cleanup", evidence=evidence.cleanup_fault)
    if cooldown is None or cooldown.until != "temperature" or not target or record.launched_ns is None:
        return
    start, band_C = record.start_temperature_C, cooldown.band_C
    if absent := [domain for domain in target if domain not in start]:
        yield rules.verdict("start_temperature", evidence=f"no temperature of {listed(absent)} was read")
    over = any(gate.name == "temperature" and gate.outcome == "over_budget" for gate in record.gates)
    budget = f"; the cool-down's budget of {cooldown.maximum_s:g} s was over" if over else ""
    for domains, how, limit_C in (
        (too_hot(start, target, band_C), "hotter", band_C),
        (too_cold(start, target, band_C), "colder", -band_C),
    ):
        for domain in domains:
            words = f"{domain} started {how} than in block 1 ({target[domain]:g} C){budget}"
            yield rules.verdict("start_temperature", start[domain], target[domain] + limit_C, words)
