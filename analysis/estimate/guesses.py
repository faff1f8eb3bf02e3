"""Every method's guess of every run, each from what it may know: a prefix, other runs, the machine; never the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.estimate.beforehand import held_out
from analysis.estimate.observed import Observed
from analysis.estimate.rules import green_algorithms, tdp_times_time
from analysis.estimate.step import LEAST, WINDOW, Step, expected_epochs, step

FORETOLD, TRUE, OVER = "foretold", "true", "run over"
"""Where the number of epochs comes from; for rules of thumb, that they are told the run's duration."""
STEP_ENERGY, STEP_POWER, MEAN = "STEP, energy", "STEP, power", "mean epoch energy × n"
PRE_ENERGY, PRE_POWER = "PRE, energy", "PRE, power"
TDP, GREEN = "TDP × time", "TDP × utilisation + memory"
EARLY = (STEP_ENERGY, STEP_POWER, MEAN)
"""The methods that see a prefix of the run."""
METHODS = (
    *((name, epochs) for name in EARLY for epochs in (FORETOLD, TRUE)),
    *((name, epochs) for name in (PRE_ENERGY, PRE_POWER) for epochs in (FORETOLD, TRUE)),
    (TDP, OVER),
    (GREEN, OVER),
)
_EXACT = 1e-9
Method = tuple[str, str]


@dataclass(frozen=True)
class Asked:
    """How much of a run STEP may see: a share of its epochs, or the first so many."""

    share: float = 0.2
    first: int | None = None
    window: int = WINDOW

    def seen(self, epochs: int) -> int:
        """How many of ``epochs`` a prefix holds; may be more than there are, with ``first``."""
        return self.first if self.first is not None else max(1, math.ceil(self.share * epochs - _EXACT))

    def __str__(self) -> str:
        if self.first is not None:
            return f"the first {self.first} epoch{'' if self.first == 1 else 's'}"
        return f"{100 * self.share:g} % of the epochs"


@dataclass(frozen=True)
class Guess:
    """What one method said of one run."""

    run: Observed
    method: str
    epochs: str
    """foretold | true | run over"""
    seen: int
    """Epochs of the prefix; 0 for methods that see none."""
    energy_J: float | None
    why: str = ""

    @property
    def key(self) -> Method:
        """The method and where its number of epochs comes from."""
        return self.method, self.epochs


def early(runs: Sequence[Observed], asked: Asked) -> list[Guess]:
    """STEP and the mean of the epochs so far, at the prefix that was asked for."""
    found: list[Guess] = []
    for run in runs:
        seen = asked.seen(run.epochs)
        lengths = {FORETOLD: expected_epochs(others(runs, run), seen, run.planned), TRUE: float(run.epochs)}
        for method, of in (
            (STEP_ENERGY, _step(lambda item: item.energy_J)),
            (STEP_POWER, _step(lambda item: item.power_J)),
            (MEAN, _mean),
        ):
            for told, epochs in lengths.items():
                answer = of(run, seen, epochs, asked.window)
                energy_J, why = (None, answer) if isinstance(answer, str) else (answer, "")
                found.append(Guess(run, method, told, seen, energy_J, why))
    return found


def apart(runs: Sequence[Observed]) -> tuple[list[Guess], str]:
    """PRE and the rules of thumb, which see no prefix; and by what PRE's runs were held out."""
    found: list[Guess] = []
    expected, by, why = held_out(runs)
    for run, guess in zip(runs, expected, strict=True):
        for told, epochs in ((FORETOLD, _beforehand(runs, run, by)), (TRUE, float(run.epochs))):
            if guess is None or epochs is None:
                reason = why or "how many epochs at most is not known: give --epochs"
                found += [Guess(run, method, told, 0, None, reason) for method in (PRE_ENERGY, PRE_POWER)]
                continue
            found.append(Guess(run, PRE_ENERGY, told, 0, guess.epoch_J * epochs))
            found.append(Guess(run, PRE_POWER, told, 0, guess.power_W * guess.epoch_s * epochs))
        for method, rule in ((TDP, tdp_times_time), (GREEN, green_algorithms)):
            answer = rule(run)
            energy_J, reason = (None, answer) if isinstance(answer, str) else (answer, "")
            found.append(Guess(run, method, OVER, 0, energy_J, reason))
    return found, by


def others(runs: Sequence[Observed], run: Observed) -> list[int]:
    """How many epochs the runs of its configuration had in other blocks."""
    return [
        other.epochs
        for other in runs
        if other.configuration == run.configuration and (other.night, other.block) != (run.night, run.block)
    ]


def _beforehand(runs: Sequence[Observed], run: Observed, by: str) -> float | None:
    """The epochs that PRE may reckon with: a configuration that is held out has no finished runs."""
    return expected_epochs(others(runs, run) if by == "block" else (), 1, run.planned)


Answer = Callable[[Observed, int, float | None, int], float | str]


def _step(part: Callable[[Step], float]) -> Answer:
    def answer(run: Observed, seen: int, epochs: float | None, window: int) -> float | str:
        refusal = _refusal(run, seen, epochs)
        if refusal or epochs is None:
            return refusal
        told = step(run.spans_J[:seen], run.spans_s[:seen], epochs, window)
        return f"fewer than {LEAST} epochs tell no stable state" if told is None else part(told)

    return answer


def _mean(run: Observed, seen: int, epochs: float | None, _: int) -> float | str:
    refusal = _refusal(run, seen, epochs)
    if refusal or epochs is None:
        return refusal
    so_far = run.epochs_J[:seen]
    return float(np.mean(so_far)) * epochs if np.isfinite(so_far).all() else "readings do not cover each epoch"


def _refusal(run: Observed, seen: int, epochs: float | None) -> str:
    if seen > run.epochs:
        return "it ended before"
    if epochs is None:
        return (
            "no finished run of its configuration in another block, and how many epochs at most is not known: --epochs"
        )
    return ""
