"""How a workload ended, in one word and one sentence, and what would help. Pure.

Out of memory is only said with evidence: the kernel's counters, or the framework's own words. A hint is given where the
last words of a workload leave little doubt; what is not known is not guessed.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass

from harness.keeping import Ending
from harness.record import Status

SIGKILL = 9
SHELL_KILLED = 128 + SIGKILL
"""What a shell exits with when its child was killed."""
LAST_LINES, LONGEST_LINE = 12, 300
"""How much of the last words of a workload that did not complete its record keeps."""

_QUOTED = 200
_OUT_OF_MEMORY = re.compile(
    r"(CUDA|HIP|XPU|MPS backend|error:|killed:?) out of memory|out of memory:? killed"
    r"|OutOfMemoryError|CUDA_ERROR_OUT_OF_MEMORY|CU(BLAS|DNN|SOLVER)\w*ALLOC_FAILED"
    r"|CUDA failure 2:|Failed to allocate memory for requested buffer"
    r"|ResourceExhaustedError|RESOURCE_EXHAUSTED|OOM when allocating"
    r"|^(\w+\.)*_?(Array)?MemoryError\b|can't allocate memory|Cannot allocate memory|std::bad_alloc",
    re.IGNORECASE | re.MULTILINE,
)
"""What PyTorch, ONNX Runtime, TensorFlow, JAX, NumPy, Python and C++ say, each in its own way."""
_HOST_MEMORY = re.compile(
    r"^(\w+\.)*_?(Array)?MemoryError\b|can't allocate memory|Cannot allocate memory|std::bad_alloc", re.MULTILINE
)
"""What is said of these where it was the machine's memory, or a limit on it, and no card's."""


def status_of(ending: Ending, stderr_tail: str) -> tuple[Status, str]:
    """How a workload that was not stopped by us ended, with one sentence for people; "" when it completed.

    Out of memory is only said with evidence: the kernel's counters, or the framework's own words.
    """
    match ending.why:
        case "timed_out":
            return Status.TIMED_OUT, "it was ended at its time limit"
        case "not_launched":
            return Status.FAILED, f"it could not be started: {ending.launch_error}"
        case "keeper_lost":
            return Status.KILLED, "its keeper was killed, and it with it"
    return (Status.COMPLETED, "") if ending.exit_code == 0 else _failure(ending, stderr_tail)


def _failure(ending: Ending, stderr_tail: str) -> tuple[Status, str]:
    how = f"signal {ending.signal}" if ending.signal is not None else f"exit code {ending.exit_code}"
    if words := _OUT_OF_MEMORY.search(stderr_tail):
        said = next(line for line in stderr_tail[words.start() :].splitlines() if line).strip()
        return Status.OUT_OF_MEMORY, f"out of memory ({how}): {said[:_QUOTED]}"
    if kills := [f"{name} +{count}" for name, count in ending.oom_kills.items() if count > 0]:
        return Status.OUT_OF_MEMORY, f"out of memory ({how}): the kernel's oom_kill counter, {', '.join(kills)}"
    if ending.signal == SIGKILL or ending.exit_code == SHELL_KILLED:
        return Status.KILLED, f"killed ({how}), out of memory not excluded"
    if ending.signal is not None:
        return Status.KILLED, f"killed by {how}"
    last = (stderr_tail.strip().splitlines() or ["it left no message"])[-1]
    return Status.FAILED, f"{how}: {last[:_QUOTED]}"


def how_ended(exit_code: int | None, number: int | None) -> str:
    """The words "ended with exit code 3", or "ended by signal 9 (SIGKILL)"."""
    if number is None:
        return f"ended with exit code {exit_code}"
    try:
        return f"ended by signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"ended by signal {number}"


def last_lines(*outputs: str) -> tuple[str, ...]:
    """The end of the first output that has any: its last lines that are not empty, each cut to a bearable length."""
    for text in outputs:
        if lines := [line.rstrip() for line in text.splitlines() if line.strip()]:
            return tuple(line[:LONGEST_LINE] for line in lines[-LAST_LINES:])
    return ()


@dataclass(frozen=True)
class Circumstances:
    """What a hint may have to name."""

    program: str
    """The workload's program, its first word."""
    own_python: str
    """The interpreter that ``{python}`` stands for."""
    timeout_s: float
    phase: str = ""
    """The phase that was never ended."""


def hint(status: Status, ending: Ending, last_words: str, given: Circumstances) -> str:
    """What would help a workload that ended in ``status``; "" where nothing is known.

    ``last_words`` is the end of its standard error.
    """
    killed = ending.signal == SIGKILL or ending.exit_code == SHELL_KILLED
    match status:
        case Status.TIMED_OUT:
            where = f" in phase {given.phase!r}" if given.phase else ""
            return (
                f"workload.timeout_s = {given.timeout_s:g} was over{where}: raise it if the workload is meant to take"
                " longer, else see in stdout.log and stderr.log where it stood still"
            )
        case Status.OUT_OF_MEMORY if any(ending.oom_kills.values()) or _HOST_MEMORY.search(last_words):
            return "the machine's memory was full: a smaller batch or data set, or fewer loader processes"
        case Status.OUT_OF_MEMORY:
            return "a smaller batch or model; nvidia-smi shows who else holds the card's memory"
        case Status.KILLED if killed:
            return "the kernel's log says whether memory was short: sudo dmesg | grep -i 'out of memory'"
        case Status.FAILED | Status.KILLED:
            return _not_launched(ending.launch_error) if ending.why == "not_launched" else _advice(last_words, given)
    return ""


def _advice(last_words: str, given: Circumstances) -> str:
    """The advice whose words come last: what is said last is what ended the workload."""
    found = [(words[-1], advice) for pattern, advice in _ADVICE if (words := list(pattern.finditer(last_words)))]
    if not found:
        return ""
    last, advice = max(found, key=lambda item: item[0].start())
    own = f"{given.program} (nightwatt's own, which {{python}} stands for)"
    return advice.format(*last.groups(), interpreter=own if given.program == given.own_python else given.program)


def _not_launched(error: str) -> str:
    if "PermissionError" in error or "Permission denied" in error:
        return "chmod +x it, or put its interpreter before it in workload.command"
    if "Exec format error" in error:
        return "it is no program for this machine; a script needs a first line such as #!/bin/sh, or its interpreter"
    return "the first word of workload.command must be a program that is there; `nightwatt plan` looks for it"


_ADVICE: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"^(?:ModuleNotFoundError|ImportError): No module named '?([\w.]+)'?", re.MULTILINE),
        "{0} is not installed for {interpreter}: install it there, or name another interpreter in workload.command",
    ),
    (
        re.compile(r"^ImportError: (?:cannot import name '(\w+)'|(\S+\.so\S*): )", re.MULTILINE),
        "a package of {interpreter} does not fit the others: compare its version with what the workload asks for",
    ),
    (
        re.compile(r"CUDA driver version is insufficient|no CUDA-capable device|No CUDA GPUs are available"
                   r"|Found no NVIDIA driver|Torch not compiled with CUDA enabled|cudaErrorNoDevice"),
        "the workload finds no usable GPU: nvidia-smi, CUDA_VISIBLE_DEVICES, and a framework built for this driver",
    ),
    (
        re.compile(r"^\S+: error: (?:unrecognized arguments|the following arguments|argument )", re.MULTILINE),
        "the workload does not take these arguments: compare workload.command with its own --help",
    ),
    (
        re.compile(r"No space left on device|Disk quota exceeded"),
        "the disk is full: df -h; [gates.disk] keeps a run from starting without room",
    ),
    (
        re.compile(r"^(?:FileNotFoundError|NotADirectoryError|IsADirectoryError): .*", re.MULTILINE),
        "each run works in an empty folder of its own: give the workload absolute paths",
    ),
    (
        re.compile(r"^EOFError: EOF when reading a line", re.MULTILINE),
        "the workload asks a question, and nobody is there to answer (its standard input is empty): give it an option",
    ),
    (
        re.compile(r"Too many open files"),
        "ulimit -n is too small for this workload",
    ),
    (
        re.compile(r"Temporary failure in name resolution|Name or service not known|ConnectionError|URLError"),
        "the workload reaches for the network: have its data and models there before the night begins",
    ),
)  # fmt: skip
"""What the last words of a workload mean, and what would help; the latest words count."""
