from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from harness.marks import read_marks
from harness.record import MARKS_VARIABLE
from nightwatt import mark


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv(MARKS_VARIABLE, str(tmp_path / "marks.jsonl"))
    return tmp_path / "marks.jsonl"


def test_the_harness_reads_what_a_shell_leaves(file):
    for t_ns, words in enumerate(("begin train", "end train loss=0.5", "result accuracy=0.75 device=T4"), start=10):
        assert 0 == mark.main(words.split(), t_ns)

    read = read_marks(file, 0, 100)

    assert [("train", 10, 11, {"loss": 0.5})] == [(p.name, p.begin_ns, p.end_ns, dict(p.metrics)) for p in read.phases]
    assert {"accuracy": 0.75, "device": "T4"} == read.results
    assert 0 == read.unread


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3), ("-0.5", -0.5), ("1e3", 1000.0), ("nan", "NaN"), ("-inf", "-Infinity"), ("true", True),
        ("false", False), ("", ""), ("a=b", "a=b"), ("mixed", "mixed"),
    ],
)  # fmt: skip
def test_a_value_is_a_number_where_it_reads_as_one(file, text, value):
    mark.main(["result", f"x={text}"], 1)

    written = json.loads(file.read_text())
    assert (value, type(value)) == (written["x"], type(written["x"]))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "begin, end or result?"),
        (["start", "train"], "'start' is none of begin, end, result"),
        (["begin"], "which phase?"),
        (["begin", "epoch", "3"], "quote a name of several words: 'epoch 3'"),
        (["end", "train", "loss"], "'loss' is not NAME=VALUE"),
        (["end", "train", "=1"], "'=1' is not NAME=VALUE"),
        (["end", "train", "t_ns=1"], "may not be called 't_ns'"),
        (["result"], "a result is NAME=VALUE"),
    ],
)
def test_wrong_use_is_refused_and_leaves_no_mark(file, capsys, words, complaint):
    assert 2 == mark.main(words, 1)
    assert complaint in capsys.readouterr().err
    assert not file.exists()


def test_a_marks_file_that_cannot_be_written_is_named(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv(MARKS_VARIABLE, str(tmp_path / "absent" / "marks.jsonl"))

    assert 2 == mark.main(["begin", "train"], 1)
    assert "absent/marks.jsonl (NIGHTWATT_MARKS) cannot be written: No such file" in capsys.readouterr().err


def test_outside_a_night_nothing_is_written(monkeypatch, tmp_path):
    monkeypatch.delenv(MARKS_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)

    assert 0 == mark.main(["begin", "train"], 1)
    assert [] == list(tmp_path.iterdir())


def test_a_mark_loads_nothing_but_the_standard_library():
    code = (
        "import sys; from nightwatt.__main__ import main\n"
        "try: main(['mark', 'begin', 'train'])\n"
        "except SystemExit: pass\n"
        "print(*{name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names - {'__main__'})"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)

    assert "nightwatt" == done.stdout.strip()


def test_the_stamp_is_of_the_call(file):
    before_ns = time.monotonic_ns()
    subprocess.run([sys.executable, "-m", "nightwatt", "mark", "begin", "train"], check=True)

    assert before_ns < json.loads(file.read_text())["t_ns"] < time.monotonic_ns()
