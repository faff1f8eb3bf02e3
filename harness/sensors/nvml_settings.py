"""How a card is set, asked once when it is opened: what a person could have changed, and what shapes its power."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from harness.sensors.nvml_card import Card


def settings(card: Card) -> dict[str, bool | float]:
    """Persistence mode, ECC, MIG (on or off), power limits in W; what the card does not tell is left out."""
    found: dict[str, bool | float] = {}
    for name, call in _calls(card.nvml, card.handle):
        try:
            found[name] = call()
        except (card.nvml.NVMLError, AttributeError):  # this card, or this driver's library, has no such thing
            continue
    return found


def _calls(nvml: Any, handle: Any) -> Iterator[tuple[str, Callable[[], bool | float]]]:
    yield "persistence_mode", lambda: bool(nvml.nvmlDeviceGetPersistenceMode(handle))
    yield "ecc", lambda: bool(nvml.nvmlDeviceGetEccMode(handle)[0])
    yield "mig", lambda: bool(nvml.nvmlDeviceGetMigMode(handle)[0])
    yield "power_limit_W", lambda: nvml.nvmlDeviceGetPowerManagementLimit(handle) / 1000
    yield "default_power_limit_W", lambda: nvml.nvmlDeviceGetPowerManagementDefaultLimit(handle) / 1000
