"""Instruments without status lines are watched by their file; hostile output is survived."""

import sys
import time

import pytest

from harness.child import LONGEST_BACKLOG_B, Child, tail_of
from harness.errors import RunFault, SensorMissing
from harness.instruments.instrument import Instrument, StatusLine
from harness.instruments.sidecar import Sidecar

UNTIL_TOLD = "import sys; sys.stdin.read()"


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
    assert "" == meter.lost()


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


def test_an_instrument_whose_file_grows_is_not_silent(sidecar, tmp_path):
    meter = sidecar(UNTIL_TOLD, silence_s=0.0)
    for length in (1, 2, 3):
        (tmp_path / "meter.csv").write_text("x" * length)
        assert "" == meter.lost()
    time.sleep(0.001)
    assert "meter has said nothing for" in meter.lost()


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
    assert meter.stop(0.2) in {-9, -15}


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
