"""Which tables stand in which section of a report's page."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields, replace

import pandas as pd

from analysis.listings import answers, attempts, carbon, evidence, instruments
from analysis.listings import grid as of_grid
from analysis.listings import meters as of_meters
from analysis.listings import night as of_night
from analysis.listings import nodes as of_nodes
from analysis.listings import over_cells as of_cells
from analysis.listings import ratios as of_ratios
from analysis.listings import roofline as of_roofs
from analysis.listings import within as of_time
from analysis.load import Night
from analysis.response import DURATION
from analysis.study import Study
from analysis.tables import Table

NAMES = (
    *("summary", "comparisons", "effects", "equivalence", "metrics", "exploratory", "drift", "verdicts", "sampler"),
    *("over-cells", "roofline", "nights"),
    *("ratios", "ratio-comparisons"),
    *("nodes", "machines", "tasks"),
    "meters",
    *("epoch-rates", "epochs", "epoch-runs", "course", "dips", "loads", "power-curve"),
    *("factors", "levels", "cells", "tradeoff"),
    *("sources", "recorded", "agreement"),
    *("attempts", "set-aside", "cohorts", "gaps", "gates", "faults"),
    *("carbon", "places", "exclusions", "outlier-rule", "tests", "runs", "machine", "channels", "design", "reproduce"),
)
"""Every name that a table of a report can have."""
_OF_ENERGY = ("results", "time", "drift", "exclusions", "tests", "runs")
"""The sections whose numbers are what they are because of the power that was recorded."""
_NOT_OF_ENERGY = ("metrics", "loads", "outlier-rule")
"""Tables among them whose numbers are not: what the workload reported, how busy devices were, counts and rates."""


@dataclass(frozen=True)
class Sections:
    """The tables of a report by the section of the page in which they stand."""

    results: tuple[Table, ...]
    time: tuple[Table, ...]
    drift: tuple[Table, ...]
    quality: tuple[Table, ...]
    exclusions: tuple[Table, ...]
    tests: tuple[Table, ...]
    runs: tuple[Table, ...]
    machine: tuple[Table, ...]
    methods: tuple[Table, ...]
    reproduce: tuple[Table, ...]

    def every(self) -> list[Table]:
        """All tables, in the order of the page."""
        return [table for field in fields(self) for table in getattr(self, field.name)]


def sections(night: Night, study: Study, rows: pd.DataFrame) -> Sections:
    """The tables that this night has something to show in; ``rows`` as ``observations`` gives them."""
    found = study.findings
    several = len({(item.domain, item.origin, item.quality) for item in found.recorded}) > 1
    optional = (
        (answers.comparisons, bool(found.comparisons)),
        (of_cells.over_cells, bool(found.over_cells)),
        (of_roofs.roofline, bool(found.rooflines)),
        (answers.nights, bool(found.nights)),
        (of_nodes.nodes, bool(found.nodes)),
        (answers.effects, bool(found.comparisons)),
        (answers.equivalence, bool(found.equivalences)),
        (answers.metrics, any(group.metrics for group in found.groups)),
        (carbon.carbon, found.carbon is not None),
        (carbon.places, found.carbon is not None),
        (of_grid.tradeoff, found.tradeoff is not None),
        (of_ratios.ratios, bool(found.ratios)),
        (of_ratios.contrasts, any(item.contrasts for item in found.ratios)),
        (answers.exploratory, bool(found.exploratory)),
        (instruments.recorded, several),
    )
    of_instruments = ((instruments.sources, bool(found.sources)), (instruments.agreement, bool(found.agreements)))
    listed = Sections(
        results=(
            answers.summary(found),
            *of_grid.grid_tables(found),
            *(make(found) for make, wanted in optional if wanted),
        ),
        time=tuple(of_time.within(found.temporal, study.epochs, study.curve)),
        drift=(evidence.drift(found),),
        quality=(
            *(make(found) for make, wanted in of_instruments if wanted),
            attempts.by_configuration(night),
            *([attempts.set_aside(night)] if night.set_aside else []),
            *([attempts.cohorts(night)] if {record.cohort for record in night.records.values()} - {1} else []),
            of_night.verdicts(night),
            attempts.gaps(night),
            *([attempts.gates(night)] if any(record.gates for record in night.records.values()) else []),
            *([attempts.faults(night)] if any(record.reason for record in night.records.values()) else []),
            of_night.sampler(night),
            *([of_meters.meters(night)] if night.meters.alignments else []),
        ),
        exclusions=(evidence.exclusions(found), evidence.outlier_rule(found)),
        tests=(evidence.tests(found),),
        runs=(of_night.runs(rows, found, night.protocol.analysis.accuracy),),
        machine=(
            *([of_nodes.machines(found)] if found.machines else []),
            *([of_nodes.tasks(found)] if found.tasks else []),
            of_night.machine(night),
            of_night.channels(night),
        ),
        methods=(of_night.facts("design", "The design and the analysis plan", found.design),),
        reproduce=(of_night.facts("reproduce", "What it was made with", found.reproduce),),
    )
    reported = [str(name).removeprefix("metric.") for name in rows if str(name).startswith("metric.")]
    return _labelled(listed, rehearsal=night.rehearsal, quality=found.quality, reported=reported)


def _beside_energy(table: Table, reported: Collection[str]) -> bool:
    """Whether none of a table's numbers is what it is because of the power that was recorded."""
    if table.name == "equivalence":
        return set(table.frame["metric"]) <= {*reported, DURATION}
    return table.name in _NOT_OF_ENERGY


def _labelled(listed: Sections, *, rehearsal: bool, quality: str, reported: Collection[str]) -> Sections:
    """The tables with what must be known of their numbers in their titles: a table is read, and copied, by itself.

    What a program reads has the quality as a column.
    """

    def titled(section: str, table: Table) -> Table:
        of_energy = section in _OF_ENERGY and "quality" not in table.frame and not _beside_energy(table, reported)
        told = " (modelled, not measured)" if of_energy and quality == "modelled" else ""
        named = replace(table, title=f"{'REHEARSAL: ' if rehearsal else ''}{table.title}{told}")
        if not of_energy:
            return named
        return replace(named, frame=table.frame.assign(quality=quality), also=(*table.also, "quality"))

    return Sections(
        **{
            field.name: tuple(titled(field.name, table) for table in getattr(listed, field.name))
            for field in fields(listed)
        }
    )
