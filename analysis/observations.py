"""One row a run, with what figures and the runs table need of it: value, parts, accuracy, heat, standing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

_HEAT = "start_temperature_C."


def observations(runs: pd.DataFrame, *, accuracy: str = "accuracy", domains: Sequence[str] = ()) -> pd.DataFrame:
    """The runs of a study (``Study.runs``) with power_W, accuracy and start_temperature_C as columns of their own.

    ``accuracy`` names the workload's metric; a run that does not report it as a number has NaN. The temperature is that
    of the warmest of ``domains``, or of any domain where none of them has one. Everything else stays as it is.
    """
    power = runs.get("mean_power_W", np.nan)
    heat = [column for column in runs if str(column).startswith(_HEAT)]
    own = [column for column in heat if str(column).removeprefix(_HEAT) in domains]
    warmest = runs[own or heat].max(axis=1) if heat else np.nan
    return runs.assign(power_W=power, accuracy=_numbers(runs, f"metric.{accuracy}"), start_temperature_C=warmest)


def drawn(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that a figure shows: warm-up runs are no observations."""
    return rows[(rows["rule"] != "discarded") & rows["value"].notna()]


def _numbers(runs: pd.DataFrame, column: str) -> pd.Series[float]:
    if column not in runs:
        return pd.Series(np.nan, index=runs.index, dtype=float)
    found = pd.to_numeric(runs[column], errors="coerce").astype(float)
    return found.where(found.abs() < np.inf)
