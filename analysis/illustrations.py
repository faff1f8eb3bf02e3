"""Which figures a report holds, in which order, and what stands beside each: a night and its study -> illustrations."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from analysis import by_factor, over_time
from analysis.agreement import TWO_SOURCES
from analysis.explore.accuracy import explore_accuracy
from analysis.explore.distribution import explore_distribution
from analysis.explore.drift import explore_drift
from analysis.explore.pairs import explore_pairs
from analysis.figures.accuracy import draw_accuracy
from analysis.figures.agreement import draw_agreement
from analysis.figures.distribution import draw_distribution
from analysis.figures.drift import draw_drift
from analysis.figures.over_cells import draw_over_cells
from analysis.figures.pairs import draw_pairs
from analysis.figures.ratios import draw_decomposition, draw_ratios, pages
from analysis.figures.roofline import draw_roofline
from analysis.findings import Comparison
from analysis.illustration import Illustration as Illustration
from analysis.illustration import unstamped
from analysis.listings.rows import capital
from analysis.load import Night
from analysis.numbers import estimate, significant
from analysis.observations import drawn
from analysis.response import ENERGY
from analysis.study import Study

STEMS = (
    "ratios",
    "over-cells",
    "roofline",
    "distribution",
    "accuracy",
    "pairs",
    "decomposition",
    "drift",
    "agreement",
    *by_factor.STEMS,
    *over_time.STEMS,
)
_NAMED = 8
"""So many configurations at most are read out where a figure cannot be seen."""
PAGED = ("ratios", "decomposition")
"""Stems that go on as "ratios-2", "ratios-3", … where one page does not hold all comparisons."""


def illustrations(night: Night, study: Study, rows: pd.DataFrame) -> list[Illustration]:
    """The figures that this night has something to show in; ``rows`` as ``observations`` gives them."""
    given = {"configurations": night.configurations, "stamp": study.findings.first_line}
    of_response = {"quantity": study.response.label, "unit": study.response.unit, **given}
    shown = drawn(rows)
    found = (
        *_ratios(study),
        _over_cells(night, study),
        _roofline(study),
        _distribution(study, shown, of_response),
        _accuracy(night, study, shown, of_response),
        *by_factor.by_factor(study),
        over_time.power(night, study, given),
        _pairs(night, study, shown, of_response),
        *_decomposition(study),
        *over_time.inside(night, study, rows, given),
        _drift(study, shown, given) if night.ordered and not night.joined else None,
        _agreement(study, given),
    )
    return [item for item in found if item is not None]


def _distribution(study: Study, shown: pd.DataFrame, given: dict[str, Any]) -> Illustration | None:
    if shown.empty:
        return None
    means = "; ".join(
        f"{group.configuration}: mean {estimate(group.mean)} {group.mean.unit}, n = {group.n_headline}"
        for group in study.findings.groups[:_NAMED]
    )
    return Illustration(
        "distribution",
        "Every run",
        f"Violin, box and every run: {study.response.label}, by configuration.",
        f"Distribution of the {study.response.label}. {means}",
        functools.partial(draw_distribution, shown, **given),
        functools.partial(explore_distribution, shown, **unstamped(given)),
    )


def _ratios(study: Study) -> list[Illustration]:
    compared = study.findings.comparisons
    if not any(item.ratio.value is not None for item in compared):
        return []
    draw = functools.partial(
        draw_ratios,
        compared,
        quantity=study.response.label,
        stamp=study.findings.first_line,
        why=by_factor.why_not(study),
    )
    whole = Illustration(
        "ratios",
        "Ratios with their intervals",
        f"Each configuration against its baseline: {study.response.label}. Below each, the same with all runs.",
        "Ratios",
        draw,
    )
    return _paged(whole, compared)


def _paged(whole: Illustration, compared: Sequence[Comparison]) -> list[Illustration]:
    """The figure of these comparisons, one illustration a page; ``whole.draw`` takes the page."""
    draw: Callable[..., Any] = whole.draw
    every = pages(compared)
    found = []
    for page, shown in enumerate(every, start=1):
        told = [item for item in shown if item.ratio.value is not None][:_NAMED]
        read = "; ".join(f"{item.configuration} / {item.baseline}: {estimate(item.ratio)}" for item in told)
        found.append(
            replace(
                whole,
                stem=whole.stem if page == 1 else f"{whole.stem}-{page}",
                title=whole.title if len(every) == 1 else f"{whole.title}, page {page} of {len(every)}",
                alternative=f"{whole.alternative}: {read}",
                draw=functools.partial(draw, page=page),
                further=page > 1,
            )
        )
    return found


def _over_cells(night: Night, study: Study) -> Illustration | None:
    pairs = [item for item in study.findings.over_cells if not (item.stratum or item.response) and item.ratio.value]
    if not pairs:
        return None
    rest = study.analysis.rest
    of: dict[tuple[str, str], list[Comparison]] = {}
    for item in study.findings.comparisons:
        of.setdefault((rest(night.levels[item.configuration]), rest(night.levels[item.baseline])), []).append(item)
    read = "; ".join(f"{item.configuration} / {item.baseline}: {estimate(item.ratio)}" for item in pairs[:_NAMED])
    return Illustration(
        "over-cells",
        "The same pair in every cell",
        f"{capital(study.response.label)}, compared within {' and '.join(study.analysis.within)}: each dot a cell.",
        f"Geometric means over the cells: {read}",
        functools.partial(draw_over_cells, pairs, of, quantity=study.response.label, stamp=study.findings.first_line),
    )


def _roofline(study: Study) -> Illustration | None:
    found = max(study.findings.rooflines, key=lambda item: len(item.points), default=None)
    if found is None or not found.points:
        return None
    read = "; ".join(
        f"{point.configuration}: {significant(point.rate_FLOP_per_s / 1e9, 3)} GFLOP/s at "
        f"{significant(point.intensity, 3)} FLOP/B"
        for point in found.points[:_NAMED]
    )
    return Illustration(
        "roofline",
        "Limited by arithmetic or by memory?",
        "Each configuration under the measured ceilings of its precision; under the slope memory limits, right of it "
        "arithmetic.",
        f"Roofline of {found.device or 'the device'}. {read}",
        functools.partial(draw_roofline, found, stamp=study.findings.first_line),
    )


def _accuracy(night: Night, study: Study, shown: pd.DataFrame, given: dict[str, Any]) -> Illustration | None:
    metric = night.protocol.analysis.accuracy
    if shown[(shown["state"] == "headline") & shown["accuracy"].notna()].empty:
        return None
    return Illustration(
        "accuracy",
        f"Against {metric}",
        f"{capital(metric)} against the {study.response.label}: less is left, more {metric} is up.",
        f"{metric} against the {study.response.label}, every run and the mean of each configuration.",
        functools.partial(draw_accuracy, shown, study.findings.groups, metric=metric, **given),
        functools.partial(explore_accuracy, shown, study.findings.groups, metric=metric, **unstamped(given)),
    )


def _pairs(night: Night, study: Study, shown: pd.DataFrame, given: dict[str, Any]) -> Illustration | None:
    if not night.blocked or not any(item.pairs for item in study.findings.comparisons):
        return None
    return Illustration(
        "pairs",
        "Block by block",
        "Runs of one block stand close in time: what drifts through the night moves both sides of a pair.",
        f"The {study.response.label} of each block, and the ratio within each block.",
        functools.partial(draw_pairs, shown, study.findings.comparisons, **given),
        functools.partial(explore_pairs, shown, study.findings.comparisons, **unstamped(given)),
    )


def _decomposition(study: Study) -> list[Illustration]:
    parted = [item for item in study.findings.comparisons if _has_parts(item)]
    if not parted or study.response.name != ENERGY:
        return []
    whole = Illustration(
        "decomposition",
        "Less power, or less time?",
        "The energy ratio is the product of the ratios of mean power and of duration.",
        "Ratios of energy, mean power and duration for each comparison",
        functools.partial(draw_decomposition, parted, stamp=study.findings.first_line),
    )
    return _paged(whole, parted)


def _has_parts(item: Comparison) -> bool:
    parts = (item.ratio, item.power_ratio, item.duration_ratio)
    return all(part is not None and part.value is not None for part in parts)


def _drift(study: Study, shown: pd.DataFrame, given: dict[str, Any]) -> Illustration | None:
    if (shown["state"] == "headline").sum() < 3:
        return None
    return Illustration(
        "drift",
        "The course of the night",
        "Each run against the time at which it began, relative to the mean of its configuration.",
        f"Deviation of each run's {study.response.label} from its configuration's mean, over the night.",
        functools.partial(draw_drift, shown, quantity=study.response.label, **given),
        functools.partial(explore_drift, shown, quantity=study.response.label, **unstamped(given)),
        section="drift",
    )


def _agreement(study: Study, given: dict[str, Any]) -> Illustration | None:
    pairs = [item for item in study.findings.agreements if item.kind == TWO_SOURCES and item.ratio.n]
    if not pairs:
        return None
    read = "; ".join(
        f"{item.domain}: {item.one} − {item.other}: bias {estimate(item.bias)} %" for item in pairs[:_NAMED]
    )
    return Illustration(
        "agreement",
        "Do the instruments agree?",
        "What two sources of one domain differ by, against what they tell; one point a run, its window's energy.",
        f"Bland-Altman plots. {read}",
        functools.partial(draw_agreement, study.agreement, pairs, **given),
        section="quality",
    )
