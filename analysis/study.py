"""study(night) -> Findings: the one place that decides what is compared, and what is primary.

::

    night --measure--> energy --choose--> response --assess--> headline runs
                                                                |
            Findings <-- cautions, words <-- comparisons, groups, drift, equivalence

The analysis plan is that of the protocol, frozen with the night; whatever it does not name goes to ``exploratory``.
Another plan may be given: then everything it changes is exploratory, and the findings say so.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from analysis.agreement import agreements
from analysis.associations import associations
from analysis.carbon import carbon
from analysis.carbon import words as carbon_words
from analysis.cautions import Evidence, cautions
from analysis.citations import with_references
from analysis.comparisons import compare
from analysis.curve import band, window_bins
from analysis.declared_effects import methods_words as effects_words
from analysis.declared_effects import sentence as effects_said
from analysis.drift import drift
from analysis.energy import choice_of, measure, of_choice, window_rows
from analysis.epochs import epoch_rows
from analysis.equivalences import equivalences
from analysis.exploratory import exploratory
from analysis.factor_ranks import factor_ranks
from analysis.facts import design as design_facts
from analysis.facts import read_by as sources_read
from analysis.facts import reproduce
from analysis.family import called, declared, method_of
from analysis.findings import Exclusion, Findings, Test
from analysis.grid import grid
from analysis.groups import groups
from analysis.load import Night
from analysis.methods import methods, when_given
from analysis.nights import nights_of
from analysis.nodes import nodes_of
from analysis.omnibus import omnibus
from analysis.over_cells import over_cells
from analysis.quality import assess
from analysis.ratio_responses import with_ratios
from analysis.ratios import ratios
from analysis.response import DURATION, ENERGY, NET, POWER, Response, find, responses
from analysis.roofline import rooflines
from analysis.slots import slots_of
from analysis.sources import absolute_class, recorded, sources
from analysis.traces import Traces, grid_of, reduce_run
from analysis.tradeoff import tradeoff
from analysis.within import temporal
from analysis.wording import first_line, headline, headline_all
from harness.domains import Choice

if TYPE_CHECKING:
    from harness.protocol_model import Analysis


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
    traces: Traces
    """Of each run that was read: its power over time, reduced."""
    epochs: pd.DataFrame
    """One row a (run, epoch) of the headline's runs; see ``epochs.epoch_rows``."""
    response: Response
    choice: Choice
    analysis: Analysis
    """The plan by which it was examined."""

    @functools.cached_property
    def curve(self) -> pd.DataFrame:
        """Mean power of the headline's runs over their windows, with its bands and n; see ``curve.band``."""
        runs = self.runs.loc[self.runs.state == "headline", "run"]
        return band(window_bins(self.traces.runs, runs, self.choice), float(self.findings.design.get("level", 0.95)))


def study(night: Night, plan: Analysis | None = None) -> Findings:
    """The answer of a night by the analysis plan of its protocol (or by ``plan``, which makes it exploratory)."""
    return examine(night, plan).findings


def examine(night: Night, plan: Analysis | None = None) -> Study:
    """The same with the frames that it rests on."""
    analysis = night.protocol.analysis if plan is None else plan
    changed = analysis != night.protocol.analysis
    bins = grid_of(night, analysis)
    measured = measure(night, functools.partial(reduce_run, grid=bins))
    traces = Traces(bins, measured.reduced if night.imported.get("sampled", True) else {})
    frame = measured.frame
    choice = choice_of(frame, analysis.energy, analysis.prefer)
    found = with_ratios(responses(night, measured, choice), night.runs, analysis)
    asked = find(found, night.runs, analysis.metric)
    timed = (asked.name in (ENERGY, NET, POWER) or bool(asked.domains)) and found[DURATION].is_there
    response = found[DURATION] if timed and not asked.is_there else asked
    configurations = night.configurations
    family, _ = declared(night, analysis)
    method, names = method_of(night, analysis), called(night, analysis)
    scored = find(found, night.runs, analysis.outliers.metric) if analysis.outliers.metric else None
    assessment = assess(night, response, analysis.outliers, family, scored=scored)
    runs = _with_parts(assessment.runs, found, response)
    kept, eligible = runs[runs.state == "headline"], runs[runs.eligible]
    attempted = runs[runs.rule != "discarded"]
    compared = compare(kept, eligible, family, method, response=response.name, unit=response.unit, attempted=attempted)
    described = groups(runs, configurations, unit=response.unit, level=method.level, metrics=_numeric(runs, found))
    slopes: list[Test] = []
    if night.ordered:
        slopes = drift(eligible, runs, response=response.name, blocked=night.blocked, level=method.level)
    windows = window_rows(frame, night)
    told = sources(windows, choice)
    valid = runs[(runs.validity == "valid") & (runs.status == "completed")]
    agreed = agreements(windows, choice, found[ENERGY].values, valid, method.level)
    declared_ratios = ratios(night, analysis, runs, found=found, family=family, method=method)
    by_cell = over_cells(night, analysis, kept, compared, declared_ratios)
    by_night = nights_of(night, kept, compared, method)
    by_node = nodes_of(night, kept, compared, method)
    epochs = epoch_rows(night, kept, frame, choice, analysis.accuracy)
    inside = temporal(night, kept, epochs, traces, choice=choice, level=method.level)
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
        inside,
        by_node,
    )
    read_by = sources_read(measured, choice, response)
    design = design_facts(night, analysis, method, family, changed=changed)
    emitted = carbon(analysis.carbon, runs, configurations, found[ENERGY], method.level)
    in_grid = grid(night, runs, compared, method, analysis.terms)
    when = when_given(design)
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
            so_far=slots_of(night).so_far(blocked=night.blocked),
        ),
        headline=by_node.refusal
        or headline(
            compared,
            described,
            response,
            read_by,
            absolute_class(told),
            correction=method.correction,
            cells=by_cell,
            called=names,
            lost=_without(runs, assessment.exclusions, response),
        ),
        over_cells=by_cell,
        rooflines=rooflines(night, runs),
        headline_all="" if by_node.refusal else headline_all(compared, assessment.rule, response, names),
        response=response.label,
        unit=response.unit,
        domains=response.domains,
        quality=response.quality,
        groups=tuple(described),
        comparisons=tuple(compared),
        equivalences=tuple(equivalences(night, analysis, eligible, found, family)),
        exploratory=tuple(
            exploratory(night=night, analysis=analysis, runs=runs, found=found, primary=response, method=method)
        ),
        omnibus=(
            *omnibus(night, kept, configurations),
            *factor_ranks(night, kept, eligible, _beside(found, response)),
            *by_night.tests,
            *by_node.tests,
            *associations(
                runs, found, configurations, (analysis.accuracy, DURATION), response=response, level=method.level
            ),
        ),
        nights=by_night.ratios,
        nodes=by_node.ratios,
        machines=by_node.nodes,
        tasks=by_node.tasks,
        temporal=inside,
        drift=tuple(slopes),
        exclusions=assessment.exclusions,
        cautions=tuple(cautions(evidence)),
        sources=tuple(told),
        recorded=tuple(recorded(windows, choice, kept, configurations, method.level)),
        agreements=agreed.found,
        carbon=emitted,
        grid=in_grid,
        headline_effects=effects_said(in_grid, when),
        tradeoff=tradeoff(night, analysis, runs, found=found, response=response, level=method.level),
        ratios=declared_ratios,
        outlier_rule=assessment.rule,
        methods=" ".join(
            part
            for part in (said, effects_words(analysis.terms, method.correction, when), carbon_words(emitted))
            if part
        ),
        design=design,
        reproduce=reproduce(night),
    )
    return Study(with_references(findings), runs, frame, agreed.points, traces, epochs, response, choice, analysis)


def _with_parts(runs: pd.DataFrame, found: dict[str, Response], response: Response) -> pd.DataFrame:
    """Energy, its parts and the bounds beside the response; indexed by row, as it was."""
    columns = {"energy_J": ENERGY, "net_J": NET, "mean_power_W": POWER}
    series = {column: found[name].values for column, name in columns.items()}
    bounds = {"uncertainty_J": found[ENERGY].uncertainty, "bound": response.uncertainty}
    series |= {column: bound for column, bound in bounds.items() if bound is not None}
    return runs.assign(**{column: runs.run.map(values).astype(float) for column, values in series.items()})


def _without(runs: pd.DataFrame, exclusions: Sequence[Exclusion], response: Response) -> str:
    """How many runs have no value, and why; empty where all do, or none has one (which is then said itself)."""
    why = Counter(item.reason for item in exclusions if item.rule == "no-energy")
    if not why or not response.is_there:
        return ""
    counted = int((runs.eligible | (runs.rule == "no-energy")).sum())
    has = "has" if why.total() == 1 else "have"
    return f"{why.total()} of {counted} runs {has} no {response.name} ({'; '.join(why)})"


def _beside(found: dict[str, Response], response: Response) -> list[Response]:
    """Every other result of the runs; net energy is energy less the same power for all."""
    return [item for name, item in found.items() if name not in (response.name, NET) and item.is_there]


def _numeric(runs: pd.DataFrame, found: dict[str, Response]) -> list[str]:
    return [name for name in found if f"metric.{name}" in runs]
