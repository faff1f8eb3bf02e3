"""Clocks and power limits as they were at this configuration's first run: governor, frequency limit, turbo, card limit.

What the protocol's ``[prepare]`` sets for one configuration is that configuration's own: each is compared with itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from harness.gates.gate import Look
from harness.protocol_gates import Waiting

QUANTITY = "power_limit_W"
TOLERANCE = 0.001
"""A limit that is read is rounded by its driver; nothing that matters is that small."""

Settings = Mapping[str, str | float]


class SettingsGate:
    """The gate of ``[gates.settings]``."""

    name = "settings"
    lenient = False
    remedy = "set it back (nvidia-smi -pl, cpupower frequency-set), or begin a new night with it as it is now"

    def __init__(
        self,
        settings: Waiting,
        first: Settings,
        read: Callable[[], Mapping[str, float]],
        root: Path = Path("/"),
    ) -> None:
        """``first``: as they were at the configuration's first run, empty where this is it."""
        self._settings, self._first, self._read, self._root = settings, first, read, root
        self.now: Settings = {}
        """As they were at the last look."""

    @property
    def budget_s(self) -> float:
        """As the protocol says."""
        return self._settings.budget_s

    def watch(self, now_s: float) -> None:
        """Nothing to note."""

    def look(self, now_s: float) -> Look:
        """Open while all that was told then and is told now is the same."""
        limits = {name: round(value, 3) for name, value in self._read().items() if name.endswith(f".{QUANTITY}")}
        self.now = {**processor_settings(self._root), **limits}
        if not self.now:
            return Look(None, "nothing tells clocks or power limits here")
        changed = [
            f"{name} was {_shown(was)}, is {_shown(self.now[name])}"
            for name, was in self._first.items()
            if name in self.now and not _same(was, self.now[name])
        ]
        if changed:
            return Look(False, "; ".join(changed), len(changed), 0)
        what = "as in the first run of this configuration" if self._first else "noted for later runs"
        return Look(True, f"{', '.join(self.now)}: {what}", 0, 0)


def processor_settings(root: Path) -> dict[str, str | float]:
    """Governor, frequency limits and turbo of the processors; what the kernel does not tell is left out."""
    found: dict[str, str | float] = {}
    policies = sorted((root / "sys/devices/system/cpu/cpufreq").glob("policy*"))
    for name, file in (("cpu.governor", "scaling_governor"), ("cpu.preference", "energy_performance_preference")):
        if texts := {text for policy in policies if (text := _text(policy / file))}:
            found[name] = ", ".join(sorted(texts))
    for name, file in (("cpu.max_MHz", "scaling_max_freq"), ("cpu.min_MHz", "scaling_min_freq")):
        if texts := {text for policy in policies if (text := _text(policy / file)).isdigit()}:
            found[name] = ", ".join(f"{int(text) / 1000:g}" for text in sorted(texts, key=int))
    if no_turbo := _text(root / "sys/devices/system/cpu/intel_pstate/no_turbo"):
        found["cpu.turbo"] = "off" if no_turbo == "1" else "on"
    elif boost := _text(root / "sys/devices/system/cpu/cpufreq/boost"):
        found["cpu.turbo"] = "on" if boost == "1" else "off"
    return found


def _same(was: str | float, now: str | float) -> bool:
    if isinstance(was, str) or isinstance(now, str):
        return str(was) == str(now)
    return abs(now - was) <= TOLERANCE * max(abs(was), 1.0)


def _shown(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
