"""How far a meter's power lies behind our own readings, from the load steps that both have seen. Arrays in, record out.

::

    reference   ____|#########|____          our own power, or the workload's marks: on our clock, sharp
    meter       ______.  #  #  # .  ____     polled, on a clock of its own, or simply late
                    |<->|
                    offset_s

Around each load step the meter's readings are laid over the reference shifted by every lag from EARLIEST_S to LATEST_S,
each stretch with a level and a gain of its own (a wall holds more than what our sensors see, in another place of the
night another share of it), and the squares that are left are added up. Every lag that leaves not much more than the
best one is possible; the offset is the middle of these, its uncertainty half their width. Never less is claimed than
the readings allow that stand before and after the steps: a step between two readings tells the lag to half their
distance, since how a meter comes to a value between two levels is not known; nor less than half the meter's own
refresh over the root of the number of steps. A bound, not a standard deviation.

Refused, with the reason: no step in the reference, none in the meter that stands out of its noise, a lag at the end of
what was tried, and lags too far apart that fit alike (a load that repeats itself).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.joules import Series, energy_until

EARLIEST_S, LATEST_S = -3.0, 10.0
"""The lags that are tried."""
GRID_S = 0.02
LAGS_S = np.arange(round(EARLIEST_S / GRID_S), round(LATEST_S / GRID_S) + 1) * GRID_S
SMOOTHING_S = 0.1
"""The reference is a mean over so long: bursts of milliseconds are not what a meter shows."""
SIDE_S = 1.0
"""A load step is a difference between the means of so long before and after it."""
STEP_SHARE = 0.3
"""Of the largest step of the run: smaller ones are left to noise."""
LEAST_STEP_SHARE = 0.1
"""A reference whose largest step is less than this part of its mean power has no load step."""
MOST_STEPS = 16
LEAST_W = 5.0
"""A step of a meter smaller than this may be its own rounding."""
NOISES = 4.0
"""How many times its noise a step must be to stand out."""
ALIKE = 9.0
"""Squares more than the best fit's, in units of the noise's variance, up to which a lag is possible: three sigma."""
NOISE_SHARE = 0.01
"""Noise is taken to be at least this part of the step: a gain is never quite constant."""
WIDEST_S = 2.0
"""Possible lags further apart than twice this tell none."""


@dataclass(frozen=True)
class Lag:
    """What the load steps of one run tell of a meter's lag."""

    offset_s: float
    """How late the meter's stamps are; NaN where it is not told."""
    uncertainty_s: float
    """A bound on the offset's error; NaN with it."""
    step_W: float = math.nan
    """The load's step as the meter shows it."""
    steps: int = 0
    """Load steps looked at."""
    why: str = ""
    """Why it is not told; empty where it is."""

    @property
    def told(self) -> bool:
        """Whether there is an offset."""
        return not self.why


@dataclass(frozen=True)
class Reference:
    """Power on our own clock, on a grid of GRID_S; beyond it the first and the last value hold."""

    begin_ns: int
    power_W: NDArray[np.float64]

    def places(self, t_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """The grid's place of each stamp; may lie outside."""
        places: NDArray[np.int64] = np.rint((t_ns - self.begin_ns) / (GRID_S * 1e9)).astype(np.int64)
        return places


def reference_of(traces: Sequence[Series]) -> Reference | None:
    """The sum of ``traces`` over the time that all of them cover; None where there is no such time.

    Counters count by their growth. Several sources may be summed here that must never be summed as energy: only the
    moments of the steps matter.
    """
    known = [series for series in traces if len(series.t_ns) > 1]
    if not known:
        return None
    begin_ns, end_ns = max(int(item.t_ns[0]) for item in known), min(int(item.t_ns[-1]) for item in known)
    count = int((end_ns - begin_ns) / 1e9 / GRID_S)
    if count * GRID_S < 2 * SIDE_S:
        return None
    grid_ns = begin_ns + np.rint(np.arange(count + 1) * GRID_S * 1e9).astype(np.int64)
    joules = np.sum([energy_until(item, grid_ns) for item in known], axis=0)
    width = max(1, round(SMOOTHING_S / GRID_S))
    smooth = np.convolve(np.diff(joules) / GRID_S, np.ones(width) / width, mode="same")
    edge = width // 2  # there the mean would take in zeros from beyond
    smooth[:edge], smooth[count - edge :] = smooth[edge], smooth[count - edge - 1]
    return Reference(begin_ns, smooth)


def reference_of_marks(begin_ns: int, end_ns: int) -> Reference:
    """A load that begins and ends with two marks, of no known size."""
    before_s = LATEST_S + 2 * SIDE_S
    grid_s = np.arange(-before_s, (end_ns - begin_ns) / 1e9 + before_s, GRID_S)
    on = ((grid_s >= 0) & (grid_s < (end_ns - begin_ns) / 1e9)).astype(float)
    return Reference(begin_ns - round(before_s * 1e9), on)


def lag_of(meter: Series, reference: Reference, refresh_s: float = 0.0) -> Lag:
    """How late ``meter`` (a gauge or a mean, W) is against ``reference``; ``refresh_s`` is that of its own values."""
    steps = load_steps(reference.power_W)
    if not len(steps):
        return _untold("our own readings have no load step")
    stretches = _stretches(meter, reference, steps)
    freedom = sum(len(power_W) for _, power_W in stretches) - 2 * len(stretches) - 1
    if freedom < 1:
        return _untold("the meter has too few readings around the load steps", steps=len(steps))
    fits = [_fit(reference, places, power_W) for places, power_W in stretches]
    squares = np.sum([fit.squares for fit in fits], axis=0)
    best = int(np.argmin(squares))
    step_W = max(float(fit.step_W[best]) for fit in fits)
    noise_W = math.sqrt(float(squares[best]) / freedom)
    if step_W < max(LEAST_W, NOISES * noise_W):
        why = f"no load step of it stands out: {step_W:.3g} W against a noise of {noise_W:.2g} W"
        return _untold(why, step_W, len(steps))
    possible = LAGS_S[squares <= squares[best] + ALIKE * max(noise_W, NOISE_SHARE * step_W) ** 2]
    first_s, last_s = float(possible[0]), float(possible[-1])
    offset_s, half_s = (first_s + last_s) / 2, (last_s - first_s) / 2
    if first_s == LAGS_S[0] or last_s == LAGS_S[-1]:
        return _untold(f"its lag lies outside of {EARLIEST_S:g} to {LATEST_S:g} s", step_W, len(steps))
    if half_s > WIDEST_S:
        return _untold(f"lags from {first_s:.1f} to {last_s:.1f} s fit alike", step_W, len(steps))
    least_s = max(_between_readings_s(meter, reference, steps, offset_s), refresh_s / math.sqrt(len(steps))) / 2
    return Lag(offset_s, max(half_s, least_s) + SMOOTHING_S / 2, step_W, len(steps))


def load_steps(power_W: NDArray[np.float64]) -> NDArray[np.int64]:
    """The grid's places at which the load changes most, (k,), in order of time; none where it hardly changes."""
    side = round(SIDE_S / GRID_S)
    if len(power_W) <= 2 * side:
        return np.empty(0, np.int64)
    total = np.concatenate([[0.0], np.cumsum(power_W)])
    middle = np.arange(side, len(power_W) - side + 1)
    change = np.abs((total[middle + side] - 2 * total[middle] + total[middle - side]) / side)
    largest = float(change.max())
    if not largest > LEAST_STEP_SHARE * float(np.abs(power_W).mean()):
        return np.empty(0, np.int64)
    left = change.copy()
    found: list[int] = []
    while len(found) < MOST_STEPS and left.max() >= STEP_SHARE * largest:
        place = int(np.argmax(left))
        found.append(int(middle[place]))
        left[max(0, place - side) : place + side + 1] = 0.0
    return np.sort(np.array(found, np.int64))


@dataclass(frozen=True)
class _Fit:
    """One stretch at every lag."""

    squares: NDArray[np.float64]
    """What is left of the meter's power, W^2, summed over the stretch's readings."""
    step_W: NDArray[np.float64]
    """The largest step that the meter is then taken to show; never negative."""


def _stretches(
    meter: Series, reference: Reference, steps: NDArray[np.int64]
) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """The meter's readings that may show a step, as (places in the reference, W); overlapping stretches become one."""
    before, after = round((SIDE_S - EARLIEST_S) / GRID_S), round((SIDE_S + LATEST_S) / GRID_S)
    bounds: list[list[int]] = []
    for step in steps.tolist():
        if bounds and step - before <= bounds[-1][1]:
            bounds[-1][1] = step + after
        else:
            bounds.append([step - before, step + after])
    places = reference.places(meter.t_ns)
    cut = [np.flatnonzero((places >= low) & (places <= high)) for low, high in bounds]
    return [(places[rows], meter.value[rows]) for rows in cut if len(rows) > 2]


def _fit(reference: Reference, places: NDArray[np.int64], power_W: NDArray[np.float64]) -> _Fit:
    """Least squares of the meter's power on the reference shifted by each lag, with a level and a gain."""
    lags = np.rint(LAGS_S / GRID_S).astype(np.int64)
    last = len(reference.power_W) - 1
    shifted = reference.power_W[np.clip(places[None, :] - lags[:, None], 0, last)]
    centred = shifted - shifted.mean(axis=1, keepdims=True)
    about = power_W - power_W.mean()
    variance, together = (centred**2).sum(axis=1), centred @ about
    gain = np.where(variance > 0, np.maximum(together, 0.0) / np.where(variance > 0, variance, 1.0), 0.0)
    squares = float((about**2).sum()) - gain * (2 * together - gain * variance)
    return _Fit(np.maximum(squares, 0.0), gain * np.ptp(shifted, axis=1))


def _between_readings_s(meter: Series, reference: Reference, steps: NDArray[np.int64], offset_s: float) -> float:
    """How far a lag can be moved without any reading coming to lie on the other side of a step."""
    stamps_s = (meter.t_ns - reference.begin_ns) / 1e9
    steps_s = steps * GRID_S
    after = np.searchsorted(stamps_s, steps_s + offset_s, "right")
    seen = (after > 0) & (after < len(stamps_s))
    if not seen.any():
        return 0.0
    earliest_s, latest_s = (
        (stamps_s[after[seen] - 1] - steps_s[seen]).max(),
        (stamps_s[after[seen]] - steps_s[seen]).min(),
    )
    return max(0.0, float(latest_s - earliest_s))


def _untold(why: str, step_W: float = math.nan, steps: int = 0) -> Lag:
    return Lag(math.nan, math.nan, step_W, steps, why)
