"""What the sampler does to what it measures: the same work with and without it, in interleaved pairs.

    python benchmarks/gpu_overhead.py --out build/benchmarks/gpu_overhead.json

Time and energy of a fixed amount of work, the energy by the card's counter read at its ticks by this process itself,
the same way with and without. The 90 % interval of the mean paired difference must lie inside 0.3 % either way. Which
of a pair comes first is drawn anew each time.
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path

import numpy as np
from gpu_load import Gpu
from gpu_recording import recording
from ledger import Figure, report, settings
from numpy.typing import NDArray
from scipy import stats

LIMIT_PCT = 0.3
LEVEL = 0.90
REST_S = 0.8


class Counter:
    """The card's energy counter, read by busy polling at a change of its value; nothing is measured meanwhile."""

    def __init__(self) -> None:
        """Open the card."""
        import pynvml

        pynvml.nvmlInit()
        self._nvml, self._handle = pynvml, pynvml.nvmlDeviceGetHandleByIndex(0)

    def at_tick(self) -> tuple[float, float]:
        """The next change: seconds of ``time.perf_counter``, and J."""
        before = self._mJ()
        while (now := self._mJ()) == before:
            pass
        return time.perf_counter(), now / 1000

    def _mJ(self) -> int:
        return int(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle))


def main() -> None:
    """Measure and report."""
    parser = settings(__doc__)
    parser.add_argument("--pairs", type=int, default=24, help="how many (default 24)")
    parser.add_argument("--seconds", type=float, default=4.0, help="of work in each (default 4)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    gpu, counter, draw = Gpu(), Counter(), random.Random(options.seed)
    gpu.keep_busy(time.perf_counter() + 10)
    products = gpu.products_in(options.seconds)
    differences: list[tuple[float, float]] = []
    for _ in range(options.pairs):
        order = [True, False] if draw.random() < 0.5 else [False, True]
        found = {with_sampler: once(gpu, counter, products, with_sampler=with_sampler) for with_sampler in order}
        differences.append((ratio_pct(found, 0), ratio_pct(found, 1)))
    time_pct, energy_pct = np.array(differences).T
    report(
        f"gpu_overhead on {gpu.name}",
        [*interval("time", time_pct), *interval("energy by the counter", energy_pct)],
        options.out,
    )


def once(gpu: Gpu, counter: Counter, products: int, *, with_sampler: bool) -> tuple[float, float]:
    """The work once: seconds, and J between the ticks around it less nothing (the rest is the same in both)."""
    if not with_sampler:
        time.sleep(REST_S)
        return worked(gpu, counter, products)
    with tempfile.TemporaryDirectory() as folder, recording(Path(folder)):
        time.sleep(REST_S)
        return worked(gpu, counter, products)


def worked(gpu: Gpu, counter: Counter, products: int) -> tuple[float, float]:
    """Seconds that the work took, and the energy from the tick before it to the first one after it."""
    begin_s, begin_J = counter.at_tick()
    gpu.work(products)
    passed_s = time.perf_counter() - begin_s
    end_s, end_J = counter.at_tick()
    # The work ends anywhere between two ticks: what was drawn from its end to the tick is nearly the load's own power.
    return passed_s, (end_J - begin_J) * passed_s / (end_s - begin_s)


def ratio_pct(found: dict[bool, tuple[float, float]], place: int) -> float:
    """With against without, in percent."""
    return 100 * (found[True][place] / found[False][place] - 1)


def interval(name: str, differences_pct: NDArray[np.float64]) -> list[Figure]:
    """Mean paired difference and its interval; the larger distance of the interval's ends from 0 has the limit."""
    mean = float(differences_pct.mean())
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(differences_pct) - 1) * stats.sem(differences_pct))
    return [
        Figure(f"{name}: with the sampler against without, mean of pairs", mean, "%"),
        Figure(f"{name}: 90 % interval, lower end", mean - half, "%"),
        Figure(f"{name}: 90 % interval, upper end", mean + half, "%"),
        Figure(
            f"{name}: 90 % interval, its end farther from 0", max(abs(mean - half), abs(mean + half)), "%", LIMIT_PCT
        ),
        Figure(f"{name}: pairs", len(differences_pct), ""),
    ]


if __name__ == "__main__":
    main()
