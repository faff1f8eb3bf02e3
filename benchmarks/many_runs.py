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
TENTHS = 10
GROWTH_LIMIT = 1.25
"""The last tenth against the first: a machine that is busy with other things moves a tenth by as much."""


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
    figures = [
        Figure(f"cost of a run, tenth {index + 1} of the night", cost_s, "s", None, by_tenth_s[0], "the first tenth")
        for index, cost_s in enumerate(by_tenth_s)
    ]
    figures.append(Figure("last tenth over the first", by_tenth_s[-1] / by_tenth_s[0], "x", GROWTH_LIMIT))
    for name, share in (("first", 1), ("last", TENTHS - 1)):
        index = min(share * len(seen) // TENTHS, len(seen) - 1)
        figures.append(Figure(f"orchestrator after the {name} tenth of runs, resident", seen[index][1], "MB"))
    middle = [item for item in seen if starts_ns[0] <= item[0] <= starts_ns[-1]]
    figures.append(Figure("orchestrator, CPU time a run", (middle[-1][2] - middle[0][2]) / len(starts_ns), "s"))
    return figures


if __name__ == "__main__":
    main()
