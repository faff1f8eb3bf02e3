"""Do intervals hold the truth as often as they say? Ratios of means on simulated nights, by t and by bootstrap.

Each night draws the energy of every run (log-normal) and another response of the same run; both intervals are the
product's own calls: ``quotient``, and ``bca`` with all of its 9,999 resamples. By t a rate must lie within three
Monte-Carlo standard errors of nominal, or above it without blocks below 10 runs a side, where Welch's intervals are
wide; the bootstrap's is only told, as the report tells it. The table is docs/calibration.md's.
"""

from __future__ import annotations

import math
import os
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from ledger import machine, settings
from numpy.typing import NDArray

from analysis.findings import Estimate
from analysis.statistics.bootstrap import RESAMPLES, bca
from analysis.statistics.quotients import Sample, quotient

Floats = NDArray[np.float64]
LEVEL = 0.95
SEED = 20251121
DRIFT = 0.04


@dataclass(frozen=True)
class Nights:
    """The truth: relative scatter of the energy and of the other response, and what is asked of them."""

    asked: str
    """one: a configuration's figure; blocks, apart: two configurations, in blocks or as independent runs."""
    n: int
    energy: float = 0.02
    other: float = 0.05

    @property
    def name(self) -> str:
        """As the table has it."""
        words = {"one": "one configuration", "blocks": "two in blocks", "apart": "two without blocks"}
        return f"{words[self.asked]}, n = {self.n}, scatter {100 * self.energy:g} and {100 * self.other:g} %"

    @property
    def true(self) -> float:
        """What the figure estimates: of a contrast 1, else the quotient of the means of both."""
        return math.exp((self.energy**2 - self.other**2) / 2) if self.asked == "one" else 1.0


def conditions() -> list[Nights]:
    """Every condition of the table."""
    found = [Nights(asked, n) for asked in ("one", "blocks", "apart") for n in (5, 10, 30)]
    return [*found, Nights("one", 10, 0.1, 0.1), Nights("blocks", 10, 0.1, 0.1)]


def drawn(nights: Nights, amount: int) -> Iterator[list[Floats]]:
    """Of each night the columns: energy and other of the one, and of the other configuration, (n,) each."""
    draw = np.random.default_rng([SEED, zlib.crc32(repr(nights).encode())])
    course = np.exp(DRIFT * np.linspace(0, 1, nights.n)) if nights.asked == "blocks" else np.ones(nights.n)
    for _ in range(amount):
        columns = []
        for _ in range(1 if nights.asked == "one" else 2):
            energy, other = draw.standard_normal((2, nights.n))
            columns += [course * np.exp(nights.energy * energy), np.exp(nights.other * other)]
        yield columns


def by_t(nights: Nights, columns: list[Floats]) -> Estimate:
    """The interval that decides."""
    if nights.asked == "one":
        samples = [Sample(columns[:1], columns[1:])]
    elif nights.asked == "blocks":
        samples = [Sample((columns[0], columns[3]), (columns[1], columns[2]))]
    else:
        samples = [Sample(columns[:1], columns[1:2]), Sample(columns[3:], columns[2:3])]
    found = quotient(samples, "×", LEVEL).estimate
    assert found is not None
    return found


def by_bootstrap(nights: Nights, columns: list[Floats], resamples: int = RESAMPLES) -> Estimate:
    """The interval that stands beside it."""

    def figure(*units: NDArray[np.int64], axis: int = -1) -> Floats:
        rows = (units[0], units[0], units[-1], units[-1])
        means = [column[at].mean(axis) for column, at in zip(columns, rows, strict=False)]
        found: Floats = means[0] / means[1] if len(means) == 2 else means[0] / means[1] / (means[2] / means[3])
        return found

    return bca(figure, (nights.n, nights.n) if nights.asked == "apart" else nights.n, "×", LEVEL, resamples=resamples)


def holds(found: Estimate, true: float) -> bool:
    """Whether the interval holds the truth; one that is not told does not."""
    return found.low is not None and found.high is not None and found.low <= true <= found.high


def covered(nights: Nights, amount: int) -> float:
    """How often the interval by t holds the truth."""
    return sum(holds(by_t(nights, columns), nights.true) for columns in drawn(nights, amount)) / amount


def resampled(nights: Nights, amount: int, resamples: int = RESAMPLES) -> float:
    """How often the bootstrap's does, on the first of the same nights."""
    told = (by_bootstrap(nights, columns, resamples) for columns in drawn(nights, amount))
    return sum(holds(found, nights.true) for found in told) / amount


def error(rate: float, amount: int) -> float:
    """The Monte-Carlo standard error of a rate."""
    return math.sqrt(rate * (1 - rate) / amount)


def is_kept(nights: Nights, rate: float, amount: int) -> bool:
    """Within three standard errors of nominal, or above: Welch's intervals of fewer than 10 runs a side are wide."""
    above, below = rate - LEVEL > 3 * error(LEVEL, amount), LEVEL - rate > 3 * error(LEVEL, amount)
    return not below and (not above or (nights.asked == "apart" and nights.n < 10))


def both(nights: Nights, amount: int, bootstraps: int) -> tuple[float, float]:
    """Both rates of one condition."""
    return covered(nights, amount), resampled(nights, bootstraps)


def main() -> None:
    """Print the table; ends with 1 where the interval by t is off."""
    parser = settings(__doc__)
    parser.add_argument("--repetitions", type=int, default=20_000, help="nights by t, each condition (default 20000)")
    parser.add_argument("--bootstraps", type=int, default=2_000, help="of these, also by bootstrap (default 2000)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time (default: the cores)")
    options = parser.parse_args()
    lines, good = [], True
    with ProcessPoolExecutor(options.jobs) as pool:
        asked = partial(both, amount=options.repetitions, bootstraps=options.bootstraps)
        for nights, (rate, beside) in zip(conditions(), pool.map(asked, conditions()), strict=True):
            kept = is_kept(nights, rate, options.repetitions)
            good &= kept
            told = [(rate, options.repetitions), (beside, options.bootstraps)]
            cells = [f"{100 * found:.2f} ± {100 * error(found, amount):.2f} %" for found, amount in told]
            lines.append(f"| {nights.name} | {cells[0]}{'' if kept else ' **off**'} | {cells[1]} |")
            print(lines[-1], file=sys.stderr, flush=True)
    head = f"{', '.join(f'{key} {value}' for key, value in machine().items())}; seed {SEED}"
    head += (
        f"; {options.repetitions:,} nights by t, the first {options.bootstraps:,} by bootstrap, {RESAMPLES:,} resamples"
    )
    columns = ["| nights | by t, 95 % | BCa bootstrap, 95 % |", "|---|---|---|"]
    text = "\n".join([head, "", *columns, *lines, ""])
    print(text)
    if options.out is not None:
        options.out.write_text(text, encoding="utf-8")
    sys.exit(not good)


if __name__ == "__main__":
    main()
