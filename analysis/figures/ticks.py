"""Ticks of logarithmic axes of ratios."""

from __future__ import annotations

import math

from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

_LEAST, _MOST = 4, 9
_DIGITS = ((1, 1.5, 2, 3, 4, 5, 7), (1, 1.5, 2, 3, 5, 7), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,))


def ratio_ticks(low: float, high: float) -> list[float]:
    """Round numbers from ``low`` to ``high`` (both positive) for a logarithmic axis, 1 among them: 4 to 9 of them.

    Over wide ranges powers of ten, or each second or third of them; within a few per cent of 1, where no such number
    lies, evenly spaced ones.
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in _DIGITS:
        # As it is written: 3 times a tenth is not 0.3.
        ticks = [tick for power in decades for digit in digits if low <= (tick := float(f"{digit}e{power}")) <= high]
        if len(ticks) <= _MOST:
            break
    if len(ticks) > _MOST:
        step = -(-len(ticks) // _MOST)
        return [tick for power in decades if power % step == 0 and low <= (tick := float(f"1e{power}")) <= high]
    if len(ticks) < _LEAST:
        ticks = [float(f"{tick:.9g}") for tick in MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)]
        ticks = [tick for tick in ticks if low <= tick <= high]
    return ticks


def mark_ratios(axis: Axis, low: float, high: float) -> None:
    """Mark a logarithmic ``axis`` from ``low`` to ``high`` with plain numbers, and with nothing between them."""
    axis.set_major_locator(FixedLocator(ratio_ticks(low, high)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())
