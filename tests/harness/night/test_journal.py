"""The journal: one JSON line for each thing that happened."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.errors import ExitCode
from harness.events import NightEnded, NightStarted, RunSettled, Tick, Trouble
from harness.journal import Journal, journal_path
from harness.record import RunRecord


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_events_are_lines_and_ticks_are_left_out(tmp_path: Path, record: Callable[..., RunRecord]) -> None:
    path = tmp_path / "journal" / "x.jsonl"
    with Journal(path) as journal:
        journal.event(NightStarted(tmp_path, "Which?", 6, 0, resumed=False, rehearsal=True))
        journal.event(Tick("b01-1-a1-a", "workload", 2.0))
        journal.event(RunSettled("b01-1-a1-a", tmp_path / "runs" / "b01-1-a1-a", record(gap_s=float("nan"))))
        journal.event(Trouble("a stop", "go on"))
        journal.event(NightEnded(ExitCode.STOPPED, "why", "what now"))
    started, settled, trouble, ended = lines(path)
    assert ("NightStarted", str(tmp_path), True) == (started["event"], started["folder"], started["rehearsal"])
    assert ["completed", "valid", "b01-1-a1-a", "NaN"] == [
        settled[key] for key in ("status", "validity", "path", "gap_s")
    ]
    assert ("a stop", "go on") == (trouble["what"], trouble["remedy"])
    assert 4 == ended["exit_code"]
    assert started["t_ns"] <= ended["t_ns"]


def test_each_line_is_on_disk_at_once(tmp_path: Path) -> None:
    with Journal(tmp_path / "x.jsonl") as journal:
        journal.line("Session", line=1)
        assert ["Session"] == [line["event"] for line in lines(tmp_path / "x.jsonl")]


def test_a_full_disk_does_not_end_the_night(tmp_path: Path) -> None:
    with Journal(tmp_path / "x.jsonl") as journal:
        journal._file.close()
        journal._file = open("/dev/full", "w")  # noqa: SIM115  -- closed by the journal
        journal.line("Session")
    assert "No space left" in journal.trouble


def test_two_sessions_in_one_second_have_two_journals(tmp_path: Path) -> None:
    first = journal_path(tmp_path, "0123abcd", 1_700_000_000 * 10**9)
    first.write_text("")
    assert "0123abcd-20231114T221320Z.jsonl" == first.name
    assert "0123abcd-20231114T221320Z-2.jsonl" == journal_path(tmp_path, "0123abcd", 1_700_000_000 * 10**9).name
