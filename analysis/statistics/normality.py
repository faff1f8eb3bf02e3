"""Do the runs look normal? Printed, and never a judge over which test is believed."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from analysis.findings import Test
from analysis.statistics.scatter import NO_SCATTER, TOO_FEW, has_scatter, values

SHAPIRO = "Shapiro-Wilk"
RESIDUALS = f"{SHAPIRO} on residuals"


def shapiro(data: ArrayLike, name: str = SHAPIRO, size: float | None = None) -> Test:
    """Shapiro-Wilk W under the ``name`` of what is tested; ``size``: the magnitude whose rounding is no scatter.

    None for fewer than 3 values and for equal ones. Beyond 5000 values its p is approximate.
    """
    array = values(data)
    if array.size < 3:
        return Test(name, None, None, (array.size,), note=TOO_FEW)
    if not has_scatter(array, size):
        return Test(name, None, None, (array.size,), note=NO_SCATTER)
    # The statistic does not change with scale and shift; centred values keep their digits.
    centred = (array - array.mean()) / array.std()
    result = stats.shapiro(centred)
    note = "p is approximate beyond 5000 values" if array.size > 5000 else ""
    return Test(name, float(result.statistic), float(result.pvalue), (array.size,), note=note)


@functools.lru_cache(maxsize=64)
def shapiro_power(n: int) -> float | None:
    """How often Shapiro-Wilk at 5 % notices ``n`` values that are plainly skewed: log-normal, sigma 0.5.

    Simulated, 500 samples, seeded; None below 3 values.
    """
    if n < 3:
        return None
    draws = np.exp(SKEWED * np.random.default_rng([_SEED, n]).standard_normal((500, n)))
    return float(np.mean([stats.shapiro(row).pvalue < 0.05 for row in draws]))


SKEWED = 0.5
_SEED = 20251120
