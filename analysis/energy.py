"""The joules of every run and phase: gross, and net of the block's idle baseline, by domain, with uncertainty.

::

    measured = measure(night)          reads the samples, one run at a time
    measured.frame                     one row a (run, phase, domain); = energy(night)
    total(night, measured, domains)    one row a run: its window's energy, summed over disjoint domains

A run that lacks one of the domains has no total: never a smaller sum.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.load import Damage, Night, Series
from harness import joules
from harness.errors import NightFolderError
from harness.record import Kind, Phase, Quality, RunRecord, Validity

COLUMNS = (
    *("run", "phase", "domain", "quality", "source", "method", "begin_s", "duration_s", "energy_J", "net_J"),
    *("uncertainty_J", "mean_power_W", "idle_W", "counter_ratio", "coverage", "longest_gap_s", "refresh_s"),
)
TOTAL_COLUMNS = ("energy_J", "net_J", "uncertainty_J", "duration_s", "mean_power_W", "why")
WHOLE = ""
"""The name under which the whole workload, from launch to exit, stands among the phases."""
BASELINE = "baseline"


@dataclass(frozen=True)
class Meter:
    """One domain in one run: its trace, its counter, or both, and how the two agree."""

    domain: str
    quality: Quality
    source: str
    power: joules.Series | None
    counter: joules.Series | None
    ratio: float | None
    """Counter over trace in this run."""
    refresh_s: float
    """The longer of the trace's documented and seen refresh; the counter's where there is no trace; NaN unknown."""

    def energy(self, begin_ns: int, end_ns: int) -> joules.WindowEnergy:
        """The energy of one stretch."""
        return joules.window_energy(self.power, self.counter, begin_ns, end_ns, self.ratio)


@dataclass(frozen=True)
class Measured:
    """The energy frame of a night and what was wrong with its samples."""

    frame: pd.DataFrame
    damage: tuple[Damage, ...] = ()
    mended: tuple[Damage, ...] = ()
    """Runs whose samples were out of order, repeated or not finite: mended, and said so."""


def energy(night: Night) -> pd.DataFrame:
    """One row a (run, phase, domain), phases in the order of their marks, phase "" the whole workload.

    run, phase, domain, quality (measured | modelled), source, method (see ``harness.joules``), begin_s (since launch),
    duration_s, energy_J, net_J (less idle_W x duration_s), uncertainty_J (a bound), mean_power_W, idle_W (of the idle
    baseline of its block; NaN without one), counter_ratio, coverage (0 to 1), longest_gap_s, refresh_s. Energy that
    cannot be told is NaN.
    """
    return measure(night).frame.copy()


def measure(night: Night) -> Measured:
    """Read the samples of every run that was launched, one run at a time, and integrate its phases."""
    rows: list[dict[str, object]] = []
    damage: list[Damage] = []
    mended: list[Damage] = []
    idle: dict[str, dict[str, float]] = {}
    for run, record in night.records.items():
        if record.launched_ns is None or record.exited_ns is None:
            continue
        try:
            series = night.samples(run)
        except NightFolderError as error:
            damage.append(Damage(run, error.what))
            continue
        mended += _mended(run, series.values())
        meters = read_meters(series)
        idle[run] = _idle(record, meters)
        rows += _rows(run, record, record.launched_ns, record.exited_ns, meters)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame = _with_idle(night, frame, idle)
    return Measured(frame, tuple(damage), tuple(mended))


def read_meters(series: Mapping[str, Series]) -> list[Meter]:
    """The meters among a run's channels (``<domain>.power_W``, ``<domain>.energy_J``); measured before modelled."""
    meters: list[Meter] = []
    domains = dict.fromkeys(item.channel.domain for item in series.values())
    for domain in domains:
        pair = [series.get(f"{domain}.power_W"), series.get(f"{domain}.energy_J")]
        there = [item for item in pair if item is not None and item.t_ns.size]
        if not there:
            continue
        is_measured = any(item.channel.quality is Quality.MEASURED for item in there)
        quality = Quality.MEASURED if is_measured else Quality.MODELLED
        there = [item for item in there if item.channel.quality is quality]
        power, counter = (
            next((_as_joules(item) for item in there if (item.channel.kind is Kind.COUNTER) is wanted), None)
            for wanted in (False, True)
        )
        refresh = (there[0].channel.refresh_s, there[0].channel.refresh_seen_s or math.nan)
        meters.append(
            Meter(
                domain,
                quality,
                " + ".join(dict.fromkeys(item.channel.source for item in there)),
                power,
                counter,
                joules.counter_ratio(power, counter),
                float(np.nanmax(refresh)),
            )
        )
    return meters


def total(night: Night, measured: Measured, domains: Sequence[str], quality: str) -> pd.DataFrame:
    """The energy of each run's window, summed over ``domains``; index run, in the order of the night.

    energy_J, net_J, uncertainty_J (bounds added), duration_s, mean_power_W; NaN with ``why`` (text, else "") where the
    window is not known, a domain is missing or not of this ``quality``, or its energy cannot be told.
    """
    frame = measured.frame[measured.frame.quality == quality]
    found: dict[tuple[str, str], dict[str, tuple[float, float, float]]] = {}
    columns = (frame.run, frame.phase, frame.domain, frame.energy_J, frame.net_J, frame.uncertainty_J)
    for run, phase, domain, *figures in zip(*(column.tolist() for column in columns), strict=True):
        found.setdefault((run, phase), {})[domain] = (figures[0], figures[1], figures[2])
    broken = {item.entry: item.what for item in measured.damage}
    rows: dict[str, dict[str, float | str]] = {}
    for run, record in night.records.items():
        window = record.window
        parts = found.get((run, window.name), {}) if window is not None else {}
        why = _why_not(record, parts, domains, broken.get(run, ""))
        chosen = [] if why else [parts[domain] for domain in domains]
        energy_J, net_J, uncertainty_J = (
            math.fsum(part[place] for part in chosen) if chosen else math.nan for place in range(3)
        )
        duration_s = window.duration_s if window is not None else math.nan
        rows[run] = {
            "energy_J": energy_J,
            "net_J": net_J,
            "uncertainty_J": uncertainty_J,
            "duration_s": duration_s,
            "mean_power_W": energy_J / duration_s if duration_s else math.nan,
            "why": why,
        }
    index = pd.Index(list(rows), name="run", dtype=object)
    return pd.DataFrame(list(rows.values()), index=index, columns=list(TOTAL_COLUMNS))


def _why_not(
    record: RunRecord, parts: Mapping[str, tuple[float, float, float]], domains: Sequence[str], broken: str
) -> str:
    """Why a run has no total, in words; empty when it has one."""
    missing = [domain for domain in domains if domain not in parts]
    unknown = [domain for domain in domains if domain in parts and math.isnan(parts[domain][0])]
    if record.window is None:
        return "its window is not known"
    if broken or not domains:
        return broken or "no energy was recorded"
    if missing:
        return f"no energy of {', '.join(missing)}"
    return f"the readings of {', '.join(unknown)} do not cover its window" if unknown else ""


def _as_joules(series: Series) -> joules.Series:
    return joules.Series(series.t_ns, series.value, series.channel.kind, series.channel.refresh_s)


def _mended(run: str, series: Iterable[Series]) -> list[Damage]:
    found: list[Damage] = []
    for item in series:
        counts = {"out of order": item.out_of_order, "repeated": item.repeated, "not finite": item.not_finite}
        said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        if said:
            found.append(Damage(run, f"{item.channel.name}: {said}"))
    return found


def _rows(
    run: str, record: RunRecord, launched_ns: int, exited_ns: int, meters: Iterable[Meter]
) -> list[dict[str, object]]:
    stretches = [Phase(WHOLE, launched_ns, exited_ns), *record.phases]
    if record.window is not None and record.window.name not in {phase.name for phase in stretches}:
        stretches.append(record.window)
    rows: list[dict[str, object]] = []
    for phase in stretches:
        for meter in meters:
            result = meter.energy(phase.begin_ns, phase.end_ns)
            rows.append(
                {
                    "run": run,
                    "phase": phase.name,
                    "domain": meter.domain,
                    "quality": str(meter.quality),
                    "source": meter.source,
                    "method": result.method,
                    "begin_s": (phase.begin_ns - launched_ns) / 1e9,
                    "duration_s": phase.duration_s,
                    "energy_J": result.energy_J,
                    "uncertainty_J": result.uncertainty_J,
                    "mean_power_W": result.energy_J / phase.duration_s if phase.duration_s > 0 else math.nan,
                    "counter_ratio": math.nan if meter.ratio is None else meter.ratio,
                    "coverage": result.coverage,
                    "longest_gap_s": result.longest_gap_s,
                    "refresh_s": meter.refresh_s,
                }
            )
    return rows


def _idle(record: RunRecord, meters: Iterable[Meter]) -> dict[str, float]:
    """Mean power of the idle baseline before this run, by domain; empty where none was taken."""
    stage = next((phase for phase in record.stages if phase.name == BASELINE and phase.duration_s > 0), None)
    if stage is None:
        return {}
    means = {meter.domain: meter.energy(stage.begin_ns, stage.end_ns).energy_J / stage.duration_s for meter in meters}
    return {domain: power_W for domain, power_W in means.items() if not math.isnan(power_W)}


def _with_idle(night: Night, frame: pd.DataFrame, idle: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Add idle_W and net_J: the last baseline before each run, of the same block where there are blocks.

    A baseline whose run was found invalid is used only until a good one is there: what spoilt the run may have spoilt
    it too.
    """
    latest: dict[tuple[int, str], float] = {}
    good: set[tuple[int, str]] = set()
    idle_W: dict[tuple[str, str], float] = {}
    for run, record in night.records.items():
        block = record.block if night.blocked else 0
        is_good = record.validity is not Validity.INVALID
        for domain, power_W in idle.get(run, {}).items():
            if is_good or (block, domain) not in good:
                latest[block, domain] = power_W
                good |= {(block, domain)} if is_good else set()
        for (of_block, domain), power_W in latest.items():
            if of_block == block:
                idle_W[run, domain] = power_W
    powers = [idle_W.get((run, domain), math.nan) for run, domain in zip(frame.run, frame.domain, strict=True)]
    frame["idle_W"] = np.asarray(powers, dtype=float)
    frame["net_J"] = frame.energy_J - frame.idle_W * frame.duration_s
    return frame
