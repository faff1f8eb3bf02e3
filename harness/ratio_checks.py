"""What a protocol says of its ratio metrics, against itself. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from harness.errors import Problem
from harness.protocol_analysis import PARTS
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


def check_metric(protocol: Protocol) -> Iterator[Problem]:
    """A ratio as what is compared: one number a run, and no name of something else."""
    primary = protocol.analysis.primary_ratio
    if primary is not None and primary.aggregation == "ratio_of_means":
        remedy = (
            'aggregation = "mean_of_ratios" gives each run one; or compare something else and keep the ratio beside'
        )
        what = "what is compared has one number a run, and a ratio of means has none"
        yield Problem("analysis.metric", what, repr(protocol.analysis.metric), remedy)
    elif primary is None and protocol.analysis.metric in PARTS:
        name = protocol.analysis.metric
        remedy = f'add [[analysis.ratio]] with ready = "{name}"' + (
            "" if name == PRODUCT else ' and aggregation = "mean_of_ratios"'
        )
        yield Problem("analysis.metric", "this ratio is not declared", repr(name), remedy)


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
