"""Comparisons within cells, over the cells."""

from __future__ import annotations

from analysis.findings import Findings
from analysis.listings.rows import capital, table_of
from analysis.tables import Column, Table


def over_cells(findings: Findings) -> Table:
    """One row a (stratum, pair of levels): how many cells tell them apart, and their ratios together."""
    rows = [
        {
            "response": item.response or findings.response,
            "cells_of": item.stratum or "all cells",
            "configuration": item.configuration,
            "baseline": item.baseline,
            "ratio": item.ratio.value,
            "median": item.median,
            "lowest": item.lowest,
            "highest": item.highest,
            "cells": item.cells,
            "lower": item.lower,
            "higher": item.higher,
            "not_apart": item.not_apart,
            "untold": item.untold,
        }
        for item in findings.over_cells
    ]
    why = "no cell has a ratio"
    several = any(item.response for item in findings.over_cells)
    columns = [
        *([Column("response", "response")] if several else []),
        Column("cells of", "cells_of"),
        Column("configuration", "configuration"),
        Column("baseline", "baseline"),
        Column("ratio, geometric mean", "ratio", "number", missing=why),
        Column("median", "median", "number", missing=why),
        Column("lowest", "lowest", "number", missing=why),
        Column("highest", "highest", "number", missing=why),
        Column("cells", "cells", "count"),
        Column("lower", "lower", "count"),
        Column("higher", "higher", "count"),
        Column("not told apart", "not_apart", "count"),
        Column("cannot be told", "untold", "count"),
    ]
    notes = [
        "Exploratory: each cell's comparison is an answer, their mean a description. The cells were chosen, not drawn: "
        "no interval. Lower, higher: cells whose own test, corrected within the cell, tells the two apart."
    ]
    return table_of(
        "over-cells",
        f"{capital(findings.response)}{' and the ratio metrics' if several else ''}, within cells, over the cells",
        rows,
        columns,
        notes,
    )
