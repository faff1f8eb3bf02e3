"""Protocol + seed -> Plan; pure: no clock, no files; equal inputs give an equal plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Configuration:
    """One combination of levels; ``name`` is unique in the plan and safe in a path."""

    name: str
    levels: Mapping[str, Any]


@dataclass(frozen=True)
class Slot:
    """A place in the plan."""

    block: int
    position: int
    replicate: int
    configuration: str
    seed: int
    baseline: bool
    """Whether the idle baseline is taken before it (first slot of a block; without blocks each k-th slot)."""

    @property
    def key(self) -> str:
        """The slot's name in paths and in the display: b03-2 is block 3, position 2."""
        return f"b{self.block:02d}-{self.position}"


@dataclass(frozen=True)
class Plan:
    """Every slot of a night in the order in which they are executed; block 0 is the warm-up's discarded runs."""

    title: str
    seed: int
    order: str
    configurations: tuple[Configuration, ...]
    slots: tuple[Slot, ...]
