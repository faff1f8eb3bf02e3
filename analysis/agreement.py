"""Do the instruments of a night agree? Several tellings of one stretch of one run, on one clock; one pair a run.

::

    one domain, two sources     energibridge / nvml of gpu0        ratio, bias and limits, correlations
    one sensor                  trace / counter of gpu0 by nvml    the same, as consistency, which is not accuracy
    around the sum              wall by meter / gpu0 + package-0   ratio and correlations: about different things

The unit is the window's energy of a run, never a sample. Runs of all configurations stand together, so that a
correlation mostly tells how far the configurations lie apart; the one within configurations does not.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.findings import Agreement
from analysis.sources import Key, by_key, keys_of
from analysis.statistics.agreement import differences_pct, limits_of_agreement, pearson, ratio_of_means, spearman
from harness.domains import MODELLED, Choice, contains, named

TWO_SOURCES = "one domain, two sources"
ONE_SENSOR = "one sensor: counter and trace"
AROUND = "around the sum"
POINTS = ("domain", "one", "other", "run", "configuration", "mean_J", "difference_pct")


@dataclass(frozen=True)
class Pair:
    """Two tellings: ``rows`` has run, configuration, one_J and other_J."""

    kind: str
    domain: str
    one: str
    other: str
    modelled: bool
    rows: pd.DataFrame


@dataclass(frozen=True)
class Agreements:
    """What the instruments say of one another, and the points behind it."""

    found: tuple[Agreement, ...]
    points: pd.DataFrame
    """Of two sources of one domain: one row a run, with the columns of POINTS."""


def agreements(
    windows: pd.DataFrame, choice: Choice, totals: pd.Series[float], runs: pd.DataFrame, level: float
) -> Agreements:
    """Every pair of tellings that the ``runs`` (run, configuration) hold.

    ``windows``: the energy frame's rows of the runs' windows; ``totals``: the compared energy by run, J.
    """
    names = dict(zip(runs.run, runs.configuration, strict=True))
    of = {key: rows.set_index("run") for key, rows in by_key(windows, keys_of(choice))}
    pairs = [
        Pair(
            TWO_SOURCES,
            key[0],
            named(key[1], key[2]),
            named(base[1], base[2]),
            MODELLED in (key[2], base[2]),
            _both(of[key].energy_J, of[base].energy_J, names),
        )
        for base, key in itertools.combinations(of, 2)
        if base[0] == key[0]
    ]
    pairs += [*_consistency(of, names), *_around(of, choice, totals, names)]
    pairs = [pair for pair in pairs if len(pair.rows)]
    return Agreements(tuple(_agreement(pair, level) for pair in pairs), _points(pairs))


def _both(one: pd.Series[float], other: pd.Series[float], configurations: Mapping[str, str]) -> pd.DataFrame:
    """The runs that have both, in their order."""
    both = pd.DataFrame({"one_J": one, "other_J": other}).dropna()
    both = both[(both > 0).all(axis=1)]
    rows = both.loc[[run for run in configurations if run in both.index]].rename_axis("run").reset_index()
    return rows.assign(configuration=[configurations[run] for run in rows["run"]])


def _consistency(of: Mapping[Key, pd.DataFrame], names: Mapping[str, str]) -> Iterator[Pair]:
    """Trace against counter of each source that has both: the run's energy over its own ratio, and as it is."""
    for (domain, origin, quality), rows in of.items():
        told = rows[rows.counter_ratio > 0]
        if len(told):
            both = _both(told.energy_J / told.counter_ratio, told.energy_J, names)
            trace = f"trace of {named(origin, quality)}"
            yield Pair(ONE_SENSOR, domain, trace, "its counter", quality == MODELLED, both)


def _around(
    of: Mapping[Key, pd.DataFrame], choice: Choice, totals: pd.Series[float], names: Mapping[str, str]
) -> Iterator[Pair]:
    """What encloses everything that is summed, against the sum."""
    for (outer, origin, quality), rows in of.items():
        if choice.domains and all(contains(outer, domain) for domain in choice.domains):
            added = f"{' + '.join(choice.domains)}, as compared{' (modelled)' if choice.quality == MODELLED else ''}"
            modelled = MODELLED in (quality, choice.quality)
            yield Pair(AROUND, outer, named(origin, quality), added, modelled, _both(rows.energy_J, totals, names))


def _agreement(pair: Pair, level: float) -> Agreement:
    one, other = pair.rows.one_J.to_numpy(dtype=float), pair.rows.other_J.to_numpy(dtype=float)
    groups = pair.rows.configuration.tolist()
    limits = limits_of_agreement(differences_pct(one, other), "%", level) if pair.kind != AROUND else None
    return Agreement(
        kind=pair.kind,
        domain=pair.domain,
        one=pair.one,
        other=pair.other,
        modelled=pair.modelled,
        ratio=ratio_of_means(one, other, level),
        pearson=pearson(one, other, level),
        spearman=spearman(one, other, level),
        within=pearson(one, other, level, groups=groups),
        bias=limits.bias if limits else None,
        lower=limits.lower if limits else None,
        upper=limits.upper if limits else None,
    )


def _points(pairs: Sequence[Pair]) -> pd.DataFrame:
    frames = [
        pd.DataFrame(
            {
                "domain": pair.domain,
                "one": pair.one,
                "other": pair.other,
                "run": pair.rows["run"],
                "configuration": pair.rows["configuration"],
                "mean_J": (pair.rows.one_J + pair.rows.other_J) / 2,
                "difference_pct": differences_pct(pair.rows.one_J, pair.rows.other_J),
            }
        )
        for pair in pairs
        if pair.kind == TWO_SOURCES
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(POINTS))
