"""How long `nightwatt --help` takes, against an empty Python: median over interleaved starts."""

from __future__ import annotations

import statistics
import sys

from ledger import Figure, report, settings
from observed import wall_s

STARTS = 20
LIMIT_S = 0.3


def main() -> None:
    """Measure and report."""
    options = settings(__doc__).parse_args()
    commands = {
        "nightwatt --help": [sys.executable, "-P", "-m", "nightwatt", "--help"],
        "nightwatt plan --help": [sys.executable, "-P", "-m", "nightwatt", "plan", "--help"],
        "nightwatt run --help": [sys.executable, "-P", "-m", "nightwatt", "run", "--help"],
        "an empty Python": [sys.executable, "-P", "-c", "pass"],
    }
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(STARTS):
        for name, command in commands.items():
            taken[name].append(wall_s(command))
    empty_s = statistics.median(taken.pop("an empty Python"))
    figures = [
        Figure(name, statistics.median(values), "s", LIMIT_S, empty_s, "an empty Python")
        for name, values in taken.items()
    ]
    report("startup", figures, options.out)


if __name__ == "__main__":
    main()
