"""Running on the battery: the machine then slows down, and the night ends when it is empty. Linux."""

from __future__ import annotations

from pathlib import Path

from harness.gates.gate import Look
from harness.protocol_gates import Waiting


class BatteryGate:
    """The gate of ``[gates.battery]``: no battery of the machine is being discharged."""

    name = "battery"
    lenient = False
    remedy = "plug the charger in"

    def __init__(self, settings: Waiting, root: Path = Path("/")) -> None:
        self._settings, self._folder = settings, root / "sys/class/power_supply"

    @property
    def budget_s(self) -> float:
        """As the protocol says."""
        return self._settings.budget_s

    def watch(self, now_s: float) -> None:
        """Nothing to note."""

    def look(self, now_s: float) -> Look:
        """Open on mains, and where there is no battery."""
        states = {
            supply.name: _text(supply / "status")
            for supply in sorted(self._folder.glob("*"))
            if _text(supply / "type") == "Battery" and _text(supply / "scope") != "Device"  # of a mouse, say
        }
        if not states:
            return Look(True, "there is no battery")
        discharging = [name for name, state in states.items() if state == "Discharging"]
        if discharging:
            return Look(False, f"the machine runs on its battery ({', '.join(discharging)})", len(discharging), 0)
        return Look(True, ", ".join(f"{name}: {state or 'unknown'}" for name, state in states.items()), 0, 0)


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
