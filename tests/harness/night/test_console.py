"""The live night: what it shows, on a terminal and elsewhere, and that a lost terminal is no error."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest

from harness.console import Console
from harness.errors import ExitCode
from harness.events import (
    Event,
    NightEnded,
    NightStarted,
    RunSettled,
    RunStarted,
    StageStarted,
    Tick,
    Trouble,
    WarmupStarted,
)
from harness.record import Cause, Level, Phase, RunRecord, Status, Validity, Verdict
from harness.view import View, duration, energy, now_line, printable, result_line

Record = Callable[..., RunRecord]
NAME = "b01-1-a1-a"


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture
def events(tmp_path: Path, record: Record) -> list[Event]:
    """A short night: a warm-up, one good run, one that fails, the end."""
    window = Phase("train", 0, 239 * 10**9)
    good = record("b01-1", window=window, ended_ns=101 * 10**9)
    bad = record("b01-2", status=Status.FAILED, reason="exit code 3", configuration="b", ended_ns=101 * 10**9)
    return [
        NightStarted(tmp_path, "Which?", 4, 0, resumed=False, rehearsal=False),
        WarmupStarted(300.0),
        RunStarted(NAME, "b01-1", 1, "a", 1),
        StageStarted(NAME, "cooldown", 120.0),
        Tick(NAME, "cooldown", 2.0, "", {"gpu0": 61.25}, {"gpu0": 43.6}),
        StageStarted(NAME, "workload"),
        Tick(NAME, "workload", 12.5, "epoch 3", {"gpu0": 412.0}, {"gpu0": 61.0}),
        RunSettled(NAME, tmp_path / NAME, good, 31_920.0),
        RunSettled("b01-2-a1-b", tmp_path / "b01-2-a1-b", bad),
        Trouble("b is retired: its first two runs ended as failed", "look at its stderr.log", "b01-2-a1-b"),
        NightEnded(ExitCode.UNFINISHED, "the night is over: 4 of 4 runs are valid", "nightwatt report there"),
    ]


def shown(events: list[Event], *, quiet: bool = False) -> list[str]:
    stream = io.StringIO()
    console = Console(stream, quiet=quiet, realtime_s=lambda: 1_700_000_000.0)
    for event in events:
        console.show(event)
    console.close()
    return stream.getvalue().splitlines()


def test_without_a_terminal_each_settled_thing_is_a_plain_line(events: list[Event], tmp_path: Path) -> None:
    assert [
        f"22:13:20  Which?: the night begins in {tmp_path}, 4 of 4 runs to do",
        "22:13:20  warm-up for 5:00 min",
        "22:13:20  1/4  b01-1-a1-a  31.92 kJ  3:59 min  ok · finish about 22:18",
        "22:13:20  2/4  b01-2-a1-b  failed  exit code 3 · finish about 22:16",
        "22:13:20  b01-2-a1-b: b is retired: its first two runs ended as failed (look at its stderr.log)",
        "22:13:20  the night is over: 4 of 4 runs are valid",
        "          nightwatt report there",
    ] == shown(events)


def test_quiet_leaves_troubles_and_the_end(events: list[Event]) -> None:
    assert ["b01-2-a1-b:", "the", "nightwatt"] == [
        line.split()[-0 if line[0] == " " else 1] for line in shown(events, quiet=True)
    ]


def test_a_rehearsal_says_so_first(tmp_path: Path) -> None:
    (line,) = shown([NightStarted(tmp_path, "Which?", 4, 1, resumed=True, rehearsal=True)])
    assert line.endswith(f"REHEARSAL: Which?: the night goes on in {tmp_path}, 3 of 4 runs to do")


def test_a_finish_on_another_day_names_the_day(tmp_path: Path, record: Record) -> None:
    long = record(ended_ns=40_000 * 10**9)
    night = NightStarted(tmp_path, "Which?", 2, 0, resumed=False, rehearsal=False)
    line = shown([night, RunSettled(NAME, tmp_path, long)])[-1]
    assert line.endswith("finish about Wed 09:19")


def test_what_goes_on_is_one_line(events: list[Event]) -> None:
    view = View()
    for event in events[:7]:
        view.take(event)
    assert "b01-1-a1-a · workload 12.5 s · epoch 3 · gpu0 412.0 W 61 °C" == now_line(view)


def test_a_configuration_whose_name_was_too_long_for_a_path_is_told_beside_the_run() -> None:
    view = View(run="b01-1-a1-x-0123abcd", configuration="width=1 and more", stage="cooldown", stage_s=1.0)
    assert "b01-1-a1-x-0123abcd width=1 and more · cooldown 1.00 s" == now_line(view)


def test_an_interrupted_run_is_neither_done_nor_counted_as_a_fault(tmp_path: Path, record: Record) -> None:
    view = View(slots=4)
    interrupted = record(status=Status.INTERRUPTED, validity=Validity.INVALID)
    view.take(RunSettled(NAME, tmp_path, interrupted))
    assert (0, {}, None) == (view.done, view.counts, view.finish_in_s())
    assert "interrupted" in view.last[-1]


def test_an_invalid_run_stays_to_be_done(tmp_path: Path, record: Record) -> None:
    view = View(slots=4)
    view.take(RunSettled(NAME, tmp_path, record(validity=Validity.INVALID)))
    assert (0, {"invalid": 1}) == (view.done, view.counts)


def test_a_completed_run_without_its_window_is_not_called_ok(tmp_path: Path, record: Record) -> None:
    verdict = Verdict(
        "no_window", Cause.OUTCOME, Level.WARNING, evidence="phase 'train' is not among the marked phases"
    )
    event = RunSettled(NAME, tmp_path, record(verdicts=(verdict,)))
    assert result_line(event).endswith("no window  phase 'train' is not among the marked phases")
    view = View()
    view.take(event)
    assert {"no window": 1} == view.counts


def test_a_run_that_is_compared_although_something_is_doubted_says_so(tmp_path: Path, record: Record) -> None:
    doubts = tuple(Verdict("frozen", Cause.MEASUREMENT, Level.WARNING, evidence=f"gpu{index}") for index in (0, 1))
    step = Verdict("clock_step", Cause.MEASUREMENT, Level.INFORMATION)
    view = View()
    for verdicts, words in (((*doubts, step), "ok, but warned of frozen"), ((step,), "ok")):
        event = RunSettled(NAME, tmp_path, record(verdicts=verdicts))
        assert result_line(event).endswith(f"  {words}")
        view.take(event)
    assert {} == view.counts


def test_a_failed_run_is_told_by_its_failure_alone(tmp_path: Path, record: Record) -> None:
    verdict = Verdict(
        "no_window", Cause.OUTCOME, Level.WARNING, evidence="phase 'train' is not among the marked phases"
    )
    line = result_line(
        RunSettled(NAME, tmp_path, record(status=Status.FAILED, reason="exit code 7", verdicts=(verdict,)))
    )
    assert line.endswith("failed  exit code 7")


def test_what_would_help_stands_behind_the_reason(tmp_path: Path, record: Record) -> None:
    failed = record(status=Status.FAILED, reason="exit code 1: no torch", hint="install torch")
    assert result_line(RunSettled(NAME, tmp_path, failed)).endswith("exit code 1: no torch → install torch")


def test_what_a_workload_says_of_itself_cannot_steer_the_terminal(tmp_path: Path, record: Record) -> None:
    nasty = f"{chr(27)}[2J{chr(7)}\n"
    line = result_line(RunSettled(NAME, tmp_path, record(status=Status.FAILED, reason=nasty)))
    assert line.isprintable()
    assert printable("plain µ °C") == "plain µ °C"


@pytest.mark.parametrize(
    ("length_s", "words"),
    [(0.25, "0.25 s"), (42.123, "42.1 s"), (245, "4:05 min"), (7384, "2:03:04 h"), (59.999, "60.0 s")],
)
def test_durations_are_written_for_people(length_s: float, words: str) -> None:
    assert words == duration(length_s)


@pytest.mark.parametrize(("energy_J", "words"), [(812.41, "812.4 J"), (31_921.0, "31.92 kJ"), (0.5, "0.5 J")])
def test_energies_have_four_digits(energy_J: float, words: str) -> None:
    assert words == energy(energy_J)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, TextIO]]:
    """The two ends of a pseudo-terminal: what a person sees, and what the console writes to."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    master, slave = pty.openpty()
    os.set_blocking(master, False)
    stream = os.fdopen(slave, "w")
    yield master, stream
    for end in (lambda: os.close(master), stream.close):
        try:
            end()
        except OSError:
            continue


def seen(master: int) -> str:
    text = b""
    try:
        while part := os.read(master, 1 << 16):
            text += part
    except BlockingIOError:
        pass
    return text.decode()


def test_on_a_terminal_the_night_is_drawn(events: list[Event], terminal: tuple[int, TextIO]) -> None:
    master, stream = terminal
    console = Console(stream)
    for event in events[:8]:
        console.show(event)
    drawn = seen(master)
    assert "b01-1-a1-a · workload" in drawn
    assert "gpu0 61.2 W" in drawn
    assert "1 of 4 runs valid, 3 left · finish about" in drawn
    for event in events[8:]:
        console.show(event)
    drawn = seen(master)
    assert "1 failed" in drawn
    assert "1 of 4 runs valid, 2 done, 2 left" in drawn
    assert drawn.rstrip().endswith("nightwatt report there")


def test_ticks_are_drawn_at_most_each_two_seconds(events: list[Event], terminal: tuple[int, TextIO]) -> None:
    master, stream = terminal
    now_s = 100.0
    console = Console(stream, monotonic_s=lambda: now_s)
    for event in events[:4]:
        console.show(event)
    seen(master)
    tick = Tick(NAME, "workload", 3.0, power_W={"gpu0": 5.0})
    now_s = 101.9
    console.show(tick)
    assert "" == seen(master)
    now_s = 102.0
    console.show(tick)
    assert "gpu0 5.0 W" in seen(master)


@pytest.mark.parametrize("term", ["dumb", "unknown", None])
def test_a_dumb_terminal_gets_plain_lines(
    events: list[Event], terminal: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch, term: str | None
) -> None:
    if term is None:
        monkeypatch.delenv("TERM")
    else:
        monkeypatch.setenv("TERM", term)
    master, stream = terminal
    console = Console(stream)
    for event in events:
        console.show(event)
    drawn = seen(master)
    assert chr(27) not in drawn
    assert 7 == len(drawn.splitlines())


def test_a_terminal_that_has_gone_is_no_error_and_the_night_is_told_in_its_log(
    events: list[Event], terminal: tuple[int, TextIO], tmp_path: Path
) -> None:
    master, stream = terminal
    console = Console(stream)
    for event in events[:6]:
        console.show(event)
    os.close(master)
    for event in events[6:]:
        console.show(event)
    console.close()
    told = (tmp_path / "console.log").read_text()
    assert "b01-1-a1-a  31.92 kJ" in told
    assert "nightwatt report there" in told
    assert chr(27) not in told


def test_output_moves_to_the_log_when_told(events: list[Event], terminal: tuple[int, TextIO], tmp_path: Path) -> None:
    master, stream = terminal
    console = Console(stream)
    for event in events[:4]:
        console.show(event)
    seen(master)
    console.move_to_log()
    seen(master)
    for event in events[4:]:
        console.show(event)
    assert "" == seen(master)
    assert "nightwatt report there" in (tmp_path / "console.log").read_text()


def test_what_a_terminal_never_took_does_not_reach_the_log(tmp_path: Path) -> None:
    """In a process of its own, because descriptors 1 and 2 are moved."""
    code = (
        "import sys; sys.stdin.read()\n"  # until the terminal has gone
        "from harness.console import Console; from harness.events import NightStarted; from pathlib import Path\n"
        "console = Console(sys.stderr)\n"
        "try: print('half a drawing', file=sys.stderr, flush=True)\n"
        "except OSError: pass\n"
        f"console.show(NightStarted(Path({str(tmp_path)!r}), 'Which?', 4, 0, resumed=False, rehearsal=False))\n"
    )
    outer, inner = pty.openpty()
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    child = subprocess.Popen(
        [sys.executable, "-c", code], env=buffered, stdin=subprocess.PIPE, stdout=inner, stderr=inner
    )
    os.close(inner)
    os.close(outer)
    child.communicate(timeout=60)
    assert 0 == child.returncode
    told = (tmp_path / "console.log").read_text()
    assert "Which?" in told
    assert "half a drawing" not in told
