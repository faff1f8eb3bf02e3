"""Bursts of fixed work with gaps between them: what each way of measuring says one burst costs, all in the same run.

    python benchmarks/gpu_bursts.py --out build/benchmarks/gpu_bursts.json

The truth is the card's counter over the whole row of bursts, read at its ticks, less idle power for the rest of the
time. A card goes on drawing power for a moment after its work has ended: that tail belongs to no window, so it is told
apart, as energy above idle from the end of a burst on. Beside our trace: power usage polled each 100 ms, the counter
read at begin and end without waiting for a tick, Zeus and CodeCarbon where they are installed.
"""

from __future__ import annotations

import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from gpu_load import Gpu
from gpu_loads import Poller
from gpu_recording import recording
from ledger import Figure, report, settings
from numpy.typing import NDArray

from harness.joules import Series, counter_ratio, energy_until, window_energy

BURSTS = {2.0: (1.0, -1.0), 0.5: (3.0, 1.0)}
"""Seconds of work -> limits in percent: of the bias, and of the standard deviation over bursts (-1: none)."""
GAP_S = (0.9, 1.4)
"""The gaps' lengths, drawn anew each time; longer than any tail."""
TAIL_S = 0.6
"""How long after a burst its tail is looked for."""
IDLE_S = 8.0


class Peer:
    """Another tool that measures each burst by a call before and after it."""

    def __init__(self, name: str, begin: Callable[[], None], end: Callable[[], float]) -> None:
        """``end`` returns the energy in J."""
        self.name, self.begin, self.end = name, begin, end
        self.energies_J: list[float] = []


def main() -> None:
    """Measure and report."""
    parser = settings(__doc__)
    parser.add_argument("--bursts", type=int, default=60, help="of each length (default 60)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    gpu, draw = Gpu(), random.Random(options.seed)
    figures: list[Figure] = []
    for burst_s in BURSTS:
        figures += measure(gpu, burst_s, options.bursts, draw)
    report(f"gpu_bursts on {gpu.name}", figures, options.out)


def measure(gpu: Gpu, burst_s: float, bursts: int, draw: random.Random) -> list[Figure]:
    """One length of burst."""
    gpu.keep_busy(time.perf_counter() + 2)
    products = gpu.products_in(burst_s)
    peers = found_peers()
    windows: list[tuple[int, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        with recording(Path(folder)) as running:
            poller = Poller()
            poller.start()
            time.sleep(2)
            idle = (time.monotonic_ns(), time.monotonic_ns() + round(IDLE_S * 1e9))
            time.sleep(IDLE_S)
            for _ in range(bursts):
                for peer in peers:
                    peer.begin()
                begin_ns = time.monotonic_ns()
                gpu.work(products)
                windows.append((begin_ns, time.monotonic_ns()))
                for peer in peers:
                    peer.energies_J.append(peer.end())
                time.sleep(draw.uniform(*GAP_S))
            usage, _ = poller.series()
        found = running.series()
    trace, counter = found["gpu0.power_W"], found["gpu0.energy_J"]
    ratio = counter_ratio(trace, counter)
    idle_W = window_energy(trace, counter, *idle, ratio).energy_J / IDLE_S
    ours = np.array([window_energy(trace, counter, *window, ratio).energy_J for window in windows])
    true_J = burst_energy_J(counter, windows, idle_W)
    tails_J = [tail_J(trace, end_ns, idle_W) for _, end_ns in windows]
    polled = np.array([between_J(usage, *window) for window in windows])
    bias_limit_pct, spread_limit_pct = BURSTS[burst_s]
    bias_pct = 100 * (float(ours.mean()) / true_J - 1)
    label = f"bursts of {burst_s:g} s"
    figures = [
        Figure(f"{label}: realised length", statistics.mean(end - begin for begin, end in windows) / 1e9, "s"),
        Figure(f"{label}: energy by the counter", true_J, "J"),
        Figure(f"{label}: idle power", idle_W, "W"),
        Figure(f"{label}: nightwatt, |bias|", abs(bias_pct), "%", bias_limit_pct),
        Figure(f"{label}: nightwatt, bias (signed)", bias_pct, "%"),
        Figure(
            f"{label}: nightwatt, standard deviation over bursts", spread_pct(ours), "%",
            spread_limit_pct if spread_limit_pct > 0 else None,
        ),
        Figure(f"{label}: power tail after a burst, mean", statistics.mean(tails_J), "J"),
        Figure(f"{label}: power tail, standard deviation", statistics.stdev(tails_J), "J"),
        Figure(
            f"{label}: nightwatt, window and tail, bias",
            100 * ((float(ours.mean()) + statistics.mean(tails_J)) / true_J - 1), "%",
        ),
        Figure(f"{label}: counter over trace", ratio or float("nan"), "x"),
    ]  # fmt: skip
    for name, energies_J in [("power usage polled each 100 ms", polled)] + [
        (peer.name, np.array(peer.energies_J)) for peer in peers
    ]:
        figures += [
            Figure(f"{label}: {name}, bias", 100 * (float(energies_J.mean()) / true_J - 1), "%"),
            Figure(f"{label}: {name}, standard deviation", spread_pct(energies_J), "%"),
        ]
    return figures


def burst_energy_J(counter: Series, windows: list[tuple[int, int]], idle_W: float) -> float:
    """The mean energy of a burst by the counter alone: all of it over the row, less idle power between the bursts."""
    first = int(np.searchsorted(counter.t_ns, windows[0][0])) - 1
    last = len(counter.t_ns) - 1
    span_s = float(counter.t_ns[last] - counter.t_ns[first]) / 1e9
    busy_s = sum(end - begin for begin, end in windows) / 1e9
    total_J = float(counter.value[last] - counter.value[first])
    return (total_J - idle_W * (span_s - busy_s)) / len(windows)


def tail_J(trace: Series, end_ns: int, idle_W: float) -> float:
    """Energy above idle power in the moment after a burst."""
    return between_J(trace, end_ns, end_ns + round(TAIL_S * 1e9)) - idle_W * TAIL_S


def between_J(series: Series, begin_ns: int, end_ns: int) -> float:
    """The energy between two moments by one trace."""
    return float(np.diff(energy_until(series, [begin_ns, end_ns]))[0])


def spread_pct(energies_J: NDArray[np.float64]) -> float:
    """The standard deviation in percent of the mean."""
    return 100 * float(energies_J.std(ddof=1) / energies_J.mean())


def found_peers() -> list[Peer]:
    """The other tools that are installed here; the counter read without waiting always is."""
    return [peer for make in (_untimed_counter, _zeus, _codecarbon) if (peer := make()) is not None]


def _untimed_counter() -> Peer:
    import pynvml

    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    at: dict[str, int] = {}

    def begin() -> None:
        at["begin"] = pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)

    def end() -> float:
        return (int(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) - at["begin"]) / 1000

    return Peer("counter read at begin and end, untimed", begin, end)


def _zeus() -> Peer | None:
    try:
        from zeus.monitor import ZeusMonitor  # type: ignore[import-not-found]
    except ImportError as error:
        print(f"gpu_bursts: without Zeus: {error}")
        return None
    monitor = ZeusMonitor(gpu_indices=[0], approx_instant_energy=False)

    def begin() -> None:
        monitor.begin_window("burst", sync_execution=False)

    def end() -> float:
        return float(monitor.end_window("burst", sync_execution=False).gpu_energy[0])

    return Peer("Zeus", begin, end)


def _codecarbon() -> Peer | None:
    try:
        from codecarbon import OfflineEmissionsTracker
    except ImportError as error:
        print(f"gpu_bursts: without CodeCarbon: {error}")
        return None
    tracker = OfflineEmissionsTracker(
        country_iso_code="NLD", measure_power_secs=1, save_to_file=False, log_level="error", gpu_ids=[0],
        allow_multiple_runs=True,
    )  # fmt: skip
    names = map(str, itertools.count())

    def begin() -> None:
        tracker.start_task(next(names))

    def end() -> float:
        return float(tracker.stop_task().gpu_energy) * 3.6e6

    return Peer("CodeCarbon at 1 s", begin, end)


if __name__ == "__main__":
    main()
