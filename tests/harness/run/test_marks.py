"""Marks, whatever a workload leaves."""

import json

import pytest

from harness.marks import LONGEST_LINE_B, Marks, current_phase, find_window, read_marks
from harness.record import Phase

BEGIN_NS, END_NS = 1_000_000_000_000, 1_100_000_000_000


def at(seconds):
    return BEGIN_NS + int(seconds * 1e9)


def mark(seconds, kind, phase, **metrics):
    return json.dumps({"t_ns": at(seconds), "mark": kind, "phase": phase, **metrics})


@pytest.fixture
def read(tmp_path):
    def read(*lines, end="\n"):
        (tmp_path / "marks.jsonl").write_text("\n".join(lines) + end)
        return read_marks(tmp_path / "marks.jsonl", BEGIN_NS, END_NS)

    return read


def test_a_phase_lies_between_its_two_marks_and_takes_the_metrics_of_both(read):
    marks = read(mark(1, "begin", "train", width=2), mark(3, "end", "train", loss=0.5))
    assert (Phase("train", at(1), at(3), {"width": 2, "loss": 0.5}),) == marks.phases
    assert 2.0 == marks.phases[0].duration_s


def test_phases_nest_and_stand_in_the_order_of_their_begins(read):
    marks = read(
        mark(1, "begin", "train"),
        mark(1, "begin", "epoch 1"),
        mark(2, "end", "epoch 1"),
        mark(2, "begin", "epoch 2"),
        mark(3, "end", "epoch 2"),
        mark(3, "end", "train"),
    )
    assert ["train", "epoch 1", "epoch 2"] == [phase.name for phase in marks.phases]


def test_later_results_of_a_name_win(read):
    marks = read('{"mark": "result", "accuracy": 0.1, "steps": 5}', '{"mark": "result", "accuracy": 0.9}')
    assert {"accuracy": 0.9, "steps": 5} == marks.results


def test_a_phase_never_ended_is_open_and_no_phase(read):
    marks = read(mark(1, "begin", "train"))
    assert ((), ("train",)) == (marks.phases, marks.open)


def test_a_torn_last_line_is_counted_and_loses_nothing_else(read):
    marks = read(mark(1, "begin", "a"), mark(2, "end", "a"), '{"t_ns": 1000, "mark": "be', end="")
    assert (1, 1) == (len(marks.phases), marks.unread)
    assert "line 3: it is not JSON" == marks.first_complaint


def test_a_whole_last_line_without_its_newline_is_read(read):
    assert {"accuracy": 0.5} == read('{"mark": "result", "accuracy": 0.5}', end="").results


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("[1, 2]", "not a JSON object"),
        ('{"mark": "middle", "phase": "a", "t_ns": 1}', "'middle'"),
        ('{"mark": "begin", "t_ns": 1}', "names no phase"),
        ('{"mark": "begin", "phase": "a", "t_ns": 1.5}', "not a whole number"),
        ('{"mark": "begin", "phase": "a", "t_ns": 1795204262021760300}', "not CLOCK_MONOTONIC"),
        (mark(1, "end", "a"), "without having begun"),
        ("[" * 100_000, "not JSON"),
        ("x" * (LONGEST_LINE_B + 10), "longer than 1 MiB"),
    ],
)
def test_a_line_that_is_no_mark_is_counted_with_its_reason(read, line, complaint):
    marks = read(line, '{"mark": "result", "n": 1}')
    assert 1 == marks.unread
    assert complaint in marks.first_complaint
    assert {"n": 1} == marks.results


def test_a_phase_that_ends_before_it_began_is_none(read):
    marks = read(mark(3, "begin", "a"), mark(1, "end", "a"))
    assert ((), 1) == (marks.phases, marks.unread)


def test_no_file_means_no_marks(tmp_path):
    assert Marks() == read_marks(tmp_path / "absent", BEGIN_NS, END_NS)


def test_bytes_that_are_no_text_are_passed_over(tmp_path):
    (tmp_path / "marks.jsonl").write_bytes(b'\xff\xfe\x00\n{"mark": "result", "n": NaN}\n')
    marks = read_marks(tmp_path / "marks.jsonl", BEGIN_NS, END_NS)
    assert 1 == marks.unread
    assert marks.results["n"] != marks.results["n"]


def test_the_window_is_the_one_phase_of_its_name(read):
    marks = read(mark(1, "begin", "train"), mark(3, "end", "train"))
    assert marks.phases[0] == find_window(marks, "train", BEGIN_NS, END_NS)


def test_without_a_name_the_window_is_the_whole_process():
    assert Phase("", BEGIN_NS, END_NS) == find_window(Marks(), None, BEGIN_NS, END_NS)


@pytest.mark.parametrize("times", [0, 2])
def test_which_of_several_windows_is_meant_is_not_guessed(read, times):
    marks = read(*[line for n in range(times) for line in (mark(n, "begin", "train"), mark(n, "end", "train"))])
    assert find_window(marks, "train", BEGIN_NS, END_NS) is None


@pytest.mark.parametrize(
    ("lines", "phase"),
    [
        ([], ""),
        ([mark(1, "begin", "train")], "train"),
        ([mark(1, "begin", "train"), mark(1, "begin", "epoch 1")], "epoch 1"),
        ([mark(1, "begin", "train"), mark(1, "begin", "epoch 1"), mark(2, "end", "epoch 1")], "train"),
        ([mark(1, "begin", "train"), mark(2, "end", "train")], ""),
        ([mark(1, "begin", "step"), mark(1, "begin", "step"), mark(2, "end", "step")], "step"),
        (["x" * 5000, mark(1, "begin", "train"), "{torn"], "train"),
    ],
)
def test_the_phase_that_goes_on_is_told_from_the_end_of_the_file(tmp_path, lines, phase):
    (tmp_path / "marks.jsonl").write_text("".join(f"{line}\n" for line in lines))
    assert phase == current_phase(tmp_path / "marks.jsonl")
