"""The methods paragraph of a finding, ready for a paper: how runs were ordered, compared, corrected and left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from analysis.comparisons import Method
from analysis.findings import Group
from analysis.response import Response
from analysis.statistics.families import NAMES

if TYPE_CHECKING:
    from harness.protocol_model import Analysis


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
