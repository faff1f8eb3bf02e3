"""Are two configurations the same, within a margin declared beforehand? Two one-sided tests on raw values."""

from __future__ import annotations

from numpy.typing import ArrayLike

from analysis.findings import Equivalence, Estimate
from analysis.statistics import unpaired
from analysis.statistics.paired import paired_difference
from analysis.statistics.scatter import NO_SCATTER, has_scatter, largest, paired, values

EQUIVALENT = "equivalent within the margin"
NOT_SHOWN = "not shown"
CANNOT_BE_TOLD = "cannot be told"

Names = tuple[str, str, str]
"""Metric, configuration, baseline."""


def paired_equivalence(
    configuration: ArrayLike, baseline: ArrayLike, margin: float, *, alpha: float, names: Names, unit: str = ""
) -> Equivalence:
    """Paired two one-sided t tests of |mean difference| < ``margin``, in ``unit``.

    The interval is that of level 1 - 2 alpha: it lies inside the margin exactly when equivalence is shown. D. J.
    Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987.
    """
    from statsmodels.stats.weightstats import ttost_paired

    left, right = paired(configuration, baseline)
    estimate = _estimate(paired_difference(left, right, unit, 1 - 2 * alpha).estimate, unit)
    if left.size < 2 or not has_scatter(left - right, largest(left, right)):
        return _untold(names, margin, estimate, left.size)
    p = float(ttost_paired(left, right, -margin, margin)[0])
    return Equivalence(*names, margin, estimate, p, left.size, EQUIVALENT if p < alpha else NOT_SHOWN)


def unpaired_equivalence(
    configuration: ArrayLike, baseline: ArrayLike, margin: float, *, alpha: float, names: Names, unit: str = ""
) -> Equivalence:
    """The same for independent runs, by Welch's degrees of freedom."""
    from statsmodels.stats.weightstats import ttost_ind

    left, right = values(configuration), values(baseline)
    estimate = _estimate(unpaired.difference(left, right, unit, 1 - 2 * alpha).estimate, unit)
    size = largest(left, right)
    if min(left.size, right.size) < 2 or not (has_scatter(left, size) or has_scatter(right, size)):
        return _untold(names, margin, estimate, left.size + right.size)
    p = float(ttost_ind(left, right, -margin, margin, usevar="unequal")[0])
    return Equivalence(*names, margin, estimate, p, left.size + right.size, EQUIVALENT if p < alpha else NOT_SHOWN)


def _estimate(estimate: Estimate | None, unit: str) -> Estimate:
    return estimate or Estimate(None, unit, note=NO_SCATTER)


def _untold(names: tuple[str, str, str], margin: float, estimate: Estimate, n: int) -> Equivalence:
    return Equivalence(*names, margin, estimate, None, n, CANNOT_BE_TOLD)
