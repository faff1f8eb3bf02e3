"""Times of day as a protocol writes them ("22:00", "07:30 Europe/Berlin"): when the clock next shows them. Pure.

A zone is a name of the IANA database, UTC, or an offset such as +01:00; left out, it is the zone of this machine, and a
night records which one that was. A time that a change to summer time leaves out (02:30 in spring) acts as if the clock
had not been changed yet, an hour later by the new one; of a time that comes twice (in autumn) the first is meant.
"""

from __future__ import annotations

import datetime
import os
import re
import zoneinfo
from dataclasses import dataclass

_FORM = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s*(Z|[+-]\d{2}:\d{2})|\s+([A-Za-z][\w+-]*(?:/[\w+-]+)*))?")
REMEDY = 'write it as "22:00", "22:00 Europe/Berlin" or "22:00 +01:00"'


@dataclass(frozen=True)
class TimeOfDay:
    """A time of day in a zone."""

    hour: int
    minute: int
    second: int
    zone: str = ""
    """As it was written; empty: that of this machine."""

    @classmethod
    def parse(cls, text: str) -> TimeOfDay:
        """The time in ``text``; raises ValueError with what is wrong with it."""
        found = _FORM.fullmatch(text.strip())
        if found is None:
            raise ValueError("not a time of day")
        hour, minute, second = (int(part or 0) for part in found.group(1, 2, 3))
        if hour == 24 and minute == second == 0:
            raise ValueError("midnight is 00:00")
        if hour > 23 or minute > 59 or second > 59:
            raise ValueError("the clock does not show this time")
        zone = found[4] or found[5] or ""
        _zone(zone)
        return cls(hour, minute, second, zone)

    def __str__(self) -> str:
        seconds = f":{self.second:02d}" if self.second else ""
        return f"{self.hour:02d}:{self.minute:02d}{seconds}{f' {self.zone}' if self.zone else ''}"

    def after(self, realtime_s: float, *, inclusive: bool = False) -> float:
        """The first moment (seconds since 1970) behind ``realtime_s`` at which the clock shows this time.

        ``inclusive``: or that moment itself.
        """
        zone = _zone(self.zone)
        today = datetime.datetime.fromtimestamp(realtime_s, zone).date()
        moments = [self._on(today + datetime.timedelta(days=days), zone) for days in (-1, 0, 1, 2)]
        return min(moment for moment in moments if moment > realtime_s or (inclusive and moment == realtime_s))

    def _on(self, day: datetime.date, zone: datetime.tzinfo | None) -> float:
        """The moment of this time on a day; a time without a zone is reckoned by the system's own rules."""
        time = datetime.time(self.hour, self.minute, self.second)
        return datetime.datetime.combine(day, time, tzinfo=zone).timestamp()


def with_zone(text: str, realtime_s: float) -> str:
    """``text`` with the zone of this machine added where it names none: its name, else its offset at ``realtime_s``."""
    time = TimeOfDay.parse(text)
    if time.zone:
        return str(time)
    return f"{time} {local_zone() or _offset(realtime_s)}"


def local_zone() -> str:
    """The IANA name of this machine's zone; empty where it cannot be told."""
    named = os.environ.get("TZ", "").removeprefix(":")
    if not named:
        named = os.path.realpath("/etc/localtime").partition("/zoneinfo/")[2].removeprefix("posix/")
    try:
        return named if named and _FORM.fullmatch(f"00:00 {named}") and _zone(named) else ""
    except ValueError:
        return ""


def _offset(realtime_s: float) -> str:
    offset = datetime.datetime.fromtimestamp(realtime_s).astimezone().strftime("%z")
    return f"{offset[:3]}:{offset[3:5]}"


def _zone(name: str) -> datetime.tzinfo | None:
    """The zone of that name; None for that of this machine. Raises ValueError where there is none."""
    if not name:
        return None
    if name in ("Z", "UTC"):
        return datetime.UTC
    if name[0] in "+-":
        hours, minutes = int(name[1:3]), int(name[4:6])
        if hours > 14 or minutes > 59:
            raise ValueError(f"no zone is {name} away from UTC")
        return datetime.timezone((1 if name[0] == "+" else -1) * datetime.timedelta(hours=hours, minutes=minutes))
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"this machine knows no zone {name}") from error
