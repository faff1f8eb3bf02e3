"""Do two configurations differ in rank? Always printed beside the parametric test, never chosen by another test."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from analysis.findings import Test
from analysis.statistics.scatter import NO_SCATTER, TOO_FEW, has_scatter, largest, paired, values

MANN_WHITNEY = "Mann-Whitney U"
WILCOXON = "Wilcoxon signed-rank"
BRUNNER_MUNZEL = "Brunner-Munzel"
VAN_ELTEREN = "van Elteren"

_EXACT_CELLS = 10_000
"""n x m beyond which the exact distribution of U costs too much and adds nothing."""
_EXACT_PAIRS = 50


def mann_whitney(configuration: ArrayLike, baseline: ArrayLike) -> Test:
    """Mann-Whitney U, two-sided; exact without ties, the normal approximation with them (said in the note).

    The smallest p that n and m can reach is 2 / C(n + m, n).
    """
    left, right = values(configuration), values(baseline)
    n = (left.size, right.size)
    if min(n) == 0:
        return Test(MANN_WHITNEY, None, None, n, note=TOO_FEW)
    smallest = min(1.0, 2 / math.comb(sum(n), left.size))
    if not has_scatter(np.concatenate([left, right])):
        return Test(MANN_WHITNEY, None, None, n, smallest_p=smallest, note=NO_SCATTER)
    ties = np.unique(np.concatenate([left, right])).size < sum(n)
    exact = not ties and left.size * right.size <= _EXACT_CELLS
    result = stats.mannwhitneyu(left, right, alternative="two-sided", method="exact" if exact else "asymptotic")
    note = "" if exact else f"normal approximation{', since values are tied' if ties else ''}"
    return Test(MANN_WHITNEY, float(result.statistic), float(result.pvalue), n, smallest_p=smallest, note=note)


def wilcoxon(configuration: ArrayLike, baseline: ArrayLike) -> Test:
    """Wilcoxon signed-rank on the pairs' differences, two-sided; exact without ties and zeros up to 50 pairs.

    The smallest p that n pairs can reach is 2 / 2^n: 5 pairs .0625, 10 pairs .00195.
    """
    left, right = paired(configuration, baseline)
    differences = left - right
    n = (differences.size,)
    smallest = min(1.0, 2.0 ** (1 - differences.size))
    if differences.size == 0:
        return Test(WILCOXON, None, None, n, note=TOO_FEW)
    if float(np.max(np.abs(differences))) <= 1e-12 * largest(left, right):
        return Test(WILCOXON, None, None, n, smallest_p=smallest, note="all differences are zero")
    sizes = np.abs(differences)
    plain = np.unique(sizes).size == sizes.size and bool(np.all(sizes > 0))
    exact = plain and differences.size <= _EXACT_PAIRS
    result = stats.wilcoxon(differences, method="exact" if exact else "approx")
    note = "" if exact else f"normal approximation{'' if plain else ', since differences are tied or zero'}"
    return Test(WILCOXON, float(result.statistic), float(result.pvalue), n, smallest_p=smallest, note=note)


def signed_sum(configuration: ArrayLike, baseline: ArrayLike) -> float:
    """Of the pairs' differences, the ranks of those above zero less the ranks of those below: the test's direction."""
    left, right = paired(configuration, baseline)
    differences = left - right
    there = differences[differences != 0]
    return float(np.sum(np.sign(there) * stats.rankdata(np.abs(there)))) if there.size else 0.0


def excess(configuration: ArrayLike, baseline: ArrayLike) -> float:
    """How many pairs of runs have the configuration's above, less those below: the direction of Mann-Whitney's U."""
    left, right = values(configuration), values(baseline)
    return float(np.sum(np.sign(left[:, None] - right[None, :])))


def brunner_munzel(configuration: ArrayLike, baseline: ArrayLike) -> Test:
    """Brunner-Munzel: are larger values as likely on either side? Allows unequal spreads and ties.

    E. Brunner and U. Munzel, Biometrical Journal 42, 2000. Refuses complete separation, where its variance is zero.
    """
    left, right = values(configuration), values(baseline)
    n = (left.size, right.size)
    if min(n) < 2:
        return Test(BRUNNER_MUNZEL, None, None, n, note=TOO_FEW)
    if left.max() < right.min() or right.max() < left.min():
        return Test(
            BRUNNER_MUNZEL, None, None, n, note="complete separation: every run of one side lies below the other"
        )
    if not has_scatter(np.concatenate([left, right])):
        return Test(BRUNNER_MUNZEL, None, None, n, note=NO_SCATTER)
    result = stats.brunnermunzel(left, right)
    return Test(BRUNNER_MUNZEL, float(result.statistic), float(result.pvalue), n)


def van_elteren(
    configuration: ArrayLike, baseline: ArrayLike, strata: tuple[Sequence[Hashable], Sequence[Hashable]]
) -> Test:
    """Wilcoxon's rank sum within each stratum (a cohort), weighed by 1 / (runs of it + 1): steps between them are none.

    P. H. van Elteren, Bulletin of the International Statistical Institute 37, 1960; E. L. Lehmann, Nonparametrics,
    1975, section 3.3; with the correction for ties. Neither scipy nor statsmodels has it. The statistic is z,
    positive where the configuration's runs are the larger; p by the normal distribution. None where no stratum holds
    runs of both.
    """
    sides, of = (values(configuration), values(baseline)), [np.array(list(map(str, part))) for part in strata]
    total = variance = 0.0
    used = [0, 0]
    for name in np.intersect1d(of[0], of[1]):
        left, right = (side[part == name] for side, part in zip(sides, of, strict=True))
        n, m = left.size, right.size
        both = np.concatenate([left, right])
        tied = np.unique(both, return_counts=True)[1].astype(float)
        weight = 1 / (n + m + 1)
        total += weight * (float(stats.rankdata(both)[:n].sum()) - n * (n + m + 1) / 2)
        correction = float(np.sum(tied**3 - tied)) / ((n + m) * (n + m - 1))
        variance += weight**2 * n * m / 12 * (n + m + 1 - correction)
        used = [used[0] + n, used[1] + m]
    sizes = (used[0], used[1])
    if not used[0]:
        return Test(VAN_ELTEREN, None, None, sizes, note="no cohort holds runs of both configurations")
    if variance <= 1e-12:
        return Test(VAN_ELTEREN, None, None, sizes, note=NO_SCATTER)
    z = total / math.sqrt(variance)
    return Test(VAN_ELTEREN, z, float(2 * stats.norm.sf(abs(z))), sizes, note="within cohorts; normal approximation")
