"""A night as a pilot: how many runs a wanted difference needs, by the scatter that this night shows.

::

    pilot = plan_from(night, effects=(0.01,), power=0.9)
    pilot.contrasts     one a comparison of the night's family: its scatter, runs needed, what n runs can see
    pilot.pooled        the same from the scatter of all configurations together, where they may be taken to be alike
    pilot.cost          what a block of such a night takes, seconds and joules

The analysis is that of the night: pairs within blocks on logarithms; Welch with the order of the runs where there are
no blocks; the pooled t of the classic recipe. A family of m comparisons is met at alpha / m, the first step of every
correction: enough for each by itself, whatever the others bring.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from analysis.comparisons import NOBODY, Sides, contrasts, split
from analysis.family import method_of
from analysis.findings import Caution
from analysis.power.lacks import lacks
from analysis.power.scatters import Course, Told, own, together, whole_blocks
from analysis.response import ENERGY
from analysis.statistics.families import Correction
from analysis.statistics.pilot import ASSURANCE, Needed, Scatter, needed, power_at, visible
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
    """What a night of ``runs`` of each configuration would see; ends of intervals are those of the scatter's.

    An effect of None: beyond ``statistics.pilot.LARGEST_EFFECT``.
    """

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
    unit: str
    """What ``n`` counts."""
    scatter: Scatter
    low: float | None
    high: float | None
    """Interval of the scatter."""
    needed: tuple[Needed, ...]
    borrowed: str = ""
    """Whose scatter it is where it is not the comparison's own."""
    seen: Point | None = None
    """What the coming night sees, where its runs are known."""

    @property
    def is_alone(self) -> bool:
        """Whether it stands for a comparison of the pilot's one configuration with another like it."""
        return self.configuration == self.baseline and self.configuration != "all"


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
    comparisons: int
    """Of the largest family."""
    correction: Correction
    """Over a family."""
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
    lacks: tuple[Caution, ...]
    """What this pilot cannot tell, and what would help."""

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
    analysis = plan or night.protocol.analysis
    method = replace(method_of(night, analysis), alpha=design["alpha"] if alpha is None else alpha, cohorts=1)
    family = [(names[0], names[1]) for names in design["family"]] or contrasts(night.configurations, None)
    course = Course(method, night.blocked, night.ordered, night.plan["order"])
    sides = split(study.runs[study.runs.state == "headline"])
    aims = Aims(tuple(sorted(set(effects))), method.alpha / max(method.size(family), 1), power, level)
    alone = night.configurations[0] if len(night.configurations) == 1 else None
    if alone is not None:
        found = [contrast((alone, alone), together(sides, night.configurations, course), aims)]
    else:
        found = [
            contrast(names, own(Sides(sides.get(names[0], NOBODY), sides.get(names[1], NOBODY)), course), aims)
            for names in family
        ]
    is_many = course.paired and len(night.configurations) > 2
    pooled = whole_blocks(sides, night.configurations) if is_many else None
    pilot = Pilot(
        title=study.findings.title,
        response=study.response.phrase,
        analysis=design["primary"],
        blocked=course.paired,
        alpha=method.alpha,
        alpha_each=aims.alpha_each,
        comparisons=max(method.size(family), 1),
        correction=method.correction,
        power=power,
        level=level,
        assurance=ASSURANCE,
        effects=aims.effects,
        configurations=len(night.configurations),
        contrasts=tuple(found),
        curve=(),
        pooled=None if pooled is None else contrast(("all", "all"), pooled, aims),
        **_share(study, family, paired=course.paired),
        cost=_cost(night, study, sides=2 if alone is not None else 1),
        quality=study.findings.quality,
        rehearsal=night.rehearsal,
        lacks=(),
    )
    pilot = pilot if pilot.worst is None else replace(pilot, curve=curve(pilot.worst, aims))
    return replace(pilot, lacks=lacks(night, study, pilot))


@dataclass(frozen=True)
class Aims:
    """What is to be found, and how surely."""

    effects: tuple[float, ...]
    alpha_each: float
    power: float
    level: float


def contrast(names: tuple[str, str], told: Told, aims: Aims, runs: int | None = None) -> Contrast:
    """One comparison by the scatter that was ``told`` for it; ``runs``: how many of each the coming night has."""
    scatter = told.scatter
    low, high = scatter.interval(aims.level) or (None, None)
    needs = [
        needed(scatter, effect, alpha=aims.alpha_each, power=aims.power, level=aims.level) for effect in aims.effects
    ]
    found = Contrast(*names, told.n, told.unit, scatter, low, high, tuple(needs), told.borrowed)
    return found if runs is None else replace(found, seen=point(runs, found, aims))


def point(count: int, of: Contrast, aims: Aims) -> Point | None:
    """What ``count`` runs of each configuration see; None where the scatter cannot be told."""
    scatter, middle = of.scatter, of.scatter.deviation
    if middle is None:
        return None

    def seen(deviation: float | None) -> float | None:
        return (
            None if deviation is None else visible(count, deviation, scatter, alpha=aims.alpha_each, power=aims.power)
        )

    finds = tuple(power_at(count, effect, middle, scatter, alpha=aims.alpha_each) for effect in aims.effects)
    return Point(count, seen(middle), seen(of.low), seen(of.high), finds)


def curve(of: Contrast, aims: Aims) -> tuple[Point, ...]:
    """What so many runs see, up to those that are advised for the smallest effect that was asked for."""
    told = [item for item in of.needed if item.runs is not None]
    # A pilot that bounds nothing advises thousands: the curve need not go there.
    advised = {item.advised for item in told if item.advised is not None and item.advised <= 4 * (item.runs or 0)}
    marked = {*advised, *(item.runs for item in told if item.runs is not None)}
    furthest = max(marked) if len(told) == len(of.needed) else STEPS[-1]
    counts = sorted({*STEPS, *marked, of.n if of.unit != "runs" else STEPS[0]})
    beyond = [count for count in counts if count > furthest][:1]
    within = [count for count in counts if of.scatter.fewest <= count <= furthest]
    return tuple(found for count in [*within, *beyond] if (found := point(count, of, aims)) is not None)


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


def _cost(night: Night, study: Study, *, sides: int) -> Cost:
    """Mean time and energy of one run of each configuration, ``sides`` times; waits count, repeats do not."""
    kept = study.runs[study.runs.state == "headline"]
    lasted = {name: (record.ended_ns - record.started_ns) / 1e9 for name, record in night.records.items()}
    seconds, joules = 0.0, 0.0
    for name in night.configurations:
        runs = kept[kept.configuration == name]
        if runs.empty:
            return Cost(None, None)
        seconds += float(np.mean([lasted[run] for run in runs.run]))
        joules += float(runs.value.mean())
    seconds, joules = sides * seconds, sides * joules
    return Cost(seconds if seconds > 0 else None, joules if study.response.name == ENERGY else None)
