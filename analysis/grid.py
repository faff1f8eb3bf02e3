"""A night as a grid of factors: every combination of levels with what became of it, and what each factor does.

::

    found = grid(night, runs, compared, method)
    found.cells        every combination, the excluded and the retired included
    found.effects      each factor and each interaction: F, partial eta squared
    found.contrasts    each level against the baseline's, and ratios of ratios

What the analysis plan names of them (``analysis.effects``) is a family; see ``declared_effects``.

Within blocks a contrast is a paired t on what each whole block says of it; where fewer than half of the blocks hold
every cell that it needs, and where there are no blocks, it is told by OLS over all runs.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.cells import cells_of, levels_of, text
from analysis.comparisons import Method, compare
from analysis.declared_effects import NOTHING_LEFT, Terms, declared_contrasts, declared_effects
from analysis.estimates import Estimate
from analysis.family import anchor
from analysis.findings import Comparison
from analysis.grid_findings import FactorContrast, FactorEffect, Grid
from analysis.load import Night
from analysis.statistics.factorial import CellMeans, block_contrast, cell_means, factor_effects
from analysis.statistics.families import SHORT
from analysis.statistics.scatter import NOT_POSITIVE

Key = tuple[str, ...]
_ENOUGH = 0.5
"""Part of the blocks that must hold every cell of a contrast for the paired t."""


def grid(
    night: Night, runs: pd.DataFrame, compared: Sequence[Comparison], method: Method, terms: Terms = ()
) -> Grid | None:
    """The grid of a night; ``runs`` as ``quality.assess`` leaves them. None for a night without factors.

    Effects are reckoned for two factors or more, or one of three levels or more, or where ``terms`` (the effects that
    the plan declares) name any; contrasts for two factors or more.
    """
    factors = tuple(night.protocol.factors) or tuple(dict.fromkeys(key for of in night.levels.values() for key in of))
    if not factors:
        return None
    levels = levels_of(night, factors)
    baseline = anchor(night, night.protocol.analysis)
    of_baseline = tuple(text(night.levels[baseline][factor]) for factor in factors)
    kept = runs[runs.state == "headline"]
    ratios = _ratios(night, runs, compared, baseline, method)
    every = tuple(cells_of(night, runs, factors, levels, ratios))
    found = Grid(factors, levels, baseline, of_baseline, every, correction=SHORT[method.correction])
    varied = [len({cell.levels[place] for cell in found.cells if cell.planned}) > 1 for place in range(len(factors))]
    mark = functools.partial(
        declared_effects, terms=terms, factors=factors, correction=method.correction, alpha=method.alpha
    )
    if kept.empty or not any(varied) or (sum(varied) < 2 and len(night.configurations) < 3 and not terms):
        return replace(found, effects=tuple(mark([], why="no run is in the headline" if kept.empty else NOTHING_LEFT)))
    if kept.value.min() <= 0:
        effects = mark([], why=NOT_POSITIVE)
        return replace(found, effects=tuple(effects), model=f"No effects of factors: {NOT_POSITIVE}.")
    model = _Model(night, kept, factors, method)
    contrasts = declared_contrasts(_contrasts(found, model), terms, method.correction) if sum(varied) > 1 else []
    effects = mark(model.effects())
    return replace(found, effects=tuple(effects), contrasts=tuple(contrasts), model=_words(effects, contrasts, model))


def _ratios(
    night: Night,
    runs: pd.DataFrame,
    compared: Sequence[Comparison],
    baseline: str,
    method: Method,
) -> dict[str, Estimate]:
    """The ratio of each configuration to the baseline's: as it was compared, else by the same test."""
    kept, eligible = runs[runs.state == "headline"], runs[runs.eligible]
    found = {item.configuration: item.ratio for item in compared if item.baseline == baseline}
    others = [name for name in night.configurations if name != baseline and name not in found]
    if others:
        family = [(name, baseline) for name in others]
        found |= {
            item.configuration: item.ratio for item in compare(kept, eligible, family, method, response="", unit="")
        }
    return {**found, baseline: Estimate(1.0, "×", n=int((kept.configuration == baseline).sum()), note="the baseline")}


@dataclass(frozen=True)
class _Model:
    """The headline's runs as arrays: logs, the cell of each, what stands beside them."""

    night: Night
    kept: pd.DataFrame
    factors: Key
    method: Method

    @property
    def logs(self) -> NDArray[np.float64]:
        logs: NDArray[np.float64] = np.log(self.kept.value.to_numpy(dtype=float))
        return logs

    @property
    def keys(self) -> list[Key]:
        """The cell of each run."""
        of = {
            name: tuple(text(levels[factor]) for factor in self.factors) for name, levels in self.night.levels.items()
        }
        return [of[name] for name in self.kept.configuration]

    @property
    def strata(self) -> tuple[list[Any] | None, str]:
        """The block of each run within its cohort, or its cohort; and what that is called."""
        if self.night.blocked:
            return list(zip(self.kept.cohort, self.kept.block, strict=True)), "block"
        return (self.kept.cohort.tolist(), "cohort") if self.kept.cohort.nunique() > 1 else (None, "block")

    def effects(self) -> list[FactorEffect]:
        keys = self.keys
        levels = {factor: [key[place] for key in keys] for place, factor in enumerate(self.factors)}
        return factor_effects(self.logs, levels, *self.strata)

    def means(self) -> CellMeans:
        ordered = self.night.ordered and not self.night.blocked and self.method.recipe != "classic"
        order = self.kept.order.to_numpy(dtype=float) if ordered else None
        return cell_means(self.logs, self.keys, *self.strata, order=order)

    def table(self) -> tuple[NDArray[np.float64], list[Key]]:
        """Logs by (block, cell), NaN where a block has no run of one."""
        strata, _ = self.strata
        frame = pd.DataFrame({"log": self.logs, "cell": pd.Series(self.keys, dtype=object), "stratum": strata})
        table = frame.pivot_table(index="stratum", columns="cell", values="log", sort=False)
        return table.to_numpy(dtype=float), [tuple(column) for column in table.columns]


def _contrasts(found: Grid, model: _Model) -> list[FactorContrast]:
    """Each level against the baseline's, and for two and three factors the ratio of such ratios; in that order."""
    there = set(model.keys)
    means = model.means()
    table, columns = model.table() if model.night.blocked else (np.empty((0, 0)), [])
    contrasts: list[FactorContrast] = []
    for count in range(1, min(len(found.factors), 3) + 1):
        for places in itertools.combinations(range(len(found.factors)), count):
            others = [
                [level for level in found.levels[place] if any(key[place] == level for key in there)]
                for place in places
            ]
            against = tuple(found.baseline_levels[place] for place in places)
            names = tuple(found.factors[place] for place in places)
            for chosen in itertools.product(*others):
                if any(level == base for level, base in zip(chosen, against, strict=True)):
                    continue
                weights, over, of = _weights(found, places, chosen, there)
                test = _told(weights, table, columns, means, model)
                ratio = test.estimate or Estimate(None, "×", note=test.note)
                contrasts.append(FactorContrast(names, chosen, against, ratio, test, over, of))
    return contrasts


def _weights(found: Grid, places: tuple[int, ...], chosen: Key, there: set[Key]) -> tuple[dict[Key, float], int, int]:
    """Cell -> its weight in a contrast, averaged over the combinations of the other factors that hold all of it.

    One factor: +1 for the level, -1 for the baseline's. Each further factor takes the difference of two of these.
    """
    rest = [place for place in range(len(found.factors)) if place not in places]
    combinations = list(itertools.product(*(found.levels[place] for place in rest)))
    corners = list(itertools.product((True, False), repeat=len(places)))
    parts: list[dict[Key, float]] = []
    for combination in combinations:
        part: dict[Key, float] = {}
        for corner in corners:
            key = [""] * len(found.factors)
            for place, level in zip(rest, combination, strict=True):
                key[place] = level
            for place, level, is_chosen in zip(places, chosen, corner, strict=True):
                key[place] = level if is_chosen else found.baseline_levels[place]
            part[tuple(key)] = math.prod(1.0 if is_chosen else -1.0 for is_chosen in corner)
        if set(part) <= there:
            parts.append(part)
    weights = {key: sign / len(parts) for part in parts for key, sign in part.items()}
    return weights, len(parts), len(combinations)


def _told(
    weights: Mapping[Key, float], table: NDArray[np.float64], columns: Sequence[Key], means: CellMeans, model: _Model
) -> Any:
    """The contrast by the paired t over whole blocks, or by OLS where too few of them are whole."""
    if model.night.blocked and weights:
        row = np.array([weights.get(column, 0.0) for column in columns])
        needed = np.isfinite(table[:, row != 0])
        whole, begun = int(needed.all(axis=1).sum()), int(needed.any(axis=1).sum())
        if whole >= 2 and whole >= _ENOUGH * begun:
            return block_contrast(table, row, model.method.level)
    return means.contrast(dict(weights or {("",): 1.0}), model.method.level)


def _words(effects: Sequence[FactorEffect], contrasts: Sequence[FactorContrast], model: _Model) -> str:
    """How effects and contrasts were reckoned, for people."""
    _, stratum = model.strata
    is_whole = all(item.sums == "III" for item in effects if item.sums)
    step = f", a step for each {stratum}" if model.strata[0] is not None else ""
    said = [
        f"Effects: OLS on log values{step}, covariance HC3, Wald F; sums of squares of type "
        + ("III (sum-to-zero coding: a main effect is the mean over the other factors' levels)." if is_whole else
           "II: cells are missing, and an interaction is tested in what the others can tell of it.")
    ]  # fmt: skip
    names = list(dict.fromkeys(item.test.name for item in contrasts))
    if names:
        over = (
            "those of the declared effects, and else of one term"
            if any(item.declared for item in contrasts)
            else ("the contrasts of one term")
        )
        said.append(f"Contrasts: {' or '.join(names)}; p corrected over {over} ({SHORT[model.method.correction]}).")
    return " ".join(said)
