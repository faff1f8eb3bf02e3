"""Energy by epoch: of each run and configuration, cumulated, per accuracy; runs may end at different epochs.

::

    rows = epoch_rows(night, runs, frame, choice, accuracy)      one row a (run, epoch)
    means = epoch_means(rows, level)                             one record a (configuration, epoch)
    rates = epoch_rates(rows, level)                             one record a configuration

An epoch is a marked phase called "epoch" and its number; what a workload does within it, an evaluation too, is part of
it. Cumulative energy is the sum of the epochs; what lies between them is not in it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from analysis.energy import of_choice
from analysis.estimates import Estimate
from analysis.load import Night
from analysis.statistics.describe import mean
from analysis.statistics.slopes import least_squares
from analysis.temporal import EpochMean, EpochRate
from analysis.traces import EPOCH, is_aligned
from harness.domains import Choice

COLUMNS = (
    *("run", "configuration", "epoch", "duration_s", "energy_J", "cumulative_J", "mean_power_W"),
    *("accuracy_pct", "efficiency_pct_per_Wh"),
)
J_PER_WH = 3600.0


def accuracy_metric(phases: pd.DataFrame, accuracy: str) -> str:
    """The metric that the marks of epochs carry as accuracy, on validation data where they do; empty for none."""
    for name in (f"val_{accuracy}", accuracy, "val_accuracy", "accuracy"):
        column = f"metric.{name}"
        if column in phases and np.isfinite(pd.to_numeric(phases[column], errors="coerce").to_numpy(dtype=float)).any():
            return name
    return ""


def epoch_rows(night: Night, runs: pd.DataFrame, frame: pd.DataFrame, choice: Choice, accuracy: str) -> pd.DataFrame:
    """One row a (run, epoch) of ``runs`` (run, configuration), in the order of the night.

    run, configuration, epoch (from its name), duration_s, energy_J (summed over the domains of ``choice``; NaN where
    one of them cannot be told), cumulative_J (NaN from the first such epoch on, and where epochs before are missing),
    mean_power_W, accuracy_pct (of the metric that ``accuracy_metric`` gives; a fraction is told in per cent),
    efficiency_pct_per_Wh (accuracy over cumulative energy). ``frame`` as ``energy`` gives it. An epoch that is marked
    twice in a run is left out.
    """
    phases = night.phases
    phases = phases[phases["run"].isin(set(runs["run"])) & _epochs(phases)]
    phases = phases[~phases.duplicated(["run", "phase"], keep=False)]
    if phases.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    chosen = of_choice(frame, choice)
    chosen = chosen[_epochs(chosen)]
    sums = chosen.groupby(["run", "phase"], sort=False)["energy_J"].sum(min_count=max(1, len(choice.domains)))
    keys = list(zip(phases["run"], phases["phase"], strict=True))
    metric = accuracy_metric(phases, accuracy)
    reached = phases[f"metric.{metric}"] if metric else pd.Series(np.nan, index=phases.index)
    of = dict(zip(runs["run"], runs["configuration"], strict=True))
    rows = pd.DataFrame(
        {
            "run": phases["run"].to_numpy(),
            "configuration": phases["run"].map(of).to_numpy(),
            "epoch": phases["phase"].map(_number).to_numpy(dtype=np.int64),
            "duration_s": phases["duration_s"].to_numpy(dtype=float),
            "energy_J": np.array([sums.get(key, np.nan) for key in keys], dtype=float),
            "accuracy_pct": _per_cent(pd.to_numeric(reached, errors="coerce").to_numpy(dtype=float)),
        }
    )
    rows = rows.assign(order=rows["run"].map({run: place for place, run in enumerate(night.records)}))
    rows = rows.sort_values(["order", "epoch"], kind="stable").drop(columns="order").reset_index(drop=True)
    first = rows.groupby("run")["epoch"].transform("min")
    gapless = rows["epoch"] - first == rows.groupby("run").cumcount()
    cumulative = (
        rows["energy_J"].where(gapless).groupby(rows["run"]).transform(lambda values: values.cumsum(skipna=False))
    )
    rows["cumulative_J"] = cumulative
    rows["mean_power_W"] = rows["energy_J"] / rows["duration_s"]
    watt_hours = (rows["cumulative_J"] / J_PER_WH).where(rows["cumulative_J"] > 0)
    rows["efficiency_pct_per_Wh"] = rows["accuracy_pct"] / watt_hours
    return rows[list(COLUMNS)]


def epoch_means(rows: pd.DataFrame, configurations: Sequence[str], level: float) -> list[EpochMean]:
    """Means over the runs that came so far, with t intervals; one record a (configuration, epoch)."""
    found: list[EpochMean] = []
    for name, of in _each(rows, configurations):
        for epoch, part in of.groupby("epoch", sort=True):
            efficiency = _mean(part, "efficiency_pct_per_Wh", "%/Wh", level)
            found.append(
                EpochMean(
                    name,
                    int(str(epoch)),
                    len(part),
                    _mean(part, "energy_J", "J", level),
                    _mean(part, "cumulative_J", "J", level),
                    _mean(part, "duration_s", "s", level),
                    efficiency if efficiency.n else None,
                )
            )
    return found


def epoch_rates(rows: pd.DataFrame, configurations: Sequence[str], level: float) -> list[EpochRate]:
    """The growth of energy from epoch to epoch: a least-squares slope for each run, then the mean over runs."""
    found: list[EpochRate] = []
    for name, of in _each(rows, configurations):
        slopes, totals, best, efficiency, lengths = [], [], [], [], []
        for _, part in of.groupby("run", sort=False):
            lengths.append(len(part))
            cumulative = part["cumulative_J"].to_numpy(dtype=float) / J_PER_WH
            if not np.isfinite(cumulative).all():
                continue
            slopes.append(least_squares(cumulative, part["epoch"].to_numpy(dtype=float)))
            totals.append(float(cumulative[-1]))
            accuracies = part["accuracy_pct"].to_numpy(dtype=float)
            if np.isfinite(accuracies).any() and cumulative[-1] > 0:
                best.append(float(np.nanmax(accuracies)))
                efficiency.append(best[-1] / float(cumulative[-1]))
        found.append(
            EpochRate(
                name,
                mean([slope for slope in slopes if slope is not None], "Wh/epoch", level),
                min(lengths),
                max(lengths),
                mean(totals, "Wh", level),
                mean(best, "%", level) if best else None,
                mean(efficiency, "%/Wh", level) if best else None,
            )
        )
    return found


def means_frame(means: Sequence[EpochMean]) -> pd.DataFrame:
    """The records as a frame for a figure: configuration, epoch, n, and value, low, high of each estimate."""
    rows = []
    for item in means:
        row: dict[str, object] = {"configuration": item.configuration, "epoch": item.epoch, "n": item.n}
        told = {"energy_J": item.energy, "cumulative_J": item.cumulative, "efficiency": item.efficiency}
        for (key, estimate), part in itertools.product(told.items(), ("", "_low", "_high")):
            row[key + part] = None if estimate is None else getattr(estimate, part.removeprefix("_") or "value")
        rows.append(row)
    frame = pd.DataFrame(rows)
    numbers = [name for name in frame.columns if name != "configuration"]
    return frame.astype(dict.fromkeys(numbers, float)) if rows else frame


def _each(rows: pd.DataFrame, configurations: Sequence[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    for name in configurations:
        of = rows[rows["configuration"] == name]
        if len(of):
            yield name, of


def _mean(part: pd.DataFrame, column: str, unit: str, level: float) -> Estimate:
    values = part[column].to_numpy(dtype=float)
    return mean(values[np.isfinite(values)], unit, level)


def _epochs(rows: pd.DataFrame) -> np.ndarray:
    """Which rows are about an epoch, by the name of their phase."""
    return np.array([is_aligned(name, EPOCH) and name != EPOCH for name in rows["phase"]], dtype=bool)


def _number(name: str) -> int:
    return int(name.removeprefix(f"{EPOCH} "))


def _per_cent(values: np.ndarray) -> np.ndarray:
    """Accuracies in per cent: fractions are multiplied, what goes beyond 1 is told in per cent already."""
    finite = values[np.isfinite(values)]
    return values * 100 if finite.size and finite.max() <= 1 else values
