"""How often the answer of a night is right: false alarms, coverage and power on simulated nights of known truth.

Each condition draws nights as arrays of log energies and answers them with the product's own functions: the z rule, the
test of the design, Holm's correction, the equivalence test. ``--whole N`` writes the first N nights of each condition
as folders, too, and answers them with ``study(load(folder))``: figures, decisions and flags must be the same. The A/A
nights all go through folders. A rate must lie within three Monte-Carlo standard errors of nominal, or on the side of it
that is named. The table is docs/calibration.md's.
"""

from __future__ import annotations

import gc
import math
import os
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from ledger import machine, settings
from numpy.typing import NDArray
from simulated_night import BEGIN_NS, SAMPLES, Course, Slot, begin_night, write_run

from analysis.findings import Equivalence, Test
from analysis.load import load
from analysis.statistics import unpaired
from analysis.statistics.equivalence import EQUIVALENT, paired_equivalence
from analysis.statistics.families import adjust
from analysis.statistics.order import ratio_with_order
from analysis.statistics.outliers import z_scores
from analysis.statistics.paired import paired_ratio
from analysis.study import study
from harness.record import Channel, Kind, Quality

Floats = NDArray[np.float64]
Order = Literal["blocks", "shuffle", "listed"]
Kept = Literal["equal", "at most", "at least", "told"]

NOISE, DRIFT, ALPHA = 0.006, 0.04, 0.05
LEVEL = 1 - ALPHA
SEED = 20251121
SAME = 1e-9
"""Relative difference between both ways that rounding may leave."""
SHAPES: dict[str, Callable[[Floats], Floats]] = {
    "none": lambda t: 0 * t,
    "linear": lambda t: DRIFT * t,
    "sqrt": lambda t: DRIFT * np.sqrt(t),
}


@dataclass(frozen=True)
class Nights:
    """The truth of a condition's nights."""

    order: Order = "blocks"
    blocks: int = 10
    sides: int = 2
    shape: str = "none"
    effect: float = 0.0
    """Log ratio of configuration 1 to configuration 0."""
    noise: tuple[float, ...] = ()
    """Of each configuration; left out: NOISE for all."""
    carry: float = 0.0
    """Added to the log energy of each run after one of configuration 1."""
    memory: float = 0.0
    """Part of its own deviation that a run hands on to the next one, whatever that is."""
    wild: float = 0.0
    """Added to the log energy of one run a night, drawn at random."""


@dataclass(frozen=True)
class Drawn:
    """One night: which configuration ran when, and what it took."""

    nights: Nights
    who: NDArray[np.int64]
    """(runs,)"""
    energy_J: Floats
    """(runs,)"""

    def side(self, which: int) -> Floats:
        """The energies of one configuration, in the order of the night."""
        mine: Floats = self.energy_J[self.who == which]
        return mine

    def places(self, which: int) -> Floats:
        """When they came, from 1 on."""
        places: Floats = np.flatnonzero(self.who == which) + np.float64(1)
        return places


@dataclass(frozen=True)
class Rate:
    """How often something is to happen."""

    name: str
    nominal: float
    kept: Kept = "equal"

    def is_kept(self, rate: float, amount: int) -> bool:
        """Within three Monte-Carlo standard errors of nominal, or on the named side of it."""
        slack = 3 * math.sqrt(self.nominal * (1 - self.nominal) / amount)
        above, below = rate > self.nominal + slack, rate < self.nominal - slack
        return not {"equal": above or below, "at most": above, "at least": below, "told": False}[self.kept]


@dataclass(frozen=True)
class Condition:
    """Nights of one kind, and what is counted in each."""

    name: str
    nights: Nights
    rates: tuple[Rate, ...]
    count: Callable[[Drawn], tuple[bool, ...]]
    """Whether each of ``rates`` happened in this night."""
    share: float = 1.0
    """Of the repetitions that are asked for: costlier conditions take fewer."""
    pairs: tuple[tuple[int, int], ...] = field(default=((1, 0),))
    """The comparisons that ``study`` must answer in the same way."""


def drawn(nights: Nights, amount: int, seed: int = SEED) -> Iterator[Drawn]:
    """So many nights of one kind."""
    draw = np.random.default_rng([seed, zlib.crc32(repr(nights).encode())])  # no two kinds share their luck
    n = nights.blocks * nights.sides
    spread = np.array(nights.noise or [NOISE] * nights.sides)
    course = SHAPES[nights.shape](np.linspace(0, 1, n))
    for _ in range(amount):
        if nights.order == "blocks":
            who = np.concatenate([draw.permutation(nights.sides) for _ in range(nights.blocks)])
        else:
            who = np.repeat(np.arange(nights.sides), nights.blocks)
            who = draw.permutation(who) if nights.order == "shuffle" else who
        deviation = draw.standard_normal(n) * spread[who]
        for place in range(1, n) if nights.memory else ():
            deviation[place] += nights.memory * deviation[place - 1]
        logs = 7 + course + nights.effect * (who == 1) + deviation
        logs[1:] += nights.carry * (who[:-1] == 1)
        logs[draw.integers(n)] += nights.wild
        yield Drawn(nights, who, np.exp(logs))


def kept(night: Drawn, which: int) -> NDArray[np.bool_]:
    """The runs of one configuration that the z rule leaves in the headline."""
    scores = z_scores(night.side(which), 1)
    assert scores is not None
    return np.abs(scores) <= 3


def primary(night: Drawn, one: int = 1, other: int = 0, *, rule: bool = True) -> Test:
    """The test that decides, on the runs of the headline or (``rule`` off) on all."""
    sides = night.side(one), night.side(other)
    stay = [kept(night, which) if rule else np.ones(night.nights.blocks, bool) for which in (one, other)]
    if night.nights.order == "blocks":
        both = stay[0] & stay[1]
        return paired_ratio(sides[0][both], sides[1][both], LEVEL)
    left, right = (side[mask] for side, mask in zip(sides, stay, strict=True))
    when, before = (night.places(which)[mask] for which, mask in zip((one, other), stay, strict=True))
    return ratio_with_order(left, right, when, before, LEVEL)


def alarms(test: Test) -> bool:
    """Whether the test tells the two apart."""
    p = test.p if test.p_adjusted is None else test.p_adjusted
    return p is not None and p < ALPHA


def covers(test: Test, true: float) -> bool:
    """Whether its interval holds the true ratio."""
    found = test.estimate
    return found is not None and found.low is not None and found.high is not None and found.low <= true <= found.high


def answer(true: float, one: int = 1, other: int = 0, *, rule: bool = True) -> Callable[[Drawn], tuple[bool, ...]]:
    """Counts alarms and coverage of one comparison."""

    def count(night: Drawn) -> tuple[bool, ...]:
        test = primary(night, one, other, rule=rule)
        return alarms(test), covers(test, true)

    return count


FALSE, COVERED = Rate("false alarms", ALPHA), Rate("coverage", LEVEL)
BOTH = (FALSE, COVERED)
WARY = (Rate("false alarms", ALPHA, "at most"), Rate("coverage", LEVEL, "at least"))
NOISY = (NOISE,) * 5 + (5 * NOISE,)


def conditions() -> list[Condition]:
    """Every condition of the table."""
    found = []
    for shape in SHAPES:
        found.append(Condition(f"10 blocks, drift {shape}", Nights(shape=shape), BOTH, answer(1.0)))
    for shape in ("linear", "sqrt"):
        effect = Nights(shape=shape, effect=math.log(0.99))
        seen = (Rate("power", 0.85, "at least"), COVERED)
        found.append(Condition(f"10 blocks, drift {shape}, 1 % less", effect, seen, answer(0.99)))
    heat = Nights(blocks=30, memory=0.5)
    found.append(Condition("30 blocks, each run hands on half its deviation", heat, BOTH, answer(1.0)))
    # The other configuration follows one that heats in 3/4 of its runs, that one itself in 1/4: half of 1 % is left.
    biased = Nights(blocks=30, carry=0.01)
    told = (Rate("false alarms", ALPHA, "told"), Rate("coverage of the ratio less half the carry-over", LEVEL))
    found.append(Condition("30 blocks, 1 % more after one of the two", biased, told, answer(math.exp(-0.005))))
    six = Nights(sides=6, shape="linear", noise=NOISY)
    found.append(Condition("one noisy of six: two quiet ones", six, BOTH, answer(1.0), 0.5, ((1, 0), (5, 0))))
    found.append(Condition("one noisy of six: noisy against quiet", six, BOTH, answer(1.0, 5, 0), 0.5, ((5, 0),)))
    family = (Rate("any false alarm among 5, Holm", ALPHA, "at most"),)
    found.append(Condition("one noisy of six: the whole family", six, family, any_alarm, 0.5, ((2, 0),)))
    even = Nights(sides=6, shape="linear")
    found.append(Condition("six alike: the whole family", even, family, any_alarm, 0.5, ((3, 0),)))
    clean, wild = Nights(blocks=30), Nights(blocks=30, wild=0.05)
    found.append(Condition("30 blocks, z rule, nothing wild", clean, BOTH, answer(1.0)))
    found.append(Condition("30 blocks, one run 5 % wild: headline", wild, BOTH, answer(1.0)))
    found.append(Condition("30 blocks, one run 5 % wild: all runs", wild, WARY, answer(1.0, rule=False)))
    for n in (5, 10, 30):
        for shape in SHAPES:
            shuffled = Nights("shuffle", n, shape=shape)
            rates = BOTH if n >= 10 else WARY
            found.append(Condition(f"shuffled, {n} a side, drift {shape}", shuffled, rates, answer(1.0), 0.5))
    unequal = Nights("shuffle", 10, shape="linear", noise=(NOISE, 4 * NOISE))
    found.append(Condition("shuffled, 10 a side, one 4 times as noisy", unequal, BOTH, answer(1.0), 0.5))
    for n in (5, 10):
        listed = Nights("listed", n, shape="linear")
        found.append(Condition(f"listed, {n} a side, drift linear", listed, WARY, answer(1.0), 0.5))
    lost = (Rate("false alarms of Welch without the order", ALPHA, "told"),)
    found.append(Condition("listed, 10 a side, drift linear", Nights("listed", 10, shape="linear"), lost, plain, 0.1))
    size = (Rate("claims at the margin", ALPHA),)
    at_margin = Nights(blocks=20, noise=(0.0125, 0.0125), effect=math.log(0.99))
    found.append(Condition("20 blocks, equivalence, true difference = margin", at_margin, size, claims, 0.25))
    return found


def any_alarm(night: Drawn) -> tuple[bool, ...]:
    """Whether any of the family is told apart after Holm's correction."""
    family = adjust([primary(night, which, 0) for which in range(1, night.nights.sides)])
    return (any(alarms(test) for test in family),)


def plain(night: Drawn) -> tuple[bool, ...]:
    """Whether Welch without the order of the runs tells the two apart."""
    return (alarms(unpaired.ratio(night.side(1), night.side(0), LEVEL)),)


MARGIN = 0.008 * math.exp(0.0125**2 / 2)
"""What log-normal accuracies about 0.8, 1 % apart and of a scatter of 1.25 %, truly differ by."""


def accuracies(night: Drawn) -> Floats:
    """Accuracies about 0.8 with the night's deviations, (runs,)."""
    return 0.8 * math.exp(-7) * night.energy_J


def equivalence(night: Drawn) -> Equivalence:
    """The equivalence test within a margin that the true difference just has."""
    one, other = (accuracies(night)[night.who == which] for which in (1, 0))
    return paired_equivalence(one, other, MARGIN, alpha=ALPHA, names=("accuracy", "c1", "c0"))


def claims(night: Drawn) -> tuple[bool, ...]:
    """Whether equivalence is claimed."""
    return (equivalence(night).decision == EQUIVALENT,)


@dataclass(frozen=True)
class Counted:
    """What one condition came to."""

    condition: Condition
    amount: int
    rates: tuple[float, ...]

    @property
    def is_kept(self) -> bool:
        """Whether every rate is where it must be."""
        asked = zip(self.condition.rates, self.rates, strict=True)
        return all(rate.is_kept(found, self.amount) for rate, found in asked)


def counted(condition: Condition, repetitions: int, seed: int = SEED) -> Counted:
    """Answer so many nights of a condition (less where it is costly)."""
    amount = max(200, round(condition.share * repetitions))
    happened = np.zeros(len(condition.rates))
    for night in drawn(condition.nights, amount, seed):
        happened += condition.count(night)
    return Counted(condition, amount, tuple((happened / amount).tolist()))


COUNTER = Channel("gpu0.energy_J", "J", Kind.COUNTER, "gpu0", Quality.MEASURED, "simulated", 0.02, origin="nvml")
COURSE = {"setup": 0.5, "train": 10.0, "evaluate": 0.5}


def as_folder(path: Path, night: Drawn) -> Path:
    """The same night as a folder: a counter read at the begin and the end of each window."""
    names = [f"c{which}" for which in range(night.nights.sides)]
    seen = dict.fromkeys(names, 0)
    slots = []
    for place, which in enumerate(night.who.tolist()):
        seen[names[which]] += 1
        blocked = night.nights.order == "blocks"
        block, position = (
            (place // night.nights.sides + 1, place % night.nights.sides + 1) if blocked else (1, place + 1)
        )
        slots.append(Slot(block, position, seen[names[which]], names[which]))
    aim = {"equivalence": {"metric": "accuracy", "margin": MARGIN}}
    folder = begin_night(
        path, title="Calibration", configurations=names, slots=slots, order=night.nights.order, analysis=aim
    )
    told = zip(slots, night.energy_J.tolist(), accuracies(night).tolist(), strict=True)
    for place, (slot, energy_J, accuracy) in enumerate(told):
        course = Course(COURSE, begin_ns=BEGIN_NS + place * 20_000_000_000)
        channel = pa.DictionaryArray.from_arrays(pa.array([0, 0], pa.int32()), pa.array([COUNTER.name]))
        table = pa.table([pa.array(course.spans["train"]), channel, pa.array([0.0, energy_J])], schema=SAMPLES)
        write_run(folder, slot, course, [COUNTER], [table], metrics={"accuracy": accuracy})
    return path


def furthest(condition: Condition, nights: int) -> float:
    """The largest relative difference between both ways, over p, ratio and interval; refuses other decisions."""
    worst = 0.0
    for night in drawn(condition.nights, nights):
        with tempfile.TemporaryDirectory() as below:
            found = study(load(as_folder(Path(below) / "night", night)))
        family = range(1, night.nights.sides)
        ours = dict(zip(family, adjust([primary(night, which, 0) for which in family]), strict=True))
        theirs = {int(item.configuration[1:]): item for item in found.comparisons}
        for one, _ in condition.pairs:
            comparison, test = theirs[one], ours[one]
            assert comparison.baseline == "c0"
            assert (comparison.decision != "not told apart") == alarms(test if len(family) > 1 else primary(night, one))
            everything = primary(night, one, 0, rule=False).estimate
            asked = [(comparison.ratio, test.estimate), (comparison.ratio_all, everything)]
            figures: list[tuple[Any, Any]] = [(comparison.tests[0].p, test.p)]
            for mine, yours in asked:
                assert yours is not None
                figures += [(mine.value, yours.value), (mine.low, yours.low), (mine.high, yours.high)]
            if night.nights.order == "blocks" and len(family) == 1:
                figures.append((found.equivalences[0].p, equivalence(night).p))
            worst = max([worst, *(abs(a / b - 1) for a, b in figures)])
    return worst


def same_thing_twice(nights: int, seed: int = SEED) -> tuple[float, float]:
    """A/A: nights of one thing under two names, 10 blocks, linear drift, all as folders; false alarms and coverage."""
    wrong = covered = 0
    for night in drawn(Nights(shape="linear"), nights, seed + 1):
        with tempfile.TemporaryDirectory() as below:
            [found] = study(load(as_folder(Path(below) / "night", night))).comparisons
        wrong += found.decision != "not told apart"
        covered += (found.ratio.low or 0) <= 1.0 <= (found.ratio.high or 0)
    return wrong / nights, covered / nights


def main() -> None:
    """Print the table; ends with 1 where a rate is not where it must be."""
    parser = settings(__doc__)
    parser.add_argument("--repetitions", type=int, default=20_000, help="nights of each condition (default 20000)")
    parser.add_argument("--whole", type=int, default=5, help="nights of each condition through folders (default 5)")
    parser.add_argument("--again", type=int, default=200, help="A/A nights through folders (default 200)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time (default: the cores)")
    options = parser.parse_args()
    lines, good = [], True
    with ProcessPoolExecutor(options.jobs) as pool:
        asked = partial(both_ways, repetitions=options.repetitions, whole=options.whole)
        for condition, (amount, rates, apart) in zip(
            conditions(), pool.map(asked, range(len(conditions()))), strict=True
        ):
            done = Counted(condition, amount, rates)
            good &= done.is_kept and apart < SAME
            for rate, found in zip(done.condition.rates, done.rates, strict=True):
                lines.append(row(done.condition.name, rate, found, done.amount, apart))
                print(lines[-1], file=sys.stderr, flush=True)
    wrong, covered = same_thing_twice(options.again) if options.again else (ALPHA, LEVEL)
    for rate, found in ((FALSE, wrong), (COVERED, covered)):
        good &= rate.is_kept(found, max(options.again, 1))
        lines.append(row("A/A, 10 blocks, drift linear, each night a folder", rate, found, options.again, None))
    text = "\n".join(
        [
            f"{', '.join(f'{key} {value}' for key, value in machine().items())}; seed {SEED}",
            "",
            "| condition | what | nominal | found | nights | study differs by |",
            "|---|---|---|---|---|---|",
            *lines,
            "",
        ]
    )
    print(text)
    if options.out is not None:
        options.out.write_text(text, encoding="utf-8")
    sys.exit(not good)


def both_ways(place: int, repetitions: int, whole: int) -> tuple[int, tuple[float, ...], float]:
    """One condition: its nights and their rates, and how far some of the nights are apart from ``study``."""
    gc.freeze()  # statsmodels collects garbage at each correction
    condition = conditions()[place]
    done = counted(condition, repetitions)
    return done.amount, done.rates, furthest(condition, whole)


def row(name: str, rate: Rate, found: float, amount: int, apart: float | None) -> str:
    """A line of the table."""
    side = {"equal": "", "at most": "at most ", "at least": "at least ", "told": "— "}[rate.kept]
    nominal = "—" if rate.kept == "told" else f"{side}{100 * rate.nominal:g} %"
    error = 100 * math.sqrt(found * (1 - found) / max(amount, 1))
    mark = "" if rate.is_kept(found, max(amount, 1)) else " **off**"
    same = "" if apart is None else f"{apart:.0e}"
    return f"| {name} | {rate.name} | {nominal} | {100 * found:.2f} ± {error:.2f} %{mark} | {amount:,} | {same} |"


if __name__ == "__main__":
    main()
