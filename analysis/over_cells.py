"""Many comparisons within cells, seen over the cells: how many were told apart, and the geometric mean of the ratios.

Exploratory: each cell's comparison is an answer, a mean over them a description; models or batch sizes that somebody
chose are no random sample, so that it has no interval.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from analysis.cell_findings import OverCells
from analysis.comparisons import CANNOT_BE_TOLD, HIGHER, LOWER, NOT_APART
from analysis.estimates import Estimate
from analysis.findings import Comparison
from analysis.load import Night
from analysis.ratio_findings import RatioContrast, RatioMetric

if TYPE_CHECKING:
    from harness.protocol_model import Analysis

Compared = Comparison | RatioContrast
FAMILY = "family"
"""A workload's result that says which family its model is of: cells are held together by it, too."""


def over_cells(
    night: Night,
    analysis: Analysis,
    runs: pd.DataFrame,
    compared: Sequence[Comparison],
    ratios: Sequence[RatioMetric] = (),
) -> tuple[OverCells, ...]:
    """One a (stratum, pair of levels), all cells first; nothing where there are fewer than two cells.

    After those of what is compared, the same of each of the ratio metrics that stand beside it.
    """
    if len({item.cell for item in compared}) < 2:
        return ()
    facts = _facts(night, analysis, runs, compared)
    primary = analysis.primary_ratio
    found = _of_response(night, analysis, facts, compared, "")
    for metric in ratios:
        if primary is None or metric.name != primary.called:
            found += _of_response(night, analysis, facts, metric.contrasts, metric.name)
    return tuple(found)


def _of_response(
    night: Night,
    analysis: Analysis,
    facts: Mapping[str, Mapping[str, str]],
    compared: Sequence[Compared],
    response: str,
) -> list[OverCells]:
    found: list[OverCells] = []
    for stratum, cells in _strata(facts):
        chosen = [item for item in compared if analysis.cell(night.levels[item.configuration]) in cells]
        pairs: dict[tuple[str, str], list[Compared]] = {}
        for item in chosen:
            sides = (analysis.rest(night.levels[item.configuration]), analysis.rest(night.levels[item.baseline]))
            pairs.setdefault(sides, []).append(item)
        found += [replace(_together(*sides, stratum, items), response=response) for sides, items in pairs.items()]
    return found


def _together(configuration: str, baseline: str, stratum: str, items: Sequence[Compared]) -> OverCells:
    told = [item.ratio.value for item in items if item.ratio.value is not None and item.ratio.value > 0]
    mean = math.exp(statistics.fmean(map(math.log, told))) if told else None
    note = "" if told else "no cell has a ratio"
    counts = Counter(item.decision for item in items)
    return OverCells(
        configuration,
        baseline,
        stratum,
        len(items),
        counts[LOWER],
        counts[HIGHER],
        counts[NOT_APART],
        counts[CANNOT_BE_TOLD],
        Estimate(mean, "×", n=len(told), note=note),
        statistics.median(told) if told else None,
        min(told, default=None),
        max(told, default=None),
    )


def _facts(
    night: Night, analysis: Analysis, runs: pd.DataFrame, compared: Sequence[Comparison]
) -> dict[str, dict[str, str]]:
    """Cell -> what its configurations have in common: its levels, and the family that all their runs report."""
    column = f"metric.{FAMILY}"
    reported: dict[str, set[str]] = {}
    if column in runs and FAMILY not in analysis.within:
        told = runs[[isinstance(value, str) for value in runs[column]]]
        for name, value in zip(told.configuration, told[column], strict=True):
            reported.setdefault(str(name), set()).add(str(value))
    facts: dict[str, dict[str, str]] = {}
    families: dict[str, set[str]] = {}
    for item in compared:
        levels = night.levels[item.configuration]
        facts[item.cell] = {
            name: analysis.model_copy(update={"within": (name,)}).cell(levels) for name in analysis.within
        }
        families.setdefault(item.cell, set()).update(
            reported.get(item.configuration, set()) | reported.get(item.baseline, set())
        )
    if families and all(len(names) == 1 for names in families.values()):
        facts = {cell: {**of, FAMILY: next(iter(families[cell]))} for cell, of in facts.items()}
    return facts


def _strata(facts: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, set[str]]]:
    """All cells, and those that agree in one or two facts; a partition that says nothing new is left out."""
    yield "", set(facts)
    keys = list(next(iter(facts.values())))
    seen = {frozenset({frozenset(facts)}), frozenset(frozenset({cell}) for cell in facts)}
    for count in (1, 2):
        for chosen in itertools.combinations(keys, count):
            parts: dict[str, set[str]] = {}
            for cell, of in facts.items():
                parts.setdefault(", ".join(f"{key} {of[key]}" for key in chosen), set()).add(cell)
            partition = frozenset(frozenset(part) for part in parts.values())
            if partition not in seen:
                seen.add(partition)
                yield from parts.items()
