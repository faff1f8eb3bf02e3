"""What else the system does by itself: swap, clocks that are set, timers that go off at night."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.conditions.condition import Condition, Worth, processes, text_of

CLOCK_KEEPERS = {
    "systemd-timesyn": "systemd-timesyncd", "chronyd": "chrony", "ntpd": "ntpd", "openntpd": "openntpd",
}  # fmt: skip
"""The process's short name (15 characters) -> the service."""
AHEAD_S = 12 * 3600.0
"""A night: timers that go off within it are named."""
HARMLESS = ("systemd-tmpfiles-clean", "anacron", "dpkg-db-backup", "systemd-readahead", "motd-news")
"""Timers that do next to nothing."""
Ask = Callable[[list[str]], str | None]


def ask(command: list[str]) -> str | None:
    """What a command prints, None where it is not there, fails or takes too long."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def look_at_system(root: Path, asked: Ask = ask, now_s: float | None = None) -> Iterator[Condition]:
    """Swap, who sets the clock, timers of the next twelve hours, cron."""
    yield _swap(root)
    keepers = [service for name, service in CLOCK_KEEPERS.items() if name in processes(root)]
    if keepers:
        effect = "it may set the wall clock; readings are on the monotonic clock, and a step is recorded in its run"
        yield Condition("time daemon", ", ".join(keepers), Worth.GOOD, effect)
    else:
        effect = "the wall clock drifts: times of day in the report, and meters that bring their own, may be off"
        yield Condition("time daemon", "none runs", Worth.NOTE, effect, "sudo timedatectl set-ntp true")
    yield _timers(asked, time.time() if now_s is None else now_s)
    yield _cron(root)


def _swap(root: Path) -> Condition:
    areas = (text_of(root / "proc/swaps") or "").splitlines()[1:]
    if not areas:
        return Condition("swap", "none", Worth.GOOD)
    used_kB = sum(int(fields[3]) for line in areas if len(fields := line.split()) > 3)
    value = f"{len(areas)} area{'s' * (len(areas) > 1)}, {used_kB / 1e3:.0f} MB used"
    effect = "a workload that is swapped out waits for the disk, and is measured waiting"
    return Condition("swap", value, Worth.MEND if used_kB else Worth.NOTE, effect, "sudo swapoff -a")


def _timers(asked: Ask, now_s: float) -> Condition:
    text = asked(["systemctl", "list-timers", "--output=json", "--no-pager"])
    try:
        rows = json.loads(text) if text else None
    except ValueError:
        rows = None
    if rows is None:
        return Condition("timers", "systemd does not tell", Worth.UNKNOWN)
    due = []
    for row in rows:
        unit, next_us = str(row.get("unit", "")), row.get("next")
        name = unit.removesuffix(".timer")
        if isinstance(next_us, int) and next_us and next_us / 1e6 - now_s < AHEAD_S and name not in HARMLESS:
            due.append((next_us, unit))
    if not due:
        return Condition("timers", "none in the next 12 hours", Worth.GOOD)
    units = [unit for _, unit in sorted(due)]
    moments = ", ".join(f"{unit} {time.strftime('%H:%M', time.localtime(at / 1e6))}" for at, unit in sorted(due))
    effect = "they load processor and disk in the middle of some run; start them again in the morning"
    return Condition("timers", moments, Worth.MEND, effect, f"sudo systemctl stop {' '.join(units)}")


def _cron(root: Path) -> Condition:
    if not {"cron", "crond"} & processes(root):
        return Condition("cron", "does not run", Worth.GOOD)
    jobs = 0
    for path in [root / "etc/crontab", *sorted((root / "etc/cron.d").glob("*"))]:
        jobs += len(re.findall(r"^\s*[\d*@]", text_of(path) or "", re.MULTILINE))
    for name in ("hourly", "daily"):
        jobs += sum(1 for path in (root / f"etc/cron.{name}").glob("*") if path.name != ".placeholder")
    if not jobs:
        return Condition("cron", "runs, without jobs of the system", Worth.GOOD)
    effect = "jobs of the night fall into some runs and not into others"
    return Condition("cron", f"{jobs} jobs of the system", Worth.NOTE, effect, "sudo systemctl stop cron")
