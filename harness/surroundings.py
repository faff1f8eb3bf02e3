"""What went on around a workload: clocks, heat, other people's load, and powers that no device can draw. Pure.

Part of the judge; ``harness.coverage`` looks at the readings themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.clocks import largest_step_s, suspended_s
from harness.foreign import busy, is_load
from harness.record import Channel, ClockPair, Kind, Level, RunRecord, Verdict
from harness.verdicts import Rules

LIMIT_MARGIN = 1.2
"""A card may exceed its enforced limit for moments, never by a fifth in the mean over a window."""
CLASS_LIMIT_W: Mapping[str, float] = {
    "gpu": 2000.0, "package": 1500.0, "core": 1500.0, "uncore": 1500.0, "dram": 1000.0, "module": 4000.0,
    "psys": 20_000.0, "system": 20_000.0, "wall": 20_000.0,
}  # fmt: skip
"""What no device of a class draws: well above the largest of today (accelerators 1.4 kW, processors 0.5 kW, an
eight-GPU server 14 kW), well below what milliwatts or milliseconds taken for units make of any of them."""
OTHER_LIMIT_W = 20_000.0
HARDWARE_BITS = 0x8 | 0x80
"""Clocks event reasons (nvml.h): HW slowdown (heat or supply, by the board itself), power brake."""
THERMAL_BITS = 0x20 | 0x40
"""Software and hardware thermal slowdown."""


def judge_surroundings(
    record: RunRecord,
    samples: Mapping[str, Any] | None,
    clocks: Sequence[ClockPair],
    rules: Rules,
    cpus: int | None = None,
) -> Iterator[Verdict]:
    """Every verdict on what went on around a workload; ``cpus``: of the machine, None where that is not known."""
    yield from _clock(record, clocks, rules)
    if samples is None:
        return
    present = samples["channels"]
    yield from _counters(samples.get("counter_ratios", {}), rules)
    if record.window is not None:
        yield from _impossible(record, present, rules)
        yield from _throttled(record, present, rules)
        yield from _foreign_processes(record, present, rules)
        yield from _foreign_load(record, present, rules, cpus)


def _clock(record: RunRecord, clocks: Sequence[ClockPair], rules: Rules) -> Iterator[Verdict]:
    if record.launched_ns is not None and record.exited_ns is not None:
        slept_s, limit_s = suspended_s(clocks, record.launched_ns, record.exited_ns), rules.limit("suspended")
        if slept_s > limit_s:
            yield rules.verdict("suspended", slept_s, limit_s, "the machine was suspended while the workload ran")
    step_s, limit_s = largest_step_s(clocks), rules.limit("clock_step")
    if step_s > limit_s:
        evidence = "the wall clock was stepped; readings are on the monotonic clock and not touched by it"
        yield rules.verdict("clock_step", step_s, limit_s, evidence)


def _counters(ratios: Mapping[str, float], rules: Rules) -> Iterator[Verdict]:
    """Counter against trace over the whole run: one sensor's two accounts of the same energy."""
    limit = rules.limit("counter_ratio")
    for name, ratio in ratios.items():
        if abs(ratio - 1) > limit:
            off = f"{100 * abs(ratio - 1):.2f} % {'more' if ratio > 1 else 'less'}"
            evidence = f"{name} tells {off} than the trace beside it over the run"
            yield rules.verdict("counter_ratio", ratio - 1, limit, evidence)


def _impossible(record: RunRecord, present: Mapping[str, Any], rules: Rules) -> Iterator[Verdict]:
    """A mean power over the window that the device cannot draw: joules, watts or seconds of the wrong unit."""
    assert record.window is not None
    for channel in record.channels:
        tally = None if channel.is_coarse_total else present.get(channel.name)
        mean_W = None if tally is None else _mean_W(channel, tally)
        if mean_W is None:
            continue
        limit_W, whose = _most_W(channel, record.channels, present)
        limit_W = rules.limit("impossible_power", limit_W)
        if not 0.0 <= mean_W <= limit_W:
            evidence = f"{channel.name}: mean over the window; {whose}" if mean_W > 0 else f"{channel.name}: below zero"
            evidence += ": is its unit what its name says?"
            yield rules.verdict("impossible_power", mean_W, limit_W if mean_W > 0 else 0.0, evidence)


def _mean_W(channel: Channel, tally: Mapping[str, Any]) -> float | None:
    """The mean power that a channel tells of the window; of a counter, over the stretch between its readings in it."""
    if channel.tells_power:
        mean_W: float | None = tally["window_mean"]
        return mean_W
    if channel.tells_energy and channel.kind is Kind.COUNTER and tally["window_first"] is not None:
        if tally["falls"] or tally["window_between_s"] <= 0:
            return None  # the one is said by itself, the other tells no power
        return float(tally["window_last"] - tally["window_first"]) / float(tally["window_between_s"])
    return None


def _most_W(channel: Channel, channels: Sequence[Channel], present: Mapping[str, Any]) -> tuple[float, str]:
    """What a channel's device can draw, and whence that is known."""
    for other in channels:
        if other.domain == channel.domain and other.quantity == "power_limit_W" and other.name in present:
            enforced_W = present[other.name]["maximum"]
            if enforced_W:
                return LIMIT_MARGIN * enforced_W, f"its enforced limit is {enforced_W:g} W"
    kind = re.match(r"[a-z]*", channel.domain)
    limit_W = CLASS_LIMIT_W.get(kind[0] if kind else "", OTHER_LIMIT_W)
    return limit_W, f"no device of its class draws {limit_W:g} W"


def _throttled(record: RunRecord, present: Mapping[str, Any], rules: Rules) -> Iterator[Verdict]:
    """Clocks held down while the window lasted: by the device's counters, else by its reasons each second.

    A counter's share is that of the stretch between its first and its last reading in the window.
    """
    for channel in record.channels:
        tally = present.get(channel.name)
        if tally is None:
            continue
        counted = _COUNTED.get(channel.quantity)
        if counted and tally["window_first"] is not None and tally["window_between_s"] > 0:
            share = (tally["window_last"] - tally["window_first"]) / tally["window_between_s"]
            yield from _held_down(counted, share, channel.domain, rules)
        if channel.quantity == "throttle_reasons" and tally["window_n"]:
            thermal_counter = any(
                (other.domain, other.quantity) == (channel.domain, "throttle_thermal_s") for other in record.channels
            )
            bits = tally["window_bits"]
            yield from _held_down("hardware_slowdown", _share(bits, HARDWARE_BITS, tally), channel.domain, rules)
            if not thermal_counter:
                yield from _held_down("thermal_throttling", _share(bits, THERMAL_BITS, tally), channel.domain, rules)


_COUNTED = {"throttle_power_s": "power_cap", "throttle_thermal_s": "thermal_throttling"}


def _share(bits: Mapping[str, int], mask: int, tally: Mapping[str, Any]) -> float:
    """The largest share of readings that have one of the bits of ``mask``; ``bits``: value of a bit -> readings."""
    return max((count for bit, count in bits.items() if int(bit) & mask), default=0) / float(tally["window_n"])


def _held_down(name: str, share: float, domain: str, rules: Rules) -> Iterator[Verdict]:
    limit = rules.limit(name)
    if share > limit:
        yield rules.verdict(name, share, limit, f"{domain}: share of the window with its clock held down")


def _foreign_processes(record: RunRecord, present: Mapping[str, Any], rules: Rules) -> Iterator[Verdict]:
    """Others' processes on a card: one that came meanwhile spoils the run, one that stays burdens all runs alike."""
    limit = rules.limit("foreign_processes")
    for channel in record.channels:
        tally = present.get(channel.name)
        if channel.quantity != "foreign_processes" or tally is None or (tally["window_maximum"] or 0) <= limit:
            continue
        came = tally["window_maximum"] > (tally["start"] or 0)
        level, when = (Level.INVALID, "came in the window") if came else (Level.WARNING, "were there all along")
        evidence = f"processes on {channel.domain} that are not nightwatt's {when}"
        yield rules.verdict("foreign_processes", tally["window_maximum"], limit, evidence, level=level)


def _foreign_load(record: RunRecord, present: Mapping[str, Any], rules: Rules, cpus: int | None) -> Iterator[Verdict]:
    """The processors' load around the run less what the workload and the instruments used, as cores.

    A rehearsal's runs measure nothing, and are over before anything could be told.
    """
    tally = next((present[item.name] for item in record.channels if is_load(item) and item.name in present), None)
    if tally is None or record.rehearsal:
        return
    found = busy(record, tally["around_mean"], tally["around_begin_ns"], tally["around_end_ns"], cpus)
    limit = rules.limit("foreign_load")
    if found is not None and found.foreign_cores > limit:
        evidence = f"of {found.cores:.2f} busy cores, {found.own_cores:.2f} were the run's own"
        yield rules.verdict("foreign_load", found.foreign_cores, limit, evidence)
