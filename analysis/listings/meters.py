"""The wall meters in a table: how late each is, who tells it, and whether its own total agrees."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from analysis.listings.rows import Row, table_of
from analysis.load import Night
from analysis.tables import Column, Table

NAME = "meters"


def meters(night: Night) -> Table:
    """One row a meter, over all runs that have it."""
    alignments = night.meters.alignments
    rows: list[Row] = []
    for channel in dict.fromkeys(item.channel for item in alignments):
        its = [item for item in alignments if item.channel == channel]
        used = [item for item in its if item.how != "none"]
        totals = [item.total for item in its if item.total is not None]
        integral_J = math.fsum(check.integral_J for check in totals)
        counts = Counter(item.how for item in its)
        rows.append(
            {
                "channel": channel,
                "runs": len(its),
                "offset_s": float(np.median([item.offset_s for item in used])) if used else None,
                "uncertainty_s": max((item.uncertainty_s for item in used), default=None),
                "own": counts["own"],
                "night": counts["night"],
                "none": counts["none"],
                "reference": "; ".join(dict.fromkeys(item.reference for item in its)),
                "total": math.fsum(check.total_J for check in totals) / integral_J if integral_J > 0 else None,
                "apart": sum(not check.agrees for check in totals) if totals else None,
            }
        )
    columns = [
        Column("meter", "channel"),
        Column("runs", "runs", "count"),
        Column("late by (median), s", "offset_s", "number", digits=3, missing="no load step tells it"),
        Column("known to ±, s", "uncertainty_s", "number", digits=2, missing="no load step tells it"),
        Column("by the run's own steps", "own", "count"),
        Column("by the night's median", "night", "count"),
        Column("not known", "none", "count"),
        Column("against", "reference"),
        Column("own total / integral of power", "total", "number", digits=4, missing="it tells no total"),
        Column("runs in which they are apart", "apart", "count", missing="it tells no total"),
    ]
    note = (
        "A meter's power is moved by its lag before it is integrated. Its own total is no part of the energy: it moves "
        "by a watt-hour (3.6 kJ) or once a minute, and is the check."
    )
    return table_of(NAME, "Wall meters: clock and total", rows, columns, [note])
