"""A night as a pilot: how many runs a wanted difference needs, by the scatter that this night shows.

::

    pilot = plan_from(night, effects=(0.01,), power=0.9)
    pilot.contrasts     one a comparison of the night's family: its scatter, runs needed, what n runs can see
    pilot.pooled        the same from the scatter of all configurations together, where they may be taken to be alike
    pilot.cost          what a block of such a night takes, seconds and joules

The analysis is that of the night: pairs within blocks on logarithms; Welch with the order of the runs where there are
no blocks; the pooled t of the classic recipe. A family of m comparisons is met by Holm's first step, alpha / m: enough
for each by itself, whatever the others bring.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.comparisons import NOBODY, Method, Side, Sides, contrasts, split
from analysis.family import method_of
from analysis.response import ENERGY
from analysis.statistics.pilot import (
    ASSURANCE,
    Needed,
    Scatter,
    block_scatter,
    needed,
    paired_scatter,
    power_at,
    unpaired_scatter,
    visible,
)
from analysis.statistics.power import POWER
from analysis.study import Study, examine

if TYPE_CHECKING:
    import pandas as pd

    from analysis.load import Night
    from harness.protocol_model import Analysis

EFFECTS = (0.005, 0.01, 0.02, 0.05)
"""For which runs are reckoned where none is asked for."""
STEPS = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200, 300, 500, 1000)
"""Numbers of runs a curve may have."""
LEVEL = 0.95


@dataclass(frozen=True)
class Point:
    """What a night of ``runs`` of each configuration would see; ends of intervals are those of the scatter's."""

    runs: int
    smallest_effect: float | None
    smallest_effect_low: float | None
    smallest_effect_high: float | None
    power: tuple[float | None, ...]
    """To find each of the effects asked for, at the scatter as it is estimated."""


@dataclass(frozen=True)
class Contrast:
    """One comparison: how its runs scatter, and what follows."""

    configuration: str
    baseline: str
    n: int
    """Pairs, or runs of the smaller side, that tell the scatter."""
    scatter: Scatter
    low: float | None
    high: float | None
    """Interval of the scatter."""
    needed: tuple[Needed, ...]


@dataclass(frozen=True)
class Cost:
    """What a run of each configuration costs, as this night's did; None where it cannot be told."""

    seconds: float | None
    """From begin to settling, waits before each run included: the mean a run times the number of configurations."""
    energy_J: float | None
    """Of the response's window and domains only; of energy nights."""


@dataclass(frozen=True)
class Pilot:
    """What a night tells about the next one."""

    title: str
    response: str
    analysis: str
    blocked: bool
    alpha: float
    alpha_each: float
    """What one comparison of the family must reach."""
    power: float
    level: float
    assurance: float
    effects: tuple[float, ...]
    configurations: int
    contrasts: tuple[Contrast, ...]
    curve: tuple[Point, ...]
    """Of the comparison whose runs scatter most."""
    pooled: Contrast | None
    """None for fewer than three configurations, without blocks, or where no whole blocks are there."""
    begun: int
    usable: int
    """Of the pairs of all comparisons (of the runs, where they are not paired): how many began, how many count."""
    cost: Cost
    quality: str
    """measured | modelled"""
    rehearsal: bool

    @property
    def worst(self) -> Contrast | None:
        """The comparison whose runs scatter most; None where none tells its scatter."""
        told = [item for item in self.contrasts if item.scatter.deviation is not None]
        return max(told, key=lambda item: item.scatter.deviation or 0.0, default=None)


def plan_from(
    night: Night,
    effects: Sequence[float] = EFFECTS,
    *,
    power: float = POWER,
    alpha: float | None = None,
    level: float = LEVEL,
    plan: Analysis | None = None,
) -> Pilot:
    """What ``night`` tells about a night of the same protocol; ``alpha`` left out is the protocol's own."""
    study = examine(night, plan)
    design = study.findings.design
    chosen = design["alpha"] if alpha is None else alpha
    method = replace(method_of(night, plan or night.protocol.analysis), alpha=chosen, cohorts=1)
    family = [(names[0], names[1]) for names in design["family"]] or contrasts(night.configurations, None)
    alpha_each = method.alpha / max(method.size(family), 1)
    asked = tuple(sorted(set(effects)))
    sides = split(study.runs[study.runs.state == "headline"])
    is_paired = method.blocked and method.recipe == "blocks"

    def told(names: tuple[str, str], scatter: Scatter, n: int) -> Contrast:
        low, high = scatter.interval(level) or (None, None)
        needs = [needed(scatter, effect, alpha=alpha_each, power=power, level=level) for effect in asked]
        return Contrast(*names, n, scatter, low, high, tuple(needs))

    found = []
    for names in family:
        pair = Sides(sides.get(names[0], NOBODY), sides.get(names[1], NOBODY))
        found.append(told(names, _scatter(pair, method, night.plan["order"]), _count(pair, paired=is_paired)))
    cells = _cells(sides, night.configurations) if is_paired and len(night.configurations) > 2 else None
    together = None if cells is None else block_scatter(cells)
    pilot = Pilot(
        title=study.findings.title,
        response=study.response.phrase,
        analysis=design["primary"],
        blocked=is_paired,
        alpha=method.alpha,
        alpha_each=alpha_each,
        power=power,
        level=level,
        assurance=ASSURANCE,
        effects=asked,
        configurations=len(night.configurations),
        contrasts=tuple(found),
        curve=(),
        pooled=None if together is None or cells is None else told(("all", "all"), together, len(cells)),
        **_share(study, family, paired=is_paired),
        cost=_cost(night, study),
        quality=study.findings.quality,
        rehearsal=night.rehearsal,
    )
    return pilot if pilot.worst is None else replace(pilot, curve=_curve(pilot, pilot.worst))


def _scatter(pair: Sides, method: Method, order: str) -> Scatter:
    """The scatter that counts in the night's own primary test."""
    if method.recipe == "classic":
        return unpaired_scatter(*pair.values, logs=False)
    if method.blocked:
        return paired_scatter(*pair.pairs)
    orders = pair.orders if method.ordered else None
    return unpaired_scatter(*pair.values, orders, listed=order == "listed")


def _count(pair: Sides, *, paired: bool) -> int:
    return int(pair.pairs[0].size if paired else min(side.size for side in pair.values))


def _cells(sides: dict[str, Side], configurations: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """The values of the blocks that hold every configuration, (blocks, configurations); None for none."""
    there = [sides.get(name, NOBODY) for name in configurations]
    whole = set.intersection(*(set(side.block.tolist()) for side in there))
    if not whole:
        return None
    columns = [[value for value, block in zip(s.value, s.block, strict=True) if block in whole] for s in there]
    return np.column_stack([np.array(column, dtype=np.float64) for column in columns])


def _curve(pilot: Pilot, of: Contrast) -> tuple[Point, ...]:
    """What so many runs see, up to where the smallest effect that was asked for is found."""
    scatter, alpha, power = of.scatter, pilot.alpha_each, pilot.power
    middle = scatter.deviation or 0.0
    furthest = max((item.runs or STEPS[-1] for item in of.needed), default=STEPS[-1])
    counts = sorted({*STEPS, of.n, *(item.runs for item in of.needed if item.runs)})
    beyond = [count for count in counts if count > furthest][:1]

    def seen(count: int, deviation: float | None) -> float | None:
        return None if deviation is None else visible(count, deviation, scatter, alpha=alpha, power=power)

    return tuple(
        Point(
            count,
            seen(count, middle),
            seen(count, of.low),
            seen(count, of.high),
            tuple(power_at(count, item.effect, middle, scatter, alpha=alpha) for item in of.needed),
        )
        for count in [*(count for count in counts if scatter.fewest <= count <= furthest), *beyond]
    )


def _share(study: Study, family: Sequence[tuple[str, str]], *, paired: bool) -> dict[str, int]:
    """How many pairs (or runs) of the night began, and how many of them count."""
    begun = study.runs[study.runs.rule != "discarded"]
    kept = study.runs[study.runs.state == "headline"]
    if not paired:
        return {"begun": int(begun.slot.nunique()), "usable": len(kept)}
    return {
        "begun": sum(len(_blocks(begun, one) | _blocks(begun, other)) for one, other in family),
        "usable": sum(len(_blocks(kept, one) & _blocks(kept, other)) for one, other in family),
    }


def _blocks(runs: pd.DataFrame, name: str) -> set[int]:
    return set(runs.block[runs.configuration == name].tolist())


def _cost(night: Night, study: Study) -> Cost:
    """Mean time and energy of one run of each configuration; waits count, repeats of invalid runs do not."""
    kept = study.runs[study.runs.state == "headline"]
    lasted = {name: (record.ended_ns - record.started_ns) / 1e9 for name, record in night.records.items()}
    seconds, joules = 0.0, 0.0
    for name in night.configurations:
        runs = kept[kept.configuration == name]
        if runs.empty:
            return Cost(None, None)
        seconds += float(np.mean([lasted[run] for run in runs.run]))
        joules += float(runs.value.mean())
    return Cost(seconds if seconds > 0 else None, joules if study.response.name == ENERGY else None)
