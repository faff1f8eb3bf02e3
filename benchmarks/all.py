"""Every benchmark that needs no GPU, one after the other; figures as JSON below --out (default build/benchmarks)."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

BENCHMARKS = (
    "startup",
    "plan_cost",
    "sampler_cost",
    "orchestrator_cost",
    "gap",
    "many_runs",
    "time_to_notice",
    "scale",
)


def main() -> None:
    """Run them; ends with 1 where one could not be run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks"))
    out = parser.parse_args().out
    here = Path(__file__).parent
    done = [
        subprocess.run([sys.executable, str(here / f"{name}.py"), "--out", str(out / f"{name}.json")], check=False)
        for name in BENCHMARKS
    ]
    sys.exit(any(item.returncode for item in done))


if __name__ == "__main__":
    main()
