"""Do runs of one configuration that use more energy differ in something else too? Spearman, each by itself.

Over all runs together the configurations' own differences would be taken for an association of runs (E. H. Simpson,
J. R. Stat. Soc. B 13, 1951): where the pooled sign is the other one, the note says so, and calls it the paradox only
where both are told apart from zero. Exploratory, not corrected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from analysis.findings import Test
from analysis.response import Response
from analysis.statistics.association import spearman_test


def associations(
    runs: pd.DataFrame,
    found: Mapping[str, Response],
    configurations: Sequence[str],
    names: Sequence[str],
    *,
    response: Response,
    level: float,
) -> list[Test]:
    """Of the response with each of ``names`` that runs have, over the eligible runs of each configuration."""
    tests: list[Test] = []
    there = runs[runs.eligible]
    for name in names:
        other = found.get(name)
        if other is None or not other.is_there or other.name == response.name:
            continue
        table = there.assign(other=there.run.map(other.values).astype(float))
        table = table[table.other.notna() & table.value.notna()]
        what = f"Spearman, {response.name} with {name}"
        pooled = spearman_test(what, table.value.to_numpy(dtype=float), table.other.to_numpy(dtype=float), level)
        for configuration in configurations:
            mine = table[table.configuration == configuration]
            left, right = mine.value.to_numpy(dtype=float), mine.other.to_numpy(dtype=float)
            test = spearman_test(f"{what}, within {configuration}", left, right, level)
            turned = test.statistic is not None and pooled.statistic is not None
            if turned and (test.statistic or 0.0) * (pooled.statistic or 0.0) < 0:
                paradox = all(_apart(item, level) for item in (test, pooled))
                note = f"over all configurations together it is {pooled.statistic:.2f}"
                note += " (Simpson's paradox)" if paradox else ""
                test = replace(test, note=f"{test.note}; {note}" if test.note else note)
            tests.append(test)
    return tests


def _apart(test: Test, level: float) -> bool:
    """Whether the interval excludes zero; where there is none (|rho| of 1, three runs), whether p does."""
    found = test.estimate
    if found is not None and found.low is not None and found.high is not None:
        return found.low * found.high > 0
    return test.p is not None and test.p < 1 - level
