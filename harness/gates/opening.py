"""Which gates an attempt has, by its order."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.gates.battery import BatteryGate
from harness.gates.cards import CardsGate
from harness.gates.disk import DiskGate
from harness.gates.gate import Gate
from harness.gates.gatekeeper import Gatekeeper
from harness.gates.load import LoadGate
from harness.gates.settings import Settings, SettingsGate
from harness.gates.swap import SwapGate
from harness.gates.temperature import TemperatureGate
from harness.instruments.instrument import StatusLine
from harness.order import RunOrder


@dataclass(frozen=True)
class Gates:
    """The gates of one attempt, and those of them that something else asks for."""

    keeper: Gatekeeper
    temperature: TemperatureGate | None = None
    settings: SettingsGate | None = None

    @property
    def settings_now(self) -> Settings:
        """Clocks and power limits at the last look; empty where no gate looks at them."""
        return self.settings.now if self.settings is not None else {}


def needs_words(order: RunOrder) -> bool:
    """Whether a gate looks at what the instruments say, so that their first words must be waited for."""
    gates = order.gates
    by_words = gates is not None and (gates.gpu is not None or gates.settings is not None)
    return by_words or (order.cooldown is not None and order.cooldown.until == "temperature")


def gates_of(
    order: RunOrder, status: Callable[[], StatusLine], rested_s: Callable[[], float], root: Path = Path("/")
) -> Gates:
    """The gates that an order asks for; ``status`` is what the instruments last said."""
    found: list[Gate] = []
    temperature: TemperatureGate | None = None
    settings: SettingsGate | None = None
    cooldown, asked, now_s = order.cooldown, order.gates, time.monotonic()
    if cooldown is not None and cooldown.until == "temperature" and order.temperature_target:
        temperature = TemperatureGate(cooldown, order.temperature_target, lambda: status().temperature_C, rested_s)
        found.append(temperature)
    if asked is not None:
        if asked.load is not None:
            found.append(LoadGate(asked.load, now_s, root))
        if asked.gpu is not None:
            found.append(CardsGate(asked.gpu, lambda: status().context))
        if asked.swap is not None:
            found.append(SwapGate(asked.swap, now_s, root))
        if asked.disk is not None:
            found.append(DiskGate(asked.disk, order.night.root, order.needed_B))
        if asked.battery is not None:
            found.append(BatteryGate(asked.battery, root))
        if asked.settings is not None:
            settings = SettingsGate(asked.settings, order.first_settings, lambda: status().context, root)
            found.append(settings)
    return Gates(Gatekeeper(found), temperature, settings)
