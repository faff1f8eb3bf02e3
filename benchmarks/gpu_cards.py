"""Several GPUs in one machine: each card's energy apart, and their sum without double counting.

    python benchmarks/gpu_cards.py --out build/benchmarks/gpu_cards.json

Two cards are loaded in turn: none, the first alone, the second alone, both. Each card's energy comes from its own trace
and counter of one sampler; the sum of the two must be that of the machine's counters, read apart by this process.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from gpu_load import Gpu, Pattern
from gpu_recording import recording
from ledger import Figure, report, settings

from harness.joules import Series, counter_ratio, window_energy

STEADY, HALF = Pattern("steady", 1.0, 0.0), Pattern("50/50 ms", 0.05, 0.05)
STAGES = {
    "neither": (None, None),
    "gpu0 alone": (STEADY, None),
    "gpu1 alone": (None, STEADY),
    "both, gpu1 half the time": (STEADY, HALF),
}
LIMIT_PCT = 1.0


def main() -> None:
    """Measure and report."""
    parser = settings(__doc__)
    parser.add_argument("--seconds", type=float, default=12.0, help="of each stage (default 12)")
    options = parser.parse_args()
    counters = Counters()
    if counters.cards < 2:
        sys.exit(f"gpu_cards: needs two NVIDIA GPUs, this machine has {counters.cards}")
    cards = [Gpu(0), Gpu(1)]
    stages: dict[str, tuple[list[Reading], list[Reading]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        with recording(Path(folder), {"nvml": {}}) as running:
            for name, patterns in STAGES.items():
                time.sleep(2)
                before = counters.at_ticks()
                loads = [
                    threading.Thread(target=card.follow, args=(pattern, options.seconds))
                    for card, pattern in zip(cards, patterns, strict=True)
                    if pattern is not None
                ]
                for load in loads:
                    load.start()
                for load in loads:
                    load.join()
                if not loads:
                    time.sleep(options.seconds)
                stages[name] = (before, counters.at_ticks())
        found = running.series()
    figures: list[Figure] = []
    for name, (before, after) in stages.items():
        figures += compared(name, found, before, after)
    report(f"gpu_cards on {cards[0].name}", figures, options.out)


def compared(name: str, found: dict[str, Series], before: list[Reading], after: list[Reading]) -> list[Figure]:
    """Each card between its own two ticks, and the sum over both."""
    figures: list[Figure] = []
    ours_J, counted_J = [], []
    for place, (begin, end) in enumerate(zip(before, after, strict=True)):
        ours_J.append(card_J(found, place, begin.t_ns, end.t_ns))
        counted_J.append(end.energy_J - begin.energy_J)
        off_pct = 100 * abs(ours_J[-1] / counted_J[-1] - 1)
        figures += [
            Figure(f"{name}: gpu{place}, mean power", ours_J[-1] / ((end.t_ns - begin.t_ns) / 1e9), "W"),
            Figure(f"{name}: gpu{place} against its own counter, |difference|", off_pct, "%", LIMIT_PCT),
        ]
    total_pct = 100 * abs(sum(ours_J) / sum(counted_J) - 1)
    return [*figures, Figure(f"{name}: sum against the sum of counters, |difference|", total_pct, "%", LIMIT_PCT)]


class Reading(NamedTuple):
    """A counter at one of its ticks."""

    t_ns: int
    energy_J: float


class Counters:
    """The energy counters of all cards, read by this process."""

    def __init__(self) -> None:
        """Open them."""
        import pynvml

        pynvml.nvmlInit()
        self._nvml = pynvml
        self.cards = int(pynvml.nvmlDeviceGetCount())
        self._handles = [pynvml.nvmlDeviceGetHandleByIndex(place) for place in range(min(self.cards, 2))]

    def at_ticks(self) -> list[Reading]:
        """Each card's counter at its next tick."""
        found = []
        for handle in self._handles:
            before = self._nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
            while (now := self._nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) == before:
                pass
            found.append(Reading(time.monotonic_ns(), now / 1000))
        return found


def card_J(found: dict[str, Series], place: int, begin_ns: int, end_ns: int) -> float:
    """A card's energy as the analysis takes it."""
    trace, counter = found[f"gpu{place}.power_W"], found[f"gpu{place}.energy_J"]
    return window_energy(trace, counter, begin_ns, end_ns, counter_ratio(trace, counter)).energy_J


if __name__ == "__main__":
    main()
