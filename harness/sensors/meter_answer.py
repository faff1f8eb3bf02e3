"""What a meter says -> watts and joules: the answers of Shelly, Tasmota, and of anything else that speaks JSON. Pure.

| kind | is asked | power | total |
|---|---|---|---|
| shelly (second generation and later) | ``/rpc/Switch.GetStatus?id=0`` | ``apower``, W | ``aenergy.total``, Wh |
| tasmota | ``/cm?cmnd=Status%208`` | ``StatusSNS.ENERGY.Power``, W | ``StatusSNS.ENERGY.Total``, kWh |
| json | the address as it is given | ``power_path``, W | ``energy_path`` in ``energy_unit`` |

A number is a number. Only of kind json a text that is a plain decimal number counts as one, since Home Assistant gives
every state as a text; "unavailable" is missing. A negative power is missing too: no machine feeds the wall.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from harness.sensors.meter_http import NoAnswer

JOULES = {"J": 1.0, "Wh": 3600.0, "kWh": 3.6e6}
LARGEST_W = 1e6
"""Beyond any socket: a megawatt is a unit error."""
_DECIMAL = re.compile(r"[+-]?\d{1,20}(\.\d{0,20})?([eE][+-]?\d{1,3})?", re.ASCII)


class Told(NamedTuple):
    """What one answer holds."""

    power_W: float
    energy_J: float | None
    """The total; None where it is not asked for, or there is none."""
    energy_why: str = ""
    """Why the total is missing where it is asked for."""


@dataclass(frozen=True)
class Form:
    """Where the numbers stand in a meter's answer."""

    question: str
    """The path that is asked, with its query; "" for the address's own."""
    power: tuple[str, ...]
    energy: tuple[str, ...] | None
    unit: str
    """Of the total: Wh, kWh or J."""
    texts: bool = False
    """Whether a text that is a decimal number counts as one."""
    outlet: int | None = None
    """Which item of a power that is a list, one for each outlet."""

    def told(self, body: bytes) -> Told:
        """The numbers in an answer; raises NoAnswer where it has no power."""
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise NoAnswer("its answer is no JSON" if body else "its answer is empty") from error
        power = _found(answer, self.power)
        is_list = isinstance(power, list)
        if is_list and self.outlet is not None:
            power = power[self.outlet] if self.outlet < len(power) else None
        power_W = self._number(power, self.power)
        if power_W < 0:
            raise NoAnswer("its power is negative")
        if power_W > LARGEST_W:
            raise NoAnswer("its power is beyond any socket's: not in watts?")
        return Told(power_W, *self._total(answer, is_list))

    def _total(self, answer: Any, of_many: bool) -> tuple[float | None, str]:
        if self.energy is None:
            return None, ""
        try:
            total = _found(answer, self.energy)
            if isinstance(total, list) and self.outlet is not None and self.outlet < len(total):
                total = total[self.outlet]
            elif of_many:
                return None, "its total is that of all outlets together"
            energy_J = self._number(total, self.energy) * JOULES[self.unit]
        except NoAnswer as error:
            return None, str(error)
        if not 0 <= energy_J < math.inf:
            return None, f"{'.'.join(self.energy)} is no total"
        return energy_J, ""

    def _number(self, value: Any, path: Sequence[str]) -> float:
        """The number at ``path``; raises NoAnswer where it is none."""
        name = ".".join(path)
        if self.texts and isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
            value = float(value)
        if value is None:
            raise NoAnswer(f"{name} is null")
        if isinstance(value, str):
            raise NoAnswer(f"{name} is a text, no number")
        if type(value) not in (int, float) or not abs(value) < math.inf:
            raise NoAnswer(f"{name} is no number")
        try:
            return float(value)
        except OverflowError:
            raise NoAnswer(f"{name} is no number") from None


def form_of(settings: Mapping[str, Any]) -> Form:
    """The form of the meter that a [sensors.meter] names."""
    outlet = int(settings.get("outlet", 0))
    match settings["kind"]:
        case "shelly":
            return Form(f"/rpc/Switch.GetStatus?id={outlet}", ("apower",), ("aenergy", "total"), "Wh")
        case "tasmota":
            measured = ("StatusSNS", "ENERGY")
            return Form("/cm?cmnd=Status%208", (*measured, "Power"), (*measured, "Total"), "kWh", outlet=outlet)
    energy = settings.get("energy_path")
    power = tuple(settings["power_path"].split("."))
    return Form(
        "", power, None if energy is None else tuple(energy.split(".")), settings.get("energy_unit") or "J", texts=True
    )


def _found(answer: Any, path: Sequence[str]) -> Any:
    """What stands at ``path``: keys of objects, places in lists; raises NoAnswer where nothing does."""
    for depth, name in enumerate(path, start=1):
        if isinstance(answer, dict) and name in answer:
            answer = answer[name]
        elif isinstance(answer, list) and name.isascii() and name.isdecimal() and int(name) < len(answer):
            answer = answer[int(name)]
        else:
            raise NoAnswer(f"there is no {'.'.join(path[:depth])} in its answer")
    return answer
