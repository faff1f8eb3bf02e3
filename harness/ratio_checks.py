"""What a protocol says of its family of comparisons and of its ratio metrics, against itself. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from harness.errors import Problem
from harness.protocol_model import Protocol, Ratio

PRODUCT = "energy_delay_product"
AGGREGATION = (
    'aggregation = "ratio_of_means" (the mean of one over the mean of the other: each joule counts alike), or '
    '"mean_of_ratios" (one ratio a run: each run counts alike); the two differ wherever runs do'
)


def check_ratios(protocol: Protocol) -> Iterator[Problem]:
    """Ratios without a declared aggregation, of nothing, or called alike."""
    for index, item in enumerate(protocol.analysis.ratio):
        yield from _parts(f"analysis.ratio[{index}]", item)
        yield from _aggregation(f"analysis.ratio[{index}].aggregation", item)
    names = Counter(item.called for item in protocol.analysis.ratio if item.called)
    for name in sorted(name for name, count in names.items() if count > 1):
        yield Problem("analysis.ratio", f"two ratios are called {name!r}", remedy="tell the two apart by name = …")


def check_family(protocol: Protocol) -> Iterator[Problem]:
    """A family against a baseline that is not named."""
    if protocol.analysis.family == "baseline" and protocol.analysis.baseline is None:
        remedy = 'add analysis.baseline = "…", the configuration that all others are compared with'
        yield Problem("analysis.family", "comparisons against a baseline, but none is named", repr("baseline"), remedy)


def _parts(key: str, item: Ratio) -> Iterator[Problem]:
    if item.ready is not None:
        given = [name for name in ("name", "of", "per", "unit") if getattr(item, name)]
        if given:
            remedy = "remove it, or write the ratio out without ready"
            yield Problem(f"{key}.{given[0]}", f"{item.ready} is ready, with its own", remedy=remedy)
        return
    missing = [name for name in ("name", "of", "per") if not getattr(item, name).strip()]
    if missing:
        remedy = 'give name, of and per, as in {name = "energy per image", of = "energy", per = "images", …}, or ready'
        yield Problem(f"{key}.{missing[0]}", "must not be empty", remedy=remedy)
    elif item.of == item.per:
        yield Problem(f"{key}.per", "a ratio of a thing to itself is 1", repr(item.per), "name another response")


def _aggregation(key: str, item: Ratio) -> Iterator[Problem]:
    if item.ready == PRODUCT:
        if item.aggregation is not None:
            what = "a product has one number a run, whose mean is taken"
            yield Problem(key, what, repr(item.aggregation), "remove it")
    elif item.aggregation is None:
        yield Problem(key, "a ratio over several runs needs its aggregation declared", remedy=f"add {AGGREGATION}")
