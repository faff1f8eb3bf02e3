"""A run that goes on: from marks that are over and readings that are whole."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from analysis.estimate.running import readings, running
from harness.record import Channel, Kind, Phase, Quality

S = 1_000_000_000
POWER = Channel("gpu0.power_W", "W", Kind.MEAN, "gpu0", Quality.MEASURED, "simulated", 0.1, origin="nvml")


def written(folder, until_s, power_W=100.0, tail=b""):
    rows = [f"{round(at * S)},gpu0.power_W,{power_W}\n" for at in np.arange(0, until_s + 1e-9, 0.1)]
    (folder / "samples.csv").write_bytes("".join(rows).encode() + tail)
    return readings(folder / "samples.csv", [POWER])


def epochs(*edges_s):
    return [
        Phase(f"epoch {place}", round(low * S), round(high * S))
        for place, (low, high) in enumerate(itertools.pairwise(edges_s), start=1)
    ]


def test_whole_lines_of_known_channels_are_read_and_torn_ones_are_not(tmp_path):
    tail = b"5,other,1.0\nno,gpu0.power_W,7\n900000000,gpu0.power_W,nan\n99\n990000000,gpu0.power_W,10"
    series = written(tmp_path, 0.8, tail=tail)
    assert ["gpu0.power_W"] == list(series)
    assert 9 == series["gpu0.power_W"].t_ns.size
    assert {100.0} == set(series["gpu0.power_W"].value)
    assert {} == readings(tmp_path / "absent.csv", [POWER])
    (tmp_path / "samples.csv").write_bytes(b"")
    assert {} == readings(tmp_path / "samples.csv", [POWER])


def test_the_whole_energy_is_foretold_by_hand(tmp_path, observed):
    # The window begins at 1 s; epoch 1 ends at 11 s, then 2 s each: 100 W x (10 + 2 x 9) s for 10 epochs.
    series = written(tmp_path, 20)
    finished = [observed([1.0] * 10), observed([1.0] * 10, block=2)]
    told = running("run", epochs(2, 11, 13, 15, 17, 19), S, series, finished=finished, planned=20.0)
    assert (5, 10.0, 2, 1) == (told.seen, told.expected, told.by_finished, told.told.start)
    assert 1800 == pytest.approx(told.so_far_J)
    assert 2800 == pytest.approx(told.told.energy_J) == pytest.approx(told.told.power_J)
    assert 4800 == pytest.approx(told.at_most.energy_J)


def test_an_epoch_whose_readings_have_not_come_yet_does_not_count(tmp_path):
    series = written(tmp_path, 16)
    told = running("run", epochs(0, 5, 10, 15, 20), None, series, planned=8.0)
    assert 3 == told.seen
    assert 500 * 8 == pytest.approx(told.told.energy_J)


@pytest.mark.parametrize(
    ("marked", "planned", "why"),
    [((), 9.0, "0 of its epochs"), ((0, 5), 9.0, "1 of its epochs"), ((0, 5, 10), None, "--epochs")],
)
def test_what_cannot_be_told_yet_says_why(tmp_path, marked, planned, why):
    told = running("run", epochs(*marked), None, written(tmp_path, 16), planned=planned)
    assert told.told is None
    assert why in told.why


def test_without_any_power_nothing_is_told():
    told = running("run", epochs(0, 5, 10), None, {}, planned=9.0)
    assert (None, "no power or energy is recorded yet") == (told.told, told.why)
    assert "gpu0" in running("run", epochs(0, 5, 10), None, {}, planned=9.0, declared=["gpu0"]).why
