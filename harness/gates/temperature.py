"""Every domain within the band around the median start of block 1.

Heat that the previous run left in the device raises leakage, and with it the power of the next: every run should start
from the same temperature. Too hot is waited for; too cold is recorded, and heated only where the protocol says by what.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.gates.gate import Look
from harness.protocol_model import Cooldown

Temperatures = Callable[[], Mapping[str, float]]


class TemperatureGate:
    """The gate of ``[cooldown] until = "temperature"``."""

    name = "temperature"

    def __init__(
        self, cooldown: Cooldown, target_C: Mapping[str, float], read: Temperatures, rested_s: Callable[[], float]
    ) -> None:
        """``target_C``: the start to come back to, by domain; ``rested_s``: since the previous workload ended."""
        self._cooldown, self._target_C, self._read, self._rested_s = cooldown, target_C, read, rested_s
        self._budget_s: float | None = None
        self._more_s = 0.0
        self.heated = cooldown.reheat is None
        """Whether what can be done about the cold was done."""

    @property
    def budget_s(self) -> float:
        """What is left of ``maximum_s`` when it is first asked, and what reheating may take besides."""
        if self._budget_s is None:
            longest_s = max(self._cooldown.maximum_s, self._cooldown.minimum_s)
            self._budget_s = max(0.0, longest_s - self._rested_s())
        return self._budget_s + self._more_s

    @property
    def lenient(self) -> bool:
        """As ``over_budget`` says."""
        return self._cooldown.over_budget == "start"

    @property
    def remedy(self) -> str:
        """What can be done."""
        return (
            "raise cooldown.band_C or cooldown.maximum_s, cool the room, or let runs start all the same:"
            ' cooldown.over_budget = "start"'
        )

    @property
    def too_cold(self) -> bool:
        """Whether it is too cold now, and nothing was done about it yet."""
        now = self._read(), self._target_C, self._cooldown.band_C
        return not self.heated and bool(too_cold(*now)) and not too_hot(*now)

    @property
    def warm(self) -> bool:
        """Whether reheating has done its work: no domain is below its target."""
        temperature_C = self._read()
        return all(temperature_C.get(domain, target) >= target for domain, target in self._target_C.items())

    def reheated(self, took_s: float) -> None:
        """Take note that reheating is over, and how long it took."""
        self.heated, self._more_s = True, took_s

    def watch(self, now_s: float) -> None:
        """Nothing to note."""

    def look(self, now_s: float) -> Look:
        """Open within the band; below it too, once nothing more is to be done about it."""
        temperature_C, target_C, band_C = self._read(), self._target_C, self._cooldown.band_C
        if absent := [domain for domain in target_C if domain not in temperature_C]:
            return Look(None, f"no temperature of {', '.join(absent)} is read")
        furthest = max(target_C, key=lambda domain: abs(temperature_C[domain] - target_C[domain]))
        hot = too_hot(temperature_C, target_C, band_C)
        domain = max(hot, key=lambda name: temperature_C[name] - target_C[name]) if hot else furthest
        figure, target = temperature_C[domain], target_C[domain]
        if hot:
            why = f"{domain} is at {figure:g} °C, above {target:g} + {band_C:g} °C"
            return Look(False, why, figure, target + band_C, "C")
        if cold := too_cold(temperature_C, target_C, band_C):
            why = f"{', '.join(cold)} below the band around the start of block 1"
            return Look(self.heated, why, figure, target - band_C, "C")
        return Look(True, f"{domain} is at {figure:g} °C, {target:g} ± {band_C:g} °C is wanted", figure, target, "C")


def too_hot(temperature_C: Mapping[str, float], target_C: Mapping[str, float], band_C: float) -> tuple[str, ...]:
    """The domains that are above their target by more than the band."""
    return tuple(name for name, target in target_C.items() if temperature_C.get(name, target) > target + band_C)


def too_cold(temperature_C: Mapping[str, float], target_C: Mapping[str, float], band_C: float) -> tuple[str, ...]:
    """The domains that are below their target by more than the band."""
    return tuple(name for name, target in target_C.items() if temperature_C.get(name, target) < target - band_C)
