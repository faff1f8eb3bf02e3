"""The two smallest records of every finding: an estimate with its interval, and a test."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """One number that a person reads: value, interval, unit, and the n it rests on. None: it cannot be told."""

    value: float | None
    unit: str
    low: float | None = None
    high: float | None = None
    level: float | None = None
    """Confidence level of [low, high], for example 0.95."""
    n: int = 0
    note: str = ""
    """Why value or interval is None, or what is particular about it."""


@dataclass(frozen=True)
class Test:
    """One statistical test; ``p`` None with a ``note`` where it could not be carried out."""

    __test__ = False  # not a test of pytest's

    name: str
    statistic: float | None
    p: float | None
    n: tuple[int, ...]
    df: float | None = None
    p_adjusted: float | None = None
    """After the family's correction, where the test belongs to a family."""
    smallest_p: float | None = None
    """The smallest p that this test can reach at this n, for rank tests."""
    note: str = ""
    primary: bool = False
    estimate: Estimate | None = None
    """What the test is about, with its interval (a ratio, a slope), where it has one."""
