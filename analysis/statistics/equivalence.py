"""Are two configurations the same, within a margin declared beforehand? Two one-sided tests, raw or on logarithms."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from analysis.findings import Equivalence, Estimate
from analysis.statistics import unpaired
from analysis.statistics.cohorts import difference_over_cohorts
from analysis.statistics.paired import paired_difference, paired_ratio
from analysis.statistics.scatter import NO_SCATTER, NOT_POSITIVE, Values, has_scatter, largest, paired, values

EQUIVALENT = "equivalent within the margin"
NOT_SHOWN = "not shown"
CANNOT_BE_TOLD = "cannot be told"

Names = tuple[str, str, str]
"""Metric, configuration, baseline."""
Scale = Literal["difference", "ratio"]
RATIO = "×"


def paired_equivalence(
    configuration: ArrayLike,
    baseline: ArrayLike,
    margin: float,
    *,
    alpha: float,
    names: Names,
    unit: str = "",
    scale: Scale = "difference",
) -> Equivalence:
    """Paired two one-sided t tests of |mean difference| < ``margin``, in ``unit``.

    With the scale ratio: of 1 / (1 + margin) < ratio of geometric means < 1 + margin, on logarithms. The interval is
    that of level 1 - 2 alpha: it lies inside the margin exactly when equivalence is shown. D. J. Schuirmann, Journal of
    Pharmacokinetics and Biopharmaceutics 15, 1987.
    """
    from statsmodels.stats.weightstats import ttost_paired

    left, right = paired(configuration, baseline)
    n, level = left.size, 1 - 2 * alpha
    if scale == "ratio":
        if not _positive(left, right):
            return _untold(names, margin, Estimate(None, RATIO, n=n, note=NOT_POSITIVE), n, scale)
        estimate = paired_ratio(left, right, level).estimate
        logs = np.log(left), np.log(right)
        if n < 2 or not has_scatter(logs[0] - logs[1], largest(*logs, np.ones(1))):
            return _untold(names, margin, _estimate(estimate, RATIO), n, scale)
        p = float(ttost_paired(left, right, 1 / (1 + margin), 1 + margin, transform=np.log)[0])
    else:
        estimate = paired_difference(left, right, unit, level).estimate
        if n < 2 or not has_scatter(left - right, largest(left, right)):
            return _untold(names, margin, _estimate(estimate, unit), n, scale)
        p = float(ttost_paired(left, right, -margin, margin)[0])
    return Equivalence(*names, margin, _estimate(estimate, unit), p, n, _decided(p, alpha), scale)


def unpaired_equivalence(
    configuration: ArrayLike,
    baseline: ArrayLike,
    margin: float,
    *,
    alpha: float,
    names: Names,
    unit: str = "",
    scale: Scale = "difference",
) -> Equivalence:
    """The same for independent runs, by Welch's degrees of freedom."""
    from statsmodels.stats.weightstats import ttost_ind

    left, right = values(configuration), values(baseline)
    n, level = left.size + right.size, 1 - 2 * alpha
    if scale == "ratio" and not _positive(left, right):
        return _untold(names, margin, Estimate(None, RATIO, n=n, note=NOT_POSITIVE), n, scale)
    if scale == "ratio":
        estimate, size = unpaired.ratio(left, right, level).estimate, largest(np.log(left), np.log(right), np.ones(1))
    else:
        estimate, size = unpaired.difference(left, right, unit, level).estimate, largest(left, right)
    logs = (np.log(left), np.log(right)) if scale == "ratio" else (left, right)
    if min(left.size, right.size) < 2 or not any(has_scatter(part, size) for part in logs):
        return _untold(names, margin, _estimate(estimate, unit), n, scale)
    if scale == "ratio":
        p = float(ttost_ind(left, right, 1 / (1 + margin), 1 + margin, usevar="unequal", transform=np.log)[0])
    else:
        p = float(ttost_ind(left, right, -margin, margin, usevar="unequal")[0])
    return Equivalence(*names, margin, _estimate(estimate, unit), p, n, _decided(p, alpha), scale)


def equivalence_over_cohorts(
    configuration: ArrayLike,
    baseline: ArrayLike,
    cohorts: tuple[Sequence[Hashable], Sequence[Hashable]],
    margin: float,
    *,
    alpha: float,
    names: Names,
    unit: str = "",
    scale: Scale = "difference",
) -> Equivalence:
    """The same for independent runs of several cohorts: each cohort is a step of the model, the spread is pooled."""
    of = RATIO if scale == "ratio" else unit
    test = difference_over_cohorts(configuration, baseline, cohorts, 1 - 2 * alpha, unit=of)
    estimate, n = _estimate(test.estimate, of), sum(test.n)
    if test.df is None or estimate.value is None or estimate.low is None or estimate.high is None:
        return _untold(names, margin, estimate, n, scale)
    low, value, high = (
        math.log(part) if scale == "ratio" else part for part in (estimate.low, estimate.value, estimate.high)
    )
    edge = math.log(1 + margin) if scale == "ratio" else margin
    error = (high - low) / 2 / float(stats.t.ppf(1 - alpha, test.df))
    p = max(float(stats.t.sf((edge + side * value) / error, test.df)) for side in (-1, 1))
    return Equivalence(*names, margin, estimate, p, n, _decided(p, alpha), scale)


def _positive(left: Values, right: Values) -> bool:
    return all(part.size == 0 or float(part.min()) > 0 for part in (left, right))


def _estimate(estimate: Estimate | None, unit: str) -> Estimate:
    return estimate or Estimate(None, unit, note=NO_SCATTER)


def _decided(p: float, alpha: float) -> str:
    return EQUIVALENT if p < alpha else NOT_SHOWN


def _untold(names: Names, margin: float, estimate: Estimate, n: int, scale: Scale) -> Equivalence:
    return Equivalence(*names, margin, estimate, None, n, CANNOT_BE_TOLD, scale)
