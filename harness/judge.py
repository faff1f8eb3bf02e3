"""Looks at a finished run: how it ended, what is wrong with it, and whether it may enter the comparison. Pure.

Two causes, two treatments. An *outcome* is a property of the configuration (it failed, ran out of memory, gave NaN): it
is a warning and never makes a run invalid, since repeating until it looks well would be survivorship bias. A
*measurement* fault (``harness.coverage``: gaps, lost instruments, a machine that slept) can make it invalid; then it is
repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.coverage import judge_measurement
from harness.gates import Decision, too_cold, too_hot
from harness.keeping import Ending
from harness.marks import Marks
from harness.protocol_model import Cooldown
from harness.record import Cause, ClockPair, Level, RunRecord, Status, Validity, Verdict, number

CHANCE_MARGIN = 1.25
"""How many times the accuracy of guessing a trained model must reach: classes are rarely of equal size, and a model
that always names the largest of ten (11.4 % in MNIST) has learned nothing."""
CONSTANT_EPOCHS = 3
"""From how many epochs on an accuracy that never moves is no coincidence."""
SIGKILL = 9
SHELL_KILLED = 128 + SIGKILL
"""What a shell exits with when its child was killed."""

_QUOTED = 200
_OUT_OF_MEMORY = re.compile(
    r"(CUDA|HIP|XPU|MPS backend|error:|killed:?) out of memory|out of memory:? killed"
    r"|OutOfMemoryError|CUDA_ERROR_OUT_OF_MEMORY|CU(BLAS|DNN|SOLVER)\w*ALLOC_FAILED"
    r"|ResourceExhaustedError|RESOURCE_EXHAUSTED|OOM when allocating"
    r"|^(\w+\.)*_?(Array)?MemoryError\b|can't allocate memory|Cannot allocate memory|std::bad_alloc",
    re.IGNORECASE | re.MULTILINE,
)
"""What PyTorch, TensorFlow, JAX, NumPy, Python and C++ say, each in its own way."""


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
    """The instruments that never came to their end."""
    lost: str = ""
    """Why an instrument counts as lost."""
    clocks: Sequence[ClockPair] = ()
    expected_channels: tuple[str, ...] = ()
    cooldown: Cooldown | None = None
    decision: Decision | None = None
    """Of the gate that let it start."""
    temperature_target: Mapping[str, float] | None = None
    cleanup_fault: str = ""
    accuracy: str = "accuracy"
    extra: tuple[Verdict, ...] = field(default=())
    """Verdicts that were reached while it ran (a refused hook, a lost keeper)."""


def status_of(ending: Ending, stderr_tail: str) -> tuple[Status, str]:
    """How a workload that was not stopped by us ended, with one sentence for people; "" when it completed.

    Out of memory is only said with evidence: the kernel's counters, or the framework's own words.
    """
    match ending.why:
        case "timed_out":
            return Status.TIMED_OUT, "it was ended at its time limit"
        case "not_launched":
            return Status.FAILED, f"it could not be started: {ending.launch_error}"
        case "keeper_lost":
            return Status.KILLED, "its keeper was killed, and it with it"
    return (Status.COMPLETED, "") if ending.exit_code == 0 else _failure(ending, stderr_tail)


def _failure(ending: Ending, stderr_tail: str) -> tuple[Status, str]:
    how = f"signal {ending.signal}" if ending.signal is not None else f"exit code {ending.exit_code}"
    if words := _OUT_OF_MEMORY.search(stderr_tail):
        said = next(line for line in stderr_tail[words.start() :].splitlines() if line).strip()
        return Status.OUT_OF_MEMORY, f"out of memory ({how}): {said[:_QUOTED]}"
    if kills := [f"{name} +{count}" for name, count in ending.oom_kills.items() if count > 0]:
        return Status.OUT_OF_MEMORY, f"out of memory ({how}): the kernel's oom_kill counter, {', '.join(kills)}"
    if ending.signal == SIGKILL or ending.exit_code == SHELL_KILLED:
        return Status.KILLED, f"killed ({how}), out of memory not excluded"
    if ending.signal is not None:
        return Status.KILLED, f"killed by {how}"
    last = (stderr_tail.strip().splitlines() or ["it left no message"])[-1]
    return Status.FAILED, f"{how}: {last[:_QUOTED]}"


def judge(record: RunRecord, evidence: Evidence) -> tuple[Verdict, ...]:
    """Every verdict on a run whose record is complete but for its verdicts."""
    return (
        *evidence.extra,
        *_ended(record, evidence),
        *_window(record, evidence),
        *_results(record, evidence.accuracy),
        *_start(record, evidence),
        *judge_measurement(
            record,
            samples=evidence.samples,
            unfinished=evidence.unfinished,
            lost=evidence.lost,
            clocks=evidence.clocks,
            expected_channels=evidence.expected_channels,
        ),
    )


def validity_of(status: Status, verdicts: Iterable[Verdict], discarded: bool) -> Validity:
    """Whether a run may enter the comparison: only faults of the measurement make it invalid."""
    if discarded:
        return Validity.DISCARDED
    if status in (Status.LOST_INSTRUMENT, Status.REFUSED, Status.INTERRUPTED):
        return Validity.INVALID
    spoilt = any(verdict.cause is Cause.MEASUREMENT and verdict.level is Level.INVALID for verdict in verdicts)
    return Validity.INVALID if spoilt else Validity.VALID


def _ended(record: RunRecord, evidence: Evidence) -> Iterator[Verdict]:
    if record.status in (Status.FAILED, Status.TIMED_OUT, Status.OUT_OF_MEMORY, Status.KILLED):
        yield Verdict(record.status.value, Cause.OUTCOME, Level.WARNING, evidence=record.reason)
    if evidence.leftovers:
        yield Verdict(
            "leftover_processes",
            Cause.OUTCOME,
            Level.INFORMATION,
            figure=len(evidence.leftovers),
            evidence=f"it left processes behind, which were ended: {_listed(evidence.leftovers)}",
        )
    if evidence.stuck:
        yield Verdict(
            "stuck_processes",
            Cause.MEASUREMENT,
            Level.WARNING,
            figure=len(evidence.stuck),
            evidence=f"not even SIGKILL ended these, they may burden later runs: {_listed(evidence.stuck)}",
        )


def _window(record: RunRecord, evidence: Evidence) -> Iterator[Verdict]:
    marks = evidence.marks
    if record.launched_ns is not None and evidence.window_name is not None and record.window is None:
        times = sum(phase.name == evidence.window_name for phase in marks.phases)
        found = f"marked {times} times" if times else "begun, never ended" if evidence.window_name in marks.open else ""
        others = _listed([phase.name for phase in marks.phases]) or "none"
        yield Verdict(
            "no_window",
            Cause.OUTCOME,
            Level.WARNING,
            evidence=f"phase {evidence.window_name!r} is {found or f'not among the marked phases ({others})'}",
        )
    if marks.unread:
        yield Verdict(
            "unread_marks",
            Cause.OUTCOME,
            Level.WARNING,
            figure=marks.unread,
            evidence=f"first: {marks.first_complaint}",
        )


def _results(record: RunRecord, accuracy: str) -> Iterator[Verdict]:
    stretches = [("result", record.metrics), *((phase.name, phase.metrics) for phase in record.phases)]
    not_finite = [
        f"{stretch}: {name} = {value}"
        for stretch, metrics in stretches
        for name, value in metrics.items()
        if (figure := number(value)) is not None and not -1e308 <= figure <= 1e308
    ]
    if not_finite:
        yield Verdict("not_finite", Cause.OUTCOME, Level.WARNING, figure=len(not_finite), evidence=_listed(not_finite))
    figure, classes = number(record.metrics.get(accuracy)), number(record.metrics.get("classes"))
    if figure is not None and classes is not None and classes >= 2 and figure < CHANCE_MARGIN / classes:
        yield Verdict(
            "chance_level",
            Cause.OUTCOME,
            Level.WARNING,
            figure=figure,
            limit=CHANCE_MARGIN / classes,
            evidence=f"{accuracy} of {classes:g} classes is what guessing reaches",
        )
    for name in sorted({name for phase in record.phases for name in phase.metrics if "accuracy" in name}):
        series = [value for phase in record.phases if (value := number(phase.metrics.get(name))) is not None]
        if len(series) >= CONSTANT_EPOCHS and len(set(series)) == 1 and series[0] < 1:
            yield Verdict(
                "constant_accuracy",
                Cause.OUTCOME,
                Level.WARNING,
                figure=series[0],
                evidence=f"{name} is the same in all {len(series)} phases that tell it: nothing was learned",
            )


def _start(record: RunRecord, evidence: Evidence) -> Iterator[Verdict]:
    cooldown, target, decision = evidence.cooldown, evidence.temperature_target, evidence.decision
    if evidence.cleanup_fault:
        yield Verdict("cleanup", Cause.MEASUREMENT, Level.WARNING, evidence=evidence.cleanup_fault)
    if cooldown is None or cooldown.until != "temperature" or not target or decision is None:
        return
    start = record.start_temperature_C
    if decision.why == "no reading":
        absent = _listed([domain for domain in target if domain not in start])
        yield Verdict(
            "start_temperature", Cause.MEASUREMENT, Level.WARNING, evidence=f"no temperature of {absent} was read"
        )
    for domains, how in (
        (too_hot(start, target, cooldown.band_C), "hotter"),
        (too_cold(start, target, cooldown.band_C), "colder"),
    ):
        for domain in domains:
            yield Verdict(
                "start_temperature",
                Cause.MEASUREMENT,
                Level.WARNING,
                figure=start[domain],
                limit=target[domain] + (cooldown.band_C if how == "hotter" else -cooldown.band_C),
                unit="C",
                evidence=f"{domain} started {how} than in block 1 ({target[domain]:g} C)"
                + (
                    f"; the cool-down's budget of {cooldown.maximum_s:g} s was over" if decision.why == "budget" else ""
                ),
            )


def _listed(names: Sequence[str], most: int = 5) -> str:
    """The first few of them, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
