"""What is done and what is left, reckoned without a folder."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.configurations import Configuration
from harness.plan import Plan, Slot
from harness.progress import Outcome, Progress
from harness.record import RunRecord, Status, Validity
from harness.verdicts import UNMOVED

Record = Callable[..., RunRecord]


def plan(blocks: int = 3, order: str = "blocks") -> Plan:
    slots = tuple(
        Slot(block, position, block, name, seed=1, baseline=False)
        for block in range(1, blocks + 1)
        for position, name in ((1, "a"), (2, "b"))
    )
    return Plan("Which?", 1, order, (Configuration("a", {}), Configuration("b", {})), slots)


@pytest.fixture
def outcome(record: Record) -> Callable[..., Outcome]:
    def made(slot: str, **changes: Any) -> Outcome:
        configuration = "a" if slot.endswith("-1") else "b"
        return Outcome.of(record(slot, **{"configuration": configuration, **changes}))

    return made


Made = Callable[..., Outcome]


def test_a_slot_is_open_until_a_run_of_it_is_not_invalid(outcome: Made) -> None:
    progress = Progress(plan(1), attempts=3)
    progress.settle(outcome("b01-1", validity=Validity.INVALID))
    assert ["b01-1", "b01-2"] == [slot.key for slot in progress.open(1)]
    progress.settle(outcome("b01-1", attempt=2))
    assert ["b01-2"] == [slot.key for slot in progress.open(1)]


def test_the_next_attempt_is_numbered_above_every_folder_there_is(outcome: Made) -> None:
    progress = Progress(plan(1), 2, [outcome("b01-1", validity=Validity.INVALID)], used=[("b01-1", 4)])
    assert 5 == progress.next_attempt(plan(1).slots[0])
    assert 1 == progress.next_attempt(plan(1).slots[1])


def test_interrupted_and_superseded_runs_do_not_count(outcome: Made) -> None:
    runs = [outcome("b01-1", status=Status.INTERRUPTED), outcome("b01-2", validity=Validity.SUPERSEDED)]
    assert 2 == len(Progress(plan(1), 1, runs).open_slots())


def test_superseding_a_block_opens_its_slots_and_forgets_its_faults(outcome: Made) -> None:
    progress = Progress(plan(2), 2, [outcome(f"b0{block}-1", status=Status.FAILED) for block in (1, 2)])
    assert Status.FAILED is progress.retired("a")
    progress.supersede(2)
    assert progress.retired("a") is None
    assert ["b01-2", "b02-1", "b02-2"] == [slot.key for slot in progress.open_slots()]


def test_the_first_two_runs_retire_a_configuration_whatever_follows(outcome: Made) -> None:
    faults = [outcome(f"b0{block}-1", status=Status.OUT_OF_MEMORY) for block in (1, 2)]
    assert Status.OUT_OF_MEMORY is Progress(plan(), 2, faults).retired("a")
    assert Progress(plan(), 2, faults[1:]).retired("a") is None


def test_an_invalid_run_retires_nothing(outcome: Made) -> None:
    killed = [outcome(f"b0{block}-1", status=Status.KILLED, validity=Validity.INVALID) for block in (1, 2)]
    assert Progress(plan(), 1, killed).retired("a") is None


def test_failures_of_an_earlier_session_are_not_held_against_this_one(outcome: Made) -> None:
    runs = [outcome("b01-1"), outcome("b02-1", status=Status.FAILED, started_realtime_ns=2 * 10**18)]
    assert 0 == Progress(plan(), 2, runs).failures_in_a_row


def test_a_success_ends_the_row_of_failures(outcome: Made) -> None:
    progress = Progress(plan(), 2, [outcome("b01-1"), outcome("b01-2")])
    progress.settle(outcome("b02-1", status=Status.FAILED))
    assert 1 == progress.failures_in_a_row
    progress.settle(outcome("b02-2"))
    assert 0 == progress.failures_in_a_row


def test_a_slot_that_cannot_be_carried_out_uses_up_its_attempts() -> None:
    progress = Progress(plan(1), 2)
    slot = plan(1).slots[0]
    progress.lose(slot)
    assert not progress.settled(slot)
    progress.lose(slot)
    assert progress.settled(slot)
    assert [slot] == progress.imperfect()


def test_only_a_begun_and_open_block_has_an_end_to_measure_from(outcome: Made) -> None:
    progress = Progress(plan(), 2, [outcome("b01-1"), outcome("b01-2"), outcome("b02-1", ended_ns=6 * 10**9)])
    assert [None, 10**18 + 5 * 10**9, None] == [progress.last_end_realtime_ns(block) for block in (1, 2, 3)]
    shuffled = Progress(plan(order="shuffle"), 2, [outcome("b02-1")])
    assert shuffled.last_end_realtime_ns(2) is None


def test_the_expected_channels_are_those_of_the_first_run_that_recorded_any(record: Record) -> None:
    from harness.record import Channel, Kind, Quality

    channel, later = (
        Channel(name, "W", Kind.MEAN, "gpu0", Quality.MEASURED, "a source", 0.02)
        for name in ("gpu0.power_W", "package-0.power_W")
    )
    runs = [
        Outcome.of(record("b01-1")),
        Outcome.of(record("b01-2", configuration="b", channels=(channel,), started_realtime_ns=10**18 + 1)),
        Outcome.of(record("b02-1", channels=(channel, later), started_realtime_ns=10**18 + 2)),
    ]
    assert ("gpu0.power_W",) == Progress(plan(), 2, runs).expected_channels


@pytest.mark.slow
def test_the_cost_of_a_settled_run_does_not_grow_with_their_number(outcome: Made) -> None:
    """Ten times the runs take about ten times the processor time; rescans would take a hundred times."""

    def spent_s(blocks: int) -> float:
        progress, runs = Progress(plan(blocks), 2), [outcome(f"b{block:02d}-1") for block in range(1, blocks + 1)]
        begin_s = time.process_time()
        for run in runs:
            progress.settle(run)
            progress.open(run.block)
            progress.temperature_target_C(plan(1).slots[0])
        return time.process_time() - begin_s

    spent_s(100)
    assert spent_s(20_000) < 40 * max(spent_s(2_000), 0.005)


NO_WINDOW = (UNMOVED.verdict("no_window", evidence="phase 'fit' is not among the marked phases (train)"),)


def test_a_first_block_without_any_window_says_why_going_on_is_pointless(outcome: Made) -> None:
    progress = Progress(plan(), attempts=2)
    progress.settle(outcome("b01-1", verdicts=NO_WINDOW))
    assert "" == progress.windowless()
    progress.settle(outcome("b01-2", verdicts=NO_WINDOW))
    assert "phase 'fit' is not among the marked phases (train)" == progress.windowless()


def test_one_configuration_with_its_window_is_enough_to_go_on(outcome: Made) -> None:
    progress = Progress(plan(), 2, [outcome("b01-1", verdicts=NO_WINDOW), outcome("b01-2")])
    assert "" == progress.windowless()


def test_a_configuration_that_fails_says_nothing_of_windows(outcome: Made) -> None:
    failed = outcome("b01-1", status=Status.FAILED, verdicts=NO_WINDOW)
    assert "" == Progress(plan(), 2, [failed, outcome("b01-2", status=Status.FAILED)]).windowless()
    assert "" != Progress(plan(), 2, [failed, outcome("b01-2", verdicts=NO_WINDOW)]).windowless()


def test_clocks_and_limits_are_those_of_each_configuration_s_first_run(outcome: Made) -> None:
    progress = Progress(plan(), 2)
    assert {} == progress.first_settings("a")
    progress.settle(outcome("b01-1", status=Status.REFUSED, validity=Validity.INVALID, settings={"x": 0.0}))
    progress.settle(outcome("b01-1", attempt=2, settings={"x": 1.0}))
    progress.settle(outcome("b01-2", settings={"x": 3.0}))
    progress.settle(outcome("b02-1", settings={"x": 2.0}))
    assert ({"x": 1.0}, {"x": 3.0}) == (progress.first_settings("a"), progress.first_settings("b"))


# -- how each configuration stands ------------------------------------------------------------------------------------


def test_the_standing_of_a_configuration_is_counted_as_it_happens(outcome: Made) -> None:
    progress = Progress(plan(3), attempts=2)
    for made in (
        outcome("b01-1", validity=Validity.INVALID, reason="the clock was set"),
        outcome("b01-2"),
        outcome("b01-1", attempt=2),
        outcome("b02-1", status=Status.FAILED, reason="exit code 1"),
    ):
        progress.settle(made)
    a, b = progress.standing()
    assert (3, 1, 2, 3) == (a.planned, a.valid, a.settled, a.attempts)
    assert {"invalid": 1, "failed": 1} == a.rejected
    assert (1, 1, {}) == (b.valid, b.attempts, b.rejected)
    assert [("b01-1", 1, "the clock was set"), ("b02-1", 1, "exit code 1")] == [
        (item.slot, item.attempt, item.reason) for item in progress.rejected()
    ]


def test_a_retired_configuration_stands_with_its_fault_and_nothing_left(outcome: Made) -> None:
    progress = Progress(plan(3), 2, [outcome(f"b0{block}-1", status=Status.TIMED_OUT) for block in (1, 2)])
    a, _ = progress.standing()
    assert ("timed out", 3, 0) == (a.retired, a.settled, a.valid)


def test_a_superseded_block_is_taken_back_from_the_standing(outcome: Made) -> None:
    progress = Progress(plan(2), 2, [outcome("b01-1", validity=Validity.INVALID), outcome("b01-2")])
    progress.supersede(1)
    assert [(0, 0, 0, {})] * 2 == [
        (item.valid, item.settled, item.attempts, item.rejected) for item in progress.standing()
    ]
    assert () == progress.rejected()


def test_the_standing_is_what_counting_everything_again_would_give(outcome: Made) -> None:
    draw = random.Random(7)
    progress = Progress(plan(6), attempts=3)
    for _ in range(400):
        slots = progress.open_slots()
        if not slots or draw.random() < 0.1:
            progress.supersede(draw.randrange(1, 7))
            continue
        slot = draw.choice(slots)
        changes = draw.choice(
            [{}, {}, {"validity": Validity.INVALID}, {"status": Status.FAILED}, {"status": Status.INTERRUPTED}]
        )
        progress.settle(outcome(slot.key, attempt=progress.next_attempt(slot), **changes))
        for item in progress.standing():
            mine = [slot for slot in plan(6).slots if slot.configuration == item.configuration]
            lasts = [progress.last(slot) for slot in mine]
            assert item.valid == sum(last is not None and last.good for last in lasts)
            assert item.settled == sum(progress.settled(slot) for slot in mine)
            assert item.attempts == sum(
                outcome.configuration == item.configuration
                for block in progress.blocks
                for outcome in progress.counted(block)
            )
        assert len(progress.imperfect()) == sum(item.settled - item.valid for item in progress.standing())


# -- what stops a night -----------------------------------------------------------------------------------------------


def test_failures_in_a_row_are_those_of_configurations_that_had_succeeded(outcome: Made) -> None:
    progress = Progress(plan(), 2)
    counts = []
    for made in (
        outcome("b01-1", status=Status.FAILED),  # it never succeeded: a property of the configuration
        outcome("b01-2"),
        outcome("b02-2", status=Status.FAILED),
        outcome("b02-1", status=Status.FAILED),  # still never succeeded: neither counted nor the row's end
        outcome("b03-2", status=Status.KILLED),
        outcome("b03-1"),
    ):
        progress.settle(made)
        counts.append(progress.failures_in_a_row)
    assert [0, 0, 1, 1, 2, 0] == counts


def test_a_completed_run_that_the_measurement_spoilt_is_no_failure_in_a_row(outcome: Made) -> None:
    progress = Progress(plan(), 2)
    progress.settle(outcome("b01-1", status=Status.LOST_INSTRUMENT, validity=Validity.INVALID))
    assert 1 == progress.failures_in_a_row
    progress.settle(outcome("b01-2", validity=Validity.INVALID))
    assert 0 == progress.failures_in_a_row


# -- cohorts, forecast, memory ----------------------------------------------------------------------------------------


def test_channels_and_temperatures_to_be_like_are_those_of_the_own_cohort(outcome: Made) -> None:
    def made(slot: str, cohort: int, heat_C: float, channel: str) -> Outcome:
        start = int(slot[1:3]) * 10 + int(slot[-1])
        return replace(
            outcome(slot, cohort=cohort, started_realtime_ns=start, start_temperature_C={"gpu0": heat_C}),
            channels=(channel,),
        )

    old = [made(f"b01-{place}", 1, 40.0, "old") for place in (1, 2)]
    progress = Progress(plan(), 2, old, cohort=2)
    second, third = plan().slots[2], plan().slots[4]
    assert ((), None) == (progress.expected_channels, progress.temperature_target_C(second))
    for place in (1, 2):
        progress.settle(made(f"b02-{place}", 2, 50.0 + place, "new"))
    assert ("new",) == progress.expected_channels
    assert {"gpu0": 51.5} == progress.temperature_target_C(third)
    assert {"gpu0": 40.0} == Progress(plan(), 2, old, cohort=1).temperature_target_C(third)


def test_a_block_spans_cohorts_only_while_it_is_open(outcome: Made) -> None:
    progress = Progress(plan(), 2, [outcome("b01-1"), outcome("b01-2"), outcome("b02-1")], cohort=2)
    assert [False, True, False] == [progress.spans_cohorts(block) for block in (1, 2, 3)]


def test_the_forecast_is_the_median_of_each_configurations_own_runs(outcome: Made) -> None:
    progress = Progress(plan(), 2)
    slots = plan().slots
    assert (0.0, 240.0) == (progress.forecast_s(slots[:2]), progress.forecast_s(slots[:2], least_s=120.0))
    for block, length_s in ((1, 10), (2, 100), (3, 20)):
        progress.settle(outcome(f"b0{block}-1", ended_ns=10**9 * (1 + length_s)))
    assert 40.0 == progress.forecast_s(slots[:2])  # b has run never: it takes what is usual
    progress.settle(outcome("b01-2", ended_ns=10**9 * 61))
    assert 80.0 == progress.forecast_s(slots[:2])
    assert 20.0 == progress.forecast_s(slots[:1])


def test_what_is_remembered_of_a_run_does_not_grow_with_what_it_recorded(outcome: Made) -> None:
    night = plan(400)
    progress = Progress(night, 2)
    for slot in night.slots:
        progress.settle(
            replace(
                outcome(slot.key, start_temperature_C={"gpu0": 40.0}),
                channels=tuple(f"{slot.key} channel {number}" for number in range(40)),
            )
        )
    kept = [item for block in progress.blocks[1:] for item in progress.counted(block)]
    assert {((), "", ())} == {(item.channels, item.reason, tuple(item.start_temperature_C)) for item in kept}
    assert all(item.slot is sys.intern(item.slot) for item in kept)
    assert 2 == len({id(item.configuration) for item in kept})
    assert not hasattr(kept[0], "__dict__")
