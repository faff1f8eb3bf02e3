"""Stands in for EnergiBridge: its options, its file, its order of doing things, and each of its ways to die.

It behaves as the JSON object in the environment variable STAND_IN says, with these keys:

release     "0.0.7": what --version prints; "": it knows no such option
machine     "intel" | "amd" | "mac" | "none" (no energy) | "old" (the headers of 2023)
power_W     of the package; its counters are power x time since the epoch of start_J, so that every row is exact
start_J     what the package's counter shows at first; counters are cut to range_J
range_J     262144
buffer_B    how much is gathered before it is written; 0: every row at once
die         "": live | "panic" | "slow" | "full" | "exit" | "killed" | "stop" (SIGSTOP, to itself), after
            some rows; "usage" | "rights" | "register" at once
after_rows  when
once        a path: it dies only while there is no such file, and leaves it
at_mark     whether it waits with that for the first mark of a workload
handles_term  true: SIGTERM kills the child and exits with 1 (main); false: it dies and leaves its child (0.0.7)
late_gpu_row  from this row on there is a GPU that the header does not name
step_s, step_row  the wall clock that it reads is set by so much from that row on
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

USUAL = {
    "release": "0.0.7", "machine": "intel", "power_W": 64.0, "start_J": 1000.0, "range_J": 262144.0, "buffer_B": 0,
    "die": "", "after_rows": 0, "once": "", "at_mark": False, "handles_term": True, "late_gpu_row": 0,
    "step_s": 0.0, "step_row": 0,
}  # fmt: skip
SAID = USUAL | json.loads(os.environ.get("STAND_IN", "{}"))
UNIT_J = 2.0**-14


def panic(message):
    print(f"thread 'main' panicked at src/main.rs:1:2:\n{message}", file=sys.stderr)
    print("note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace", file=sys.stderr, flush=True)
    os._exit(101)


def read_options():
    parser = argparse.ArgumentParser(prog="energibridge", exit_on_error=True)
    parser.add_argument("-o", "--output")
    parser.add_argument("-s", "--separator", default=",")
    parser.add_argument("-c", "--command-output")
    parser.add_argument("-i", "--interval", type=int, default=200)
    parser.add_argument("-m", "--max-execution", type=int, default=0)
    parser.add_argument("-g", "--gpu", action="store_true")
    parser.add_argument("--summary", action="store_true")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    return parser.parse_args()


def collect(stamp_ms, begin_ms, gpu, row):
    """What it would read at that millisecond."""
    age_s = (stamp_ms - begin_ms) / 1000

    def counter(share):
        ticks = round((SAID["start_J"] + SAID["power_W"] * share * age_s) / UNIT_J)
        return ticks * UNIT_J % SAID["range_J"]

    found = {f"CPU_USAGE_{cpu}": 10.0 + cpu for cpu in range(4)}
    found |= {"TOTAL_MEMORY": 8e9, "USED_MEMORY": 1e9, "TOTAL_SWAP": 0, "USED_SWAP": 0}
    machine = SAID["machine"]
    found |= {f"CPU_FREQUENCY_{cpu}": 0 if machine == "mac" else 2000 + cpu for cpu in range(4)}
    if machine == "intel":
        found |= {"PACKAGE_ENERGY (J)": counter(1), "PP0_ENERGY (J)": counter(0.5), "PP1_ENERGY (J)": 0}
        found |= {"DRAM_ENERGY (J)": counter(0.125)}
    elif machine == "old":
        found |= {"PACAKGE_ENERGY (W)": counter(1), "PP0_ENERGY (W)": counter(0.5), "DRAM_ENERGY (W)": counter(0.125)}
    elif machine == "amd":
        found |= {"CPU_ENERGY (J)": counter(1), "CORE0_ENERGY (J)": counter(0.25), "CORE1_ENERGY (J)": counter(0.125)}
        found |= {"CORE0_VOLT (V)": 1.1, "CORE0_FREQ (MHZ)": 3000, "CORE0_PSTATE": 0}
    elif machine == "mac":
        found |= {"SYSTEM_POWER (Watts)": SAID["power_W"], "CPU_TEMP_0": 40.5, "CPU_TEMP_1": 42.5}
    if gpu or (SAID["late_gpu_row"] and row >= SAID["late_gpu_row"]):
        power = {"GPU0_POWER": 90000} if machine == "old" else {"GPU0_POWER (mWatts)": 90000}
        found |= {**power, "GPU0_USAGE": 50, "GPU0_TEMPERATURE": 45, "GPU0_MEMORY_USED": 100, "GPU0_MEMORY_TOTAL": 1000}
    return found


class File:
    """Written as a whole row, or when enough has been gathered."""

    def __init__(self, path):
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        self.gathered = b""

    def write(self, line, flush=False):
        self.gathered += line.encode() + b"\n"
        while self.gathered and (flush or len(self.gathered) > SAID["buffer_B"]):
            size_B = SAID["buffer_B"] or len(self.gathered)
            os.write(self.descriptor, self.gathered[:size_B])
            self.gathered = self.gathered[size_B:]


def main():
    if "--version" in sys.argv[1:2]:
        if not SAID["release"]:
            print("error: unexpected argument '--version' found", file=sys.stderr)
            return 2
        print(f"energibridge {SAID['release']}")
        return 0
    options = read_options()
    if not options.command:
        print("Usage: EnergiBridge <command>", file=sys.stderr)
        return 1
    if SAID["die"] == "usage":
        print("error: unexpected argument found", file=sys.stderr)
        return 2
    if SAID["die"] == "rights":
        panic('called `Result::unwrap()` on an `Err` value: Os { code: 13, kind: PermissionDenied, message: "x" }')
    if SAID["die"] == "register":
        panic('failed to read PP1: Os { code: 5, kind: Uncategorized, message: "Input/output error" }')
    told = []
    if SAID["handles_term"]:
        signal.signal(signal.SIGTERM, lambda *_: told.append(1))
    begin_ms = time.time_ns() // 1_000_000
    file = File(options.output)
    child = subprocess.Popen(options.command)  # its standard input is ours
    stamp_ms = begin_ms
    values = collect(stamp_ms, begin_ms, options.gpu, 0)
    sep = options.separator
    file.write(sep.join(["Delta", "Time", *sorted(values)]))
    row = 0

    def put(delta_ms, flush=False):
        step_ms = round(SAID["step_s"] * 1000) if SAID["step_row"] and row >= SAID["step_row"] else 0
        words = [str(delta_ms), str(stamp_ms + step_ms), *(f"{values[name]:.17g}" for name in sorted(values))]
        file.write(sep.join(words), flush)

    while True:
        if options.max_execution and time.time_ns() // 1_000_000 - begin_ms >= 1000 * options.max_execution:
            child.kill()
            code = 0
            break
        put(time.time_ns() // 1_000_000 - stamp_ms if row else 0)
        row += 1
        if SAID["die"] and row > SAID["after_rows"] and is_time_to_die(Path(options.output)):
            die(child, file)
        if row != 1:  # the second row repeats the first one's stamp and values
            stamp_ms = time.time_ns() // 1_000_000
            values = collect(stamp_ms, begin_ms, options.gpu, row)
        if told:
            child.kill()
            code = 1
            break
        code = child.poll()
        if code is not None:
            if code < 0:
                panic("called `Option::unwrap()` on a `None` value")
            break
        time.sleep(options.interval / 1000)
    put(0, flush=True)
    return code


def is_time_to_die(output):
    if SAID["once"] and Path(SAID["once"]).exists():
        return False
    marks = output.with_name("marks.jsonl")
    return not SAID["at_mark"] or (marks.exists() and marks.stat().st_size > 0)


def die(child, file):
    if SAID["once"]:
        os.close(os.open(SAID["once"], os.O_CREAT | os.O_WRONLY))
    match SAID["die"]:
        case "panic":
            panic("called `Result::unwrap()` on an `Err` value: Error")
        case "slow":
            panic("overflow when subtracting durations")
        case "full":
            os.write(file.descriptor, b"200,1697704464")
            panic('Failed to write results: Os { code: 28, kind: StorageFull, message: "No space left on device" }')
        case "exit":  # what -m does
            child.kill()
            os._exit(0)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)


sys.exit(main())
