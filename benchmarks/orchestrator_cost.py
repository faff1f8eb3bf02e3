"""What the orchestrator uses of a core while a workload runs, its display on a pseudo-terminal.

Beside it, as the baseline, a Python that does nothing but refresh a rich display of one line each two seconds.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from fake_night import start_night, write_protocol
from ledger import Figure, report, settings
from observed import precise_cpu_s, resident_MB

LIMIT_PCT = 0.5
SETTLING_S = 5.0
BARE_DISPLAY = """
import time
from rich.live import Live
from rich.text import Text
with Live(Text(""), auto_refresh=False) as live:
    while True:
        live.update(Text(time.ctime()), refresh=True)
        time.sleep(2)
"""


def main() -> None:
    """Measure and report."""
    parser = settings(__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long is counted (default 60)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.seconds)
    report("orchestrator_cost", figures, options.out)


def measure(folder: Path, seconds: float) -> list[Figure]:
    """Watch the orchestrator in the middle of a run."""
    protocol = write_protocol(folder, blocks=1, run_s=seconds + 4 * SETTLING_S)
    terminal = drained_terminal()
    night = start_night(protocol, folder / "out", stdin=terminal, stdout=terminal, stderr=terminal)
    bare = subprocess.Popen(
        [sys.executable, "-P", "-c", BARE_DISPLAY], stdin=terminal, stdout=terminal, stderr=terminal
    )
    try:
        await_workload(night, folder / "out")
        time.sleep(SETTLING_S)
        pids = (night.pid, bare.pid)
        begin_s, before_s = time.perf_counter(), [precise_cpu_s(pid) for pid in pids]
        time.sleep(seconds)
        passed_s = time.perf_counter() - begin_s
        ours_pct, bare_pct = (
            100 * (precise_cpu_s(pid) - used_s) / passed_s for pid, used_s in zip(pids, before_s, strict=True)
        )
        memory_MB = resident_MB(night.pid)
    finally:
        night.terminate()
        bare.terminate()
        night.wait(60)
        bare.wait(60)
    return [
        Figure("orchestrator during a run, share of a core", ours_pct, "%", LIMIT_PCT, bare_pct, "a bare rich display"),
        Figure("orchestrator, resident", memory_MB, "MB"),
    ]


def drained_terminal() -> int:
    """The inner end of a pseudo-terminal whose output is read and thrown away."""
    outer, inner = pty.openpty()

    def drain() -> None:
        while os.read(outer, 65536):
            pass

    threading.Thread(target=drain, daemon=True).start()
    return inner


def await_workload(night: subprocess.Popen[bytes], out: Path) -> None:
    """Wait until the first workload has left its first mark."""
    for _ in range(600):
        if list(out.glob("*/runs/*.partial/marks.jsonl")):
            return
        if night.poll() is not None:
            sys.exit(f"orchestrator_cost: the night ended with {night.returncode}")
        time.sleep(0.1)
    sys.exit("orchestrator_cost: no workload was launched within a minute")


if __name__ == "__main__":
    main()
