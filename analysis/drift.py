"""What else moved the runs: the night's course, the place in the block, the run before, the heat.

Responses are logarithms, so that a slope reads as a fraction: +0.001 per run is a tenth of a per cent more with each
run. Slopes through the night are Theil-Sen's, of each response less the mean of its configuration. What plays inside a
block is a term of the model with configuration and block: with two configurations the residuals of a block mirror each
other, and a rank test on them would count each twice.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from analysis.findings import Test
from analysis.statistics.slopes import theil_sen
from analysis.statistics.terms import label_term, slope_term

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
        theil_sen(f"{response} against run order", relative, order, "1/run", level, size=1),
        theil_sen(
            f"{response} against time", relative, there.started_s.to_numpy(dtype=float) / 3600, "1/h", level, size=1
        ),
    ]
    if response != "duration" and there.duration_s.notna().all() and there.duration_s.min() > 0:
        tests.append(
            theil_sen("duration against run order", _relative(there, "duration_s"), order, "1/run", level, size=1)
        )
    for column in [name for name in there.columns if str(name).startswith("start_temperature_C.")]:
        warm = there[there[column].abs() < math.inf]
        domain = str(column).removeprefix("start_temperature_C.")
        if len(warm) < 3:
            continue
        heat = warm[column].to_numpy(dtype=float)
        tests += [
            theil_sen(
                f"start temperature of {domain} against run order", heat, warm.order.to_numpy(float), "°C/run", level
            ),
            theil_sen(
                f"{response} against start temperature of {domain}",
                _relative(warm, "value"),
                heat,
                "1/°C",
                level,
                size=1,
            ),
        ]
    logs = np.log(there.value.to_numpy(dtype=float))
    names = there.configuration.tolist()
    blocks = there.block.tolist() if blocked else None
    if blocked and there.position.nunique() > 1:
        name = f"{response} against position in the block"
        place = there.position.to_numpy(dtype=float)
        tests.append(slope_term(name, logs, place, names, blocks, unit="1/position", level=level))
    previous = _previous(there, everything)
    if len(set(previous) - {""}) > 1:
        after = [place for place, name in enumerate(previous) if name]
        left = [[column[place] for place in after] for column in (previous, names, there.block.tolist())]
        name = f"{response} against {PREVIOUS}"
        tests.append(label_term(name, logs[after], left[0], left[1], left[2] if blocked else None))
    return tests


def _relative(runs: pd.DataFrame, column: str) -> np.ndarray:
    """Log of a column less the mean log of its configuration."""
    logs = pd.Series(np.log(runs[column].to_numpy(dtype=float)), index=runs.index)
    return np.asarray(logs - logs.groupby(runs.configuration).transform("mean"), dtype=np.float64)


def _previous(runs: pd.DataFrame, everything: pd.DataFrame) -> list[str]:
    """The configuration that ran before each of ``runs``, whatever became of it; empty for the night's first."""
    in_order = everything.sort_values("order", kind="stable")
    before = dict(zip(in_order.run.iloc[1:], in_order.configuration.iloc[:-1], strict=True))
    return [before.get(run, "") for run in runs.run]
