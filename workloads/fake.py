"""A workload that does nothing, exactly: phases of known length, results that follow from the seed, faults on demand.

Settings first, then the program. It is what a rehearsal executes and what the tests of the harness launch: its marks
bear the *nominal* times of its phases, so that their durations are the same to the nanosecond in every execution,
whatever the machine was doing meanwhile.

    python fake.py --phases setup:0.1,train:0.5,evaluate:0.1 --epochs 5 --metric accuracy=0.8 --seed 3

Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import sys
import time
from pathlib import Path

NS = 1_000_000_000
NAN = "NaN"  # JSON has no other way to say it
FLOOD_MB = 8
MEMORY_LIMIT_B = 512 << 20  # of address space, where memory is to run out: the machine's own is left alone
FAULTS: dict[str, dict[str, object]] = {
    "failure": {"die_in": "", "exit_code": 3},
    "signal": {"die_in": "", "signal": signal.SIGSEGV},
    "out-of-memory": {"die_in": "", "eat": True},
    "hang": {"hang": True},
    "stubborn": {"hang": True, "ignore_sigterm": True},
    "daemon": {"daemon": True},
    "flood": {"flood": True},
    "terminal": {"ask": True},
    "half-mark": {"half_mark": True},
    "nan": {"nan": True},
}


def settings() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--phases", default="setup:0.1,train:0.5,evaluate:0.1", help="NAME:SECONDS, in order, separated by commas")
    add("--epochs", type=int, default=0, help="equal epochs marked inside the phase --epochs-in")
    add("--epochs-in", default="train", metavar="PHASE", help="the phase that holds the epochs")
    add("--seed", type=int, default=0, help="what the results vary with")
    add("--metric", action="append", default=[], metavar="NAME=VALUE", help="a result, within --spread of VALUE")
    add("--accuracy", type=float, help="short for --metric accuracy=VALUE")
    add("--spread", type=float, default=0.01, help="half the width of a result's variation over seeds")
    add("--nan", action="store_true", help="the loss of every epoch, and the last result's, is not a number")
    add("--busy", action="store_true", help="compute instead of sleeping")
    add("--memory-MB", type=int, default=0, help="memory to hold, touched")
    add("--print", action="append", default=[], metavar="TEXT", dest="texts", help="a line for standard output")
    add("--daemon", action="store_true", help="leave a detached grandchild behind that sleeps for an hour")
    add("--ignore-sigterm", action="store_true", help="do not end when asked to")
    add("--hang", action="store_true", help="never end by itself")
    add("--die-in", default="", metavar="PHASE", help="end in the middle of this phase, its end not marked")
    add("--signal", type=int, default=0, help="end by this signal instead of an exit code")
    add("--exit-code", type=int, default=0)
    add("--eat", action="store_true", help="take memory until there is no more, under a limit of its own")
    add("--flood", action="store_true", help=f"print {FLOOD_MB} MB")
    add("--ask", action="store_true", help="ask a question on standard input")
    add("--half-mark", action="store_true", help="leave half of the results' mark, and end")
    add("--linger", action="append", default=[], metavar="SECONDS@SLOT", help="a longer phase behind the first one")
    add("--fault", action="append", default=[], metavar="NAME@SLOT", help=f"in that run: {', '.join(FAULTS)}")
    add("--note", action="append", default=[], help="ignored: a place for what identifies the run in its command line")
    options = parser.parse_args()
    for name in struck(options.fault):
        vars(options).update(FAULTS[name])
        if "die_in" in FAULTS[name]:
            options.die_in = options.epochs_in
    for length_s in struck(options.linger):
        first, comma, others = options.phases.partition(",")
        options.phases = f"{first},linger:{length_s}{comma}{others}"
    return options


def struck(asked: list[str]) -> list[str]:
    """What of WHAT@SLOT is meant for this run: its first attempt in that slot, or ("all") every run.

    Which run this is tells the folder that its marks go to: b02-1-a1-... is slot b02-1, attempt 1.
    """
    folder = Path(os.environ.get("NIGHTWATT_MARKS", "")).parent.name
    parts = [item.partition("@")[::2] for item in asked]
    return [what for what, slot in parts if slot == "all" or folder.startswith(f"{slot}-a1-")]


def mark(t_ns: int, kind: str, **content: object) -> None:
    """Leave a mark with a nominal stamp, where marks are wanted; marks.py would stamp it now."""
    if path := os.environ.get("NIGHTWATT_MARKS"):
        line = json.dumps({"t_ns": t_ns, "mark": kind, **content}) + "\n"
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)


def pass_time(until_ns: int, *, busy: bool) -> None:
    """Sleep, or compute, until CLOCK_MONOTONIC says ``until_ns``."""
    while (left_ns := until_ns - time.monotonic_ns()) > 0:
        if busy:
            sum(number * number for number in range(2000))
        else:
            time.sleep(left_ns / NS)


def leave_half_a_mark(t_ns: int, kind: str, **content: object) -> None:
    """Leave what a process leaves that dies while it writes: a line without its end."""
    if path := os.environ.get("NIGHTWATT_MARKS"):
        line = json.dumps({"t_ns": t_ns, "mark": kind, **content})
        with open(path, "a", encoding="utf-8") as file:
            file.write(line[: len(line) // 2])


def eat() -> None:
    """Take memory until there is no more; the limit is this process's own."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_B, MEMORY_LIMIT_B))
    held = []
    while True:
        held.append(bytearray(32 << 20))


def leave_daemon() -> None:
    """Start a grandchild in a session of its own that outlives its parents if nobody ends it."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(3600)
        os._exit(0)
    os.wait()


def end(options: argparse.Namespace) -> None:
    """End as asked for: by a signal, or with an exit code."""
    sys.stdout.flush()
    if options.signal:
        os.kill(os.getpid(), options.signal)
    sys.exit(options.exit_code)


def epoch_metrics(options: argparse.Namespace, epoch: int) -> dict[str, float | str]:
    """A learning curve: the loss halves with each epoch, the accuracy approaches its final value."""
    accuracy = round(0.9 * (1 - 0.5**epoch), 6)
    if options.nan:
        return {"loss": NAN, "val_loss": NAN, "val_accuracy": accuracy}
    return {"loss": 2.0 * 0.5**epoch, "val_loss": 2.2 * 0.5**epoch, "val_accuracy": accuracy}


def results(options: argparse.Namespace) -> dict[str, float | str]:
    """The results that were asked for, each moved within the spread by the seed and its name."""
    wanted = [item.partition("=")[::2] for item in options.metric]
    if options.accuracy is not None:
        wanted.append(("accuracy", str(options.accuracy)))
    found: dict[str, float | str] = {
        name: round(float(value) + random.Random(f"{options.seed} {name}").uniform(-1, 1) * options.spread, 6)
        for name, value in wanted
    }
    if options.nan:
        found["loss_final"] = NAN
    return found


def main() -> None:
    """Go through the phases."""
    begin_ns = time.monotonic_ns()
    options = settings()
    if options.ignore_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if options.daemon:
        leave_daemon()
    held = bytearray(os.urandom(4096)) * (options.memory_MB * 256)
    for text in options.texts:
        print(text)
    for _ in range(FLOOD_MB if options.flood else 0):
        print("x" * (1 << 20))
    if options.ask:
        input("Overwrite the checkpoint? [y/n] ")

    for item in filter(None, options.phases.split(",")):
        name, _, length_s = item.rpartition(":")
        length_ns = round(float(length_s) * NS)
        mark(begin_ns, "begin", phase=name)
        if name == options.die_in:
            pass_time(begin_ns + length_ns // 2, busy=options.busy)
            if options.eat:
                eat()
            end(options)
        epochs = options.epochs if name == options.epochs_in else 0
        for epoch in range(1, epochs + 1):
            epoch_end_ns = begin_ns + length_ns * epoch // epochs
            mark(begin_ns + length_ns * (epoch - 1) // epochs, "begin", phase=f"epoch {epoch}")
            pass_time(epoch_end_ns, busy=options.busy)
            mark(epoch_end_ns, "end", phase=f"epoch {epoch}", **epoch_metrics(options, epoch))
        pass_time(begin_ns + length_ns, busy=options.busy)
        begin_ns += length_ns
        mark(begin_ns, "end", phase=name)

    if found := results(options):
        leave = leave_half_a_mark if options.half_mark else mark
        leave(time.monotonic_ns(), "result", **found)
    while options.hang:
        time.sleep(3600)
    del held
    end(options)


if __name__ == "__main__":
    main()
