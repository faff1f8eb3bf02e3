"""The processor's own choices: governor, turbo, hyper-threads, and whether it is one at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.conditions.condition import Condition, Worth, text_of

CPUS = "sys/devices/system/cpu"


def look_at_processor(root: Path) -> Iterator[Condition]:
    """Governor, turbo, SMT, virtual machine."""
    yield _governor(root)
    yield _turbo(root)
    yield _threads(root)
    if any("hypervisor" in line.split() for line in (text_of(root / "proc/cpuinfo") or "").splitlines()):
        effect = "others may share this processor unseen, and its power counters are mostly not passed on"
        yield Condition("virtual machine", "yes", Worth.NOTE, effect)


def _governor(root: Path) -> Condition:
    found = {
        text for path in sorted((root / CPUS).glob("cpu[0-9]*/cpufreq/scaling_governor")) if (text := text_of(path))
    }
    if not found:
        return Condition("CPU governor", "the kernel tells none", Worth.UNKNOWN)
    value = ", ".join(sorted(found))
    if found == {"performance"}:
        return Condition("CPU governor", value, Worth.GOOD)
    effect = "clocks follow the load of the moment before, so that a short run's power depends on what ran before it"
    return Condition("CPU governor", value, Worth.MEND, effect, "sudo cpupower frequency-set -g performance")


def _turbo(root: Path) -> Condition:
    no_turbo, boost = text_of(root / CPUS / "intel_pstate/no_turbo"), text_of(root / CPUS / "cpufreq/boost")
    if no_turbo is None and boost is None:
        return Condition("CPU turbo", "the kernel tells nothing", Worth.UNKNOWN)
    if no_turbo == "1" or (no_turbo is None and boost == "0"):
        return Condition("CPU turbo", "off", Worth.GOOD)
    effect = "clocks rise as far as heat allows, so that a warm room makes slower and other runs than a cold one"
    file, off = ("intel_pstate/no_turbo", "1") if no_turbo is not None else ("cpufreq/boost", "0")
    return Condition("CPU turbo", "on", Worth.NOTE, effect, f"echo {off} | sudo tee /{CPUS}/{file}")


def _threads(root: Path) -> Condition:
    active = text_of(root / CPUS / "smt/active")
    if active is None:
        return Condition("hyper-threads (SMT)", "the kernel tells nothing", Worth.UNKNOWN)
    if active == "0":
        return Condition("hyper-threads (SMT)", "off", Worth.GOOD)
    effect = "two threads share a core: time and power of a run depend on where the scheduler puts them"
    return Condition("hyper-threads (SMT)", "on", Worth.NOTE, effect, f"echo off | sudo tee /{CPUS}/smt/control")
