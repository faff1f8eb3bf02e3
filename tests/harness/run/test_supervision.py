"""Instruments that go wrong in every way, in whole attempts: our own sampler, whose sources are told to fail."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harness.errors import RunFault
from harness.events import RunSettled, Trouble
from harness.instruments import own
from harness.instruments.instrument import Instrument
from harness.protocol_model import Cooldown
from harness.record import read_json
from harness.run import execute

HANG = "mark(mark='begin', phase='train'); time.sleep(600)"
FAULTY = {"faulty": {}}


@pytest.fixture(autouse=True)
def nothing_is_left(processes):
    yield
    assert [] == processes.pids()


@pytest.fixture
def wish(order, monkeypatch):
    """An order whose sampler is ours, with a faulty source."""
    script = Path(__file__).with_name("faulty_sampler.py")
    monkeypatch.setattr(own, "COMMAND", (sys.executable, str(script)))

    def make(*command, fault="", when="marks", **changes):
        return order(*command, **{"sensors": {"faulty": {"fault": fault, "from": when}}, "grace_s": 1.0, **changes})

    return make


def folder_of(order):
    return order.night.runs / f"{order.name}.partial"


def during(order, stop, condition, deed):
    """Carry the order out, and do a deed in another thread as soon as the condition holds; all events."""

    def wait_and_do():
        give_up_s = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < give_up_s
            time.sleep(0.005)
        deed()

    thread = threading.Thread(target=wait_and_do)
    thread.start()
    events = list(execute(order, stop))
    thread.join()
    return events


def marked(order):
    path = folder_of(order) / "marks.jsonl"
    return lambda: path.exists() and path.stat().st_size > 0


def signal_sampler(order, number):
    os.kill(read_json(folder_of(order) / "sampler.json")["pid"], number)


def verdicts(record):
    return {verdict.name: verdict.level.value for verdict in record.verdicts if verdict.name != "short_window"}


def assert_lost(last, why):
    """The run counts as lost for this reason, and all that was recorded is there."""
    record = last.record
    assert ("lost_instrument", "invalid", "invalid") == (
        record.status, record.validity, verdicts(record)["lost_instrument"],
    )  # fmt: skip
    assert why in record.reason
    assert record.window is not None
    samples = pq.read_table(last.path / "samples.parquet")
    assert samples.num_rows == record.rows >= 4


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("negative", "gpu0.power_W is -3 W: below zero"),
        ("back", "gpu0.energy_J went back by"),
        ("time back", "the time of gpu0.power_W went back by"),
        ("absurd", "where 700 W are enforced"),
        ("confess", "the card has gone"),
        ("die", "sampler ended with exit code 7: no message"),
        ("raise", "sampler ended with exit code 1: RuntimeError: the bus is on fire"),
    ],
)
def test_an_instrument_that_cannot_be_believed_any_more_ends_the_run(wish, settle, python, fault, why):
    assert_lost(settle(wish(python(HANG), fault=fault)), why)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("gpu lost", "gpu0: GpuIsLost"),
        pytest.param("errors", "gpu0.power_W has brought nothing for", marks=pytest.mark.slow),
        pytest.param("back", "the energy counter of gpu0 went back", marks=pytest.mark.slow),
    ],
)
def test_a_card_that_vanishes_ends_the_run(wish, settle, python, fault, why):
    assert_lost(settle(wish(python(HANG), sensors={"nvml": {"fault": fault}})), why)


def test_a_source_that_hangs_is_a_stalled_instrument(wish, settle, python, monkeypatch):
    monkeypatch.setattr("harness.instruments.sidecar.HUNG_S", 0.1)
    last = settle(wish(python(HANG), fault="hang", silence_s=1.0))
    assert_lost(last, "sampler has said nothing for 1.")


def test_an_instrument_that_was_stopped_is_lost_and_then_writes_what_it_holds(wish, stop, python):
    order = wish(python(HANG), silence_s=1.0)
    *_, last = during(order, stop, marked(order), lambda: signal_sampler(order, signal.SIGSTOP))
    assert_lost(last, "sampler has said nothing for 1.")
    assert last.record.sampler.longest_gap_s > 0.4  # but for what it had said shortly before
    assert "instrument_unfinished" not in verdicts(last.record)


@pytest.mark.slow
def test_an_instrument_that_was_stopped_for_a_moment_is_not_lost(wish, stop, python):
    order = wish(python("mark(mark='begin', phase='train'); time.sleep(2.5); mark(mark='end', phase='train')"))

    def stop_and_go_on():
        signal_sampler(order, signal.SIGSTOP)
        time.sleep(0.7)
        signal_sampler(order, signal.SIGCONT)

    *_, last = during(order, stop, marked(order), stop_and_go_on)
    assert "completed" == last.record.status
    assert "lost_instrument" not in verdicts(last.record)


@pytest.mark.slow
def test_a_slow_source_is_no_stalled_instrument(wish, settle, python):
    code = "mark(mark='begin', phase='train'); time.sleep(3); mark(mark='end', phase='train')"
    record = settle(wish(python(code), fault="slow")).record
    assert ("completed", "valid") == (record.status, record.validity)
    assert "late_ticks" in verdicts(record)


@pytest.mark.slow
def test_a_workload_that_takes_all_processors_loses_no_instrument(wish, settle, python):
    burn = "import multiprocessing as m\ndef burn():\n    while True: pass\n"
    crowd = "crowd = [m.Process(target=burn, daemon=True) for _ in range(3 * os.cpu_count())]\n"
    code = burn + crowd + "[one.start() for one in crowd]\nmark(mark='begin', phase='train')\ntime.sleep(20)"
    record = settle(wish(python(code))).record
    assert "completed" == record.status
    assert "lost_instrument" not in verdicts(record)


@pytest.mark.slow
def test_a_frozen_source_is_told_while_it_lasts_and_warned_of_after(wish, stop, python):
    code = "mark(mark='begin', phase='train'); time.sleep(14); mark(mark='end', phase='train')"
    events = list(execute(wish(python(code), fault="frozen"), stop))
    told = [event.what for event in events if isinstance(event, Trouble)]
    assert "gpu0.power_W has stood at" in told[0]
    assert sorted(set(told)) == sorted(told)  # each once, however long it lasts
    record = events[-1].record
    assert ("completed", "valid", "warning") == (record.status, record.validity, verdicts(record)["frozen"])
    frozen = next(verdict for verdict in record.verdicts if verdict.name == "frozen")
    assert (10.0, "s") == (frozen.limit, frozen.unit)
    assert 10.0 < frozen.figure < 15.0


# -- a workload that goes on ------------------------------------------------------------------------------------------


FINISHES = """
mark(mark="begin", phase="train")
time.sleep(0.8)
mark(mark="end", phase="train")
mark(mark="result", accuracy=0.9)
"""


@pytest.mark.parametrize("fault", ["negative", "die"])
def test_a_workload_may_go_on_without_its_instrument_and_keeps_its_results(wish, stop, python, fault):
    order = wish(python(FINISHES), fault=fault, on_lost="go_on", window="train")
    *events, last = execute(order, stop)
    record = last.record
    assert ("completed", 0, "invalid", "invalid") == (
        record.status, record.exit_code, record.validity, verdicts(record)["lost_instrument"],
    )  # fmt: skip
    assert ("train", {"accuracy": 0.9}) == (record.window.name, record.metrics)
    told = [event.what for event in events if isinstance(event, Trouble)]
    assert 1 == sum("the workload goes on (night.lost_instrument)" in what for what in told)


def test_a_workload_that_fails_after_the_loss_keeps_its_own_end(wish, settle, python):
    order = wish(python(FINISHES + "sys.exit(3)"), fault="die", on_lost="go_on")
    record = settle(order).record
    assert ("failed", 3, "invalid") == (record.status, record.exit_code, record.validity)
    assert {"failed": "warning", "lost_instrument": "invalid"}.items() <= verdicts(record).items()


@pytest.mark.parametrize("on_lost", ["end", "go_on"])
@pytest.mark.parametrize("waits", [{"cooldown": Cooldown(minimum_s=60.0)}, {"baseline_s": 60.0}])
def test_without_its_instrument_no_workload_is_launched(wish, stop, on_lost, waits):
    order = wish(on_lost=on_lost, **waits)
    ready = folder_of(order) / "sampler.json"
    *events, last = during(order, stop, ready.exists, lambda: signal_sampler(order, signal.SIGKILL))
    record = last.record
    assert ("lost_instrument", "invalid", None) == (record.status, record.validity, record.launched_ns)
    assert "sampler ended with exit code -9: no message" == record.reason
    told = [event.what for event in events if isinstance(event, Trouble)]
    assert ["lost instrument: sampler ended with exit code -9: no message; the workload is ended"] == told


# -- before and after the workload ------------------------------------------------------------------------------------


def test_an_instrument_that_dies_before_it_is_ready_makes_the_attempt_impossible(wish, stop):
    with pytest.raises(RunFault, match="ended before it was ready, with exit code 1") as fault:
        list(execute(wish(sensors={"faulty": 7}), stop))
    assert "has no attribute" in fault.value.where


def test_an_instrument_that_is_never_ready_makes_the_attempt_impossible(order, stop, monkeypatch):
    monkeypatch.setattr(Instrument, "__init__", _impatient(Instrument.__init__))
    monkeypatch.setattr("harness.run.INSTRUMENT_STOP_S", 0.1)
    with pytest.raises(RunFault, match=r"is not ready after 0\.3 s"):
        list(execute(order(sensors={"fake": {"never_ready": True}}), stop))


def _impatient(init):
    return lambda self, *args, **given: init(self, *args, **{**given, "ready_s": 0.3})


SHORT = "time.sleep(0.4)"


def test_a_death_over_the_last_readings_is_a_warning_where_the_rest_covers_the_window(wish, settle, python):
    record = settle(wish(python(SHORT), fault="raise", when="finish")).record
    assert ("completed", "valid", {"instrument_unfinished": "warning"}) == (
        record.status, record.validity, verdicts(record),
    )  # fmt: skip
    evidence = next(verdict.evidence for verdict in record.verdicts if verdict.name == "instrument_unfinished")
    assert "sampler ended with exit code 1: RuntimeError: the bus is on fire" == evidence


def test_a_death_with_readings_in_its_hands_makes_the_run_invalid(wish, settle, python):
    sensors = {"faulty": {"fault": "die", "from": "finish", "flush_s": 60}}
    record = settle(wish(python(SHORT), sensors=sensors)).record
    found = verdicts(record)
    assert ("completed", "invalid", "warning") == (record.status, record.validity, found["instrument_unfinished"])
    assert "not_covered" in found


def test_an_instrument_that_hangs_over_its_last_readings_is_ended_by_force(wish, settle, python, monkeypatch):
    monkeypatch.setattr("harness.run.INSTRUMENT_STOP_S", 0.3)
    record = settle(wish(python(SHORT), fault="hang", when="finish")).record
    assert "completed" == record.status
    evidence = next(verdict.evidence for verdict in record.verdicts if verdict.name == "instrument_unfinished")
    assert "sampler had to be ended by force" == evidence


def test_an_instrument_that_dies_when_the_workload_had_ended_is_not_lost(wish, stop, python):
    ignores = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    code = ignores + "if os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\nmark(mark='result', pid=os.getpid())"
    order = wish(python(code), grace_s=2.0)

    def has_ended():
        marks = folder_of(order) / "marks.jsonl"
        return marks.exists() and marks.read_text() and not alive(marks.read_text().rpartition(" ")[2].rstrip("}\n"))

    *_, last = during(order, stop, has_ended, lambda: signal_sampler(order, signal.SIGKILL))
    assert isinstance(last, RunSettled)
    assert ("completed", 0) == (last.record.status, last.record.exit_code)
    found = verdicts(last.record)
    assert "lost_instrument" not in found
    assert "warning" == found["instrument_unfinished"]


def alive(pid):
    """Whether the process runs; one that has ended and waits for its keeper does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
