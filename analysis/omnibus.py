"""Whether the configurations differ at all, by which factor, and whether their spreads do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.comparisons import NO_COHORTS, noted
from analysis.findings import Test
from analysis.load import Night
from analysis.statistics.normality import RESIDUALS, shapiro
from analysis.statistics.omnibus import friedman, kruskal, levene, ols_configurations, ols_factors, welch_anova
from analysis.statistics.terms import residuals


def omnibus(night: Night, kept: pd.DataFrame, configurations: Sequence[str]) -> list[Test]:
    """One test over all configurations of the headline, ``kept``; nothing for one configuration."""
    there = [name for name in configurations if (kept.configuration == name).any()]
    values = [kept[kept.configuration == name].value.to_numpy(dtype=float) for name in there]
    if len(there) < 2:
        return []
    several = kept.cohort.nunique() > 1
    strata, stratum = (kept.block.tolist(), "block") if night.blocked else (None, "block")
    if not night.blocked and several:
        strata, stratum = kept.cohort.tolist(), "cohort"
    tests = [_unaware(levene(values), several=several), _residuals(kept, strata, stratum)]
    if len(configurations) < 3 or len(there) < 3:
        return tests
    if kept.value.min() > 0:
        logs = np.log(kept.value.to_numpy(dtype=float))
        tests.append(ols_configurations(logs, kept.configuration.tolist(), strata, stratum))
        factors = {
            str(name).removeprefix("factor."): kept[name].tolist() for name in kept if str(name).startswith("factor.")
        }
        tests += ols_factors(logs, factors, strata, stratum)
    tests.append(_unaware(welch_anova(values, logs=bool(kept.value.min() > 0)), several=several))
    if night.blocked:
        table = kept.pivot_table(index="block", columns="configuration", values="value")[there].dropna()
        tests.append(friedman(table.to_numpy(dtype=float)))
    else:
        tests.append(_unaware(kruskal(values), several=several))
    return tests


def _unaware(test: Test, *, several: bool) -> Test:
    """A test that knows of no cohort says so, where there are several."""
    return noted(test, NO_COHORTS) if several else test


def _residuals(kept: pd.DataFrame, strata: list[int] | None, stratum: str) -> Test:
    """Shapiro-Wilk on what configuration and block leave unexplained; with few blocks such residuals look normal."""
    values = kept.value.to_numpy(dtype=float)
    logs = bool(values.min() > 0)
    data = np.log(values) if logs else values
    left = residuals(data, kept.configuration.tolist(), strata)
    after = f"configuration{'' if strata is None else f' and {stratum}'}"
    size = float(np.max(np.abs(data), initial=1.0 if logs else 0.0))
    return shapiro(left, f"{RESIDUALS}{' of logs' if logs else ''}, after {after}", size)
