"""The hours of a session, on a clock that is turned by hand."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from harness import folder as folders
from harness.errors import ExitCode
from harness.events import Event, NightEnded, RunSettled, Tick, WaitStarted
from harness.night import night
from harness.protocol_model import Night, Protocol
from harness.record import NightFolder
from harness.shift import Shift, zoned
from harness.stop import Stop

Begin = Callable[..., NightFolder]
HOUR_S = 3600.0


class Turned:
    """A clock that goes on only where somebody rests or works."""

    def __init__(self, text: str) -> None:
        self.now_s = datetime.datetime.fromisoformat(f"{text}+00:00").timestamp()
        self.up_s = 1000.0
        self.rests_s: list[float] = []
        self.stop_after: int | None = None

    def realtime_s(self) -> float:
        return self.now_s

    def boottime_s(self) -> float:
        return self.up_s

    def turn(self, seconds: float) -> None:
        self.now_s += seconds
        self.up_s += seconds

    def rest(self, stop: Stop, timeout_s: float) -> None:
        self.rests_s.append(timeout_s)
        self.turn(timeout_s)
        if self.stop_after is not None and len(self.rests_s) >= self.stop_after:
            stop.request()


@pytest.fixture
def stop() -> Iterator[Stop]:
    with closing(Stop()) as stop:
        yield stop


def shift(clock: Turned, **keys: Any) -> Shift:
    return Shift(Night(**keys), clock)  # type: ignore[arg-type]  # it is a clock in all but its class


def hours(shift: Shift) -> tuple[str | None, str | None]:
    """When it begins and ends, in UTC."""
    words = [
        None if moment is None else datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%d. %H:%M")
        for moment in (shift.begin_s, shift.end_s)
    ]
    return words[0], words[1]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-20T20:00", ("20. 22:00", "21. 07:30")),
        ("2026-11-20T22:00", ("20. 22:00", "21. 07:30")),
        ("2026-11-20T23:00", (None, "21. 07:30")),
        ("2026-11-21T07:29", (None, "21. 07:30")),
        ("2026-11-21T07:30", ("21. 22:00", "22. 07:30")),
        ("2026-11-21T08:00", ("21. 22:00", "22. 07:30")),
    ],
)
def test_between_begin_and_end_it_works_at_once_else_it_waits(now: str, expected: tuple[str | None, str]) -> None:
    assert expected == hours(shift(Turned(now), starts_at="22:00 UTC", ends_at="07:30 UTC"))


def test_a_begin_alone_is_waited_for_and_an_end_alone_is_the_next(stop: Stop) -> None:
    assert ("21. 22:00", None) == hours(shift(Turned("2026-11-20T23:00"), starts_at="22:00 UTC"))
    assert (None, "21. 07:30") == hours(shift(Turned("2026-11-20T08:00"), ends_at="07:30 UTC"))
    assert (None, None) == hours(shift(Turned("2026-11-20T08:00")))


def test_the_same_time_for_both_is_a_whole_day() -> None:
    assert ("20. 22:00", "21. 22:00") == hours(
        shift(Turned("2026-11-20T20:00"), starts_at="22:00 UTC", ends_at="22:00 UTC")
    )


def test_the_wait_is_shown_and_ends_when_the_clock_shows_the_time(stop: Stop) -> None:
    clock = Turned("2026-11-20T21:58")
    events = list(shift(clock, starts_at="22:00 UTC").wait(stop))
    begun = events[0]
    assert isinstance(begun, WaitStarted)
    assert "night.starts_at = 22:00 UTC" == begun.why
    assert {"Tick"} == {type(event).__name__ for event in events[1:]}
    assert all(event.stage.startswith("waiting until ") for event in events if isinstance(event, Tick))
    assert datetime.datetime(2026, 11, 20, 22, tzinfo=datetime.UTC).timestamp() == clock.now_s
    assert [30.0] * 4 == clock.rests_s


def test_a_clock_that_is_set_meanwhile_is_believed(stop: Stop) -> None:
    clock = Turned("2026-11-20T20:00")
    waiting = shift(clock, starts_at="22:00 UTC").wait(stop)
    next(waiting)
    next(waiting)
    clock.now_s += 2 * HOUR_S
    assert [] == list(waiting)


def test_a_stop_ends_the_wait(stop: Stop) -> None:
    clock = Turned("2026-11-20T20:00")
    clock.stop_after = 3
    list(shift(clock, starts_at="22:00 UTC").wait(stop))
    assert 3 == len(clock.rests_s)


def test_nothing_is_begun_that_would_not_end_in_time(stop: Stop) -> None:
    clock = Turned("2026-11-21T07:00")
    until_half_past = shift(clock, ends_at="07:30 UTC")
    assert "" == until_half_past.too_late(29 * 60)
    assert (
        "the next would take about 31:00 min, and 30:00 min are left (night.ends_at = 07:30 UTC)"
        == until_half_past.too_late(31 * 60)
    )
    clock.turn(HOUR_S)
    assert "the time is over (night.ends_at = 07:30 UTC)" == until_half_past.too_late(0.0)


def test_a_length_counts_from_the_end_of_the_wait_and_through_sleep(stop: Stop) -> None:
    clock = Turned("2026-11-20T21:59")
    an_hour = shift(clock, starts_at="22:00 UTC", stop_after_s=HOUR_S)
    list(an_hour.wait(stop))
    assert "" == an_hour.too_late(HOUR_S - 1)
    clock.up_s += HOUR_S
    assert "night.stop_after_s = 3600" in an_hour.too_late(0.0)


def test_a_protocol_records_the_zone_of_the_machine(protocol_body: dict[str, Any]) -> None:
    protocol = Protocol.model_validate({**protocol_body, "night": {"starts_at": "22:00", "ends_at": "07:30 UTC"}})
    recorded = zoned(protocol, 0.0).night
    assert recorded.starts_at is not None
    assert recorded.starts_at.startswith("22:00 ")
    assert "07:30 UTC" == recorded.ends_at
    plain = Protocol.model_validate(protocol_body)
    assert plain is zoned(plain, 0.0)


# -- in a night -------------------------------------------------------------------------------------------------------


@pytest.fixture
def walk(script: Any, stop: Stop) -> Callable[..., list[Event]]:
    """Execute a night whose every run takes ``run_s`` of the turned clock."""

    def walked(folder: NightFolder, clock: Turned, run_s: float = 600.0, *, resumed: bool = False) -> list[Event]:
        script.clock, script.run_s = clock, run_s
        opened = folders.read(folder.root)
        return list(night(opened, stop, resumed=resumed, execute=script, clock=clock))  # type: ignore[arg-type]

    return walked


Walk = Callable[..., list[Event]]


def runs(events: list[Event]) -> list[str]:
    return [event.run[:5] for event in events if isinstance(event, RunSettled)]


def ended(events: list[Event]) -> NightEnded:
    assert isinstance(events[-1], NightEnded)
    return events[-1]


def test_a_night_is_left_balanced_and_resumable_before_its_end(begin: Begin, walk: Walk) -> None:
    folder, clock = begin(night={"ends_at": "07:30 UTC"}), Turned("2026-11-21T06:45")
    end = ended(walk(folder, clock))  # a block takes 20 minutes: two fit
    assert (ExitCode.STOPPED, f"nightwatt resume {folder.root}") == (end.exit_code, end.next_step)
    assert end.reason == (
        "stopped in time: 4 of 6 runs are valid, 2 to do; the next would take about 20:00 min, and 5:00 min are left"
        " (night.ends_at = 07:30 UTC)"
    )


def test_what_was_left_is_done_on_the_next_day(begin: Begin, walk: Walk) -> None:
    folder = begin(night={"ends_at": "07:30 UTC"})
    walk(folder, Turned("2026-11-21T06:45"))
    events = walk(folder, Turned("2026-11-21T08:00"), resumed=True)
    assert ["b03-1", "b03-2"] == runs(events)
    assert ExitCode.DONE is ended(events).exit_code


def test_the_forecast_of_a_resumed_night_is_that_of_the_runs_on_disk(begin: Begin, walk: Walk) -> None:
    folder = begin(night={"ends_at": "07:30 UTC", "max_block_gap_s": 1e9})
    walk(folder, Turned("2026-11-21T06:45"))
    events = walk(folder, Turned("2026-11-21T07:15"), resumed=True)
    assert ([], ExitCode.STOPPED) == (runs(events), ended(events).exit_code)


def test_a_block_that_is_begun_is_finished_even_if_it_takes_longer_than_thought(begin: Begin, walk: Walk) -> None:
    folder = begin(night={"ends_at": "07:30 UTC"})
    events = walk(folder, Turned("2026-11-21T07:00"), 3000.0)
    assert ["b01-1", "b01-2"] == runs(events)
    assert "the time is over" in ended(events).reason


def test_nothing_is_warmed_up_for_a_block_that_does_not_fit(begin: Begin, walk: Walk, script: Any) -> None:
    warmup = {"command": ("true",), "duration_s": 3600.0}
    folder = begin(night={"ends_at": "07:30 UTC"}, warmup=warmup)
    events = walk(folder, Turned("2026-11-21T07:00"))
    assert ["NightStarted", "NightEnded"] == [type(event).__name__ for event in events]


def test_the_least_that_a_block_waits_is_its_forecast_before_any_run(begin: Begin, walk: Walk) -> None:
    folder = begin(night={"ends_at": "07:30 UTC"}, cooldown={"minimum_s": 1000.0})
    assert [] == runs(walk(folder, Turned("2026-11-21T07:00")))


def test_an_order_without_blocks_stops_between_runs(begin: Begin, walk: Walk) -> None:
    folder = begin(night={"stop_after_s": 1900.0}, design={"blocks": 3, "seed": 1, "order": "shuffle"})
    events = walk(folder, Turned("2026-11-21T07:00"))
    assert 3 == len(runs(events))
    assert "night.stop_after_s = 1900" in ended(events).reason


def test_each_session_has_its_own_length(begin: Begin, walk: Walk) -> None:
    folder = begin(night={"stop_after_s": 1300.0})
    assert 2 == len(runs(walk(folder, Turned("2026-11-21T07:00"))))
    assert 2 == len(runs(walk(folder, Turned("2026-11-21T08:00"), resumed=True)))


def test_a_night_waits_for_its_begin_before_anything_is_done(begin: Begin, walk: Walk) -> None:
    clock = Turned("2026-11-20T21:59")
    events = walk(begin(night={"starts_at": "22:00 UTC", "ends_at": "07:30 UTC"}), clock)
    kinds = [type(event).__name__ for event in events]
    assert ["NightStarted", "WaitStarted", "Tick", "Tick", "RunStarted"] == kinds[:5]
    assert ExitCode.DONE is ended(events).exit_code


def test_a_stop_while_it_waits_leaves_a_night_that_can_be_resumed(begin: Begin, walk: Walk) -> None:
    clock, folder = Turned("2026-11-20T21:00"), begin(night={"starts_at": "22:00 UTC"}, warmup={"runs": 1})
    clock.stop_after = 1
    events = walk(folder, clock)
    assert [] == runs(events)
    end = ended(events)
    assert (ExitCode.INTERRUPTED, f"nightwatt resume {folder.root}") == (end.exit_code, end.next_step)


def test_a_finished_night_waits_for_nothing(begin: Begin, walk: Walk) -> None:
    folder = begin()
    walk(folder, Turned("2026-11-20T21:00"))
    clock = Turned("2026-11-20T21:00")
    walk(folder, clock, resumed=True)
    assert [] == clock.rests_s
