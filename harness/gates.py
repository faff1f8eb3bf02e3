"""Decides before a run whether it may start: the cool-down, by time or by temperature. Pure functions, no clock.

Heat that the previous run left in the device raises leakage, and with it the power of the next: every run should start
from the same sequence. Too hot is waited for, up to a budget; too cold is recorded and never heated. When the budget is
over the run starts all the same, with a warning from the judge: a night that stands still measures nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.protocol_model import Cooldown


@dataclass(frozen=True)
class Decision:
    """Whether the run may start now, and why; else when to look again."""

    start: bool
    why: str
    """ "rested" | "cool" | "budget" | "no reading" when it may start; "resting" | "hot" when it may not."""
    wait_s: float = 0.0
    """Seconds until time alone would change the decision."""


def may_start(
    cooldown: Cooldown,
    rested_s: float,
    temperature_C: Mapping[str, float],
    target_C: Mapping[str, float] | None,
) -> Decision:
    """Whether the cool-down is over.

    ``rested_s`` is the time since the previous workload ended (since this attempt began where there was none);
    ``target_C`` the start to come back to, by domain, None as long as block 1 has not told it: then the time decides.
    """
    if rested_s < cooldown.minimum_s:
        return Decision(start=False, why="resting", wait_s=cooldown.minimum_s - rested_s)
    if cooldown.until == "time" or not target_C:
        return Decision(start=True, why="rested")
    if any(domain not in temperature_C for domain in target_C):
        return Decision(start=True, why="no reading")
    if not too_hot(temperature_C, target_C, cooldown.band_C):
        return Decision(start=True, why="cool")
    budget_s = max(cooldown.maximum_s, cooldown.minimum_s) - rested_s
    return Decision(start=True, why="budget") if budget_s <= 0 else Decision(start=False, why="hot", wait_s=budget_s)


def too_hot(temperature_C: Mapping[str, float], target_C: Mapping[str, float], band_C: float) -> tuple[str, ...]:
    """The domains that are above their target by more than the band."""
    return tuple(name for name, target in target_C.items() if temperature_C.get(name, target) > target + band_C)


def too_cold(temperature_C: Mapping[str, float], target_C: Mapping[str, float], band_C: float) -> tuple[str, ...]:
    """The domains that are below their target by more than the band."""
    return tuple(name for name, target in target_C.items() if temperature_C.get(name, target) < target - band_C)
