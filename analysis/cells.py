"""The cells of a grid: every combination of factor levels, with what became of it and why."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from analysis.estimates import Estimate
from analysis.grid_findings import IN_PART, MEASURED, Cell
from analysis.load import Night
from analysis.retirement import retired
from harness.record import Level, RunRecord, Status, Validity

Key = tuple[str, ...]


def text(level: Any) -> str:
    """A level as people read it: as in the name of a configuration."""
    if isinstance(level, bool):
        return "true" if level else "false"
    return level or "(empty)" if isinstance(level, str) else repr(level)


def levels_of(night: Night, factors: Sequence[str]) -> tuple[Key, ...]:
    """The levels of each factor, in the protocol's order, and any others that a night has been made of."""
    planned = night.protocol.factors
    return tuple(
        tuple(
            dict.fromkeys(
                text(level)
                for level in (*planned.get(factor, ()), *(of[factor] for of in night.levels.values() if factor in of))
            )
        )
        for factor in factors
    )


def cells_of(
    night: Night,
    runs: pd.DataFrame,
    factors: Sequence[str],
    levels: Sequence[Key],
    ratios: Mapping[str, Estimate],
) -> Iterator[Cell]:
    """Every combination of ``levels``, the last factor fastest; ``runs`` as ``quality.assess`` leaves them."""
    names = {tuple(text(of[factor]) for factor in factors): name for name, of in night.levels.items()}
    rows = {str(name): part for name, part in runs.groupby("configuration", sort=False)}
    planned = Counter(slot["configuration"] for slot in night.plan["slots"] if slot["block"] > 0)
    begun: dict[str, list[RunRecord]] = {}
    for record in night.records.values():
        if record.block > 0:
            begun.setdefault(record.configuration, []).append(record)
    gone = retired(night)
    for key in itertools.product(*levels):
        name = names.get(key)
        if name is None:
            yield _unplanned(night, factors, key)
            continue
        mine = begun.get(name, [])
        cell = Cell(name, key, planned[name], len(mine), 0, 0, "")
        yield _cell(cell, mine, rows.get(name, runs.head(0)), gone.get(name), ratios.get(name))


def _unplanned(night: Night, factors: Sequence[str], key: Key) -> Cell:
    called = key[0] if len(factors) == 1 else ",".join(f"{a}={b}" for a, b in zip(factors, key, strict=True))
    of = dict(zip(factors, key, strict=True))
    for row in night.protocol.exclude:
        if all(of.get(factor) == text(level) for factor, level in row.items()):
            said = ", ".join(f"{factor} = {text(level)}" for factor, level in row.items())
            return Cell(called, key, 0, 0, 0, 0, "excluded", f"by the protocol's exclude: {said}")
    return Cell(called, key, 0, 0, 0, 0, "not planned", "the night's plan does not hold it")


def _cell(
    empty: Cell,
    begun: Sequence[RunRecord],
    rows: pd.DataFrame,
    fault: str | None,
    ratio: Estimate | None,
) -> Cell:
    valid = sum(record.validity is Validity.VALID and record.status is Status.COMPLETED for record in begun)
    headline = int((rows.state == "headline").sum())
    hint = next((record.hint for record in reversed(begun) if record.hint), "")
    planned = empty.planned
    lost = _lost(planned, begun, rows, headline)
    if fault is not None:
        outcome, reason = "retired", f"{fault} in its first two runs"
    elif headline >= planned:
        outcome, reason = MEASURED, ""
    elif headline:
        outcome, reason = IN_PART, _listed(lost)
    elif not begun:
        outcome, reason = "not run", "the night ended before it"
    else:
        outcome = _outcome(begun, valid, rows)
        last = next((record.reason for record in reversed(begun) if record.reason), "")
        reason = "; ".join(part for part in (_listed(lost), last) if part)
    there = ratio if headline else None
    return replace(empty, valid=valid, headline=headline, outcome=outcome, reason=reason, hint=hint, ratio=there)


def _outcome(begun: Sequence[RunRecord], valid: int, rows: pd.DataFrame) -> str:
    """What became of a configuration of which no run stands in the headline."""
    if valid:
        return "flagged" if (rows.state == "outlier").any() else "no value"
    last = [record for record in begun if record.validity is not Validity.SUPERSEDED] or begun
    if all(record.status is Status.REFUSED for record in last):
        return "refused"
    if all(record.validity is Validity.INVALID for record in last):
        return "invalid"
    return "failed"


def _lost(planned: int, begun: Sequence[RunRecord], rows: pd.DataFrame, headline: int) -> Counter[str]:
    """What became of the slots that are not in the headline: word -> count."""
    lost: Counter[str] = Counter()
    last = {record.slot: record for record in begun if record.validity is not Validity.SUPERSEDED}
    for record in last.values():
        if record.validity is Validity.INVALID and record.status is Status.COMPLETED:
            why = next((item.name for item in record.verdicts if item.level is Level.INVALID), "")
            lost[f"invalid ({why})" if why else "invalid"] += 1
        elif record.status is not Status.COMPLETED:
            lost[str(record.status).replace("_", " ")] += 1
    flagged = int((rows.state == "outlier").sum())
    if flagged:
        lost["flagged as an outlier"] += flagged
    left = planned - len(last)
    if left > 0:
        lost["not run"] += left
    rest = planned - headline - sum(lost.values())
    if rest > 0:
        lost["without a value"] += rest
    return lost


def _listed(lost: Counter[str]) -> str:
    return ", ".join(f"{count} {word}" for word, count in lost.items())
