"""Wall meters over HTTP: power as it is told, and the meter's own total. One sensor, one thread a meter.

::

    thread of a meter      ask --- answer      ask --- answer      ask ------- time limit: missed
                            |<-------->|        interval_s
    stamp                        ^ the middle of the question
    read()                takes what the threads have queued, and never waits for a meter

Where a meter stands is private: the channels and the record name its kind and its domain, never its address. Passwords
and tokens come from environment variables, and an address may.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from harness.addresses import Address, parse_address
from harness.errors import SensorMissing
from harness.record import Channel, Kind, Quality, channel_name
from harness.sensors.meter_answer import form_of
from harness.sensors.meter_http import Line, NoAnswer
from harness.sensors.meter_login import Login
from harness.sensors.meter_poll import Poller
from harness.sensors.sensor import Reading, Site

NAME = "meter"
TRIES = 3
"""How often a meter is asked before it counts as absent."""
READ_S, SHORTEST_READ_S = 0.5, 0.05
TAIL_INTERVALS, TAIL_S = 2, 1.0
"""Read on after the workload has gone: a meter's power comes late, and its step down tells by how much."""
SHORTEST_INTERVAL_S = 0.05


def open_sensor(
    settings: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    site: Site,
    *,
    environment: Mapping[str, str] = os.environ,
) -> Meters:
    """Every meter of ``settings`` (one [sensors.meter], or a list of them), each having answered once.

    Raises SensorMissing for those that do not, with what was asked of them; it names no address.
    """
    named = [settings] if isinstance(settings, Mapping) else list(settings)
    meters: list[_Meter] = []
    faults: list[SensorMissing] = []
    for one in named:
        try:
            meters.append(_open(one, environment))
        except SensorMissing as fault:
            faults.append(fault)
    if faults:
        for meter in meters:
            meter.poller.stop()
        raise SensorMissing(
            "; ".join(fault.what for fault in faults),
            where="sensors.meter",
            remedy="; ".join(dict.fromkeys(fault.remedy for fault in faults)),
        )
    return Meters(meters)


@dataclass(frozen=True)
class _Meter:
    """One meter and the names of its channels."""

    kind: str
    domain: str
    poller: Poller
    channels: tuple[Channel, ...]
    """Its power, and its total where it tells one."""
    interval_s: float

    def readings(self, now_ns: int) -> Iterator[Reading]:
        for t_ns, told in self.poller.taken(now_ns):
            yield Reading(t_ns, self.channels[0].name, told.power_W)
            if told.energy_J is not None and len(self.channels) > 1:
                yield Reading(t_ns, self.channels[1].name, told.energy_J)


class Meters:
    """The sensor."""

    name = NAME
    start_ns = 0

    def __init__(self, meters: Sequence[_Meter]) -> None:
        self._meters = meters
        self._started = False
        shortest_s = min(meter.interval_s for meter in meters)
        self.period_s = min(READ_S, max(SHORTEST_READ_S, shortest_s / 2))
        self.tail_s = max(TAIL_INTERVALS * meter.interval_s + TAIL_S for meter in meters)
        self.channels = tuple(channel for meter in meters for channel in meter.channels)

    @property
    def trouble(self) -> str:
        """What is wrong with any of the meters."""
        return "; ".join(meter.poller.trouble for meter in self._meters if meter.poller.trouble)

    @property
    def lost(self) -> str:
        """Which of the meters are lost."""
        return "; ".join(meter.poller.lost for meter in self._meters if meter.poller.lost)

    def read(self, now_ns: int) -> Sequence[Reading]:
        """What the meters have told since the last call."""
        if not self._started:
            self._started = True
            for meter in self._meters:
                meter.poller.start()
        return [reading for meter in self._meters for reading in meter.readings(now_ns)]

    def finish(self, now_ns: int) -> Sequence[Reading]:
        """What they have told until now; they are asked no more."""
        for meter in self._meters:
            meter.poller.stop()
        return self.read(now_ns) if self._started else ()

    def summary(self) -> Mapping[str, Any]:
        """How each meter answered."""
        meters = [{"kind": item.kind, "domain": item.domain, **item.poller.summary()} for item in self._meters]
        return {"meters": meters, "missed": sum(item["missed"] for item in meters)}

    def close(self) -> None:
        """Ask no more; the threads give their connections back."""
        for meter in self._meters:
            meter.poller.stop()


def _open(settings: Mapping[str, Any], environment: Mapping[str, str]) -> _Meter:
    kind, domain = settings["kind"], settings.get("domain", "wall")
    name = f"the {kind} meter of {domain}"
    interval_s = max(SHORTEST_INTERVAL_S, settings.get("interval_ms", 1000.0) / 1000)
    timeout_s = float(settings.get("timeout_s", 1.0))
    form = form_of(settings)
    address, login = _address(settings, name, environment), _login(settings, name, environment)
    question = form.question or address.path or "/"
    if kind == "tasmota" and login is not None:  # its web interface takes them in the question only
        question += f"&user={quote(login.user, safe='')}&password={quote(login.password, safe='')}"
    poller = Poller(name, Line(address, question, login, timeout_s), form, interval_s, timeout_s)
    asked = f"GET {form.question}" if form.question else "the address in its url"
    told, why = None, ""
    for _ in range(TRIES):
        try:
            told = poller.ask()
            break
        except NoAnswer as error:
            why = str(error)
    if told is None:
        poller.stop()
        raise SensorMissing(f"{name} gives no reading ({asked}): {why}", where="sensors.meter", remedy=_remedy(why))
    if told.energy_J is None and settings.get("energy_path") is not None:
        poller.stop()
        raise SensorMissing(
            f"{name} tells no total: {told.energy_why}",
            where="sensors.meter",
            remedy="look at its answer with curl, and mend sensors.meter.energy_path or leave it out",
        )
    told_of = [("power_W", Kind.GAUGE, "power")]
    told_of += [("energy_J", Kind.COUNTER, f"its own total in {form.unit}")] if told.energy_J is not None else []
    channels = tuple(
        Channel(
            name=channel_name(NAME, domain, quantity),
            unit=quantity.partition("_")[2],
            kind=its,
            domain=domain,
            quality=Quality.MEASURED,
            source=f"{kind} meter over HTTP, {what}",
            refresh_s=interval_s,
            origin=NAME,
        )
        for quantity, its, what in told_of
    )
    return _Meter(kind, domain, poller, channels, interval_s)


def _address(settings: Mapping[str, Any], name: str, environment: Mapping[str, str]) -> Address:
    text, variable = settings.get("url"), settings.get("url_env")
    where = "sensors.meter.url"
    if variable is not None:
        text = _of_environment(variable, f"the address of {name}", environment)
        where = f"the environment variable {variable}"
    try:
        return parse_address(str(text))
    except ValueError as fault:
        raise SensorMissing(
            f"the address of {name} cannot be used: {fault}",
            where="sensors.meter",
            remedy=f"mend {where}, as in http://192.0.2.7",
        ) from fault


def _login(settings: Mapping[str, Any], name: str, environment: Mapping[str, str]) -> Login | None:
    password, token = settings.get("password_env"), settings.get("token_env")
    if password is not None:
        secret = _of_environment(password, f"the password of {name}", environment)
        return Login(user=settings.get("user", "admin"), password=secret)
    if token is not None:
        secret = _of_environment(token, f"the token of {name}", environment)
        if not secret.isascii():
            raise _unusable(token, f"the token of {name}", "holds characters that cannot be sent")
        return Login(token=secret)
    return None


def _of_environment(variable: str, what: str, environment: Mapping[str, str]) -> str:
    value = environment.get(variable, "")
    if not value:
        raise _unusable(variable, what, "is not set")
    if not value.isprintable():
        raise _unusable(variable, what, "holds characters that cannot be sent")
    return value


def _unusable(variable: str, what: str, why: str) -> SensorMissing:
    return SensorMissing(
        f"{what} is to come from the environment variable {variable}, which {why}",
        where="sensors.meter",
        remedy=f"export {variable}=… in the shell that starts nightwatt (at a resume too)",
    )


def _remedy(why: str) -> str:
    if why.startswith(("HTTP 401", "HTTP 403")):
        return "name the environment variable that holds its password, sensors.meter.password_env (or token_env)"
    if why.startswith(("its answer", "there is no", "HTTP")) or " is " in why:
        return "ask it with curl from here and look at the answer: are sensors.meter.kind, url and the paths right?"
    return "see that the meter is on, in this network, and at its address (sensors.meter.url or url_env): try curl"
