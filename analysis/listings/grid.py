"""The grid in tables: every cell, each factor and interaction, each level's ratio, and the trade-off."""

from __future__ import annotations

import math

from analysis.findings import Findings
from analysis.grid_findings import Grid, Tradeoff, TradeoffPoint
from analysis.listings.rows import Row, capital, keyed, level_of, spread, table_of, why_not
from analysis.numbers import scale
from analysis.tables import Column, Table

EXPLORATORY = "The protocol's analysis plan does not name these: to look at, not to conclude from."
_NO_TEST = "the test could not be carried out"


def grid_tables(findings: Findings) -> list[Table]:
    """The tables of a grid that has something to show: effects, contrasts, cells."""
    found = findings.grid
    if found is None:
        return []
    several = len(found.factors) > 1
    return [
        *([effects(found)] if found.effects else []),
        *([contrasts(found)] if found.contrasts else []),
        *([cells(found)] if several or any(cell.outcome != "measured" for cell in found.cells) else []),
    ]


def effects(found: Grid) -> Table:
    """One row a term: does this factor, or these together, matter?"""
    rows = [
        {
            "term": item.term,
            "statistic": item.test.statistic,
            "df": item.test.df,
            "residual_df": item.residual_df,
            "p": item.test.p,
            "declared": "yes" if item.declared else "no",
            "p_adjusted": item.test.p_adjusted,
            "decision": item.decision,
            "partial_eta2": item.partial_eta2.value,
            "type": item.sums,
            "n": item.partial_eta2.n,
            "note": item.test.note,
        }
        for item in found.effects
    ]
    declared = sum(item.declared for item in found.effects)
    columns = [
        Column("factor", "term"),
        Column("F (HC3)", "statistic", "number", missing=_NO_TEST),
        Column("df", "df", "count", missing=_NO_TEST),
        Column("residual df", "residual_df", "count", missing=_NO_TEST),
        Column("p", "p", "p", missing=_NO_TEST),
        *(
            []
            if not declared
            else [
                Column("declared", "declared"),
                Column(f"p ({found.correction})", "p_adjusted", "p", missing="not corrected"),
                Column("decision", "decision"),
            ]
        ),
        Column("partial η²", "partial_eta2", "number", digits=3, missing="no scatter"),
        Column("type", "type"),
        Column("runs", "n", "count"),
        Column("note", "note"),
    ]
    notes = [
        found.model,
        "With an interaction a main effect is a mean over levels that behave differently: read the cells then.",
        _standing(declared, len(found.effects), found.correction),
    ]
    return table_of("factors", "Which factor matters", rows, _shown(columns, rows), notes)


def contrasts(found: Grid) -> Table:
    """One row a level of a factor, then one a ratio of ratios."""
    rows = [
        {
            "factors": " × ".join(item.factors),
            "levels": ", ".join(item.levels),
            "against": ", ".join(item.against),
            **spread("ratio", item.ratio),
            "p": item.test.p,
            "p_adjusted": item.test.p if item.test.p_adjusted is None else item.test.p_adjusted,
            "n": item.ratio.n,
            "declared": "yes" if item.declared else "no",
            "over": f"{item.over} of {item.of}",
            "method": item.test.name,
        }
        for item in found.contrasts
    ]
    declared = sum(item.declared for item in found.contrasts)
    columns = [
        Column("factor", "factors"),
        Column("level", "levels"),
        Column("against", "against"),
        Column("ratio [interval]", "ratio", "interval", missing=why_not(item.ratio for item in found.contrasts)),
        Column("p", "p", "p", missing=_NO_TEST),
        Column(f"p ({found.correction})", "p_adjusted", "p", missing=_NO_TEST),
        *([Column("declared", "declared")] if declared else []),
        Column("n", "n", "count"),
        Column("averaged over", "over"),
        Column("method", "method"),
    ]
    level = level_of(item.ratio for item in found.contrasts)
    notes = [
        "One factor: the level's ratio to the baseline's level, averaged (on logs) over the combinations of the other "
        "factors' levels that hold both. Several: the ratio of such ratios; 1 means that the factors multiply.",
        (f"{level} % intervals, each for itself. " if level else "") + "n: blocks of the paired t, runs of OLS.",
        found.model,
        _standing(declared, len(found.contrasts), found.correction),
    ]
    return table_of("levels", "What each level does", rows, columns, notes)


def _standing(declared: int, count: int, correction: str) -> str:
    """Which of the rows may be concluded from."""
    if not declared:
        return EXPLORATORY
    over = f"The {declared} that the protocol's analysis plan names are one family, corrected over it ({correction})."
    alone = "The one that the protocol's analysis plan names stands by itself: nothing is corrected."
    rest = "The others it does not name: to look at, not to conclude from." if declared < count else ""
    return f"{over if declared > 1 else alone} {rest}".strip()


def cells(found: Grid) -> Table:
    """One row a combination of levels, whatever became of it."""
    keys = [f"factor_{place}" for place in range(1, len(found.factors) + 1)]
    rows: list[Row] = [
        {
            **dict(zip(keys, cell.levels, strict=True)),
            "planned": cell.planned,
            "attempts": cell.attempts,
            "valid": cell.valid,
            "headline": cell.headline,
            "outcome": cell.outcome,
            **spread("ratio", cell.ratio),
            "reason": cell.reason,
            "hint": cell.hint,
        }
        for cell in found.cells
    ]
    columns = [
        *(Column(factor, key) for factor, key in zip(found.factors, keys, strict=True)),
        *(Column(word, word, "count") for word in ("planned", "attempts", "valid")),
        Column("in the headline", "headline", "count"),
        Column("outcome", "outcome"),
        Column("ratio to the baseline [interval]", "ratio", "interval", missing=_why_no_ratio(found)),
        Column("reason", "reason"),
        Column("what would help", "hint"),
    ]
    missing = sum(not cell.is_there for cell in found.cells)
    told = f"{missing} of {len(found.cells)} have no run in the headline." if missing else "Every one was measured."
    notes = [f"Every combination of levels. {told} Baseline: {found.baseline}.", "Attempts: without warm-up runs."]
    return table_of("cells", "The grid, cell by cell", rows, _shown(columns, rows), notes)


def _why_no_ratio(found: Grid) -> str:
    if not any(cell.configuration == found.baseline and cell.is_there for cell in found.cells):
        return "the baseline has no run in the headline"
    return "no run in the headline"


def tradeoff(findings: Findings) -> Table:
    """One row a configuration: where it stands between energy and the metric, and how firmly on the front."""
    found = findings.tradeoff
    if found is None:
        raise ValueError("this night has no trade-off")
    factor, unit = scale((point.response.value for point in found.points), found.response_unit)
    key = keyed("mean", found.response_unit)
    rows = [
        {
            "configuration": point.configuration,
            **spread(key, point.response),
            **spread("metric", point.metric),
            "on_front": "yes" if point.on_front else point.note or "no",
            "share": point.share,
            "dominated_by": _few(point.dominated_by),
        }
        for point in sorted(found.points, key=_by_response)
    ]
    columns = [
        Column("configuration", "configuration"),
        Column(f"mean [interval]{f', {unit}' if unit else ''}", key, "interval", factor, missing="no run has a value"),
        Column(f"{found.metric} [interval]", "metric", "interval", missing=f"no run reports {found.metric}"),
        Column("on the front", "on_front"),
        Column("resamples on the front, %", "share", "percent", digits=3, missing=found.note or "it cannot be placed"),
        Column("beaten by", "dominated_by"),
    ]
    title = f"{capital(found.metric)} against {found.response}"
    return table_of("tradeoff", title, rows, columns, tradeoff_notes(found))


def tradeoff_notes(found: Tradeoff) -> list[str]:
    """What the front is and how firmly it is known, for people."""
    firm = (
        f"Resamples: {found.resamples}, each {found.unit_resampled} drawn with replacement (seed {found.seed})."
        if found.resamples
        else f"{capital(found.note)}."
    )
    return [
        f"On the front: no other configuration uses less with its {found.metric} as good, nor has a better one for as "
        f"little ({found.better} is better). It is told by means alone: what lies within the intervals may change "
        "sides, which is what the resamples show.",
        firm,
        "" if found.declared else EXPLORATORY,
    ]


def _by_response(point: TradeoffPoint) -> float:
    return math.inf if point.response.value is None else point.response.value


def _few(names: tuple[str, ...], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _shown(columns: list[Column], rows: list[Row]) -> list[Column]:
    """Without columns of words in which no row says anything."""
    quiet = {"note", "reason", "hint"}
    return [column for column in columns if column.key not in quiet or any(row.get(column.key) for row in rows)]
