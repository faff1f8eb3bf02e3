"""One NVIDIA card as NVML knows it: its handle, its identity, and calls whose failures are counted, never raised.

The NVML module is handed in (``harness.sensors.nvml`` is its home), so that tests can hand in one of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeVar

Answer = TypeVar("Answer")
FOR_GOOD = ("NVMLError_GpuIsLost", "NVMLError_GpuNotFound", "NVMLError_ResetRequired", "NVMLError_DriverNotLoaded")
"""What the driver says of a card that will not answer again before a reset or a reboot."""


class Scope(IntEnum):
    """What a field of power or energy is asked of (NVML_POWER_SCOPE_… of nvml.h)."""

    GPU = 0
    MODULE = 1
    """A board on which the card shares its supply with a processor and its memory (GH200)."""
    MEMORY = 2


@dataclass
class Card:
    """One card, or a part of its board that is asked through it; ``nvml`` is the module by which it is asked."""

    nvml: Any
    handle: Any
    index: int
    name: str
    uuid: str
    scope: Scope = Scope.GPU
    missed: dict[str, int] = field(default_factory=dict)
    """Readings that could not be had, by what was asked."""
    trouble: str = ""
    """What failed last; empty again once the same succeeds."""
    lost: str = ""
    """Why it will not answer any more; stays."""

    @property
    def domain(self) -> str:
        """The name under which its channels stand."""
        named = {Scope.GPU: "gpu{}", Scope.MODULE: "module-{}", Scope.MEMORY: "gpu{}-memory"}
        return named[self.scope].format(self.index)

    @property
    def key(self) -> str:
        """What nothing else of this machine is called, in every run."""
        return self.uuid if self.scope is Scope.GPU else f"{self.uuid} {self.domain}"

    def ask(self, what: str, call: Callable[[], Answer]) -> Answer | None:
        """The answer, or None where NVML refuses: counted under ``what``."""
        try:
            answer = call()
        except self.nvml.NVMLError as error:
            self.fail(what, error)
            return None
        if self.trouble.startswith(f"{self.domain}: {what}:"):
            self.trouble = ""
        return answer

    def fail(self, what: str, error: Exception) -> None:
        """Count a reading that the driver refused; some refusals say that the card has gone."""
        self.miss(what, str(error))
        if type(error).__name__ in FOR_GOOD:
            self.lost = self.lost or f"{self.domain}: {error}"

    def miss(self, what: str, why: str) -> None:
        """Count a reading that could not be had."""
        self.missed[what] = self.missed.get(what, 0) + 1
        self.trouble = f"{self.domain}: {what}: {why}"

    def fields(self, numbers: Sequence[int]) -> dict[int, int | float]:
        """The field values that this card has among ``numbers``; raises the module's NVMLError where it has no call."""
        found = self.nvml.nvmlDeviceGetFieldValues(self.handle, list(numbers))
        return {item.fieldId: number(item.valueType, item.value) for item in found if item.nvmlReturn == 0}

    def field(self, asked: int) -> int | float:
        """One field of this card's scope; raises the module's NVMLError where it is not answered."""
        (item,) = self.nvml.nvmlDeviceGetFieldValues(self.handle, [(asked, int(self.scope)) if self.scope else asked])
        if item.nvmlReturn != 0:
            raise self.nvml.NVMLError(item.nvmlReturn)
        return number(item.valueType, item.value)


def number(kind: int, value: Any) -> int | float:
    """What a value union of NVML holds, by its NVML_VALUE_TYPE (nvml.h); raises KeyError for a type unknown here."""
    answer: int | float = getattr(value, _MEMBERS[kind])
    return answer


_MEMBERS = {0: "dVal", 1: "uiVal", 2: "ulVal", 3: "ullVal", 4: "sllVal", 5: "siVal", 6: "usVal"}
