"""How far a source may be from the truth for all runs alike: its class, as others found it or its maker states it.

The class is common to all runs that one instrument read on one device. It takes itself off in a ratio of two of them,
and belongs to absolute joules, and to comparisons across machines or instruments.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SensorClass:
    """The range of (reading - truth) / truth in which a source mostly lies; None where nobody states one."""

    low: float | None
    high: float | None
    words: str
    """What more is known of it."""
    stated_by: str

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return self.words
        return f"{100 * self.low:g} to {100 * self.high:+g} %"


NVML = SensorClass(
    -0.06,
    -0.02,
    "linear for each card, mostly 2 to 6 % too low; 8 % too low to 13 % too high was seen",
    "published comparisons of boards with power meters; the maker states none for the energy counter",
)
METER = SensorClass(
    -0.02, 0.02, "1 to 2 % is usual for plugs that measure; the data sheet of this one counts", "makers of such meters"
)
RAPL = SensorClass(None, None, "not stated", "no class is stated for RAPL; some processors model it from events")
MODEL = SensorClass(None, None, "none: modelled", "it was computed, not read from a sensor")
UNKNOWN = SensorClass(None, None, "not stated", "no class is known for this source")


def class_of(origin: str, quality: str, source: str) -> SensorClass:
    """The class of what ``origin`` tells, which may be another's sensor: ``source`` says what is read."""
    if quality != "measured":
        return MODEL
    if origin == "nvml" or "NVML" in source:
        return NVML
    if origin == "rapl" or "RAPL" in source or "MSR" in source:
        return RAPL
    return METER if origin in ("meter", "wattmeter") else UNKNOWN
