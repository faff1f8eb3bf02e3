"""The figures of what happens inside the runs: power over time, within a phase, by epoch, and its dips."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.curve import RunBins, aligned_bins, band, complete, window_bins
from analysis.dip_search import REFRESHES, SHARE
from analysis.epochs import means_frame
from analysis.explore.epochs import explore_energies, explore_learning
from analysis.explore.power import explore_power
from analysis.figures.dips import draw_dips
from analysis.figures.energies import draw_energies, draw_rates
from analysis.figures.epochs import by_epoch, draw_epochs, left_out
from analysis.figures.power import draw_power
from analysis.illustration import Illustration, unstamped
from analysis.load import Night
from analysis.numbers import estimate
from analysis.statistics.bands import FEWEST_FLIPPED
from analysis.study import Study
from analysis.traces import EPOCH, Grid

SECTION = "time"
STEMS = ("power", "phase", "energies", "rates", "epochs", "losses", "dips")
_NAMED = 8
_LEAST_SHARE_PCT = 0.05
"""Dips of a smaller part of every window are counted in their table, and not drawn."""

Given = dict[str, Any]


def power(night: Night, study: Study, given: Given) -> Illustration | None:
    """Mean power over the window."""
    curve = study.curve
    if not curve["power_W"].notna().any():
        return None
    grid = study.traces.grid
    bins = window_bins(study.traces.runs, _headline(study), study.choice)
    windows = study.runs[study.runs["state"] == "headline"]["window"]
    window = next((name for name in windows if name), "the workload")
    words: Given = {
        "quantity": f"power of {_domains(study)}",
        "origin": f"the begin of {window}",
        "band": _pointwise(study),
        "every": _every(study, bins),
    }
    notes = [_wider(night, grid.times)] if grid.times > 1 else []
    draw = functools.partial(draw_power, curve, bin_s=grid.bin_s, notes=notes, **_refresh(bins), **words, **given)
    return Illustration(
        "power",
        "Power over time",
        f"Mean power over the runs of the headline, from the begin of {window}.",
        f"Mean power of {_domains(study)} over time, one curve a configuration.",
        draw,
        functools.partial(explore_power, curve, **words, **unstamped(given)),
    )


def inside(night: Night, study: Study, rows: pd.DataFrame, given: Given) -> list[Illustration]:
    """Every other figure of what happens inside the runs; ``rows`` as ``observations`` gives them."""
    found = (
        _phase(night, study, given),
        _energies(study, given),
        _rates(study, given),
        *_learning(night, rows, given),
        _dips(study, given),
    )
    return [item for item in found if item is not None]


def _phase(night: Night, study: Study, given: Given) -> Illustration | None:
    grid, runs = study.traces.grid, _headline(study)
    bins = aligned_bins(study.traces.runs, runs, study.choice)
    if not bins:
        return None
    counts = [study.traces.runs[item.run].occurrences for item in bins]
    several = max(counts) > 1
    over = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    name = f"an {grid.align}" if grid.align[:1] in "aeiou" else f"a {grid.align}"
    notes = [
        f"Each run is the mean over its {over} occurrences of {grid.align}, in the bins that half of them reach; the "
        "band is over runs."
        if several
        else "The band is over runs.",
        *_aligned(night, grid),
    ]
    curve = band(bins, _level(study))
    words: Given = {
        "quantity": f"power of {_domains(study)}",
        "origin": f"the begin of {name}",
        "band": _pointwise(study),
        "every": _every(study, bins),
    }
    draw = functools.partial(
        draw_power, curve, bin_s=grid.aligned_bin_s, whole=False, notes=notes, **_refresh(bins), **words, **given
    )
    return Illustration(
        "phase",
        f"Power within {name}",
        f"Mean power from the begin of {name}, over the epochs of a run and then over runs."
        if grid.align == EPOCH
        else f"Mean power from the begin of {name}, over its occurrences in a run and then over runs.",
        f"Mean power of {_domains(study)} within {name}, one curve a configuration.",
        draw,
        functools.partial(explore_power, curve, **words, **unstamped(given)),
        section=SECTION,
    )


def _energies(study: Study, given: Given) -> Illustration | None:
    found = study.findings.temporal
    means = means_frame(found.epochs) if found is not None else pd.DataFrame()
    if found is None or means.empty or not means["cumulative_J"].notna().any():
        return None
    notes = [f"Accuracy: {found.accuracy} at each epoch, over all energy until then."] if found.accuracy else []
    words: Given = {
        "quantity": f"energy of {_domains(study)}",
        "band": f"{100 * _level(study):g} % interval of the mean",
    }
    return Illustration(
        "energies",
        "Energy, epoch by epoch",
        "Mean energy of each epoch, and of all epochs until then, over the runs of the headline.",
        "Energy of each epoch and cumulative energy, one line a configuration.",
        functools.partial(draw_energies, means, notes=notes, **words, **given),
        functools.partial(explore_energies, means, **words, **unstamped(given)),
        section=SECTION,
    )


def _rates(study: Study, given: Given) -> Illustration | None:
    found = study.findings.temporal
    told = [item for item in found.rates if item.slope.value is not None] if found is not None else []
    if not told:
        return None
    read = "; ".join(f"{item.configuration}: {estimate(item.slope)} Wh" for item in told[:_NAMED])
    return Illustration(
        "rates",
        "What a further epoch costs",
        "Growth of energy from epoch to epoch.",
        f"Energy of a further epoch. {read}",
        functools.partial(draw_rates, told, quantity=f"energy of {_domains(study)}", **given),
        section=SECTION,
    )


def _learning(night: Night, rows: pd.DataFrame, given: Given) -> list[Illustration]:
    usable = rows[rows["eligible"]]
    configuration = dict(zip(usable["run"], usable["configuration"], strict=True))
    phases = night.phases
    phases = phases[phases["run"].isin(configuration)]
    learning = by_epoch(phases.assign(configuration=phases["run"].map(configuration)))
    if learning.empty:
        return []
    learnt = Illustration(
        "epochs",
        "Learning, epoch by epoch",
        "What the workload reported at the end of each epoch.",
        "Loss and accuracy per epoch, one curve a configuration.",
        functools.partial(draw_epochs, learning, **given),
        functools.partial(explore_learning, learning, **unstamped(given)),
        section=SECTION,
    )
    losses = [
        Illustration(
            "losses",
            "Loss, epoch by epoch",
            "The same of the loss: of so many configurations one figure holds one of the two.",
            "Loss per epoch, a panel a configuration.",
            functools.partial(draw_epochs, learning, metric=kind, **given),
            section=SECTION,
        )
        for kind in left_out(learning)
    ]
    return [learnt, *losses]


def _dips(study: Study, given: Given) -> Illustration | None:
    frame = dips_frame(study)
    if frame.empty:
        return None
    notes = [
        f"A dip: power below {100 * SHARE:g} % of the run's own median for at least {REFRESHES:g} refreshes of the"
        " sensor."
    ]
    windows = study.runs[study.runs["state"] == "headline"]["window"]
    window = next((name for name in windows if name), "the workload")
    return Illustration(
        "dips",
        "When power dips",
        "The part of the runs whose power is far below its own level, at each time.",
        "Dips of power over the window, one strip a configuration.",
        functools.partial(draw_dips, frame, origin=f"the begin of {window}", notes=notes, **given),
        section=SECTION,
    )


def dips_frame(study: Study) -> pd.DataFrame:
    """configuration, domain, t_s, share_pct: of the runs' time in each bin, what part lies in a dip.

    Only domains that dip for more than ``_LEAST_SHARE_PCT`` of some configuration's windows.
    """
    frames: list[pd.DataFrame] = []
    grid = study.traces.grid
    runs = _headline(study)
    of: dict[tuple[str, str], list[np.ndarray]] = {}
    for _, trace, chosen in complete(study.traces.runs, runs, study.choice):
        for source, meter in zip(study.choice.summed, chosen, strict=True):
            if meter.dips is not None:
                of.setdefault((source.domain, trace.configuration), []).append(meter.dips.share)
    dipping = {
        domain for (domain, _), shares in of.items() if 100 * np.mean([s.mean() for s in shares]) > _LEAST_SHARE_PCT
    }
    for (domain, configuration), shares in of.items():
        if domain in dipping:
            table = np.full((len(shares), max(map(len, shares))), np.nan)
            for row, share in zip(table, shares, strict=True):
                row[: len(share)] = share
            times = (np.arange(table.shape[1]) + 0.5) * grid.bin_s
            mean = 100 * np.nanmean(table, axis=0)
            frames.append(
                pd.DataFrame({"configuration": configuration, "domain": domain, "t_s": times, "share_pct": mean})
            )
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["configuration"])


def _headline(study: Study) -> list[str]:
    found: list[str] = study.runs.loc[study.runs["state"] == "headline", "run"].tolist()
    return found


def _level(study: Study) -> float:
    return float(study.findings.design.get("level", 0.95))


def _domains(study: Study) -> str:
    return " + ".join(study.choice.domains)


def _pointwise(study: Study) -> str:
    return f"pointwise {100 * _level(study):g} % band over runs"


def _every(study: Study, bins: Sequence[RunBins]) -> str:
    """What the simultaneous band is called: by its method, which few runs change."""
    counts = [sum(item.configuration == name for item in bins) for name in {item.configuration for item in bins}]
    how = {"sup-t" if count >= FEWEST_FLIPPED else "Bonferroni" for count in counts if count > 1}
    return f"simultaneous {100 * _level(study):g} % band ({' or '.join(sorted(how, reverse=True))})"


def _refresh(bins: Sequence[RunBins]) -> dict[str, Any]:
    slowest = max(bins, key=lambda item: -1.0 if math.isnan(item.refresh_s) else item.refresh_s)
    known = not math.isnan(slowest.refresh_s)
    return {"refresh_s": slowest.refresh_s if known else None, "counter": slowest.is_counter}


def _aligned(night: Night, grid: Grid) -> list[str]:
    """Why the bins of a phase are not as wide as the protocol's."""
    asked_s = night.protocol.analysis.bin_ms / 1000
    if grid.aligned_bin_s < asked_s * (1 - 1e-9):
        return [
            f"The protocol's bins of {asked_s:g} s are too long for so short a phase: these are as fine as its length "
            "and the sensors' refresh allow."
        ]
    return [_wider(night, grid.aligned_times)] if grid.aligned_times > 1 else []


def _wider(night: Night, times: int) -> str:
    asked_s = night.protocol.analysis.bin_ms / 1000
    return f"{times} of the protocol's bins of {asked_s:g} s are drawn as one: a page has not enough pixels for each."
