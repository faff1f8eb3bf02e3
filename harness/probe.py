"""What the sensors of a protocol would deliver here, asked of a short-lived sampler before a night begins.

The orchestrator opens no sensor itself: a driver's library stays out of the process that waits through the night.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.domains import choose
from harness.errors import NightwattError, SensorMissing
from harness.host import Gpu
from harness.protocol_model import Protocol
from harness.record import Channel, channel_from_json

PROBE_S = 60.0
"""How long a probe may take; a driver that wakes a card needs seconds."""


@dataclass(frozen=True)
class Missing:
    """A sensor that cannot deliver, why, and what would help."""

    sensor: str
    reason: str
    remedy: str = ""


@dataclass(frozen=True)
class Probe:
    """What a sampler says that it would record."""

    channels: tuple[Channel, ...] = ()
    missing: tuple[Missing, ...] = ()
    cards: tuple[Gpu, ...] = ()
    """The GPUs that are read, as their driver names them."""
    by_sensor: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The names of each sensor's channels, by the sensor's name."""
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What each sensor says of itself, by its name."""

    def with_more(self, other: Probe) -> Probe:
        """This and what another instrument would record."""
        return Probe(
            self.channels + other.channels,
            self.missing + other.missing,
            self.cards + other.cards,
            {**self.by_sensor, **other.by_sensor},
            {**self.facts, **other.facts},
        )

    @property
    def devices(self) -> tuple[str, ...]:
        """The lasting identities of the devices behind the channels, each once."""
        return tuple(sorted({channel.device for channel in self.channels if channel.device}))

    @property
    def energy_domains(self) -> tuple[str, ...]:
        """The domains whose energy the channels tell."""
        return tuple(dict.fromkeys(channel.domain for channel in self.channels if channel.tells_energy))


def sensor_settings(protocol: Protocol) -> dict[str, Any]:
    """The sensors that a protocol names with their settings, as the sampler takes them."""
    named = protocol.sensors.model_dump(mode="json", exclude={"fallback", "required"}, exclude_none=True)
    return {name: settings for name, settings in named.items() if settings is not None}


def instrument_settings(protocol: Protocol) -> dict[str, Any]:
    """The instruments beside our own sampler that a protocol names, with their settings."""
    named = protocol.instruments.model_dump(mode="json", exclude_none=True)
    return {name: settings for name, settings in named.items() if settings is not None}


def probe(protocol: Protocol) -> Probe:
    """Ask each instrument what it would record for ``protocol`` on this machine; names none: nothing is started."""
    found = Probe()
    settings = sensor_settings(protocol)
    if settings or protocol.sensors.fallback:
        found = found.with_more(_probed(settings, protocol.sensors.fallback, protocol.design.seed))
    for name, its in instrument_settings(protocol).items():
        found = found.with_more(_probed({name: its}, None, protocol.design.seed))
    return found


def _probed(settings: Mapping[str, Any], fallback: str | None, seed: int) -> Probe:
    with tempfile.TemporaryDirectory(prefix="nightwatt-probe-") as folder:
        spec = Path(folder) / "spec.json"
        spec.write_text(
            json.dumps(
                {
                    "run_folder": folder, "sensors": settings, "fallback": fallback,
                    "plan_seed": seed, "slot": "", "configuration": "", "root": "/",
                }
            )
        )  # fmt: skip
        body = _ask((sys.executable, "-P", "-m", "harness.instruments.sampler", "--probe", str(spec)))
    return Probe(
        tuple(channel_from_json(item) for item in body["channels"]),
        tuple(Missing(item["sensor"], item["reason"], item.get("remedy", "")) for item in body["missing"]),
        _cards(body["sensors"].get("nvml", {})),
        {name: tuple(channels) for name, channels in body.get("by_sensor", {}).items()},
        body["sensors"],
    )


def require(protocol: Protocol, found: Probe) -> None:
    """Refuse a night that could not answer: a required sensor is missing, or its energy could not be summed.

    Raises SensorMissing with every reason and remedy.
    """
    sensors = protocol.sensors
    named = tuple(sensor_settings(protocol))
    required = sensors.required if sensors.required is not None else () if sensors.fallback else named
    instruments = instrument_settings(protocol)
    required = (*required, *instruments)

    def word(item: Missing) -> str:
        return f"{'instrument' if item.sensor in instruments else 'sensor'} {item.sensor}"

    wanting = [item for item in found.missing if item.sensor in required]
    domains, analysis = found.energy_domains, protocol.analysis
    absent = [domain for domain in analysis.energy if domain not in domains]
    told = [(item.domain, item.origin, str(item.quality)) for item in found.channels if item.tells_energy]
    choice = choose(told, analysis.energy, analysis.prefer)
    silent = [origin for origin in choice.unheeded if any(item.origin == origin for item in found.channels)]
    no_energy = protocol.analysis.needs_energy and not domains
    if not (wanting or choice.refusal or silent or no_energy):
        return
    reasons = [f"{word(item)}: {item.reason}" for item in wanting]
    if absent:
        reasons.append(
            f"analysis.energy asks for {', '.join(absent)}, which no channel covers"
            f" (covered: {', '.join(domains) or 'nothing'})"
        )
    elif choice.refusal:
        reasons.append(choice.refusal)
    if silent:
        reasons.append(f"analysis.prefer names {', '.join(silent)}, which tells no energy here")
    if no_energy and not absent:
        reasons.append(f"no sensor of this protocol tells any energy, and analysis.metric is {analysis.metric}")
        reasons += [f"{word(item)}: {item.reason}" for item in found.missing if item not in wanting]
    remedies = [item.remedy for item in (found.missing if absent or no_energy else wanting) if item.remedy]
    if choice.refusal and not absent:
        remedies.append("let analysis.energy name measured domains, or modelled ones, that lie beside one another")
    remedies.append(
        "`nightwatt check` lists what this machine can measure; a model must be asked for by name:"
        ' [sensors] fallback = "load_model"'
    )
    raise SensorMissing("; ".join(reasons), remedy="; ".join(dict.fromkeys(remedies)))


def _cards(nvml: Mapping[str, Any]) -> tuple[Gpu, ...]:
    """The cards in what the sensor nvml says of itself."""
    driver = nvml.get("driver", "")
    return tuple(Gpu(item["name"], item["uuid"], driver) for item in nvml.get("devices", ()))


def _ask(command: Sequence[str]) -> Mapping[str, Any]:
    """The JSON object that ``command`` prints."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PROBE_S, check=False, text=True
        )
        if done.returncode == 0:
            body: Mapping[str, Any] = json.loads(done.stdout)
            return body
        trouble = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        trouble = [str(error)]
    raise NightwattError(
        f"the sampler could not be asked what it would record: {trouble[0]}",
        where=" ".join(command[:5]),
        remedy="run `nightwatt check`; if that fails too, please report it",
    )
