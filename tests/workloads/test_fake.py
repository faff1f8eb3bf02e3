"""The fake workload: exact phases, results that follow from the seed, faults on demand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FAKE = Path(__file__).parents[2] / "workloads" / "fake.py"

Fake = Callable[..., tuple[subprocess.CompletedProcess[str], list[dict[str, Any]]]]


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """Execute it with these options; gives the process and its marks."""
    path = tmp_path / "marks.jsonl"

    def executed(*options: str, marked: bool = True) -> tuple[subprocess.CompletedProcess[str], list[dict[str, Any]]]:
        path.unlink(missing_ok=True)
        environment = os.environ | ({"NIGHTWATT_MARKS": str(path)} if marked else {})
        done = subprocess.run(
            [sys.executable, str(FAKE), *options],
            env=environment, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        lines = path.read_text().splitlines() if path.exists() else []
        return done, [json.loads(line) for line in lines]

    return executed


def test_phases_have_exactly_their_nominal_lengths(fake: Fake) -> None:
    done, marks = fake("--phases", "setup:0.01,train:0.03,evaluate:0.02")
    assert 0 == done.returncode
    stamps = [mark["t_ns"] for mark in marks]
    assert [0, 10, 10, 40, 40, 60] == [(stamp - stamps[0]) / 1e6 for stamp in stamps]
    assert ["begin", "end"] * 3 == [mark["mark"] for mark in marks]
    assert ["setup", "setup", "train", "train", "evaluate", "evaluate"] == [mark["phase"] for mark in marks]


def test_no_mark_lies_outside_the_process(fake: Fake) -> None:
    before_ns = time.monotonic_ns()
    _, marks = fake("--phases", "train:0.02")
    assert before_ns <= marks[0]["t_ns"] < marks[-1]["t_ns"] <= time.monotonic_ns()


def test_epochs_divide_their_phase_and_carry_a_learning_curve(fake: Fake) -> None:
    _, marks = fake("--phases", "warm:0.01,train:0.03", "--epochs", "3")
    epochs = [mark for mark in marks if mark["phase"].startswith("epoch") and mark["mark"] == "end"]
    assert ["epoch 1", "epoch 2", "epoch 3"] == [mark["phase"] for mark in epochs]
    assert [1.0, 0.5, 0.25] == [mark["loss"] for mark in epochs]
    begins = [mark["t_ns"] for mark in marks if mark["phase"].startswith("epoch") and mark["mark"] == "begin"]
    assert [10_000_000] * 3 == [end["t_ns"] - begin for begin, end in zip(begins, epochs, strict=True)]


def test_results_follow_from_the_seed(fake: Fake) -> None:
    options = ("--phases", "", "--accuracy", "0.8", "--metric", "f1=0.6", "--seed")
    first, again, other = (fake(*options, seed)[1][-1] for seed in ("3", "3", "4"))
    assert (first["accuracy"], first["f1"]) == (again["accuracy"], again["f1"])
    assert first["accuracy"] != other["accuracy"]
    assert 0.79 <= first["accuracy"] <= 0.81


def test_not_a_number_is_written_as_json_can_hold_it(fake: Fake) -> None:
    _, marks = fake("--phases", "train:0.01", "--epochs", "1", "--nan")
    assert "NaN" == next(mark for mark in marks if mark.get("phase") == "epoch 1" and mark["mark"] == "end")["loss"]
    assert "NaN" == marks[-1]["loss_final"]


def test_without_a_marks_file_it_runs_by_itself(fake: Fake) -> None:
    done, marks = fake("--phases", "train:0.01", "--print", "hello", marked=False)
    assert (0, [], "hello\n") == (done.returncode, marks, done.stdout)


@pytest.mark.parametrize(
    ("options", "returncode"), [(("--exit-code", "3"), 3), (("--signal", str(int(signal.SIGSEGV))), -signal.SIGSEGV)]
)
def test_it_ends_as_it_is_told(fake: Fake, options: tuple[str, ...], returncode: int) -> None:
    assert returncode == fake("--phases", "", *options)[0].returncode


def test_dying_in_a_phase_leaves_its_end_unmarked(fake: Fake) -> None:
    done, marks = fake("--phases", "setup:0.01,train:0.02", "--die-in", "train", "--exit-code", "1")
    assert 1 == done.returncode
    assert ("begin", "train") == (marks[-1]["mark"], marks[-1]["phase"])


def test_it_ignores_sigterm_when_told() -> None:
    process = subprocess.Popen(
        [sys.executable, str(FAKE), "--phases", "", "--print", "ready", "--ignore-sigterm", "--hang"],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        process.stdout.readline()
        process.terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
    finally:
        process.kill()
        process.communicate()


def test_it_holds_the_memory_it_is_asked_to_hold(largest: Callable[[list[str]], Any]) -> None:
    told = largest([sys.executable, str(FAKE), "--phases", "", "--memory-MB", "200"])
    assert 0 == told.code
    assert 200 << 20 < told.rss_B < 300 << 20


def test_it_imports_the_standard_library_only() -> None:
    import ast

    tree = ast.parse(FAKE.read_text())
    names = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names - {"__future__"} <= sys.stdlib_module_names


# --- faults -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def struck(tmp_path: Path) -> Fake:
    """Execute it as the first attempt of slot b02-1; gives the process and its marks, torn ones as text."""
    path = tmp_path / "b02-1-a1-x.partial" / "marks.jsonl"

    def executed(*options: str, attempt: int = 1) -> tuple[subprocess.CompletedProcess[str], list[Any]]:
        marks = path.parent.with_name(f"b02-1-a{attempt}-x.partial") / path.name
        marks.parent.mkdir()
        done = subprocess.run(
            [sys.executable, str(FAKE), "--phases", "setup:0.01,train:0.02", "--accuracy", "0.8", *options],
            env=os.environ | {"NIGHTWATT_MARKS": str(marks)},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        lines = marks.read_text().splitlines() if marks.exists() else []
        return done, [json.loads(line) if line.endswith("}") else line for line in lines]

    return executed


@pytest.mark.parametrize(
    ("slot", "attempt", "code"),
    [("b02-1", 1, 3), ("b02-1", 2, 0), ("b02-11", 1, 0), ("b12-1", 1, 0), ("all", 2, 3)],
)
def test_a_fault_strikes_the_first_attempt_of_its_slot_or_all(struck: Fake, slot: str, attempt: int, code: int) -> None:
    assert code == struck("--fault", f"failure@{slot}", attempt=attempt)[0].returncode  # type: ignore[call-arg]


def test_a_failure_comes_in_the_middle_of_the_window(struck: Fake) -> None:
    _, marks = struck("--fault", "failure@b02-1", "--epochs-in", "train")
    assert ("begin", "train") == (marks[-1]["mark"], marks[-1]["phase"])


def test_memory_runs_out_under_a_limit_of_its_own(largest: Callable[[list[str]], Any]) -> None:
    told = largest([sys.executable, str(FAKE), "--phases", "train:0.01", "--fault", "out-of-memory@all"])
    assert 1 == told.code
    assert "MemoryError" == told.err.splitlines()[-1]
    assert told.rss_B < 600 << 20


def test_a_flood_is_more_than_any_pipe_holds(struck: Fake) -> None:
    done, _ = struck("--fault", "flood@b02-1")
    assert (0, 8 << 20) == (done.returncode, len(done.stdout.replace("\n", "")))


def test_a_question_on_the_terminal_finds_nobody(struck: Fake) -> None:
    done, _ = struck("--fault", "terminal@b02-1")
    assert 1 == done.returncode
    assert "EOFError: EOF when reading a line" == done.stderr.splitlines()[-1]


def test_half_a_mark_is_a_line_without_its_end(struck: Fake) -> None:
    done, marks = struck("--fault", "half-mark@b02-1")
    assert 0 == done.returncode
    assert isinstance(marks[-1], str)
    assert all(isinstance(mark, dict) for mark in marks[:-1])


def test_lingering_is_a_phase_behind_the_first_one(struck: Fake) -> None:
    _, marks = struck("--linger", "0.05@b02-1", "--linger", "5@b03-1")
    ends = {mark["phase"]: mark["t_ns"] for mark in marks if mark["mark"] == "end"}
    assert ["setup", "linger", "train"] == list(ends)
    assert [50_000_000, 20_000_000] == [ends["linger"] - ends["setup"], ends["train"] - ends["linger"]]
