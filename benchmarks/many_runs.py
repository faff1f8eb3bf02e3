"""Whether the cost of a run grows with their number: a night of 3,600 fake runs of 0.1 s, by tenths of the night."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from fake_night import night_in, records, start_night, write_protocol
from ledger import Figure, report, settings
from observed import cpu_s, resident_MB

RUN_S = 0.1
MEMORY, CPU = 1, 2
TENTHS = 10
GROWTH_LIMIT = 1.25
"""The last tenth against the first. Other work on the machine moves the cost by as much, the CPU time by less."""


def main() -> None:
    """Measure and report."""
    parser = settings(__doc__)
    parser.add_argument("--runs", type=int, default=3600, help="how many (default 3600)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.runs)
    report("many_runs", figures, options.out)


def measure(folder: Path, runs: int) -> list[Figure]:
    """Execute the night, look at the orchestrator each second, and cut it into tenths."""
    out = folder / "out"
    night = start_night(
        write_protocol(folder, blocks=runs // 2, run_s=RUN_S), out,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    seen: list[tuple[int, float, float]] = []
    """Realtime in ns, resident MB, CPU seconds of the orchestrator."""
    while night.poll() is None:
        try:
            seen.append((time.time_ns(), resident_MB(night.pid), cpu_s(night.pid)))
        except (OSError, ProcessLookupError):
            break
        time.sleep(1)
    night.wait()
    starts_ns = [record["started_realtime_ns"] for record in records(night_in(out))]
    costs_s = [(after - before) / 1e9 - RUN_S for before, after in pairwise(starts_ns)]
    tenth = len(costs_s) // TENTHS
    by_tenth_s = [statistics.median(costs_s[index * tenth : (index + 1) * tenth]) for index in range(TENTHS)]
    used_s = [at(seen, starts_ns[index * tenth], CPU) for index in range(TENTHS + 1)]
    cpu_ms = [1e3 * (after_s - before_s) / tenth for before_s, after_s in pairwise(used_s)]
    figures = [
        Figure(f"cost of a run, tenth {index + 1} of the night", cost_s, "s", None, by_tenth_s[0], "the first tenth")
        for index, cost_s in enumerate(by_tenth_s)
    ]
    figures += [
        Figure(f"orchestrator's CPU a run, tenth {index + 1}", used_ms, "ms", None, cpu_ms[1], "the second tenth")
        for index, used_ms in enumerate(cpu_ms)
    ]
    figures.append(
        Figure("cost of a run, last tenth over the first", by_tenth_s[-1] / by_tenth_s[0], "x", GROWTH_LIMIT)
    )
    growth = cpu_ms[-1] / cpu_ms[1]  # the first tenth holds the orchestrator's own start
    figures.append(Figure("orchestrator's CPU a run, last tenth over the second", growth, "x", GROWTH_LIMIT))
    for where, moment_ns in (("after the first tenth", starts_ns[tenth]), ("at the end", starts_ns[-1])):
        figures.append(Figure(f"orchestrator {where}, resident", at(seen, moment_ns, MEMORY), "MB"))
    return figures


def at(seen: list[tuple[int, float, float]], moment_ns: int, column: int) -> float:
    """What was last seen of the orchestrator at a moment."""
    return [item[column] for item in seen if item[0] <= moment_ns or item is seen[0]][-1]


if __name__ == "__main__":
    main()
