"""Cautions about what lay between the runs: unequal gaps, and gates that could not see."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from analysis.cautions.evidence import Evidence, listed, runs_text
from analysis.findings import Caution
from analysis.numbers import significant

GAP_SHARE, GAP_S = 0.1, 1.0
"""Gaps whose medians differ by more than a tenth, and by more than a second, are said to differ."""


def gaps(seen: Evidence) -> Iterator[Caution]:
    """Configurations before whose windows the machine had unequal time: it starts them from unequal states."""
    runs = seen.night.runs
    chosen = runs[runs.run.isin(set(seen.assessment.eligible.run))]
    for column, what in (("window_gap_s", "the window before it"), ("gap_s", "the end of the workload before it")):
        known = chosen.dropna(subset=[column])
        medians: pd.Series[float] = known.groupby("configuration")[column].median()
        if len(medians) < 2:
            continue
        spread_s = float(medians.max() - medians.min())
        if spread_s > max(GAP_SHARE * float(medians.median()), GAP_S):
            each = ", ".join(f"{significant(value, 3)} s for {name}" for name, value in medians.sort_values().items())
            yield Caution(
                "unequal-gaps",
                f"The time since {what} differs between the configurations: a median of {each}.",
                "What lasts longer outside its window lets the machine cool more before the next: let setup and"
                ' evaluation last alike, or wait by temperature ([cooldown] until = "temperature").',
            )
        return


def gates(seen: Evidence) -> Iterator[Caution]:
    """Gates that the protocol asks for and that could not tell anything here."""
    blind: dict[str, list[str]] = {}
    for run in seen.assessment.eligible.run:
        for gate in seen.night.records[run].gates:
            if gate.outcome == "unknown":
                blind.setdefault(gate.name, []).append(gate.evidence)
    if blind:
        named = listed(f"{name} ({items[0]})" for name, items in sorted(blind.items()))
        count = max(len(items) for items in blind.values())
        yield Caution(
            "blind-gates",
            f"Of the gates that the protocol asks for, these could not tell anything in {runs_text(count)}: {named}.",
        )
