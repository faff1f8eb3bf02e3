"""Others' processes on the cards, as the instruments tell them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.gates.gate import Look
from harness.protocol_gates import Waiting

QUANTITY = "foreign_processes"

Context = Callable[[], Mapping[str, float]]
"""What the instruments last said beside power and temperature, by "domain.quantity"."""


class CardsGate:
    """The gate of ``[gates.gpu]``: nobody else is on a card that is read."""

    name = "gpu"
    lenient = False
    remedy = "nvidia-smi names the processes; end them, or wait until they are through"

    def __init__(self, settings: Waiting, read: Context) -> None:
        self._settings, self._read = settings, read

    @property
    def budget_s(self) -> float:
        """As the protocol says."""
        return self._settings.budget_s

    def watch(self, now_s: float) -> None:
        """Nothing to note."""

    def look(self, now_s: float) -> Look:
        """Open while no card has a process that is not ours."""
        told = {name.rpartition(".")[0]: value for name, value in self._read().items() if name.endswith(f".{QUANTITY}")}
        if not told:
            return Look(None, "no sensor tells who is on a card here")
        busy = {card: round(count) for card, count in told.items() if count > 0}
        total = sum(busy.values())
        if not busy:
            return Look(True, f"nobody else is on {', '.join(told)}", 0, 0, "processes")
        counts = ", ".join(f"{count} on {card}" for card, count in busy.items())
        return Look(False, f"processes that are not nightwatt's: {counts}", total, 0, "processes")
