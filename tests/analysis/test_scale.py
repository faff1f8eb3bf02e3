"""The memory of a report does not grow with the rows of a night: samples are reduced one run at a time."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
ROW_B = 100
"""Of the run that is being read: 16 for its stamps and values, what was decoded of them, and the integrals' own."""
SLACK_B = 60_000_000
"""The allocators', and of 36 more runs in tables and figures."""


@pytest.fixture(scope="module")
def scale():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield importlib.import_module("scale")
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_ten_times_the_rows_take_no_more_memory_than_one_runs_rows(scale, largest, tmp_path):
    taken_B, rows = {}, {}
    for runs, hours in ((4, 0.1), (4, 1.0), (40, 1.0)):
        night = tmp_path / f"{runs}-{hours}"
        rows[runs, hours] = scale.generate(night, hours, runs) // runs
        done = largest([sys.executable, "-P", "-m", "nightwatt", "report", str(night)])
        assert done.code == 0, done.err
        taken_B[runs, hours] = done.rss_B
    longer_B = taken_B[4, 1.0] - taken_B[4, 0.1]
    more_B = taken_B[40, 1.0] - taken_B[4, 1.0]
    assert longer_B < ROW_B * (rows[4, 1.0] - rows[4, 0.1]), taken_B
    assert more_B < SLACK_B, taken_B
