"""What our sampler costs at its default rates: share of a core, and resident memory.

    python benchmarks/sampler_cost.py                        without NVML, against an empty Python
    python benchmarks/sampler_cost.py --nvml --out cost.json with NVML, against a Python that called nvmlInit

Both processes live side by side for --seconds; only the time after both were ready is counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ledger import Figure, report, settings
from observed import precise_cpu_s, resident_MB

SETTLING_S = 5.0
CPU_LIMIT_PCT = 1.0
CPU_A_MINUTE_LIMIT_S = 0.3
"""With NVML: one GPU at its 50 rows a second, temperature, clocks and the machine's load each second."""
MEMORY_LIMIT_MB = 25.0
MEMORY_BESIDE_NVML_LIMIT_MB = 10.0
EMPTY = "import sys; print('ready', flush=True); sys.stdin.read()"
BARE_NVML = "import sys, pynvml; pynvml.nvmlInit(); print('ready', flush=True); sys.stdin.read()"
SENSORS: dict[bool, dict[str, Any]] = {
    False: {"rapl": {}, "machine": {}, "load_model": {}},
    True: {"nvml": {}, "rapl": {}, "machine": {}},
}


def main() -> None:
    """Measure and report."""
    parser = settings(__doc__)
    parser.add_argument("--nvml", action="store_true", help="with the GPU's sensor (needs an NVIDIA GPU)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long is counted (default 60)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), nvml=options.nvml, seconds=options.seconds)
    report("sampler_cost with NVML" if options.nvml else "sampler_cost without NVML", figures, options.out)


def measure(folder: Path, *, nvml: bool, seconds: float) -> list[Figure]:
    """Run sampler and baseline side by side; ends the program with a message where a sensor is missing."""
    with start(sampler_command(folder, SENSORS[nvml])) as sampler, start(baseline_command(nvml)) as baseline:
        await_ready(sampler, folder / "sampler.json", nvml)
        time.sleep(SETTLING_S)
        begin_s, begin_cpu_s = time.perf_counter(), (precise_cpu_s(sampler.pid), precise_cpu_s(baseline.pid))
        time.sleep(seconds)
        passed_s = time.perf_counter() - begin_s
        shares_pct = [
            100 * (precise_cpu_s(process.pid) - before_s) / passed_s
            for process, before_s in zip((sampler, baseline), begin_cpu_s, strict=True)
        ]
        memory_MB = [resident_MB(process.pid) for process in (sampler, baseline)]
        largest_MB = resident_MB(sampler.pid, largest=True)
        for process in (sampler, baseline):
            process.communicate(timeout=30)
    ended = json.loads((folder / "sampler.json").read_text("utf-8"))
    cost, baseline_is = ended["cost"], "a Python after nvmlInit" if nvml else "an empty Python"
    beside = Figure(
        "sampler, resident beyond the baseline", memory_MB[0] - memory_MB[1], "MB",
        MEMORY_BESIDE_NVML_LIMIT_MB if nvml else None,
    )  # fmt: skip
    return [
        Figure("sampler, share of a core", shares_pct[0], "%", CPU_LIMIT_PCT),
        Figure("sampler, CPU time a minute", 0.6 * shares_pct[0], "s", CPU_A_MINUTE_LIMIT_S if nvml else None),
        Figure("baseline, share of a core", shares_pct[1], "%"),
        Figure("sampler, resident", memory_MB[0], "MB", None if nvml else MEMORY_LIMIT_MB, memory_MB[1], baseline_is),
        beside,
        Figure("sampler, largest resident", largest_MB, "MB"),
        Figure("sampler, rows a second", ended["rows"] / cost["wall_s"], "1/s"),
        Figure("sampler, start-up and end included: CPU time", cost["cpu_s"], "s"),
        Figure("sampler, late ticks", 100 * cost["late_ticks"] / max(1, cost["ticks"]), "%"),
        Figure("sampler, longest gap between two acts", cost["longest_gap_s"], "s"),
    ]


def sampler_command(folder: Path, sensors: dict[str, Any]) -> list[str]:
    """The sampler as the harness starts it."""
    spec = folder / "sampler-spec.json"
    spec.write_text(json.dumps({"run_folder": str(folder), "root": "/", "sensors": sensors, "fallback": None}))
    return [sys.executable, "-P", "-m", "harness.instruments.sampler", str(spec)]


def baseline_command(nvml: bool) -> list[str]:
    """What the sampler is compared with."""
    return [sys.executable, "-P", "-c", BARE_NVML if nvml else EMPTY]


def start(command: list[str]) -> subprocess.Popen[bytes]:
    """A process that ends when its standard input is closed."""
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)


def await_ready(sampler: subprocess.Popen[bytes], announcement: Path, nvml: bool) -> None:
    """Wait until the sampler records; refuse where NVML was asked for and is missing."""
    for _ in range(600):
        if announcement.is_file():
            said = json.loads(announcement.read_text("utf-8"))
            for item in said["missing"]:
                if nvml and item["sensor"] == "nvml":
                    sampler.kill()
                    sys.exit(f"sampler_cost: NVML is missing: {item['reason']}\n  remedy: {item['remedy']}")
                print(f"sampler_cost: without {item['sensor']}: {item['reason']}", file=sys.stderr)
            return
        if sampler.poll() is not None:
            sys.exit(f"sampler_cost: the sampler ended with {sampler.returncode}")
        time.sleep(0.05)
    sys.exit("sampler_cost: the sampler was not ready within 30 s")


if __name__ == "__main__":
    main()
