"""The memory of a report does not grow with the rows of a night: a run at a time, and of a run a piece at a time."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
LONGER_B = 20_000_000
"""The allocators': ten times longer runs; 2.6 million rows more in each, which are 41 MB as arrays."""
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
def test_ten_times_the_rows_take_no_more_memory(scale, largest, tmp_path):
    taken_B = {}
    for runs, hours in ((4, 0.4), (4, 4.0), (40, 0.4)):
        night = tmp_path / f"{runs}-{hours}"
        scale.generate(night, hours, runs)
        done = largest([sys.executable, "-P", "-m", "nightwatt", "report", str(night)])
        assert done.code == 0, done.err
        taken_B[runs, hours] = done.rss_B
    assert taken_B[4, 4.0] - taken_B[4, 0.4] < LONGER_B, taken_B
    assert taken_B[40, 0.4] - taken_B[4, 0.4] < SLACK_B, taken_B
