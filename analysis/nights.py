"""The comparisons of nights that were joined, night by night, and whether they differ between the nights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analysis.comparisons import NOBODY, Method, Sides, split
from analysis.findings import Comparison, Estimate, NightRatio, Test
from analysis.load import Night
from analysis.statistics.families import adjust
from analysis.statistics.nights import interaction, over_nights
from analysis.statistics.paired import paired_ratio

INTERACTION = "night × "
"""How the name of such a test begins."""


@dataclass(frozen=True)
class ByNight:
    """Ratios of each night, and of each comparison its interaction with the night and the test over nights."""

    ratios: tuple[NightRatio, ...] = ()
    tests: tuple[Test, ...] = ()


def nights_of(night: Night, headline: pd.DataFrame, compared: Sequence[Comparison], method: Method) -> ByNight:
    """Of the runs of the headline; nothing for a night by itself. Interactions are corrected over the family (Holm)."""
    if not night.joined:
        return ByNight()
    of_run = {run: record.night for run, record in night.records.items()}
    runs = headline.assign(night=headline.run.map(of_run))
    sides = split(headline)
    of_block = dict(zip(runs.block.tolist(), runs.night.tolist(), strict=True))
    ratios: list[NightRatio] = []
    interactions: list[Test] = []
    over: list[Test] = []
    for item in compared:
        names = item.configuration, item.baseline
        pair = Sides(*(sides.get(name, NOBODY) for name in names))
        one, other = (
            set((side.block * (1 << 32) + side.of_cohort).tolist()) for side in (pair.configuration, pair.baseline)
        )
        nights = [of_block[block >> 32] for block in sorted(one & other)]
        words = f"{names[0]} against {names[1]}"
        interactions.append(interaction(f"{INTERACTION}{words}", *pair.pairs, nights))
        over.append(replace(over_nights(*pair.pairs, nights, method.level), name=f"paired t over nights, {words}"))
        for member in night.joined:
            mine = np.array([name == member["night"] for name in nights], dtype=bool)
            left, right = (side[mine] for side in pair.pairs)
            ratio = paired_ratio(left, right, method.level).estimate or Estimate(None, "×")
            ratios.append(NightRatio(member["night"], member["host"], *names, ratio))
    return ByNight(tuple(ratios), (*(adjust(interactions) if len(interactions) > 1 else interactions), *over))
