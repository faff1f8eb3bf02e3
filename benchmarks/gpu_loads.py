"""How well the trace of NVML's ring buffer agrees with the card's energy counter, under loads of every rhythm.

    python benchmarks/gpu_loads.py --out build/benchmarks/gpu_loads.json

Each load is started anew ``--phases`` times at a random moment. The loads run freely, as programs do: each part begins
when the one before has ended, so that their phase against the sensor's updates wanders. Trace and counter are compared
from counter reading to counter reading, each at a tick of the counter. Beside it, the way of reading that most tools
have: power usage polled. All in one process's time on one card.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from gpu_load import Gpu, Pattern
from gpu_recording import recording
from ledger import Figure, report, settings
from numpy.typing import NDArray

from harness.joules import Series, energy_until
from harness.record import Kind

LOADS = (
    Pattern("steady", 1.0, 0.0),
    Pattern("idle", 0.0, 1.0),
    Pattern("9/9 ms", 0.009, 0.009),
    Pattern("10/10 ms", 0.010, 0.010),
    Pattern("11/11 ms", 0.011, 0.011),
    Pattern("25/75 ms", 0.025, 0.075),
    Pattern("50/50 ms", 0.050, 0.050),
    Pattern("200/200 ms", 0.200, 0.200),
    Pattern("1/1 s", 1.0, 1.0),
    Pattern("10/10 ms, locked", 0.010, 0.010, locked=True),
    Pattern("25/75 ms, locked", 0.025, 0.075, locked=True),
    Pattern("50/50 ms, locked", 0.050, 0.050, locked=True),
)
"""The last three keep their phase against the sensor's 20 ms all the time: the worst that a load can do to it."""
LIMIT_PCT, STEADY_LIMIT_PCT = 1.0, 0.3
SETTLING_S = 0.5
"""Before each stretch, so that the load's beginning and the clocks' rise lie outside it."""
POLL_S = 0.1


class Poller(threading.Thread):
    """Others' way: nvmlDeviceGetPowerUsage again and again, and field 186 beside it, held back to the one before."""

    def __init__(self, index: int = 0) -> None:
        """Open the card."""
        super().__init__(daemon=True)
        import pynvml

        pynvml.nvmlInit()
        self._nvml, self._handle = pynvml, pynvml.nvmlDeviceGetHandleByIndex(index)
        self._over = threading.Event()
        self.t_ns: list[int] = []
        self.usage_W: list[float] = []
        self.instant_W: list[float] = []

    def run(self) -> None:
        """Poll until told to end."""
        while not self._over.wait(POLL_S):
            usage_mW = self._nvml.nvmlDeviceGetPowerUsage(self._handle)
            (field,) = self._nvml.nvmlDeviceGetFieldValues(self._handle, [self._nvml.NVML_FI_DEV_POWER_INSTANT])
            self.t_ns.append(time.monotonic_ns())
            self.usage_W.append(usage_mW / 1000)
            self.instant_W.append(field.value.uiVal / 1000)

    def series(self) -> tuple[Series, Series]:
        """Power usage, instant power; each held back to the reading before."""
        self._over.set()
        self.join()
        stamps = np.array(self.t_ns)
        return Series(stamps, np.array(self.usage_W), Kind.MEAN), Series(stamps, np.array(self.instant_W), Kind.MEAN)


def main() -> None:
    """Measure and report."""
    parser = settings(__doc__)
    parser.add_argument("--phases", type=int, default=10, help="starts of each load (default 10)")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each is compared (default 4)")
    parser.add_argument("--loads", nargs="+", help="only these, by name (default all)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    gpu, draw = Gpu(), random.Random(options.seed)
    figures: list[Figure] = []
    for load in LOADS if options.loads is None else [load for load in LOADS if load.name in options.loads]:
        figures += measure(gpu, load, draw, phases=options.phases, seconds=options.seconds)
    report(f"gpu_loads on {gpu.name}", figures, options.out)


def measure(gpu: Gpu, load: Pattern, draw: random.Random, *, phases: int, seconds: float) -> list[Figure]:
    """One load in many phases: medians over the phases, in percent of the counter's energy."""
    stretches: list[tuple[int, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        with recording(Path(folder), {"nvml": {"counter_s": 1.0}}) as running:
            poller = Poller()
            poller.start()
            for _ in range(phases):
                time.sleep(draw.uniform(0, 0.2))
                begin_ns = time.monotonic_ns()
                gpu.follow(load, SETTLING_S + seconds)
                stretches.append((begin_ns + round(SETTLING_S * 1e9), time.monotonic_ns()))
            time.sleep(0.3)
            polled = poller.series()
        found = running.series()
    counter, trace = found["gpu0.energy_J"], found["gpu0.power_W"]
    off = np.array([deviations_pct(counter, (trace, *polled), *stretch) for stretch in stretches])
    middle: list[float] = np.median(off, axis=0).tolist()
    worst: list[float] = np.abs(off).max(axis=0).tolist()
    spread = statistics.stdev(off[:, 0]) if len(off) > 1 else 0.0
    limit_pct = STEADY_LIMIT_PCT if load.name in ("steady", "idle") else LIMIT_PCT
    return [
        Figure(f"{load.name}: trace against counter, |median|", abs(middle[0]), "%", limit_pct),
        Figure(f"{load.name}: trace, median (signed)", middle[0], "%"),
        Figure(f"{load.name}: trace, standard deviation over phases", spread, "%"),
        Figure(f"{load.name}: trace, worst phase", worst[0], "%"),
        Figure(f"{load.name}: power usage polled each 100 ms, median", middle[1], "%"),
        Figure(f"{load.name}: instant power polled each 100 ms, median", middle[2], "%"),
        Figure(f"{load.name}: instant power, worst phase", worst[2], "%"),
    ]


def deviations_pct(counter: Series, traces: tuple[Series, ...], begin_ns: int, end_ns: int) -> NDArray[np.float64]:
    """Each trace's energy against the counter's, between the outermost counter readings inside a stretch."""
    inside = np.flatnonzero((counter.t_ns >= begin_ns) & (counter.t_ns <= end_ns))
    first, last = inside[0], inside[-1]
    energy_J = counter.value[last] - counter.value[first]
    edges = [counter.t_ns[first], counter.t_ns[last]]
    by_trace = [float(np.diff(energy_until(trace, edges))[0]) for trace in traces]
    return np.array([100 * (found_J / energy_J - 1) for found_J in by_trace])


if __name__ == "__main__":
    main()
