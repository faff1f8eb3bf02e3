"""Who told what: each domain by each source, which of them is compared, and what the others say beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from analysis.findings import Recorded, Source
from analysis.sensor_class import class_of
from analysis.statistics.describe import mean
from analysis.statistics.paired import paired_ratio
from harness.domains import Choice

COMPARED, BESIDE, NOT_SUMMED = "compared", "stands beside it", "not in the sum"

Key = tuple[str, str, str]
"""Domain, origin and quality."""


def keys_of(choice: Choice) -> list[Key]:
    """Every (domain, origin, quality) of a night: domain by domain, the chosen source first."""
    return [
        (source.domain, origin, quality)
        for source in choice.sources
        for origin, quality in ((source.origin, source.quality), *source.others)
    ]


def standing(key: Key, choice: Choice) -> str:
    """Whether a source is what is compared."""
    domain, *_ = key
    if domain not in choice.domains:
        return NOT_SUMMED
    return COMPARED if key in {source.key for source in choice.summed} else BESIDE


def sources(windows: pd.DataFrame, choice: Choice) -> list[Source]:
    """One record a (domain, origin, quality) of ``windows``, the energy frame's rows of the runs' windows."""
    found: list[Source] = []
    for key, rows in by_key(windows, keys_of(choice)):
        domain, origin, quality = key
        read_from = "; ".join(dict.fromkeys(rows.source))
        its = class_of(origin, quality, read_from)
        refresh_s = float(rows.refresh_s.median()) if rows.refresh_s.notna().any() else None
        found.append(
            Source(
                domain=domain,
                origin=origin,
                quality=quality,
                standing=standing(key, choice),
                read_from=read_from,
                refresh_s=refresh_s,
                runs=int(rows.energy_J.notna().sum()),
                sensor_class=str(its),
                class_low=its.low,
                class_high=its.high,
                class_words=its.words,
                stated_by=its.stated_by,
            )
        )
    return found


def recorded(
    windows: pd.DataFrame, choice: Choice, runs: pd.DataFrame, configurations: Sequence[str], level: float
) -> list[Recorded]:
    """The mean energy of each source over the runs of the headline, by configuration, and its ratio to the chosen one.

    ``runs`` are those of the headline (run, configuration). A ratio is taken within each run, as geometric mean with
    its interval; sums are never made.
    """
    names = dict(zip(runs.run, runs.configuration, strict=True))
    mine = windows[windows.run.isin(names) & windows.energy_J.notna()]
    of_key = dict(by_key(mine, keys_of(choice)))
    chosen = {source.domain: source.key for source in choice.summed}
    found: list[Recorded] = []
    for name in configurations:
        of = {run for run, configuration in names.items() if configuration == name}
        for key, rows in of_key.items():
            there = rows[rows.run.isin(of)]
            if there.empty:
                continue
            domain, origin, quality = key
            base = of_key.get(chosen.get(domain, key))
            ratio = None
            if domain in chosen and key != chosen[domain] and base is not None:
                both = _both(there, base)
                ratio = paired_ratio(both.energy_J, both.energy_J_other, level).estimate
            bounds = there.uncertainty_J.to_numpy(dtype=float)
            found.append(
                Recorded(
                    configuration=name,
                    domain=domain,
                    origin=origin,
                    quality=quality,
                    standing=standing(key, choice),
                    energy=mean(there.energy_J, "J", level),
                    bound_J=float(np.mean(bounds)) if np.all(np.isfinite(bounds)) else None,
                    sensor_class=str(class_of(origin, quality, "; ".join(dict.fromkeys(there.source)))),
                    ratio=ratio,
                )
            )
    return found


def _both(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """The energies of the runs that both have, as energy_J and energy_J_other."""
    columns = ["run", "energy_J"]
    return one[columns].merge(other[columns], on="run", suffixes=("", "_other"))


def by_key(windows: pd.DataFrame, keys: Iterable[Key]) -> Iterator[tuple[Key, pd.DataFrame]]:
    """The rows of each of ``keys`` that has any, in their order."""
    grouped = dict(iter(windows.groupby(["domain", "origin", "quality"], sort=False)))
    for key in keys:
        if key in grouped:
            yield key, grouped[key]


def absolute_class(found: Iterable[Source]) -> str:
    """The classes of what is compared, for the end of a sentence: "gpu0 by nvml -6 to -2 %"; empty for nothing."""
    compared = [source for source in found if source.standing == COMPARED]
    return "; ".join(
        f"{item.domain}{f' by {item.origin}' if item.origin else ''} {item.sensor_class}" for item in compared
    )
