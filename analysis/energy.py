"""The joules of every run and phase: gross, and net of the block's idle baseline, by domain and source.

::

    measured = measure(night)          reads the samples, one run at a time
    measured.frame                     one row a (run, phase, domain, origin); = energy(night)
    total(night, measured, choice)     one row a run: its window's energy, summed over disjoint domains, a source each

A run that lacks one of the domains by its chosen source has no total: never a smaller sum, never another source.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from analysis.load import Damage, Night, Series
from analysis.meters import energy_readings
from harness import joules
from harness.domains import Choice, Source, choose, named
from harness.errors import NightFolderError
from harness.record import Kind, Phase, Quality, RunRecord, Validity

COLUMNS = (
    *("run", "phase", "domain", "origin", "quality", "source", "method", "begin_s", "duration_s", "energy_J", "net_J"),
    *("uncertainty_J", "net_uncertainty_J", "mean_power_W", "idle_W", "counter_ratio", "coverage", "longest_gap_s"),
    "refresh_s",
)
TOTAL_COLUMNS = ("energy_J", "net_J", "uncertainty_J", "net_uncertainty_J", "duration_s", "mean_power_W", "why")
WHOLE = ""
"""The name under which the whole workload, from launch to exit, stands among the phases."""
BASELINE = "baseline"
Told = tuple[str, str]
"""Domain and origin."""
Idle = tuple[float, float]
"""Mean power of an idle baseline and the bound on its error, W."""


@dataclass(frozen=True)
class Meter:
    """One domain by one source in one run: its trace, its counter, or both, and how the two agree."""

    domain: str
    origin: str
    """The sensor or instrument; empty in runs of schema 1."""
    quality: Quality
    source: str
    power: joules.Series | None
    counter: joules.Series | None
    ratio: float | None
    """Counter over trace in this run."""
    refresh_s: float
    """The longer of the trace's documented and seen refresh; the counter's where there is no trace; NaN unknown."""
    _told: dict[tuple[int, int], joules.WindowEnergy] = field(default_factory=dict, repr=False, compare=False)

    @property
    def key(self) -> tuple[str, str, str]:
        """Domain, origin and quality, as a ``harness.domains.Source`` has them."""
        return self.domain, self.origin, str(self.quality)

    def energy(self, begin_ns: int, end_ns: int) -> joules.WindowEnergy:
        """The energy of one stretch, which is integrated once."""
        found = self._told.get((begin_ns, end_ns))
        if found is None:
            found = joules.window_energy(self.power, self.counter, begin_ns, end_ns, self.ratio)
            self._told[begin_ns, end_ns] = found
        return found


@dataclass(frozen=True)
class Measured:
    """The energy frame of a night and what was wrong with its samples."""

    frame: pd.DataFrame
    damage: tuple[Damage, ...] = ()
    mended: tuple[Damage, ...] = ()
    """Runs whose samples were out of order, repeated or not finite: mended, and said so."""
    reduced: Mapping[str, Any] = field(default_factory=dict)
    """What the caller's reduction gave, by run."""


Reduction = Callable[[RunRecord, Mapping[str, Series], Sequence[Meter]], Any]
"""One run's record, channels and meters -> what else is wanted of them: samples are read once."""


def energy(night: Night) -> pd.DataFrame:
    """One row a (run, phase, domain, origin), phases in the order of their marks, phase "" the whole workload.

    run, phase, domain, origin (the sensor or instrument that tells it; "" in nights of schema 1), quality (measured |
    modelled), source, method (see ``harness.joules``), begin_s (since launch), duration_s, energy_J, net_J (less idle_W
    x duration_s), uncertainty_J and net_uncertainty_J (bounds from edges and gaps, the latter with those of the idle
    baseline), mean_power_W, idle_W (of the idle baseline of its block; NaN without one), counter_ratio, coverage (0 to
    1), longest_gap_s, refresh_s. Energy that cannot be told is NaN. Rows of one domain by several origins are the same
    joules, told more than once: never to be added.
    """
    return measure(night).frame.copy()


def measure(night: Night, reduction: Reduction | None = None) -> Measured:
    """Read the samples of every run that was launched, one run at a time, and integrate its phases.

    ``reduction`` is called for each run while its samples are in memory.
    """
    rows: list[dict[str, object]] = []
    damage: list[Damage] = []
    mended: list[Damage] = []
    idle: dict[str, dict[Told, Idle]] = {}
    reduced: dict[str, Any] = {}
    for run, record in night.records.items():
        if record.launched_ns is None or record.exited_ns is None:
            continue
        try:
            series = night.meters.aligned(run, night.samples(run))
        except NightFolderError as error:
            damage.append(Damage(run, error.what))
            continue
        mended += _mended(run, series.values())
        meters = read_meters(series)
        idle[run] = _idle(record, meters)
        rows += _rows(run, record, record.launched_ns, record.exited_ns, meters)
        if reduction is not None:
            reduced[run] = reduction(record, series, meters)
        del series, meters  # before the next run's are read: one run at a time is in memory, not two
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame = _with_idle(night, frame, idle)
    return Measured(frame, tuple(damage), tuple(mended), reduced)


def read_meters(series: Mapping[str, Series]) -> list[Meter]:
    """The meters among a run's channels of power and energy, one a (domain, origin); measured before modelled."""
    told: dict[Told, list[Series]] = {}
    for item in energy_readings(series):
        told.setdefault((item.channel.domain, item.channel.origin), []).append(item)
    return [_meter(domain, origin, there) for (domain, origin), there in told.items()]


def _meter(domain: str, origin: str, there: Sequence[Series]) -> Meter:
    is_measured = any(item.channel.quality is Quality.MEASURED for item in there)
    quality = Quality.MEASURED if is_measured else Quality.MODELLED
    there = sorted(
        (item for item in there if item.channel.quality is quality), key=lambda item: not item.channel.tells_power
    )
    power, counter = (
        next((_as_joules(item) for item in there if (item.channel.kind is Kind.COUNTER) is wanted), None)
        for wanted in (False, True)
    )
    refresh = (there[0].channel.refresh_s, there[0].channel.refresh_seen_s or math.nan)
    return Meter(
        domain,
        origin,
        quality,
        " + ".join(dict.fromkeys(item.channel.source for item in there)),
        power,
        counter,
        joules.counter_ratio(power, counter),
        float(np.nanmax(refresh)),
    )


def choice_of(frame: pd.DataFrame, declared: Sequence[str] = (), prefer: Sequence[str] = ()) -> Choice:
    """Which domains of an energy frame are summed, and who tells each, in all runs; see ``harness.domains.choose``."""
    return choose(set(zip(frame.domain, frame.origin, frame.quality, strict=True)), declared, prefer)


def of_choice(frame: pd.DataFrame, choice: Choice) -> pd.DataFrame:
    """The rows of an energy frame that ``choice`` sums."""
    keys = {source.key for source in choice.summed}
    told = zip(frame.domain, frame.origin, frame.quality, strict=True)
    return frame[np.array([key in keys for key in told], dtype=bool)]


def window_rows(frame: pd.DataFrame, night: Night) -> pd.DataFrame:
    """The rows of an energy frame that are about the window of their run."""
    windows = {run: record.window.name for run, record in night.records.items() if record.window is not None}
    stretches = zip(frame.run, frame.phase, strict=True)
    return frame[np.array([windows.get(run) == phase for run, phase in stretches], dtype=bool)]


def total(night: Night, measured: Measured, choice: Choice) -> pd.DataFrame:
    """The energy of each run's window, summed over the domains of ``choice``; index run, in the order of the night.

    energy_J, net_J, uncertainty_J and net_uncertainty_J (bounds added), duration_s, mean_power_W; NaN with ``why``
    (text, else "") where the window is not known, a domain is not told by its chosen source, or cannot be told.
    """
    frame = measured.frame
    columns = [frame[name].tolist() for name in ("energy_J", "net_J", "uncertainty_J", "net_uncertainty_J")]
    keys = zip(frame.domain, frame.origin, frame.quality, strict=True)
    found: dict[tuple[str, str], dict[tuple[str, str, str], tuple[float, ...]]] = {}
    for run, phase, key, *figures in zip(frame.run, frame.phase, keys, *columns, strict=True):
        found.setdefault((run, phase), {})[key] = tuple(figures)
    broken = {item.entry: item.what for item in measured.damage}
    wanted = choice.summed
    rows: dict[str, dict[str, float | str]] = {}
    for run, record in night.records.items():
        window = record.window
        parts = found.get((run, window.name), {}) if window is not None else {}
        why = _why_not(record, parts, wanted, broken.get(run, ""))
        chosen = [] if why else [parts[source.key] for source in wanted]
        energy_J, net_J, uncertainty_J, net_uncertainty_J = (
            math.fsum(part[place] for part in chosen) if chosen else math.nan for place in range(4)
        )
        duration_s = window.duration_s if window is not None else math.nan
        rows[run] = {
            "energy_J": energy_J,
            "net_J": net_J,
            "uncertainty_J": uncertainty_J,
            "net_uncertainty_J": net_uncertainty_J,
            "duration_s": duration_s,
            "mean_power_W": energy_J / duration_s if duration_s else math.nan,
            "why": why,
        }
    index = pd.Index(list(rows), name="run", dtype=object)
    return pd.DataFrame(list(rows.values()), index=index, columns=list(TOTAL_COLUMNS))


def no_window(record: RunRecord) -> str:
    """Why a run has no window, as the night's end and ``nightwatt status`` say it."""
    why = next((item.evidence for item in record.verdicts if item.name == "no_window"), "")
    return f"no window ({why})" if why else "no window"


def _why_not(
    record: RunRecord, parts: Mapping[tuple[str, str, str], tuple[float, ...]], wanted: Sequence[Source], broken: str
) -> str:
    """Why a run has no total, in words; empty when it has one."""
    if record.window is None:
        return no_window(record)
    if broken or not wanted:
        return broken or "no energy was recorded"
    missing = [source for source in wanted if source.key not in parts]
    if missing:
        return "no energy of " + ", ".join(_missing(source, parts) for source in missing)
    unknown = [source.domain for source in wanted if math.isnan(parts[source.key][0])]
    return f"the readings of {', '.join(unknown)} do not cover its window" if unknown else ""


def _missing(source: Source, parts: Iterable[tuple[str, str, str]]) -> str:
    """A domain that its chosen source does not tell in this run, and who does."""
    by = f" by {source.origin}" if source.origin else ""
    others = [named(origin, quality) for domain, origin, quality in parts if domain == source.domain]
    beside = f" ({', '.join(others)} would be another source than in the other runs)" if others else ""
    return f"{source.domain}{by}{beside}"


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
                    "origin": meter.origin,
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


def _idle(record: RunRecord, meters: Iterable[Meter]) -> dict[Told, Idle]:
    """Mean power of the idle baseline before this run and its bound, by meter; empty where none was taken."""
    stage = next((phase for phase in record.stages if phase.name == BASELINE and phase.duration_s > 0), None)
    if stage is None:
        return {}
    taken = {(meter.domain, meter.origin): meter.energy(stage.begin_ns, stage.end_ns) for meter in meters}
    return {
        told: (result.energy_J / stage.duration_s, result.uncertainty_J / stage.duration_s)
        for told, result in taken.items()
        if not math.isnan(result.energy_J)
    }


def _with_idle(night: Night, frame: pd.DataFrame, idle: Mapping[str, Mapping[Told, Idle]]) -> pd.DataFrame:
    """Add idle_W, net_J and its bound: the last baseline before each run, of the same block where there are blocks.

    A baseline whose run was found invalid is used only until a good one is there: what spoilt the run may have spoilt
    it too.
    """
    latest: dict[tuple[int, Told], Idle] = {}
    good: set[tuple[int, Told]] = set()
    of_run: dict[tuple[str, Told], Idle] = {}
    for run, record in night.records.items():
        block = record.block if night.blocked else 0
        is_good = record.validity is not Validity.INVALID
        for told, power in idle.get(run, {}).items():
            if is_good or (block, told) not in good:
                latest[block, told] = power
                good |= {(block, told)} if is_good else set()
        of_run |= {(run, told): power for (of_block, told), power in latest.items() if of_block == block}
    rows = zip(frame.run, frame.domain, frame.origin, strict=True)
    powers = [of_run.get((run, (domain, origin)), (math.nan, math.nan)) for run, domain, origin in rows]
    frame["idle_W"] = np.array([power_W for power_W, _ in powers], dtype=float)
    frame["net_J"] = frame.energy_J - frame.idle_W * frame.duration_s
    bound_W = np.array([bound_W for _, bound_W in powers], dtype=float)
    frame["net_uncertainty_J"] = frame.uncertainty_J + bound_W * frame.duration_s
    return frame
