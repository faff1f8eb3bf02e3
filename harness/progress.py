"""What is done and what is left of a night: pure bookkeeping over the plan and its settled runs; no clock, no files.

Read once from the folder, then kept in memory: each settled run costs the same, however many there are.

A slot is settled for good when it has a run that counts and is not invalid, when its attempts are used up, or when
its configuration is retired. What counts: neither interrupted (not an attempt) nor superseded (its block was begun
anew). An outcome fault (the workload failed, timed out, ran out of memory, was killed) is a property of the
configuration and settles its slot; only an invalid run is repeated, at the end of its block.
"""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.plan import Plan, Slot
from harness.record import RunRecord, Status, Validity
from harness.standings import Rejected, Standing, Tally
from harness.view import complaints, reason

BLOCKLESS = ("shuffle", "listed")
"""Orders whose slots are all called block 1: nothing of theirs is ever begun anew."""
RunKey = tuple[str, int]
"""A slot's key and an attempt's number."""
RECENT = 20
"""From how many of a configuration's last runs the length of the next is reckoned."""
_FAULTS = (Status.FAILED, Status.TIMED_OUT, Status.OUT_OF_MEMORY, Status.KILLED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What of a settled run decides how the night goes on."""

    slot: str
    block: int
    position: int
    replicate: int
    attempt: int
    configuration: str
    status: Status
    validity: Validity
    started_realtime_ns: int
    ended_realtime_ns: int
    cohort: int = 1
    start_temperature_C: Mapping[str, float] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Clocks and power limits before its launch."""
    no_window: str = ""
    """Why its window is not known, of a workload that completed."""
    wrong: tuple[str, ...] = ()
    """The words for what did not go well with it; empty for a run that can be compared."""
    reason: str = ""
    node: str = ""

    @classmethod
    def of(cls, record: RunRecord) -> Outcome:
        """The essentials of a record."""
        return cls(
            slot=record.slot,
            block=record.block,
            position=record.position,
            replicate=record.replicate,
            attempt=record.attempt,
            configuration=record.configuration,
            status=record.status,
            validity=record.validity,
            started_realtime_ns=record.started_realtime_ns,
            ended_realtime_ns=record.started_realtime_ns + record.ended_ns - record.started_ns,
            cohort=record.cohort,
            start_temperature_C=record.start_temperature_C,
            channels=tuple(channel.name for channel in record.channels),
            settings=record.settings,
            no_window=next((verdict.evidence for verdict in record.verdicts if verdict.name == "no_window"), ""),
            wrong=complaints(record),
            reason=reason(record) if complaints(record) else "",
            node=sys.intern(record.node),
        )

    @property
    def counts(self) -> bool:
        """Whether it is an attempt of its slot."""
        return self.status is not Status.INTERRUPTED and self.validity is not Validity.SUPERSEDED

    @property
    def good(self) -> bool:
        """Whether it completed and its measurement is sound."""
        return self.status is Status.COMPLETED and self.validity is not Validity.INVALID

    @property
    def fault(self) -> Status | None:
        """The outcome fault of a run that the measurement did not spoil; None where it has none."""
        return self.status if self.validity is not Validity.INVALID and self.status in _FAULTS else None

    @property
    def length_s(self) -> float:
        """How long the attempt took, waits included."""
        return (self.ended_realtime_ns - self.started_realtime_ns) / 1e9


class Progress:
    """A plan and what has become of its slots."""

    def __init__(
        self,
        plan: Plan,
        attempts: int,
        outcomes: Iterable[Outcome] = (),
        used: Iterable[RunKey] = (),
        cohort: int = 1,
    ) -> None:
        """``attempts``: how often an invalid slot is executed; ``used``: (slot, attempt) of every folder there is.

        ``cohort``: the one to which the runs of this session belong.
        """
        self.plan = plan
        self.attempts = attempts
        self.cohort = cohort
        self.blocks = tuple(sorted({slot.block for slot in plan.slots if slot.block > 0}))
        self.failures_in_a_row = 0
        """Runs of this session, one after another, that a person would not expect to fail."""
        self.expected_channels: tuple[str, ...] = ()
        """The channels of the cohort's first run that recorded any."""
        self._of_block: dict[int, list[Slot]] = defaultdict(list)
        for slot in plan.slots:
            self._of_block[slot.block].append(slot)
        self._slots = {sys.intern(slot.key): slot for slot in plan.slots}
        self._counted: dict[str, tuple[Outcome, ...]] = {}
        self._last_attempt: dict[str, int] = defaultdict(int)
        self._lost: dict[str, int] = defaultdict(int)
        self._faults: dict[str, dict[int, Status]] = defaultdict(dict)
        self._succeeded: set[str] = set()
        self._settled: set[str] = set()
        self._first_settings: dict[str, Mapping[str, Any]] = {}
        self._windowless: str | None = None
        self._reference: frozenset[str] = frozenset()
        self._lengths_s: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=RECENT))
        self._tally = Tally(slot.configuration for slot in plan.slots if slot.block > 0)
        for slot_key, attempt in used:
            self.use(slot_key, attempt)
        for outcome in sorted(outcomes, key=lambda item: item.started_realtime_ns):
            self.settle(outcome)
        self.failures_in_a_row = 0

    def use(self, slot: str, attempt: int) -> None:
        """Take note that this attempt's folder name is taken."""
        key = sys.intern(slot)
        self._last_attempt[key] = max(self._last_attempt[key], attempt)

    def settle(self, outcome: Outcome) -> None:
        """Take note of a settled run."""
        slot = self._slots[outcome.slot]
        self.use(slot.key, outcome.attempt)
        if not outcome.counts:
            return
        if outcome.cohort == self.cohort:
            self.expected_channels = self.expected_channels or outcome.channels
            if outcome.settings and outcome.status is not Status.REFUSED:
                self._first_settings.setdefault(slot.configuration, outcome.settings)
            if slot.block > 0 and not self._reference:
                self._reference = self._row_of(slot)
        counted = self._counted.get(slot.key, ())
        if slot.block > 0:
            self._tally.note(_rejected(outcome) if outcome.wrong else None, slot.configuration)
            self._tally.good(slot.configuration, outcome.good - (counted[-1].good if counted else False))
        self._counted[sys.intern(slot.key)] = (*counted, self._slim(outcome, slot))
        self._lengths_s[slot.configuration].append(outcome.length_s)
        if outcome.status is Status.COMPLETED:
            self._succeeded.add(slot.configuration)
            self.failures_in_a_row = 0
        elif outcome.validity is Validity.INVALID or slot.configuration in self._succeeded:
            self.failures_in_a_row += 1
        if slot.block > 0 and outcome.fault is not None:
            self._faults[slot.configuration].setdefault(slot.replicate, outcome.fault)
        self._look_at(slot)

    def lose(self, slot: Slot) -> None:
        """Take note that an attempt could not be carried out and left no record; it counts in this session."""
        self._lost[slot.key] += 1
        self.failures_in_a_row += 1
        self._look_at(slot)

    def supersede(self, block: int) -> None:
        """Forget the runs of a block: its slots are open again."""
        for slot in self._of_block[block]:
            counted = self._counted.pop(slot.key, ())
            for outcome in counted:
                self._tally.forget(outcome.slot, outcome.attempt, slot.configuration)
            if counted:
                self._tally.good(slot.configuration, -int(counted[-1].good))
            self._lost.pop(slot.key, None)
            self._faults[slot.configuration].pop(slot.replicate, None)
            if slot.key in self._settled:
                self._settled.discard(slot.key)
                self._tally.settled(slot.configuration, -1)
            if slot.key in self._reference:
                self._reference = frozenset()
        self._windowless = None

    def next_attempt(self, slot: Slot) -> int:
        """The number of the slot's next attempt; greater than that of any folder of its."""
        return self._last_attempt[slot.key] + 1

    def last(self, slot: Slot) -> Outcome | None:
        """The attempt that speaks for a slot: its last one that counts."""
        counted = self._counted.get(slot.key)
        return counted[-1] if counted else None

    def counted(self, block: int) -> list[Outcome]:
        """The attempts of a block that count, in the order of its slots."""
        return [item for slot in self._of_block[block] for item in self._counted.get(slot.key, ())]

    def retired(self, configuration: str) -> Status | None:
        """The outcome fault for which a configuration is no longer executed: the same one in its first two runs."""
        faults = self._faults.get(configuration, {})
        first = faults.get(1)
        return first if first is not None and faults.get(2) is first else None

    def settled(self, slot: Slot) -> bool:
        """Whether a slot is settled for good."""
        return slot.key in self._settled or self.retired(slot.configuration) is not None

    def slots(self, block: int) -> Sequence[Slot]:
        """The slots of a block in the plan's order."""
        return self._of_block[block]

    def open(self, block: int) -> list[Slot]:
        """The slots of a block that are not settled for good, in the plan's order."""
        return [slot for slot in self._of_block[block] if not self.settled(slot)]

    def open_slots(self) -> list[Slot]:
        """All open slots of the blocks, in the plan's order; the warm-up's runs are not among them."""
        return [slot for block in self.blocks for slot in self.open(block)]

    def imperfect(self) -> list[Slot]:
        """The settled slots without a completed, valid run: failed, invalid, or of a retired configuration."""
        slots = (slot for block in self.blocks for slot in self._of_block[block])
        return [slot for slot in slots if self.settled(slot) and not ((last := self.last(slot)) and last.good)]

    def given_up(self) -> list[Slot]:
        """The slots whose attempts of this session left no record at all; the next session has them open again."""
        return [slot for slot in self.imperfect() if self.last(slot) is None and not self.retired(slot.configuration)]

    def standing(self) -> tuple[Standing, ...]:
        """How each configuration stands, in the plan's order."""
        return self._tally.standing({item.name: self.retired(item.name) for item in self.plan.configurations})

    def rejected(self) -> tuple[Rejected, ...]:
        """The attempts that count and that went wrong, in the order in which they were settled."""
        return self._tally.rejected()

    def last_end_realtime_ns(self, block: int) -> int | None:
        """When the last run of a begun and still open block ended; None where there is no such run."""
        counted = self.counted(block)
        if self.blockless or not counted or not self.open(block):
            return None
        return max(item.ended_realtime_ns for item in counted)

    @property
    def blockless(self) -> bool:
        """Whether all slots are one long row that is never begun anew, and may be left after any run."""
        return self.plan.order in BLOCKLESS

    def spans_cohorts(self, block: int) -> bool:
        """Whether a begun and still open block holds runs of another cohort: within a block all must be alike."""
        return (
            not self.blockless
            and any(item.cohort != self.cohort for item in self.counted(block))
            and bool(self.open(block))
        )

    def forecast_s(self, slots: Iterable[Slot], least_s: float = 0.0) -> float:
        """How long these slots will take: each the median of its configuration's recent runs, waits included.

        A configuration that has none yet takes the median of all; before the first run, ``least_s``.
        """
        every = [length_s for lengths_s in self._lengths_s.values() for length_s in lengths_s]
        usual_s = statistics.median(every) if every else least_s
        each_s = {name: statistics.median(lengths_s) for name, lengths_s in self._lengths_s.items() if lengths_s}
        return sum(each_s.get(slot.configuration, usual_s) for slot in slots)

    def temperature_target_C(self, slot: Slot) -> dict[str, float] | None:
        """By domain, the median temperature at which the cohort's first block started; None before it is there."""
        if slot.block <= 0 or slot.key in self._reference:
            return None
        starts: dict[str, list[float]] = defaultdict(list)
        for key in sorted(self._reference):
            for last in self._counted.get(key, ())[-1:]:
                for domain, value in last.start_temperature_C.items():
                    starts[domain].append(value)
        return {domain: statistics.median(values) for domain, values in starts.items()} or None

    def first_settings(self, configuration: str) -> Mapping[str, Any]:
        """Clocks and power limits at the first run of a configuration; empty before there was one."""
        return self._first_settings.get(configuration, {})

    def windowless(self) -> str:
        """Why going on is pointless: of the first run of each configuration none that completed has its window.

        "" as long as one has it, or one of them is still to come.
        """
        if self._windowless is None:
            first = self._of_block[self.blocks[0]][: len(self.plan.configurations)]
            if not all(self.settled(slot) for slot in first):
                return ""
            lasts = [last for slot in first if (last := self.last(slot)) is not None]
            why = [last.no_window for last in lasts if last.status is Status.COMPLETED]
            self._windowless = why[0] if why and all(why) else ""
        return self._windowless

    def _row_of(self, slot: Slot) -> frozenset[str]:
        """The slots whose starts are the reference of the others: a block, or as many runs as make one."""
        if not self.blockless:
            return frozenset(item.key for item in self._of_block[slot.block])
        begin = self._of_block[slot.block].index(slot)
        return frozenset(item.key for item in self._of_block[slot.block][begin : begin + len(self.plan.configurations)])

    def _slim(self, outcome: Outcome, slot: Slot) -> Outcome:
        """What has to be remembered of an outcome; its texts are those of the plan, shared by all."""
        return replace(
            outcome,
            slot=sys.intern(slot.key),
            configuration=slot.configuration,
            start_temperature_C=outcome.start_temperature_C if slot.key in self._reference else _NOTHING,
            channels=(),
            settings=_NOTHING,
            wrong=(),
            reason="",
        )

    def _look_at(self, slot: Slot) -> None:
        """Settle a slot for good when its runs say so."""
        counted = self._counted.get(slot.key, ())
        used_up = len(counted) + self._lost.get(slot.key, 0) >= self.attempts
        if slot.key not in self._settled and (
            used_up or any(item.validity is not Validity.INVALID for item in counted)
        ):
            self._settled.add(sys.intern(slot.key))
            if slot.block > 0:
                self._tally.settled(slot.configuration, 1)


_NOTHING: Mapping[str, Any] = {}


def _rejected(outcome: Outcome) -> Rejected:
    return Rejected(outcome.slot, outcome.attempt, outcome.configuration, outcome.wrong, outcome.reason)
