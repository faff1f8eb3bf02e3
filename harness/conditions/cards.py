"""How NVIDIA cards are set: persistence mode, ECC, MIG, power limit, compute mode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.conditions.condition import Condition, Worth


def look_at_cards(devices: Sequence[Mapping[str, Any]]) -> Iterator[Condition]:
    """The settings of each card, as the sensor nvml tells them (``harness.sensors.nvml_settings``)."""
    for device in devices:
        settings, name = device.get("settings", {}), device["domain"]
        index = name.removeprefix("gpu")
        if (on := settings.get("persistence_mode")) is not None:
            effect = "between runs the driver lets the card go: starts take seconds, and its counter begins anew"
            yield _switch(f"{name} persistence mode", on, good=True, worth=Worth.MEND, effect=effect,
                          command=f"sudo nvidia-smi -i {index} -pm 1")  # fmt: skip
        if (on := settings.get("ecc")) is not None:
            effect = "memory is checked at some cost of bandwidth and power: say so when numbers are compared"
            yield Condition(f"{name} ECC", "on" if on else "off", Worth.NOTE, effect)
        if (on := settings.get("mig")) is not None:
            effect = "the card is cut into instances: its power is that of all of them together"
            yield _switch(f"{name} MIG", on, good=False, worth=Worth.MEND, effect=effect,
                          command=f"sudo nvidia-smi -i {index} -mig 0")  # fmt: skip
        limit_W, default_W = settings.get("power_limit_W"), settings.get("default_power_limit_W")
        if limit_W and default_W:
            value = f"{limit_W:.0f} W of {default_W:.0f} W"
            effect = "clocks are held down to keep below it: runs are slower, and use other energy, than at the default"
            lowered = abs(limit_W - default_W) > 0.5
            yield Condition(
                f"{name} power limit", value, Worth.NOTE if lowered else Worth.GOOD, effect if lowered else "",
                f"sudo nvidia-smi -i {index} -pl {default_W:.0f}" if lowered else "",
            )  # fmt: skip


def _switch(name: str, on: bool, *, good: bool, worth: Worth, effect: str, command: str) -> Condition:
    value = "on" if on else "off"
    return Condition(name, value, Worth.GOOD) if on is good else Condition(name, value, worth, effect, command)
