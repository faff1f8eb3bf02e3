"""What a pilot cannot tell, in words: too few blocks, one configuration, no scatter, no energy, files of others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from analysis.findings import Caution
from analysis.response import DURATION, called
from analysis.statistics.scatter import NO_SCATTER

if TYPE_CHECKING:
    from analysis.load import Night
    from analysis.power.pilot import Pilot
    from analysis.statistics.pilot import Scatter
    from analysis.study import Study

FEW_DEGREES = 5
"""With fewer degrees of freedom than this a pilot hardly tells its scatter."""


def lacks(night: Night, study: Study, pilot: Pilot) -> tuple[Caution, ...]:
    """What ``pilot`` leaves open, the gravest first; the stamp (rehearsal, modelled) stands above it all."""
    return (
        *_scatter(night, pilot),
        *few_lacks([item.scatter for item in pilot.contrasts], blocked=pilot.blocked),
        *response_lacks(night, study),
        *source_lacks(night),
        *_lost(pilot),
    )


def _scatter(night: Night, pilot: Pilot) -> Iterator[Caution]:
    if len(night.configurations) == 1:
        yield Caution(
            "pilot-of-one",
            "The pilot has one configuration: nothing is compared in it. What stands here is for two that scatter as"
            " this one does, by its runs about a line through the night.",
            "a pilot of both configurations tells how each scatters, and what blocks take off",
        )
    untold = [item for item in pilot.contrasts if item.scatter.deviation is None]
    if any(item.scatter.note == NO_SCATTER for item in untold):
        yield Caution(
            "pilot-without-scatter",
            "Runs of the pilot are equal to the last digit: that is no scatter of nothing, but a source that does not"
            " tell runs apart (a constant, a model, a counter of coarse steps, one run copied).",
            "measure with a sensor, or let runs take longer than the steps of its counter",
        )
    if untold and not all(item.scatter.note == NO_SCATTER for item in untold):
        alone = len(night.configurations) == 1
        noun = "runs" if alone else "whole blocks" if pilot.blocked else "runs of each configuration"
        yield Caution(
            "pilot-too-small",
            "Of no comparison the scatter can be told."
            if len(untold) == len(pilot.contrasts)
            else f"Of {len(untold)} of {len(pilot.contrasts)} comparisons the scatter cannot be told.",
            f"{3 if alone else 2} {noun} are the least, {FEW_DEGREES + 1 + alone} are a pilot",
        )


def few_lacks(scatters: Sequence[Scatter], *, blocked: bool) -> Iterator[Caution]:
    """That a scatter of few degrees of freedom is hardly known."""
    told = [item for item in scatters if item.deviation is not None]
    if not told:
        return
    degrees = min(item.degrees for item in told)
    enough = f"a pilot of {FEW_DEGREES + 1} blocks or more" if blocked else "a pilot of more runs"
    if degrees == 1:
        yield Caution(
            "pilot-bounds-nothing",
            "With 1 degree of freedom the scatter is not known: it may be half of what is told, or thirty times as"
            " much. No number of runs can be taken from it.",
            enough,
        )
    elif degrees < FEW_DEGREES:
        yield Caution(
            "pilot-of-few",
            f"With {degrees} degrees of freedom the scatter is hardly known: see the intervals.",
            enough,
        )


def response_lacks(night: Night, study: Study) -> Iterator[Caution]:
    """That it is not told of what was asked for, or by another test than decides."""
    wanted = called(study.analysis.metric)
    if study.response.name != wanted:
        what = f"that of its {DURATION}" if study.response.name == DURATION else f"that of {study.response.name}"
        yield Caution(
            "pilot-of-another-response",
            f"The pilot has no {wanted} in any run: the scatter is {what}, which says nothing of {wanted}.",
            f"a pilot whose runs have their {wanted} (`nightwatt check` says what is in a sensor's way)",
        )
    elif not study.response.is_there and len(study.runs):
        yield Caution(
            "pilot-of-another-response",
            f"The pilot has no {wanted} in any run: it tells no scatter of it.",
            f"a pilot whose runs have their {wanted}",
        )
    if study.analysis.test == "rank":
        yield Caution(
            "pilot-by-t",
            "The rank test decides, and this is reckoned for the t test: on runs that scatter normally a rank test"
            " needs some 5 % more, and never fewer than its smallest p asks for.",
            "`nightwatt plan` says whether a rank test can reach alpha at all",
        )


def source_lacks(night: Night) -> Iterator[Caution]:
    """What a night of others' files does not know."""
    if not night.imported:
        return
    unknown = (
        "" if night.ordered else " In which order the runs came is not known, so that drift is part of the scatter."
    )
    yield Caution(
        "pilot-imported",
        f"IMPORTED ({night.imported.get('format', 'files of others')}): how the runs were kept apart, what was"
        f" repeated and what waits they took is as whoever made the files did it, not as a night of ours"
        f" would.{unknown}",
        "a short pilot by `nightwatt run` on the machine of the night",
    )


def _lost(pilot: Pilot) -> Iterator[Caution]:
    lost = pilot.begun - pilot.usable
    if lost > 0:
        noun = "pairs" if pilot.blocked else "runs"
        yield Caution(
            "pilot-lost-runs", f"Of {pilot.begun} {noun} that began {lost} did not count here: plan as many more."
        )
