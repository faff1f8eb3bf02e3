"""A channel: one series of readings, what it covers, whence it comes, and how it is named. Standard library only."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class Kind(enum.StrEnum):
    """What a channel's values are."""

    GAUGE = "gauge"
    """A level at an instant (degrees, megahertz)."""
    MEAN = "mean"
    """The mean over the time since the channel's previous stamp (step-hold backwards)."""
    TRAILING = "trailing"
    """The mean over ``refresh_s`` before its stamp, whether the previous stamp lies so far back or not."""
    COUNTER = "counter"
    """A total that only grows; joules for energy."""


PLAIN_ORIGINS = ("nvml", "rapl", "machine", "load_model", "simulated")
"""The sensors whose channels bear no origin in their names: each covers domains that no other of them does."""


def channel_name(origin: str, domain: str, quantity: str) -> str:
    """The name of a channel: "gpu0.power_W" of nvml, "constant/gpu0.power_W" of constant."""
    return f"{domain}.{quantity}" if origin in PLAIN_ORIGINS else f"{origin}/{domain}.{quantity}"


DOMAIN_NAME = re.compile(r"[A-Za-z0-9]+([_-][A-Za-z0-9]+)*")
"""What a domain may be called: it stands in the names of channels, in a CSV and in tables."""


class Quality(enum.StrEnum):
    """Whether a channel was read from a sensor or computed from something else."""

    MEASURED = "measured"
    MODELLED = "modelled"


@dataclass(frozen=True)
class Channel:
    """One series of readings.

    ``name`` is ``<domain>.<quantity>_<unit>`` ("gpu0.power_W", "package-0.energy_J", "cpu.load_pct"). ``origin`` is the
    sensor or instrument that delivers it; those that may cover a domain beside another (all but PLAIN_ORIGINS) put it
    before the name: "energibridge/package-0.energy_J".
    ``source`` says where the values come from in words a reviewer can check ("NVML ring buffer, total power").
    ``refresh_s`` is the sensor's own period as documented or configured; ``refresh_seen_s`` the median time between
    changes of value in this run, None where too few were seen. ``range`` is the largest value of a counter that wraps,
    0 where it does not; stored values are already unwrapped by the sensor.
    """

    name: str
    unit: str
    kind: Kind
    domain: str
    quality: Quality
    source: str
    refresh_s: float
    refresh_seen_s: float | None = None
    device: str = ""
    """The device's lasting identity (a GPU's UUID), empty where there is none."""
    origin: str = ""

    @property
    def quantity(self) -> str:
        """What of its domain it tells, with its unit: "power_W"."""
        return self.name.removeprefix(f"{self.origin}/").removeprefix(f"{self.domain}.")

    @property
    def tells_power(self) -> bool:
        """Whether it is its domain's power over time; other watts are settings (a power limit)."""
        return self.quantity == "power_W"

    @property
    def tells_energy(self) -> bool:
        """Whether it is its domain's power over time, or its energy counter."""
        return self.quantity in ("power_W", "energy_J")

    @property
    def is_coarse_total(self) -> bool:
        """Whether it is a wall meter's own total, which moves by a watt-hour or once a minute: a check over a night."""
        return self.origin == "meter" and self.kind is Kind.COUNTER


def channel_from_json(body: Mapping[str, Any]) -> Channel:
    """A channel from its JSON types."""
    return Channel(**{**body, "kind": Kind(body["kind"]), "quality": Quality(body["quality"])})
