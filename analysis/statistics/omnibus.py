"""Do several configurations differ at all, and by which factor? One test over all of them, before any pair.

The pairs themselves are compared by ``paired``: one noisy configuration of six spoils a pooled variance, there it does
not enter the others' contrasts.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.findings import Estimate, Test
from analysis.statistics.scatter import NO_SCATTER, TOO_FEW, Values, has_scatter, largest, values

FRIEDMAN = "Friedman"
KRUSKAL = "Kruskal-Wallis"
LEVENE = "Levene (median)"
_LEVERAGE = 1 - 1e-9


def ols_configurations(
    logs: ArrayLike, configuration: Sequence[Hashable], block: Sequence[Hashable] | None = None
) -> Test:
    """F test of the configurations in OLS on logs (n,) with a term for each block, covariance HC3.

    Runs that stand alone in their block tell nothing and are left out. None where the residuals have no degree of
    freedom. HC3: J. S. Long and L. H. Ervin, The American Statistician 54, 2000.
    """
    name = f"OLS on logs, configuration{' + block' if block is not None else ''}, HC3"
    return _wald(name, values(logs), _dummies(configuration), block)


def ols_factors(
    logs: ArrayLike, levels: Mapping[str, Sequence[Hashable]], block: Sequence[Hashable] | None = None
) -> list[Test]:
    """F test of each factor's main effect and of each interaction, for a complete grid of two factors or more.

    ``levels``: factor -> its level in each of the n runs. Sum-to-zero coding, so that a main effect is the average
    over the other factors' levels. Empty for an incomplete grid, or one factor.
    """
    data = values(logs)
    cells = set(zip(*levels.values(), strict=True)) if levels else set()
    sizes = [len(set(column)) for column in levels.values()]
    if len(levels) < 2 or min(sizes, default=0) < 2 or len(cells) < np.prod(sizes):
        return []
    codes = {factor: _effects(column) for factor, column in levels.items()}
    terms: dict[str, NDArray[np.float64]] = {}
    for count in range(1, len(levels) + 1):
        for chosen in itertools.combinations(levels, count):
            columns = np.ones((data.size, 1))
            for factor in chosen:
                columns = np.einsum("ni,nj->nij", columns, codes[factor]).reshape(data.size, -1)
            terms[" × ".join(chosen)] = columns
    return [
        _wald(
            f"{term}, OLS on logs{' with block' if block is not None else ''}, HC3",
            data,
            columns,
            block,
            np.hstack([other for name, other in terms.items() if name != term]),
        )
        for term, columns in terms.items()
    ]


def friedman(table: ArrayLike) -> Test:
    """Friedman's test on ``table`` (blocks, configurations) of complete blocks; None below three configurations."""
    array = np.asarray(table, dtype=np.float64)
    blocks, configurations = array.shape if array.ndim == 2 else (0, 0)
    if blocks < 2 or configurations < 3:
        return Test(FRIEDMAN, None, None, (blocks,), note=TOO_FEW)
    if not has_scatter(array.ravel()):
        return Test(FRIEDMAN, None, None, (blocks,), note=NO_SCATTER)
    result = stats.friedmanchisquare(*array.T)
    note = "" if blocks >= 10 else "chi-square approximation at few blocks"
    return Test(
        FRIEDMAN, float(result.statistic), float(result.pvalue), (blocks,), float(configurations - 1), note=note
    )


def kruskal(groups: Sequence[ArrayLike]) -> Test:
    """Kruskal-Wallis over independent groups; the estimate is eta squared = (H - k + 1) / (n - k)."""
    arrays = [values(group) for group in groups]
    sizes = tuple(array.size for array in arrays)
    if len(arrays) < 2 or min(sizes) < 1 or sum(sizes) <= len(arrays):
        return Test(KRUSKAL, None, None, sizes, note=TOO_FEW)
    if not has_scatter(np.concatenate(arrays)):
        return Test(KRUSKAL, None, None, sizes, note=NO_SCATTER)
    result = stats.kruskal(*arrays)
    eta = (float(result.statistic) - len(arrays) + 1) / (sum(sizes) - len(arrays))
    estimate = Estimate(eta, "η²", n=sum(sizes))
    return Test(
        KRUSKAL, float(result.statistic), float(result.pvalue), sizes, float(len(arrays) - 1), estimate=estimate
    )


def levene(groups: Sequence[ArrayLike]) -> Test:
    """Levene's test of equal spread about the median (Brown and Forsythe, JASA 69, 1974)."""
    arrays = [values(group) for group in groups]
    sizes = tuple(array.size for array in arrays)
    if len(arrays) < 2 or min(sizes) < 2:
        return Test(LEVENE, None, None, sizes, note=TOO_FEW)
    size = largest(*arrays)
    deviations = [np.abs(array - np.median(array)) for array in arrays]
    if not any(has_scatter(part, size) for part in deviations):
        return Test(LEVENE, None, None, sizes, note=NO_SCATTER)
    result = stats.levene(*arrays, center="median")
    return Test(LEVENE, float(result.statistic), float(result.pvalue), sizes, float(len(arrays) - 1))


def residuals(logs: ArrayLike, configuration: Sequence[Hashable], block: Sequence[Hashable] | None = None) -> Values:
    """What configuration and block (each as a step up or down) leave unexplained of ``logs`` (n,), by least squares."""
    data = values(logs)
    parts = [np.ones((data.size, 1)), _dummies(configuration)]
    if block is not None:
        parts.append(_dummies(block))
    design = np.hstack(parts)
    left: Values = data - design @ np.linalg.lstsq(design, data)[0]
    return left


def _wald(
    name: str,
    data: Values,
    tested: NDArray[np.float64],
    block: Sequence[Hashable] | None,
    beside: NDArray[np.float64] | None = None,
) -> Test:
    """Wald F test that all coefficients of ``tested`` are zero, ``beside`` and blocks in the model, HC3."""
    from statsmodels.regression.linear_model import OLS

    parts = [tested, *([] if beside is None else [beside]), np.ones((data.size, 1))]
    kept = np.ones(data.size, dtype=bool)
    if block is not None:
        seen = Counter(block)
        kept = np.array([seen[item] > 1 for item in block], dtype=bool)
        parts.append(_dummies([item for item in block if seen[item] > 1], kept))
    design = np.hstack(parts)[kept]
    n = (int(kept.sum()),)
    if tested.shape[1] == 0 or design.shape[0] <= design.shape[1]:
        return Test(name, None, None, n, note=TOO_FEW)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return Test(name, None, None, n, note="the design does not tell them apart: cells are missing")
    plain = OLS(data[kept], design).fit()
    hat = np.einsum("ni,ij,nj->n", design, np.linalg.inv(design.T @ design), design)
    if not has_scatter(np.asarray(plain.resid), largest(data)) or hat.max() > _LEVERAGE:
        return Test(name, None, None, n, note=NO_SCATTER)
    restriction = np.eye(design.shape[1])[: tested.shape[1]]
    result = plain.get_robustcov_results("HC3", use_t=True).f_test(restriction)
    return Test(name, float(result.fvalue), float(result.pvalue), n, float(tested.shape[1]))


def _dummies(labels: Sequence[Hashable], rows: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """A column of 0 and 1 for each label but the first; ``rows`` places them among rows that are otherwise 0."""
    index = {label: place for place, label in enumerate(dict.fromkeys(labels))}
    codes = np.array([index[label] for label in labels], dtype=int)
    columns: NDArray[np.float64] = (codes[:, None] == np.arange(1, len(index))[None, :]).astype(float)
    if rows is None:
        return columns
    spread = np.zeros((rows.size, columns.shape[1]))
    spread[rows] = columns
    return spread


def _effects(labels: Sequence[Hashable]) -> NDArray[np.float64]:
    """Sum-to-zero coding: the last label is -1 in every column."""
    index = {label: place for place, label in enumerate(dict.fromkeys(labels))}
    coding = np.vstack([np.eye(len(index) - 1), -np.ones(len(index) - 1)])
    coded: NDArray[np.float64] = coding[[index[label] for label in labels]]
    return coded
