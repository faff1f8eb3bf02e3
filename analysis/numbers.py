"""Numbers -> text for people: sensible digits, an interval beside its value, a unit that suits the size.

What cannot be told is ``MISSING``, never "nan". Digits follow the interval: of its half-width two significant digits
where they begin with 10 to 35, else one (the rounding rule of the Particle Data Group, Review of Particle Physics,
"Introduction", section 5.3); a number without an interval gets four significant digits. Where an interval that leaves
0 out would so be written with a 0 in it (a ratio, from a few runs that scatter), each number has two digits of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.findings import Estimate

MISSING = "—"

_STEPS = (("M", 1e6), ("k", 1e3), ("", 1.0), ("m", 1e-3))
_SCALED_UNITS = ("J", "W", "g")
_SMALLEST_PLAIN = 1e-6
"""Below it a number is written with an exponent: nobody counts so many zeros."""
_SMALLEST_P = 1e-99
_MOST_DECIMALS = 12
_LARGEST_COUNT = 1e15
_MOST_DIGITS = 6
"""However narrow its interval, nothing that was measured is known better."""


def known(value: float | None) -> bool:
    """Whether ``value`` is a finite number."""
    return value is not None and math.isfinite(value)


def significant(value: float | None, digits: int = 4) -> str:
    """``value`` with so many significant digits, without an exponent where it can be read without one."""
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == 0:
        return "0"
    if not _SMALLEST_PLAIN <= abs(value) < 1e9:
        return f"{value:.{digits - 1}e}"
    return fixed(value, digits - 1 - math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}")))))


def fixed(value: float | None, decimals: int) -> str:
    """``value`` with so many decimals; ``decimals`` below zero rounds before the point; never "-0"."""
    if value is None or not math.isfinite(value):
        return significant(value)
    text = f"{round(value, min(decimals, _MOST_DECIMALS)):.{max(0, min(decimals, _MOST_DECIMALS))}f}"
    return text.lstrip("-") if not text.strip("-0.") else text


def decimals_for(half_width: float) -> int:
    """The decimals with which a number of this uncertainty is written; may be below zero. ``half_width`` > 0."""
    leading = float(f"{half_width:.2e}")
    exponent = math.floor(math.log10(leading))
    return 1 - exponent if round(leading / 10**exponent * 100) <= 354 else -exponent


def interval(value: float | None, low: float | None, high: float | None, factor: float = 1.0) -> str:
    """``value [low, high]``, all divided by ``factor``, with the digits that the interval warrants."""
    if value is None or not math.isfinite(value):
        return MISSING
    value /= factor
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        # A count (parameters, steps) is the same in every run and known to its last digit.
        return f"{value:.0f}" if value.is_integer() and abs(value) < _LARGEST_COUNT else significant(value)
    low, high = low / factor, high / factor
    if not high > low:
        return f"{significant(value)} [{significant(low)}, {significant(high)}]"
    largest = max(abs(value), abs(low), abs(high))
    if largest < _SMALLEST_PLAIN:
        return f"{significant(value, 2)} [{significant(low, 2)}, {significant(high, 2)}]"
    decimals = min(decimals_for((high - low) / 2), _MOST_DIGITS - 1 - math.floor(math.log10(largest)))
    texts = [fixed(number, decimals) for number in (value, low, high)]
    if (low > 0 or high < 0) and not all(text.strip("-0.") for text in texts):
        texts = [significant(number, 2) for number in (value, low, high)]
    return f"{texts[0]} [{texts[1]}, {texts[2]}]"


def estimate(item: Estimate | None, factor: float = 1.0) -> str:
    """An estimate as ``value [low, high]``; its unit belongs in the column's head."""
    return MISSING if item is None else interval(item.value, item.low, item.high, factor)


def p_value(p: float | None) -> str:
    """A p value: three significant digits (0.0499 must not read 0.05), below .001 with an exponent, never "0"."""
    if p is None or math.isnan(p):
        return MISSING
    if p < _SMALLEST_P:
        return "< 1e-99"
    return significant(p, 3) if p >= 0.001 else f"{p:.1e}"


def percent(fraction: float | None, digits: int = 3) -> str:
    """A fraction as a percentage, its sign kept, without the sign of percent (that belongs in the column's head)."""
    return MISSING if fraction is None else significant(100 * fraction, digits)


def scale(values: Iterable[float | None], unit: str) -> tuple[float, str]:
    """The factor and the unit in which ``values`` (all in ``unit``) are best read: with k, M or m."""
    finite = [abs(value) for value in values if value is not None and math.isfinite(value)]
    largest = max(finite, default=0.0)
    if unit not in _SCALED_UNITS or largest == 0:
        return 1.0, unit
    for prefix, factor in _STEPS:
        if largest >= factor:
            return factor, prefix + unit
    return _STEPS[-1][1], _STEPS[-1][0] + unit
