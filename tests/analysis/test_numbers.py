"""Numbers are written with the digits that they deserve, and what is not known is never a number."""

from __future__ import annotations

import math

import pytest

from analysis.findings import Estimate
from analysis.numbers import MISSING, decimals_for, estimate, fixed, interval, p_value, percent, scale, significant


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (31900.123, "31900"),
        (123456.7, "123500"),
        (9999.96, "10000"),
        (0.00012345, "0.0001234"),
        (-3.2, "-3.200"),
        (1e10, "1.000e+10"),
        (1e-9, "1.000e-09"),
        (None, MISSING),
        (math.nan, MISSING),
        (math.inf, "∞"),
    ],
)
def test_four_significant_digits_without_an_exponent_where_it_reads_well(value, expected):
    assert expected == significant(value)


@pytest.mark.parametrize(
    ("half_width", "expected"),
    [(0.0020, 4), (0.0035, 4), (0.0036, 3), (0.0094, 3), (0.0099, 3), (1.2, 1), (35.0, 0), (36.0, -1), (360.0, -2)],
)
def test_digits_follow_the_half_width_of_the_interval(half_width, expected):
    assert expected == decimals_for(half_width)


def test_an_interval_stands_beside_its_value_in_equal_digits():
    assert "0.8740 [0.8720, 0.8760]" == interval(0.874, 0.872, 0.876)
    assert "31.90 [31.79, 32.01]" == interval(31900, 31787, 32013, 1000)
    assert "1200 [900, 1700]" == interval(1234.5, 870, 1660)
    assert "1234" == interval(1234.4, None, None)
    assert "10484874" == interval(10484874.0, None, None)
    assert "5.000 [5.000, 5.000]" == interval(5, 5, 5)
    assert MISSING == interval(None, 1, 2)


def test_an_interval_that_leaves_zero_out_is_not_written_with_a_zero():
    assert "3.5 [0.15, 80]" == interval(3.469, 0.1504, 80.02)
    assert "0.94 [0.0038, 230]" == interval(0.935, 0.0038, 229.6)
    assert "-0.010 [-0.020, -0.00010]" == interval(-0.01, -0.02, -0.0001)
    assert "0 [0, 80]" == interval(3.469, 0.0, 80.02)


def test_no_more_than_six_digits_however_narrow_the_interval():
    assert "0.0655738 [0.0655738, 0.0655738]" == interval(0.0655737704918, 0.0655737704917, 0.0655737704919)


def test_a_value_that_rounds_to_zero_has_no_sign():
    assert "0.000" == fixed(-0.0004, 3)
    assert "0.012 [0.000, 0.025]" == interval(0.0123, -0.0004, 0.025)


def test_p_is_never_zero_and_never_rounds_onto_alpha():
    assert "0.0499" == p_value(0.0499)
    assert "3.0e-20" == p_value(3e-20)
    assert "< 1e-99" == p_value(0.0)
    assert "1.00" == p_value(1.0)
    assert MISSING == p_value(None)


def test_joules_and_watts_are_scaled_and_other_units_are_not():
    assert (1e3, "kJ") == scale([31900, None, math.nan], "J")
    assert (1e6, "MJ") == scale([2e6], "J")
    assert (1e-3, "mW") == scale([0.02], "W")
    assert (1.0, "s") == scale([5000], "s")
    assert (1.0, "J") == scale([], "J")


def test_an_estimate_that_is_not_there_is_a_dash():
    assert MISSING == estimate(None)
    assert MISSING == estimate(Estimate(None, "J", note="one run"))
    assert "0.360" == percent(0.0036)


def test_an_interval_of_next_to_nothing_is_written_with_exponents():
    assert "-1.0e-12 [-4.1e-12, 2.0e-12]" == interval(-1e-12, -4.1e-12, 2e-12)
    assert "0.0000010 [-0.0000010, 0.0000030]" == interval(1e-6, -1e-6, 3e-6)
