"""Do several configurations differ at all, and by which factor? One test over all of them, before any pair.

The pairs themselves are compared by ``paired``: one noisy configuration of six spoils a pooled variance, there it does
not enter the others' contrasts.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.findings import Estimate, Test
from analysis.statistics.scatter import NO_SCATTER, NOT_POSITIVE, TOO_FEW, has_scatter, largest, values
from analysis.statistics.terms import dummies, effects, wald

FRIEDMAN = "Friedman"
KRUSKAL = "Kruskal-Wallis"
LEVENE = "Levene (median)"
WELCH = "Welch ANOVA"


def ols_configurations(
    logs: ArrayLike,
    configuration: Sequence[Hashable],
    block: Sequence[Hashable] | None = None,
    stratum: str = "block",
) -> Test:
    """F test of the configurations in OLS on logs (n,) with a term for each block, covariance HC3.

    ``stratum``: what the blocks are called, where they are cohorts.
    Runs that stand alone in their block tell nothing and are left out. None where the residuals have no degree of
    freedom. HC3: J. S. Long and L. H. Ervin, The American Statistician 54, 2000.
    """
    name = f"OLS on logs, configuration{f' + {stratum}' if block is not None else ''}, HC3"
    return wald(name, values(logs), dummies(configuration), block)


def ols_factors(
    logs: ArrayLike,
    levels: Mapping[str, Sequence[Hashable]],
    block: Sequence[Hashable] | None = None,
    stratum: str = "block",
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
    codes = {factor: effects(column) for factor, column in levels.items()}
    terms: dict[str, NDArray[np.float64]] = {}
    for count in range(1, len(levels) + 1):
        for chosen in itertools.combinations(levels, count):
            columns = np.ones((data.size, 1))
            for factor in chosen:
                columns = np.einsum("ni,nj->nij", columns, codes[factor]).reshape(data.size, -1)
            terms[" × ".join(chosen)] = columns
    return [
        wald(
            f"{term}, OLS on logs{f' with {stratum}' if block is not None else ''}, HC3",
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


def welch_anova(groups: Sequence[ArrayLike], *, logs: bool = False) -> Test:
    """Welch's one-way analysis of variance: equal means, no equal spreads assumed, blocks not in it.

    B. L. Welch, Biometrika 38, 1951. ``df`` is that of the numerator; None where a group has no scatter of its own.
    """
    from statsmodels.stats.oneway import anova_oneway

    arrays = [values(group) for group in groups]
    sizes = tuple(array.size for array in arrays)
    name = f"{WELCH}{' on logs' if logs else ''}"
    if len(arrays) < 2 or min(sizes) < 2:
        return Test(name, None, None, sizes, note=TOO_FEW)
    if logs and min(float(array.min()) for array in arrays) <= 0:
        return Test(name, None, None, sizes, note=NOT_POSITIVE)
    arrays = [np.log(array) for array in arrays] if logs else arrays
    size = largest(*arrays, np.ones(int(logs)))
    if not all(has_scatter(array, size) for array in arrays):
        return Test(name, None, None, sizes, note=NO_SCATTER)
    result = anova_oneway(arrays, use_var="unequal", welch_correction=True)
    return Test(name, float(result.statistic), float(result.pvalue), sizes, float(len(arrays) - 1))
