"""JSON of a night folder: what goes in comes out, whatever a workload called it."""

from __future__ import annotations

import math

from harness.record import read_json, write_json


def test_half_a_surrogate_pair_comes_back_as_it_was(tmp_path):
    path = tmp_path / "run.json"
    body = {"metrics": {"a\udc80": "é\ud800 中 \U0001f600"}}
    write_json(path, body)
    assert body == read_json(path)
    assert ["run.json"] == [item.name for item in tmp_path.iterdir()]


def test_numbers_that_are_not_finite_are_written_by_name(tmp_path):
    path = tmp_path / "run.json"
    write_json(path, {"loss": math.nan, "bounds": [math.inf, -math.inf, 1.5]})
    assert {"loss": "NaN", "bounds": ["Infinity", "-Infinity", 1.5]} == read_json(path)
