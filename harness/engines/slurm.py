"""Slurm by its own commands: what they are asked, and what they print; of a site's accounting nothing is needed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import NightwattError, RefusedError
from harness.protocol_engine import seconds

COMMANDS = ("sbatch", "squeue", "sinfo", "scontrol", "scancel")
ANSWER_S = 60.0
"""How long a command may take; a controller that is busy answers late, one that restarts in half a minute."""
_FORMS = ("SQUEUE_", "SINFO_", "SACCT_")
"""Variables by which a user changes what the commands print and leave out."""
_SET_BY_US = frozenset(
    f"SBATCH_{name}"
    for name in (
        "ARRAY_INX", "CONSTRAINT", "EXCLUSIVE", "JOB_NAME", "NO_REQUEUE", "OPEN_MODE", "OUTPUT", "PARTITION",
        "REQUEUE", "TIMELIMIT", "WAIT",
    )
)  # fmt: skip
"""Variables of sbatch that would win over the script."""
LIVE = frozenset({"RUNNING", "CONFIGURING", "STAGE_OUT", "SUSPENDED", "SIGNALING", "STOPPED"})
WAITING = frozenset({"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT", "RESIZING"})
HELD = ("JobHeldUser", "JobHeldAdmin", "launch failed requeued held", "job requeued in held state")
"""Reasons for which a task waits for a person."""

Run = Callable[[Sequence[str], Mapping[str, str], float], "Printed"]


@dataclass(frozen=True)
class Printed:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str = ""


@dataclass(frozen=True)
class Configuration:
    """What of a cluster's configuration decides how a night is submitted."""

    version: str
    max_array_size: int
    max_jobs: int
    kill_wait_s: float
    accounting: bool
    energy_plugin: str = "none"
    """By which plugin nodes tell what they consume (AcctGatherEnergyType)."""
    gathers: bool = True
    """Whether tasks gather anything, energy included (JobAcctGatherType)."""

    @property
    def energy(self) -> bool:
        """Whether the accounting has the energy of tasks."""
        return self.energy_plugin != "none" and self.gathers


@dataclass(frozen=True)
class Partition:
    """One partition."""

    name: str
    default: bool
    up: bool
    limit_s: float | None
    """The longest time limit of a task; None: without end."""


@dataclass(frozen=True)
class Node:
    """One node of a partition."""

    name: str
    state: str
    features: frozenset[str]

    @property
    def idle(self) -> bool:
        """Whether a task could begin on it at once."""
        return self.state.rstrip("~#") == "idle"

    @property
    def usable(self) -> bool:
        """Whether a task can be expected to begin on it at all."""
        return not any(
            word in self.state for word in ("down", "drain", "drng", "fail", "futr", "inval", "maint", "unk", "*")
        )


@dataclass(frozen=True)
class Task:
    """Tasks of one array in one state."""

    name: str
    job: int
    indices: tuple[int, ...]
    """Of the array; empty for a job that is none."""
    state: str
    reason: str = ""
    node: str = ""


class Slurm:
    """The cluster that this machine can submit to."""

    def __init__(self, run: Run | None = None) -> None:
        """``run``: executes a command; left out, as a process."""
        self._run = run or _process
        self._env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(_FORMS) and name not in _SET_BY_US and name != "SLURM_TIME_FORMAT"
        } | {"SLURM_BITSTR_LEN": "0", "LC_ALL": "C"}

    def configuration(self) -> Configuration:
        """How the cluster is configured; raises RefusedError where there is none."""
        refuse_without_slurm()
        return parse_configuration(self._asked("scontrol", "show", "config"))

    def partitions(self) -> tuple[Partition, ...]:
        """Every partition that this user can see."""
        return parse_partitions(self._asked("sinfo", "--noheader", "--summarize", "--format=%P|%a|%l"))

    def nodes(self, partition: str, nodelist: str = "") -> tuple[Node, ...]:
        """The nodes of a partition, or those of them that ``nodelist`` names."""
        chosen = [f"--nodes={nodelist}"] if nodelist else []
        form = "--format=%N|%t|%f"
        return parse_nodes(self._asked("sinfo", "--noheader", "--Node", f"--partition={partition}", *chosen, form))

    def submit(self, script: Path, *options: str) -> int:
        """Submit a batch script; returns the job's number. Raises RefusedError with Slurm's own words."""
        printed = self._print("sbatch", "--parsable", *options, str(script), timeout_s=4 * ANSWER_S)
        number = printed.out.strip().partition(";")[0]
        if printed.code or not number.isdecimal():
            raise RefusedError(
                f"Slurm does not take the night: {_words(printed)}",
                where=str(script),
                remedy="see [engine] slurm in the protocol, and what the site asks for (engine.slurm.extra)",
            )
        return int(number)

    def queue(self, names: Sequence[str]) -> tuple[Task, ...]:
        """Every task of the jobs of these names that waits or is executed."""
        form = "--format=%j|%F|%K|%T|%N|%r"
        return parse_queue(self._asked("squeue", "--noheader", f"--name={','.join(names)}", form))

    def cancel(self, job: int) -> None:
        """End a job."""
        self._print("scancel", str(job), timeout_s=ANSWER_S)

    def accounting(self, names: Sequence[str], since: str) -> str:
        """What the accounting says of the jobs of these names, a line a task and a step; RefusedError without one."""
        if shutil.which("sacct") is None:
            raise RefusedError("sacct is not installed here")
        return self._asked(
            "sacct", "--noheader", "--parsable2", "--duplicates", f"--name={','.join(names)}",
            f"--starttime={since}", f"--format={ACCOUNT}",
        )  # fmt: skip

    def _asked(self, *command: str) -> str:
        printed = self._print(*command, timeout_s=ANSWER_S)
        if printed.code:
            raise RefusedError(
                f"Slurm does not answer: {_words(printed)}",
                where=" ".join(command[:2]),
                remedy="see whether `sinfo` answers here; what is executed goes on, nothing is lost",
            )
        return printed.out

    def _print(self, *command: str, timeout_s: float) -> Printed:
        return self._run(command, self._env, timeout_s)


ACCOUNT = "JobName,JobIDRaw,JobID,State,ExitCode,ElapsedRaw,ConsumedEnergyRaw"


def refuse_without_slurm() -> None:
    """Raise RefusedError where Slurm's commands are not installed."""
    absent = [name for name in COMMANDS if shutil.which(name) is None]
    if absent:
        raise RefusedError(
            f"there is no Slurm on this machine: {', '.join(absent)} not found",
            remedy="submit from a login node of the cluster, or execute the night here with --engine local",
        )


def parse_configuration(text: str) -> Configuration:
    """What ``scontrol show config`` prints."""
    found = dict(re.findall(r"^(\w+)\s*=\s*(.*?)\s*$", text, re.MULTILINE))

    def number(key: str, default: int) -> int:
        match = re.match(r"\d+", found.get(key, ""))
        return int(match[0]) if match else default

    return Configuration(
        version=found.get("SLURM_VERSION", ""),
        max_array_size=number("MaxArraySize", 1001),
        max_jobs=number("MaxJobCount", 10_000),
        kill_wait_s=float(number("KillWait", 30)),
        accounting=found.get("AccountingStorageType", "accounting_storage/none") not in ("accounting_storage/none", ""),
        energy_plugin=found.get("AcctGatherEnergyType", "").rpartition("/")[2] or "none",
        gathers=found.get("JobAcctGatherType", "").rpartition("/")[2] not in ("", "none"),
    )


def parse_partitions(text: str) -> tuple[Partition, ...]:
    """``%P|%a|%l`` of sinfo: the default has a star behind its name."""
    found = []
    for line in text.splitlines():
        name, up, limit = line.split("|")
        found.append(Partition(name.rstrip("*"), name.endswith("*"), up == "up", _limit_s(limit)))
    return tuple(found)


def parse_nodes(text: str) -> tuple[Node, ...]:
    """``%N|%t|%f`` of sinfo, each node once."""
    found: dict[str, Node] = {}
    for line in text.splitlines():
        name, state, features = line.split("|")
        words = frozenset(word for word in features.split(",") if word not in ("", "(null)"))
        found.setdefault(name, Node(name, state, words))
    return tuple(found.values())


def parse_queue(text: str) -> tuple[Task, ...]:
    """``%j|%F|%K|%T|%N|%r`` of squeue: name, job, index or indices, state, node, reason."""
    found = []
    for line in text.splitlines():
        name, job, indices, state, node, reason = line.split("|", 5)
        found.append(Task(name, int(job), tuple(parse_indices(indices)), state, reason, node))
    return tuple(found)


def parse_indices(text: str) -> Iterator[int]:
    """Indices of an array as Slurm writes them: ``3``, ``1-4,7``, ``0-10:5%3``; ``N/A`` are none."""
    for part in text.strip("[]").partition("%")[0].split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+)(?::(\d+))?)?", part)
        if match:
            yield from range(int(match[1]), int(match[2] or match[1]) + 1, int(match[3] or 1))


def _limit_s(text: str) -> float | None:
    """A time limit as sinfo prints it; there ``30:00`` is half an hour, and ``2:00:00`` two of them."""
    try:
        return seconds(text)
    except ValueError:
        return None


def _words(printed: Printed) -> str:
    lines = [
        re.sub(r"^\w+(:? error)?: ", "", line) for line in (printed.err or printed.out).splitlines() if line.strip()
    ]
    return "; ".join(lines[-2:]) or f"exit code {printed.code}"


def _process(command: Sequence[str], env: Mapping[str, str], timeout_s: float) -> Printed:
    try:
        done = subprocess.run(
            command, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, check=False, text=True,
            errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Printed(1, "", f"{command[0]} has not answered within {timeout_s:g} s")
    except OSError as error:
        raise NightwattError(f"{command[0]} cannot be started: {error.strerror}") from error
    return Printed(done.returncode, done.stdout, done.stderr)


def answering(ask: Callable[[], tuple[Task, ...]], patience_s: float, pause_s: float = 2.0) -> tuple[Task, ...]:
    """What is asked, once a controller that is restarted answers again; raises RefusedError after ``patience_s``."""
    until_s = time.monotonic() + patience_s
    while True:
        try:
            return ask()
        except RefusedError:
            if time.monotonic() >= until_s:
                raise
        time.sleep(pause_s)
