"""What Slurm knows of a node's energy: its plugins, how it is asked, and what its commands print.

::

    scontrol show config    AcctGatherEnergyType, JobAcctGatherType, EnergyIPMIFrequency
    scontrol show job ID    OverSubscribe=NO: the job has its node to itself
    sstat --jobs=ID.batch   ConsumedEnergyRaw: J of the node since the step began, whole joules

``sstat`` lets the step's own daemon on the node ask the plugin at that moment; the watts of ``scontrol show node`` are
as old as AcctGatherNodeFreq, which is 0 (never) unless a site sets it, and are not used. Sources: slurm.conf(5),
acct_gather.conf(5), sstat(1) of Slurm 22.05, and the plugins as they were seen to answer.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

CPU_RAM, NODE, GPU = "cpu-ram", "node", "gpu"
IPMI_S = 30.0
"""EnergyIPMIFrequency where the configuration does not show it."""
NO_VALUES = frozenset({2**32 - 2, 2**32 - 1, 2**64 - 2, 2**64 - 1})
"""NO_VAL and INFINITE of Slurm, of 32 and 64 bits: numbers that stand for none."""

Ask = Callable[[Sequence[str], float], "Printed"]


class NoAnswer(Exception):
    """A question that brought no energy; the text says why, for people."""


@dataclass(frozen=True)
class Printed:
    """What a command printed, and how it ended; ``code`` None: it was ended at its time limit."""

    code: int | None
    out: str
    err: str = ""


@dataclass(frozen=True)
class Plugin:
    """One acct_gather_energy plugin."""

    name: str
    domain: str
    """What its counter covers."""
    words: str
    refresh_s: float = 0.0
    """How often its counter moves, however often it is asked; 0: it is read at each question."""

    @property
    def source(self) -> str:
        """What is read, for tables."""
        return f"Slurm's acct_gather_energy/{self.name}: {self.words}"


PLUGINS = {
    item.name: item
    for item in (
        Plugin("rapl", CPU_RAM, "all packages and their memory by RAPL"),
        Plugin("pm_counters", NODE, "the node by its board's energy counter (HPE Cray)"),
        Plugin("cray_aries", NODE, "the node by its board's energy counter (Cray)"),
        Plugin("ibmaem", NODE, "the node by IBM's Active Energy Manager"),
        Plugin("ipmi", NODE, "power that the node's board tells by IPMI, added up by slurmd", IPMI_S),
        Plugin("xcc", NODE, "the node by Lenovo's XClarity Controller, asked by slurmd", IPMI_S),
        Plugin("gpu", GPU, "power that the cards' library tells, added up by slurmd", 30.0),
    )
}


@dataclass(frozen=True)
class Configured:
    """What a cluster's configuration says of energy."""

    plugin: str
    """Without its family; "none" or empty: no energy is gathered."""
    gathers: bool
    """Whether steps gather anything (JobAcctGatherType), without which sstat tells zeros."""
    ipmi_s: float | None = None
    """EnergyIPMIFrequency, where it is shown."""


def ask(command: Sequence[str], env: Mapping[str, str], timeout_s: float) -> Printed:
    """Execute one of Slurm's commands; raises OSError where it cannot be started."""
    try:
        done = subprocess.run(
            command, env={**env, "LC_ALL": "C"}, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s,
            check=False, text=True, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Printed(None, "")
    return Printed(done.returncode, done.stdout, done.stderr)


def printed(asking: Ask, command: Sequence[str], timeout_s: float) -> str:
    """What a command printed; raises NoAnswer with its own words where it failed."""
    try:
        found = asking(command, timeout_s)
    except OSError as error:
        raise NoAnswer(f"{command[0]} cannot be started: {error.strerror}") from error
    if found.code is None:
        raise NoAnswer(f"{command[0]} has not answered within {timeout_s:g} s")
    if found.code:
        raise NoAnswer(f"{command[0]}: {_words(found.err) or f'exit code {found.code}'}")
    return found.out if found.out.strip() or not found.err.strip() else _refused(command[0], found.err)


def configured(text: str) -> Configured:
    """What ``scontrol show config`` prints."""
    found = dict(re.findall(r"^\s*(\w+)\s*=\s*(.*?)\s*$", text, re.MULTILINE))
    frequency = re.match(r"\d+", found.get("EnergyIPMIFrequency", ""))
    return Configured(
        found.get("AcctGatherEnergyType", "").rpartition("/")[2],
        found.get("JobAcctGatherType", "").rpartition("/")[2] not in ("", "none"),
        float(frequency[0]) if frequency and int(frequency[0]) else None,
    )


def shared(text: str) -> str:
    """How a job shares its node, as ``scontrol show job`` prints it; empty: it has it to itself.

    Raises NoAnswer where that is not printed.
    """
    found = re.search(r"\bOverSubscribe=(\S+)", text)
    if found is None:
        raise NoAnswer("scontrol does not say whether this job has its node to itself (OverSubscribe)")
    return "" if found[1] == "NO" else f"OverSubscribe={found[1]}"


def question(step: str) -> tuple[str, ...]:
    """What asks for the energy of a step."""
    return ("sstat", "--noheader", "--parsable2", f"--jobs={step}", "--format=JobID,ConsumedEnergyRaw")


def consumed_J(text: str, step: str) -> int:
    """The joules that ``sstat`` tells of a step; raises NoAnswer where it tells none, or no number."""
    for line in text.splitlines():
        name, _, value = line.strip().partition("|")
        if name != step:
            continue
        value = value.strip()
        if not value or (value.isdecimal() and int(value) in NO_VALUES):
            raise NoAnswer("Slurm has no energy of this node: its plugin cannot read it (slurmd's log says why)")
        if not re.fullmatch(r"[0-9]{1,20}", value):
            raise NoAnswer(f"its answer is no number of joules: {value[:40]!r}")
        return int(value)
    raise NoAnswer(f"sstat tells nothing of the step {step}")


def _refused(command: str, err: str) -> str:
    """Some commands end with 0 although they failed."""
    raise NoAnswer(f"{command}: {_words(err)}")


def _words(err: str) -> str:
    lines = [re.sub(r"^\w+(: error)?: ", "", line.strip()) for line in err.splitlines() if line.strip()]
    return "; ".join(lines[-2:])[:200]
