"""What lay between the runs, and what became of attempts that did not complete."""

from __future__ import annotations

import json

import pytest

from analysis.listings.attempts import faults, gaps, gates
from analysis.load import load
from analysis.study import study


def edit_records(made, change):
    for run in made.runs:
        path = made.path / "runs" / run.run / "run.json"
        body = json.loads(path.read_text())
        change(body)
        path.write_text(json.dumps(body))


def said(made):
    return {caution.code: caution for caution in study(load(made.path)).cautions}


def with_gaps(simulate, key="window_gap_s", **gap_s):
    made = simulate(blocks=6)
    edit_records(made, lambda body: body.update({key: gap_s[body["configuration"]]}))
    return made


@pytest.mark.parametrize("key", ["window_gap_s", "gap_s"])
def test_configurations_with_unequal_time_before_them_are_a_caution(simulate, key):
    made = with_gaps(simulate, key, base=60.0, lean=95.0)
    message = said(made)["unequal-gaps"].message
    assert "a median of 60.0 s for base, 95.0 s for lean" in message
    assert ("the window before it" in message) is (key == "window_gap_s")


@pytest.mark.parametrize("lean_s", [60.0, 65.0])
def test_gaps_that_differ_by_little_are_none(simulate, lean_s):
    assert "unequal-gaps" not in said(with_gaps(simulate, base=60.0, lean=lean_s))


def test_the_gaps_are_listed_by_configuration(simulate):
    frame = gaps(load(with_gaps(simulate, base=60.0, lean=95.0).path)).frame
    assert {"base": 60.0, "lean": 95.0} == dict(zip(frame.configuration, frame.window_gap_median_s, strict=True))
    assert [6, 6] == frame.runs.tolist()


def gate(name, outcome, waited_s=0.0, evidence=""):
    return {"name": name, "outcome": outcome, "waited_s": waited_s, "evidence": evidence}


def test_a_gate_that_could_not_tell_is_a_caution(simulate):
    made = simulate(blocks=6)
    edit_records(made, lambda body: body.update(gates=[gate("gpu", "unknown", evidence="no sensor tells")]))
    assert "gpu (no sensor tells)" in said(made)["blind-gates"].message


def test_gates_that_were_open_are_no_caution(simulate):
    made = simulate(blocks=6)
    edit_records(made, lambda body: body.update(gates=[gate("gpu", "open")]))
    assert "blind-gates" not in said(made)


def test_what_the_gates_saw_is_counted(simulate):
    made = simulate(blocks=2)

    def look(body):
        first = body["block"] == 1
        body["gates"] = [gate("load", "refused" if first else "open", 30.0 if first else 0.0), gate("disk", "open")]

    edit_records(made, look)
    frame = gates(load(made.path)).frame.set_index("gate")
    assert (4, 2, 30.0, 60.0, 2) == tuple(frame.loc["load", ["attempts", "held_up", "longest_s", "total_s", "refused"]])
    assert (4, 0) == tuple(frame.loc["disk", ["attempts", "held_up"]])


def test_attempts_that_did_not_complete_keep_their_reason_last_words_and_a_hint(simulate):
    made = simulate(blocks=3, failed=("b02-1",))

    def complain(body):
        if body["status"] == "failed":
            body |= {"reason": "exit code 1: x", "last_lines": ["a", "b", "c", "x"], "hint": "install x"}

    edit_records(made, complain)
    night = load(made.path)
    (row,) = faults(night).frame.to_dict("records")
    assert ("failed", "exit code 1: x", "b / c / x", "install x") == (
        row["status"], row["reason"], row["last_lines"], row["hint"],
    )  # fmt: skip
    assert ["install x"] == [hint for hint in night.runs.hint if hint]


def test_a_short_window_is_said_once(simulate):
    made = simulate(blocks=6)
    verdict = {"name": "short_window", "cause": "measurement", "level": "warning", "evidence": "short"}
    edit_records(made, lambda body: body.update(verdicts=[verdict]))
    assert "verdict-short_window" not in said(made)
