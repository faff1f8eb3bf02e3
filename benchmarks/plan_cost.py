"""How long `nightwatt plan` takes for 10,000 slots, against the time to import scipy.stats."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from ledger import Figure, report, settings
from observed import wall_s

REPEATS = 5
BEYOND_S = 1.0
PROTOCOL = """\
title = "A plan of 10,000 slots"
[workload]
command = ["{python}", "{workloads}/fake.py", "--note", "{arm}"]
[factors]
arm = ["a", "b"]
[design]
blocks = 5000
[sensors.simulated]
"""


def main() -> None:
    """Measure and report."""
    options = settings(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "large.toml"
        file.write_text(PROTOCOL, encoding="utf-8")
        planning = [sys.executable, "-P", "-m", "nightwatt", "plan", str(file)]
        importing = [sys.executable, "-P", "-c", "import scipy.stats"]
        for command in (planning, importing):  # caches of the file system
            wall_s(command)
        pairs = [(wall_s(planning), wall_s(importing)) for _ in range(REPEATS)]
    planning_s, importing_s = (statistics.median(values) for values in zip(*pairs, strict=True))
    beyond_s = statistics.median(plan - scipy for plan, scipy in pairs)
    report(
        "plan_cost",
        [
            Figure("plan of 10,000 slots", planning_s, "s", None, importing_s, "import scipy.stats"),
            Figure("plan of 10,000 slots beyond importing scipy.stats", beyond_s, "s", BEYOND_S),
        ],
        options.out,
    )


if __name__ == "__main__":
    main()
