"""Stamps of a wall clock that is slewed, stepped and stopped, on the monotonic one."""

import pytest

from harness.instruments.energibridge_clock import WallClock
from harness.sensors.clock import Moment

S = 10**9
EPOCH = 1_700_000_000 * S
APART_NS = S // 5


def pair(t_s, offset_ns=EPOCH):
    t_ns = round(t_s * S)
    return Moment(t_ns, t_ns + offset_ns, t_ns)


def placed(pairs, stamps):
    """Take the pairs after the first, then place the stamps."""
    wall = WallClock(pairs[0])
    for item in pairs[1:]:
        wall.take(item)
    return [wall.place(stamp, APART_NS) for stamp in stamps], wall


def test_a_stamp_between_two_pairs_lies_between_them():
    found, wall = placed([pair(10), pair(11)], [EPOCH + 10 * S, EPOCH + 10 * S + 3, EPOCH + 11 * S])
    assert [10 * S, 10 * S + 3, 11 * S] == found
    assert [] == wall.steps


def test_a_slewed_clock_is_followed():
    slewed = [pair(10), pair(12, EPOCH + 1_000_000)]  # a millisecond in two seconds
    found, wall = placed(slewed, [EPOCH + 11 * S + 500_000])
    assert 11 * S == pytest.approx(found[0], abs=1000)
    assert [] == wall.steps


@pytest.mark.parametrize("by_s", [3600, -3600, 0.05, -0.05])
def test_around_a_step_each_stamp_is_placed_by_the_offset_that_fits(by_s):
    after = EPOCH + round(by_s * S)
    times = [10.1 + 0.2 * place for place in range(10)]  # the step lies at 11 s
    stamps = [round(t_s * S) + (EPOCH if t_s < 11 else after) for t_s in times]
    found, wall = placed([pair(10), pair(10.5), pair(11.5, after), pair(12.5, after)], stamps)
    assert [round(t_s * S) for t_s in times] == found
    assert [by_s] == [pytest.approx(step["by_s"]) for step in wall.steps]


def test_a_suspend_is_a_step_forward():
    found, wall = placed([pair(10), pair(11, EPOCH + 100 * S)], [EPOCH + 10.2 * S, EPOCH + 100 * S + 10.6 * S])
    assert [10.2 * S, 10.6 * S] == found
    assert 100 == round(wall.steps[0]["by_s"])


def test_a_stamp_that_goes_back_or_lies_nowhere_is_counted():
    wall = WallClock(pair(10))
    wall.take(pair(11))
    assert 10.5 * S == wall.place(EPOCH + round(10.5 * S), APART_NS)
    for stamp_s in (10.4, 10.5, 9.0, 12.0):
        assert wall.place(EPOCH + round(stamp_s * S), APART_NS) is None
    assert 4 == wall.unplaced


def test_old_pairs_are_forgotten_once_nothing_can_lie_there():
    wall = WallClock(pair(0))
    for second in range(1, 500):
        wall.take(pair(second))
        wall.place(EPOCH + round((second - 0.5) * S), APART_NS)
    assert len(wall._pairs) < 5


def test_a_file_that_is_written_late_is_placed_all_the_same():
    found, _ = placed([pair(second) for second in range(60)], [EPOCH + round((2.5 + place) * S) for place in range(50)])
    assert [round((2.5 + place) * S) for place in range(50)] == found
