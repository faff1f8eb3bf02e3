"""Do two configurations differ in a night without blocks? Welch on logs, with a linear term for the order of the runs.

Without the term, drift through the night is noise in a shuffled night, and a false difference in a listed one. Error
and degrees of freedom are Welch's for a model with one more term (``welch``): at 10 runs a side and more, false alarms
are nominal in shuffled nights and nominal or fewer in listed ones, equal spreads or not; below, they are fewer, as
Welch's own are (docs/calibration.md). Where the drift of a listed night is not linear, the term cannot take it off.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from analysis.findings import Estimate, Test
from analysis.statistics.scatter import NO_SCATTER, NOT_POSITIVE, TOO_FEW, has_scatter, largest, values
from analysis.statistics.welch import welch_error

ORDER_TERM = "Welch on logs with run order"


def ratio_with_order(
    configuration: ArrayLike,
    baseline: ArrayLike,
    configuration_order: ArrayLike,
    baseline_order: ArrayLike,
    level: float,
) -> Test:
    """OLS of the logs on configuration and run order, error as Welch's; the estimate is the ratio with its interval.

    Values (n,) and (m,) with the order of each run in the night. None below 5 runs, or where order and configuration
    are the same thing.
    """
    from statsmodels.regression.linear_model import OLS

    left, right = values(configuration), values(baseline)
    order = np.concatenate([values(configuration_order), values(baseline_order)])
    n = (left.size, right.size)
    if min(n) < 2 or sum(n) < 5:
        return _nothing(n, TOO_FEW)
    if min(left.min(), right.min()) <= 0:
        return _nothing(n, NOT_POSITIVE)
    logs = np.log(np.concatenate([left, right]))
    side = np.repeat([1.0, 0.0], n)
    centred = order - order.mean()
    design = np.column_stack([side, np.ones(sum(n)), centred / (np.max(np.abs(centred)) or 1.0)])
    if np.linalg.matrix_rank(design) < 3:
        return _nothing(n, "the order of the runs does not tell the configurations apart")
    plain = OLS(logs, design).fit()
    value = math.exp(float(plain.params[0]))
    hat = np.einsum("ni,ij,nj->n", design, np.linalg.inv(design.T @ design), design)
    if not has_scatter(np.asarray(plain.resid), largest(logs, np.ones(1))) or hat.max() > 1 - 1e-9:
        return _nothing(n, NO_SCATTER, value)
    error, df = welch_error(design, np.asarray(plain.resid))
    t = float(plain.params[0]) / error
    half = float(stats.t.ppf((1 + level) / 2, df)) * error
    estimate = Estimate(value, "×", value * math.exp(-half), value * math.exp(half), level, sum(n))
    return Test(ORDER_TERM, t, float(2 * stats.t.sf(abs(t), df)), n, df, estimate=estimate)


def _nothing(n: tuple[int, int], note: str, value: float | None = None) -> Test:
    return Test(ORDER_TERM, None, None, n, note=note, estimate=Estimate(value, "×", n=sum(n), note=note))
