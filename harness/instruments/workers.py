"""What keeps a measured domain busy, and for how long it did: cards by their utilisation, processors by /proc/stat.

::

    gpuN, gpuN-memory                              the card
    package-N, core-N, uncore-N, dram-N, cpu, ram  the processors
    wall, node, system, psys, module-N, a chip     whichever of them is at work: it stands in there
    of another card's chip ("amdgpu-ppt")          nobody knows

Part of the sampler; standard library only.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from harness.sensors.proc import CpuLoad

GPU_LOADED_PCT = 10.0
LOADED_CORES = 0.5
"""The processors are at work when half a core of the machine is."""
LONGEST_STEP_NS = 5_000_000_000
"""Between two readings of a load further apart than this nobody knows what it was."""
_BY_PROCESSORS = re.compile(r"(package|core|uncore|dram)-\d+(-die-\d+)?|cpu|ram|cpu-ram")
_OF_A_CARD = re.compile(r"(gpu\d+)-memory")


class Load:
    """For how long devices were seen at work; of all together it is the devices that tell it."""

    def __init__(self, whose: str) -> None:
        self.whose = whose
        self.percent = 0.0
        """When it was last at work: what stood still is told after the work is over, too."""
        self.loaded_ns = 0
        """In all."""


class Device(Load):
    """One device, which is at work from a share of its load on."""

    def __init__(self, whose: str, threshold_pct: float, whole: _Whole) -> None:
        super().__init__(whose)
        self._threshold_pct = threshold_pct
        self._whole = whole
        self._t_ns = 0

    def begin(self, t_ns: int) -> None:
        """What was before ``t_ns`` nobody knows."""
        self._t_ns = t_ns

    def take(self, t_ns: int, percent: float) -> None:
        """The load over the time before ``t_ns``, %."""
        if percent >= self._threshold_pct:
            self.percent = percent
            if self._t_ns:
                begin_ns = max(self._t_ns, t_ns - LONGEST_STEP_NS)
                self.loaded_ns += t_ns - begin_ns
                self._whole.worked(self, begin_ns, t_ns)
        self._t_ns = t_ns


class _Whole(Load):
    """All devices together: at work while any of them is, and no moment counts twice."""

    def __init__(self) -> None:
        super().__init__("the machine")
        self._until_ns = 0

    def worked(self, device: Load, begin_ns: int, end_ns: int) -> None:
        """One of its devices was at work from ``begin_ns`` to ``end_ns``."""
        begin_ns = max(begin_ns, self._until_ns)
        if end_ns > begin_ns:
            self.whose, self.percent = device.whose, device.percent
            self.loaded_ns += end_ns - begin_ns
            self._until_ns = end_ns


class Workers:
    """The devices of one machine, as far as their load is known."""

    def __init__(self, root: Path, cpus: int | None) -> None:
        """The processors' load is read under ``root``."""
        self._root = root
        self._whole = _Whole()
        self._cards: dict[str, Device] = {}
        threshold_pct = 100 * LOADED_CORES / (cpus or os.cpu_count() or 1)
        self._processors = Device("the machine", threshold_pct, self._whole)
        self._cpu_load: CpuLoad | None = None

    def card(self, domain: str) -> Device:
        """The load of a card, which takes what its utilisation channel says."""
        return self._cards.setdefault(domain, Device(domain, GPU_LOADED_PCT, self._whole))

    def of(self, domain: str, *, simulated: bool = False) -> Load | None:
        """What keeps a domain busy; None where nobody knows. A simulated domain knows of its own cards only."""
        part = _OF_A_CARD.fullmatch(domain)
        card = self._cards.get(part[1] if part else domain)
        if card is not None or simulated:
            return card
        if _BY_PROCESSORS.fullmatch(domain):
            return self._processors
        return None if "gpu" in domain else self._whole

    def by_processors(self, load: Load | None) -> bool:
        """Whether the processors' load has a part in it."""
        return load is self._processors or load is self._whole

    def look(self, now_ns: int, *, asked: bool) -> None:
        """Read the processors' load while somebody wants to know it."""
        if not asked:
            if self._cpu_load is not None:
                self._cpu_load.close()
                self._cpu_load = None
            return
        with contextlib.suppress(OSError, ValueError):  # no /proc: the load is not known, and there is no verdict
            if self._cpu_load is None:
                self._cpu_load = CpuLoad(self._root)
                self._processors.begin(now_ns)
            elif (share := self._cpu_load.since_last()) is not None:
                self._processors.take(now_ns, 100 * share)
