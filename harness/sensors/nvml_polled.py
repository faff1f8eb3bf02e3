"""A card's power where the driver keeps no ring buffer: polled each 100 ms, the best source that it answers.

Or power usage alone, as nvidia-smi shows it, as seldom as a protocol asks (``sensors.nvml.via``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.record import Kind
from harness.sensors.clock import Clock
from harness.sensors.nvml_card import Card, Scope

PERIOD_S = 0.1
"""The driver renews these values each 100 ms."""
POWER_AVERAGE, POWER_INSTANT = 185, 186
"""NVML_FI_DEV_POWER_…, mW."""
TRAILING_S = 1.0
"""The averages are of the last second (ours, on an H200): stamped at its middle, they are not late."""
NAME = "power"


@dataclass(frozen=True)
class _Source:
    """One way to ask for power, mW; the call may raise the module's NVMLError."""

    source: str
    kind: Kind
    trailing_s: float
    call: Callable[[], float]


class Polled:
    """The trace of one card's power, polled."""

    def __init__(self, card: Card, clock: Clock, usage_s: float | None = None) -> None:
        """Take the first source that answers; raises the module's NVMLError where none does.

        ``usage_s``: power usage alone, once in so many seconds.
        """
        self._card = card
        self._clock = clock
        *others, last = _sources(card) if usage_s is None else _sources(card)[-1:]
        self._source = next((item for item in others if _answers(card, item)), last)
        if not self._source.call() and card.scope is not Scope.GPU:
            raise card.nvml.NVMLError_NotSupported
        self.source = self._source.source
        self.kind = self._source.kind
        period_s = usage_s or PERIOD_S
        self.refresh_s = max(self._source.trailing_s, usage_s or 0.0) or PERIOD_S
        self.settle_s = self._source.trailing_s / 2 + period_s
        """For how long to go on polling after the workload has gone, so that the trace covers its end."""
        self.rows = 0

    def drain(self) -> list[tuple[int, float]]:
        """One reading: CLOCK_MONOTONIC ns, W."""
        power_mW = self._card.ask(NAME, self._source.call)
        if power_mW is None:
            return []
        self.rows += 1
        return [(self._clock.now_ns() - round(self._source.trailing_s / 2 * 1e9), power_mW / 1000)]


def _answers(card: Card, source: _Source) -> bool:
    """Whether it tells a power; of a part, one above 0 W, since some drivers answer so for want of a sensor."""
    try:
        return source.call() > 0 or card.scope is Scope.GPU
    except card.nvml.NVMLError:
        return False


def _sources(card: Card) -> tuple[_Source, ...]:
    def of_field(number: int) -> Callable[[], float]:
        return lambda: card.field(number)

    fields = (
        _Source("NVML field 186, instant power, polled", Kind.MEAN, 0.0, of_field(POWER_INSTANT)),
        _Source("NVML field 185, mean of 1 s stamped at its middle, polled", Kind.GAUGE, TRAILING_S,
                of_field(POWER_AVERAGE)),
    )  # fmt: skip
    if card.scope is not Scope.GPU:
        return tuple(replace(item, source=f"{item.source}, scope {card.scope.name.lower()}") for item in fields)
    return (
        *fields,
        _Source("NVML power usage, mean of 1 s stamped at its middle, polled", Kind.GAUGE, TRAILING_S,
                lambda: card.nvml.nvmlDeviceGetPowerUsage(card.handle)),
    )  # fmt: skip
