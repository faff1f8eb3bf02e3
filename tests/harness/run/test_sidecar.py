"""Instruments without status lines are watched by their file; hostile output is survived."""

import json
import math
import os
import select
import signal
import sys

import pytest

from harness.child import LONGEST_BACKLOG_B, Child, tail_of
from harness.errors import RunFault, SensorMissing
from harness.instruments.instrument import Instrument, StatusLine
from harness.instruments.sidecar import LOOK_S, InstrumentEnd, Sidecar

UNTIL_TOLD = "import sys; sys.stdin.read()"
SPEAKS_WHEN_TOLD = "import sys; sys.stdin.read(1); print('{\"t_ns\": 7}', flush=True); sys.stdin.read()"


@pytest.fixture
def sidecar(tmp_path):
    started = []

    def start(code, **changes):
        instrument = Instrument(
            **{
                "name": "meter",
                "command": (sys.executable, "-c", code),
                "ready_file": tmp_path / "ready",
                "samples_file": tmp_path / "meter.csv",
                **changes,
            }
        )
        started.append(Sidecar(instrument, tmp_path))
        return started[-1]

    yield start
    for one in started:
        one.stop(5.0)
        one.close()


def test_an_instrument_is_ready_when_its_file_is_there(sidecar, tmp_path, wait_for):
    meter = sidecar(f"open({str(tmp_path / 'ready')!r}, 'w'); {UNTIL_TOLD}")
    assert wait_for(meter.ready)
    assert meter.lost() is None
    assert 0 < meter.due_s <= LOOK_S


def test_an_instrument_that_is_not_ready_in_time_is_a_fault(sidecar, wait_for):
    meter = sidecar(UNTIL_TOLD, ready_s=0.05)
    with pytest.raises(RunFault, match=r"meter is not ready after 0\.05 s"):
        wait_for(meter.ready)


def test_an_instrument_that_dies_first_is_told_with_its_last_words(sidecar, wait_for):
    meter = sidecar("import sys; sys.exit('no rights to read the registers')")
    with pytest.raises(RunFault) as fault:
        wait_for(meter.ready)
    assert "no rights to read the registers" == fault.value.where


def test_an_absent_program_is_a_missing_sensor(tmp_path):
    instrument = Instrument("meter", ("/absent/meter",), tmp_path / "ready", tmp_path / "meter.csv")
    with pytest.raises(SensorMissing, match="meter cannot be started: No such file"):
        Sidecar(instrument, tmp_path)


class Time:
    """Time that passes when it is told to."""

    def __init__(self):
        self.now_s = 1000.0

    def monotonic(self):
        return self.now_s

    def monotonic_ns(self):
        return round(self.now_s * 1e9)


@pytest.fixture
def passing(monkeypatch):
    """The time of the sidecars."""
    clock = Time()
    monkeypatch.setattr("harness.instruments.sidecar.time", clock)
    return clock


def look(meter, passing, *waits_s):
    """Look after each of these waits; the first loss."""
    for wait_s in waits_s:
        passing.now_s += wait_s
        meter.listen()
        if meter.lost() is not None:
            return meter.lost()
    return None


def test_an_instrument_whose_file_grows_is_not_silent(sidecar, tmp_path, passing):
    meter = sidecar(UNTIL_TOLD)
    for length in range(1, 9):
        (tmp_path / "meter.csv").write_text("x" * length)
        assert look(meter, passing, 0.7) is None
    heard_ns = passing.monotonic_ns()
    assert look(meter, passing, 0.7, 0.7) is None
    loss = look(meter, passing, 0.7)
    assert ("meter has said nothing for 2.1 s", heard_ns) == (loss.why, loss.since_ns)


def test_silence_is_seen_when_it_has_lasted_for_its_limit(sidecar, passing):
    meter = sidecar(UNTIL_TOLD, status_lines=True)
    waits_s = []
    while meter.lost() is None:
        waits_s.append(meter.due_s)
        passing.now_s += meter.due_s
    assert 2.0 == pytest.approx(sum(waits_s))
    assert len(waits_s) <= 4  # and little was asked until then
    assert math.inf == meter.due_s


def test_a_pause_of_the_whole_machine_is_not_the_silence_of_an_instrument(sidecar, passing, wait_for):
    meter = sidecar(SPEAKS_WHEN_TOLD, status_lines=True)
    assert look(meter, passing, 3600.0, 0.7) is None
    meter.child.tell(b"!")
    wait_for(lambda: meter.listen() or meter.status.t_ns)
    assert look(meter, passing, 0.7, 0.7) is None
    assert "meter has said nothing for 2.1 s" == look(meter, passing, 0.7).why


def test_words_that_wait_unheard_are_heard_first(sidecar, passing, wait_for):
    meter = sidecar(f"print('{{\"t_ns\": 7}}', flush=True); {UNTIL_TOLD}", status_lines=True)
    wait_for(lambda: select.select([meter.child.output], [], [], 0)[0])
    assert look(meter, passing, 0.7, 0.7, 0.7) is None


def test_a_loss_stays(sidecar, passing, wait_for):
    meter = sidecar(SPEAKS_WHEN_TOLD, status_lines=True)
    loss = look(meter, passing, 0.7, 0.7, 0.7)
    meter.child.tell(b"!")
    wait_for(lambda: meter.listen() or meter.status.t_ns)
    assert loss is meter.lost()


def test_an_instrument_that_confesses_is_lost_at_once(sidecar, wait_for):
    confession = """print('{"t_ns": 7, "lost": "its card has gone"}', flush=True)"""
    meter = sidecar(f"{confession}; {UNTIL_TOLD}", status_lines=True)
    wait_for(lambda: meter.listen() or meter.status.t_ns)
    assert "meter: its card has gone" == meter.lost().why


def test_one_that_was_stopped_is_woken_to_write_what_it_holds(sidecar, tmp_path, passing):
    words = tmp_path / "last words"
    meter = sidecar(f"{UNTIL_TOLD}; open({str(words)!r}, 'w')", status_lines=True)
    os.kill(meter.child.pid, signal.SIGSTOP)
    assert look(meter, passing, 0.7, 0.7, 0.7) is not None
    assert InstrumentEnd(0) == meter.stop(600.0)
    assert words.exists()


def test_how_an_instrument_ended_is_told(sidecar, wait_for):
    assert InstrumentEnd(0) == sidecar(UNTIL_TOLD).stop(20.0)
    died = sidecar("import sys; sys.exit('no more paper')")
    wait_for(lambda: died.child.exit_code is not None)
    assert InstrumentEnd(1, "ended with exit code 1: no more paper") == died.stop(20.0)


def test_a_status_line_is_heard_and_rubbish_passed_over(sidecar, wait_for):
    rubbish = r"print('no json\n[1]\n{\"power_W\": {\"gpu0\": 5.0}, \"t_ns\": 7, \"new\": 1}\n{\"x\":', flush=True)"
    meter = sidecar(f"{rubbish}; {UNTIL_TOLD}", status_lines=True)
    wait_for(lambda: meter.listen() or meter.status.t_ns)
    assert StatusLine(t_ns=7, power_W={"gpu0": 5.0}) == meter.status


def test_first_words_are_waited_for_once_it_is_ready(sidecar, tmp_path, wait_for):
    told = "import sys; sys.stdin.read(1)"
    meter = sidecar(f"{told}; print('{{\"t_ns\": 7}}', flush=True); {UNTIL_TOLD}", status_lines=True)
    (tmp_path / "ready").touch()
    assert meter.ready()
    assert not meter.has_spoken(patience_s=60)
    assert meter.has_spoken(patience_s=0)
    meter.child.tell(b"!")
    assert wait_for(lambda: meter.has_spoken(patience_s=60))


def test_an_instrument_that_ignores_its_pipe_is_ended_by_force(sidecar):
    meter = sidecar("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)")
    end = meter.stop(0.2)
    assert end.exit_code in {-9, -15}
    assert "had to be ended by force" == end.fault


def test_a_child_that_prints_without_end_and_without_a_newline_takes_no_memory(tmp_path, wait_for):
    child = Child((sys.executable, "-c", "import os\nfor _ in range(400): os.write(1, b'x' * 65536)"), tmp_path / "err")
    wait_for(lambda: (child.lines() or not child.output_open) and child.exit_code is not None)
    assert len(child._tail) <= LONGEST_BACKLOG_B
    child.close()


def test_a_flood_is_read_in_pieces(tmp_path, monkeypatch):
    child = Child((sys.executable, "-c", UNTIL_TOLD), tmp_path / "err")
    with monkeypatch.context() as flood:
        flood.setattr("os.read", lambda *_: b"line\n" * 100)
        assert len(child.lines()) < 10_000
    child.end(5.0)
    child.close()


def test_the_tail_of_a_file_is_its_last_lines(tmp_path):
    (tmp_path / "log").write_text("a\nb\nc\nd\n\n")
    assert "c\nd" == tail_of(tmp_path / "log", lines=2)
    assert "" == tail_of(tmp_path / "absent")


def test_one_that_reads_on_has_its_tail_beyond_the_patience_unless_nobody_wants_it(sidecar, tmp_path, wait_for):
    ready = json.dumps({"tail_s": 30})

    def reading_on(seconds):
        """In short sleeps: a signal that comes just before one is heard only after it."""
        return (
            "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0));"
            f"open({str(tmp_path / 'ready')!r}, 'w').write({ready!r}); sys.stdin.read();"
            f"[time.sleep(0.05) for _ in range({round(seconds / 0.05)})]"
        )

    meter = sidecar(reading_on(0.5))
    assert wait_for(lambda: meter.ready() and 30 == meter.tail_s)
    assert InstrumentEnd(0) == meter.stop(0.1)  # force would have come after 0.1 s
    (tmp_path / "ready").unlink()
    hurried = sidecar(reading_on(20))
    assert wait_for(lambda: hurried.ready() and 30 == hurried.tail_s)
    assert InstrumentEnd(0) == hurried.stop(10.0, tail=False)
