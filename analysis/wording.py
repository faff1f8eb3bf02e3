"""The sentences of a finding: headline and first line. Numbers come from ``numbers``, facts from the study."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.comparisons import CANNOT_BE_TOLD, HIGHER, LOWER, NOT_APART, disagree
from analysis.findings import Comparison, Estimate, Group
from analysis.numbers import estimate, interval, p_value, percent, significant
from analysis.response import Response
from analysis.statistics.families import SHORT, Correction

if TYPE_CHECKING:
    from analysis.cell_findings import OverCells

REHEARSAL = "REHEARSAL: simulated sensors and fake workloads{but}; no number here is about a real machine."
MODELLED = "Modelled, not measured: the power of {domains} was computed ({sources}), not read from a sensor."

NOT_WHAT_WAS_ASKED = "Not what was asked for: {instead} is compared instead."


def first_line(
    *,
    rehearsal: bool,
    quality: str,
    domains: Sequence[str],
    sources: Sequence[str],
    instead: str = "",
    so_far: str = "",
) -> str:
    """What must stand above everything else; empty for a measured night, executed as planned, of what was asked for.

    ``instead`` says what is compared in place of what was asked for, ``so_far`` how much of the night there is; ""
    where there is nothing to say.
    """
    modelled = quality == "modelled"
    if rehearsal:
        said = REHEARSAL.format(but=", modelled, not measured" if modelled else "")
    elif modelled:
        said = MODELLED.format(domains=", ".join(domains), sources=", ".join(sources) or "a model")
    else:
        said = ""
    return " ".join(filter(None, (said, so_far, NOT_WHAT_WAS_ASKED.format(instead=instead) if instead else "")))


def headline(
    comparisons: Sequence[Comparison],
    groups: Sequence[Group],
    response: Response,
    sources: Sequence[str],
    sensor_class: str = "",
    *,
    correction: Correction = "holm",
    cells: Sequence[OverCells] = (),
    called: Mapping[str, str] | None = None,
    lost: str = "",
) -> str:
    """One sentence: the ratio and its interval first, then n, then what was measured by what.

    Of comparisons within ``cells``: how many are told apart, then each pair over them.

    ``sensor_class``, of what is compared, stands beside absolute figures only. ``called``: what configurations are
    called where their names alone say nothing (``family.called``); ``lost``: how many runs have no value, and why.
    """
    called = called or {}
    if not any(group.n_headline for group in groups):
        return _nothing(groups, response)
    read_by = ", ".join(dict.fromkeys(brief(source) for source in sources))
    by = f"{response.quality} by {read_by}" if read_by else response.quality
    by = f"{lost}; {by}" if lost else by
    if not comparisons:
        return _single(groups, response, by, sensor_class, called)
    if len(comparisons) == 1:
        return f"{_compared(comparisons[0], comparisons[0].ratio, comparisons[0].decision, response, called)}; {by}."
    told = [item for item in comparisons if item.ratio.value is not None]
    apart = [item for item in comparisons if item.decision in (LOWER, HIGHER)]
    if not told:
        return f"No ratio can be told for any of {len(comparisons)} comparisons of {response.phrase}; {by}."
    if cells:
        return f"{_over_cells(comparisons, cells, response, correction, called)}; {by}."
    furthest = max(told, key=lambda item: _distance(item.ratio))
    first = _compared(furthest, furthest.ratio, furthest.decision, response, called)
    return (
        f"{first}: the ratio furthest from 1 of {len(comparisons)} comparisons, of which {len(apart)} "
        f"{'is' if len(apart) == 1 else 'are'} told apart after {SHORT[correction]} correction; {by}."
    )


def _distance(ratio: Estimate) -> float:
    """How far a ratio is from 1, whichever of the two sides stands above: 1.25 is as far as 0.8."""
    return abs(math.log(ratio.value)) if ratio.value is not None and ratio.value > 0 else 0.0


def _over_cells(
    comparisons: Sequence[Comparison],
    cells: Sequence[OverCells],
    response: Response,
    correction: Correction,
    called: Mapping[str, str],
) -> str:
    apart = sum(item.decision in (LOWER, HIGHER) for item in comparisons)
    many = len({item.cell for item in comparisons})
    pairs = [item for item in cells if not (item.stratum or item.response) and item.ratio.value is not None]
    figures = "; ".join(
        f"{called.get(item.configuration, item.configuration)} / {called.get(item.baseline, item.baseline)} "
        f"{significant(item.ratio.value or 0.0, 3)} × "
        f"({significant(item.lowest or 0.0, 3)} to {significant(item.highest or 0.0, 3)})"
        for item in pairs[:_PAIRS]
    )
    more = f"; {len(pairs) - _PAIRS} more pairs stand in the table" if len(pairs) > _PAIRS else ""
    return (
        f"{apart} of {len(comparisons)} comparisons of {response.phrase} within {many} cells are told apart after "
        f"{SHORT[correction]} correction within each cell; geometric mean over the cells (and range; exploratory): "
        f"{figures}{more}"
    )


_PAIRS = 6
"""So many pairs at most stand in the headline."""


def _nothing(groups: Sequence[Group], response: Response) -> str:
    """The headline of a night of which no run can be compared."""
    counts = {
        "invalid": sum(group.n_invalid for group in groups),
        "failed": sum(group.n_failed for group in groups),
        f"without {response.name}": sum(group.n_valid for group in groups),
    }
    said = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return f"Nothing can be compared: {f'no run counts ({said})' if said else 'no run was executed'}."


def headline_all(
    comparisons: Sequence[Comparison],
    rule: Mapping[str, Any],
    response: Response,
    called: Mapping[str, str] | None = None,
) -> str:
    """The headline with the flagged runs left in, and whether that changes the answer; empty without a rule.

    ``rule`` is the findings' ``outlier_rule``: its name, threshold, whether it could fire, and the runs it flagged.
    """
    called = called or {}
    if rule["rule"] == "none" or not any(item.ratio.value is not None for item in comparisons):
        return ""
    flagged = len(rule["flagged"])
    if not flagged:
        score = {"z": "|z|", "mad": "MAD score"}[rule["rule"]]
        if not rule["n"]:
            return f"The outlier rule ({score} > {rule['threshold']:g}) was not applied: no run has {rule['response']}."
        why = "flagged no run" if rule["could_fire"] else "cannot flag any run at this n"
        return f"The outlier rule ({score} > {rule['threshold']:g}) {why}: with all runs the answer is the same."
    runs = f"{flagged} flagged run{'' if flagged == 1 else 's'}"
    differing = [item for item in comparisons if disagree(item)]
    if len(comparisons) == 1:
        item = comparisons[0]
        verdict = "the two agree"
        if item.decision != item.decision_all:
            verdict = "the two disagree: the answer depends on those runs"
        elif differing:
            verdict = "the same answer, but its size depends on those runs: the two disagree about it"
        said = _compared(item, item.ratio_all, item.decision_all, response, called)
        return f"With the {runs} left in: {said}; {verdict}."
    if not differing:
        return f"With the {runs} left in all {len(comparisons)} comparisons agree with those above."
    names = ", ".join(_sides(item, called) for item in differing[:5])
    return f"With the {runs} left in {len(differing)} of {len(comparisons)} comparisons disagree: {names}."


def _sides(item: Comparison, called: Mapping[str, str]) -> str:
    return " against ".join(called.get(name, name) for name in (item.configuration, item.baseline))


def _compared(item: Comparison, ratio: Estimate, decision: str, response: Response, called: Mapping[str, str]) -> str:
    sides = _sides(item, called)
    n = _n(item, ratio)
    if ratio.value is None:
        return f"{sides}: no ratio of {response.phrase} can be told ({ratio.note}); {n}"
    figure = estimate(ratio).replace(" [", " × [", 1) if ratio.low is not None else f"{estimate(ratio)} ×"
    level = f" ({100 * ratio.level:g} %)" if ratio.level is not None else " (no interval)"
    words = {NOT_APART: "not told apart (which is not the same as equal)", CANNOT_BE_TOLD: "not tested"}
    said = words.get(decision, f"{percent(abs(1 - ratio.value), 2)} % {decision}")
    p = _p(item) if ratio is item.ratio else None
    told = "" if p is None else f", p {p_value(p)}"
    return f"{figure}{level} the {response.phrase}: {sides}, {said}; {n}{told}"


def _p(item: Comparison) -> float | None:
    test = item.tests[0] if item.tests else None
    return None if test is None else test.p if test.p_adjusted is None else test.p_adjusted


def _n(item: Comparison, ratio: Estimate) -> str:
    if item.tests and len(item.tests[0].n) == 1:
        return f"{ratio.n} pair{'' if ratio.n == 1 else 's'}"
    if item.tests and ratio is item.ratio:
        return f"{' and '.join(str(n) for n in item.tests[0].n)} runs"
    return f"{ratio.n} runs"


def brief(source: str) -> str:
    """What a source is called in a sentence: of "NVML total energy counter, since the driver was loaded" the begin."""
    return " + ".join(dict.fromkeys(_DETAIL.split(part, maxsplit=1)[0] for part in source.split(" + ")))


_DETAIL = re.compile("[,;]")


def _single(groups: Sequence[Group], response: Response, by: str, sensor_class: str, called: Mapping[str, str]) -> str:
    there = [group for group in groups if group.mean.value is not None]
    if not there:
        return f"No run of this night can be compared: the {response.phrase} is not known for any usable run."
    if len(there) == 1:
        group = there[0]
        value = interval(group.mean.value, group.mean.low, group.mean.high)
        runs = f"{group.n_headline} run{'' if group.n_headline == 1 else 's'}"
        bound = "" if group.bound is None else f"; ± {significant(group.bound, 2)} {response.unit} each (edges, gaps)"
        name = called.get(group.configuration, group.configuration)
        known = f", sensor class {sensor_class}" if sensor_class and group.bound is not None else ""
        return f"{value} {response.unit}: {response.phrase}, mean of {runs} of {name}{bound}{known}; {by}."
    return f"{len(there)} configurations have usable runs, but none of the declared comparisons can be made; {by}."
