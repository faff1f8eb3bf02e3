"""Takes each defence of docs/faults.md out of a private copy of nightwatt, one at a time, and sees its tests fail.

A test that passes with and without what it is to guard guards nothing. From the root of the checkout::

    python tests/harness/night/defences.py                     # all of them: half an hour
    python tests/harness/night/defences.py hangs 'fills its'   # those whose fault's name holds one of the words

Prints a line for each test that was to fail; ends with 1 where one passed. Nothing in the checkout is touched.
``test_faulty_nights.py`` sees to it that each fault of the page has a defence here, and that its code is still there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
NIGHTS = "harness/night/test_faulty_nights.py::test_what_goes_wrong_is_told_and_what_the_measurement_spoilt_is_repeated"
LONG_NIGHTS = "harness/night/test_faulty_nights.py::test_what_is_noticed_after_a_while_is_told_too"
WHOLE = "harness/night/test_whole_nights.py::"
FOLDER = "harness/night/test_folder.py::"
RUN = "harness/run/test_run.py::"
POWER = "harness/night/test_power_loss.py::"
KEEPER = "harness/run/test_keeper.py::"
PATIENCE_S = 600.0


@dataclass(frozen=True)
class Defence:
    """What stands against one fault, and how it is taken out."""

    fault: str
    """As docs/faults.md calls it."""
    words: str
    """What is taken out, as docs/faults.md says it: "seen to fail without …"."""
    file: str
    code: str
    """Stands in the file exactly once."""
    instead: str
    tests: tuple[str, ...]
    """Below ``tests/``; every one must fail."""


DEFENCES = (
    Defence(
        "ends with an error", "the look at the exit code",
        "harness/endings.py", "if ending.exit_code == 0 else _failure(ending, stderr_tail)", "",
        (f"{NIGHTS}[failure]", f"{RUN}test_an_outcome_is_told_apart_and_never_makes_a_run_invalid"),
    ),
    Defence(
        "ended by a signal", "the keeper's telling signals from exit codes",
        "harness/keeper.py", '"signal": -code if code is not None and code < 0 else None', '"signal": None',
        (f"{NIGHTS}[signal]", f"{KEEPER}test_a_signal_is_told_apart_from_an_exit_code"),
    ),
    Defence(
        "eats memory until it gets no more", "the search for the framework's words",
        "harness/endings.py", "if words := _OUT_OF_MEMORY.search(stderr_tail):", "if words := None:",
        (f"{NIGHTS}[out-of-memory]",),
    ),
    Defence(
        "hangs", "the time limit",
        "harness/keeper.py", "left_s = (deadline_ns - time.monotonic_ns()) / 1e9", "left_s = 3600.0",
        (f"{LONG_NIGHTS}[hang]", f"{RUN}test_a_workload_that_hangs_is_timed_out"),
    ),
    Defence(
        "ignores SIGTERM", "SIGKILL after the grace",
        "harness/keeper.py", "signal_all(descendants(), signal.SIGKILL)", "signal_all(descendants(), signal.SIGTERM)",
        (f"{LONG_NIGHTS}[stubborn]", f"{KEEPER}test_a_workload_that_ignores_sigterm_is_killed_after_the_grace"),
    ),
    Defence(
        "double-forks a daemon", "the keeper's adopting orphans",
        "harness/keeper.py", "prctl(PR_SET_CHILD_SUBREAPER, 1,", "prctl(PR_SET_CHILD_SUBREAPER, 0,",
        (f"{NIGHTS}[daemon]", f"{RUN}test_a_daemon_is_ended_and_told"),
    ),
    Defence(
        "fills its output pipe", "output into files: into a pipe instead that nobody reads",
        "harness/keeper.py", 'os.open(spec["stdout"], flags)', "os.pipe()[1]",
        (f"{NIGHTS}[flood]", f"{KEEPER}test_output_without_end_fills_no_pipe"),
    ),
    Defence(
        "reads the terminal", "the empty standard input: a pipe instead that nobody writes to",
        "harness/keeper.py", 'stdin = os.open(spec.get("stdin", os.devnull), os.O_RDONLY)', "stdin = os.dup(0)",
        (f"{NIGHTS}[terminal]", f"{KEEPER}test_standard_input_is_empty"),
    ),
    Defence(
        "writes half a mark", "the counting of lines that are no marks",
        "harness/marks.py", "unread=len(complaints)", "unread=0",
        (f"{NIGHTS}[half-mark]", f"{RUN}test_half_a_mark_costs_that_mark_only"),
    ),
    Defence(
        "exits 0 with NaN", "the look at the results' numbers",
        "harness/health.py", "    if not_finite:\n", "    if False:\n",
        (f"{NIGHTS}[nan]", f"{RUN}test_a_run_that_gives_nan_completes_with_a_warning"),
    ),
    Defence(
        "sampler killed", "the watching of the instruments' processes",
        "harness/instruments/sidecar.py", "self._loss = self._loss or self._see_loss()", "pass",
        (f"{NIGHTS}[sampler-killed]", f"{RUN}test_a_sampler_killed_in_mid_run_ends_the_run_at_once"),
    ),
    Defence(
        "sampler stopped", "the counting of silence",
        "harness/instruments/sidecar.py", "if self._silent_s < self.instrument.silence_s:", "if True:",
        (
            f"{LONG_NIGHTS}[sampler-stopped]",
            "harness/run/test_supervision.py::test_an_instrument_that_was_stopped_is_lost_and_then_writes_what_it_holds",
        ),
    ),
    Defence(
        "sampler slow", "the counting of late readings",
        "harness/coverage.py", "if ticks and late / ticks > limit:", "if False:",
        (
            f"{LONG_NIGHTS}[sampler-slow]",
            "harness/run/test_coverage.py::test_a_sampler_that_did_not_keep_its_time_is_told",
        ),
    ),
    Defence(
        "sampler slow", "the look for gaps",
        "harness/coverage.py", 'if tally["window_gap_s"] > gap_limit_s:', "if False:",
        (f"{RUN}test_a_gap_in_the_window_makes_a_run_invalid",),
    ),
    Defence(
        "values stand still", "the look at how long a value is the same",
        "harness/instruments/credibility.py", "if loaded_ns < TOLD_NS:", "if True:",
        (
            f"{LONG_NIGHTS}[frozen]",
            "harness/instruments/test_credibility.py::test_a_value_that_stands_still_for_ten_seconds_of_load_is_told",
        ),
    ),
    Defence(
        "instrument's binary dies in mid-run", "the look whether the program has gone",
        "harness/instruments/energibridge.py", "        if gone:\n", "        if False:\n",
        ("harness/instruments/test_energibridge_runs.py::test_its_death_in_mid_run_ends_the_run_with_its_last_words",),
    ),
    Defence(
        "counter wraps", "the adding up of turns",
        "harness/sensors/counting.py", "step %= self.counter.turn", "pass",
        (
            f"{NIGHTS}[counter-wraps]",
            "harness/sensors/test_rapl.py::test_a_counter_that_wraps_every_few_seconds_loses_nothing",
        ),
    ),
    Defence(
        "counter goes back", "the doubt of a step",
        "harness/sensors/counting.py", "if why := self._doubt(t_ns - self.read_ns, step):", "if why := '':",
        (
            f"{NIGHTS}[counter-back]",
            "harness/sensors/test_rapl.py::test_a_counter_that_was_set_back_is_not_taken_for_a_wrap",
        ),
    ),
    Defence(
        "clock steps an hour", "the comparison of the clocks",
        "harness/surroundings.py", "if step_s > limit_s:", "if False:",
        (
            f"{NIGHTS}[clock-step]",
            "harness/run/test_surroundings.py::test_a_step_of_the_wall_clock_is_information",
        ),
    ),
    Defence(
        "suspend", "the comparison of boot time and monotonic time",
        "harness/surroundings.py", "if slept_s > limit_s:", "if False:",
        (f"{NIGHTS}[suspend]", "harness/run/test_surroundings.py::test_a_machine_that_slept_spoils_the_run"),
    ),
    Defence(
        "temperature never returns", "the gate's look at the temperature",
        "harness/gates/temperature.py", "        if hot:\n", "        if False:\n",
        (f"{NIGHTS}[hot]", f"{RUN}test_a_temperature_that_does_not_come_back_refuses_the_run"),
    ),
    Defence(
        "keeper killed", "the ending of orphans, and the verdict that tells of it",
        "harness/keeping.py",
        'self._end_orphans(self.pid)\n        now_ns = time.monotonic_ns()\n        return Ending("keeper_lost"',
        'now_ns = time.monotonic_ns()\n        return Ending("exited"',
        (
            f"{NIGHTS}[keeper-killed]",
            f"{RUN}test_a_killed_keeper_takes_the_whole_tree_with_it_and_the_run_is_repeated",
        ),
    ),
    Defence(
        "disk full in the samples", "the sampler's minding a write that failed",
        "harness/instruments/recorder.py",
        "    while text:\n        text = text[os.write(descriptor, text) :]\n",
        "    try:\n        os.write(descriptor, text)\n    except OSError:\n        pass\n",
        (f"{LONG_NIGHTS}[disk-full-samples]", "harness/instruments/test_sampler.py::test_a_full_disk_is_loud"),
    ),
    Defence(
        "disk full in sealing", "the keeping of what could not be sealed: removed instead of renamed",
        "harness/run_folder.py", "    return partial.rename(free)\n",
        "    __import__('shutil').rmtree(partial)\n    return free\n",
        ("harness/night/test_faulty_nights.py::test_a_full_disk_at_the_sealing_keeps_the_samples_as_they_were_recorded",),
    ),
    Defence(
        "disk full in the journal", "the journal's going on after a write that failed",
        "harness/journal.py", "            self._file.flush()\n        except OSError as failure:",
        "            self._file.flush()\n        except ValueError as failure:",
        (
            f"{NIGHTS}[disk-full-journal]",
            "harness/night/test_journal.py::test_a_full_disk_does_not_end_the_night",
        ),
    ),
    Defence(
        "disk full altogether", "the counting of attempts that could not be carried out",
        "harness/progress.py", "        self._lost[slot.key] += 1\n        self.failures_in_a_row += 1\n",
        "        self._lost[slot.key] += 1\n",
        ("harness/night/test_disturbed_nights.py::test_a_disk_that_is_full_stops_the_night_and_room_lets_it_go_on",),
    ),
    Defence(
        "disk full altogether", "the keeping of what was cut short: removed instead of renamed",
        "harness/run_folder.py", "    return partial.rename(free)\n",
        "    __import__('shutil').rmtree(partial)\n    return free\n",
        ("harness/night/test_disturbed_nights.py::test_a_disk_that_is_full_stops_the_night_and_room_lets_it_go_on",),
    ),
    Defence(
        "results folder removed", "the look whether the night is still there",
        "harness/night.py", "        if not self.folder.plan.is_file():\n", "        if False:\n",
        (
            "harness/night/test_disturbed_nights.py::"
            "test_a_night_whose_folder_was_removed_ends_with_one_error_and_makes_nothing_in_its_place",
        ),
    ),
    Defence(
        "orchestrator killed", "the keeper's minding that nobody holds its pipe any more",
        "harness/keeper.py", "                self.urgency = max(1, self.urgency)\n", "                pass\n",
        (f"{RUN}test_nothing_is_left_when_the_orchestrator_is_killed",),
    ),
    Defence(
        "orchestrator killed", "the setting aside of the run that was cut short",
        "harness/night.py", "for partial in self.opened.partial:", "for partial in ():",
        ("harness/night/test_killed_nights.py::test_a_night_killed_anywhere_ends_as_an_undisturbed_one[0-10]",),
    ),
    Defence(
        "power cut", "making the folder's names safe before anything is removed",
        "harness/json_files.py",
        "    os.replace(aside, path)\n    save(path.parent)\n", "    os.replace(aside, path)\n",
        (f"{POWER}test_a_power_cut_before_every_line_loses_no_run_that_was_told_of",),
    ),
    Defence(
        "power cut", "making a new night safe before it can be seen",
        "harness/folder.py", "        save_tree(staging.root)", "        pass",
        (f"{POWER}test_a_power_cut_at_any_instant_loses_no_run_that_was_told_of",),
    ),
    Defence(
        "power cut", "making a run's new name safe before it is told of",
        "harness/run_folder.py", "    save(settled.parent)\n", "",
        (f"{POWER}test_a_power_cut_at_any_instant_loses_no_run_that_was_told_of",),
    ),
    Defence(
        "two orchestrators", "the lock",
        "harness/locks.py", "fcntl.flock(descriptor, way | fcntl.LOCK_NB)", "pass",
        (
            f"{WHOLE}test_a_night_that_somebody_executes_is_not_executed_twice",
            "harness/night/test_locks.py::test_a_second_nightwatt_is_told_who_is_there",
        ),
    ),
    Defence(
        "two nights on one machine", "the machine's lock",
        "harness/engines/claims.py", "stack.enter_context(locked_machine(", "(lambda *_, **__: None)((",
        ("harness/night/test_meter_night.py::test_a_second_night_on_a_machine_that_is_measured_as_a_whole_is_refused",),
    ),
    Defence(
        "orchestrator and keeper killed", "the look whether the nightwatt that started a process is still there",
        "harness/leftovers.py", "if started_ticks(pid_of_owner) != ticks:", "if False:",
        (f"{WHOLE}test_what_outlives_a_killed_nightwatt_and_its_killed_keeper_is_named_at_the_next_start",),
    ),
    Defence(
        "protocol edited", "the comparison with the cohort's protocol",
        "harness/engines/changes.py",
        "        if not cohort.differences(asked.protocol, host):\n", "        if True:\n",
        (f"{WHOLE}test_a_changed_protocol_is_refused_with_the_difference_key_by_key",),
    ),
    Defence(
        "file of another night copied in", "the comparison of the night's name",
        "harness/folder.py", "    if night and record.night and record.night != night:\n", "    if False:\n",
        (f"{FOLDER}test_a_run_copied_in_from_another_night_of_the_same_protocol_is_foreign",),
    ),
    Defence(
        "file of another night copied in", "the look for what is no run of the plan",
        "harness/folder.py",
        "or path.is_symlink() or not path.is_dir():\n            raise",
        "or path.is_symlink() or not path.is_dir():\n            continue\n            raise",
        (f"{WHOLE}test_a_foreign_file_is_one_error_and_stays",),
    ),
    Defence(
        "file of another night copied in", "the look for foreign files",
        "harness/folder.py", "    _refuse_foreign(head.folder)\n", "",
        (f"{FOLDER}test_something_foreign_is_named_and_left_where_it_is",),
    ),
    Defence(
        "terminal closed", "the hearing of SIGHUP",
        "harness/signals.py", ", (signal.SIGHUP, hang_up)):", "):",
        (
            f"{WHOLE}test_a_closed_terminal_does_not_end_the_night",
            f"{WHOLE}test_a_hang_up_moves_the_output_and_the_night_goes_on",
        ),
    ),
    Defence(
        "Ctrl-C once", "the stop that follows from a signal",
        "harness/signals.py", "        stop.request()\n", "        raise KeyboardInterrupt\n",
        (f"{WHOLE}test_one_signal_ends_the_night_in_order_and_names_the_way_back",),
    ),
    Defence(
        "Ctrl-C twice", "the stop's second level",
        "harness/stop.py", "    HIGHEST = 2\n", "    HIGHEST = 1\n",
        (f"{WHOLE}test_a_second_signal_leaves_no_grace_and_still_a_record",),
    ),
)  # fmt: skip


def copy_of_checkout(target: Path) -> None:
    """Every file that git tracks, as it lies in the checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, check=True).stdout
    for name in filter(None, os.fsdecode(listed).split("\0")):
        if (CHECKOUT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(CHECKOUT / name, target / name)


def passes(test: str, copy: Path) -> bool:
    """Whether a test passes in the copy, all its parameters."""
    words = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"tests/{test}"]
    try:
        done = subprocess.run(
            words, cwd=copy, env=os.environ | {"PYTHONPATH": str(copy)}, capture_output=True, text=True, check=False,
            timeout=PATIENCE_S, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    if done.returncode not in (0, 1) or not re.search(r"\d (passed|failed|error)", done.stdout):
        raise SystemExit(f"{test} could not be executed:\n{done.stdout}{done.stderr}")
    return done.returncode == 0


def main(words: list[str]) -> int:
    """Take out one defence after another; 1 where a test does not mind."""
    unminded = 0
    with tempfile.TemporaryDirectory(prefix="defences-") as folder:
        copy = Path(folder)
        copy_of_checkout(copy)
        for defence in DEFENCES:
            if words and not any(word in defence.fault for word in words):
                continue
            file = copy / defence.file
            whole = file.read_text("utf-8")
            assert 1 == whole.count(defence.code), f"{defence.file} does not hold once: {defence.code}"
            file.write_text(whole.replace(defence.code, defence.instead), "utf-8")
            for test in defence.tests:
                minds = not passes(test, copy)
                unminded += not minds
                verdict = "fails" if minds else "PASSES ALL THE SAME"
                print(f"{defence.fault}; without {defence.words}: {test} {verdict}", flush=True)
            file.write_text(whole, "utf-8")
    return 1 if unminded else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
