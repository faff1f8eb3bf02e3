"""Whether the configurations differ at all, by which factor, and whether their spreads do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.findings import Test
from analysis.load import Night
from analysis.statistics.omnibus import friedman, kruskal, levene, ols_configurations, ols_factors


def omnibus(night: Night, kept: pd.DataFrame, configurations: Sequence[str]) -> list[Test]:
    """One test over all configurations of the headline, ``kept``; nothing for one configuration."""
    there = [name for name in configurations if (kept.configuration == name).any()]
    values = [kept[kept.configuration == name].value.to_numpy(dtype=float) for name in there]
    if len(there) < 2:
        return []
    tests = [levene(values)]
    if len(configurations) < 3 or len(there) < 3:
        return tests
    strata, stratum = (kept.block.tolist(), "block") if night.blocked else (None, "block")
    if not night.blocked and kept.cohort.nunique() > 1:
        strata, stratum = kept.cohort.tolist(), "cohort"
    if kept.value.min() > 0:
        logs = np.log(kept.value.to_numpy(dtype=float))
        tests.append(ols_configurations(logs, kept.configuration.tolist(), strata, stratum))
        factors = {
            str(name).removeprefix("factor."): kept[name].tolist() for name in kept if str(name).startswith("factor.")
        }
        tests += ols_factors(logs, factors, strata, stratum)
    if night.blocked:
        table = kept.pivot_table(index="block", columns="configuration", values="value")[there].dropna()
        tests.append(friedman(table.to_numpy(dtype=float)))
    else:
        tests.append(kruskal(values))
    return tests
