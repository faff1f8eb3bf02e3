"""Ratio metrics in tables: each configuration's figure, and how the configurations compare."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.findings import Estimate, Findings
from analysis.listings.rows import level_of, spread, table_of, why_not
from analysis.tables import Column, Table

_WORDS = {
    "mean_of_ratios": "mean of ratios",
    "ratio_of_means": "ratio of means",
    "mean_of_products": "mean of products",
}


def ratios(findings: Findings) -> Table:
    """One row a (ratio metric, configuration)."""
    rows = [
        {
            "metric": item.name,
            "configuration": side.configuration,
            **spread("value", side.figure),
            "unit": item.unit,
            "aggregation": _WORDS[item.aggregation],
            "n": side.figure.n,
            **spread("bootstrap", side.bootstrap),
        }
        for item in findings.ratios
        for side in item.sides
    ]
    figures = [side.figure for item in findings.ratios for side in item.sides]
    columns = [
        Column("metric", "metric"),
        Column("configuration", "configuration"),
        Column("value [interval]", "value", "interval", missing=why_not(figures)),
        Column("unit", "unit"),
        Column("aggregation", "aggregation"),
        Column("n", "n", "count"),
    ]
    resampled = [side.bootstrap for item in findings.ratios for side in item.sides if side.bootstrap is not None]
    columns += _bootstrap(resampled)
    level = level_of(figures)
    notes = [
        f"Over the runs of the headline{f'; {level} % intervals, each for itself' if level else ''}: of means over "
        "runs by t, of ratios of means by t on the logarithm, linearised.",
        _FEW if resampled else "",
        *(f"{item.name}: {item.note}." for item in findings.ratios if item.note),
    ]
    return table_of("ratios", "Ratio metrics", rows, columns, notes)


def contrasts(findings: Findings) -> Table:
    """One row a (ratio metric, comparison)."""
    told = [(item, contrast) for item in findings.ratios for contrast in item.contrasts]
    rows = [
        {
            "metric": item.name,
            "configuration": contrast.configuration,
            "baseline": contrast.baseline,
            **spread("ratio", contrast.ratio),
            "decision": contrast.decision,
            "p": contrast.p,
            "p_adjusted": contrast.p_adjusted,
            "n": contrast.ratio.n,
            **spread("bootstrap", contrast.bootstrap),
        }
        for item, contrast in told
    ]
    columns = [
        Column("metric", "metric"),
        Column("configuration", "configuration"),
        Column("baseline", "baseline"),
        Column("ratio [interval]", "ratio", "interval", missing=why_not(contrast.ratio for _, contrast in told)),
        Column("decision", "decision"),
        Column("p", "p", "p", missing="no test could be carried out"),
        Column("p, adjusted", "p_adjusted", "p", missing="one comparison needs no correction"),
        Column("n", "n", "count"),
    ]
    resampled = [contrast.bootstrap for _, contrast in told if contrast.bootstrap is not None]
    columns += _bootstrap(resampled)
    notes = [
        "Mean of ratios and of products: ratio of geometric means, by the night's own test. Ratio of means: the "
        "quotient of two, t on its logarithm, linearised; a block is one unit with both configurations in it.",
        _FEW if resampled else "",
    ]
    return table_of("ratio-comparisons", "Comparisons of ratio metrics", rows, columns, notes)


_FEW = (
    "BCa bootstrap: runs or whole blocks resampled, 9,999 times, seeded; it stands beside and decides nothing. Of few "
    "runs it is too narrow: on simulated nights 95 % intervals held the truth in 84 % at 5 runs, 90 % at 10 and "
    "93 % at 30 (5,000 nights each; docs/calibration.md), those by t in 95 %."
)


def _bootstrap(found: Sequence[Estimate]) -> list[Column]:
    """The column of the bootstrap intervals, where there are any."""
    column = Column("BCa bootstrap [interval]", "bootstrap", "interval", missing="no ratio of means, or too few runs")
    return [column] if found else []
