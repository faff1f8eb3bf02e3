"""Whether the samples of a run cover its window, and what else in the measurement may have spoilt it. Pure.

Every limit is a named constant with its reason. Energy is judged on a domain's trace: its power channels, or its
counters where it has no power. Channels that carry no energy only ever give warnings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.clocks import largest_step_s, suspended_s
from harness.record import Cause, Channel, ClockPair, Kind, Level, Phase, RunRecord, Verdict

GAP_PERIODS = 10
"""A reader that misses ten of a sensor's own periods in a row has lost sight of the load."""
GAP_FLOOR_S = 1.0
"""A busy machine may hold any reader up for some hundred milliseconds; that is no fault of the measurement."""
EDGE_PERIODS = 2
"""How many of its periods a channel may begin after the window's begin or stop before its end."""
EDGE_FLOOR_S = 0.25
"""The same in seconds: a source may hand its last readings on late, by up to one refresh of the driver's buffer."""
FEW_READINGS = 5
"""A window with fewer readings than this is mostly edge."""
LATE_SHARE = 0.05
"""The share of late ticks beyond which the sampler did not keep its time."""
SUSPENDED_S = 0.1
"""Longer than any reading of two clocks takes: the machine slept."""
CLOCK_STEP_S = 0.005
"""A wall clock is slewed by at most 0.5 ms a second: more than this was a step."""
THROTTLED_SHARE = 0.01
"""The share of the window beyond which a throttled clock has shaped the run."""


def judge_measurement(
    record: RunRecord,
    *,
    samples: Mapping[str, Any] | None,
    unfinished: Sequence[str],
    lost: str,
    clocks: Sequence[ClockPair],
    expected_channels: Sequence[str],
) -> Iterator[Verdict]:
    """Every verdict on the measurement of a run."""
    if lost:
        yield _verdict("lost_instrument", Level.INVALID, evidence=lost)
    elif unfinished:
        evidence = f"{', '.join(unfinished)} had to be ended by force"
        yield _verdict("instrument_unfinished", Level.WARNING, evidence=evidence)
    yield from _clock(record, clocks)
    if record.sampler is not None and record.sampler.ticks:
        share = record.sampler.late_ticks / record.sampler.ticks
        if share > LATE_SHARE:
            yield _verdict(
                "late_ticks", Level.WARNING, share, LATE_SHARE, evidence=f"of {record.sampler.ticks} readings"
            )
    if samples is None:
        return
    present = samples["channels"]
    yield from _files(samples)
    for name in expected_channels:
        if name not in present:
            yield _verdict("channel_missing", Level.INVALID, evidence=f"{name} was there in the night's first run")
    if record.window is not None:
        for channel in record.channels:
            yield from _channel(channel, present.get(channel.name), record.window, _is_trace(channel, record.channels))
        yield from _throttled(present, record.window)
        yield from _foreign(present)


def _clock(record: RunRecord, clocks: Sequence[ClockPair]) -> Iterator[Verdict]:
    if record.launched_ns is not None and record.exited_ns is not None:
        slept_s = suspended_s(clocks, record.launched_ns, record.exited_ns)
        if slept_s > SUSPENDED_S:
            evidence = "the machine was suspended while the workload ran"
            yield _verdict("suspended", Level.INVALID, slept_s, SUSPENDED_S, "s", evidence)
    step_s = largest_step_s(clocks)
    if step_s > CLOCK_STEP_S:
        evidence = "the wall clock was stepped; readings are on the monotonic clock and not touched by it"
        yield _verdict("clock_step", Level.INFORMATION, step_s, CLOCK_STEP_S, "s", evidence)


def _files(samples: Mapping[str, Any]) -> Iterator[Verdict]:
    if samples["unread_lines"]:
        yield _verdict(
            "unread_samples",
            Level.WARNING,
            samples["unread_lines"],
            evidence="lines of the samples that are no readings",
        )
    if samples["torn_B"]:
        yield _verdict(
            "torn_samples", Level.INFORMATION, samples["torn_B"], unit="B", evidence="cut after the last whole line"
        )


def _channel(channel: Channel, tally: Mapping[str, Any] | None, window: Phase, is_trace: bool) -> Iterator[Verdict]:
    """Whether one channel covers the window."""
    level = Level.INVALID if is_trace else Level.WARNING
    carries_energy = channel.tells_energy
    if tally is None or tally["n"] == tally["not_finite"]:
        yield _verdict("no_readings", level, evidence=channel.name)
        return
    if channel.kind is Kind.COUNTER and carries_energy and tally["falls"]:
        yield _verdict(
            "counter_fell",
            Level.INVALID,
            tally["falls"],
            evidence=f"{channel.name} went back: its driver was reloaded or its source was lost",
        )
    if tally["not_finite"]:
        yield _verdict("not_finite_readings", Level.WARNING, tally["not_finite"], evidence=channel.name)
    if carries_energy and not is_trace:
        return  # a counter beside a trace is an anchor, read now and then on purpose
    gap_limit_s = max(GAP_PERIODS * channel.refresh_s, GAP_FLOOR_S)
    if tally["window_gap_s"] > gap_limit_s:
        yield _verdict("gap", level, tally["window_gap_s"], gap_limit_s, "s", f"{channel.name}: longest time unread")
    edge_limit_s = max(EDGE_PERIODS * channel.refresh_s, EDGE_FLOOR_S)
    for uncovered_s, edge in (
        ((tally["first_ns"] - window.begin_ns) / 1e9, "begins after the window's begin"),
        ((window.end_ns - tally["last_ns"]) / 1e9, "stops before the window's end"),
    ):
        if uncovered_s > edge_limit_s:
            yield _verdict("not_covered", level, uncovered_s, edge_limit_s, "s", f"{channel.name} {edge}")
    if is_trace and tally["window_n"] < FEW_READINGS:
        yield _verdict(
            "few_readings", Level.WARNING, tally["window_n"], FEW_READINGS, evidence=f"{channel.name} in the window"
        )


def _throttled(present: Mapping[str, Any], window: Phase) -> Iterator[Verdict]:
    """Clocks held down while the window lasted, by the device's own cumulative counters."""
    for suffix, name, cause, level in (
        (".throttle_power_s", "power_cap", Cause.OUTCOME, Level.INFORMATION),
        (".throttle_thermal_s", "thermal_throttling", Cause.MEASUREMENT, Level.WARNING),
    ):
        for channel, tally in present.items():
            if not channel.endswith(suffix) or tally["window_first"] is None or window.duration_s <= 0:
                continue
            share = (tally["window_last"] - tally["window_first"]) / window.duration_s
            if share > THROTTLED_SHARE:
                evidence = f"{channel.removesuffix(suffix)}: share of the window with its clock held down"
                yield Verdict(name, cause, level, share, THROTTLED_SHARE, evidence=evidence)


def _foreign(present: Mapping[str, Any]) -> Iterator[Verdict]:
    """Others' processes on a card: one that came meanwhile spoils the run, one that stays burdens all runs alike."""
    suffix = ".foreign_processes"
    for channel, tally in present.items():
        if channel.endswith(suffix) and tally["window_maximum"]:
            came = tally["window_maximum"] > (tally["start"] or 0)
            level, when = (Level.INVALID, "came in the window") if came else (Level.WARNING, "were there all along")
            evidence = f"processes on {channel.removesuffix(suffix)} that are not nightwatt's {when}"
            yield _verdict("foreign_load", level, tally["window_maximum"], 0, evidence=evidence)


def _is_trace(channel: Channel, channels: Sequence[Channel]) -> bool:
    """Whether this channel is what its domain's energy is read from over time."""
    if channel.tells_power:
        return True
    return channel.tells_energy and not any(other.tells_power and other.domain == channel.domain for other in channels)


def _verdict(  # noqa: PLR0917  (the order of Verdict's own fields)
    name: str,
    level: Level,
    figure: float | None = None,
    limit: float | None = None,
    unit: str = "",
    evidence: str = "",
) -> Verdict:
    return Verdict(name, Cause.MEASUREMENT, level, figure, limit, unit, evidence)
