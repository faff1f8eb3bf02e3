"""The parent of the workload: it ends the whole process tree, whatever happens to anyone.

::

    orchestrator              keeper (own session, subreaper)          workload (own session)
        | spawn, stdin = control pipe -->  wait for b"g"
        | -- b"g" --------------------->   fork, exec ----------------->  stdin /dev/null, output to files
        | <-- stdout: {"pid", "launched_ns"}      |                          | ... its children, daemons
        |                                         |<-- SIGCHLD: main gone ---|
        |                                  end what is left of the tree
        | <-- exit.json, then its own end

    the tree is ended (SIGTERM, grace, SIGKILL until no child is left) at the first of:
        the main process has exited | timeout_s | b"s" | b"k" (no grace) | end-of-file: the orchestrator has died |
        SIGTERM or SIGINT aimed at the keeper (twice: no grace). SIGHUP is ignored: the night goes on.

Daemons cannot escape: with PR_SET_CHILD_SUBREAPER every orphan of the tree becomes a child of the keeper. Should the
keeper itself be killed, PR_SET_PDEATHSIG kills the workload's main process; ``harness.keeping`` ends the rest.

Started as ``python -P -m harness.keeper SPEC.json``; imports the standard library only and little of that, so that it
is up in some 30 ms. Linux only. ``max_rss_B`` has a floor of some 10 MB: what the keeper had when it forked.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from typing import Any, NoReturn, NotRequired, TypedDict

from harness.process_tree import descendants, name_of, signal_all

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

LEAVE_S = 0.2
"""How long children may outlive the main process before they count as left over: pools end just after their parent."""
STUCK_S = 10.0
"""How long to go on after the first SIGKILL; what is then still there hangs in the kernel and is reported."""
SWEEP_S = 0.02
"""Time between two rounds of SIGKILL over what is left."""
OOM_SCORE_ADJ = b"500"
"""Given to the workload: if memory runs out, the kernel should take it, not the sampler or the night."""


class Spec(TypedDict):
    """The keeper's orders, a JSON file."""

    command: list[str]
    cwd: str
    env: dict[str, str]
    """Added to the keeper's own environment."""
    stdin: NotRequired[str]
    """Left out: nothing to read."""
    stdout: str
    stderr: str
    exit_file: str
    timeout_s: float
    grace_s: float
    wait: bool
    """Whether to launch only at b"g" on the control pipe."""


class Keeper:
    """Launches one workload and outlives its whole tree."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.libc = ctypes.CDLL(None, use_errno=True)
        if self.libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) was refused")
        self.urgency = 0
        """0: go on; 1: end with grace; 2: end at once."""
        self.go = not spec["wait"]
        self.main_pid = 0
        self.main_status: int | None = None
        self.launched_ns: int | None = None
        self.exited_ns: int | None = None
        self.launch_error = ""
        self.leftovers: list[str] = []
        self.stuck: list[str] = []
        self.poll = select.poll()
        self.poll.register(0, select.POLLIN)
        self.wakeup, writer = os.pipe()
        for descriptor in (self.wakeup, writer):
            os.set_blocking(descriptor, False)
        self.poll.register(self.wakeup, select.POLLIN)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)  # only so that the wakeup descriptor hears of it
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def keep(self) -> None:
        """Launch, wait, end the tree, write exit.json."""
        before = oom_kills()
        while not self.go and self.urgency == 0:
            self.sleep(None)
        why = "told"
        if self.urgency == 0:
            self.launch()
            why = "not_launched" if self.launch_error else self.wait_for_main()
            self.end_tree(with_linger=why == "exited")
        self.write_exit(why, before)

    def sleep(self, timeout_s: float | None) -> None:
        """Wait for an order, a signal or the timeout, and take in what came."""
        for descriptor, _ in self.poll.poll(None if timeout_s is None else max(0.0, timeout_s) * 1e3):
            if descriptor == self.wakeup:
                self.urgency = min(2, self.urgency + sum(n in (signal.SIGTERM, signal.SIGINT) for n in self.drain()))
                continue
            orders = os.read(0, 64)
            if not orders:
                self.poll.unregister(0)  # end-of-file stays readable for ever
                self.urgency = max(1, self.urgency)
            self.go |= b"g" in orders
            self.urgency = max(self.urgency, 2 if b"k" in orders else 1 if b"s" in orders else 0)

    def drain(self) -> bytes:
        """The numbers of the signals that came."""
        try:
            return os.read(self.wakeup, 4096)
        except BlockingIOError:
            return b""

    def launch(self) -> None:
        """Fork and exec the workload; an exec that failed is told through a pipe that a good one closes."""
        spec = self.spec
        environment = {**os.environ, **spec["env"]}
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        stdin = os.open(spec.get("stdin", os.devnull), os.O_RDONLY)
        files = [stdin, os.open(spec["stdout"], flags), os.open(spec["stderr"], flags)]
        reader, writer = os.pipe()
        keeper = os.getpid()
        self.launched_ns = time.monotonic_ns()
        self.main_pid = os.fork()
        if self.main_pid == 0:
            self.become_workload(keeper, files, environment, writer)
        for descriptor in (*files, writer):
            os.close(descriptor)
        self.launch_error = os.read(reader, 4096).decode(errors="replace")
        os.close(reader)
        message = {"pid": self.main_pid, "launched_ns": self.launched_ns}
        with contextlib.suppress(OSError):  # nobody listens any more: the control pipe says so too
            os.write(1, json.dumps(message).encode() + b"\n")

    def become_workload(self, keeper: int, files: list[int], environment: dict[str, str], errors: int) -> NoReturn:
        """In the forked child: shed everything of the keeper and become the workload."""
        try:
            os.setsid()
            self.libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != keeper:
                os._exit(127)  # the keeper was gone before the line above
            signal.set_wakeup_fd(-1)
            for number in (
                signal.SIGCHLD,
                signal.SIGTERM,
                signal.SIGINT,
                signal.SIGHUP,
                signal.SIGPIPE,
                signal.SIGXFSZ,
            ):
                signal.signal(number, signal.SIG_DFL)  # Python ignores the last two, and exec hands that on
            for target, descriptor in enumerate(files):
                os.dup2(descriptor, target)
            volunteer_for_oom_killer()
            os.chdir(self.spec["cwd"])
            os.execvpe(self.spec["command"][0], self.spec["command"], environment)
        except (OSError, ValueError) as error:
            os.write(errors, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(127)

    def reap(self) -> bool:
        """Take in every child that has ended, by its pid; returns whether children are left.

        The end of the main process is stamped here; a look that reaps nothing (WNOWAIT) finds the pid first, so that no
        call can take the main process's status for somebody else's.
        """
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return False
            if ended is None:
                return True
            now_ns = time.monotonic_ns()
            _, status = os.waitpid(ended.si_pid, 0)
            if ended.si_pid == self.main_pid:
                self.main_status, self.exited_ns = status, now_ns

    def wait_for_main(self) -> str:
        """Sleep until the main process has gone or has to go; returns why."""
        assert self.launched_ns is not None
        deadline_ns = self.launched_ns + int(self.spec["timeout_s"] * 1e9)
        while True:
            self.reap()
            if self.main_status is not None:
                return "exited"
            if self.urgency:
                return "told"
            left_s = (deadline_ns - time.monotonic_ns()) / 1e9
            if left_s <= 0:
                return "timed_out"
            self.sleep(left_s)

    def end_tree(self, with_linger: bool) -> None:
        """End every process of the tree: SIGTERM, grace, SIGKILL until no child is left."""
        if with_linger:
            self.sleep_until_gone(time.monotonic() + LEAVE_S, until_urgency=1)
            self.leftovers = [name_of(pid) for pid in descendants()]
        if self.urgency < 2 and self.reap():
            signal_all(descendants(), signal.SIGTERM)
            self.sleep_until_gone(time.monotonic() + self.spec["grace_s"], until_urgency=2)
        give_up_s = time.monotonic() + STUCK_S
        while self.reap():
            if time.monotonic() > give_up_s:
                self.stuck = [name_of(pid) for pid in descendants()]
                return
            signal_all(descendants(), signal.SIGKILL)
            self.sleep(SWEEP_S)

    def sleep_until_gone(self, deadline_s: float, until_urgency: int) -> None:
        """Sleep until no child is left, the deadline is over, or it has become urgent enough."""
        while self.reap() and self.urgency < until_urgency:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return
            self.sleep(left_s)

    def write_exit(self, why: str, oom_before: dict[str, int]) -> None:
        """Write exit.json aside and rename it: it is whole or not there."""
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        code = None if self.main_status is None else os.waitstatus_to_exitcode(self.main_status)
        if self.launch_error:
            code = None
        report: dict[str, Any] = {
            "why": why,
            "exit_code": code if code is not None and code >= 0 else None,
            "signal": -code if code is not None and code < 0 else None,
            "launch_error": self.launch_error,
            "launched_ns": self.launched_ns,
            "exited_ns": self.exited_ns,
            "tree_gone_ns": time.monotonic_ns(),
            "leftovers": self.leftovers,
            "stuck": self.stuck,
            "oom_kills": {name: count - oom_before.get(name, 0) for name, count in oom_kills().items()},
            "rusage": {
                "user_s": usage.ru_utime,
                "system_s": usage.ru_stime,
                "max_rss_B": usage.ru_maxrss * 1024,
                "major_faults": usage.ru_majflt,
            },
        }
        aside = self.spec["exit_file"] + ".aside"
        with open(aside, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)
        os.replace(aside, self.spec["exit_file"])


def volunteer_for_oom_killer() -> None:
    """Make this process the kernel's first choice when memory runs out."""
    with contextlib.suppress(OSError):  # a kernel that hides it: nothing depends on it
        descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(descriptor, OOM_SCORE_ADJ)
        os.close(descriptor)


def oom_kills() -> dict[str, int]:
    """How many processes the kernel has killed for want of memory: on the machine, and in this control group."""
    sources = {"machine": "/proc/vmstat"}
    with contextlib.suppress(OSError), open("/proc/self/cgroup", encoding="utf-8") as file:
        for line in file:
            number, controllers, path = line.rstrip("\n").split(":", 2)
            if number == "0":
                sources["group"] = f"/sys/fs/cgroup{path}/memory.events"
            elif "memory" in controllers.split(","):
                sources["group_v1"] = f"/sys/fs/cgroup/memory{path}/memory.oom_control"
    counts: dict[str, int] = {}
    for name, source in sources.items():
        with contextlib.suppress(OSError), open(source, encoding="utf-8") as file:  # not every kernel tells
            counts[name] = sum(int(line.split()[1]) for line in file if line.startswith("oom_kill "))
    return counts


def main() -> None:
    """Keep the workload that the spec file names."""
    with open(sys.argv[1], encoding="utf-8") as file:
        spec: Spec = json.load(file)
    Keeper(spec).keep()


if __name__ == "__main__":
    main()
    os._exit(0)  # the report is written: nothing is left to take down in order
