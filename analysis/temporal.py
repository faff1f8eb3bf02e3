"""What a study found about the time inside its runs: frozen records, a part of the findings."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.estimates import Estimate


@dataclass(frozen=True)
class EpochMean:
    """One epoch of one configuration, over its runs; intervals are of the mean."""

    configuration: str
    epoch: int
    n: int
    """Runs that came so far."""
    energy: Estimate
    """J."""
    cumulative: Estimate
    """J of this epoch and all before it."""
    duration: Estimate
    """s."""
    efficiency: Estimate | None = None
    """The accuracy reported at this epoch, in per cent, for each Wh of the epochs until then; None: not reported."""


@dataclass(frozen=True)
class EpochRate:
    """How fast a configuration's energy grows from epoch to epoch."""

    configuration: str
    slope: Estimate
    """Wh per epoch: least squares on the cumulative energy of each run, then the mean over runs."""
    fewest_epochs: int
    most_epochs: int
    """Of a run: they differ with early stopping."""
    total: Estimate
    """Wh of all epochs of a run."""
    accuracy: Estimate | None = None
    """The best of a run's epochs, per cent; None: not reported."""
    efficiency: Estimate | None = None
    """Of it and the run's whole energy, % per Wh."""


@dataclass(frozen=True)
class Course:
    """How power goes within the runs of a configuration: Theil-Sen slopes of each run, then the mean over runs."""

    configuration: str
    whole: Estimate
    """W per minute, over the window."""
    settled: Estimate
    """W per minute, over what comes after ``early_s``."""
    early: Estimate
    """Mean power of the first ``early_s`` over that of the rest."""
    early_s: float | None
    """The longest of a run's first stretch; None where the windows are too short to tell it apart."""


@dataclass(frozen=True)
class Dips:
    """Stretches in which a domain's power falls well below the run's own level, by the phase in which they lie."""

    configuration: str
    domain: str
    place: str
    """The phase, "between epochs", or "all" for the whole window."""
    runs: int
    """Whose readings can tell dips."""
    runs_with: int
    count: Estimate
    """A run."""
    share: Estimate
    """Of the window's time, %."""


@dataclass(frozen=True)
class Load:
    """How busy a device was in the window, or how much of the window went by waiting."""

    configuration: str
    what: str
    """A channel ("gpu0.utilisation_pct"), or "waiting for input"."""
    share: Estimate
    """%, mean over the runs of the window's mean."""
    smallest: float | None
    largest: float | None
    """Of a run."""


@dataclass(frozen=True)
class Temporal:
    """All of these."""

    epochs: tuple[EpochMean, ...] = ()
    rates: tuple[EpochRate, ...] = ()
    courses: tuple[Course, ...] = ()
    dips: tuple[Dips, ...] = ()
    loads: tuple[Load, ...] = ()
    accuracy: str = ""
    """The metric of the epochs that is the accuracy above; empty where none is reported."""
    has_band: bool = False
    """Whether the power over time of some configuration has a band for all times at once, by flips of whole runs."""
