"""What else moved the runs: the night's course, the place in the block, the run before, the heat.

Responses are logarithms, so that a slope reads as a fraction: +0.001 per run is a tenth of a per cent more with each
run. Slopes through the night are Theil-Sen's, of each response less the mean of its configuration. What plays inside a
block is a term of the model with configuration and block: with two configurations the residuals of a block mirror each
other, and a rank test on them would count each twice.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.findings import Test
from analysis.statistics.slopes import theil_sen
from analysis.statistics.terms import label_term, slope_term

PREVIOUS = "the configuration before it"
POSITION = "position in the block"
WITHIN_COHORTS = "within cohorts"
HEAT = "start temperature of "


def drift(runs: pd.DataFrame, everything: pd.DataFrame, *, response: str, blocked: bool, level: float) -> list[Test]:
    """How ``response``, duration and start temperature go with run order, position and previous configuration.

    ``runs``: the eligible ones with configuration, block, position, order, value, started_s, duration_s and
    start_temperature_C.<domain>; ``everything``: all attempts of the night, to know what ran before each. A slope's
    estimate is the Theil-Sen slope with its interval, its test Kendall's tau. With a column ``night`` each night is
    told by itself. Empty for values that are not positive.
    """
    if "night" not in runs:
        return _of_night(runs, everything, response=response, blocked=blocked, level=level)
    found: list[Test] = []
    for night in dict.fromkeys(runs.night):
        mine, all_of_it = runs[runs.night == night], everything[everything.night == night]
        tests = _of_night(mine, all_of_it, response=response, blocked=blocked, level=level)
        found += [replace(test, name=f"{test.name}, night {night}") for test in tests]
    return found


def _of_night(
    runs: pd.DataFrame, everything: pd.DataFrame, *, response: str, blocked: bool, level: float
) -> list[Test]:
    there = runs[runs.value.notna()].sort_values("order", kind="stable")
    if len(there) < 3 or there.value.min() <= 0:
        return []
    timed = response != "duration" and there.duration_s.notna().all() and there.duration_s.min() > 0
    hours = there.started_s.to_numpy(dtype=float) / 3600
    relative = _relative(there, "value")
    tests = [theil_sen(f"{response} against run order", relative, _order(there), "1/run", level, size=1)]
    if np.all(np.isfinite(hours)):
        tests.append(theil_sen(f"{response} against time", relative, hours, "1/h", level, size=1))
    told = [(response, there, np.log(there.value.to_numpy(dtype=float)), "1/position")]
    if timed:
        name = "duration against run order"
        tests.append(theil_sen(name, _relative(there, "duration_s"), _order(there), "1/run", level, size=1))
        told.append(("duration", there, np.log(there.duration_s.to_numpy(dtype=float)), "1/position"))
    for column in [name for name in there.columns if str(name).startswith("start_temperature_C.")]:
        warm = there[there[column].abs() < math.inf]
        if len(warm) < 3:
            continue
        name = f"{HEAT}{str(column).removeprefix('start_temperature_C.')}"
        heat = warm[column].to_numpy(dtype=float)
        tests += [
            theil_sen(f"{name} against run order", heat, _order(warm), "°C/run", level),
            theil_sen(f"{response} against {name}", _relative(warm, "value"), heat, "1/°C", level, size=1),
        ]
        told.append((name, warm, heat, "°C/position"))
    if there.cohort.nunique() > 1:
        tests = [
            # Temperatures are held against the order as they are.
            test
            if test.name.startswith(HEAT)
            else replace(test, note=f"{test.note}; {WITHIN_COHORTS}" if test.note else WITHIN_COHORTS)
            for test in tests
        ]
    for name, rows, values, unit in told:
        tests += _inside_blocks(name, rows, values, everything, blocked=blocked, unit=unit, level=level)
    return tests


def _inside_blocks(
    name: str,
    rows: pd.DataFrame,
    values: np.ndarray,
    everything: pd.DataFrame,
    *,
    blocked: bool,
    unit: str,
    level: float,
) -> list[Test]:
    """Position in the block and the configuration before, as terms beside configuration and block (or cohort)."""
    names = rows.configuration.tolist()
    strata = rows.block.tolist() if blocked else rows.cohort.tolist() if rows.cohort.nunique() > 1 else None
    tests: list[Test] = []
    if blocked and rows.position.nunique() > 1:
        place = rows.position.to_numpy(dtype=float)
        what = f"{name} against {POSITION}"
        tests.append(slope_term(what, values, place, names, strata, unit=unit, level=level))
    previous = _previous(rows, everything)
    if len(set(previous) - {""}) > 1:
        after = [place for place, before in enumerate(previous) if before]
        before, mine = ([column[place] for place in after] for column in (previous, names))
        left = None if strata is None else [strata[place] for place in after]
        tests.append(label_term(f"{name} against {PREVIOUS}", values[after], before, mine, left))
    return tests


def _order(runs: pd.DataFrame) -> np.ndarray:
    return runs.order.to_numpy(dtype=float)


def _relative(runs: pd.DataFrame, column: str) -> np.ndarray:
    """Log of a column less the mean log of its configuration (in its cohort: a change is no drift)."""
    logs = pd.Series(np.log(runs[column].to_numpy(dtype=float)), index=runs.index)
    return np.asarray(logs - logs.groupby([runs.configuration, runs.cohort]).transform("mean"), dtype=np.float64)


def _previous(runs: pd.DataFrame, everything: pd.DataFrame) -> list[str]:
    """The configuration that ran before each of ``runs`` on its node, whatever became of it; empty for the first."""
    in_order = everything.sort_values("order", kind="stable")
    before = in_order.groupby("node", sort=False).configuration.shift(1)
    of_run = dict(zip(in_order.run, before.fillna(""), strict=True))
    return [of_run.get(run, "") for run in runs.run]
