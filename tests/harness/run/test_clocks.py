"""Clock pairs."""

import random

from harness.clocks import largest_step_s, read_clocks, suspended_s, thin
from harness.record import ClockPair

OFFSET_NS = 1_700_000_000_000_000_000
S = 1_000_000_000


def pairs(count, drift_ns=lambda n: 0, sleep_ns=lambda n: 0):
    return [
        ClockPair(n * S, n * S + OFFSET_NS + drift_ns(n) + sleep_ns(n), n * S + sleep_ns(n))
        for n in range(1, count + 1)
    ]


def on_the_line(kept, pair):
    before = max((k for k in kept if k.t_ns <= pair.t_ns), key=lambda k: k.t_ns)
    after = min((k for k in kept if k.t_ns >= pair.t_ns), key=lambda k: k.t_ns)
    share = (pair.t_ns - before.t_ns) / (after.t_ns - before.t_ns) if after != before else 0
    line = (before.realtime_ns - before.t_ns) * (1 - share) + (after.realtime_ns - after.t_ns) * share
    return pair.realtime_ns - pair.t_ns - line


def test_a_steady_clock_needs_two_pairs():
    steady = pairs(1000, drift_ns=lambda n: 40_000 * n)
    assert (steady[0], steady[-1]) == thin(steady)


def test_a_step_is_kept_from_both_sides():
    stepped = pairs(1000, drift_ns=lambda n: 30_000_000 if n > 500 else 0)
    assert {500 * S, 501 * S} <= {pair.t_ns for pair in thin(stepped)}


def test_every_dropped_pair_lies_within_a_tenth_of_a_millisecond_of_the_kept_line():
    source = random.Random(3)
    bent = pairs(2000, drift_ns=lambda n: 300 * abs(n - 700) + source.randint(-3000, 3000))
    kept = thin(bent)
    assert len(kept) < 20
    assert max(abs(on_the_line(kept, pair)) for pair in bent) <= 100_000


def test_the_largest_step_of_the_wall_clock_is_told():
    assert 0.03 == largest_step_s(pairs(10, drift_ns=lambda n: 30_000_000 if n > 5 else 0))
    assert 0.0 == largest_step_s([])


def test_sleep_counts_only_where_it_lies_between_the_two_moments():
    slept = pairs(100, sleep_ns=lambda n: 60 * S if n > 50 else 0)
    assert 60.0 == suspended_s(slept, 40 * S, 60 * S)
    assert 60.0 == suspended_s(slept, int(50.2 * S), int(50.8 * S))
    assert 0.0 == suspended_s(slept, 10 * S, 40 * S)
    assert 0.0 == suspended_s(slept, 60 * S, 90 * S)
    assert 0.0 == suspended_s([], 10 * S, 40 * S)


def test_a_torn_last_line_is_no_pair(tmp_path):
    (tmp_path / "clocks.csv").write_text("1,2,3\nbroken\n4,5,6\n7,8,9")
    assert [ClockPair(1, 2, 3), ClockPair(4, 5, 6)] == read_clocks(tmp_path / "clocks.csv")
    assert [] == read_clocks(tmp_path / "absent.csv")
