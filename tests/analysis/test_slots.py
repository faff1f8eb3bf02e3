"""A night that is still running, or was stopped: its report says first how much of it there is."""

from __future__ import annotations

import re

import pytest

from analysis.joined import join
from analysis.load import load
from analysis.report import write_report
from analysis.slots import slots_of
from analysis.study import study

SO_FAR = (
    "So far: 6 of 12 planned runs, in 3 of 6 blocks. To look before the planned end, and to stop for what is seen, "
    "raises the false-alarm rate."
)


@pytest.mark.usefixtures("unrendered")
def test_the_report_of_half_a_night_says_so_before_its_answer_and_counts_its_blocks(simulate, tmp_path):
    paths = write_report(simulate(blocks=6, stop_after=6).path, tmp_path)
    assert SO_FAR == paths.findings.first_line
    page = paths.index.read_text("utf-8")
    assert page.index(SO_FAR) < page.index(paths.findings.headline[:20])
    assert "2 configurations in 3 of 6 blocks" in re.sub(r"\s+", " ", page)


def test_a_whole_night_says_nothing_of_it_and_a_block_that_was_begun_counts(simulate_once):
    assert "" == study(load(simulate_once(blocks=6).path)).first_line
    begun = slots_of(load(simulate_once(blocks=6, stop_after=5).path))
    assert (12, 5, 7, 6, 3) == (begun.planned, begun.begun, begun.left, begun.blocks, begun.blocks_begun)


def test_the_slots_of_a_retired_configuration_are_not_waited_for(simulate_once):
    settings = {"blocks": 6, "configurations": {"base": 1.0, "lean": 0.9, "big": 1.2}}
    whole = load(simulate_once(**settings).path)
    of_big = [
        f"b{item['block']:02d}-{item['position']}" for item in whole.plan["slots"] if item["configuration"] == "big"
    ]
    slots = slots_of(load(simulate_once(**settings, failed=of_big[:2], missing=of_big[2:]).path))
    assert (18, 4, 0) == (slots.planned, slots.retired, slots.left)
    assert "" == slots.so_far(blocked=True)


def test_a_rehearsal_says_both(simulate_once):
    line = study(load(simulate_once(blocks=4, stop_after=4, rehearsal=True).path)).first_line
    assert line.startswith("REHEARSAL")
    assert "So far: 4 of 8 planned runs, in 2 of 4 blocks." in line


def test_of_several_nights_the_planned_runs_of_all_are_counted(simulate):
    nights = [simulate(blocks=4).path, simulate(blocks=4, seed=2, stop_after=6).path]
    assert "So far: 14 of 16 planned runs, in 7 of 8 blocks." in study(join(nights)).first_line
