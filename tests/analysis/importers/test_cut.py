"""One recording of many runs, cut by a CSV of when each began and ended: exact energies, or a refusal."""

from __future__ import annotations

import pytest

from analysis.energy import energy
from analysis.importers import meter, nvidia_smi
from analysis.importers.cut import UNKNOWN, cut
from analysis.importers.recording import WHOLE, Naming

NAMING = Naming.of(r"(?P<arm>[a-z]+)_(?P<run>\d+)")
RUNS = (
    "run,started,ended,accuracy",
    "base_1,2026-11-20T22:00:10,2026-11-20T22:00:30,0.9",
    "lean_1,2026-11-20T22:01:00.5,2026-11-20T22:01:20.5,0.8",
)


@pytest.fixture
def evening(file):
    """A meter's log of two minutes: 50 W, and from a minute on 2 W more each second."""
    watts = [50 + 2 * max(second - 60, 0) for second in range(120)]
    rows = [f"2026-11-20T22:{second // 60:02d}:{second % 60:02d},{watts[second]}" for second in range(120)]
    return file("evening.csv", "timestamp,power_W", *rows)


def test_each_run_has_the_energy_between_its_begin_and_its_end(file, night, evening):
    runs = file("runs.csv", *RUNS)
    found = cut(meter.read([evening], Naming()), runs, NAMING)
    made = night(found, evening, runs)
    rows = energy(made).query("phase == ''").energy_J.tolist()
    # 20 s of 50 W; and from 0.5 s to 20.5 s after the minute of 50 + 2 s W: 1000 + (20.5² - 0.5²) J.
    assert [1000.0, 1420.0] == pytest.approx(rows)
    assert ["base", "lean"] == made.runs.configuration.tolist()
    assert [0.9, 0.8] == made.runs["metric.accuracy"].tolist()
    assert made.runs.gap_s.tolist()[1] == pytest.approx(30.5)
    assert UNKNOWN in found.unknown
    assert WHOLE not in found.unknown


def test_a_duration_may_stand_instead_of_an_end_and_the_first_temperature_is_that_of_the_run(file):
    rows = [f"2026/11/20 22:00:{second:02d}.000, 0, 100.00 W, {40 + second // 10}" for second in range(60)]
    log = file("log.csv", "timestamp, index, power.draw [W], temperature.gpu", *rows)
    runs = file("runs.csv", "run,started,duration_s", "a_1,2026-11-20T22:00:25,10")
    [recording] = cut(nvidia_smi.read([log], Naming()), runs, NAMING).recordings
    assert (10 * 10**9, {"gpu0": 42.0}) == (recording.duration_ns, recording.start_temperature_C)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (("run,started", "a_1,2026-11-20T22:00:10"), ("line 1", "no column ended or duration_s")),
        (("run,ended", "a_1,2026-11-20T22:00:10"), ("line 1", "no column started")),
        ((RUNS[0], "a_1,2026-11-20T22:00:10,2026-11-20T22:00:10,1"), ("line 2", "ended before it began")),
        (
            (RUNS[0], "a_1,2026-11-20T21:00:10,2026-11-20T21:00:30,1"),
            ("line 2", "evening.csv reaches from 2026-11-20T22"),
        ),
        ((RUNS[0], "a_1,2026-11-20T22:01:10,2026-11-20T23:00:30,1"), ("line 2", "no recording covers it", "zones")),
        ((RUNS[0], "one,2026-11-20T22:00:10,2026-11-20T22:00:30,1"), ("line 2", "does not match the pattern")),
    ],
)
def test_a_run_that_cannot_be_cut_is_refused(file, refused, evening, rows, words):
    runs = file("runs.csv", *rows)
    refused(lambda: cut(meter.read([evening], Naming()), runs, NAMING), "runs.csv", *words)
