from __future__ import annotations

import ast
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from harness.marks import read_marks
from harness.record import MARKS_VARIABLE


@pytest.fixture
def marks(module: Callable[[str], ModuleType]) -> ModuleType:
    return module("marks")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "marks.jsonl"
    monkeypatch.setenv(MARKS_VARIABLE, str(path))
    return path


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_harness_reads_what_a_workload_leaves(marks, file):
    begin_ns = time.monotonic_ns()
    with marks.phase("train") as metrics:
        with marks.phase("epoch 1"):
            pass
        metrics["loss"] = 0.25
    marks.result(accuracy=0.5)
    marks.result(accuracy=0.75)

    read = read_marks(file, begin_ns, time.monotonic_ns())

    assert ["train", "epoch 1"] == [phase.name for phase in read.phases]
    assert {"loss": 0.25} == read.phases[0].metrics
    assert {"accuracy": 0.75} == read.results
    assert (0, ()) == (read.unread, read.open)


def test_a_mark_is_stamped_by_the_monotonic_clock(marks, file):
    before_ns = time.monotonic_ns()
    marks.begin("train")

    assert before_ns <= lines(file)[0]["t_ns"] <= time.monotonic_ns()


def test_nothing_happens_outside_a_night(marks, tmp_path, monkeypatch):
    monkeypatch.delenv(MARKS_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)

    with marks.phase("train"):
        marks.result(accuracy=1.0)

    assert [] == list(tmp_path.iterdir())


def test_a_phase_that_breaks_off_has_no_end(marks, file):
    with pytest.raises(ZeroDivisionError), marks.phase("train"):
        raise ZeroDivisionError

    assert ["begin"] == [line["mark"] for line in lines(file)]


def test_numbers_of_any_library_are_written_as_plain_ones(marks, file):
    marks.result(a=np.float32(0.5), b=np.int64(3), c=np.array([2.5]).sum(), d=True, e=None, f="T4", g=2**70)

    written = lines(file)[0]
    assert {"a": 0.5, "b": 3, "c": 2.5, "d": True, "e": None, "f": "T4", "g": 2**70} == {
        k: written[k] for k in "abcdefg"
    }
    assert int is type(written["b"])


def test_what_is_not_finite_is_written_by_its_name(marks, file):
    marks.result(a=float("nan"), b=np.float32("inf"), c=-np.inf)

    written = lines(file)[0]
    assert ["NaN", "Infinity", "-Infinity"] == [written[name] for name in "abc"]


@pytest.mark.parametrize("name", ["t_ns", "mark", "phase"])
def test_a_metric_cannot_take_the_name_of_a_key_of_the_mark(marks, file, name):
    with pytest.raises(ValueError, match=name):
        marks.end("train", **{name: 1})

    assert not file.exists()


def test_what_is_no_number_is_refused_rather_than_written_as_text(marks, file):
    with pytest.raises((TypeError, ValueError)):
        marks.result(accuracy=[0.1, 0.2])

    assert not file.exists()


def test_marks_need_the_standard_library_only(marks):
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).partition(".")[0]
        for node in ast.walk(ast.parse(Path(marks.__file__).read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }

    assert set() == imported - sys.stdlib_module_names
