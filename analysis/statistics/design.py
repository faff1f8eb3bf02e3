"""Can a design answer its own question? What can be known before the first run is said before the first run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from analysis.findings import Caution
from analysis.statistics.families import FIRST, Correction
from analysis.statistics.outliers import largest_z
from analysis.statistics.power import POWER, equivalence_power, largest_deviation, runs_for_rank_test, smallest_p

CANNOT = frozenset({"nothing-to-compare", "no-inference", "rank-test-out-of-reach", "order-confounded"})
"""Codes of the cautions that say: this design cannot answer its question, or one of its tests never can."""

MOST_PAIRWISE = 10
"""More configurations than this are compared with the first one only, where no baseline is named."""


@dataclass(frozen=True)
class Design:
    """What a protocol says of its comparison; ``runs`` are those of each configuration."""

    configurations: int
    runs: int
    order: Literal["blocks", "latin", "shuffle", "listed"] = "blocks"
    alpha: float = 0.05
    baseline: bool = False
    """Whether the others are compared with one of them only, not every one with every other."""
    named: bool = False
    """Whether a baseline is named, even though every pair is asked for."""
    outlier_rule: Literal["z", "mad", "none"] = "z"
    outlier_threshold: float = 3.0
    ddof: int = 1
    margin: float | None = None
    """Of the equivalence that is to be shown, in its metric's unit, or of a ratio as a fraction."""
    margin_of_ratio: bool = False
    margin_metric: str = ""
    one_seed: bool = False
    classic: bool = False
    rank: bool = False
    """Whether a rank test decides."""
    cells: int = 1
    """Within how many cells configurations are compared; each is a family of its own."""
    largest_cell: int | None = None
    """How many configurations the largest of them holds; left out: all."""
    within: str = ""
    """Which factors the configurations of a cell share, for people."""
    correction: Correction = "holm"
    """Over the comparisons of a family."""

    @property
    def paired(self) -> bool:
        """Whether runs are compared within their blocks."""
        return self.order in ("blocks", "latin") and not self.classic

    @property
    def comparisons(self) -> int:
        """How many pairs of configurations are compared in a family: what is corrected for."""
        k = self.configurations if self.largest_cell is None else self.largest_cell
        return max(k - 1, 0) if self.baseline or k > MOST_PAIRWISE else k * (k - 1) // 2

    @property
    def alpha_each(self) -> float:
        """What the smallest p of the family must reach, whichever the correction; Bonferroni has all reach it."""
        return self.alpha / max(self.comparisons, 1)


def cautions(design: Design) -> tuple[Caution, ...]:
    """What a person must know before such a night begins; those that say "cannot" first."""
    found = [*_reach(design), *_order(design), *_outliers(design), *_equivalence(design), *_seed(design)]
    return tuple(sorted(found, key=lambda caution: caution.code not in CANNOT))


def _reach(design: Design) -> Iterator[Caution]:
    if design.configurations < 2:
        yield Caution(
            "nothing-to-compare",
            "There is one configuration: its energy is described, nothing is compared.",
            "give a factor two levels",
        )
        return
    if design.runs < 2:
        yield Caution(
            "no-inference",
            "One run of each configuration allows no inference at all: no test, no interval.",
            "design.blocks = 2 is the least, 6 reaches a rank test",
        )
        return
    least = smallest_p(design.runs, paired=design.paired)
    if least > design.alpha_each:
        test = "Wilcoxon's signed-rank test" if design.paired else "the Mann-Whitney test"
        family = (
            f"{design.alpha:g}"
            if design.comparisons == 1
            else f"{design.alpha:g} over {design.comparisons} comparisons"
            f" ({FIRST[design.correction]}: {design.alpha_each:.3g})"
        ) + (f" in each of {design.cells} cells" if design.cells > 1 else "")
        enough = runs_for_rank_test(design.alpha_each, paired=design.paired)
        yield Caution(
            "rank-test-out-of-reach",
            f"With {design.runs} runs of each configuration the smallest p of {test} is {least:.3g}: whatever the"
            f" night brings, it cannot reach {family}. "
            + ("That test decides here." if design.rank else "The t-test can."),
            f"design.blocks = {enough} is the least that can" + _smaller(design),
        )


def _smaller(design: Design) -> str:
    """What would make the family of comparisons smaller, where something would."""
    if design.baseline or design.comparisons == 1:
        return ""
    key = 'analysis.family = "baseline"' if design.named else "analysis.baseline"
    return f"; {key} makes the family smaller"


def _order(design: Design) -> Iterator[Caution]:
    k = design.configurations
    if k < 2:
        return
    if design.order == "listed":
        yield Caution(
            "order-confounded",
            "All runs of one configuration come before the next: what drifts through the night cannot be told from the"
            " configuration. (10 runs a side, 4 % drift, 0.6 % noise, true effect 1 %: 99.7 % false alarms.)",
            'design.order = "blocks"',
        )
    elif design.order == "shuffle":
        yield Caution(
            "no-drift-protection",
            "One shuffle of all runs leaves drift in the comparison. (10 runs a side, 4 % linear drift, 0.6 % noise,"
            " true effect 1 %: found in 32 % of nights; in blocks with the paired test in 90 %.)",
            'design.order = "blocks"',
        )
    elif design.classic:
        yield Caution(
            "blocks-ignored",
            "The classic recipe ignores the blocks. (As above: found in 15 % of nights instead of 90 %.)",
            'analysis.recipe = "blocks"',
        )
    if design.cells > 1:
        yield Caution(
            "family-within-cells",
            f"Compared within {design.within}: {design.cells} cells of at most {_comparisons(design.comparisons)}, each"
            f" corrected by itself ({FIRST[design.correction]}: {design.alpha_each:.3g}"
            f"{_reachable(design)}). Where there is no difference anywhere, {design.alpha * design.cells:.2g} cells are"
            " to be expected that find one all the same.",
        )
    rows = k if k % 2 == 0 else 2 * k
    if design.order == "latin" and design.runs % rows:
        yield Caution(
            "latin-incomplete",
            f"{design.runs} blocks are no whole number of Latin designs of {rows} rows: positions differ by one.",
            f"design.blocks = {rows * math.ceil(design.runs / rows)}",
        )


def _comparisons(count: int) -> str:
    return f"{count} comparison{'' if count == 1 else 's'}"


def _reachable(design: Design) -> str:
    test = "signed-rank" if design.paired else "Mann-Whitney"
    return f"; smallest p of the {test} test {smallest_p(design.runs, paired=design.paired):.3g}" if design.rank else ""


def _outliers(design: Design) -> Iterator[Caution]:
    limit = largest_z(design.runs, design.ddof)
    if design.outlier_rule == "z" and limit is not None and limit <= design.outlier_threshold:
        enough = design.runs
        while (largest_z(enough, design.ddof) or 0.0) <= design.outlier_threshold:
            enough += 1
        yield Caution(
            "outlier-rule-cannot-fire",
            f"Of {design.runs} runs none can have |z| above {limit:.2f} (ddof {design.ddof}): the outlier rule |z| >"
            f" {design.outlier_threshold:g} cannot flag any run, however far off.",
            f"from {enough} runs on it can",
        )


def _equivalence(design: Design) -> Iterator[Caution]:
    if design.margin is None or design.configurations < 2:
        return
    # A ratio is tested on logarithms, on which a scatter is a fraction of the value.
    edge = math.log1p(design.margin) if design.margin_of_ratio else design.margin
    often = largest_deviation(design.runs, edge, alpha=design.alpha, paired=design.paired)
    half = largest_deviation(design.runs, edge, alpha=design.alpha, power=0.5, paired=design.paired)
    if often is None or half is None:
        return
    twice = equivalence_power(design.runs, 2 * often, edge, alpha=design.alpha, paired=design.paired) or 0.0
    margin, told, what = f"{design.margin:g}", [f"{part:.3g}" for part in (often, half, 2 * often)], ""
    if design.margin_of_ratio:
        margin = f"a ratio of 1 / {1 + design.margin:g} to {1 + design.margin:g}"
        told, what = [f"{100 * part:.3g} %" for part in (often, half, 2 * often)], "relative "
    yield Caution(
        "equivalence-power",
        f"Equivalence of {design.margin_metric} within {margin} is shown in {100 * POWER:.0f} % of nights"
        f" where its {what}standard deviation between runs is at most {told[0]}, in half of them at {told[1]}, in"
        f" {100 * twice:.0f} % at {told[2]} (no true difference, arms independent).",
        "more blocks, or a margin that can be defended beforehand",
    )


def _seed(design: Design) -> Iterator[Caution]:
    if design.one_seed and design.runs > 1:
        yield Caution(
            "one-seed",
            "All runs share one seed: what is found holds for this seed, and scatter between seeds is not seen.",
            'design.workload_seed = "per-block"',
        )
