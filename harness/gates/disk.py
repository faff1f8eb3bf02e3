"""Room on the disk for this run at its longest, and for what the night is sure to write after it."""

from __future__ import annotations

import shutil
from pathlib import Path

from harness.gates.gate import Look
from harness.protocol_gates import DiskLimit


class DiskGate:
    """The gate of ``[gates.disk]``."""

    name = "disk"
    lenient = False
    remedy = "make room on the disk of the night's folder: df -h tells how full it is"

    def __init__(self, settings: DiskLimit, folder: Path, needed_B: float) -> None:
        """``needed_B``: what the plan's forecast says that the rest of the night needs."""
        self._settings, self._folder, self._needed_B = settings, folder, needed_B

    @property
    def budget_s(self) -> float:
        """As the protocol says."""
        return self._settings.budget_s

    def watch(self, now_s: float) -> None:
        """Nothing to note."""

    def look(self, now_s: float) -> Look:
        """Open while there is room."""
        try:
            free_GB = shutil.disk_usage(self._folder).free / 1e9
        except OSError as error:
            return Look(None, f"the disk does not answer: {error.strerror}")
        wanted_GB = self._settings.free_GB + self._needed_B / 1e9
        why = f"{free_GB:.1f} GB are free, {wanted_GB:.1f} GB are wanted"
        return Look(free_GB >= wanted_GB, why, free_GB, wanted_GB, "GB")
