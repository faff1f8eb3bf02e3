"""A night that has not begun, by a pilot: what it will see, how many runs it needs, what it takes and uses.

Each comparison of the coming protocol is reckoned by the scatter of its own two configurations where the pilot ran both
(the same levels, by the same command); any other by that of all the pilot's configurations together, and says so. The
test is that of the coming protocol, at the order that its plan has drawn.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.comparisons import Side, Sides, split
from analysis.estimates import Estimate
from analysis.family import declared, method_of
from analysis.findings import Caution
from analysis.load import Night
from analysis.power.differences import differences, same_configurations, same_waits
from analysis.power.lacks import few_lacks, response_lacks, source_lacks
from analysis.power.pilot import EFFECTS, LEVEL, Aims, Contrast, contrast, point
from analysis.power.scatters import Course, Told, own, together
from analysis.response import called
from analysis.statistics.families import Correction
from analysis.statistics.pilot import in_order
from analysis.statistics.power import POWER
from analysis.statistics.prediction import sum_of_runs
from analysis.study import Study, examine

if TYPE_CHECKING:
    from harness.plan import Plan
    from harness.protocol_model import Protocol


@dataclass(frozen=True)
class ComingCost:
    """What the runs of the coming night take and use, by the pilot's runs of the same configurations."""

    run_s: float | None
    """Mean of a run's workload, from launch to exit, over the night's runs; None where a configuration is not known."""
    as_piloted_s: float | None
    """All runs with their waits as long as the pilot's were; None where the protocol waits otherwise."""
    energy: Estimate
    """Of all runs' windows, those that are discarded left out."""
    unknown: tuple[str, ...]
    """The configurations that the pilot did not run."""


@dataclass(frozen=True)
class Ahead:
    """What a pilot tells about a night of another protocol, or of its own."""

    title: str
    """Of the pilot."""
    response: str
    quality: str
    """measured | modelled"""
    rehearsal: bool
    paired: bool
    runs: int
    """Of each configuration."""
    alpha: float
    alpha_each: float
    comparisons: int
    correction: Correction
    power: float
    level: float
    effects: tuple[float, ...]
    contrasts: tuple[Contrast, ...]
    """Of the coming protocol's family; empty where the pilot has not what will be compared."""
    cost: ComingCost
    cautions: tuple[Caution, ...] = field(default=())
    """In what pilot and protocol differ, and what the pilot cannot tell."""

    @property
    def worst(self) -> Contrast | None:
        """The comparison whose runs scatter most; None where none tells its scatter."""
        told = [item for item in self.contrasts if item.scatter.deviation is not None]
        return max(told, key=lambda item: item.scatter.deviation or 0.0, default=None)


def before(
    night: Night,
    protocol: Protocol,
    plan: Plan,
    effects: Sequence[float] = EFFECTS,
    *,
    power: float = POWER,
    level: float = LEVEL,
    here: Mapping[str, str] | None = None,
) -> Ahead:
    """What the pilot ``night`` tells about a night of ``protocol``, whose ``plan`` is drawn.

    ``here``: id and cpu of this machine, where the coming night is to be executed on it.
    """
    asked, of_pilot = protocol.analysis, night.protocol.analysis
    study = examine(
        night,
        of_pilot.model_copy(
            update={
                name: getattr(asked, name)
                for name in ("metric", "energy", "prefer", "accuracy", "ratio", "outliers", "recipe", "test")
            }
        ),
    )
    coming = Night(night.path, plan.to_json(), protocol, {}, {})
    family, _ = declared(coming, asked)
    method = method_of(coming, asked)
    course = Course(method, night.blocked, night.ordered, plan.order)
    aims = Aims(tuple(sorted(set(effects))), method.alpha / max(method.size(family), 1), power, level)
    same = same_configurations(night, protocol, plan)
    is_there = study.response.name == called(asked.metric) and study.response.is_there
    sides = split(study.runs[study.runs.state == "headline"]) if is_there else {}
    shared = together(sides, night.configurations, course)
    found = tuple(
        _contrast(names, _told(names, same, sides, shared, course), aims, plan, protocol.design.blocks)
        for names in (family if is_there else [])
    )
    ahead = Ahead(
        title=study.findings.title,
        response=study.response.phrase,
        quality=study.findings.quality,
        rehearsal=night.rehearsal,
        paired=course.paired,
        runs=protocol.design.blocks,
        alpha=method.alpha,
        alpha_each=aims.alpha_each,
        comparisons=max(method.size(family), 1),
        correction=method.correction,
        power=power,
        level=level,
        effects=aims.effects,
        contrasts=found,
        cost=_cost(night, study, (protocol, plan), same=same, level=level),
    )
    cautions = (
        *differences(night, (protocol, plan), study, same=same, here=here or {}),
        *few_lacks([item.scatter for item in found], blocked=course.paired),
        *response_lacks(night, study),
        *source_lacks(night),
    )
    return replace(ahead, cautions=cautions)


def _told(
    names: tuple[str, str], same: Mapping[str, str], sides: Mapping[str, Side], shared: Told, course: Course
) -> Told:
    """The scatter of a comparison's own runs, or else the one that all share."""
    one, other = (sides.get(same.get(name, "")) for name in names)
    if one is None or other is None:
        return shared
    mine = own(Sides(one, other), course)
    return shared if mine.scatter.deviation is None and shared.scatter.deviation is not None else mine


def _contrast(names: tuple[str, str], told: Told, aims: Aims, plan: Plan, runs: int) -> Contrast:
    """One comparison of the coming night: runs needed whatever is drawn, what its own order sees."""
    places = {
        name: np.array(
            [place for place, slot in enumerate(plan.slots) if slot.block and slot.configuration == name], float
        )
        for name in names
    }
    if told.scatter.ordered and plan.order == "listed":
        who = np.concatenate([np.ones(places[names[0]].size), np.zeros(places[names[1]].size)])
        shared = float(np.corrcoef(who, np.concatenate([places[name] for name in names]))[0, 1] ** 2)
        told = replace(told, scatter=replace(told.scatter, confounded=shared))
    found = contrast(names, told, aims)
    drawn = in_order(told.scatter, places[names[0]], places[names[1]])
    return replace(found, seen=point(runs, replace(found, scatter=drawn), aims))


def _cost(
    night: Night, study: Study, coming: tuple[Protocol, Plan], *, same: Mapping[str, str], level: float
) -> ComingCost:
    protocol, plan = coming
    runs = study.runs[study.runs.eligible]
    of = {name: runs[runs.configuration == same[name]] for name in same}
    names = [item.name for item in plan.configurations]
    unknown = tuple(name for name in names if name not in of or of[name].empty)
    counted = Counter(slot.configuration for slot in plan.slots if slot.block)
    slots = Counter(slot.configuration for slot in plan.slots)
    if unknown:
        untold = Estimate(None, "J", note="the pilot did not run every configuration")
        return ComingCost(None, None, untold, unknown)
    workload = {name: _mean(night, of[name], "workload") for name in names}
    whole = {name: _mean(night, of[name], "whole") for name in names}
    joules = [of[name].energy_J.dropna().to_numpy(dtype=float) for name in names]
    energy = (
        sum_of_runs(joules, [counted[name] for name in names], "J", level)
        if all(array.size for array in joules)
        else Estimate(None, "J", note="the pilot has no energy")
    )
    run_s = _sum(workload, slots)
    warmup_s = protocol.warmup.duration_s if protocol.warmup else 0.0
    piloted_s = _sum(whole, slots) if same_waits(night, protocol) else None
    return ComingCost(
        None if run_s is None else run_s / max(slots.total(), 1),
        None if piloted_s is None else piloted_s + warmup_s,
        energy,
        (),
    )


def _sum(seconds: Mapping[str, float | None], slots: Mapping[str, int]) -> float | None:
    if any(value is None for value in seconds.values()):
        return None
    return math.fsum((seconds[name] or 0.0) * slots[name] for name in seconds)


def _mean(night: Night, runs: pd.DataFrame, what: str) -> float | None:
    """Mean seconds of a run: of its workload, or whole with its waits; None where a record does not tell them."""
    found: list[float] = []
    for name in runs.run:
        record = night.records[name]
        if what == "whole":
            found.append((record.ended_ns - record.started_ns) / 1e9)
        elif record.launched_ns is not None and record.exited_ns is not None:
            found.append((record.exited_ns - record.launched_ns) / 1e9)
    middle = math.fsum(found) / len(found) if found else 0.0
    return middle if middle > 0 else None
