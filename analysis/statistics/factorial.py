"""Which factor matters, and by how much? Terms of a linear model on logs, and contrasts between the levels' means.

Every run is a row: its logarithm, the levels of its factors, and its block (or cohort), which is a step of the model.
Covariances are HC3 (J. S. Long and L. H. Ervin, The American Statistician 54, 2000).
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.estimates import Estimate, Test
from analysis.grid_findings import FactorEffect
from analysis.statistics.scatter import (
    NO_SCATTER,
    NO_SCATTER_IN_PART,
    TOO_FEW,
    Values,
    has_error,
    has_scatter,
    largest,
    values,
)
from analysis.statistics.terms import dummies, effects, wald

Matrix = NDArray[np.float64]

MOST_FACTORS = 3
"""Terms of more factors than this are not looked for: nobody could read them."""
PAIRED = "paired t on block means of logs"
ONE_RUN = "a cell has one run: its scatter is not known"
NOT_JOINED = "no block holds enough of its cells"
_RANK = 1e-9
_LEVERAGE = 1 - 1e-9


def factor_effects(
    logs: ArrayLike,
    levels: Mapping[str, Sequence[Hashable]],
    strata: Sequence[Hashable] | None = None,
    stratum: str = "block",
) -> list[FactorEffect]:
    """F test and partial eta squared of each factor and of each interaction; ``levels``: factor -> its level, (n,).

    Of a complete grid each term stands beside all others (type III, sum-to-zero coding: a main effect is the mean over
    the other factors' levels). Of a grid with missing cells it stands beside those that do not hold it (type II), and
    an interaction is tested in what the cells that are there can tell of it: its degrees of freedom say how much that
    is. Partial eta squared is SS(term) / (SS(term) + SS(residual)) of the plain sums of squares. Factors with one
    level are passed over; a term without a degree of freedom is left out.
    """
    data = values(logs)
    kept = _connected(data.size, strata)
    data = data[kept]
    there = {name: [item for item, keep in zip(column, kept, strict=True) if keep] for name, column in levels.items()}
    varied = {name: column for name, column in there.items() if len(set(column)) > 1}
    if not varied:
        return []
    block = None if strata is None else [item for item, keep in zip(strata, kept, strict=True) if keep]
    codes = {name: effects(column) for name, column in varied.items()}
    whole = len(set(zip(*varied.values(), strict=True))) == math.prod(len(set(column)) for column in varied.values())
    terms = _terms(codes, data.size)
    sums = "III" if whole else "II"
    name = f"OLS on logs{f' with {stratum}' if strata is not None else ''}, HC3"
    given = np.hstack([np.ones((data.size, 1)), *([] if block is None else [dummies(block)])])
    found: list[FactorEffect] = []
    for chosen, columns in terms.items():
        others = [item for other, item in terms.items() if other != chosen and (whole or not set(chosen) <= set(other))]
        beside = _basis(np.hstack(others), given) if others else np.empty((data.size, 0))
        tested = _basis(columns, np.hstack([given, beside]))
        if tested.shape[1] == 0:
            continue
        test = wald(f"{' × '.join(chosen)}, {name}", data, tested, block, beside)
        rank = int(np.linalg.matrix_rank(given)) + beside.shape[1] + tested.shape[1]
        left = float(data.size - rank) if test.p is not None else None
        found.append(FactorEffect(chosen, test, left, _eta_squared(data, tested, np.hstack([given, beside])), sums))
    return found


def _connected(n: int, strata: Sequence[Hashable] | None) -> NDArray[np.bool_]:
    """The runs that do not stand alone in their block."""
    if strata is None:
        return np.ones(n, dtype=bool)
    seen = Counter(strata)
    return np.array([seen[item] > 1 for item in strata], dtype=bool)


def _terms(codes: Mapping[str, Matrix], n: int) -> dict[tuple[str, ...], Matrix]:
    terms: dict[tuple[str, ...], Matrix] = {}
    for count in range(1, min(len(codes), MOST_FACTORS) + 1):
        for chosen in itertools.combinations(codes, count):
            columns = np.ones((n, 1))
            for factor in chosen:
                columns = np.einsum("ni,nj->nij", columns, codes[factor]).reshape(n, -1)
            terms[chosen] = columns
    return terms


def _basis(columns: Matrix, given: Matrix) -> Matrix:
    """An orthonormal basis of what ``columns`` span beyond ``given``."""
    left = columns - given @ np.linalg.lstsq(given, columns)[0]
    u, sizes, _ = np.linalg.svd(left, full_matrices=False)
    basis: Matrix = u[:, sizes > _RANK * max(1.0, float(np.linalg.norm(columns)))]
    return basis


def _eta_squared(data: Values, tested: Matrix, beside: Matrix) -> Estimate:
    reduced, full = (_residual_sum(data, design) for design in (beside, np.hstack([beside, tested])))
    if not has_scatter(data) or reduced <= 0:
        return Estimate(None, "η²", n=data.size, note=NO_SCATTER)
    return Estimate(max(0.0, reduced - full) / reduced, "η²", n=data.size)


def _residual_sum(data: Values, design: Matrix) -> float:
    left = data - design @ np.linalg.lstsq(design, data)[0]
    return float(left @ left)


def block_contrast(table: ArrayLike, weights: ArrayLike, level: float) -> Test:
    """Paired t on each block's own contrast of logs; the estimate is exp of the mean, a ratio.

    ``table`` (blocks, cells) of logs, NaN where a block has no run of a cell; ``weights`` (cells,) add up to 0. Only
    blocks that hold every cell with a weight count: n says how many. Two cells give the paired t of a comparison.
    """
    array, weight = np.asarray(table, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    needed = array[:, weight != 0]
    whole = np.isfinite(needed).all(axis=1)
    differences = needed[whole] @ weight[weight != 0]
    n = differences.size
    if n == 0:
        return Test(PAIRED, None, None, (0,), note=NOT_JOINED, estimate=Estimate(None, "×", note=NOT_JOINED))
    value = math.exp(float(differences.mean()))
    if n < 2 or not has_scatter(differences, largest(needed[whole].ravel(), np.ones(1))):
        note = TOO_FEW if n < 2 else NO_SCATTER
        return Test(PAIRED, None, None, (n,), note=note, estimate=Estimate(value, "×", n=n, note=note))
    result = stats.ttest_1samp(differences, 0.0)
    interval = result.confidence_interval(level)
    estimate = Estimate(value, "×", math.exp(float(interval.low)), math.exp(float(interval.high)), level, n)
    return Test(PAIRED, float(result.statistic), float(result.pvalue), (n,), float(result.df), estimate=estimate)


@dataclass(frozen=True)
class CellMeans:
    """The mean log of each cell in OLS on cell and block (and run order), with its HC3 covariance."""

    name: str
    cells: tuple[Hashable, ...]
    means: Values
    """(cells, …): those of the cells come first."""
    covariance: Matrix
    told: Matrix
    """Projector onto what the design tells: a contrast that leaves it cannot be had."""
    df: int
    runs: int
    alone: frozenset[Hashable] = frozenset()
    """Cells of one run: their scatter is not known."""
    note: str = ""
    size: float = 1.0
    """The largest magnitude among the logs, whose rounding is no scatter."""

    def contrast(self, weights: Mapping[Any, float], level: float) -> Test:
        """The t of a weighted sum of cell means with weights that add up to 0; the estimate is exp of it, a ratio."""
        weight = np.zeros(self.means.size)
        for place, cell in enumerate(self.cells):
            weight[place] = weights.get(cell, 0.0)
        if set(weights) - set(self.cells) or not np.allclose(self.told @ weight, weight, atol=1e-6):
            note = "the design does not tell them apart: cells are missing"
            return Test(self.name, None, None, (self.runs,), note=note, estimate=Estimate(None, "×", note=note))
        centre = float(weight @ self.means)
        error = math.sqrt(max(0.0, float(weight @ self.covariance @ weight)))
        single = any(weights[cell] for cell in self.alone & set(weights))
        apart = has_error(error**2, self.size)
        note = self.note or (ONE_RUN if single else "" if apart else NO_SCATTER_IN_PART)
        value = math.exp(centre)
        if note:
            estimate = Estimate(value, "×", n=self.runs, note=note)
            return Test(self.name, None, None, (self.runs,), note=note, estimate=estimate)
        half = float(stats.t.ppf((1 + level) / 2, self.df)) * error
        estimate = Estimate(value, "×", math.exp(centre - half), math.exp(centre + half), level, self.runs)
        t = centre / error
        p = float(2 * stats.t.sf(abs(t), self.df))
        return Test(self.name, t, p, (self.runs,), float(self.df), estimate=estimate)


def cell_means(
    logs: ArrayLike,
    cells: Sequence[Hashable],
    strata: Sequence[Hashable] | None = None,
    stratum: str = "block",
    *,
    order: ArrayLike | None = None,
) -> CellMeans:
    """The model of :class:`CellMeans` for logs (n,), the cell of each, its block or cohort, and when it came."""
    data = values(logs)
    kept = _connected(data.size, strata)
    data = data[kept]
    cells = [cell for cell, keep in zip(cells, kept, strict=True) if keep]
    names = tuple(dict.fromkeys(cells))
    place = {cell: index for index, cell in enumerate(names)}
    of_cell = np.zeros((data.size, len(names)))
    of_cell[np.arange(data.size), [place[cell] for cell in cells]] = 1.0
    parts = [of_cell]
    if strata is not None:
        parts.append(dummies([item for item, keep in zip(strata, kept, strict=True) if keep]))
    if order is not None:
        when = values(order)[kept]
        centred = when - float(np.mean(when))
        parts.append((centred / (float(np.max(np.abs(centred))) or 1.0))[:, None])
    design = np.hstack(parts)
    beside = [*([stratum] if strata is not None else []), *(["run order"] if order is not None else [])]
    name = f"OLS on logs, {' + '.join(['configuration', *beside])}, HC3"
    inverse = np.linalg.pinv(design.T @ design, hermitian=True, rcond=1e-10)
    means = inverse @ design.T @ data
    told = inverse @ design.T @ design
    df = data.size - int(np.linalg.matrix_rank(design))
    left = data - design @ means
    hat = np.einsum("ni,ij,nj->n", design, inverse, design)
    note = ""
    if df < 2:
        note = TOO_FEW
    elif not has_scatter(left, largest(data, np.ones(1))):
        note = NO_SCATTER
    # What is told by one run alone has no residual; such cells are held in ``alone``.
    weight = np.where(hat > _LEVERAGE, 0.0, left / np.where(hat > _LEVERAGE, 1.0, 1 - hat))
    covariance = inverse @ (design.T * weight**2) @ design @ inverse
    alone = frozenset(cell for cell, count in Counter(cells).items() if count == 1)
    return CellMeans(name, names, means, covariance, told, df, data.size, alone, note, largest(data, np.ones(1)))
