"""The CSV of a wattmeter, one file a run: a column of time, one of power, perhaps one of its own total.

What the columns are is told by their names, with the unit in the name ("Power (W)", "power_kW") or in the cells
("134.2 W"). Numbers may have a comma before their decimals where the columns stand apart by something else. The energy
is the integral of the power; the meter's total, which moves by a watt-hour, is the check on it, and is what is compared
only where there is no power.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.importers.cells import Line, decimal_of, is_cut, lines, moment_of
from analysis.importers.recording import LATEST_NS, LONGEST_S, WHOLE, Imported, ImportRefused, Naming, Recording
from analysis.importers.table import JOULES, SECONDS
from analysis.importers.traces import check_energy, holes, refresh_seen_s
from analysis.meters import check_total
from harness import joules
from harness.record import Channel, Kind, Quality, channel_name

FORMAT = "meter"
ORIGIN = "wattmeter"
"""Not that of our own meters: these stamps are the meter's, and nothing here tells how far they are from ours."""
WATTS = {"mW": 1e-3, "W": 1.0, "kW": 1e3}
UNKNOWN = (
    WHOLE,
    "How far the meter's clock lies from that of the machine, and how late its readings are.",
    "Idle power, temperatures before each run, waits, and what else was plugged in.",
)
_ZONE = "The zone of the time stamps: their order counts, their clock is read as UTC."
_SINCE = "When each recording began: its times are counted from its own begin."
_TOTALS = "Power over time: the meter's file holds its total only, whose steps are the uncertainty of each run."

_UNIT = r"(?:\s*[\[(](?P<unit>[^\])]*)[\])]|[_ ](?P<tail>mW|kW|W|mJ|kJ|MJ|J|mWh|kWh|Wh|ms|s|min|h))?"
_TIME = re.compile(
    rf"(?:time|timestamp|datetime|date_time|date|last_changed|last_updated|elapsed|seconds|t){_UNIT}", re.I
)
_POWER = re.compile(rf"(?:apower|power|active[_ ]power|real[_ ]power|watts?|leistung|p){_UNIT}", re.I)
_TOTAL = re.compile(rf"(?:energy|total|aenergy|total[_ ]energy|consumption|verbrauch|energie){_UNIT}", re.I)
_EPOCHS = ((1e17, 1), (1e14, 1000), (1e11, 1_000_000), (1e8, 1_000_000_000))
"""A number from which on it can only be the epoch in ns, us, ms, s."""
_REMEDY = "name the columns, as in --columns time,power_W (time: a date, or time_s; a column called - is passed over)"


@dataclass(frozen=True)
class _Column:
    """A column, the unit that its header names, and what that is worth."""

    name: str
    unit: str

    def number(self, row: Line, units: dict[str, float], default: str = "") -> float:
        """The number in a row in the base unit; refuses what is none, or has no unit."""
        where = f"{row.where}, column {self.name}"
        found = decimal_of(row.text(self.name))
        if found is None:
            said = f"{row.text(self.name)!r} is no number" if row.text(self.name) else "nothing stands here"
            raise ImportRefused(said, where=where, remedy="mend or remove this line")
        value, own = found
        if own and self.unit and own != self.unit:
            raise ImportRefused(
                f"{row.text(self.name)!r} where the header says {self.unit}", where=where, remedy="see which is true"
            )
        unit = own or self.unit or default
        if unit not in units:
            what = f"{unit!r} is no unit that is known here" if unit else "it names no unit"
            raise ImportRefused(
                f"{self.name}: {what}", where=where, remedy=f"{_REMEDY}; units known are {', '.join(units)}"
            )
        return value * units[unit]


@dataclass(frozen=True)
class _Columns:
    """What a meter's columns are."""

    time: _Column
    clock: str
    """A second column of time beside one of dates; empty where the first has both."""
    power: _Column | None
    total: _Column | None

    @classmethod
    def of(cls, row: Line) -> _Columns:
        where = f"{row.file}, line 1"
        times, powers, totals = ([*_matching(row, pattern)] for pattern in (_TIME, _POWER, _TOTAL))
        clock = ""
        if len(times) == 2 and times[0].name.lower() == "date" and times[1].name.lower() == "time":
            clock = times.pop().name
        if len(times) != 1:
            what = "no column tells the time" if not times else f"{' and '.join(c.name for c in times)} tell the time"
            raise ImportRefused(what, where=where, remedy=_REMEDY)
        if not powers and not totals:
            raise ImportRefused("no column tells power or energy", where=where, remedy=_REMEDY)
        for several in (powers, totals):
            if len(several) > 1:
                both = " and ".join(item.name for item in several)
                raise ImportRefused(f"{both} tell the same", where=where, remedy=_REMEDY)
        return cls(times[0], clock, powers[0] if powers else None, totals[0] if totals else None)


def read(files: Sequence[Path], naming: Naming, *, domain: str = "wall", columns: Sequence[str] = ()) -> Imported:
    """Every file as a run; ``domain`` is what the meter covers, ``columns`` are names instead of the header's."""
    recordings: list[Recording] = []
    unknown: list[str] = []
    for file in files:
        recording, said = _recording(file, naming, domain, columns)
        recordings.append(recording)
        unknown += said
    sampled = any(channel.tells_power for item in recordings for channel in item.channels)
    return Imported(FORMAT, tuple(recordings), (*UNKNOWN, *dict.fromkeys(unknown)), sampled=sampled)


def _matching(row: Line, pattern: re.Pattern[str]) -> list[_Column]:
    found = [(name, pattern.fullmatch(name)) for name in row.cells]
    return [_Column(name, (item["unit"] or item["tail"] or "").strip()) for name, item in found if item]


def _recording(file: Path, naming: Naming, domain: str, names: Sequence[str]) -> tuple[Recording, list[str]]:
    levels, block = naming.read(file.stem, str(file))
    rows = lines(file, names, whole=True)
    columns = _Columns.of(rows[0])
    stamps, unknown, absolute = _stamps(rows, columns)
    notes = holes(file.name, np.diff(stamps))
    notes += [f"{file.name}: its last line has no end and is left out"] if is_cut(file) else []
    told: list[tuple[Channel, NDArray[np.float64]]] = []
    interval_s = float(np.median(np.diff(stamps))) / 1e9
    power_W = total_J = None
    if columns.power is not None:
        power_W = np.array([columns.power.number(row, WATTS, _named_watts(columns.power)) for row in rows])
        told.append((_channel(domain, "power_W", "W", Kind.GAUGE, interval_s), power_W))
    if columns.total is not None:
        total_J = np.array([columns.total.number(row, JOULES) for row in rows])
        if np.any(np.diff(total_J) < 0):
            place = int(np.flatnonzero(np.diff(total_J) < 0)[0]) + 1
            raise ImportRefused(
                "the meter's total went back",
                where=f"{rows[place].where}, column {columns.total.name}",
                remedy="leave this file out, or cut it where the meter was set to 0",
            )
        if power_W is None:
            unknown.append(_TOTALS)
            seen_s = refresh_seen_s(stamps, total_J) or interval_s
            told.append((_channel(domain, "energy_J", "J", Kind.COUNTER, seen_s), total_J))
    if power_W is not None and total_J is not None:
        check = check_total(joules.Series(stamps, power_W, Kind.GAUGE), joules.Series(stamps, total_J, Kind.COUNTER))
        if check is not None and not check.agrees:
            notes.append(
                f"{file.name}: the meter's own total grew by {check.total_J:.4g} J, the integral of its power is"
                f" {check.integral_J:.4g} J"
            )
    recording = Recording(
        where=str(file),
        levels=levels,
        duration_ns=int(stamps[-1] - stamps[0]),
        readings={channel.name: (stamps, values) for channel, values in told},
        channels=tuple(_checked(file, channel, stamps, values) for channel, values in told),
        begin_ns=int(stamps[0]) if absolute else None,
        block=block,
        notes=tuple(notes),
    )
    return recording, unknown


def _named_watts(column: _Column) -> str:
    """The unit of a column that is called after it."""
    return "W" if column.name.lower() in ("watt", "watts", "apower") else ""


def _channel(domain: str, quantity: str, unit: str, kind: Kind, refresh_s: float) -> Channel:
    source = "a wattmeter's own recording"
    name = channel_name(ORIGIN, domain, quantity)
    return Channel(name, unit, kind, domain, Quality.MEASURED, source, refresh_s, origin=ORIGIN)


def _checked(file: Path, channel: Channel, stamps: NDArray[np.int64], values: NDArray[np.float64]) -> Channel:
    """The channel with the refresh that its readings show; refuses what no machine draws."""
    check_energy(str(file), channel, stamps, values, f"see in which unit this column was written; {_REMEDY}")
    return replace(channel, refresh_seen_s=refresh_seen_s(stamps, values))


def _stamps(rows: Sequence[Line], columns: _Columns) -> tuple[NDArray[np.int64], list[str], bool]:
    """The stamps in ns, what they leave unknown, and whether they are moments (not counted from the begin)."""
    found: list[int] = []
    zoned, absolute = True, True
    for row in rows:
        stamp_ns, has_zone, absolute = _stamp(row, columns)
        zoned &= has_zone
        if found and stamp_ns <= found[-1]:
            what = "its clock stands still" if stamp_ns == found[-1] else "its clock went back"
            raise ImportRefused(
                f"{what}: {row.text(columns.time.name)!r}",
                where=row.where,
                remedy="remove the line that stands there twice, or leave this file out",
            )
        found.append(stamp_ns)
    if len(found) < 2:
        raise ImportRefused("it has fewer than two readings", where=str(rows[0].file), remedy="leave this file out")
    unknown = [_SINCE] if not absolute else [] if zoned else [_ZONE]
    return np.array(found, dtype=np.int64), unknown, absolute


def _stamp(row: Line, columns: _Columns) -> tuple[int, bool, bool]:
    """A row's stamp, whether its zone is known, and whether it is a moment."""
    column = columns.time
    text = " ".join(part for part in (row.text(column.name), row.text(columns.clock) if columns.clock else "") if part)
    moment = moment_of(text)
    if moment is not None and not text.isdecimal():
        return *moment, True
    number = decimal_of(text)
    where = f"{row.where}, column {column.name}"
    if number is None:
        raise ImportRefused(f"{text!r} is no date and time", where=where, remedy=_REMEDY)
    scale_ns = next((scale for least, scale in _EPOCHS if number[0] >= least), None)
    if scale_ns is not None and not number[1] and number[0] * scale_ns < LATEST_NS:
        # A float holds the ns of the epoch to 0.2 us only.
        return int(decimal.Decimal(text.replace(",", ".")) * scale_ns), True, True
    unit = number[1] or column.unit
    if number[0] * SECONDS.get(unit, 1.0) > LONGEST_S:
        raise ImportRefused(f"{text!r} is no moment", where=where, remedy=_REMEDY)
    if unit not in SECONDS and column.name.lower() != "seconds":
        raise ImportRefused(f"{text!r} is no moment, and {column.name} names no unit", where=where, remedy=_REMEDY)
    return round(number[0] * SECONDS.get(unit, 1.0) * 1e9), True, False
