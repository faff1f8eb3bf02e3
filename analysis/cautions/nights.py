"""Cautions about nights that were joined: for which nights the answer holds, and whether they agree."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.cautions.evidence import Evidence, listed
from analysis.findings import Caution
from analysis.nights import INTERACTION
from analysis.numbers import p_value
from analysis.statistics.nights import SAMPLE_OF_NIGHTS


def nights(seen: Evidence) -> Iterator[Caution]:
    """Few nights are themselves only; nights that differ have no one ratio; nights without a pair tell nothing."""
    joined = seen.night.joined
    if not joined:
        return
    if len(joined) < SAMPLE_OF_NIGHTS:
        yield Caution(
            "nights-fixed",
            f"{len(joined)} nights are a fixed factor: the ratio is that of these nights, and its interval does not "
            "say what another night or machine would show. Means and spreads of a configuration mix the nights.",
            f"From {SAMPLE_OF_NIGHTS} nights on the test over nights, among the omnibus tests, says it.",
        )
    else:
        yield Caution(
            "nights-sampled",
            f"The headline's interval is that of the blocks of these {len(joined)} nights. For nights like them the "
            "test over nights counts, among the omnibus tests.",
        )
    for test in seen.by_night:
        p = test.p if test.p_adjusted is None else test.p_adjusted
        if test.name.startswith(INTERACTION) and p is not None and p < seen.method.alpha:
            yield Caution(
                "nights-differ",
                f"{test.name.removeprefix(INTERACTION)}: the ratio is not the same in all nights (p {p_value(p)}); the "
                "headline is their mean, weighted by their blocks.",
                "Read the table of each night by itself.",
            )
    paired = {seen.night.records[run].night for run in seen.assessment.headline.run}
    alone = [str(member["night"]) for member in joined if member["night"] not in paired]
    if alone:
        yield Caution("nights-without-pairs", f"No run of {listed(alone)} is in the headline.", "Leave them out.")
