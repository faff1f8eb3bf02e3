"""STEP: the whole energy of a run from its first epochs. Arrays in, a number out; nothing after the prefix is seen.

An epoch here lasts from the end of the one before it (the window's begin, for the first) to its own end, so that what
lies between epochs is not lost. With the prefix of k epochs, d of them a start-up (``statistics.stable``), the w' =
min(w, k - d) last ones are the stable window::

    energy = measured before the stable window + E(stable window) / w' x (n - epochs before it)
    power  = E(stable window) / t(stable window) x (time before it + t(stable window) / w' x (n - epochs before it))

The first is the published energy variant with everything before the stable window as "measured start"; the second is
mean watts over the stable window x the whole time, which early on has to be foretold too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis.statistics.stable import is_settled, stable_from

WINDOW = 5
"""Stable epochs at most, as published."""
LEAST = 2
"""Epochs without which no stable state can be told from a start-up."""


@dataclass(frozen=True)
class Step:
    """What a prefix foretells."""

    energy_J: float
    """The energy variant."""
    power_J: float
    """The power variant."""
    power_W: float
    """Mean over the stable window."""
    duration_s: float
    start: int
    """Epochs of the start-up."""
    window: int
    """Epochs of the stable window."""
    settled: bool
    """False: the start-up may go on, no stable rest was seen."""


def start_of(spans_J: ArrayLike, spans_s: ArrayLike) -> int:
    """How many epochs of a prefix are start-up: the longer of what their energies and their mean powers tell."""
    energies, lengths = np.asarray(spans_J, dtype=float), np.asarray(spans_s, dtype=float)
    return max(stable_from(energies), stable_from(energies / lengths))


def step(spans_J: ArrayLike, spans_s: ArrayLike, epochs: float, window: int = WINDOW) -> Step | None:
    """What a prefix of k epochs, joules and seconds of each (k,), foretells of a run of ``epochs``.

    None for fewer than LEAST epochs, where one of them is not known, or where the run is shorter than its prefix.
    """
    energies, lengths = np.asarray(spans_J, dtype=float), np.asarray(spans_s, dtype=float)
    seen = energies.size
    if seen < LEAST or epochs < seen or not np.isfinite(energies).all() or not (lengths > 0).all():
        return None
    start = start_of(energies, lengths)
    used = min(window, seen - start)
    before = seen - used
    stable_J, stable_s = math.fsum(energies[before:]), math.fsum(lengths[before:])
    duration_s = math.fsum(lengths[:before]) + stable_s / used * (epochs - before)
    return Step(
        energy_J=math.fsum(energies[:before]) + stable_J / used * (epochs - before),
        power_J=stable_J / stable_s * duration_s,
        power_W=stable_J / stable_s,
        duration_s=duration_s,
        start=start,
        window=used,
        settled=is_settled(energies) and is_settled(energies / lengths),
    )


def expected_epochs(finished: ArrayLike, seen: int, planned: float | None) -> float | None:
    """How many epochs a run will have, of which ``seen`` are over.

    The mean of the ``finished`` runs (of its configuration, in other blocks) that had as many or more; else the
    ``planned`` maximum; None where that is not known, or was passed.
    """
    told = np.asarray(finished, dtype=float)
    told = told[told >= seen]
    if told.size:
        return float(told.mean())
    return planned if planned is not None and planned >= seen else None
