"""The readings of a long run lie in a file; what is said of them is the same, and its length takes no memory."""

from __future__ import annotations

import functools
import importlib
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis import load as loading
from analysis import spill
from analysis.energy import measure
from analysis.load import load
from analysis.spill import Readings
from analysis.traces import grid_of, reduce_run
from harness import series

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SHORT_H, LONG_H = 0.4, 1.6
"""Hours of 50 Hz and four channels: 0.9 million rows apart, of which memory took 32 MB while a run was held in it."""
SLACK_B, TRIES = 12_000_000, 4
"""The allocators' own: from start to start the same reading takes up to 9 MB more or less. What is held would be held
each time."""
MEASURE = """
import functools, sys
from analysis.energy import measure
from analysis.load import load
from analysis.traces import grid_of, reduce_run
night = load(sys.argv[1])
measure(night, functools.partial(reduce_run, grid=grid_of(night, night.protocol.analysis)))
"""


def in_a_file(monkeypatch):
    """Runs of any length go into a file, in batches of 100 rows, and are looked at in pieces of 32 readings."""
    monkeypatch.setattr(spill, "HELD_ROWS", 0)
    monkeypatch.setattr(loading, "_BATCH_ROWS", 100)
    monkeypatch.setattr(series, "PIECE", 32)


def told(path):
    night = load(path)
    return measure(night, functools.partial(reduce_run, grid=grid_of(night, night.protocol.analysis)))


def same(one, other):
    assert (one.damage, one.mended) == (other.damage, other.mended)
    for column in one.frame:
        if one.frame[column].dtype == float:
            np.testing.assert_allclose(other.frame[column], one.frame[column], rtol=1e-12)
        else:
            assert one.frame[column].tolist() == other.frame[column].tolist()
    assert list(one.reduced) == list(other.reduced)
    for first, second in zip(one.reduced.values(), other.reduced.values(), strict=True):
        assert first.meters.keys() == second.meters.keys()
        assert first.loads == pytest.approx(second.loads, rel=1e-12)
        for key, meter in first.meters.items():
            for name in ("bins_J", "seen", "pieces_W", "aligned_W"):
                np.testing.assert_allclose(
                    getattr(second.meters[key], name), getattr(meter, name), rtol=1e-11, atol=1e-12, err_msg=name
                )
            assert (meter.dips is None) == (second.meters[key].dips is None)
            if meter.dips is not None:
                assert meter.dips.by_place == second.meters[key].dips.by_place


def rewrite(path, change):
    """Write samples anew as ``change(t_ns, channel, value)`` gives them."""
    table = pq.read_table(path)
    t_ns, channel, value = change(*(np.array(table.column(name).to_pylist()) for name in ("t_ns", "channel", "value")))
    names = pa.array(channel.tolist()).dictionary_encode()
    pq.write_table(pa.table({"t_ns": t_ns, "channel": names, "value": value}), path, row_group_size=150)


def spoilt(t_ns, channel, value):
    """Readings out of order, repeated, not finite, and one channel none of whose readings is a number."""
    draw = np.random.default_rng(1)
    places = np.arange(len(t_ns))
    places[40:60] = draw.permutation(places[40:60])
    places = np.insert(places, 75, places[70:75])
    t_ns, channel, value = t_ns[places], channel[places], value[places]
    value[100:103] = np.nan
    value[channel == "gpu0.temperature_C"] = np.inf
    return t_ns, channel, value


@pytest.mark.parametrize("is_spoilt", [False, True])
@pytest.mark.parametrize("room", ["enough", "for a while", "none"])
def test_readings_in_a_file_tell_what_readings_in_memory_tell(simulate, monkeypatch, is_spoilt, room):
    made = simulate(blocks=2, epochs=2, counter=True)
    if is_spoilt:
        for path in made.path.glob("runs/*/samples.parquet"):
            rewrite(path, spoilt)
    held = told(made.path)
    assert is_spoilt == bool(held.mended)
    in_a_file(monkeypatch)
    written, pwrite = [], os.pwrite

    def write(*arguments):
        written.append(arguments)
        if room == "for a while" and len(written) % 7 == 0:
            raise OSError(28, "No space left on device")
        return pwrite(*arguments)

    def no_file(**_):
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(spill.os, "pwrite", write)
    if room == "none":
        monkeypatch.setattr(tempfile, "TemporaryFile", no_file)
    same(held, told(made.path))
    assert (room == "none") == (not written)


def test_a_long_channel_lies_in_a_file_and_is_let_go_piece_by_piece(monkeypatch):
    monkeypatch.setattr(spill, "HELD_ROWS", 0)
    readings = Readings(10)
    readings.add("one", np.arange(4), np.ones(4))
    readings.add("other", np.arange(2), np.zeros(2))
    readings.add("none", np.arange(0), np.zeros(0))
    readings.add("one", np.arange(4, 7), np.full(3, 2.0))
    columns = {name: readings.columns(name) for name in readings.names}
    del readings
    assert {"one": 7, "other": 2, "none": 0} == {name: len(t_ns) for name, (t_ns, _) in columns.items()}
    let_go = []
    monkeypatch.setattr(spill._Mapping, "let_go", lambda self: let_go.append(len(self)))
    t_ns, value = columns["one"]
    monkeypatch.setattr(series, "PIECE", 4)
    assert [(0, 4), (4, 7)] == list(series.pieces(0, 7, t_ns, value))
    assert [56] * 4 == let_go
    assert [0, 1, 2, 3, 4, 5, 6] == t_ns.tolist()
    assert [1, 1, 1, 1, 2, 2, 2] == value.tolist()


def test_a_longer_run_takes_no_more_memory(largest, tmp_path):
    sys.path.insert(0, str(BENCHMARKS))
    try:
        scale = importlib.import_module("scale")
    finally:
        sys.path.remove(str(BENCHMARKS))

    def taken_B(hours):
        done = largest([sys.executable, "-P", "-c", MEASURE, str(tmp_path / f"{hours}")])
        assert done.code == 0, done.err
        return done.rss_B

    for hours in (SHORT_H, LONG_H):
        scale.generate(tmp_path / f"{hours}", hours, 2)
    short_B, long_B = taken_B(SHORT_H), []
    while len(long_B) < TRIES and (not long_B or long_B[-1] - short_B >= SLACK_B):
        long_B.append(taken_B(LONG_H))
    assert min(long_B) - short_B < SLACK_B, (short_B, long_B)
