"""The walk through the plan, its attempts carried out by a script instead of processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from harness import folder as folders
from harness.errors import ExitCode, NightFolderError, RunFault
from harness.events import BlockSettled, Event, NightEnded, NightStarted, RunSettled, RunStarted, Trouble
from harness.night import night
from harness.record import NightFolder, Phase, Status, Validity, read_json
from harness.run_folder import unrecorded
from harness.status import Watched
from harness.stop import Stop
from harness.verdicts import UNMOVED
from nightwatt.status import lines

Begin = Callable[..., NightFolder]
INVALID: dict[str, Any] = {"validity": Validity.INVALID}
FAILED: dict[str, Any] = {"status": Status.FAILED, "exit_code": 1}


@pytest.fixture
def stop() -> Iterator[Stop]:
    with closing(Stop()) as stop:
        yield stop


@pytest.fixture
def walk(script: Any, stop: Stop) -> Callable[..., list[Event]]:
    def walked(folder: NightFolder, *, resumed: bool = False) -> list[Event]:
        return list(night(folders.read(folder.root), stop, resumed=resumed, execute=script))

    return walked


Walk = Callable[..., list[Event]]


def in_short(events: list[Event]) -> list[str]:
    """The events' course: runs by their names, the rest by its kind."""
    words = []
    for event in events:
        match event:
            case RunStarted():
                continue
            case RunSettled():
                words.append(event.run)
            case BlockSettled():
                words.append(f"block {event.block}")
            case NightEnded():
                words.append(f"ended {event.exit_code.name}")
            case _:
                words.append(type(event).__name__)
    return words


def runs_of(folder: NightFolder) -> list[str]:
    return sorted(path.name for path in folder.runs.iterdir())


def test_a_quiet_night_executes_every_slot_once_in_the_plans_order(begin: Begin, walk: Walk) -> None:
    folder = begin()
    order = [f"{slot.key}-a1-{slot.configuration}" for slot in folders.read(folder.root).plan.slots]
    expected = ["NightStarted"]
    for block in (1, 2, 3):
        expected += [*order[2 * block - 2 : 2 * block], f"block {block}"]
    assert [*expected, "ended DONE"] == in_short(walk(folder))


def test_an_invalid_run_is_repeated_at_the_end_of_its_block(begin: Begin, walk: Walk, script: Any) -> None:
    script.tell("b02-1-a1", **INVALID)
    course = in_short(walk(begin()))
    first, second, again = course[4:7]
    assert ["b02-1-a1", "b02-2-a1", "b02-1-a2"] == [first[:8], second[:8], again[:8]]
    assert "block 2" == course[7]
    assert "ended DONE" == course[-1]


def test_attempts_of_an_invalid_run_are_limited_and_the_night_says_so(begin: Begin, walk: Walk, script: Any) -> None:
    script.tell("b02-1", **INVALID)
    events = walk(begin(night={"attempts": 3}))
    assert ["b02-1-a1", "b02-2-a1", "b02-1-a2", "b02-1-a3"] == [
        event.run[:8] for event in events if isinstance(event, RunSettled) and event.record.block == 2
    ]
    assert ExitCode.UNFINISHED == events[-1].exit_code  # type: ignore[union-attr]


def test_an_outcome_fault_is_never_repeated(begin: Begin, walk: Walk, script: Any) -> None:
    script.tell("b02-1", **FAILED)
    events = walk(begin())
    assert 6 == sum(isinstance(event, RunSettled) for event in events)
    ended = events[-1]
    assert isinstance(ended, NightEnded)
    assert ExitCode.UNFINISHED == ended.exit_code
    assert "5 of 6 runs are valid, 1 failed, invalid or retired" in ended.reason
    assert ended.next_step.startswith("nightwatt report ")


def test_a_configuration_with_the_same_fault_in_its_first_two_blocks_is_retired(
    begin: Begin, walk: Walk, script: Any
) -> None:
    script.tell("a", **FAILED)
    folder = begin()
    events = walk(folder)
    assert ["b"] == _configurations(events, 3)
    told = [event.what for event in events if isinstance(event, Trouble)]
    assert ["a is retired: its first two runs ended as failed"] == told
    assert "ended UNFINISHED" == in_short(events)[-1]
    assert "block 3" in in_short(events)


def test_different_faults_do_not_retire_a_configuration(begin: Begin, walk: Walk, script: Any) -> None:
    script.tell("a", **FAILED)
    for position in (1, 2):
        script.tell(f"b02-{position}", status=Status.TIMED_OUT)
    events = walk(begin(night={"stop_after_failures": 99}))
    assert ["a", "b"] == sorted(_configurations(events, 3))


def test_a_night_stops_after_failures_in_a_row_of_what_had_succeeded(begin: Begin, walk: Walk, script: Any) -> None:
    for slot in ("b02-1", "b02-2"):
        script.tell(slot, **FAILED)
    folder = begin(night={"stop_after_failures": 2})
    events = walk(folder)
    ended = events[-1]
    assert isinstance(ended, NightEnded)
    assert ExitCode.STOPPED == ended.exit_code
    assert f"nightwatt resume {folder.root}" == ended.next_step
    assert 4 == len(runs_of(folder))


def test_failures_of_a_configuration_that_never_succeeded_do_not_stop_the_night(
    begin: Begin, walk: Walk, script: Any
) -> None:
    script.tell("a", **FAILED)
    events = walk(begin(night={"stop_after_failures": 1}))
    assert "ended UNFINISHED" == in_short(events)[-1]


def test_lost_instruments_in_a_row_stop_the_night_whoever_had_succeeded(begin: Begin, walk: Walk, script: Any) -> None:
    for name in ("a", "b"):
        script.tell(name, status=Status.LOST_INSTRUMENT, **INVALID)
    folder = begin(night={"stop_after_failures": 3})
    assert "ended STOPPED" == in_short(walk(folder))[-1]
    assert 3 == len(runs_of(folder))


def test_an_attempt_that_cannot_be_carried_out_is_told_set_aside_and_tried_again(
    begin: Begin, walk: Walk, script: Any
) -> None:
    script.tell("b01-1-a1", outcome=RunFault("no disk", where="/there", remedy="make room"))
    folder = begin()
    events = walk(folder)
    trouble = next(event for event in events if isinstance(event, Trouble))
    assert ("this attempt could not be carried out: no disk (/there)", "make room") == (trouble.what, trouble.remedy)
    assert next(name for name in runs_of(folder) if name.startswith("b01-1-a1")).endswith(".interrupted")
    assert any(name.startswith("b01-1-a2") for name in runs_of(folder))
    assert "ended DONE" == in_short(events)[-1]


def test_a_slot_that_was_given_up_without_a_record_is_not_called_done_and_a_resume_tries_it_again(
    begin: Begin, walk: Walk, script: Any
) -> None:
    for attempt in ("b01-1-a1", "b01-1-a2"):
        script.tell(attempt, outcome=RunFault("no disk", where="/there", remedy="make room"))
    folder = begin(night={"attempts": 2})
    first = folders.read(folder.root).plan.slots[0].configuration
    ended = walk(folder)[-1]
    assert isinstance(ended, NightEnded)
    assert ExitCode.UNFINISHED == ended.exit_code
    told = "5 of 6 runs are valid, 1 could not be carried out and left no record"
    kept = "attempts without a record are kept as b01-1-a1-a.interrupted, b01-1-a2-a.interrupted"
    assert f"the night is over: {told}; {kept.replace('-a.', f'-{first}.')}" == ended.reason
    assert ["no disk", "no disk"] == [item.why for item in unrecorded(folder.runs)]
    assert f"nightwatt resume {folder.root}" == ended.next_step

    with closing(Stop()) as fresh:
        again = list(night(folders.read(folder.root), fresh, resumed=True, execute=script))
    assert "the night is over: 6 of 6 runs are valid" == again[-1].reason  # type: ignore[union-attr]


def test_a_stop_ends_the_night_and_a_resume_does_exactly_what_was_left(
    begin: Begin, walk: Walk, script: Any, stop: Stop
) -> None:
    folder = begin()
    script.stop_after = 4
    ended = walk(folder)[-1]
    assert isinstance(ended, NightEnded)
    assert (ExitCode.INTERRUPTED, "interrupted: 3 of 6 runs are valid, 3 to do") == (ended.exit_code, ended.reason)
    assert f"nightwatt resume {folder.root}" == ended.next_step

    script.stop_after, executed = None, len(script.orders)
    with closing(Stop()) as fresh:
        events = list(night(folders.read(folder.root), fresh, resumed=True, execute=script))
    started = events[0]
    assert isinstance(started, NightStarted)
    assert (6, 3, True) == (started.slots, started.done, started.resumed)
    left = [order.name for order in script.orders[executed:]]
    assert ["b02-2", "b03-1", "b03-2"] == [name.slot for name in left]
    assert [2, 1, 1] == [name.attempt for name in left]


def test_an_interrupted_attempt_does_not_count_as_one(begin: Begin, walk: Walk, script: Any) -> None:
    folder = begin(night={"attempts": 1})
    script.stop_after = 1
    walk(folder)
    script.stop_after = None
    with closing(Stop()) as fresh:
        list(night(folders.read(folder.root), fresh, resumed=True, execute=script))
    assert any(name.startswith("b01-1-a2") and "interrupted" not in name for name in runs_of(folder))


def test_a_resumed_night_sets_partial_runs_aside_and_never_reuses_their_names(
    begin: Begin, walk: Walk, script: Any
) -> None:
    folder = begin()
    slot = folders.read(folder.root).plan.slots[0]
    (folder.runs / f"{slot.key}-a1-{slot.configuration}.partial").mkdir()
    walk(folder, resumed=True)
    assert f"{slot.key}-a1-{slot.configuration}.interrupted" in runs_of(folder)
    assert f"{slot.key}-a2-{slot.configuration}" in runs_of(folder)


def test_the_warm_ups_runs_come_first_in_every_session_and_are_discarded(begin: Begin, walk: Walk, script: Any) -> None:
    folder = begin(warmup={"runs": 1})
    script.stop_after = 4
    walk(folder)
    assert [0, 0, 1, 1] == [order.slot.block for order in script.orders]
    assert [True, True, False, False] == [order.discarded for order in script.orders]
    script.stop_after, executed = None, len(script.orders)
    with closing(Stop()) as fresh:
        list(night(folders.read(folder.root), fresh, resumed=True, execute=script))
    assert ["b00-1-a2", "b00-2-a2", "b01-2-a2"] == [str(order.name)[:8] for order in script.orders[executed:][:3]]


def test_a_night_without_open_slots_ends_at_once_and_warms_nothing_up(begin: Begin, walk: Walk, script: Any) -> None:
    folder = begin(warmup={"runs": 1})
    walk(folder)
    executed = len(script.orders)
    assert ["NightStarted", "ended DONE"] == in_short(walk(folder, resumed=True))
    assert executed == len(script.orders)


def test_a_block_left_half_done_for_too_long_is_begun_anew(begin: Begin, walk: Walk, script: Any) -> None:
    folder = begin(night={"max_block_gap_s": 1800.0})
    hours_ago_ns = time.time_ns() - 2 * 3600 * 10**9
    for slot in ("b01-1", "b01-2", "b02-1"):
        script.tell(slot, started_realtime_ns=hours_ago_ns)
    script.stop_after = 4
    walk(folder)
    script.stop_after, executed = None, len(script.orders)
    for slot in ("b01-1", "b01-2", "b02-1"):
        script.tell(slot)
    with closing(Stop()) as fresh:
        events = list(night(folders.read(folder.root), fresh, resumed=True, execute=script))
    assert ["b02-1-a2", "b02-2-a2", "b03-1-a1", "b03-2-a1"] == [
        str(order.name)[:8] for order in script.orders[executed:]
    ]
    told = next(event for event in events if isinstance(event, Trouble))
    assert told.what.startswith("block 2 stood still for 2:00:0")
    old = next(path for path in folder.runs.iterdir() if path.name.startswith("b02-1-a1"))
    body = read_json(old / "run.json")
    assert ("superseded", "completed") == (body["validity"], body["status"])
    assert ("superseded", 1800.0) == (body["verdicts"][-1]["name"], body["verdicts"][-1]["limit"])
    assert body["verdicts"][-1]["evidence"].startswith("was valid")
    whole = next(path for path in folder.runs.iterdir() if path.name.startswith("b01-1-a1"))
    assert "valid" == read_json(whole / "run.json")["validity"]
    assert "ended DONE" == in_short(events)[-1]


def test_an_order_without_blocks_is_never_begun_anew(begin: Begin, walk: Walk, script: Any) -> None:
    folder = begin(design={"blocks": 3, "order": "shuffle"}, night={"max_block_gap_s": 0.0})
    script.stop_after = 4
    walk(folder)
    script.stop_after, executed = None, len(script.orders)
    with closing(Stop()) as fresh:
        list(night(folders.read(folder.root), fresh, resumed=True, execute=script))
    assert ["b01-4-a2", "b01-5-a1", "b01-6-a1"] == [str(order.name)[:8] for order in script.orders[executed:]]


@pytest.mark.parametrize(
    ("asleep_at_call", "attempts"),
    [(6, [1, 1, 1, 2, 1, 1, 1]), (4, [1] * 6)],
    ids=["in the middle of block 2", "between two blocks"],
)
def test_a_block_in_whose_middle_the_machine_slept_is_begun_anew(
    begin: Begin, script: Any, monkeypatch: pytest.MonkeyPatch, asleep_at_call: int, attempts: list[int]
) -> None:
    """Each attempt's end reads the clock once, and each slot but the first once before it."""
    real, calls = time.clock_gettime_ns, 0

    def clock(which: int) -> int:
        nonlocal calls
        calls += 1
        return real(which) + (10**13 if calls >= asleep_at_call else 0)

    monkeypatch.setattr(time, "clock_gettime_ns", clock)
    folder = begin()
    with closing(Stop()) as fresh:
        list(night(folders.read(folder.root), fresh, resumed=False, execute=script))
    assert attempts == [order.name.attempt for order in script.orders]


def test_a_gap_of_zero_begins_anew_what_a_session_left_and_nothing_else(begin: Begin, walk: Walk, script: Any) -> None:
    folder = begin(night={"max_block_gap_s": 0.0})
    script.stop_after = 2
    walk(folder)
    script.stop_after = None
    with closing(Stop()) as fresh:
        list(night(folders.read(folder.root), fresh, resumed=True, execute=script))
    assert [1, 1, 2, 2, 1, 1, 1, 1] == [order.name.attempt for order in script.orders]


def test_a_night_in_which_nothing_can_be_carried_out_stops(begin: Begin, walk: Walk, script: Any) -> None:
    for arm in ("a", "b"):
        script.tell(arm, outcome=RunFault("no disk"))
    events = walk(begin(night={"stop_after_failures": 3}))
    assert "ended STOPPED" == in_short(events)[-1]
    assert 3 == len(script.orders)


def test_a_stop_in_the_warm_ups_runs_starts_nothing_more(begin: Begin, walk: Walk, script: Any) -> None:
    script.stop_after = 1
    walk(begin(warmup={"runs": 2}))
    assert 1 == len(script.orders)


def test_every_run_is_ordered_with_its_placeholders_filled_in(begin: Begin, walk: Walk, script: Any) -> None:
    walk(
        begin(
            workload={"command": ("true", "{arm}", "{seed}"), "env": {"ARM": "is {arm}"}, "window": "train"},
            prepare={"command": ("true", "before {arm}")},
            baseline={"duration_s": 3.0},
            sensors={"simulated": {"domains": ("gpu0",)}},
        )
    )
    order = script.orders[0]
    arm = order.slot.configuration
    assert (arm, str(order.slot.seed)) == order.command[1:]
    assert {"ARM": f"is {arm}"} == order.env
    assert ("true", f"before {arm}") == (order.prepare.command[0].rpartition("/")[2], order.prepare.command[1])
    assert [3.0, None] == [item.baseline_s for item in script.orders[:2]]
    assert ["simulated"] == list(order.sensors)
    assert ("train", False, None) == (order.window, order.discarded, order.previous_end_ns)
    assert script.orders[1].previous_end_ns is not None


def test_the_first_blocks_median_temperature_is_the_target_of_the_others(begin: Begin, walk: Walk, script: Any) -> None:
    script.tell("b01-1", start_temperature_C={"gpu0": 40.0})
    script.tell("b01-2", start_temperature_C={"gpu0": 44.0})
    walk(begin(cooldown={"until": "temperature"}))
    assert [None, None, {"gpu0": 42.0}, {"gpu0": 42.0}] == [order.temperature_target for order in script.orders[:4]]


def _configurations(events: list[Event], block: int) -> list[str]:
    return [
        event.record.configuration for event in events if isinstance(event, RunSettled) and event.record.block == block
    ]


def test_a_night_in_which_no_run_has_its_window_stops_after_its_first_block(
    begin: Begin, walk: Walk, script: Any
) -> None:
    lost = UNMOVED.verdict("no_window", evidence="phase 'fit' is not among the marked phases (train)")
    for name in ("a", "b"):
        script.tell(name, verdicts=(lost,))
    folder = begin()
    ended = walk(folder)[-1]
    assert isinstance(ended, NightEnded)
    assert ExitCode.STOPPED == ended.exit_code
    assert "phase 'fit' is not among the marked phases (train)" in ended.reason
    assert "2 of 6 runs are valid, 4 to do" in ended.reason
    assert "workload.window" in ended.next_step
    assert 2 == len(runs_of(folder))


def test_valid_runs_without_energy_are_told_with_their_reason_and_leave_the_night_unfinished(
    begin: Begin, walk: Walk, script: Any
) -> None:
    why = "the readings of gpu0 do not cover its window"
    script.tell("a", verdicts=(UNMOVED.verdict("no_energy", evidence=why),))
    folder = begin()
    ended = walk(folder)[-1]
    assert isinstance(ended, NightEnded)
    assert f"6 of 6 runs are valid; valid, but not to be compared: 3 with no energy ({why})" in ended.reason
    assert ExitCode.UNFINISHED == ended.exit_code
    assert "nightwatt report" in ended.next_step
    told = lines(Watched(folder.root).status(), 0.0)
    assert f"  valid, but not to be compared: 3 with no energy ({why})" in told


def test_each_attempt_is_told_its_gates_rules_and_what_was_there_before(begin: Begin, walk: Walk, script: Any) -> None:
    window = Phase("train", 5, 7)
    script.tell("a", window=window, settings={"cpu.turbo": "on"})
    walk(
        begin(
            gates={"load": {"cores": 2.0}},
            judge={"gap": {"level": "warning"}},
            cooldown={"until": "temperature", "reheat": {"command": ("true", "{arm}")}},
            analysis={"metric": "f1"},
        )
    )
    first, *others = script.orders
    assert (2.0, "warning", ("f1",)) == (first.gates.load.cores, first.rules.moved["gap"].level, first.named_metrics)
    assert first.cooldown.reheat.command[-1] == first.levels["arm"]
    assert {} == first.first_settings
    later = next(order for order in others if order.slot.configuration == "a" and order.slot.block > 1)
    assert {"cpu.turbo": "on"} == later.first_settings
    after_a = script.orders[script.orders.index(later) + 1]
    assert 7 == after_a.previous_window_end_ns
    needed = [order.needed_B for order in script.orders]
    assert sorted(needed, reverse=True) == needed
    assert needed[-1] > 0


def test_a_refused_run_is_counted_and_tried_again_at_the_end_of_its_block(
    begin: Begin, walk: Walk, script: Any
) -> None:
    folder = begin(night={"attempts": 2})
    first, second = (slot.key for slot in folders.read(folder.root).plan.slots[:2])
    script.tell(f"{first}-a1", status=Status.REFUSED, **INVALID)
    assert "ended DONE" == in_short(walk(folder))[-1]
    tried = [(order.name.slot, order.name.attempt) for order in script.orders]
    assert [(first, 1), (second, 1), (first, 2)] == tried[:3]


def test_gates_that_stay_closed_end_the_night_in_order(begin: Begin, walk: Walk, script: Any) -> None:
    for name in ("a", "b"):
        script.tell(name, status=Status.REFUSED, reason="gate load: busy", hint="end it", **INVALID)
    folder = begin(night={"stop_after_failures": 3})
    ended = walk(folder)[-1]
    assert isinstance(ended, NightEnded)
    assert (ExitCode.STOPPED, True) == (ended.exit_code, ended.reason.endswith("; the last: gate load: busy; end it"))
    assert 3 == len(runs_of(folder))


def test_a_night_whose_folder_has_gone_ends_with_an_error_and_makes_nothing_in_its_place(
    begin: Begin, script: Any, stop: Stop
) -> None:
    folder = begin()
    away = folder.root.with_name("away")
    settled = 0
    with pytest.raises(NightFolderError, match="has gone") as caught:  # noqa: PT012 -- it has to be taken away meanwhile
        for event in night(folders.read(folder.root), stop, resumed=False, execute=script):
            if isinstance(event, RunSettled):
                settled += 1
                folder.root.rename(away)
    assert str(folder.root) == caught.value.where
    assert 1 == settled
    assert not folder.root.exists()
    assert 1 == len(list((away / "runs").iterdir()))
