"""A night that has not begun: what each of its configurations will use, and the whole of it.

A configuration that the nights at hand have measured, by the same command with the same levels, gets the mean of its
runs, with the interval in which a further run lies. Any other gets PRE's guess, with PRE's own error on the runs at
hand beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.estimate.beforehand import held_out, learn
from analysis.estimate.known import PLANNED, known_beforehand, planned_epochs
from analysis.estimate.observed import Observed
from analysis.estimates import Estimate
from analysis.statistics.describe import mean
from analysis.statistics.prediction import next_run, sum_of_runs

MEASURED, REGRESSION = "measured", "PRE"


@dataclass(frozen=True)
class Coming:
    """One configuration of the coming night, as it stands in its plan."""

    name: str
    levels: Mapping[str, Any]
    command: tuple[str, ...]
    """Filled in, without a seed."""
    runs: int
    measured: frozenset[tuple[str, str]] = frozenset()
    """The (night, configuration) pairs at hand that are the same."""


@dataclass(frozen=True)
class Ahead:
    """What is foretold of one configuration."""

    configuration: str
    runs: int
    how: str
    """measured | PRE; empty where it cannot be told."""
    energy: Estimate
    """Of one run's window; of PRE without an interval."""
    whole_s: float | None
    """Of one run's workload, from launch to exit."""
    error_pct: float | None = None
    """PRE's mean absolute error on runs at hand that it had not seen, told their true number of epochs."""
    note: str = ""


@dataclass(frozen=True)
class NightAhead:
    """What is foretold of a night."""

    configurations: tuple[Ahead, ...]
    energy: Estimate
    """Of all runs' windows; with an interval where every configuration was measured."""
    run_s: float | None
    """Mean length of a run over the night's runs."""


def before(
    runs: Sequence[Observed],
    coming: Sequence[Coming],
    host: Mapping[str, Any],
    *,
    level: float,
    planned: float | None = None,
) -> NightAhead:
    """What the night of ``coming`` will use, by ``runs`` that are over; ``host`` facts are those of their machine."""
    of = {item.name: [run for run in runs if (run.night, run.configuration) in item.measured] for item in coming}
    usable = sorted(set.intersection(*(set(_known(item, runs, host, planned)) for item in coming)))
    error = _error_pct(runs, usable) if any(not of[item.name] for item in coming) else None
    found = [
        _as_measured(item, of[item.name], level)
        if of[item.name]
        else _by_regression(item, runs, _known(item, runs, host, planned), error)
        for item in coming
    ]
    return NightAhead(tuple(found), _total(found, of, level), _run_s(found))


def _as_measured(item: Coming, runs: Sequence[Observed], level: float) -> Ahead:
    energy = next_run([run.energy_J for run in runs], "J", level)
    whole = mean([run.whole_s for run in runs], "s", level).value
    return Ahead(item.name, item.runs, MEASURED, energy, whole, note=energy.note)


def _known(
    item: Coming, runs: Sequence[Observed], host: Mapping[str, Any], planned: float | None
) -> dict[str, float | str]:
    """The facts of a coming run; limits of power are those under which the runs at hand were measured."""
    known = known_beforehand(item.levels, {}, item.command, host, {})
    maximum = planned if planned is not None else planned_epochs(item.command, item.levels)
    known |= {} if maximum is None else {PLANNED: maximum}
    return known | {name: value for name, value in runs[0].known.items() if name.startswith("limit of ")}


def _by_regression(
    item: Coming, runs: Sequence[Observed], known: Mapping[str, float | str], error: float | None
) -> Ahead:
    maximum = known.get(PLANNED)
    if not isinstance(maximum, float):
        why = "how many epochs at most is not known: give --epochs"
        return Ahead(item.name, item.runs, "", Estimate(None, "J", note=why), None, note=why)
    regression = learn(runs, sorted(known))
    guess = regression.guess(known)
    energy = Estimate(guess.epoch_J * maximum, "J", n=len(runs), note="PRE gives no interval; see its error")
    beside_s = float(sum(run.whole_s - run.duration_s for run in runs)) / len(runs)
    notes = [f"PRE: all {maximum:g} epochs; that a run may stop early is not foreseen"]
    if unlearnt := regression.unlearnt(known):
        notes.append(f"not learnt from these nights, and counted for nothing: {', '.join(unlearnt)}")
    whole_s = guess.epoch_s * maximum + beside_s
    return Ahead(item.name, item.runs, REGRESSION, energy, whole_s, error, "; ".join(notes))


def _error_pct(runs: Sequence[Observed], usable: Sequence[str]) -> float | None:
    """The mean absolute error of PRE's energy variant on held-out runs, by the facts that a coming run has too."""
    guesses, _, why = held_out(runs, usable)
    if why:
        return None
    errors = [
        abs(guess.epoch_J * run.epochs / run.energy_J - 1) for guess, run in zip(guesses, runs, strict=True) if guess
    ]
    return 100 * math.fsum(errors) / len(errors) if errors else None


def _total(found: Sequence[Ahead], of: Mapping[str, Sequence[Observed]], level: float) -> Estimate:
    if any(item.energy.value is None for item in found):
        return Estimate(None, "J", note="a configuration cannot be told")
    if all(item.how == MEASURED for item in found):
        measured = [[run.energy_J for run in of[item.configuration]] for item in found]
        return sum_of_runs(measured, [item.runs for item in found], "J", level)
    energy_J = math.fsum((item.energy.value or 0.0) * item.runs for item in found)
    return Estimate(energy_J, "J", n=sum(item.energy.n for item in found), note="partly by PRE: no interval")


def _run_s(found: Sequence[Ahead]) -> float | None:
    count = sum(item.runs for item in found)
    if not count or any(item.whole_s is None for item in found):
        return None
    return math.fsum((item.whole_s or 0.0) * item.runs for item in found) / count
