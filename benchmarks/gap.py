"""What nightwatt adds between the end of one workload and the launch of the next, and what sealing adds to it by rows.

The night has no waits, so the whole realised gap (`gap_s` of each run) is nightwatt's own: settle one run, start the
instruments of the next, launch. Sealing is measured as the night orders it: by a child that waits for orders.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fake_night import night_in, records, start_night, write_protocol
from ledger import Figure, report, settings
from observed import wall_s

GAP_LIMIT_S = 0.5
SECONDS_PER_MILLION_ROWS = 0.5
ROWS = (0, 1_000_000, 3_000_000)
REPEATS = 3
PLAIN = """
import sys, time, pyarrow.csv, pyarrow.parquet
begin = time.perf_counter()
names = pyarrow.csv.ReadOptions(column_names=["t_ns", "channel", "value"], use_threads=False)
table = pyarrow.csv.read_csv(sys.argv[1], read_options=names)
pyarrow.parquet.write_table(table, sys.argv[1] + ".parquet", compression="zstd")
print(time.perf_counter() - begin)
"""


def main() -> None:
    """Measure and report."""
    parser = settings(__doc__)
    parser.add_argument("--blocks", type=int, default=20, help="two runs each (default 20)")
    parser.add_argument("--nvml", action="store_true", help="with the GPU's sensor (needs an NVIDIA GPU)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = gaps(Path(folder), options.blocks, nvml=options.nvml) + sealing(Path(folder))
    report("gap with NVML" if options.nvml else "gap", figures, options.out)


def gaps(folder: Path, blocks: int, *, nvml: bool) -> list[Figure]:
    """The realised gaps of a night of short runs."""
    out = folder / "out"
    protocol = write_protocol(folder, blocks=blocks, run_s=0.5, nvml=nvml)
    log = folder / "night.log"
    with open(log, "wb") as told, start_night(protocol, out, stdin=subprocess.DEVNULL, stderr=told) as night:
        if night.wait():
            sys.exit(f"gap: the night ended with exit code {night.returncode}:\n{log.read_text('utf-8')}")
    gaps_s = sorted(record["gap_s"] for record in records(night_in(out)) if record["gap_s"] is not None)
    empty_s = statistics.median(wall_s([sys.executable, "-P", "-c", "pass"]) for _ in range(10))
    return [
        Figure(
            "gap between workloads, median", statistics.median(gaps_s), "s", GAP_LIMIT_S, empty_s, "an empty Python"
        ),
        Figure("gap between workloads, 95th percentile", gaps_s[int(0.95 * len(gaps_s))], "s", GAP_LIMIT_S),
        Figure("gap between workloads, longest", gaps_s[-1], "s"),
    ]


def sealing(folder: Path) -> list[Figure]:
    """How the time to seal grows with the rows, beside a plain conversion without any check."""
    taken = {rows: statistics.median(seal_s(folder, rows) for _ in range(REPEATS)) for rows in ROWS}
    plain_s = plain_conversion_s(folder, 1_000_000)
    most = ROWS[-1]
    slope_s = (taken[most] - taken[0]) / (most / 1e6)
    return [
        Figure("sealing a run without rows", taken[0], "s"),
        Figure("sealing, each million rows", slope_s, "s", SECONDS_PER_MILLION_ROWS, plain_s, "a conversion unchecked"),
    ]


def seal_s(folder: Path, rows: int) -> float:
    """Seconds from the order to seal until its answer, of a child that has said it is ready."""
    run = folder / f"run-{rows}"
    run.mkdir(exist_ok=True)
    write_samples(run / "samples.csv", rows)
    command = [sys.executable, "-P", "-m", "harness.seal", "--serve"]
    order = json.dumps({"folder": str(run), "begin_ns": 0, "end_ns": 10**15}).encode() + b"\n"
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        if child.stdin is None or child.stdout is None:
            sys.exit("gap: the child has no pipes")
        child.stdout.readline()
        begin_s = time.perf_counter()
        child.stdin.write(order)
        child.stdin.flush()
        told = json.loads(child.stdout.readline())
        passed_s = time.perf_counter() - begin_s
        child.stdin.close()
    if told["summary"]["rows"] != rows:
        sys.exit(f"gap: {rows} rows were written, but not as many sealed")
    return passed_s


def plain_conversion_s(folder: Path, rows: int) -> float:
    """The same rows from CSV to Parquet by two calls of pyarrow."""
    file = folder / "plain.csv"
    write_samples(file, rows)
    command = [sys.executable, "-P", "-c", PLAIN, str(file)]
    return statistics.median(float(subprocess.check_output(command)) for _ in range(REPEATS))


def write_samples(path: Path, rows: int) -> None:
    """Rows as the sampler writes them, of four channels."""
    channels = ("gpu0.power_W", "gpu0.temperature_C", "cpu.load_pct", "package-0.energy_J")
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(
            f"{1_000_000_000 + 5_000_000 * i},{channels[i % 4]},{200 + i % 977 / 7!r}\n" for i in range(rows)
        )


if __name__ == "__main__":
    main()
