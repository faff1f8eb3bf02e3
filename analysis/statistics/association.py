"""Do two things go together over runs? Spearman's rho with its interval and p.

At few runs the t approximation is far too sure (of three runs in order it makes p 0, where one order in three has as
large a rho): there p is counted over every order that the runs could have come in.
"""

from __future__ import annotations

import itertools
import math
import sys
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.findings import Test
from analysis.statistics.agreement import spearman
from analysis.statistics.scatter import Values, paired

MOST_EXACT = 9
"""Values up to which every order is counted: 9! = 362,880 of them; beyond it the t approximation is close."""
EXACT, APPROXIMATE = "exact p by permutation", "p by t"


def spearman_test(name: str, one: ArrayLike, other: ArrayLike, level: float) -> Test:
    """Rho as statistic and estimate (interval as ``agreement.spearman`` has it), two-sided p; None below three values.

    p is the part of all n! orders with at least this |rho|, ties kept (E. S. Pitman, J. R. Stat. Soc. Suppl. 4, 1937),
    for n <= 9, else by t with df n - 2, but never below the smallest that n! orders can have. The name says which.
    """
    left, right = paired(one, other)
    estimate = spearman(left, right, level)
    if estimate.value is None:
        return Test(name, None, None, (left.size,), note=estimate.note, estimate=estimate)
    exact = left.size <= MOST_EXACT
    test = Test(
        f"{name} ({EXACT if exact else APPROXIMATE})",
        estimate.value,
        None,
        (left.size,),
        smallest_p=_smallest(left, right),
        note=estimate.note,
        estimate=estimate,
    )
    if exact:
        return replace(test, p=_exact(left, right))
    return replace(test, p=max(float(stats.spearmanr(left, right).pvalue), test.smallest_p or sys.float_info.min))


def _exact(left: Values, right: Values) -> float:
    """The part of all orders with at least this |rho|; ``scipy.stats.permutation_test`` tells the same, far slower.

    Rho grows with the sum of products of ranks; ranks are doubled, so that those of ties are whole numbers and equal
    sums compare as equal.
    """
    one, other = (_doubled(part) for part in (left, right))
    far = abs(int(np.dot(one, other)) - left.size * (left.size + 1) ** 2)
    null = _null(tuple(sorted(one.tolist())), tuple(sorted(other.tolist())))
    return float(np.mean(null >= far))


def _doubled(part: Values) -> NDArray[np.int64]:
    doubled: NDArray[np.int64] = np.rint(2 * stats.rankdata(part)).astype(np.int64)
    return doubled


@lru_cache(maxsize=8)
def _null(one: tuple[int, ...], other: tuple[int, ...]) -> NDArray[np.int32]:
    """How far the sum of products is from its mean, for every order of ``one`` against ``other`` (doubled ranks)."""
    orders = _orders(len(one))
    ranks = np.array(one, dtype=np.int32)
    sums = np.zeros(len(orders), dtype=np.int32)
    for place, rank in enumerate(other):
        sums += ranks[orders[:, place]] * rank
    far: NDArray[np.int32] = np.abs(sums - len(one) * (len(one) + 1) ** 2)
    return far


@lru_cache(maxsize=MOST_EXACT)
def _orders(n: int) -> NDArray[np.int8]:
    flat = itertools.chain.from_iterable(itertools.permutations(range(n)))
    return np.fromiter(flat, dtype=np.int8, count=n * math.factorial(n)).reshape(-1, n)


def _smallest(left: Values, right: Values) -> float:
    """The smallest p that orders of these values can have: those that only swap ties have the same rho.

    Where either side's ranks mirror themselves, each rho has its opposite, too.
    """
    ranks = [np.sort(_doubled(part)) for part in (left, right)]
    same = max(math.prod(math.factorial(int(count)) for count in np.unique(part, return_counts=True)[1])
               for part in ranks)  # fmt: skip
    mirrored = any(np.array_equal(part, 2 * (part.size + 1) - part[::-1]) for part in ranks)
    return min(1.0, (2 if mirrored else 1) * same / math.factorial(left.size))
