"""What is done and what is left, reckoned without a folder."""

from __future__ import annotations

import time
from collections.abc import Callable
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
