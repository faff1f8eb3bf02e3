"""Is a difference the same in every night? Pairs within blocks, blocks within nights.

Below six nights the night is a fixed effect: what is found holds for these nights. From six on the nights themselves
may be taken as a sample of nights, with one value each.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from analysis.findings import Estimate, Test
from analysis.statistics.scatter import NO_SCATTER, NOT_POSITIVE, TOO_FEW, has_scatter, largest, paired

SAMPLE_OF_NIGHTS = 6
OVER_NIGHTS = "paired t over nights"


def interaction(name: str, configuration: ArrayLike, baseline: ArrayLike, night: Sequence[Hashable]) -> Test:
    """Whether the log ratio of pairs (pairs,) differs between the nights that they are of: F of one-way analysis.

    What a night or a block shares has taken itself off in the pair. Nights of one pair tell no scatter, but count.
    """
    left, right = paired(configuration, baseline)
    groups = dict.fromkeys(night)
    n = (left.size,)
    if len(groups) < 2 or left.size <= len(groups):
        return Test(name, None, None, n, note=TOO_FEW)
    if min(left.min(), right.min()) <= 0:
        return Test(name, None, None, n, note=NOT_POSITIVE)
    differences = np.log(left) - np.log(right)
    of = [differences[np.array([item == group for item in night])] for group in groups]
    inside = np.concatenate([part - part.mean() for part in of])
    if not has_scatter(inside, largest(np.log(left), np.log(right), np.ones(1))):
        return Test(name, None, None, n, note=NO_SCATTER)
    between = sum(part.size * (float(part.mean()) - float(differences.mean())) ** 2 for part in of)
    df = len(of) - 1, left.size - len(of)
    f = between / df[0] / (float(np.sum(inside**2)) / df[1])
    return Test(name, f, float(stats.f.sf(f, *df)), n, float(df[0]))


def over_nights(configuration: ArrayLike, baseline: ArrayLike, night: Sequence[Hashable], level: float) -> Test:
    """The ratio with the night as the unit: t on the nights' mean log ratios."""
    left, right = paired(configuration, baseline)
    groups = dict.fromkeys(night)
    n = (len(groups),)
    if len(groups) < 2:
        return Test(OVER_NIGHTS, None, None, n, note=TOO_FEW)
    if min(left.min(), right.min()) <= 0:
        return Test(OVER_NIGHTS, None, None, n, note=NOT_POSITIVE)
    differences = np.log(left) - np.log(right)
    means = np.array([differences[np.array([item == group for item in night])].mean() for group in groups])
    if not has_scatter(means, largest(np.log(left), np.log(right), np.ones(1))):
        return Test(OVER_NIGHTS, None, None, n, note=NO_SCATTER)
    result = stats.ttest_1samp(means, 0.0)
    interval = result.confidence_interval(level)
    value, low, high = (math.exp(float(item)) for item in (means.mean(), interval.low, interval.high))
    estimate = Estimate(value, "×", low, high, level, n[0])
    return Test(OVER_NIGHTS, float(result.statistic), float(result.pvalue), n, float(result.df), estimate=estimate)
