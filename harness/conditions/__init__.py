"""The machine, judged: what of it shapes a measurement, and the exact command for each; nothing is changed here.

``look`` is asked by `nightwatt check`, and at both ends of each session of a night (``host.json``). Values are fit to
be published: no names of users, hosts or networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.conditions.cards import look_at_cards
from harness.conditions.condition import Condition, Worth
from harness.conditions.processor import look_at_processor
from harness.conditions.session import look_at_session, look_at_sleep
from harness.conditions.system import Ask, ask, look_at_system

__all__ = ["Condition", "Worth", "look", "look_at_sleep"]


def look(
    cards: Sequence[Mapping[str, Any]] = (),
    *,
    inhibited: bool | None = None,
    root: Path = Path("/"),
    asked: Ask = ask,
) -> tuple[Condition, ...]:
    """Every condition of this machine; ``cards``: what the sensor nvml says of its devices."""
    return (
        *look_at_processor(root),
        *look_at_cards(cards),
        *look_at_system(root, asked),
        *look_at_session(root, inhibited, asked),
    )
