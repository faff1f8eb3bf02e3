"""How soon each fault of an instrument is noticed while a workload runs, with real processes.

    python benchmarks/time_to_notice.py                 a table, each fault five times at random moments
    python benchmarks/time_to_notice.py --busy 4        beside four processes that compute without end
    python benchmarks/time_to_notice.py --only hang     the faults whose name holds "hang"

Counted is from the fault to the moment at which the workload is told to end (its own SIGTERM handler writes it down);
of a source that stands still, to the moment at which a person is told. Instruments are our own sampler, with sources
that fail when they are told (tests/harness/run/faulty_sampler.py: the NVML sensor stands on a stand-in for the driver),
and EnergiBridge's stand-in. A last line counts the attempts without any fault that were ended all the same.
"""

from __future__ import annotations

import json
import os
import random
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger import Figure, report, settings

from harness.events import RunSettled, Trouble
from harness.instruments import own
from harness.order import RunOrder
from harness.plan import Slot
from harness.process_tree import members
from harness.record import NightFolder, RunName, read_json
from harness.run import execute
from harness.stop import Stop

TESTS = Path(__file__).resolve().parents[1] / "tests/harness"
WORKLOAD = """
import json, os, signal, sys, time
def ended(*_):
    open("told_ns", "w").write(str(time.monotonic_ns()))
    os._exit(0)
signal.signal(signal.SIGTERM, ended)
with open(os.environ["NIGHTWATT_MARKS"], "a") as marks:
    marks.write(json.dumps({"t_ns": time.monotonic_ns(), "mark": "begin", "phase": "train"}) + "\\n")
end_s = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end_s:
    time.sleep(max(0.0, min(1.0, end_s - time.monotonic())))
"""
LONGEST_S = 60.0
"""How long a workload waits for its end; a fault that nobody notices by then is none that is noticed."""
FIRST_S, SPREAD_S = 1.5, 1.0
"""A fault comes so long after the workload's first mark, and at random within so much more."""
MADE_UP: Mapping[str, Any] = {"faulty": {}}
NVML: Mapping[str, Any] = {"nvml": {}}


@dataclass(frozen=True)
class Fault:
    """One way to go wrong."""

    name: str
    limit_s: float
    act: Callable[[Path], None]
    """Given the run's folder, do it."""
    sensors: Mapping[str, Any] = field(default_factory=lambda: MADE_UP)
    foreign: bool = False
    """Whether EnergiBridge's stand-in records beside the sampler."""
    is_told: bool = False
    """Whether a person is told instead of the workload being ended."""


def say(fault: str) -> Callable[[Path], None]:
    """Tell the sources to go wrong in this way."""

    def act(folder: Path) -> None:
        aside = folder / "fault.aside"
        aside.write_text(fault, encoding="utf-8")
        aside.replace(folder / "fault")

    return act


def send(number: int) -> Callable[[Path], None]:
    """Send the sampler a signal."""
    return lambda folder: os.kill(read_json(folder / "sampler.json")["pid"], number)


def send_foreign(number: int) -> Callable[[Path], None]:
    """Send the foreign program a signal: itself, not its sleeper."""

    def act(folder: Path) -> None:
        for pid in members(_mark(folder)):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if any(word.endswith(b"energibridge_stand_in.py") for word in words):
                os.kill(pid, number)

    return act


FAULTS = (
    Fault("sampler killed (SIGKILL)", 1.0, send(signal.SIGKILL)),
    Fault("sampler ends by a defect", 1.0, say("raise")),
    Fault("sampler stopped (SIGSTOP)", 2.1, send(signal.SIGSTOP)),
    Fault("a source's read hangs", 2.1, say("hang")),
    Fault("an NVML call hangs", 3.1, say("hang"), NVML),
    Fault("the card is lost (GpuIsLost)", 1.1, say("gpu lost"), NVML),
    Fault("the card's trace gives errors", 3.1, say("errors"), NVML),
    Fault("the card's energy counter goes back", 5.2, say("back"), NVML),
    Fault("an energy falls", 0.2, say("back")),
    Fault("a power below zero", 0.2, say("negative")),
    Fault("1 s above 1.2 x the enforced limit", 1.2, say("absurd")),
    Fault("the time of a channel goes back", 0.2, say("time back")),
    Fault("EnergiBridge killed", 1.0, send_foreign(signal.SIGKILL), foreign=True),
    Fault("EnergiBridge stopped (SIGSTOP)", 3.1, send_foreign(signal.SIGSTOP), foreign=True),
    Fault("a power that stands still under load", 13.1, say("frozen"), is_told=True),
    Fault("the same of NVML", 14.1, say("frozen"), NVML, is_told=True),
)


def main() -> None:
    """Measure and report."""
    parser = settings(__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="how often each (default 5)")
    parser.add_argument("--busy", type=int, default=0, help="so many processes compute beside it (default none)")
    parser.add_argument("--only", default="", help="only faults whose name holds this")
    parser.add_argument("--quiet-s", type=float, default=60.0, help="how long to run without any fault (default 60)")
    options = parser.parse_args()
    own.COMMAND = (sys.executable, str(TESTS / "run/faulty_sampler.py"))
    chance = random.Random(7)
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(options.busy)]
    try:
        figures = []
        for fault in FAULTS:
            if options.only in fault.name:
                taken_s = [notice_s(fault, chance.uniform(0, SPREAD_S)) for _ in range(options.repeats)]
                figures += figures_of(fault, taken_s)
                print(f"{fault.name}: {', '.join(f'{value:.3f}' for value in taken_s)} s", file=sys.stderr)
        if not options.only:
            alarms = sum(false_alarm(options.quiet_s, sensors) for sensors in (MADE_UP, NVML))
            figures.append(Figure(f"false alarms in 2 x {options.quiet_s:g} s without a fault", alarms, "", 1))
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    report(f"time_to_notice beside {options.busy} busy processes", figures, options.out)


def figures_of(fault: Fault, taken_s: list[float]) -> list[Figure]:
    """Median and largest."""
    return [
        Figure(f"{fault.name}, median", statistics.median(taken_s), "s"),
        Figure(f"{fault.name}, longest", max(taken_s), "s", fault.limit_s),
    ]


def notice_s(fault: Fault, wait_s: float) -> float:
    """From the fault to its notice; infinite where nobody noticed."""
    with tempfile.TemporaryDirectory() as place:
        order = order_in(Path(place), LONGEST_S, fault.sensors, foreign=fault.foreign)
        partial = order.night.runs / f"{order.name}.partial"
        acted: list[int] = []

        def act() -> None:
            marks = partial / "marks.jsonl"
            while not (marks.exists() and marks.stat().st_size):
                time.sleep(0.01)
            time.sleep(FIRST_S + wait_s)
            acted.append(time.monotonic_ns())
            fault.act(partial)

        thread = threading.Thread(target=act, daemon=True)
        thread.start()
        told_ns, last = carry_out(order, until_told=fault.is_told)
        thread.join()
        if not fault.is_told:
            word = last.path / "scratch/told_ns"
            told_ns = int(word.read_text("utf-8")) if word.exists() else None
            if last.record.status != "lost_instrument":
                sys.exit(f"time_to_notice: {fault.name}: the run ended as {last.record.status}: {last.record.reason}")
        return (told_ns - acted[0]) / 1e9 if told_ns is not None else float("inf")


def false_alarm(seconds: float, sensors: Mapping[str, Any]) -> bool:
    """Whether an attempt in which nothing goes wrong is ended for the loss of its instrument."""
    with tempfile.TemporaryDirectory() as place:
        _, last = carry_out(order_in(Path(place), seconds, sensors), until_told=False)
        return last.record.status != "completed"


def carry_out(order: RunOrder, *, until_told: bool) -> tuple[int | None, RunSettled]:
    """Execute an attempt; when a person was first told of trouble, and how it settled."""
    told_ns, last, stop = None, None, Stop()
    try:
        for event in execute(order, stop):
            if isinstance(event, Trouble) and told_ns is None:
                told_ns = time.monotonic_ns()
                if until_told:
                    stop.request()
            last = event
    finally:
        stop.close()
    if not isinstance(last, RunSettled):
        sys.exit("time_to_notice: an attempt did not settle")
    return told_ns, last


def order_in(place: Path, seconds: float, sensors: Mapping[str, Any], *, foreign: bool = False) -> RunOrder:
    """An attempt at a workload that waits."""
    night = NightFolder(place / "night")
    name = RunName(1, 1, 1, "a")
    instruments = {"energibridge": {"program": str(stand_in(place)), "interval_ms": 200}} if foreign else {}
    return RunOrder(
        night=night,
        name=name,
        slot=Slot(1, 1, 1, "a", 7, baseline=False),
        levels={},
        command=(sys.executable, "-c", WORKLOAD, str(seconds)),
        timeout_s=600.0,
        sensors=sensors,
        instruments=instruments,
    )


def stand_in(place: Path) -> Path:
    """EnergiBridge's stand-in as an executable; its processes bear a mark in their environment."""
    program = place / "energibridge"
    behaviour = shlex.quote(json.dumps({"handles_term": True}))
    script = TESTS / "instruments/energibridge_stand_in.py"
    lines = [
        "#!/bin/sh",
        f"export NIGHTWATT_STAND_IN={shlex.quote(str(place))} STAND_IN={behaviour}",
        f'exec {shlex.quote(sys.executable)} -I -S {shlex.quote(str(script))} "$@"',
    ]
    program.write_text("\n".join(lines) + "\n", encoding="utf-8")
    program.chmod(0o755)
    return program


def _mark(folder: Path) -> bytes:
    """By which the stand-in's processes of the night that holds this run folder are known."""
    return f"NIGHTWATT_STAND_IN={folder.parents[2]}".encode()


if __name__ == "__main__":
    main()
