"""RAPL through perf_event: the kernel's event source `power`, one event for each package (or die) and kind.

The kernel reads the 32-bit counters itself, now and then and at each of our readings, and adds them up in 64 bits of
2^-32 J. It takes a step of half a turn or more for one back (arch/x86/events/rapl.c of Linux), and its own readings
come often enough only below 200 W: so here too a long time unread is not believed.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.errors import SensorMissing
from harness.sensors.clock import Clock
from harness.sensors.counting import Counter, CounterLost
from harness.sensors.cpus import Place, counts_single_cores, cpu_list, place_of
from harness.sensors.perf_event import Counted
from harness.sensors.rapl_twins import without_twins
from harness.sensors.rapl_zones import Counters, ranges_J

PMU = "sys/bus/event_source/devices/power"
PARANOID = "proc/sys/kernel/perf_event_paranoid"
SMALLEST_RANGE_J = 65_536.0
"""The smallest turn of a RAPL counter that is known: 32 bits of 2^-16 J."""
UNCOUNTED_NS = 10_000_000
"""An event that did not count for longer than this has gaps."""
PSYS_LOOKS, PAUSE_S = 50, 0.01
"""The platform's counter moves at least each 0.5 s: in steps of 1 J on some servers, which draw more than 2 W."""
REMEDY = (
    "sudo sysctl kernel.perf_event_paranoid=0 (until the next boot; for good: echo kernel.perf_event_paranoid=0 |"
    f" sudo tee /etc/sysctl.d/99-rapl.conf), or sudo setcap cap_perfmon=ep {os.path.realpath(sys.executable)}"
    " (every program of this Python may then count), or start a container with --cap-add PERFMON"
)
_KINDS = {
    "energy-pkg": "package",
    "energy-ram": "dram",
    "energy-cores": "core",
    "energy-gpu": "uncore",
    "energy-psys": "psys",
}
"""Event -> what powercap calls it; uncore is the processor's own graphics."""


class OpenedEvent(Protocol):
    """An event that counts."""

    def read(self) -> Counted:
        """Its count so far; raises OSError."""

    def close(self) -> None:
        """Give it back."""


OpenEvent = Callable[[int, int, int], OpenedEvent]
"""(event source, event, CPU) -> the event, opened; raises OSError."""


class EventCounter:
    """One event's count, opened; it never begins again."""

    turn: int | None = None

    def __init__(self, event: OpenedEvent, where: str, unit_J: float, range_J: float) -> None:
        self._event = event
        self.where = where
        self.unit_J = unit_J
        self.hidden_J = range_J / 2

    def read(self) -> int:
        """The count; raises OSError, and CounterLost where the kernel did not count all the time."""
        total, enabled_ns, running_ns = self._event.read()
        if enabled_ns - running_ns > UNCOUNTED_NS:
            raise CounterLost(f"the kernel did not count it for {(enabled_ns - running_ns) / 1e9:.2f} s")
        return total - 2**64 if total >= 2**63 else total

    def close(self) -> None:
        """Close the event."""
        self._event.close()


@dataclass(frozen=True)
class _Kind:
    """One event of the source, as its files describe it."""

    name: str
    config: int
    unit_J: float


def find_events(root: Path, clock: Clock, open_event: OpenEvent) -> Counters:
    """The events under ``root``, opened; raises SensorMissing with the reason and the remedy where there are none."""
    source, kinds, places, left_out = _source(root)
    ranges = ranges_J(root)
    kept: dict[str, Counter] = {}
    try:
        for kind in kinds:
            for cpu, domain in _domains(_KINDS[kind.name], places).items():
                where = f"power/{kind.name}/ on CPU {cpu}"
                try:
                    event = open_event(source, kind.config, cpu)
                except OSError as error:
                    if error.errno in (errno.EACCES, errno.EPERM):
                        raise SensorMissing(_refusal(root), remedy=REMEDY) from error
                    left_out[where] = f"{domain}: {error.strerror or error}"
                    continue
                counter = EventCounter(event, where, kind.unit_J, ranges.get(domain, SMALLEST_RANGE_J))
                if why := _superfluous(domain, counter, kept, clock):
                    counter.close()
                    left_out[where] = why
                else:
                    kept[domain] = counter
        kept = without_twins(kept, left_out, clock, from_zero=True)
    except SensorMissing:
        for opened in kept.values():
            opened.close()
        raise
    if not kept:
        reasons = "; ".join(f"{name}: {why}" for name, why in left_out.items())
        raise SensorMissing(f"no energy event of the event source `power` counts ({reasons})")
    return Counters(kept, left_out | _only_in_powercap(ranges, kept, counts_single_cores(root)))


def _source(root: Path) -> tuple[int, list[_Kind], dict[int, Place], dict[str, str]]:
    """The event source's number, its energy events, the CPUs to open them on with their places, what is left out."""
    folder = root / PMU
    if not folder.is_dir():
        raise SensorMissing(
            "the kernel has no event source `power`", remedy="sudo modprobe rapl (intel_rapl_perf before Linux 5.8)"
        )
    try:
        source = int((folder / "type").read_bytes())
        places = {cpu: place_of(root, cpu) for cpu in cpu_list((folder / "cpumask").read_text())}
        found = sorted(path.name for path in (folder / "events").iterdir() if "." not in path.name)
    except (OSError, ValueError) as error:
        raise SensorMissing(f"the event source `power` cannot be understood: {error}") from error
    kinds: list[_Kind] = []
    left_out: dict[str, str] = {}
    single_cores = counts_single_cores(root)
    names = [*(name for name in _KINDS if name in found), *(name for name in found if name not in _KINDS)]
    for name in names:
        try:
            if name not in _KINDS:
                raise ValueError("it is not known what this event covers")
            if single_cores and name == "energy-cores":
                raise ValueError("on this processor it counts a single core, not all of them")
            kinds.append(_kind(folder / "events", name))
        except (OSError, ValueError) as error:
            left_out[name] = str(error)
    if not places or not kinds:
        what = "names no CPU" if not places else f"has no energy event ({'; '.join(names) or 'none at all'})"
        raise SensorMissing(f"the event source `power` {what}")
    return source, kinds, places, left_out


def _kind(events: Path, name: str) -> _Kind:
    """One event from its three files; raises OSError or ValueError, for a unit that is not told is not guessed."""
    match = re.fullmatch(r"event=(0x[0-9a-fA-F]+|\d+)", (events / name).read_text().strip())
    if match is None:
        raise ValueError("its number is not told as event=…")
    unit = (events / f"{name}.unit").read_text().strip()
    if unit != "Joules":
        raise ValueError(f"its unit is {unit!r}, not Joules")
    unit_J = float((events / f"{name}.scale").read_text())
    if not 0 < unit_J < 1:
        raise ValueError(f"its scale is {unit_J:g}")
    return _Kind(name, int(match[1], 0), unit_J)


def _domains(kind: str, places: Mapping[int, Place]) -> dict[int, str]:
    """By CPU, what its event covers; dies are told apart where a package has several of them."""
    packages = [place.package for place in places.values()]
    names: dict[int, str] = {}
    for cpu, (package, die) in places.items():
        several = packages.count(package) > 1
        names[cpu] = "psys" if kind == "psys" else f"{kind}-{package}-die-{die}" if several else f"{kind}-{package}"
    return names


def _superfluous(domain: str, counter: EventCounter, kept: Mapping[str, Counter], clock: Clock) -> str:
    """Why an event is no meter of its own; "" where it is one. The platform's counts on one package only."""
    if domain in kept:
        return f"{domain} once more: {kept[domain].where} is read"
    try:
        for look in range(PSYS_LOOKS if domain == "psys" else 0):
            if look:
                clock.sleep(PAUSE_S)
            if counter.read() != 0:
                return ""
    except (OSError, CounterLost) as error:
        return f"{domain}: {error}"
    return f"{domain}: it does not count here" if domain == "psys" else ""


def _only_in_powercap(ranges: Mapping[str, float], kept: Mapping[str, Counter], single_cores: bool) -> dict[str, str]:
    """The kinds of counters that powercap has and perf_event has not, each with what to do."""
    there, here = ({domain.partition("-")[0] for domain in domains} for domains in (ranges, kept))
    names = sorted(there - here - ({"core"} if single_cores else set()))
    return dict.fromkeys(names, 'perf_event does not have it; via = "powercap" reads it, where rights allow')


def _refusal(root: Path) -> str:
    """Why the kernel does not let this process count."""
    try:
        level = f"perf_event_paranoid is {int((root / PARANOID).read_bytes())}"
    except (OSError, ValueError):
        level = "perf_event_paranoid cannot be read"
    return f"the kernel refuses: {level}, and this process has no CAP_PERFMON"
