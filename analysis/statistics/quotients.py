"""How large is a quotient of means, and does it differ from 1? Student's t on its logarithm, linearised.

A unit (a run, or a block with all that it holds) adds x_i / mean(x) for each mean above the line and takes it off for
each below: the mean of these over n units moves as the logarithm of the figure does (Taylor's first term; W. G.
Cochran, Sampling Techniques, 1977, chapter 6; V. H. Franz, Ratios: a short guide to confidence limits and proper use,
2007). Their standard deviation over sqrt(n) is its error. Simulated nights: docs/calibration.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from analysis.findings import Estimate, Test
from analysis.statistics.scatter import NO_SCATTER, TOO_FEW, Values, has_scatter, paired, values

NAME = "t on the logarithm of the quotient"
NEAR_ZERO = "a mean in it is not told apart from zero, so that it has no bounded interval"
FEWEST = 3
"""Units below which their scatter says nothing."""


@dataclass(frozen=True)
class Sample:
    """What was observed of the same n units: the columns whose means stand above the line, and those below it."""

    above: Sequence[ArrayLike]
    below: Sequence[ArrayLike]

    @property
    def columns(self) -> list[tuple[int, Values]]:
        """Each column with its sign in the logarithm; refuses columns of unequal length."""
        signed = [(1, values(column)) for column in self.above] + [(-1, values(column)) for column in self.below]
        for _, column in signed[1:]:
            paired(signed[0][1], column)
        return signed


def quotient(samples: Sequence[Sample], unit: str, level: float) -> Test:
    """The means above over the means below, of one sample or of independent ones; the estimate has the interval.

    The test is of the figure being 1 (or -1). Degrees of freedom n - 1, of several samples Welch's. No interval below 3
    units, without scatter, and where the t interval of one of the means holds zero.
    """
    columns = [sample.columns for sample in samples]
    sizes = tuple(sample[0][1].size for sample in columns)
    if min(sizes) == 0:
        return _nothing(sizes, Estimate(None, unit, n=sum(sizes), note=TOO_FEW))
    signed = [item for sample in columns for item in sample]
    if any(sign < 0 and not column.mean() for sign, column in signed):
        return _nothing(sizes, Estimate(None, unit, n=sum(sizes), note="what stands below the line is zero"))
    value = math.prod(float(column.mean()) ** sign for sign, column in signed)
    if min(sizes) < FEWEST:
        return _nothing(sizes, Estimate(value, unit, n=sum(sizes), note=TOO_FEW))
    if not all(_is_apart_from_zero(column, level) for _, column in signed):
        return _nothing(sizes, Estimate(value, unit, n=sum(sizes), note=NEAR_ZERO))
    shares = [np.sum([sign * column / column.mean() for sign, column in sample], axis=0) for sample in columns]
    if not any(has_scatter(share, 1.0) for share in shares):
        return _nothing(sizes, Estimate(value, unit, n=sum(sizes), note=NO_SCATTER))
    variances = [float(share.var(ddof=1)) / share.size for share in shares]
    total = sum(variances)
    df = total**2 / sum(part**2 / (share.size - 1) for part, share in zip(variances, shares, strict=True))
    log, error = math.log(abs(value)), math.sqrt(total)
    half = float(stats.t.ppf((1 + level) / 2, df)) * error
    low, high = sorted(math.copysign(math.exp(log + side * half), value) for side in (-1, 1))
    t = log / error
    estimate = Estimate(value, unit, low, high, level, sum(sizes))
    return Test(NAME, t, float(2 * stats.t.sf(abs(t), df)), sizes, df, estimate=estimate)


def _is_apart_from_zero(column: Values, level: float) -> bool:
    error = float(column.std(ddof=1)) / math.sqrt(column.size)
    return abs(float(column.mean())) > float(stats.t.ppf((1 + level) / 2, column.size - 1)) * error


def _nothing(sizes: tuple[int, ...], estimate: Estimate) -> Test:
    return Test(NAME, None, None, sizes, note=estimate.note, estimate=estimate)
