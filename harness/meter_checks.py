"""Whether the meters that a protocol names can be asked at all: one place each, one login, one domain of its own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from harness.addresses import parse_address
from harness.channels import DOMAIN_NAME
from harness.errors import Problem
from harness.protocol_model import Meter, Protocol

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_USER = re.compile(r"[!#-9;-\[\]-~]+")
"""Of printable ASCII, without what separates it from other things in a header."""

Problems = Iterator[Problem]


def check_meters(protocol: Protocol) -> Problems:
    """What is wrong with the [sensors.meter] of ``protocol``: their addresses, logins, paths and domains."""
    meters = protocol.sensors.meter or ()
    if protocol.sensors.meter == ():
        yield Problem("sensors.meter", "must not be empty", remedy="name a meter, or leave the section out")
    for index, meter in enumerate(meters):
        key = f"sensors.meter[{index}]" if len(meters) > 1 else "sensors.meter"
        yield from _meter(meter, key)
    for domain, count in Counter(meter.domain for meter in meters).items():
        if count > 1:
            remedy = 'give each its own, as in domain = "wall-1" and domain = "wall-2"; analysis.energy may sum them'
            yield Problem("sensors.meter", f"two meters of one domain, {domain!r}", remedy=remedy)


def _meter(meter: Meter, key: str) -> Problems:
    """Where one meter is found, what is asked of it, and who asks."""
    if (meter.url is None) == (meter.url_env is None):
        what = "its address is missing" if meter.url is None else "its address is given twice"
        remedy = 'give url = "http://…", or url_env = "NAME" of an environment variable: it then stands in no file'
        yield Problem(f"{key}.url", what, remedy=remedy)
    if meter.url is not None:
        yield from _meter_url(meter, meter.url, key)
    if not DOMAIN_NAME.fullmatch(meter.domain):
        remedy = "letters, digits, - and _ only, as in wall"
        yield Problem(f"{key}.domain", "no domain can be called so", repr(meter.domain), remedy)
    for name in ("url_env", "password_env", "token_env"):
        variable = getattr(meter, name)
        if variable is not None and not _VARIABLE.fullmatch(variable):
            remedy = "name the variable; what it holds is set in the shell, never written here"
            yield Problem(f"{key}.{name}", "no environment variable can be called so", remedy=remedy)
    if meter.password_env is not None and meter.token_env is not None:
        yield Problem(f"{key}.token_env", "a password and a token at once", remedy="keep one of them")
    if not _USER.fullmatch(meter.user):
        yield Problem(f"{key}.user", "no user can be called so", repr(meter.user))
    yield from _meter_paths(meter, key)


def _meter_url(meter: Meter, url: str, key: str) -> Problems:
    try:
        address = parse_address(url)
    except ValueError as fault:
        remedy = "write it as http://192.0.2.7; a password belongs into password_env"
        yield Problem(f"{key}.url", str(fault), remedy=remedy)
        return
    if meter.kind != "json" and address.path not in ("", "/"):
        remedy = 'give the host only: the rest follows from its kind; or kind = "json" with power_path'
        yield Problem(f"{key}.url", f"a {meter.kind} meter is asked at a path of its own", remedy=remedy)


def _meter_paths(meter: Meter, key: str) -> Problems:
    """The places of the numbers, which only kind json needs."""
    asks_json = meter.kind == "json"
    if asks_json and meter.power_path is None:
        remedy = 'say where the watts stand in its answer, as in power_path = "sensor.power"'
        yield Problem(f"{key}.power_path", "missing", remedy=remedy)
    for name in ("power_path", "energy_path"):
        path = getattr(meter, name)
        if path is not None and not asks_json:
            remedy = 'leave it out, or write kind = "json"'
            yield Problem(f"{key}.{name}", f"a {meter.kind} meter's numbers have their known places", remedy=remedy)
        elif path is not None and not all(path.split(".")):
            remedy = "keys of objects and places in lists with dots between them, as in meters.0.power"
            yield Problem(f"{key}.{name}", "no path", repr(path), remedy)
    if asks_json and (meter.energy_path is None) != (meter.energy_unit is None):
        remedy = 'its total has both: energy_path, and energy_unit = "Wh", "kWh" or "J"'
        yield Problem(f"{key}.energy_unit", "energy_path and energy_unit go together", remedy=remedy)
    elif not asks_json and meter.energy_unit is not None:
        yield Problem(f"{key}.energy_unit", f"a {meter.kind} meter's unit is known", remedy="leave it out")
