"""The sentences of a finding: headline, first line, methods. Numbers come from ``numbers``, facts from the study."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.comparisons import CANNOT_BE_TOLD, HIGHER, LOWER, NOT_APART, Method, disagree
from analysis.findings import Comparison, Estimate, Group
from analysis.numbers import estimate, interval, p_value, percent, significant
from analysis.response import Response
from analysis.statistics.families import NAMES, SHORT, Correction

if TYPE_CHECKING:
    from analysis.cell_findings import OverCells
    from harness.protocol_model import Analysis

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


def methods(
    *,
    response: Response,
    method: Method,
    analysis: Analysis,
    design: Mapping[str, object],
    sources: Sequence[str],
    groups: Sequence[Group],
) -> str:
    """The methods paragraph, ready for a paper, with its citations."""
    by = f"{response.quality} by {', '.join(sources)}" if sources else response.quality
    unit = f", in {response.unit}" if response.unit else ""
    n = sorted({group.n_headline for group in groups})
    per = f"{n[0]}" if len(n) == 1 else f"{n[0]} to {n[-1]}" if n else "0"
    orders = {
        "blocks": "randomised complete blocks",
        "latin": "blocks whose orders form Williams designs (Williams, 1949)",
        "shuffle": "one random order without blocks",
        "listed": "the listed order, not randomised",
    }
    imported = design.get("imported")
    began = (
        f"Runs of {len(groups)} configuration{'' if len(groups) == 1 else 's'}, recorded elsewhere "
        f"({imported.get('format')}), were imported; how their order was drawn is not known; {per} runs of each "
        f"entered the {'mean' if len(groups) == 1 else 'comparison'}."
        if isinstance(imported, Mapping)
        else f"Each run was a fresh process of the one configuration ({_seeds(design)}); {per} entered the mean."
        if len(groups) == 1
        else f"Each of {len(groups)} configurations was run as a fresh process in "
        f"{orders.get(str(design['order']), '?')} ({_seeds(design)}); {per} runs of each entered the comparison."
    )
    parts = [
        began,
        f"The response is the {response.phrase}{unit}, {by}; the run is the unit of replication.",
        _inference(method)
        if len(groups) > 1
        else f"The mean is given with its {100 * method.level:g} % interval by t (Student, 1908).",
    ]
    if isinstance(nights := design.get("nights"), Sequence):
        parts.append(
            f"The blocks are nested in {len(nights)} nights of one protocol; no pair spans two nights, so that what a "
            "night shares cancels, and whether the ratios differ between the nights was tested by analysis of variance."
        )
    if isinstance(nodes := design.get("nodes"), Sequence) and len(nodes) > 1:
        parts.append(
            f"Each block was executed on one node of a cluster ({len(nodes)} nodes or levels of nodes in all); no pair "
            "spans two, and whether the ratios differ between them was tested by analysis of variance."
        )
    if method.cohorts > 1:
        how = "blocks do not span them" if method.recipe == "blocks" and method.blocked else "a factor of the model"
        parts.append(f"The runs are of {method.cohorts} cohorts, between which something changed: {how}.")
    if method.cells:
        size = design.get("largest_family", 0)
        parts.append(
            f"Configurations were compared only where they agree in {' and '.join(analysis.within)}: "
            f"{design.get('cells', 0)} cells, each a declared family of its own of at most {size} comparisons; "
            f"p values were corrected within each cell by {NAMES[method.correction]}, not over the cells; intervals "
            "were not."
        )
    elif len(groups) > 2:
        parts.append(
            f"p values were corrected over the declared family by {NAMES[method.correction]}; intervals were not."
        )
    rule = analysis.outliers
    if rule.rule == "z":
        parts.append(
            f"Runs whose z-score within their configuration exceeded {rule.threshold:g} in magnitude (standard "
            f"deviation with n - {rule.ddof}, one pass) were left out of the headline; results with all runs stand "
            "beside it."
        )
    elif rule.rule == "mad":
        parts.append(
            f"Runs further than {rule.threshold:g} scaled median absolute deviations (Iglewicz and Hoaglin, 1993) "
            "from the median of their configuration were left out of the headline; results with all runs stand beside "
            "it."
        )
    else:
        parts.append("No run was left out for its value.")
    if analysis.equivalence is not None:
        parts.append(
            f"Equivalence of {analysis.equivalence.metric} was tested by two one-sided t tests (Schuirmann, 1987) with "
            f"a margin of {analysis.equivalence.margin:g} {when_given(design)}."
        )
    if len(groups) == 1:
        return " ".join(parts)
    parts.append(
        "Effect sizes are Cohen's d with pooled standard deviation (Cohen, 1988), Hedges' g (Hedges, 1981), Cliff's "
        "delta (Cliff, 1993) with the interval of Feng and Cliff (2004), and A12 of Vargha and Delaney (2000). What "
        f"{'the analysis plan of the import' if imported else 'the analysis plan of the protocol'} does not name is "
        "exploratory."
    )
    return " ".join(parts)


def when_given(design: Mapping[str, object]) -> str:
    """When the analysis was chosen: a plan that came after the runs was not declared beforehand."""
    if design.get("imported"):
        return "given at the import, when the runs were over"
    return "given after the runs" if design.get("exploratory") else "declared beforehand"


def _seeds(design: Mapping[str, object]) -> str:
    nights = design.get("nights")
    if not isinstance(nights, Sequence):
        return f"seed {design['seed']}"
    return f"seeds {', '.join(str(member['seed']) for member in nights)}"


def _inference(method: Method) -> str:
    level = f"{100 * method.level:g}"
    if method.test == "rank":
        return _by_rank(method, level)
    if method.recipe == "classic":
        return (
            "Configurations were compared by Student's t test (Student, 1908) with pooled variance on the values as "
            f"they are (recipe classic), with tests of normality (Shapiro and Wilk, 1965); ratios with {level} % "
            "intervals come from the same test on logarithms. Blocks and drift are not taken into account."
        )
    if method.blocked:
        return (
            "Configurations were compared by paired t tests (Student, 1908) on the logarithms within blocks, so that "
            f"drift common to a block cancels; ratios of geometric means are given with {level} % intervals."
        )
    if not method.ordered:
        return (
            "Configurations were compared by Welch's t test (Welch, 1947) on the logarithms, the order of the runs not "
            f"being known; ratios of geometric means are given with {level} % intervals."
        )
    return (
        "Configurations were compared on the logarithms by Welch's t test (Welch, 1947) in a model with a linear term "
        "for the order of the runs (least squares, HC2 errors, Satterthwaite's degrees of freedom), without that term "
        f"where there were fewer than five runs; ratios of geometric means are given with {level} % intervals."
    )


def _by_rank(method: Method, level: str) -> str:
    paired = method.recipe == "blocks" and method.blocked
    test = (
        "Wilcoxon's signed-rank test (Wilcoxon, 1945) on the pairs within blocks"
        if paired
        else "van Elteren's test [@vanelteren1960] on the ranks within cohorts, which knows of no order of the runs"
        if method.cohorts > 1
        else "the Mann-Whitney U test (Mann and Whitney, 1947), which knows of no order of the runs"
    )
    logs = "paired t intervals on the logarithms" if paired else "intervals of a t test on the logarithms"
    return (
        f"Configurations were compared by {test}, as the analysis plan asks; beside it stand ratios of geometric means "
        f"with {level} % {logs}, which do not decide."
    )
