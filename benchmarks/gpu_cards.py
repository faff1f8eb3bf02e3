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
    stages: dict[str, tuple[int, int]] = {}
    apart: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        with recording(Path(folder), {"nvml": {}}) as running:
            for name, patterns in STAGES.items():
                time.sleep(2)
                before, begin_ns = counters.at_ticks_J(), time.monotonic_ns()
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
                stages[name] = (begin_ns, time.monotonic_ns())
                apart[name] = [end - begin for begin, end in zip(before, counters.at_ticks_J(), strict=True)]
        found = running.series()
    figures: list[Figure] = []
    for name, (begin_ns, end_ns) in stages.items():
        duration_s = (end_ns - begin_ns) / 1e9
        ours = [card_J(found, place, begin_ns, end_ns) for place in range(2)]
        figures += [Figure(f"{name}: gpu{place}, mean power", ours[place] / duration_s, "W") for place in range(2)]
        figures += [
            Figure(f"{name}: gpu{place} against its own counter, |difference|", off_pct(ours, apart[name], place), "%",
                   LIMIT_PCT)
            for place in range(2)
        ]  # fmt: skip
        total_pct = 100 * abs(sum(ours) / sum(apart[name]) - 1)
        figures.append(Figure(f"{name}: sum against the sum of counters, |difference|", total_pct, "%", LIMIT_PCT))
    report(f"gpu_cards on {cards[0].name}", figures, options.out)


class Counters:
    """The energy counters of all cards, read by this process."""

    def __init__(self) -> None:
        """Open them."""
        import pynvml

        pynvml.nvmlInit()
        self._nvml = pynvml
        self.cards = int(pynvml.nvmlDeviceGetCount())
        self._handles = [pynvml.nvmlDeviceGetHandleByIndex(place) for place in range(min(self.cards, 2))]

    def at_ticks_J(self) -> list[float]:
        """Each card's counter at its next tick."""
        found = []
        for handle in self._handles:
            before = self._nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
            while (now := self._nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) == before:
                pass
            found.append(now / 1000)
        return found


def card_J(found: dict[str, Series], place: int, begin_ns: int, end_ns: int) -> float:
    """A card's energy as the analysis takes it."""
    trace, counter = found[f"gpu{place}.power_W"], found[f"gpu{place}.energy_J"]
    return window_energy(trace, counter, begin_ns, end_ns, counter_ratio(trace, counter)).energy_J


def off_pct(ours: list[float], apart: list[float], place: int) -> float:
    """A card's energy against its counter's growth, in percent; edges of at most 0.2 s differ."""
    return 100 * abs(ours[place] / apart[place] - 1)


if __name__ == "__main__":
    main()
