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
import signal
import sys
import time

NS = 1_000_000_000
NAN = "NaN"  # JSON has no other way to say it


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
    add("--note", action="append", default=[], help="ignored: a place for what identifies the run in its command line")
    return parser.parse_args()


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

    for item in filter(None, options.phases.split(",")):
        name, _, length_s = item.rpartition(":")
        length_ns = round(float(length_s) * NS)
        mark(begin_ns, "begin", phase=name)
        if name == options.die_in:
            pass_time(begin_ns + length_ns // 2, busy=options.busy)
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
        mark(time.monotonic_ns(), "result", **found)
    while options.hang:
        time.sleep(3600)
    del held
    end(options)


if __name__ == "__main__":
    main()
