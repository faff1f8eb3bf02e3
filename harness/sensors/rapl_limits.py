"""The power limits that are enforced on packages, through powercap: what a package does not draw over a second.

A zone has constraints, each with a name, a limit and a time over which it is kept: ``long_term`` (tens of seconds),
``short_term`` (milliseconds), ``peak_power``. Over a second a package may well draw more than its long-term limit,
never much more than the short-term one. So the limit is the larger of the two, and where a zone has no short-term one,
or its limits are not enabled, none is known (Documentation/power/powercap/powercap.rst of Linux). What cannot bind is
none either: firmware sets limits that are to be none to the largest value that their bits hold.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from harness.sensors.proc import Again
from harness.sensors.rapl_zones import package_zones

NEEDED = "short_term"
COUNTED = ("long_term", NEEDED)
MOST_CONSTRAINTS = 8
UNBOUND_W = 2_000.0
"""Limits from here on bind no package: 4,095 W is what firmware writes for "none"."""
PERIOD_NS = 5_000_000_000
"""Between two readings: a limit is a setting, and each costs a look into the processor."""


class PackageLimit:
    """One package's limit."""

    def __init__(self, zone: Path) -> None:
        """Open its files; raises OSError, or ValueError where it has no limit that could be compared."""
        names = {}
        for number in range(MOST_CONSTRAINTS):
            with contextlib.suppress(OSError):
                names[(zone / f"constraint_{number}_name").read_text(encoding="utf-8").strip()] = number
        if NEEDED not in names:
            raise ValueError("it has no short-term limit")
        self._files: list[Again] = []
        self._enabled: Again | None = None
        try:
            for name in COUNTED:
                if name in names:
                    self._files.append(Again(zone / f"constraint_{names[name]}_power_limit_uw", 64))
            with contextlib.suppress(FileNotFoundError):
                self._enabled = Again(zone / "enabled", 8)
            if self.read_W() is None:
                raise ValueError("its limits bind nothing")
        except BaseException:
            self.close()
            raise

    def read_W(self) -> float | None:
        """The limit; None while none is enforced. Raises OSError or ValueError."""
        if self._enabled is not None and self._enabled.read().strip() == b"0":
            return None
        limit_W = max(int(file.read()) for file in self._files) / 1e6
        return limit_W if 0 < limit_W < UNBOUND_W else None

    def close(self) -> None:
        """Close its files."""
        for file in self._files:
            file.close()
        if self._enabled is not None:
            self._enabled.close()
        self._files, self._enabled = [], None


def find_limits(root: Path) -> dict[str, PackageLimit]:
    """The limits of the packages under ``root`` by domain, opened; those that have none are left out."""
    found: dict[str, PackageLimit] = {}
    for domain, zone in package_zones(root):
        if domain not in found:
            with contextlib.suppress(OSError, ValueError):
                found[domain] = PackageLimit(zone)
    return found
