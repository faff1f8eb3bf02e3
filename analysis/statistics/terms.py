"""Does one more thing matter, beside configuration and block? Terms of a linear model on the logs, tested with HC3."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.findings import Estimate, Test
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

_LEVERAGE = 1 - 1e-9


def label_term(
    name: str,
    logs: ArrayLike,
    labels: Sequence[Hashable],
    configuration: Sequence[Hashable],
    block: Sequence[Hashable] | None = None,
) -> Test:
    """Whether ``logs`` (n,) differ by ``labels`` (what ran before, say) once configuration and block are taken off."""
    return wald(name, values(logs), dummies(labels), block, dummies(configuration))


def slope_term(
    name: str,
    logs: ArrayLike,
    cause: ArrayLike,
    configuration: Sequence[Hashable],
    block: Sequence[Hashable] | None = None,
    *,
    unit: str,
    level: float,
) -> Test:
    """Whether ``logs`` (n,) grow with ``cause`` (n,) once configuration and block are taken off; by how much."""
    column = values(cause)[:, None]
    return wald(name, values(logs), column, block, dummies(configuration), slope=(unit, level))


def residuals(logs: ArrayLike, configuration: Sequence[Hashable], block: Sequence[Hashable] | None = None) -> Values:
    """What configuration and block (each as a step up or down) leave unexplained of ``logs`` (n,), by least squares."""
    data = values(logs)
    parts = [np.ones((data.size, 1)), dummies(configuration)]
    if block is not None:
        parts.append(dummies(block))
    design = np.hstack(parts)
    left: Values = data - design @ np.linalg.lstsq(design, data)[0]
    return left


def wald(
    name: str,
    data: Values,
    tested: NDArray[np.float64],
    block: Sequence[Hashable] | None,
    beside: NDArray[np.float64] | None = None,
    *,
    slope: tuple[str, float] | None = None,
) -> Test:
    """Wald F test that all coefficients of ``tested`` (n, terms) are zero, covariance HC3.

    ``beside`` (n, others), a constant and a step for each block are in the model too. Runs that stand alone in their
    block tell nothing and are left out. None where no degree of freedom is left, or the design does not tell the terms
    apart. With ``slope`` (unit, level) the one coefficient comes with its interval. HC3: J. S. Long and L. H. Ervin,
    The American Statistician 54, 2000.
    """
    from statsmodels.regression.linear_model import OLS

    parts = [tested, *([] if beside is None else [beside]), np.ones((data.size, 1))]
    kept = np.ones(data.size, dtype=bool)
    if block is not None:
        seen = Counter(block)
        kept = np.array([seen[item] > 1 for item in block], dtype=bool)
        parts.append(dummies([item for item in block if seen[item] > 1], kept))
    design = np.hstack(parts)[kept]
    n = (int(kept.sum()),)
    if tested.shape[1] == 0 or design.shape[0] <= design.shape[1]:
        return Test(name, None, None, n, note=TOO_FEW)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return Test(name, None, None, n, note="the design does not tell them apart: cells are missing")
    plain = OLS(data[kept], design).fit()
    hat = np.sum(design @ np.linalg.inv(design.T @ design) * design, axis=1)
    if not has_scatter(np.asarray(plain.resid), largest(data, np.ones(1))) or hat.max() > _LEVERAGE:
        return Test(name, None, None, n, note=NO_SCATTER)
    restriction = np.eye(design.shape[1])[: tested.shape[1]]
    robust = plain.get_robustcov_results("HC3", use_t=True)
    covariance = np.asarray(robust.cov_params())[: tested.shape[1], : tested.shape[1]]
    # HC3 has each level's own scatter: of two levels without any, the F would be their difference over rounding.
    apart = has_error(float(np.linalg.eigvalsh(covariance)[0]), largest(data, np.ones(1)))
    if not apart or np.linalg.matrix_rank(covariance) < tested.shape[1]:
        return Test(name, None, None, n, note=NO_SCATTER_IN_PART)
    result = robust.f_test(restriction)
    estimate = None
    if slope is not None and tested.shape[1] == 1:
        unit, level = slope
        low, high = (float(edge) for edge in robust.conf_int(1 - level)[0])
        estimate = Estimate(float(plain.params[0]), unit, low, high, level, n[0])
    return Test(name, float(result.fvalue), float(result.pvalue), n, float(tested.shape[1]), estimate=estimate)


def dummies(labels: Sequence[Hashable], rows: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """A column of 0 and 1 for each label but the first; ``rows`` places them among rows that are otherwise 0."""
    index = {label: place for place, label in enumerate(dict.fromkeys(labels))}
    codes = np.array([index[label] for label in labels], dtype=int)
    columns: NDArray[np.float64] = (codes[:, None] == np.arange(1, len(index))[None, :]).astype(float)
    if rows is None:
        return columns
    spread = np.zeros((rows.size, columns.shape[1]))
    spread[rows] = columns
    return spread


def effects(labels: Sequence[Hashable]) -> NDArray[np.float64]:
    """Sum-to-zero coding, (n, labels - 1): the last label is -1 in every column."""
    index = {label: place for place, label in enumerate(dict.fromkeys(labels))}
    coding = np.vstack([np.eye(len(index) - 1), -np.ones(len(index) - 1)])
    coded: NDArray[np.float64] = coding[[index[label] for label in labels]]
    return coded
