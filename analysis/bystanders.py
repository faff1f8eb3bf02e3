"""What others did while a stage of a trial was measured: their load on processors and cards, and the judge's verdicts.

A trial is believed for weeks (a noise, a shortest window), so that it says in each stage what else was going on, also
where that was nothing; and a stage that others had a part in is called disturbed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from analysis.load import Series
from harness.foreign import Around, busy, is_load
from harness.record import Cause, Level, RunRecord

SPOILING = ("foreign_load", "foreign_processes", "frozen")
"""Verdicts that make a stage disturbed, although they leave a run valid."""
NOT_OF_A_TRIAL = ("short_window",)
"""A trial is short on purpose; what that costs is said by its edges."""
IDLE_CARD_PCT = 5.0
"""A card that nobody of ours uses is busy for less: a display, a daemon that looks at it."""


@dataclass(frozen=True)
class Bystanders:
    """What others did in one stage."""

    stage: str
    busy_cores: float
    """Processors at work in all, as a mean; NaN where it is not known."""
    foreign_cores: float
    """Those of others; NaN where it is not known."""
    foreign_processes: Mapping[str, float]
    """By card, the most that were seen."""
    idle_utilisation_pct: Mapping[str, float]
    """By card that this stage does not load, its mean utilisation."""
    disturbed: tuple[str, ...]
    """Why its figures are not those of this machine alone; empty where they are."""
    remarks: tuple[str, ...]
    """What else the judge found."""


def bystanders(
    stage: str, record: RunRecord, samples: Mapping[str, Series], cpus: int | None, *, loads_cards: bool
) -> Bystanders:
    """What the samples of a stage tell of others; ``loads_cards``: whether the stage itself keeps the cards busy."""
    during = (record.launched_ns or record.started_ns, record.exited_ns or record.ended_ns)
    load = next((item for item in samples.values() if is_load(item.channel)), None)
    around = Around()
    if load is not None:
        around.take(load.t_ns, load.value, *during)
    found = busy(record, around.mean, around.begin_ns, around.end_ns, cpus)
    processes, utilisation_pct = {}, {}
    for item in samples.values():
        values = item.value[(item.t_ns > during[0]) & (item.t_ns <= during[1])]
        if len(values) and item.channel.quantity == "foreign_processes":
            processes[item.channel.domain] = float(values.max())
        elif len(values) and item.channel.quantity == "utilisation_pct" and not loads_cards:
            utilisation_pct[item.channel.domain] = float(values.mean())
    told = [
        (verdict, f"{verdict.name}: {verdict.evidence}" if verdict.evidence else verdict.name)
        for verdict in record.verdicts
        if verdict.cause is Cause.MEASUREMENT and verdict.name not in NOT_OF_A_TRIAL
    ]
    grave = [item.level is Level.INVALID or item.name in SPOILING for item, _ in told]
    disturbed = [text for (_, text), is_grave in zip(told, grave, strict=True) if is_grave]
    disturbed += [
        f"{domain} was {percent:.0f} % busy, and nothing of ours used it"
        for domain, percent in utilisation_pct.items()
        if percent > IDLE_CARD_PCT
    ]
    return Bystanders(
        stage=stage,
        busy_cores=math.nan if found is None else found.cores,
        foreign_cores=math.nan if found is None else found.foreign_cores,
        foreign_processes=processes,
        idle_utilisation_pct=utilisation_pct,
        disturbed=tuple(disturbed),
        remarks=tuple(text for (_, text), is_grave in zip(told, grave, strict=True) if not is_grave),
    )
