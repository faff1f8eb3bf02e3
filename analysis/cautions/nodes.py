"""Cautions about the nodes of a cluster: for which nodes the answer holds, and whether they agree."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.cautions.evidence import Evidence, listed
from analysis.findings import Caution
from analysis.nodes import INTERACTION
from analysis.numbers import p_value
from analysis.statistics.nights import SAMPLE_OF_NIGHTS


def nodes(seen: Evidence) -> Iterator[Caution]:
    """Few nodes are themselves only; nodes that differ have no one ratio; unlike ones must be declared."""
    found = seen.by_node
    if found is None:
        return
    strata = list(dict.fromkeys(item.node for item in found.ratios))
    levels = any(item.level for item in found.nodes)
    word = "levels of nodes" if levels else "nodes"
    if found.unlike:
        undeclared = "" if found.declared else " Nothing of the protocol declares it, so no pooled answer is given."
        yield Caution(
            "nodes-unlike",
            f"The nodes are of different kinds: {listed(found.unlike)}.{undeclared}",
            "Read the table of each node by itself; absolute energy is that of no one machine.",
        )
    if strata and len(strata) < SAMPLE_OF_NIGHTS:
        yield Caution(
            "nodes-fixed",
            f"{len(strata)} {word} are a fixed factor: the ratio is that of these, and its interval does not say what "
            "another would show. Means and spreads of a configuration mix them.",
            f"From {SAMPLE_OF_NIGHTS} on the test over nodes, among the omnibus tests, says it.",
        )
    elif strata:
        yield Caution(
            "nodes-sampled",
            f"The headline's interval is that of the blocks on these {len(strata)} {word}. For nodes like them the test"
            " over nodes counts, among the omnibus tests.",
        )
    for test in found.tests:
        p = test.p if test.p_adjusted is None else test.p_adjusted
        if test.name.startswith(INTERACTION) and p is not None and p < seen.method.alpha:
            yield Caution(
                "nodes-differ",
                f"{test.name.removeprefix(INTERACTION)}: the ratio is not the same on all {word} (p {p_value(p)}); the "
                "headline is their mean, weighted by their blocks.",
                "Read the table of each node by itself.",
            )
