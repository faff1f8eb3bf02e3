"""Which runs are in the headline, which are not, and by which rule. Runs are marked, never deleted.

A run is left out because of what it is (discarded, superseded, invalid, failed, without a value), or because the
declared outlier rule flags it. Rules beside the declared one only mark. The rule is applied once, to the values as they
are, each configuration by itself, as its user asked; the z of the residual after configuration and block stands beside
it, since drift hides a wild run from the plain z. A wild run shifts the residuals of its whole block: only the largest
of a block mark. With two configurations the two mirror each other: both are marked, and it is said that it cannot be
told which of the two is wild.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.findings import Exclusion
from analysis.load import Night
from analysis.node_strata import declared_unlike, strata
from analysis.numbers import significant
from analysis.response import Response
from analysis.statistics.outliers import clean_flag_rate, hidden_from, largest_z, mad_scores, z_scores
from analysis.statistics.scatter import largest
from analysis.statistics.terms import residuals

if TYPE_CHECKING:
    from harness.protocol_model import Outliers

Row = dict[Hashable, Any]

Z_BESIDE, MAD_BESIDE = 3.0, 3.5
"""Thresholds of the rules that only mark. 3.5: B. Iglewicz and D. Hoaglin, How to Detect and Handle Outliers, 1993."""

FOREMOST = 2 / 3
"""A wild run of k in a block leaves the others 1/(k-1) of its own residual, which is no sign that they are wild."""


@dataclass(frozen=True)
class Assessment:
    """The runs of a night with their standing in the comparison of one response."""

    runs: pd.DataFrame
    """Every run: the columns of ``night.runs`` with value, state (headline | outlier | excluded), rule (why it is not
    in the headline, else ""), eligible (whether it would be but for the outlier rule), z, z_residual, mad."""
    exclusions: tuple[Exclusion, ...]
    rule: Mapping[str, Any] = field(default_factory=dict)
    """What the outlier rule is and what it can do at this n; ``Findings.outlier_rule``."""

    @property
    def headline(self) -> pd.DataFrame:
        """The runs of the headline."""
        return self.runs[self.runs.state == "headline"]

    @property
    def eligible(self) -> pd.DataFrame:
        """The same with the outliers left in."""
        return self.runs[self.runs.eligible]


def assess(
    night: Night,
    response: Response,
    outliers: Outliers,
    contrasts: Iterable[tuple[str, str]] = (),
    *,
    scored: Response | None = None,
) -> Assessment:
    """Mark the runs of ``night`` for the comparison of ``response`` over ``contrasts`` (configuration, baseline).

    ``scored``: what the outlier rule is applied to, where that is not what is compared. A run without it has no score.
    """
    runs = night.runs
    scored = response if scored is None else scored
    runs["value"] = runs.run.map(response.values).astype(float)
    runs["scored"] = runs.run.map(scored.values).astype(float)
    if night.joined:  # a run is wild among those of its own night
        runs["night"] = [record.night for record in night.records.values()]
    elif declared_unlike(night):  # or among those of its own kind of node
        runs["night"] = runs.run.map(strata(night)).fillna("")
    standing = [_standing(row, response.why.get(row["run"], "")) for row in _rows(runs)]
    runs["rule"] = [rule for rule, _ in standing]
    reasons = {run: reason for run, (_, reason) in zip(runs.run, standing, strict=True)}
    for run in _repeated(runs):
        runs.loc[runs.run == run, "rule"] = "superseded"
        reasons[run] = "a later attempt of its slot counts"
    runs["eligible"] = runs.rule == ""
    told = runs[runs.eligible & runs.scored.notna()]
    runs = runs.assign(**_scores(told, outliers.ddof, blocked=night.blocked))
    flags = _flags(runs, outliers)
    runs.loc[flags[outliers.rule], "rule"] = f"outlier-{outliers.rule}"
    runs["state"] = np.where(runs.eligible, np.where(runs.rule == "", "headline", "outlier"), "excluded")
    for row in _unpaired(runs[runs.state == "headline"], tuple(contrasts)) if night.blocked else []:
        reasons[row["run"]] = f"block {row['block']} has no other run to pair it with"
    exclusions = [
        _exclusion(row, rule, reason, response.unit, in_headline=in_headline)
        for row, rule, reason, in_headline in _reasons(runs, reasons, flags, outliers, scored, blocked=night.blocked)
    ]
    return Assessment(runs.drop(columns=["scored", "foremost"]), tuple(exclusions), _about(runs, outliers, scored))


def _rows(frame: pd.DataFrame) -> list[Row]:
    return frame.to_dict("records")


def _standing(row: Row, why: str) -> tuple[str, str]:
    """The rule that leaves a run out for what it is, and the reason; two empty texts where none does."""
    told = {
        "discarded": "a warm-up run",
        "superseded": "its block was begun anew",
        "invalid": row["verdicts"] or row["reason"] or "the judge found its measurement spoilt",
    }
    if row["validity"] in told:
        return row["validity"], told[row["validity"]]
    if row["status"] != "completed":
        return "failed", f"{row['status']}: {row['reason']}" if row["reason"] else row["status"]
    return ("no-energy", why or "it has no value") if math.isnan(row["value"]) else ("", "")


def _repeated(runs: pd.DataFrame) -> list[str]:
    """Usable runs whose slot has a later usable attempt."""
    usable = runs[runs.rule == ""].sort_values("attempt", kind="stable")
    return usable[usable.duplicated("slot", keep="last")].run.tolist()


def _scores(eligible: pd.DataFrame, ddof: int, *, blocked: bool) -> dict[str, pd.Series[float]]:
    """z, residual z and MAD score of each eligible run within its configuration; NaN where there is none.

    ``foremost``: the run's residual as a part of the largest in its block (1 where there are no blocks).
    """
    scores = {name: pd.Series(math.nan, index=eligible.index) for name in ("z", "z_residual", "mad", "foremost")}
    if eligible.empty:
        return scores
    values = eligible.scored.to_numpy(dtype=float)
    block = eligible.block.tolist() if blocked else None
    scale = np.log(values) if values.min() > 0 else values
    left = pd.Series(residuals(scale, eligible.configuration.tolist(), block), index=eligible.index)
    alone = ~eligible.duplicated("block", keep=False) if blocked else pd.Series(False, index=eligible.index)
    for _, rows in eligible.groupby(_own(eligible), sort=False):
        mine = rows.scored.to_numpy(dtype=float)
        beside = rows.index[~alone[rows.index]]  # a run alone in its block leaves no residual
        for name, index, found in (
            ("z", rows.index, z_scores(mine, ddof)),
            ("z_residual", beside, z_scores(left[beside].to_numpy(), ddof, largest(scale, np.ones(1)))),
            ("mad", rows.index, mad_scores(mine)),
        ):
            if found is not None:
                scores[name][index] = found
    sizes = left.abs()
    scores["foremost"] = sizes / sizes.groupby(eligible.block).transform("max") if blocked else sizes * 0 + 1
    return scores


def _own(runs: pd.DataFrame) -> list[str]:
    """What tells apart the runs among which a run may be wild."""
    return ["configuration", "night"] if "night" in runs else ["configuration"]


def _flags(runs: pd.DataFrame, outliers: Outliers) -> dict[str, pd.Series[bool]]:
    """Which runs each rule flags: the declared one by its threshold, the others by their customary one."""
    z = outliers.threshold if outliers.rule == "z" else Z_BESIDE
    mad = outliers.threshold if outliers.rule == "mad" else MAD_BESIDE
    return {
        "z": runs.z.abs() > z,
        "mad": runs["mad"].abs() > mad,
        "residual": (runs.z_residual.abs() > z) & (runs.foremost > FOREMOST),
        "none": pd.Series(False, index=runs.index),
    }


def _reasons(
    runs: pd.DataFrame,
    reasons: Mapping[str, str],
    flags: Mapping[str, pd.Series[bool]],
    outliers: Outliers,
    scored: Response,
    *,
    blocked: bool,
) -> Iterable[tuple[Row, str, str, bool]]:
    """One (row, rule, reason, in_headline) for each run that is left out or marked, in the order of the night.

    A run of the headline that ``reasons`` names has nothing to be paired with; what flags it stands in the same row.
    """
    fellows = {str(name): rows.scored.dropna() for name, rows in runs[runs.eligible].groupby("configuration")}
    in_order = _rows(runs.sort_values("order", kind="stable"))
    places = {row["run"]: place for place, row in enumerate(in_order)}
    flagged = {name: flags[name].tolist() for name in ("z", "mad", "residual")}
    beside = runs[runs.eligible].groupby("block").run.size() if blocked else pd.Series(dtype=int)
    for place, row in enumerate(_rows(runs)):
        if not row["eligible"]:
            yield row, row["rule"], reasons[row["run"]], False
            continue
        by = [name for name, marks in flagged.items() if marks[place]]
        leaves = row["state"] == "outlier"
        alone = "" if leaves else reasons[row["run"]]
        if not by:
            if alone:
                yield row, "unpaired", alone, False
            continue
        mine = fellows[row["configuration"]]
        evidence = [
            f"flagged by {', '.join(by)}: {scored.name} {significant(row['scored'])} against a mean of "
            f"{significant(mine.mean())} over {mine.size} runs of {row['configuration']}",
            *([_EITHER] if "residual" in by and beside.get(row["block"], 0) == _PAIR else []),
            *_evidence(row),
            *_neighbours(in_order, places[row["run"]]),
        ]
        if alone:
            yield row, "unpaired", "; ".join([alone, *evidence]), False
            continue
        evidence.append(
            f"it leaves the headline by the rule {outliers.rule}" if leaves else "marked only, it stays in the headline"
        )
        yield row, row["rule"] if leaves else f"outlier-{by[0]}", "; ".join(evidence), not leaves


_PAIR = 2
_EITHER = "of the two runs of a block the residual cannot tell which is wild: the two are the same but for the sign"


def _evidence(row: Row) -> list[str]:
    found = [f"verdicts: {row['verdicts'] or 'none'}"]
    prefix = "start_temperature_C."
    warm = {str(name): value for name, value in row.items() if str(name).startswith(prefix) and not math.isnan(value)}
    return found + [f"{name.removeprefix(prefix)} at {value:.0f} °C when it began" for name, value in warm.items()]


def _neighbours(in_order: Sequence[Row], place: int) -> list[str]:
    """The runs before and after a flagged one, and how far they are from their own fellows: a cause may span runs."""
    found = []
    for word, other in (("before", place - 1), ("after", place + 1)):
        if not 0 <= other < len(in_order):
            found.append(f"no run {word} it")
            continue
        row = in_order[other]
        z = "without a z" if math.isnan(row["z"]) else f"z {significant(row['z'], 2)}"
        found.append(f"{word} it {row['slot']} {row['configuration']} ({z})")
    return [f"in order: {', '.join(found)}"]


def _unpaired(headline: pd.DataFrame, contrasts: Sequence[tuple[str, str]]) -> list[Row]:
    """The headline's runs that stand in no contrast of their block."""
    there = set(zip(headline.block, headline.configuration, strict=True))
    partners: dict[str, set[str]] = {}
    for one, other in contrasts:
        partners.setdefault(one, set()).add(other)
        partners.setdefault(other, set()).add(one)
    return [
        row
        for row in _rows(headline)
        if contrasts and not any((row["block"], name) in there for name in partners.get(row["configuration"], ()))
    ]


def _exclusion(row: Row, rule: str, reason: str, unit: str, *, in_headline: bool) -> Exclusion:
    scores = {name: None if math.isnan(row[name]) else float(row[name]) for name in ("value", "z", "z_residual", "mad")}
    return Exclusion(
        run=row["run"],
        configuration=row["configuration"],
        rule=rule,
        reason=reason,
        energy_J=scores["value"] if unit == "J" else None,
        z=scores["z"],
        z_residual=scores["z_residual"],
        mad=scores["mad"],
        in_headline=in_headline,
    )


def _about(runs: pd.DataFrame, outliers: Outliers, scored: Response) -> dict[str, Any]:
    """What the declared rule is, and what it can and cannot do at this n."""
    there = runs[runs.eligible & runs.scored.notna()]
    sizes = there.groupby(_own(there), sort=False).size()
    counts = {str(name): int(size) for name, size in sizes.groupby(level=0, sort=False).max().items()}
    largest_by = {name: largest_z(n, outliers.ddof) for name, n in counts.items()}
    known = [value for value in largest_by.values() if value is not None]
    z = outliers.threshold if outliers.rule == "z" else Z_BESIDE
    mad = outliers.threshold if outliers.rule == "mad" else MAD_BESIDE
    clean = {
        "z": clean_flag_rate(counts.values(), "z", z, outliers.ddof),
        "mad": clean_flag_rate(counts.values(), "mad", mad, outliers.ddof),
        "none": 0.0,
    }
    can = {
        "z": {name for name, value in largest_by.items() if value is not None and value > z},
        "mad": {name for name, n in counts.items() if n > 2},
        "none": set[str](),
    }[outliers.rule]
    flagged = runs[runs.state == "outlier"]
    return {
        "rule": outliers.rule,
        "threshold": outliers.threshold,
        "ddof": outliers.ddof,
        "response": scored.name,
        "n": counts,
        "largest_z": max(known, default=None),
        "unscored": int((runs.eligible & runs.scored.isna()).sum()),
        "could_fire": bool(can),
        "cannot_fire_for": [name for name in counts if name not in can],
        "hidden_from": {name: hidden_from(n, z, outliers.ddof) for name, n in counts.items() if n > 1},
        "without_mad": [name for name, rows in there.groupby("configuration", sort=False) if rows["mad"].isna().all()],
        "clean_flag_rate": clean[outliers.rule],
        "clean_flag_rate_z": clean["z"],
        "clean_flag_rate_mad": clean["mad"],
        "flagged": [str(run) for run in flagged.run],
    }
