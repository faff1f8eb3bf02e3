"""A machine made of files: /proc and /sys as the gates read them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest


class FakeMachine:
    """A root with a /proc/stat of so many ticks, processes with parents, swap counters, batteries, processors."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("proc/stat", "cpu  0 0 0 0 0 0 0 0 0 0\n")

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def work(self, user: int, idle: int = 0) -> None:
        self.write("proc/stat", f"cpu  {user} 0 0 {idle} 0 0 0 0 0 0\ncpu0 1 1\n")

    def process(self, pid: int, parent: int, ticks: int, waited_for: int = 0, name: str = "x") -> None:
        fields = f"{pid} ({name}) S {parent} 0 0 0 0 0 0 0 0 0 {ticks} 0 {waited_for} 0 20 0 1 0 0"
        self.write(f"proc/{pid}/stat", fields)
        if not (self.root / f"proc/{pid}/task/{pid}/children").exists():
            self.write(f"proc/{pid}/task/{pid}/children", "")

    def children(self, pid: int, *below: int) -> None:
        self.write(f"proc/{pid}/task/{pid}/children", " ".join(map(str, below)))

    def swap(self, pages_in: int, pages_out: int = 0, used_kB: int = 0) -> None:
        self.write("proc/vmstat", f"nr_free_pages 7\npswpin {pages_in}\npswpout {pages_out}\n")
        self.write("proc/meminfo", f"MemTotal: 99 kB\nSwapTotal: 8000000 kB\nSwapFree: {8000000 - used_kB} kB\n")

    def supply(self, name: str, **facts: str) -> None:
        for fact, text in facts.items():
            self.write(f"sys/class/power_supply/{name}/{fact}", f"{text}\n")

    def processors(self, governors: list[str], max_kHz: int = 3_800_000, no_turbo: str = "0") -> None:
        for number, governor in enumerate(governors):
            folder = f"sys/devices/system/cpu/cpufreq/policy{number}"
            self.write(f"{folder}/scaling_governor", f"{governor}\n")
            self.write(f"{folder}/scaling_max_freq", f"{max_kHz}\n")
        self.write("sys/devices/system/cpu/intel_pstate/no_turbo", f"{no_turbo}\n")


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    return FakeMachine(tmp_path)


@pytest.fixture
def told() -> Callable[..., Callable[[], Mapping[str, Any]]]:
    """Something that is read again and again: the values given, one after another, the last one for ever."""

    def make(*values: Mapping[str, Any]) -> Callable[[], Mapping[str, Any]]:
        left = list(values)
        return lambda: left.pop(0) if len(left) > 1 else left[0]

    return make
