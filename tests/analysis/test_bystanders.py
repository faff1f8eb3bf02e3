"""What others did in a stage of a trial; pure, so the cases are made by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from analysis.bystanders import bystanders
from analysis.load import Series
from harness.record import Cause, Channel, Kind, Level, Quality, RunRecord, Status, Validity, Verdict

S = 1_000_000_000
RECORD = RunRecord(
    slot="b01-1", block=1, position=1, replicate=1, attempt=1, configuration="none", levels={"device": "none"}, seed=0,
    status=Status.COMPLETED, validity=Validity.VALID, started_ns=0, ended_ns=100 * S, started_realtime_ns=0,
    launched_ns=10 * S, exited_ns=20 * S, resources={"user_s": 0.5, "system_s": 0.5},
)  # fmt: skip
"""Ten seconds of idling, which took one of processor time."""


def series(name, value, kind=Kind.GAUGE, unit="%"):
    t_ns = np.arange(5, 31) * S
    channel = Channel(name, unit, kind, name.partition(".")[0], Quality.MEASURED, "a test", 1.0)
    return name, Series(channel, t_ns, np.full(len(t_ns), float(value)))


def load(percent):
    return series("cpu.load_pct", percent, Kind.MEAN)


def verdict(name, level=Level.WARNING, cause=Cause.MEASUREMENT, evidence="so it was"):
    return Verdict(name, cause, level, evidence=evidence)


def seen(*channels, record=RECORD, loads_cards=False, cpus=4):
    return bystanders("none", record, dict(channels), cpus, loads_cards=loads_cards)


def test_the_load_of_others_is_told_also_where_it_is_small():
    found = seen(load(5.0))
    assert (pytest.approx(0.2), pytest.approx(0.1)) == (found.busy_cores, found.foreign_cores)
    assert () == found.disturbed


def test_what_is_not_known_of_others_is_not_zero():
    assert math.isnan(seen().foreign_cores)
    assert math.isnan(seen(load(5.0), cpus=None).foreign_cores)


def test_verdicts_on_others_disturb_a_stage_and_milder_ones_are_remarks():
    verdicts = (
        verdict("foreign_load"), verdict("gap", Level.INVALID), verdict("late_ticks"), verdict("short_window"),
        verdict("power_cap", Level.INFORMATION, Cause.OUTCOME),
    )  # fmt: skip
    found = seen(record=replace(RECORD, verdicts=verdicts))
    assert ("foreign_load: so it was", "gap: so it was") == found.disturbed
    assert ("late_ticks: so it was",) == found.remarks


def test_a_card_at_work_while_nobody_of_ours_uses_it_disturbs_an_idle_and_not_its_own_load():
    busy = series("gpu0.utilisation_pct", 37), series("gpu0.foreign_processes", 1, unit="")
    idle = seen(*busy)
    assert ("gpu0 was 37 % busy, and nothing of ours used it",) == idle.disturbed
    assert ({"gpu0": 1.0}, {"gpu0": 37.0}) == (idle.foreign_processes, idle.idle_utilisation_pct)
    assert ((), {}) == (seen(*busy, loads_cards=True).disturbed, seen(*busy, loads_cards=True).idle_utilisation_pct)
    assert () == seen(series("gpu0.utilisation_pct", 2)).disturbed
