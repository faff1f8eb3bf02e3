"""One figure of a report, before it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from analysis.explore.chart import Chart


@dataclass(frozen=True)
class Illustration:
    """One figure of a report: its file's stem, what stands above and below it, and how it is drawn."""

    stem: str
    title: str
    caption: str
    alternative: str
    """What it shows, for those who cannot see it."""
    draw: Callable[[], Figure]
    explore: Callable[[], Chart] | None = None
    """The same to explore on the page, where it can be."""
    section: str = "figures"
    """The section of the page in which it stands."""
    further: bool = False
    """Whether it is a further page of the figure before it: of these there may be many, so each is to be small."""


def unstamped(given: dict[str, Any]) -> dict[str, Any]:
    """The same for a figure on the page, above which the stamp stands already."""
    return {key: value for key, value in given.items() if key != "stamp"}
