"""study(night) -> Findings: the one place that decides what is compared, and what is primary.

::

    night --measure--> energy --choose--> response --assess--> headline runs
                                                                |
            Findings <-- cautions, words <-- comparisons, groups, drift, equivalence

The analysis plan is that of the protocol, frozen with the night; whatever it does not name goes to ``exploratory``.
Another plan may be given: then everything it changes is exploratory, and the findings say so.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.agreement import agreements
from analysis.carbon import carbon
from analysis.carbon import words as carbon_words
from analysis.cautions import Evidence, cautions
from analysis.comparisons import NOBODY, Method, Sides, compare, contrasts, split
from analysis.drift import drift
from analysis.energy import Measured, choice_of, measure, of_choice, window_rows
from analysis.findings import Comparison, Equivalence, Estimate, Findings, Test
from analysis.groups import groups
from analysis.load import Night
from analysis.nights import nights_of
from analysis.quality import assess
from analysis.response import DURATION, ENERGY, NET, POWER, Response, find, responses
from analysis.sources import absolute_class, recorded, sources
from analysis.statistics.equivalence import CANNOT_BE_TOLD, paired_equivalence, unpaired_equivalence
from analysis.statistics.omnibus import friedman, kruskal, levene, ols_configurations, ols_factors
from analysis.wording import first_line, headline, headline_all, methods
from harness.domains import Choice

if TYPE_CHECKING:
    from harness.protocol_model import Analysis

PACKAGES = ("nightwatt", "numpy", "pandas", "pyarrow", "scipy", "statsmodels")
"""Whose versions can move the last digits of a finding."""


@dataclass(frozen=True)
class Study:
    """The findings of a night and the frames that they rest on, for tables and figures."""

    findings: Findings
    runs: pd.DataFrame
    """Every run: the columns of ``night.runs`` with value (the response), bound (on its error from edges and gaps),
    energy_J, net_J, uncertainty_J, mean_power_W, state (headline | outlier | excluded), rule, eligible, z, z_residual,
    mad."""
    energy: pd.DataFrame
    """One row a (run, phase, domain, origin), as ``energy(night)`` gives it."""
    agreement: pd.DataFrame
    """Of domains with several sources, one row a (pair of them, run); see ``agreement.POINTS``."""
    response: Response
    choice: Choice


def study(night: Night, plan: Analysis | None = None) -> Findings:
    """The answer of a night by the analysis plan of its protocol (or by ``plan``, which makes it exploratory)."""
    return examine(night, plan).findings


def examine(night: Night, plan: Analysis | None = None) -> Study:
    """The same with the frames that it rests on."""
    analysis = night.protocol.analysis if plan is None else plan
    changed = analysis != night.protocol.analysis
    measured = measure(night)
    frame = measured.frame
    choice = choice_of(frame, analysis.energy, analysis.prefer)
    found = responses(night, measured, choice)
    asked = find(found, night.runs, analysis.metric)
    response = asked if asked.is_there or asked.name not in (ENERGY, NET, POWER) else found[DURATION]
    configurations = night.configurations
    baseline = analysis.baseline if analysis.baseline in configurations else None
    family = contrasts(configurations, baseline)
    cohorts = len({record.cohort for record in night.records.values()})
    method = Method(analysis.recipe, night.blocked, analysis.alpha, max(cohorts, 1), night.ordered)
    assessment = assess(night, response, analysis.outliers, family)
    runs = _with_parts(assessment.runs, found, response)
    kept, eligible = runs[runs.state == "headline"], runs[runs.eligible]
    attempted = runs[runs.rule != "discarded"]
    compared = compare(kept, eligible, family, method, response=response.name, unit=response.unit, attempted=attempted)
    described = groups(runs, configurations, unit=response.unit, level=method.level, metrics=_numeric(runs, found))
    slopes: list[Test] = []
    if night.ordered and not night.joined:
        slopes = drift(eligible, runs, response=response.name, blocked=night.blocked, level=method.level)
    windows = window_rows(frame, night)
    told = sources(windows, choice)
    valid = runs[(runs.validity == "valid") & (runs.status == "completed")]
    agreed = agreements(windows, choice, found[ENERGY].values, valid, method.level)
    by_night = nights_of(night, kept, compared, method)
    evidence = Evidence(
        night,
        measured,
        choice,
        response,
        asked.name,
        assessment,
        described,
        compared,
        slopes,
        method,
        analysis.accuracy,
        agreed.found,
        by_night.tests,
        changed,
    )
    read_by = _read_by(measured, choice, response)
    design = _design(night, analysis, method, family, changed=changed)
    emitted = carbon(analysis.carbon, runs, configurations, found[ENERGY], method.level)
    said = methods(
        response=response, method=method, analysis=analysis, design=design, sources=read_by, groups=described
    )
    findings = Findings(
        title=night.protocol.title,
        first_line=first_line(
            rehearsal=night.rehearsal,
            quality=choice.quality or response.quality,
            domains=choice.domains,
            sources=list(dict.fromkeys(of_choice(frame, choice).source)),
            instead="" if response is asked else f"{asked.name} was asked for and no run has it: {response.phrase}",
        ),
        headline=headline(compared, described, response, read_by, absolute_class(told)),
        headline_all=headline_all(compared, assessment.rule, response),
        response=response.label,
        unit=response.unit,
        domains=response.domains,
        quality=response.quality,
        groups=tuple(described),
        comparisons=tuple(compared),
        equivalences=tuple(_equivalences(night, analysis, eligible, found, family)),
        exploratory=tuple(
            _exploratory(night=night, analysis=analysis, runs=runs, found=found, primary=response, method=method)
        ),
        omnibus=(*_omnibus(night, kept, configurations), *by_night.tests),
        nights=by_night.ratios,
        drift=tuple(slopes),
        exclusions=assessment.exclusions,
        cautions=tuple(cautions(evidence)),
        sources=tuple(told),
        recorded=tuple(recorded(windows, choice, kept, configurations, method.level)),
        agreements=agreed.found,
        carbon=emitted,
        outlier_rule=assessment.rule,
        methods=f"{said} {carbon_words(emitted)}".strip(),
        design=design,
        reproduce=_reproduce(night),
    )
    return Study(findings, runs, frame, agreed.points, response, choice)


def _with_parts(runs: pd.DataFrame, found: dict[str, Response], response: Response) -> pd.DataFrame:
    """Energy, its parts and the bounds beside the response; indexed by row, as it was."""
    columns = {"energy_J": ENERGY, "net_J": NET, "mean_power_W": POWER}
    series = {column: found[name].values for column, name in columns.items()}
    bounds = {"uncertainty_J": found[ENERGY].uncertainty, "bound": response.uncertainty}
    series |= {column: bound for column, bound in bounds.items() if bound is not None}
    return runs.assign(**{column: runs.run.map(values).astype(float) for column, values in series.items()})


def _numeric(runs: pd.DataFrame, found: dict[str, Response]) -> list[str]:
    return [name for name in found if f"metric.{name}" in runs]


def _exploratory(
    *,
    night: Night,
    analysis: Analysis,
    runs: pd.DataFrame,
    found: dict[str, Response],
    primary: Response,
    method: Method,
) -> list[Comparison]:
    """What the plan does not name: the other responses of the same runs, each configuration against the baseline."""
    baseline = analysis.baseline if analysis.baseline in night.configurations else night.configurations[0]
    family = contrasts(night.configurations, baseline)
    comparisons: list[Comparison] = []
    for name in (ENERGY, NET, DURATION, POWER, analysis.accuracy):
        response = found.get(name)
        if response is None or not response.is_there or response.name == primary.name:
            continue
        with_value = runs.assign(value=runs.run.map(response.values).astype(float))
        # A run that is wild in energy still has its accuracy.
        kept = with_value[with_value.eligible if name == analysis.accuracy else with_value.state == "headline"]
        comparisons += compare(
            kept.drop(columns=["mean_power_W", "duration_s"]),
            with_value[with_value.eligible].drop(columns=["mean_power_W", "duration_s"]),
            family,
            method,
            response=response.label,
            unit=response.unit,
        )
    return comparisons


def _equivalences(
    night: Night,
    analysis: Analysis,
    eligible: pd.DataFrame,
    found: dict[str, Response],
    family: Sequence[tuple[str, str]],
) -> list[Equivalence]:
    """The declared equivalence, on raw values of all usable runs: a run that is wild in energy still counts."""
    aim = analysis.equivalence
    if aim is None:
        return []
    response = find(found, night.runs, aim.metric)
    of = split(eligible.assign(value=eligible.run.map(response.values).astype(float)))
    results: list[Equivalence] = []
    for names in family:
        pair = Sides(of.get(names[0], NOBODY), of.get(names[1], NOBODY))
        told = (aim.metric, *names)
        unit = response.unit
        if not response.is_there:
            nothing = Estimate(None, unit, note=f"no run reports {aim.metric}")
            results.append(Equivalence(*told, aim.margin, nothing, None, 0, CANNOT_BE_TOLD))
        elif night.blocked:
            results.append(paired_equivalence(*pair.pairs, aim.margin, alpha=analysis.alpha, names=told, unit=unit))
        else:
            results.append(unpaired_equivalence(*pair.values, aim.margin, alpha=analysis.alpha, names=told, unit=unit))
    return results


def _omnibus(night: Night, kept: pd.DataFrame, configurations: Sequence[str]) -> list[Test]:
    """Whether the configurations differ at all, by which factor, and whether their spreads do."""
    there = [name for name in configurations if (kept.configuration == name).any()]
    values = [kept[kept.configuration == name].value.to_numpy(dtype=float) for name in there]
    if len(there) < 2:
        return []
    tests = [levene(values)]
    if len(configurations) < 3 or len(there) < 3:
        return tests
    strata, stratum = (kept.block.tolist(), "block") if night.blocked else (None, "block")
    if not night.blocked and kept.cohort.nunique() > 1:
        strata, stratum = kept.cohort.tolist(), "cohort"
    if kept.value.min() > 0:
        logs = np.log(kept.value.to_numpy(dtype=float))
        tests.append(ols_configurations(logs, kept.configuration.tolist(), strata, stratum))
        factors = {
            str(name).removeprefix("factor."): kept[name].tolist() for name in kept if str(name).startswith("factor.")
        }
        tests += ols_factors(logs, factors, strata, stratum)
    if night.blocked:
        table = kept.pivot_table(index="block", columns="configuration", values="value")[there].dropna()
        tests.append(friedman(table.to_numpy(dtype=float)))
    else:
        tests.append(kruskal(values))
    return tests


def _read_by(measured: Measured, choice: Choice, response: Response) -> list[str]:
    """Where the energy of the compared domains was read."""
    if response.name not in (ENERGY, NET, POWER):
        return ["the marks' clock"] if response.name == DURATION else ["the workload"]
    return list(dict.fromkeys(str(source) for source in of_choice(measured.frame, choice).source))


def _design(
    night: Night, analysis: Analysis, method: Method, family: Sequence[tuple[str, str]], *, changed: bool
) -> dict[str, Any]:
    unpaired = "Welch on logs with run order" if night.ordered else "Welch t on logs"
    primary = {
        "classic": "pooled t",
        "blocks": "paired t on logs within blocks" if night.blocked else unpaired,
    }[method.recipe]
    imported = {key: night.imported.get(key) for key in ("format", "order")} if night.imported else {}
    return {
        "order": night.plan["order"],
        "seed": night.plan["seed"],
        "blocks": night.protocol.design.blocks,
        "configurations": list(night.configurations),
        "labels": list(night.protocol.design.labels),
        "slots": sum(1 for slot in night.plan["slots"] if slot["block"] > 0),
        "runs": len(night.records),
        **({"cohorts": method.cohorts} if method.cohorts > 1 else {}),
        **({"imported": imported} if imported else {}),
        **({"nights": [dict(member) for member in night.joined]} if night.joined else {}),
        "metric": analysis.metric,
        "window": night.protocol.workload.window or "",
        "baseline": analysis.baseline or "",
        "family": [list(names) for names in family],
        "correction": "Holm" if len(family) > 1 else "none",
        "primary": primary,
        "recipe": method.recipe,
        "alpha": method.alpha,
        "level": method.level,
        "exploratory": changed,
        "overrides": night.plan.get("overrides") or {},
    }


def _reproduce(night: Night) -> dict[str, Any]:
    """What it takes to have the same answer again: the versions, one command.

    Files appear by name and hash: the folders of the machine that measured are nobody's business, and a night's own
    folder may be renamed without changing its report.
    """
    sources = [item for item in night.plan.get("sources") or [] if isinstance(item, dict)]
    return {
        "command": "nightwatt report NIGHT… --out FOLDER" if night.joined else "nightwatt report NIGHT",
        "protocol_file": PurePath(str(night.plan.get("protocol_file", ""))).name,
        "protocol_sha256": night.plan.get("protocol_sha256", ""),
        "sources": {str(item.get("copied_as", "")): str(item.get("sha256", "")) for item in sources},
        "made_by": night.plan.get("nightwatt", ""),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
