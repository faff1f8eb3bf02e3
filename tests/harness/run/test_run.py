"""One attempt, end to end, with real processes and a fake sampler: what stands on disk afterwards."""

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harness.errors import RunFault, SensorMissing
from harness.events import RunSettled, RunStarted, StageStarted, Tick, Trouble
from harness.instruments import own
from harness.process_tree import processes as all_processes
from harness.protocol_gates import Gates, LoadLimit, SettingsLimit, VerdictRule, Waiting
from harness.protocol_model import Cooldown, Hook, Reheat
from harness.record import RunName, RunRecord, read_json
from harness.run import execute, set_aside
from harness.verdicts import Rules

TRAIN = """
mark(mark="begin", phase="train")
time.sleep(0.15)
mark(mark="end", phase="train", loss=0.25)
mark(mark="result", accuracy=0.9)
"""
HANG = "mark(mark='begin', phase='train'); time.sleep(600)"


def verdicts(record):
    """Names and levels, but for the one that only says that a workload was as short as those of these tests."""
    return {verdict.name: verdict.level.value for verdict in record.verdicts if verdict.name != "short_window"}


def stages(record):
    return [stage.name for stage in record.stages]


def folder_of(order):
    return order.night.runs / f"{order.name}.partial"


def during(order, stop, condition, deed):
    """Carry the order out, and do a deed in another thread as soon as the condition holds."""

    def wait_and_do():
        give_up_s = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < give_up_s
            time.sleep(0.005)
        deed()

    thread = threading.Thread(target=wait_and_do)
    thread.start()
    *_, last = execute(order, stop)
    thread.join()
    assert isinstance(last, RunSettled)
    return last


def marked(order):
    path = folder_of(order) / "marks.jsonl"
    return lambda: path.exists() and path.stat().st_size > 0


def sampler_of(order):
    return read_json(folder_of(order) / "sampler.json")["pid"]


def children_of_this_process():
    return [pid for pid, parent, _ in all_processes() if parent == os.getpid()]


def open_descriptors():
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture(autouse=True)
def nothing_is_left(processes):
    gc.freeze()  # only what the test itself makes is looked through: a long session takes a fifth of a second
    before = children_of_this_process(), open_descriptors()
    yield
    left, after = processes.pids(), (children_of_this_process(), open_descriptors())
    gc.unfreeze()
    assert [] == left
    assert before == after


def test_a_settled_run_holds_its_record_samples_marks_and_output(order, settle, python):
    last = settle(order(python(TRAIN + "print('hello')"), window="train"))
    assert "b01-2-a1-small" == last.path.name
    assert ["marks.jsonl", "run.json", "samples.parquet", "stderr.log", "stdout.log"] == sorted(
        path.name for path in last.path.iterdir()
    )
    assert "hello\n" == (last.path / "stdout.log").read_text()
    assert pq.read_table(last.path / "samples.parquet").num_rows == last.record.rows > 5
    assert last.record == RunRecord.from_json(read_json(last.path / "run.json"))


def test_the_record_tells_everything_about_the_run(order, settle, python):
    previous_end_ns = time.monotonic_ns()
    wish = order(python(TRAIN), window="train", rehearsal=True, previous_end_ns=previous_end_ns)
    record = settle(wish).record
    assert ("b01-2", 1, 2, 1, 1, "small", 7) == (
        record.slot, record.block, record.position, record.replicate, record.attempt, record.configuration, record.seed,
    )  # fmt: skip
    assert ("completed", "valid", 0, None, "") == (
        record.status, record.validity, record.exit_code, record.signal, record.reason,
    )  # fmt: skip
    assert {} == verdicts(record)
    assert record.started_ns < record.launched_ns < record.exited_ns < record.ended_ns
    assert record.launched_ns < record.window.begin_ns < record.window.end_ns < record.exited_ns
    assert ("train", {"loss": 0.25}) == (record.window.name, record.window.metrics)
    assert {"accuracy": 0.9} == record.metrics
    assert ["gpu0.power_W", "gpu0.temperature_C"] == [channel.name for channel in record.channels]
    assert [0.02, None] == [channel.refresh_seen_s for channel in record.channels]
    assert {"gpu0": 40.0} == record.start_temperature_C
    assert (record.launched_ns - previous_end_ns) / 1e9 == record.gap_s
    assert {"rapl", "fake"} == set(record.sensors)
    assert len(record.clock) >= 2  # more where the machine was too busy to read three clocks at once
    assert 10 == record.sampler.ticks
    assert record.resources["max_rss_B"] > 1e6
    assert wish.command == record.command
    assert record.rehearsal


def test_events_come_in_the_order_of_the_timeline(order, stop, python):
    ok = Hook(command=("true",))
    wish = order(
        python("pass"), prepare=ok, cleanup=ok, cooldown=Cooldown(minimum_s=0.05), baseline_s=0.05, sensors={"fake": {}}
    )
    events = list(execute(wish, stop))
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], RunSettled)
    assert ["prepare", "cooldown", "baseline", "workload", "settle", "cleanup"] == [
        event.stage for event in events if isinstance(event, StageStarted)
    ]
    assert ["prepare", "cooldown", "baseline", "workload", "cleanup"] == stages(events[-1].record)
    ends = [(stage.begin_ns, stage.end_ns) for stage in events[-1].record.stages]
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(ends))


def test_waits_are_counted_from_the_end_of_the_previous_workload(order, settle):
    wish = order(cooldown=Cooldown(minimum_s=0.4), baseline_s=0.1, previous_end_ns=time.monotonic_ns())
    assert settle(wish).record.gap_s >= 0.5


def test_a_workload_that_ended_long_ago_is_not_rested_from_again(order, settle):
    wish = order(cooldown=Cooldown(minimum_s=100.0), previous_end_ns=time.monotonic_ns() - 200 * 10**9)
    assert next(stage for stage in settle(wish).record.stages if stage.name == "cooldown").duration_s < 50


def test_a_gate_that_looks_at_the_temperature_waits_for_the_sampler_s_first_words(order, settle):
    wish = order(
        sensors={"fake": {"late_words_s": 0.2}},
        cooldown=Cooldown(until="temperature", band_C=3.0, maximum_s=60.0),
        temperature_target={"gpu0": 40.0},
    )
    assert {} == verdicts(settle(wish).record)


def test_a_run_starts_when_it_is_cool_again(order, settle):
    wish = order(
        sensors={"fake": {"temperatures_C": [50.0, 48.0, 41.0]}},
        cooldown=Cooldown(until="temperature", band_C=3.0, maximum_s=60.0),
        temperature_target={"gpu0": 40.0},
    )
    record = settle(wish).record
    assert {"gpu0": 41.0} == record.start_temperature_C
    assert {} == verdicts(record)


HOT = {
    "sensors": {"fake": {"temperatures_C": [50.0]}},
    "cooldown": Cooldown(until="temperature", band_C=3.0, maximum_s=0.2),
    "temperature_target": {"gpu0": 40.0},
}


def test_a_temperature_that_does_not_come_back_refuses_the_run(order, settle, tmp_path):
    wish = order(**HOT, baseline_s=60.0, cleanup=Hook(command=("touch", str(tmp_path / "clean"))))
    record = settle(wish).record
    assert ("refused", "invalid", {"refused": "invalid"}) == (record.status, record.validity, verdicts(record))
    assert record.launched_ns is None
    assert record.reason.startswith("gate temperature: gpu0 is at 50 °C, above 40 + 3 °C, for ")
    assert "cooldown.band_C" in record.hint
    assert (50.0, 43.0, "C") == (record.verdicts[0].figure, record.verdicts[0].limit, record.verdicts[0].unit)
    (gate,) = record.gates
    assert ("temperature", "refused", 50.0, 43.0, "C") == (
        gate.name, gate.outcome, gate.figure, gate.limit, gate.unit,
    )  # fmt: skip
    assert gate.waited_s >= gate.budget_s
    assert (tmp_path / "clean").exists()


def test_a_protocol_may_let_it_start_all_the_same_with_a_warning(order, settle):
    lenient = HOT["cooldown"].model_copy(update={"over_budget": "start"})
    record = settle(order(**{**HOT, "cooldown": lenient})).record
    assert ("completed", "valid", {"start_temperature": "warning"}) == (
        record.status, record.validity, verdicts(record),
    )  # fmt: skip
    assert ["over_budget"] == [gate.outcome for gate in record.gates]


COLD = Cooldown(until="temperature", band_C=3.0, maximum_s=60.0, reheat=Reheat(command=("sleep", "60"), maximum_s=60.0))


def test_a_machine_that_is_too_cold_is_heated_until_it_is_not(order, settle, tmp_path):
    heater = Reheat(command=("sh", "-c", f"touch {tmp_path}/hot; sleep 60"), maximum_s=60.0)
    wish = order(
        sensors={"fake": {"temperatures_C": [30.0], "heater": f"{tmp_path}/hot"}},
        cooldown=COLD.model_copy(update={"reheat": heater}),
        temperature_target={"gpu0": 40.0},
    )
    record = settle(wish).record
    assert ("completed", {}) == (record.status, verdicts(record))
    assert ["cooldown", "gates", "reheat", "workload"] == stages(record)
    assert {"gpu0": 41.0} == record.start_temperature_C


def test_a_machine_that_stays_cold_starts_and_says_so(order, settle):
    short = COLD.model_copy(update={"reheat": Reheat(command=("sleep", "60"), maximum_s=0.2)})
    wish = order(sensors={"fake": {"temperatures_C": [30.0]}}, cooldown=short, temperature_target={"gpu0": 40.0})
    record = settle(wish).record
    assert ("completed", {"start_temperature": "warning"}) == (record.status, verdicts(record))


def test_a_stop_ends_what_heats(order, stop):
    wish = order(sensors={"fake": {"temperatures_C": [30.0]}}, cooldown=COLD, temperature_target={"gpu0": 40.0})
    last = during(wish, stop, (folder_of(wish) / "reheat.log").exists, stop.request)
    assert ("interrupted", None) == (last.record.status, last.record.launched_ns)


ALONE = Gates(load=LoadLimit(cores=1000.0), swap=None, disk=None)


def test_every_gate_that_is_asked_is_recorded_with_what_it_saw(order, settle):
    context = {"gpu0.foreign_processes": 0.0, "gpu0.power_limit_W": 700.0}
    record = settle(order(sensors={"fake": {"context": context}}, gates=ALONE)).record
    assert ["gates", "workload"] == stages(record)
    assert {"load": "open", "gpu": "open", "battery": "open", "settings": "open"} == {
        gate.name: gate.outcome for gate in record.gates
    }
    assert 700.0 == record.settings["gpu0.power_limit_W"]
    assert record == RunRecord.from_json(json.loads(json.dumps(record.to_json())))


def test_somebody_else_s_process_on_the_card_refuses_the_run(order, settle):
    gates = ALONE.model_copy(update={"gpu": Waiting(budget_s=0.1)})
    record = settle(order(sensors={"fake": {"context": {"gpu0.foreign_processes": 2.0}}}, gates=gates)).record
    assert ("refused", None) == (record.status, record.launched_ns)
    assert "gate gpu: processes that are not nightwatt's: 2 on gpu0" in record.reason
    assert "nvidia-smi" in record.hint


def test_a_power_limit_that_was_changed_refuses_the_run(order, settle):
    gates = ALONE.model_copy(update={"settings": SettingsLimit(budget_s=0.1)})
    wish = order(
        sensors={"fake": {"context": {"gpu0.power_limit_W": 500.0}}},
        gates=gates,
        first_settings={"gpu0.power_limit_W": 700.0},
    )
    record = settle(wish).record
    assert "refused" == record.status
    assert "gate settings: gpu0.power_limit_W was 700, is 500" in record.reason


def test_while_a_gate_is_closed_the_display_says_what_is_waited_for(order, stop, monkeypatch):
    monkeypatch.setattr("harness.watch.TICK_S", 0.05)
    monkeypatch.setattr("harness.waits.TOLD_AFTER_S", 0.1)
    gates = ALONE.model_copy(update={"gpu": Waiting(budget_s=0.5)})
    events = list(execute(order(sensors={"fake": {"context": {"gpu0.foreign_processes": 1.0}}}, gates=gates), stop))
    why = "processes that are not nightwatt's: 1 on gpu0"
    assert why in {event.phase for event in events if isinstance(event, Tick) and event.stage == "gates"}
    assert [f"waiting to start: {why}"] == [event.what for event in events if isinstance(event, Trouble)]


def test_a_stop_ends_the_wait_for_a_gate(order, stop):
    wish = order(sensors={"fake": {"context": {"gpu0.foreign_processes": 1.0}}}, gates=ALONE)
    last = during(wish, stop, (folder_of(wish) / "sampler.json").exists, stop.request)
    assert ("interrupted", None) == (last.record.status, last.record.launched_ns)


def test_the_gap_between_two_windows_is_recorded(order, settle, python):
    end_ns = time.monotonic_ns()
    record = settle(order(python(TRAIN), window="train", previous_window_end_ns=end_ns)).record
    assert (record.window.begin_ns - end_ns) / 1e9 == record.window_gap_s
    assert settle(order(name=RunName(1, 2, 2, "small"))).record.window_gap_s is None


def test_what_an_attempt_left_as_its_last_words_is_kept_with_a_hint(order, settle, python):
    record = settle(order(python("import no_such_framework"))).record
    assert "exit code 1: ModuleNotFoundError: No module named 'no_such_framework'" == record.reason
    assert "ModuleNotFoundError: No module named 'no_such_framework'" == record.last_lines[-1]
    assert record.hint.startswith("no_such_framework is not installed for ")
    assert "nightwatt's own" in record.hint


def test_a_workload_without_last_words_on_its_standard_error_keeps_those_of_its_output(order, settle, python):
    assert ("all is lost",) == settle(order(python("print('all is lost'); sys.exit(3)"))).record.last_lines


def test_a_workload_that_completed_has_no_last_words(order, settle, python):
    record = settle(order(python("print('well', file=sys.stderr)"))).record
    assert ((), "") == (record.last_lines, record.hint)


def test_rules_of_the_protocol_reach_the_judge(order, settle, python):
    rules = Rules({"not_finite": VerdictRule(level="information")})
    record = settle(order(python("mark(mark='result', loss=float('nan'))"), rules=rules)).record
    assert {"not_finite": "information"} == verdicts(record)


def test_the_display_gets_phase_power_and_temperature(order, stop, python, monkeypatch):
    monkeypatch.setattr("harness.watch.TICK_S", 0.05)
    ticks = [
        event
        for event in execute(order(python("mark(mark='begin', phase='train'); time.sleep(0.4)")), stop)
        if isinstance(event, Tick) and event.stage == "workload"
    ]
    assert ("train", {"gpu0": 100.0}, {"gpu0": 40.0}) == (ticks[-1].phase, ticks[-1].power_W, ticks[-1].temperature_C)


def test_what_the_sampler_complains_of_is_told_once(order, stop, python, monkeypatch):
    monkeypatch.setattr("harness.watch.TICK_S", 0.05)
    wish = order(python("time.sleep(0.4)"), sensors={"fake": {"trouble": "the card fell off the bus"}})
    assert [Trouble("the card fell off the bus", run=str(wish.name))] == [
        event for event in execute(wish, stop) if isinstance(event, Trouble)
    ]


def test_a_stop_that_waits_for_the_workload_says_so_once(order, stop, python, monkeypatch):
    monkeypatch.setattr("harness.watch.TICK_S", 0.05)
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nmark(mark='begin', phase='train')\n"
    told = []
    for event in execute(order(python(code + HANG), grace_s=1.0), stop):
        if isinstance(event, Tick) and event.phase == "train" and not stop.level:
            stop.request()
        told += [event] if isinstance(event, Trouble) else []
    assert ["the night is being stopped: the workload has 1 s to end by itself"] == [event.what for event in told]


def test_a_workload_without_marks_is_measured_whole(order, settle, python):
    record = settle(order(python("time.sleep(0.1)"))).record
    assert ("", record.launched_ns, record.exited_ns) == (
        record.window.name, record.window.begin_ns, record.window.end_ns,
    )  # fmt: skip


def test_the_quick_energy_is_mean_power_times_the_window(order, settle, python):
    last = settle(order(python(TRAIN), window="train"))
    assert last.energy_J == pytest.approx(100.0 * last.record.window.duration_s)


def test_the_environment_and_a_scratch_folder_of_its_own_are_given(order, settle, python):
    wish = order(python("print(os.environ['COLOUR'], os.getcwd(), os.environ['NIGHTWATT_MARKS'])"))
    path = settle(replace(wish, env={**wish.env, "COLOUR": "red"})).path
    folder = folder_of(wish)
    assert f"red {folder / 'scratch'} {folder / 'marks.jsonl'}\n" == (path / "stdout.log").read_text()


def test_what_a_workload_leaves_in_its_folder_stays_with_the_run(order, settle, python):
    last = settle(order(python("os.makedirs('empty/deep'); open('model.pt', 'w').write('weights')")))
    assert "weights" == (last.path / "scratch" / "model.pt").read_text()
    assert ["model.pt"] == [path.name for path in (last.path / "scratch").iterdir()]


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("sys.exit(3)", "failed", "exit code 3: it left no message"),
        ("raise ValueError('no such data')", "failed", "exit code 1: ValueError: no such data"),
        ("os.kill(os.getpid(), 9)", "killed", "killed (signal 9), out of memory not excluded"),
        ("os.kill(os.getpid(), 11)", "killed", "killed by signal 11"),
        ("raise MemoryError", "out_of_memory", "out of memory (exit code 1): MemoryError"),
    ],
)
def test_an_outcome_is_told_apart_and_never_makes_a_run_invalid(order, settle, python, code, status, reason):
    record = settle(order(python(code))).record
    assert (status, "valid", reason) == (record.status, record.validity, record.reason)
    assert {status: "warning"} == verdicts(record)


def test_a_workload_that_hangs_is_timed_out(order, settle, python):
    record = settle(order(python("time.sleep(60)"), timeout_s=0.3)).record
    assert ("timed_out", "valid") == (record.status, record.validity)


def test_a_command_that_is_absent_fails_with_its_name(order, settle):
    last = settle(order(("/absent/program",)))
    assert "failed" == last.record.status
    assert "/absent/program" in last.record.reason
    assert (None, None) == (last.record.launched_ns, last.record.window)


def test_a_run_that_gives_nan_completes_with_a_warning(order, settle, python):
    record = settle(order(python("mark(mark='result', loss=float('nan'))"))).record
    assert ("completed", "valid", {"not_finite": "warning"}) == (record.status, record.validity, verdicts(record))


def test_half_a_mark_costs_that_mark_only(order, settle, python):
    code = TRAIN + "open(os.environ['NIGHTWATT_MARKS'], 'a').write('{\"t_ns\": 12, \"ma')"
    record = settle(order(python(code), window="train")).record
    assert {"unread_marks": "warning"} == verdicts(record)
    assert "train" == record.window.name


def test_a_window_that_is_not_marked_is_named_beside_what_is(order, settle, python):
    record = settle(order(python(TRAIN), window="fit")).record
    assert record.window is None
    assert "phase 'fit' is not among the marked phases (train)" == record.verdicts[0].evidence


def test_a_daemon_is_ended_and_told(order, settle, python):
    record = settle(order(python("if os.fork() == 0:\n    os.setsid()\n    time.sleep(60)"))).record
    assert ("completed", {"leftover_processes": "information"}) == (record.status, verdicts(record))


def test_torn_samples_are_cut_and_counted(order, settle):
    record = settle(order(sensors={"fake": {"torn": "123,gpu0.pow"}})).record
    assert (12, {"torn_samples": "information"}) == (record.torn_B, verdicts(record))


def test_a_discarded_run_is_discarded_whatever_it_did(order, settle, python):
    assert "discarded" == settle(order(python("sys.exit(1)"), discarded=True)).record.validity


def test_a_channel_that_the_first_run_had_and_this_one_has_not_makes_it_invalid(order, settle):
    wish = order(expected_channels=("gpu0.power_W", "dram-0.energy_J"))
    record = settle(wish).record
    assert ("lost_instrument", "invalid", None) == (record.status, record.validity, record.launched_ns)
    assert {"channel_missing", "lost_instrument"} <= set(verdicts(record))
    assert "not there as in the night's first run: dram-0.energy_J (rapl: no powercap here)" == record.reason
    assert not (folder_of(wish) / "stdout.log").exists()


def test_a_missing_channel_that_the_protocol_takes_lightly_lets_the_workload_run(order, settle):
    rules = Rules({"channel_missing": VerdictRule(level="warning")})
    record = settle(order(expected_channels=("gpu0.power_W", "dram-0.energy_J"), rules=rules)).record
    assert ("completed", "valid", {"channel_missing": "warning"}) == (record.status, record.validity, verdicts(record))


def test_without_sensors_no_sampler_is_started(order, settle):
    last = settle(order(sensors={}))
    assert ("completed", 0, ()) == (last.record.status, last.record.rows, last.record.channels)


def test_our_own_sampler_records_a_run_as_the_fake_one_does(order, settle, python, monkeypatch):
    monkeypatch.setattr(own, "COMMAND", (sys.executable, "-P", "-m", "harness.instruments.sampler"))
    settings = {"interval_ms": 20.0, "domains": ["gpu0"], "idle_W": 60.0, "load_W": 250.0}
    last = settle(order(python(TRAIN), window="train", sensors={"simulated": settings}, baseline_s=0.2))
    assert ("completed", "valid", {}) == (last.record.status, last.record.validity, verdicts(last.record))
    assert "gpu0.power_W" in [channel.name for channel in last.record.channels]
    assert last.record.sampler.cpu_s > 0
    assert len(last.record.clock) >= 2
    assert last.energy_J > 0
    assert last.record.start_temperature_C["gpu0"] > 0
    assert pq.read_table(last.path / "samples.parquet").num_rows == last.record.rows > 5


# -- instruments that fail --------------------------------------------------------------------------------------------


def test_a_sampler_killed_in_mid_run_ends_the_run_at_once(order, stop, python):
    wish = order(python(HANG))
    record = during(wish, stop, marked(wish), lambda: os.kill(sampler_of(wish), signal.SIGKILL)).record
    assert ("lost_instrument", "invalid") == (record.status, record.validity)
    assert "sampler ended with exit code -9: no message" == record.reason
    assert record.rows > 0


def test_a_sampler_that_falls_silent_ends_the_run(order, settle, python):
    wish = order(python(HANG), sensors={"fake": {"silent_after_marks": True}}, silence_s=0.3)
    record = settle(wish).record
    assert ("lost_instrument", "invalid") == (record.status, record.validity)
    assert "sampler has said nothing for" in record.reason


def test_a_sampler_that_was_stopped_is_lost_and_woken_to_end(order, stop, python):
    wish = order(python(HANG), silence_s=0.3)
    record = during(wish, stop, marked(wish), lambda: os.kill(sampler_of(wish), signal.SIGSTOP)).record
    assert ("lost_instrument", "invalid") == (record.status, record.validity)
    assert "instrument_unfinished" not in verdicts(record)


def test_a_sampler_lost_in_the_cool_down_lets_no_workload_start(order, stop):
    wish = order(cooldown=Cooldown(minimum_s=60.0))
    ready = folder_of(wish) / "sampler.json"
    last = during(wish, stop, ready.exists, lambda: os.kill(sampler_of(wish), signal.SIGKILL))
    assert ("lost_instrument", None) == (last.record.status, last.record.launched_ns)
    assert not (last.path / "stdout.log").exists()


def test_a_gap_in_the_window_makes_a_run_invalid(order, settle, python, monkeypatch):
    monkeypatch.setattr("harness.coverage.GAP_FLOOR_S", 0.1)
    code = "mark(mark='begin', phase='train'); time.sleep(0.6)"
    record = settle(order(python(code), sensors={"fake": {"gap_s": 0.4}})).record
    assert ("completed", "invalid") == (record.status, record.validity)
    assert "gap" in verdicts(record)


def test_a_sampler_that_refuses_is_told_with_its_own_words(order, stop):
    wish = order(sensors={"fake": {"refuse": True}})
    with pytest.raises(SensorMissing, match="ended before it was ready") as refusal:
        list(execute(wish, stop))
    assert "no card answers" == refusal.value.where
    assert folder_of(wish).is_dir()


# -- keepers, stops and faults ----------------------------------------------------------------------------------------


def keeper_of(order):
    spec = str(folder_of(order) / "workload.keeper.json").encode()
    return next(pid for pid, _, _ in all_processes() if spec in open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0"))


def test_a_killed_keeper_takes_the_whole_tree_with_it_and_the_run_is_repeated(order, stop, python):
    wish = order(python("if os.fork() == 0: os.setsid()\nelse: mark(mark='begin', phase='train')\ntime.sleep(60)"))
    record = during(wish, stop, marked(wish), lambda: os.kill(keeper_of(wish), signal.SIGKILL)).record
    assert ("killed", "invalid", {"killed": "warning", "keeper_lost": "invalid"}) == (
        record.status, record.validity, verdicts(record),
    )  # fmt: skip


def test_a_stop_ends_the_workload_in_order_and_keeps_what_was_recorded(order, stop, python):
    code = "import signal; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
    wish = order(python(code + HANG))
    last = during(wish, stop, marked(wish), stop.request)
    assert ("interrupted", "invalid", 0) == (last.record.status, last.record.validity, last.record.exit_code)
    assert "b01-2-a1-small.interrupted" == last.path.name
    assert pq.read_table(last.path / "samples.parquet").num_rows == last.record.rows > 0


def test_asked_twice_there_is_no_grace_and_still_a_record(order, stop, python):
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    wish = order(python(code + HANG), grace_s=600.0)
    last = during(wish, stop, marked(wish), lambda: [stop.request(), time.sleep(0.05), stop.request()])
    assert ("interrupted", signal.SIGKILL) == (last.record.status, last.record.signal)
    assert {"run.json", "samples.csv", "sampler.json"} <= {path.name for path in last.path.iterdir()}


def test_a_stop_in_the_cool_down_launches_nothing(order, stop):
    wish = order(cooldown=Cooldown(minimum_s=60.0))
    last = during(wish, stop, (folder_of(wish) / "sampler.json").exists, stop.request)
    assert ("interrupted", None) == (last.record.status, last.record.launched_ns)


def test_a_workload_that_had_ended_when_the_stop_came_is_not_interrupted(order, stop):
    events = execute(order(), stop)
    for event in events:
        if isinstance(event, StageStarted) and event.stage == "settle":
            stop.request()
    assert "completed" == event.record.status


def test_a_workload_whose_leftovers_are_still_being_ended_is_not_interrupted(order, stop, python):
    code = """
import signal
reader, writer = os.pipe()
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.write(writer, b"deaf")
    time.sleep(60)
os.read(reader, 4)
mark(mark="result", pid=os.getpid())
"""
    wish = order(python(code), grace_s=600.0)

    def main_has_gone():
        lines = (folder_of(wish) / "marks.jsonl").read_text() if folder_of(wish).exists() else ""
        return lines and json.loads(lines)["pid"] not in [pid for pid, _, _ in all_processes()]

    last = during(wish, stop, main_has_gone, lambda: [stop.request(), stop.request()])
    assert ("completed", 0) == (last.record.status, last.record.exit_code)
    assert last.record.rows > 0


def test_a_hook_that_fails_refuses_the_run_and_the_cleanup_is_done_all_the_same(order, settle, tmp_path):
    wish = order(
        prepare=Hook(command=("sh", "-c", "echo no such limit; exit 4")),
        cleanup=Hook(command=("touch", str(tmp_path / "clean"))),
        cooldown=Cooldown(minimum_s=600.0),
    )
    last = settle(wish)
    assert ["prepare", "cleanup"] == stages(last.record)
    assert ("refused", "invalid", {"prepare": "invalid"}) == (
        last.record.status, last.record.validity, verdicts(last.record),
    )  # fmt: skip
    assert "prepare hook: ended with exit code 4. no such limit" == last.record.reason
    assert last.record.launched_ns is None
    assert (tmp_path / "clean").exists()
    assert "no such limit\n" == (last.path / "prepare.log").read_text()


def test_a_hook_that_hangs_is_ended_with_its_children(order, settle):
    hook = Hook(command=("sh", "-c", "sleep 60 & sleep 60"), timeout_s=0.2)
    assert "prepare hook: was ended at its limit of 0.2 s." == settle(order(prepare=hook)).record.reason


def test_a_cleanup_that_fails_is_a_warning(order, settle):
    record = settle(order(cleanup=Hook(command=("false",)))).record
    assert ("completed", {"cleanup": "warning"}) == (record.status, verdicts(record))


def test_a_stop_ends_a_hook(order, stop):
    wish = order(prepare=Hook(command=("sleep", "60")))
    last = during(wish, stop, (folder_of(wish) / "prepare.log").exists, stop.request)
    assert ("interrupted", None) == (last.record.status, last.record.launched_ns)


def test_an_abandoned_attempt_leaves_no_process_and_cleans_up(order, stop, python, tmp_path):
    events = execute(order(python(HANG), cleanup=Hook(command=("touch", str(tmp_path / "clean")))), stop)
    for event in events:
        if isinstance(event, StageStarted) and event.stage == "workload":
            break
    events.close()
    assert (tmp_path / "clean").exists()


def test_what_an_earlier_attempt_left_is_never_reused(order, stop):
    wish = order()
    folder_of(wish).mkdir(parents=True)
    with pytest.raises(RunFault, match="what an earlier attempt left") as fault:
        list(execute(wish, stop))
    assert "nightwatt resume" in fault.value.remedy


def test_a_name_that_is_taken_is_never_overwritten(order, stop, settle):
    first = settle(order())
    with pytest.raises(RunFault, match="there already"):
        list(execute(order(), stop))
    assert first.record == RunRecord.from_json(read_json(first.path / "run.json"))


def test_samples_that_cannot_be_sealed_are_kept(order, stop, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, resource\n"
        "if 'harness.seal' in sys.orig_argv: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
    )
    wish = order()
    with pytest.raises(RunFault, match="could not be sealed") as fault:
        list(execute(wish, stop))
    assert "the CSV is kept" in fault.value.remedy
    assert (folder_of(wish) / "samples.csv").stat().st_size > 0


def test_nothing_is_left_when_the_orchestrator_is_killed(tmp_path, processes):
    """The orchestrator in a process of its own, killed in mid run: workload, daemon and sampler all go."""
    code = f"""
import sys
sys.argv = ["x"]
from pathlib import Path
from harness.instruments import own
from harness.order import RunOrder
from harness.plan import Slot
from harness.record import NightFolder, RunName
from harness.run import execute
from harness.stop import Stop
own.COMMAND = (sys.executable, {str(tmp_path.joinpath("fake.py"))!r})
work = "import os, time\\nif os.fork() == 0: os.setsid()\\ntime.sleep(600)"
list(execute(RunOrder(
    night=NightFolder(Path({str(tmp_path)!r})), name=RunName(1, 1, 1, "x"), slot=Slot(1, 1, 1, "x", 0, False),
    levels={{}}, command=(sys.executable, "-c", work), timeout_s=60, env={processes.env!r}, sensors={{"fake": {{}}}},
), Stop()))
"""
    (tmp_path / "fake.py").write_text(Path(__file__).with_name("fake_sampler.py").read_text())
    orchestrator = subprocess.Popen([sys.executable, "-c", code])
    processes.wait_for(2)
    sampler = json.loads((tmp_path / "runs" / "b01-1-a1-x.partial" / "sampler.json").read_text())["pid"]
    orchestrator.kill()
    orchestrator.wait()
    processes.wait_for(0)
    give_up_s = time.monotonic() + 20
    while sampler in [pid for pid, _, _ in all_processes()]:
        assert time.monotonic() < give_up_s
        time.sleep(0.01)


def test_an_interrupted_folder_is_never_overwritten(tmp_path):
    names = []
    for _ in range(3):
        (tmp_path / "b01-1-a1-x.partial").mkdir()
        names.append(set_aside(tmp_path / "b01-1-a1-x.partial").name)
    assert ["b01-1-a1-x.interrupted", "b01-1-a1-x.interrupted-2", "b01-1-a1-x.interrupted-3"] == names


def test_the_name_of_the_run_is_the_folder_s(order, settle):
    assert RunName.parse(settle(order()).path.name) == RunName(1, 2, 1, "small")
