"""How a workload ended, and what would help; pure, so the cases are made by hand."""

import sys

import pytest

from harness.endings import LAST_LINES, Circumstances, hint, how_ended, last_lines, status_of
from harness.keeping import Ending
from harness.record import Status


@pytest.mark.parametrize(
    "words",
    [
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        "RuntimeError: CUDA error: out of memory",
        "RuntimeError: cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "RuntimeError: [enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory",
        "tensorflow.python.framework.errors_impl.ResourceExhaustedError: OOM when allocating tensor",
        "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate",
        "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 7.45 GiB",
        "MemoryError",
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "OSError: [Errno 12] Cannot allocate memory",
        "Fail: [ONNXRuntimeError] : 1 : FAIL : CUDA failure 2: out of memory ; GPU=0",
        "[ONNXRuntimeError] : 6 : bfc_arena.cc:376 Failed to allocate memory for requested buffer of size 411041792",
    ],
)
def test_out_of_memory_is_said_by_every_framework_in_its_own_words(words):
    status, reason = status_of(Ending("exited", exit_code=1), f"Traceback\n{words}\n")
    assert Status.OUT_OF_MEMORY == status
    assert reason.startswith("out of memory (exit code 1)")


@pytest.mark.parametrize(
    ("ending", "stderr", "status", "reason"),
    [
        (Ending("exited", exit_code=0), "CUDA out of memory, retried smaller", "completed", ""),
        (
            Ending("exited", exit_code=1),
            "you may run out of memory",
            "failed",
            "exit code 1: you may run out of memory",
        ),
        (Ending("exited", exit_code=1), "", "failed", "exit code 1: it left no message"),
        (Ending("exited", signal=9), "", "killed", "killed (signal 9), out of memory not excluded"),
        (Ending("exited", exit_code=137), "", "killed", "killed (exit code 137), out of memory not excluded"),
        (Ending("exited", signal=6), "", "killed", "killed by signal 6"),
        (
            Ending("exited", signal=9, oom_kills={"machine": 0, "group": 1}),
            "",
            "out_of_memory",
            "out of memory (signal 9): the kernel's oom_kill counter, group +1",
        ),
        (Ending("timed_out", signal=15), "", "timed_out", "it was ended at its time limit"),
        (Ending("not_launched", launch_error="OSError: x"), "", "failed", "it could not be started: OSError: x"),
    ],
)
def test_how_a_run_ended_is_told_apart(ending, stderr, status, reason):
    assert (status, reason) == status_of(ending, stderr)


GIVEN = Circumstances("/opt/env/bin/python", sys.executable, 2700.0)


def hinted(words, given=GIVEN, ending=None):
    ending = ending or Ending("exited", exit_code=1)
    status, _ = status_of(ending, words)
    return hint(status, ending, words, given)


def test_a_module_that_is_missing_is_named_with_the_interpreter_that_lacks_it():
    words = "Traceback (most recent call last):\nModuleNotFoundError: No module named 'torch'\n"
    assert hinted(words).startswith("torch is not installed for /opt/env/bin/python: ")


def test_nightwatt_s_own_interpreter_is_called_so():
    own = Circumstances(sys.executable, sys.executable, 60.0)
    said = hinted("ModuleNotFoundError: No module named 'torch.nn'", own)
    assert said.startswith(f"torch.nn is not installed for {sys.executable} (nightwatt's own, which {{python}} stands")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("ImportError: libcudart.so.12: cannot open shared object file", "does not fit the others"),
        ("RuntimeError: CUDA error: no CUDA-capable device is detected", "nvidia-smi"),
        ("AssertionError: Torch not compiled with CUDA enabled", "nvidia-smi"),
        ("usage: train.py [-h]\ntrain.py: error: unrecognized arguments: --epoch 3", "--help"),
        ("OSError: [Errno 28] No space left on device", "df -h"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'data/x'", "absolute paths"),
        ("OSError: [Errno 24] Too many open files", "ulimit -n"),
        ("EOFError: EOF when reading a line", "nobody is there to answer"),
        ("urllib.error.URLError: <urlopen error [Errno -3] Temporary failure in name resolution>", "network"),
    ],
)
def test_what_the_last_words_of_a_workload_mean_is_said_with_a_remedy(words, part):
    assert part in hinted(words)


def test_the_last_words_count():
    words = "OSError: [Errno 28] No space left on device\n\nModuleNotFoundError: No module named 'torch'\n"
    assert "torch is not installed" in hinted(words)


def test_what_is_not_known_is_not_guessed():
    assert "" == hinted("ValueError: no such data")
    assert "" == hinted("", ending=Ending("exited", exit_code=0))
    assert "" == hinted("ModuleNotFoundError: No module named 'torch'", ending=Ending("exited", exit_code=0))


def test_a_time_limit_is_told_with_the_key_that_holds_it_and_the_phase():
    given = Circumstances("x", sys.executable, 2700.0, phase="train")
    said = hint(Status.TIMED_OUT, Ending("timed_out"), "", given)
    assert said.startswith("workload.timeout_s = 2700 was over in phase 'train'")


@pytest.mark.parametrize(
    ("ending", "words", "part"),
    [
        (Ending("exited", exit_code=1), "torch.OutOfMemoryError: CUDA out of memory.", "a smaller batch or model"),
        (
            Ending("exited", exit_code=1),
            "numpy._core._exceptions._ArrayMemoryError: no",
            "the machine's memory was full",
        ),
        (Ending("exited", exit_code=1), "  x = []\nMemoryError", "the machine's memory was full"),
        (Ending("exited", signal=9, oom_kills={"group": 1}), "", "the machine's memory was full"),
        (Ending("exited", signal=9), "", "dmesg"),
        (Ending("exited", exit_code=137), "", "dmesg"),
        (Ending("not_launched", launch_error="PermissionError: [Errno 13]"), "", "chmod +x"),
        (Ending("not_launched", launch_error="OSError: [Errno 8] Exec format error"), "", "#!/bin/sh"),
        (Ending("not_launched", launch_error="FileNotFoundError: x"), "", "workload.command"),
    ],
)
def test_each_way_to_end_has_its_own_advice(ending, words, part):
    assert part in hinted(words, ending=ending)


@pytest.mark.parametrize(
    ("exit_code", "number", "words"),
    [
        (4, None, "ended with exit code 4"),
        (None, 9, "ended by signal 9 (SIGKILL)"),
        (None, 250, "ended by signal 250"),
    ],
)
def test_how_a_process_ended_is_said_in_words(exit_code, number, words):
    assert words == how_ended(exit_code, number)


def test_the_last_lines_of_the_first_output_that_has_any_are_kept():
    text = "\n".join(f"line {number}" for number in range(30))
    assert tuple(f"line {number}" for number in range(30 - LAST_LINES, 30)) == last_lines(f"{text}\n\n", "other")
    assert ("other",) == last_lines(" \n", "other\n")
    assert () == last_lines("", "")


def test_a_line_without_end_is_cut():
    assert 300 == len(last_lines("x" * 10_000)[0])
