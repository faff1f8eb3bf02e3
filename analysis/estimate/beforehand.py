"""PRE: what a run costs before it begins, from runs that are over, by regression on what was known beforehand.

Kernel ridge on logarithms (``statistics.kernel_ridge``) of three targets: mean watts, seconds an epoch and joules an
epoch, of the window as a whole. The energy variant is joules an epoch x epochs; the power variant watts x seconds an
epoch x epochs.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.estimate.known import columns, matrix
from analysis.estimate.observed import Observed
from analysis.statistics.kernel_ridge import KernelRidge, fit

LEAST_CONFIGURATIONS = 3
"""From so many on whole configurations are held out; below that, blocks."""


@dataclass(frozen=True)
class Guess:
    """What PRE expects of one run."""

    power_W: float
    epoch_s: float
    epoch_J: float


@dataclass(frozen=True)
class Regression:
    """The three fitted regressions, and by what."""

    names: tuple[str, ...]
    """The facts that were used."""
    training: tuple[Mapping[str, float | str], ...]
    power: KernelRidge
    epoch_s: KernelRidge
    epoch_J: KernelRidge

    def guess(self, known: Mapping[str, float | str]) -> Guess:
        """What a run with these facts is expected to be."""
        row = np.array(matrix([known], self.names, self.training))
        return Guess(*(float(np.exp(model.predict(row)[0])) for model in (self.power, self.epoch_s, self.epoch_J)))

    def unlearnt(self, known: Mapping[str, float | str]) -> tuple[str, ...]:
        """The facts in which this run differs from all that were learnt from, and which thus count for nothing."""
        first = self.training[0]
        never = [name for name in first if name not in self.names and name in known and known[name] != first[name]]
        texts = [name for name in self.names if name in known and isinstance(known[name], str)]
        new = [name for name in texts if known[name] not in {row[name] for row in self.training}]
        return (*never, *new)


def learn(runs: Sequence[Observed], usable: Sequence[str] | None = None) -> Regression:
    """The regressions of ``runs``, those of a group of which the same is known taken together.

    Of ``usable`` facts only, where those of the run to be foretold are fewer.
    """
    names = tuple(name for name in columns([run.known for run in runs]) if usable is None or name in usable)
    alike: dict[Hashable, list[Observed]] = {}
    for run, group in zip(runs, cohort(runs), strict=True):
        alike.setdefault((group, *(run.known[name] for name in names)), []).append(run)
    groups = [key[0] for key in alike if isinstance(key, tuple)]
    training = tuple(part[0].known for part in alike.values())
    x = np.array(matrix(training, names, training))
    targets = np.array([_logarithms(part) for part in alike.values()]).T
    return Regression(names, training, *(fit(x, target, groups) for target in targets))


def _logarithms(runs: Sequence[Observed]) -> tuple[float, float, float]:
    """Of watts, seconds an epoch and joules an epoch: the means over runs of which the same is known."""
    return (
        float(np.mean([np.log(run.energy_J / run.duration_s) for run in runs])),
        float(np.mean([np.log(run.duration_s / run.epochs) for run in runs])),
        float(np.mean([np.log(run.energy_J / run.epochs) for run in runs])),
    )


def cohort(runs: Sequence[Observed]) -> list[Hashable]:
    """By what a run is held out: its configuration where there are LEAST_CONFIGURATIONS, else its block."""
    names: list[Hashable] = [run.configuration for run in runs]
    if len(set(names)) >= LEAST_CONFIGURATIONS:
        return names
    return [(run.night, run.block) for run in runs]


def held_out(runs: Sequence[Observed], usable: Sequence[str] | None = None) -> tuple[list[Guess | None], str, str]:
    """What PRE, fitted without a run's group, expects of each run; by what they were held out, and why None.

    By ``usable`` facts only, where they are given.
    """
    groups = cohort(runs)
    by = "configuration" if groups and isinstance(groups[0], str) else "block"
    if len(set(groups)) < 2:
        return [None] * len(runs), by, "one configuration in one block leaves nothing to learn from"
    found: dict[Hashable, list[Guess]] = {}
    for group in dict.fromkeys(groups):
        rest = [run for run, of in zip(runs, groups, strict=True) if of != group]
        out = [run for run, of in zip(runs, groups, strict=True) if of == group]
        shared = set.intersection(*(set(run.known) for run in out))
        regression = learn(rest, sorted(shared if usable is None else shared & set(usable)))
        found[group] = [regression.guess(run.known) for run in out]
    taken = {group: iter(guesses) for group, guesses in found.items()}
    return [next(taken[group]) for group in groups], by, ""
