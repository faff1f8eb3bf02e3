"""What is compared: one number a run, its unit, what it was measured by, and why a run has none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.energy import Measured, no_window, total
from analysis.load import Night
from harness.domains import Choice

ENERGY, NET, DURATION, POWER = "energy", "net energy", "duration", "mean power"
LARGEST = 1e100
"""A number beyond this ran away: it can neither be squared nor compared."""
_DERIVED = {"net_energy": NET, "power": POWER, "mean_power": POWER}
"""Other ways in which a protocol may write a response that is not a workload's metric."""


@dataclass(frozen=True)
class Response:
    """One number a run. ``values`` is indexed by run, NaN where ``why`` says why."""

    name: str
    """energy, net energy, duration, mean power, or the name of a workload's metric."""
    label: str
    """For people: "energy of train: gpu0 + package-0"."""
    unit: str
    values: pd.Series[float]
    why: Mapping[str, str]
    domains: tuple[str, ...] = ()
    quality: str = "measured"
    """measured | modelled"""
    uncertainty: pd.Series[float] | None = None
    """A bound on the error of each value from edges and gaps, in its unit; energy and what is made of it."""

    @property
    def phrase(self) -> str:
        """The label for the middle of a sentence: "energy of train (gpu0 + package-0)"."""
        name, _, domains = self.label.partition(": ")
        return f"{name} ({domains})" if domains else name

    @property
    def is_there(self) -> bool:
        """Whether any run has a value."""
        return bool(self.values.notna().any())


def responses(night: Night, measured: Measured, choice: Choice) -> dict[str, Response]:
    """Every response that this night can be asked for, by name: energy, duration, power, and the numeric metrics."""
    runs = night.runs.set_index("run")
    window = night.protocol.workload.window or "the whole workload"
    sums = total(night, measured, choice)
    added = " + ".join(choice.domains)
    why = {str(run): str(reason) for run, reason in sums.why.items()}
    found: dict[str, Response] = {}
    bounds = {ENERGY: sums.uncertainty_J, NET: sums.net_uncertainty_J, POWER: sums.uncertainty_J / sums.duration_s}
    for name, column, unit in ((ENERGY, "energy_J", "J"), (NET, "net_J", "J"), (POWER, "mean_power_W", "W")):
        reasons = why if name != NET else _no_baseline(why, sums.net_J)
        label = f"{name} of {window}{': ' + added if added else ''}"
        values = sums[column].where(sums[column].abs() < LARGEST)
        found[name] = Response(name, label, unit, values, reasons, choice.domains, choice.quality, bounds[name])
    missing = sums.duration_s.isna().items()
    unknown = {str(run): no_window(night.records[str(run)]) if is_missing else "" for run, is_missing in missing}
    found[DURATION] = Response(DURATION, f"duration of {window}", "s", sums.duration_s, unknown)
    for column in runs.columns:
        if column.startswith("metric.") and numbers_of(runs[column]) is not None:
            name = column.removeprefix("metric.")
            found.setdefault(name, metric(runs, name))
    return found


def metric(runs: pd.DataFrame, name: str) -> Response:
    """A workload's metric; every run lacks it where no run reports it as a number."""
    column = f"metric.{name}"
    values = numbers_of(runs[column]) if column in runs else None
    if values is None:
        values = pd.Series(math.nan, index=runs.index, dtype=float)
    values = values.where(values.abs() < LARGEST)
    why = {str(run): "" if there else f"it reported no {name}" for run, there in values.notna().items()}
    return Response(name, name, unit_of(name), values, why)


def numbers_of(column: pd.Series[Any]) -> pd.Series[float] | None:
    """A metric as numbers, NaN where a run reported something else; None where no run reports it as one."""
    if pd.api.types.is_float_dtype(column):
        return column
    numbers = [value if isinstance(value, float) else math.nan for value in column]
    return None if all(map(math.isnan, numbers)) else pd.Series(numbers, index=column.index, dtype=float)


def find(found: Mapping[str, Response], runs: pd.DataFrame, name: str) -> Response:
    """The response that a protocol calls ``name``; a metric that no run reports has no value in any run."""
    name = called(name)
    return found[name] if name in found else metric(runs.set_index("run"), name)


def called(name: str) -> str:
    """What the response is called that a protocol may write in another way."""
    return _DERIVED.get(name, name).removeprefix("metric.")


def unit_of(name: str) -> str:
    """The unit in a metric's name ("latency_ms", "images_per_s"); empty where it names none."""
    if "_per_" in name:
        return f"1/{name.rsplit('_per_', 1)[1]}"
    tail = name.rsplit("_", 1)[-1] if "_" in name else ""
    return {"pct": "%"}.get(tail, tail if tail in _UNITS else "")


_UNITS = ("s", "ms", "us", "J", "kJ", "Wh", "W", "B", "MB", "GB", "Hz", "MHz", "C", "pct")


def _no_baseline(why: Mapping[str, str], net_J: pd.Series[float]) -> dict[str, str]:
    return {
        run: reason or ("no idle baseline" if missing else "")
        for (run, reason), missing in zip(why.items(), net_J.isna(), strict=True)
    }
