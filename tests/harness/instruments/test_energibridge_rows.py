"""Lines of EnergiBridge's file -> rows; its counters -> joules."""

import math
import random

import pytest

from harness.instruments.energibridge_columns import layout_of
from harness.instruments.energibridge_rows import Counter, Meter, Rows, Tail

NAMES = ("Delta", "Time", "CPU_USAGE_0", "PACKAGE_ENERGY (J)", "TOTAL_MEMORY")
LAYOUT = layout_of(NAMES, lambda _cpu: 0, 0.2)
SECOND_NS = 10**9


def numbers(rows):
    return [(row.stamp_ns // 10**6, row.numbers["PACKAGE_ENERGY (J)"]) for row in rows]


def test_a_line_counts_once_its_newline_is_there(tmp_path):
    path = tmp_path / "file.csv"
    path.write_bytes(b"Delta,Time\n0,17")
    tail = Tail(path)
    assert (["Delta,Time"], 4) == (tail.lines(), tail.torn_B)
    with path.open("ab") as file:
        file.write(b"00\n0,18\n")
    assert (["0,1700", "0,18"], 0) == (tail.lines(), tail.torn_B)
    assert [] == tail.lines()
    tail.close()


def test_a_row_is_its_stamp_and_the_wanted_numbers():
    (row,) = Rows(LAYOUT).take(["200,1700000000123,12.5,1000.25,8000000000"])
    assert 1700000000123_500_000 == row.stamp_ns
    assert {"CPU_USAGE_0": 12.5, "PACKAGE_ENERGY (J)": 1000.25} == row.numbers


def test_a_second_row_of_the_same_stamp_is_passed_over():
    rows = Rows(LAYOUT)
    assert [(5, 1.0), (6, 2.0)] == numbers(rows.take(["0,5,1,1,8", "200,5,1,1.5,8", "0,6,1,2,8"]))
    assert (1, 0) == (rows.duplicates, rows.unreadable)


@pytest.mark.parametrize("line", ["", "0", "0,5,1,1", "x,y,z,1,8", "0,5,1,1e,8", "0,,1,1,8", "0,5.5,1,1,8", "0,5,,1,8"])
def test_a_line_that_is_no_row_is_counted_and_passed_over(line):
    rows = Rows(LAYOUT)
    assert [(6, 2.0)] == numbers(rows.take([line, "0,6,1,2,8"]))
    assert 1 == rows.unreadable
    assert rows.complaint


def test_in_a_longer_row_the_counter_is_found_where_it_moved_to():
    rows = Rows(LAYOUT)
    assert [(5, 1.0), (6, 2.0)] == numbers(rows.take(["0,5,1,1,8", "0,6,1,90000,50,2,8"]))
    assert (1, 0) == (rows.longer, rows.unreadable)


def test_a_longer_row_whose_constant_stands_elsewhere_is_not_believed():
    rows = Rows(LAYOUT)
    assert [(5, 1.0)] == numbers(rows.take(["0,5,1,1,8", "0,6,1,2,8,90000"]))
    assert (1, 1) == (rows.longer, rows.unreadable)
    assert "6 values where the header names 5" == rows.complaint


def grown(values, apart_s=0.2, **options):
    counter = Counter(**options)
    return [counter.take(round(place * apart_s * SECOND_NS), value) for place, value in enumerate(values)], counter


@pytest.mark.parametrize("range_J", [65536.0, 131072.0, 262144.0, 524288.0])
def test_a_turn_is_added_up_whatever_the_counter_s_range(range_J):
    totals, counter = grown([range_J - 30, range_J - 10, 15, 40])
    assert [0, 20, 45, 70] == totals
    assert (1, "") == (counter.turns, counter.ended)


def test_a_day_of_turns_keeps_every_joule():
    rng = random.Random(1)
    raw, power_J, values, expected = 1234.0, 0.0, [], []
    for _ in range(200_000):
        step_J = round(rng.uniform(10, 60) * 2**14) / 2**14
        power_J += step_J
        raw = (raw + step_J) % 262144.0
        values.append(raw)
        expected.append(power_J - 0)
    totals, counter = grown(values)
    assert expected[-1] - expected[0] == pytest.approx(totals[-1], abs=1e-6)
    assert counter.turns > 20


def test_a_counter_that_was_set_back_ends():
    totals, counter = grown([50000, 50010, 100, 110])
    assert [0, 10, None, None] == totals
    assert "neither a step forward nor a turn" in counter.ended


def test_a_step_that_no_package_can_take_ends_the_counter():
    totals, counter = grown([1000, 1010, 9000])
    assert [0, 10, None] == totals
    assert counter.ended


def test_a_gap_that_could_hide_a_turn_ends_the_counter():
    totals, counter = grown([1000, 1100], apart_s=70)
    assert [0, None] == totals
    assert "unread for 70 s, in which its counter may have gone once round" == counter.ended
    assert [0, 100] == grown([200000, 200100], apart_s=70)[0]  # its range is known to be larger


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, 600000.0])
def test_a_number_that_no_counter_shows_ends_it(value):
    totals, counter = grown([1000, value, 1001])
    assert [0, None, None] == totals
    assert "no 32-bit counter" in counter.ended


def test_with_a_wrong_unit_any_step_is_taken():
    totals, counter = grown([2.0**32 - 5e6, 2.0**32 - 1e6, 4e6], wrong_unit=True)
    assert [0, 4e6, 9e6] == totals
    assert "" == counter.ended


def meter(*names):
    (quantity,) = layout_of(("Delta", "Time", *names), lambda _cpu: 0, 0.2).quantities
    return Meter(quantity)


def test_cores_are_added_up_each_by_itself_before_their_sum():
    cores = meter("CORE0_ENERGY (J)", "CORE1_ENERGY (J)")
    assert 0 == cores.take(0, {"CORE0_ENERGY (J)": 65530, "CORE1_ENERGY (J)": 10})
    assert 23 == cores.take(SECOND_NS, {"CORE0_ENERGY (J)": 4, "CORE1_ENERGY (J)": 23})
    assert 1 == cores.turns


def test_a_sum_of_which_a_part_is_missing_is_missing():
    cores = meter("CORE0_ENERGY (J)", "CORE1_ENERGY (J)")
    cores.take(0, {"CORE0_ENERGY (J)": 10, "CORE1_ENERGY (J)": 10})
    assert cores.take(SECOND_NS, {"CORE0_ENERGY (J)": 20}) is None
    assert 1 == cores.missed
    assert 25 == cores.take(2 * SECOND_NS, {"CORE0_ENERGY (J)": 30, "CORE1_ENERGY (J)": 15})
    assert cores.take(3 * SECOND_NS, {"CORE0_ENERGY (J)": 1, "CORE1_ENERGY (J)": 16}) is None
    assert "CORE0_ENERGY (J): its counter went from 30 to 1 J" in cores.ended


def test_means_and_maxima_pass_over_what_was_not_there():
    assert 3000.0 == meter("CPU_FREQUENCY_0", "CPU_FREQUENCY_1").take(
        0, {"CPU_FREQUENCY_0": 0, "CPU_FREQUENCY_1": 3000}
    )
    assert 42.0 == meter("CPU_TEMP_0", "CPU_TEMP_1").take(0, {"CPU_TEMP_0": math.nan, "CPU_TEMP_1": 42})
    assert 5.0 == meter("CPU_USAGE_0", "CPU_USAGE_1").take(0, {"CPU_USAGE_0": 0, "CPU_USAGE_1": 10})
    nothing = meter("CPU_TEMP_0")
    assert nothing.take(0, {"CPU_TEMP_0": 0}) is None
    assert 1 == nothing.missed


def test_milliwatts_become_watts_and_new_values_are_counted():
    gpu = meter("GPU0_POWER (mWatts)")
    assert [90.0, 90.0, 91.0] == [gpu.take(0, {"GPU0_POWER (mWatts)": value}) for value in (90000, 90000, 91000)]
    assert (3, 2) == (gpu.values, gpu.changes)
