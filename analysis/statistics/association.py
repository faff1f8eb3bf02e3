"""Do two things go together over runs? Spearman's rho with its interval and p."""

from __future__ import annotations

from numpy.typing import ArrayLike
from scipy import stats

from analysis.findings import Test
from analysis.statistics.agreement import spearman
from analysis.statistics.scatter import paired


def spearman_test(name: str, one: ArrayLike, other: ArrayLike, level: float) -> Test:
    """Rho as statistic and estimate (interval as ``agreement.spearman`` has it), p by t, df n - 2; None below three."""
    left, right = paired(one, other)
    estimate = spearman(left, right, level)
    if estimate.value is None:
        return Test(name, None, None, (left.size,), note=estimate.note, estimate=estimate)
    p = float(stats.spearmanr(left, right).pvalue)
    return Test(name, estimate.value, p, (left.size,), note=estimate.note, estimate=estimate)
