"""Do two configurations differ in a night that was executed in several cohorts, where no block keeps them apart?

An accepted change of machine, software or workload shifts every run behind it. Within blocks that takes itself off;
elsewhere the cohort is one more factor: a step of the model for each cohort beyond the first, as for a block
(D. C. Montgomery, Design and Analysis of Experiments, chapter 4).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from analysis.findings import Estimate, Test
from analysis.statistics.scatter import NO_SCATTER, NOT_POSITIVE, TOO_FEW, has_scatter, largest, values
from analysis.statistics.terms import dummies
from analysis.statistics.welch import welch_error

INSEPARABLE = "the cohorts do not tell the configurations apart: each was executed in a cohort of its own"


def difference_over_cohorts(
    configuration: ArrayLike,
    baseline: ArrayLike,
    cohorts: tuple[Sequence[Hashable], Sequence[Hashable]],
    level: float,
    *,
    orders: tuple[ArrayLike, ArrayLike] | None = None,
    unit: str = "×",
) -> Test:
    """OLS on configuration and cohort; values (n,) and (m,) with the cohort of each run.

    With ``orders`` (when each run came) the order is a linear term too and the error Welch's, as in a night without
    blocks; without, the spread is pooled, as in the classic recipe. The estimate is the ratio, on logs, for the unit ×,
    else the difference in that unit. None where no degree of freedom is left or the design is not separable.
    """
    from statsmodels.regression.linear_model import OLS

    left, right = values(configuration), values(baseline)
    n = (left.size, right.size)
    logs = unit == "×"
    name = f"{'Welch' if orders is not None else 'pooled t'}{' on logs' if logs else ''} with "
    name += "run order and cohort" if orders is not None else "cohort"

    def nothing(note: str, value: float | None = None) -> Test:
        return Test(name, None, None, n, note=note, estimate=Estimate(value, unit, n=sum(n), note=note))

    if min(n) == 0:
        return nothing(TOO_FEW)
    if logs and min(left.min(), right.min()) <= 0:
        return nothing(NOT_POSITIVE)
    data = np.concatenate([left, right])
    data = np.log(data) if logs else data
    columns = [np.repeat([1.0, 0.0], n)[:, None], np.ones((sum(n), 1)), dummies([*cohorts[0], *cohorts[1]])]
    if orders is not None:
        order = np.concatenate([values(orders[0]), values(orders[1])])
        centred = order - order.mean()
        columns.append((centred / (np.max(np.abs(centred)) or 1.0))[:, None])
    design = np.hstack(columns)
    if np.linalg.matrix_rank(design[:, : 2 + columns[2].shape[1]]) < 2 + columns[2].shape[1]:
        return nothing(INSEPARABLE)
    df = design.shape[0] - design.shape[1]
    if df < 2 or np.linalg.matrix_rank(design) < design.shape[1]:
        return nothing(TOO_FEW)
    plain = OLS(data, design).fit()
    centre = float(plain.params[0])
    value = math.exp(centre) if logs else centre
    hat = np.einsum("ni,ij,nj->n", design, np.linalg.inv(design.T @ design), design)
    size = largest(data, np.ones(int(logs)))
    if not has_scatter(np.asarray(plain.resid), size) or (orders is not None and hat.max() > 1 - 1e-9):
        return nothing(NO_SCATTER, value)
    error, freedom = float(plain.bse[0]), float(df)
    if orders is not None:
        error, freedom = welch_error(design, np.asarray(plain.resid))
    t, half = centre / error, float(stats.t.ppf((1 + level) / 2, freedom)) * error
    low, high = (math.exp(centre - half), math.exp(centre + half)) if logs else (centre - half, centre + half)
    estimate = Estimate(value, unit, low, high, level, sum(n))
    return Test(name, t, float(2 * stats.t.sf(abs(t), freedom)), n, freedom, estimate=estimate)
