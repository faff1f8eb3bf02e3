"""What the cautions look at, and how they count."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analysis.comparisons import Method
from analysis.energy import Measured
from analysis.findings import Agreement, Comparison, Group, Test
from analysis.load import Night
from analysis.nodes import ByNode
from analysis.quality import Assessment
from analysis.response import Response
from analysis.temporal import Temporal
from harness.domains import Choice


@dataclass(frozen=True)
class Evidence:
    """All that the cautions look at."""

    night: Night
    measured: Measured
    choice: Choice
    response: Response
    asked: str
    """The response that the protocol names."""
    assessment: Assessment
    groups: Sequence[Group]
    comparisons: Sequence[Comparison]
    drift: Sequence[Test]
    method: Method
    accuracy: str
    agreements: Sequence[Agreement] = ()
    by_night: Sequence[Test] = ()
    """Of nights that were joined: their interactions, and the tests over nights."""
    changed: bool = False
    """Whether the analysis plan is another than the protocol's."""
    temporal: Temporal | None = None
    by_node: ByNode | None = None
    """Of a night on a cluster."""


def runs_text(count: int) -> str:
    """So many runs, in words."""
    return count_text(count, "run")


def count_text(count: int, noun: str) -> str:
    """A count and its noun, in the plural where it must be."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def listed(names: Iterable[str], most: int = 5) -> str:
    """The first few names, and how many more there are."""
    given = list(names)
    return ", ".join(given[:most]) + (f" and {len(given) - most} more" if len(given) > most else "")
