"""What else moved the runs: the night's course, the place in the block, the run before, the heat.

Every response is taken relative to the mean of its configuration (as a logarithm), so that a slope reads as a fraction:
+0.001 per run is a tenth of a per cent more with each run.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.findings import Test
from analysis.statistics.omnibus import kruskal, residuals
from analysis.statistics.slopes import theil_sen

PREVIOUS = "the configuration before it"


def drift(runs: pd.DataFrame, everything: pd.DataFrame, *, response: str, blocked: bool, level: float) -> list[Test]:
    """How ``response`` goes with run order, position, previous configuration and start temperature.

    ``runs``: the eligible ones with configuration, block, position, order, value, started_s, duration_s and
    start_temperature_C.<domain>; ``everything``: all attempts of the night, to know what ran before each. A slope's
    estimate is the Theil-Sen slope with its interval, its test Kendall's tau. Empty for values that are not positive.
    """
    there = runs[runs.value.notna()].sort_values("order", kind="stable")
    if len(there) < 3 or there.value.min() <= 0:
        return []
    order = there.order.to_numpy(dtype=float)
    relative = _relative(there, "value")
    tests = [
        theil_sen(f"{response} against run order", relative, order, "1/run", level),
        theil_sen(f"{response} against time", relative, there.started_s.to_numpy(dtype=float) / 3600, "1/h", level),
    ]
    if response != "duration" and there.duration_s.notna().all() and there.duration_s.min() > 0:
        tests.append(theil_sen("duration against run order", _relative(there, "duration_s"), order, "1/run", level))
    for column in [name for name in there.columns if str(name).startswith("start_temperature_C.")]:
        warm = there[there[column].notna()]
        domain = str(column).removeprefix("start_temperature_C.")
        if len(warm) < 3:
            continue
        heat = warm[column].to_numpy(dtype=float)
        tests += [
            theil_sen(
                f"start temperature of {domain} against run order", heat, warm.order.to_numpy(float), "°C/run", level
            ),
            theil_sen(
                f"{response} against start temperature of {domain}", _relative(warm, "value"), heat, "1/°C", level
            ),
        ]
    within = _within_block(there) if blocked else relative
    if blocked and there.position.nunique() > 1:
        position = there.position.to_numpy(dtype=float)
        tests.append(theil_sen(f"{response} against position in the block", within, position, "1/position", level))
    carried = _carry_over(there, everything, within, response)
    return tests if carried is None else [*tests, carried]


def _relative(runs: pd.DataFrame, column: str) -> np.ndarray:
    """Log of a column less the mean log of its configuration."""
    logs = pd.Series(np.log(runs[column].to_numpy(dtype=float)), index=runs.index)
    return np.asarray(logs - logs.groupby(runs.configuration).transform("mean"), dtype=np.float64)


def _within_block(runs: pd.DataFrame) -> np.ndarray:
    """What configuration and block leave unexplained."""
    logs = np.log(runs.value.to_numpy(dtype=float))
    return residuals(logs, runs.configuration.tolist(), runs.block.tolist())


def _carry_over(runs: pd.DataFrame, everything: pd.DataFrame, left: np.ndarray, response: str) -> Test | None:
    """Kruskal-Wallis of the residuals by what ran before; None where only one configuration ever did."""
    in_order = everything.sort_values("order", kind="stable")
    before = dict(zip(in_order.run.iloc[1:], in_order.configuration.iloc[:-1], strict=True))
    previous = np.array([before.get(run, "") for run in runs.run], dtype=object)
    groups = [left[previous == name] for name in dict.fromkeys(previous.tolist()) if name]
    if len(groups) < 2:
        return None
    test = kruskal(groups)
    name = f"{response} against {PREVIOUS} ({test.name})"
    return Test(name, test.statistic, test.p, test.n, test.df, note=test.note, estimate=test.estimate)
