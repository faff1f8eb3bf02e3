"""Ratio metrics: energy per accuracy point, joules per image, the energy-delay product, or any two responses.

The mean of ratios has one number a run: t intervals, and comparisons as of any response (within blocks, on logarithms).
The ratio of means has one number a configuration: Student's t on its logarithm, linearised, where a block is one unit
with both configurations and both responses in it. A BCa bootstrap of whole blocks stands beside it and decides nothing:
of few runs it is too narrow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.comparisons import NO_COHORTS, Floats, Method, compare, decide
from analysis.findings import Estimate, Test
from analysis.load import Night
from analysis.ratio_findings import RatioContrast, RatioMetric, RatioSide
from analysis.ratio_responses import NO_FRACTION, OF_POINTS, SCALED, unit_of
from analysis.response import ENERGY, Response, find
from analysis.statistics.bootstrap import Indices as Rows
from analysis.statistics.bootstrap import bca
from analysis.statistics.describe import mean
from analysis.statistics.families import adjust
from analysis.statistics.quotients import Sample, quotient

if TYPE_CHECKING:
    from harness.protocol_analysis import Analysis, Ratio

PRODUCT, MEAN, QUOTIENT = "mean_of_products", "mean_of_ratios", "ratio_of_means"
_PARTS = ("above", "below")


def ratios(
    night: Night,
    analysis: Analysis,
    runs: pd.DataFrame,
    *,
    found: Mapping[str, Response],
    family: Sequence[tuple[str, str]],
    method: Method,
) -> tuple[RatioMetric, ...]:
    """Every ratio metric that the protocol declares, over the runs of the headline."""
    kept = runs[runs.state == "headline"].drop(columns=["mean_power_W", "duration_s"], errors="ignore")
    return tuple(
        _ratio(night, item, analysis.accuracy, kept=kept, found=found, family=family, method=method)
        for item in analysis.ratio
    )


def _ratio(
    night: Night,
    item: Ratio,
    accuracy: str,
    *,
    kept: pd.DataFrame,
    found: Mapping[str, Response],
    family: Sequence[tuple[str, str]],
    method: Method,
) -> RatioMetric:
    names = item.parts(accuracy)
    sides = tuple(find(found, night.runs, name) for name in names)
    factors = SCALED[item.ready][:2] if item.ready else (1.0, 1.0)
    unit = unit_of(item, *sides)
    aggregation = PRODUCT if item.aggregation is None else item.aggregation
    table = kept.assign(
        above=kept.run.map(sides[0].values).astype(float) * factors[0],
        below=kept.run.map(sides[1].values).astype(float) * factors[1],
    )
    note = _no_fraction(item, sides, names, accuracy, kept)
    missing = table.above.isna() | table.below.isna() | ((table.below == 0) & (aggregation != PRODUCT))
    there = table[~missing & (note == "")]
    if missing.any() and not note:
        lost = f"{int(missing.sum())} of {len(table)} runs lack {names[0]} or {names[1]} (or it is zero)"
        note = f"{lost} and are not in it"
    if aggregation == QUOTIENT:
        figures, contrasts = _quotient(there, night.configurations, family, method, unit)
        if not method.blocked and there.cohort.nunique() > 1:
            note = f"{note}; {NO_COHORTS}" if note else NO_COHORTS
    else:
        value = there.above * there.below if aggregation == PRODUCT else there.above / there.below
        figures, contrasts = _each(there.assign(value=value), night.configurations, family, method, unit)
    return RatioMetric(item.called, *names, unit, aggregation, figures, contrasts, note)


def _no_fraction(
    item: Ratio, sides: Sequence[Response], names: Sequence[str], accuracy: str, kept: pd.DataFrame
) -> str:
    """Whether points of accuracy are asked for and it is no fraction: then nothing is computed, and said so."""
    if item.ready not in OF_POINTS:
        return ""
    values = kept.run.map(next(side for side, name in zip(sides, names, strict=True) if name == accuracy).values)
    return f"{NO_FRACTION}; write the ratio out with of, per and unit" if float(values.max()) > 1 else ""


def _each(
    table: pd.DataFrame, configurations: Sequence[str], family: Sequence[tuple[str, str]], method: Method, unit: str
) -> tuple[tuple[RatioSide, ...], tuple[RatioContrast, ...]]:
    """One number a run: mean with t interval, and the night's own comparison."""
    figures = tuple(
        RatioSide(name, mean(table.value[table.configuration == name].to_numpy(dtype=float), unit, method.level))
        for name in configurations
    )
    contrasts = []
    for found in compare(table, table, family, method, response=ENERGY, unit=unit):
        test = found.tests[0]
        contrasts.append(
            RatioContrast(found.configuration, found.baseline, found.ratio, test.p, test.p_adjusted, found.decision)
        )
    return figures, tuple(contrasts)


def _quotient(
    table: pd.DataFrame, configurations: Sequence[str], family: Sequence[tuple[str, str]], method: Method, unit: str
) -> tuple[tuple[RatioSide, ...], tuple[RatioContrast, ...]]:
    """One number a configuration: the mean of one over the mean of the other."""
    figures = []
    for name in configurations:
        mine = table[table.configuration == name]
        above, below = (mine[part].to_numpy(dtype=float) for part in _PARTS)

        def figure(drawn: Rows, axis: int = -1, above: Floats = above, below: Floats = below) -> Floats:
            return np.asarray(above[drawn].mean(axis) / below[drawn].mean(axis), dtype=np.float64)

        found = quotient([Sample((above,), (below,))], unit, method.level).estimate
        figures.append(RatioSide(name, found or Estimate(None, unit), bca(figure, len(mine), unit, method.level)))
    contrasts = [item for together in method.families(family) for item in _contrasts(table, together, method)]
    return tuple(figures), tuple(contrasts)


def _contrasts(table: pd.DataFrame, family: Sequence[tuple[str, str]], method: Method) -> list[RatioContrast]:
    """One family of comparisons, corrected over it."""
    told = [_contrast(table, names, method) for names in family]
    tests = [test for test, _ in told]
    tests = adjust(tests, method.correction) if len(tests) > 1 else tests
    return [
        RatioContrast(
            *names,
            test.estimate or Estimate(None, "×"),
            test.p,
            test.p_adjusted,
            decide(test, method.alpha),
            beside,
        )
        for names, test, (_, beside) in zip(family, tests, told, strict=True)
    ]


def _contrast(table: pd.DataFrame, names: tuple[str, str], method: Method) -> tuple[Test, Estimate]:
    """The quotient of two quotients: its test, and its bootstrap interval."""
    parts = [table[table.configuration == name] for name in names]
    if method.blocked:
        keys = [part.set_index(["block", "cohort"])[["above", "below"]] for part in parts]
        both = keys[0].add_suffix("_one").join(keys[1].add_suffix("_other"), how="inner")
        columns = [both[f"{part}_{side}"].to_numpy(dtype=float) for side in ("one", "other") for part in _PARTS]
        units: int | tuple[int, ...] = len(both)
        samples = [Sample((columns[0], columns[3]), (columns[1], columns[2]))]
    else:
        columns = [part[name].to_numpy(dtype=float) for part in parts for name in _PARTS]
        units = (len(parts[0]), len(parts[1]))
        samples = [Sample(columns[:1], columns[1:2]), Sample(columns[3:], columns[2:3])]

    def figure(*drawn: Rows, axis: int = -1) -> Floats:
        one, other = drawn[0], drawn[-1]
        means = [column[rows].mean(axis) for column, rows in zip(columns, (one, one, other, other), strict=True)]
        return np.asarray(means[0] / means[1] / (means[2] / means[3]), dtype=np.float64)

    return quotient(samples, "×", method.level), bca(figure, units, "×", method.level)
