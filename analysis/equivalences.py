"""What is to be shown equal, within a margin declared beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

import pandas as pd

from analysis.comparisons import NOBODY, Sides, split
from analysis.findings import Equivalence, Estimate
from analysis.load import Night
from analysis.response import Response, find
from analysis.statistics.equivalence import (
    CANNOT_BE_TOLD,
    Names,
    Scale,
    equivalence_over_cohorts,
    paired_equivalence,
    unpaired_equivalence,
)

if TYPE_CHECKING:
    from harness.protocol_model import Analysis


class Asked(TypedDict):
    """What the three ways of testing are told alike."""

    alpha: float
    names: Names
    unit: str
    scale: Scale


def equivalences(
    night: Night,
    analysis: Analysis,
    eligible: pd.DataFrame,
    found: dict[str, Response],
    family: Sequence[tuple[str, str]],
) -> list[Equivalence]:
    """The declared equivalence, on raw values of all usable runs: a run that is wild in energy still counts."""
    aim = analysis.equivalence
    if aim is None:
        return []
    response = find(found, night.runs, aim.metric)
    of = split(eligible.assign(value=eligible.run.map(response.values).astype(float)))
    results: list[Equivalence] = []
    for names in family:
        pair = Sides(of.get(names[0], NOBODY), of.get(names[1], NOBODY))
        told = (aim.metric, *names)
        asked: Asked = {"alpha": analysis.alpha, "names": told, "unit": response.unit, "scale": aim.scale}
        if not response.is_there:
            nothing = Estimate(None, response.unit, note=f"no run reports {aim.metric}")
            results.append(Equivalence(*told, aim.margin, nothing, None, 0, CANNOT_BE_TOLD, aim.scale))
        elif night.blocked:
            results.append(paired_equivalence(*pair.pairs, aim.margin, **asked))
        elif pair.is_split:
            results.append(equivalence_over_cohorts(*pair.values, pair.cohorts, aim.margin, **asked))
        else:
            results.append(unpaired_equivalence(*pair.values, aim.margin, **asked))
    return results
