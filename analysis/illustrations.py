"""Which figures a report holds, in which order, and what stands beside each: a night and its study -> illustrations."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.agreement import TWO_SOURCES
from analysis.curve import RunBins, band, run_bins
from analysis.explore.accuracy import explore_accuracy
from analysis.explore.chart import Chart
from analysis.explore.distribution import explore_distribution
from analysis.explore.drift import explore_drift
from analysis.explore.power import explore_power
from analysis.figures.accuracy import draw_accuracy
from analysis.figures.agreement import draw_agreement
from analysis.figures.distribution import draw_distribution
from analysis.figures.drift import draw_drift
from analysis.figures.epochs import by_epoch, draw_epochs
from analysis.figures.pairs import draw_pairs
from analysis.figures.power import draw_power
from analysis.figures.ratios import draw_decomposition, draw_ratios
from analysis.findings import Comparison
from analysis.listings.rows import capital
from analysis.load import Night
from analysis.numbers import estimate
from analysis.observations import drawn
from analysis.response import ENERGY
from analysis.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEMS = ("ratios", "distribution", "accuracy", "power", "pairs", "decomposition", "epochs", "drift", "agreement")
_MOST_BINS = 1200
"""More bins than a page has pixels are drawn wider, and that is said."""
_NAMED = 8
"""So many configurations at most are read out where a figure cannot be seen."""


@dataclass(frozen=True)
class Illustration:
    """One figure of a report: its file's stem, what stands above and below it, and how it is drawn."""

    stem: str
    title: str
    caption: str
    alternative: str
    """What it shows, for those who cannot see it."""
    draw: Callable[[], Figure]
    explore: Callable[[], Chart] | None = None
    """The same to explore on the page, where it can be."""
    section: str = "figures"
    """The section of the page in which it stands."""


def illustrations(night: Night, study: Study, rows: pd.DataFrame) -> list[Illustration]:
    """The figures that this night has something to show in; ``rows`` as ``observations`` gives them."""
    given = {"configurations": night.configurations, "stamp": study.findings.first_line}
    of_response = {"quantity": study.response.label, "unit": study.response.unit, **given}
    shown = drawn(rows)
    found = (
        _ratios(study),
        _distribution(study, shown, of_response),
        _accuracy(night, study, shown, of_response),
        _power(night, study, rows, given) if night.imported.get("sampled", True) else None,
        _pairs(night, study, shown, of_response),
        _decomposition(study),
        _epochs(night, rows, given),
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
        functools.partial(explore_distribution, shown, **_unstamped(given)),
    )


def _ratios(study: Study) -> Illustration | None:
    told = [item for item in study.findings.comparisons if item.ratio.value is not None]
    if not told:
        return None
    read = "; ".join(f"{item.configuration} / {item.baseline}: {estimate(item.ratio)}" for item in told[:_NAMED])
    return Illustration(
        "ratios",
        "Ratios with their intervals",
        f"Each configuration against its baseline: {study.response.label}. Below each, the same with all runs.",
        f"Ratios: {read}",
        functools.partial(
            draw_ratios, study.findings.comparisons, quantity=study.response.label, stamp=study.findings.first_line
        ),
    )


def _power(night: Night, study: Study, rows: pd.DataFrame, given: dict[str, Any]) -> Illustration | None:
    headline = rows[rows["state"] == "headline"]
    if headline.empty or not study.choice.domains:
        return None
    asked_s = night.protocol.analysis.bin_ms / 1000
    longest_s = float(headline["duration_s"].max())
    times = max(1, math.ceil(longest_s / asked_s / _MOST_BINS)) if longest_s > 0 else 1
    bins = run_bins(night, headline["run"], study.choice, bin_s=asked_s * times)
    if not bins:
        return None
    level = study.findings.design.get("level", 0.95)
    window = next((name for name in headline["window"] if name), "the workload")
    domains = " + ".join(study.choice.domains)
    wider = f"{times} of the protocol's bins of {asked_s:g} s are drawn as one: a page has not enough pixels for each."
    curve = band(bins, level)
    words = {
        "quantity": f"power of {domains}",
        "origin": f"the begin of {window}",
        "band": f"pointwise {100 * level:g} % band over runs",
    }
    notes = [wider] if times > 1 else []
    draw = functools.partial(
        draw_power, curve, bin_s=asked_s * times, refresh_s=_refresh(bins), notes=notes, **words, **given
    )
    explore = functools.partial(explore_power, curve, **words, **_unstamped(given))
    caption = f"Mean power over the runs of the headline, from the begin of {window}."
    alternative = f"Mean power of {domains} over time, one curve a configuration."
    return Illustration("power", "Power over time", caption, alternative, draw, explore)


def _unstamped(given: dict[str, Any]) -> dict[str, Any]:
    """The same for a figure on the page, above which the stamp stands already."""
    return {key: value for key, value in given.items() if key != "stamp"}


def _refresh(bins: list[RunBins]) -> float | None:
    return max((item.refresh_s for item in bins if not math.isnan(item.refresh_s)), default=None)


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
        functools.partial(explore_accuracy, shown, study.findings.groups, metric=metric, **_unstamped(given)),
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
    )


def _decomposition(study: Study) -> Illustration | None:
    parted = [item for item in study.findings.comparisons if _has_parts(item)]
    if not parted or study.response.name != ENERGY:
        return None
    return Illustration(
        "decomposition",
        "Less power, or less time?",
        "The energy ratio is the product of the ratios of mean power and of duration.",
        "Ratios of energy, mean power and duration for each comparison.",
        functools.partial(draw_decomposition, parted, stamp=study.findings.first_line),
    )


def _has_parts(item: Comparison) -> bool:
    parts = (item.ratio, item.power_ratio, item.duration_ratio)
    return all(part is not None and part.value is not None for part in parts)


def _epochs(night: Night, rows: pd.DataFrame, given: dict[str, Any]) -> Illustration | None:
    usable = rows[rows["eligible"]]
    configuration = dict(zip(usable["run"], usable["configuration"], strict=True))
    phases = night.phases
    phases = phases[phases["run"].isin(configuration)]
    learning = by_epoch(phases.assign(configuration=phases["run"].map(configuration)))
    if learning.empty:
        return None
    return Illustration(
        "epochs",
        "Epoch by epoch",
        "What the workload reported at the end of each epoch.",
        "Loss and accuracy per epoch, one curve a configuration.",
        functools.partial(draw_epochs, learning, **given),
    )


def _drift(study: Study, shown: pd.DataFrame, given: dict[str, Any]) -> Illustration | None:
    if (shown["state"] == "headline").sum() < 3:
        return None
    return Illustration(
        "drift",
        "The course of the night",
        "Each run against the time at which it began, relative to the mean of its configuration.",
        f"Deviation of each run's {study.response.label} from its configuration's mean, over the night.",
        functools.partial(draw_drift, shown, quantity=study.response.label, **given),
        functools.partial(explore_drift, shown, quantity=study.response.label, **_unstamped(given)),
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
