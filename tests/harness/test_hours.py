"""Times of day: read, named with their zone, and found again on the clock, through midnight and both clock changes."""

from __future__ import annotations

import datetime
import time
from zoneinfo import ZoneInfo

import pytest

from harness.hours import TimeOfDay, local_zone, with_zone


def moment(text: str, zone: str = "Europe/Berlin", fold: int = 0) -> float:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


@pytest.fixture
def in_berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("22:00", "22:00"),
        ("7:05", "07:05"),
        ("22:00:30", "22:00:30"),
        (" 22:00  Europe/Berlin ", "22:00 Europe/Berlin"),
        ("22:00 UTC", "22:00 UTC"),
        ("22:00Z", "22:00 Z"),
        ("22:00 +05:30", "22:00 +05:30"),
        ("22:00-03:00", "22:00 -03:00"),
        ("00:00 America/Argentina/Buenos_Aires", "00:00 America/Argentina/Buenos_Aires"),
    ],
)
def test_a_time_is_read_with_its_zone_and_written_back(text, written):
    assert written == str(TimeOfDay.parse(text))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a time of day"),
        ("tonight", "not a time of day"),
        ("22", "not a time of day"),
        ("22.00", "not a time of day"),
        ("10:00 pm", "knows no zone pm"),
        ("24:00", "midnight is 00:00"),
        ("25:00", "does not show"),
        ("22:61", "does not show"),
        ("22:00 Mars/Olympus", "knows no zone Mars/Olympus"),
        ("22:00 ../../etc/passwd", "not a time of day"),
        ("22:00 +99:00", "no zone is"),
    ],
)
def test_what_is_no_time_is_refused_in_words(text, why):
    with pytest.raises(ValueError, match=why):
        TimeOfDay.parse(text)


@pytest.mark.parametrize(
    ("now", "text", "expected"),
    [
        ("2026-11-20T21:00", "22:00", "2026-11-20T22:00"),
        ("2026-11-20T22:00", "22:00", "2026-11-21T22:00"),
        ("2026-11-20T23:30", "22:00", "2026-11-21T22:00"),
        ("2026-11-20T23:30", "07:30", "2026-11-21T07:30"),
        ("2026-11-20T23:59:59", "00:00", "2026-11-21T00:00"),
        ("2026-12-31T23:00", "07:30", "2027-01-01T07:30"),
        ("2026-03-28T23:00", "07:30", "2026-03-29T07:30"),  # the night is an hour shorter
        ("2026-10-24T23:00", "07:30", "2026-10-25T07:30"),  # and this one an hour longer
    ],
)
def test_the_next_time_the_clock_shows_it_is_found(now, text, expected):
    assert moment(expected) == TimeOfDay.parse(f"{text} Europe/Berlin").after(moment(now))


def test_a_night_in_which_the_clock_changes_is_as_long_as_it_is():
    half_past_seven = TimeOfDay.parse("07:30 Europe/Berlin")
    for evening, hours in (("2026-03-28T22:00", 8.5), ("2026-10-24T22:00", 10.5), ("2026-11-20T22:00", 9.5)):
        assert hours == (half_past_seven.after(moment(evening)) - moment(evening)) / 3600


def test_a_time_that_spring_leaves_out_acts_an_hour_later_by_the_new_clock():
    assert moment("2026-03-29T03:30") == TimeOfDay.parse("02:30 Europe/Berlin").after(moment("2026-03-28T22:00"))


def test_of_a_time_that_comes_twice_the_first_is_meant():
    half_past_two = TimeOfDay.parse("02:30 Europe/Berlin")
    first = half_past_two.after(moment("2026-10-24T22:00"))
    assert moment("2026-10-25T02:30", fold=0) == first
    assert moment("2026-10-26T02:30") == half_past_two.after(first)


def test_the_moment_itself_counts_where_it_is_asked_for():
    ten = TimeOfDay.parse("22:00 Europe/Berlin")
    assert moment("2026-11-20T22:00") == ten.after(moment("2026-11-20T22:00"), inclusive=True)


def test_another_zone_than_the_machines_is_another_moment():
    assert moment("2026-11-20T22:00", "Asia/Tokyo") == TimeOfDay.parse("22:00 Asia/Tokyo").after(
        moment("2026-11-20T10:00")
    )
    assert moment("2026-11-20T21:00") == TimeOfDay.parse("20:00 UTC").after(moment("2026-11-20T10:00"))


def test_without_a_zone_the_machines_own_rules_hold_even_where_the_clock_changes(in_berlin):
    half_past_seven = TimeOfDay.parse("07:30")
    for evening in ("2026-03-28T22:00", "2026-10-24T22:00", "2026-11-20T22:00"):
        assert TimeOfDay.parse("07:30 Europe/Berlin").after(moment(evening)) == half_past_seven.after(moment(evening))


def test_the_zone_of_the_machine_is_named_where_none_is(in_berlin):
    assert "Europe/Berlin" == local_zone()
    assert "22:00 Europe/Berlin" == with_zone("22:00", 0.0)
    assert "22:00 Asia/Tokyo" == with_zone("22:00 Asia/Tokyo", 0.0)


def test_a_machine_whose_zone_has_no_name_gives_its_offset(monkeypatch):
    monkeypatch.setenv("TZ", "XYZ-3:30")
    time.tzset()
    try:
        assert "22:00 +03:30" == with_zone("22:00", 0.0)
    finally:
        monkeypatch.undo()
        time.tzset()
