"""The tables of a report for those who go on in a notebook: the same numbers as frames, without a page."""

from __future__ import annotations

from analysis.listings.sections import sections
from analysis.load import Night
from analysis.observations import observations
from analysis.study import Study, examine
from analysis.tables import Table


def tables(night: Night, studied: Study | None = None) -> dict[str, Table]:
    """Every table of the night's report by its name ("summary", "comparisons", "tests", "runs", …).

    ``table.frame`` is the DataFrame with its numbers unrounded, ``table`` alone what a person reads (a notebook shows
    it so). ``studied``: what ``examine(night)`` gave, so that it need not be done again.
    """
    known = examine(night) if studied is None else studied
    rows = observations(known.runs, accuracy=night.protocol.analysis.accuracy, domains=known.choice.domains)
    return {table.name: table for table in sections(night, known, rows).every()}
