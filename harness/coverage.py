"""Whether the samples of a run cover its window, and what else in the measurement may have spoilt it. Pure.

Every limit is a named constant with its reason, or stands in ``harness.verdicts`` where a protocol may move it. Energy
is judged on a domain's trace: its power channels, or its counters where it has no power. Channels that carry no energy
only ever give warnings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.record import Channel, ClockPair, Kind, Level, Phase, Quality, RunRecord, Verdict
from harness.surroundings import judge_surroundings
from harness.verdicts import UNMOVED, Rules

GAP_PERIODS = 10
"""A reader that misses ten of a sensor's own periods in a row has lost sight of the load."""
GAP_FLOOR_S = 1.0
"""A busy machine may hold any reader up for some hundred milliseconds; that is no fault of the measurement."""
RATING = "constant"
"""The sensor whose values are a rating: they are never new, and no window is too short for them."""
EDGE_PERIODS = 2
"""How many of its periods a channel may begin after the window's begin or stop before its end."""
EDGE_FLOOR_S = 0.25
"""The same in seconds: a source may hand its last readings on late, by up to one refresh of the driver's buffer."""


def judge_measurement(
    record: RunRecord,
    *,
    samples: Mapping[str, Any] | None,
    unfinished: Sequence[str],
    lost: str,
    clocks: Sequence[ClockPair],
    expected_channels: Sequence[str],
    unchanged: Mapping[str, Any] | None = None,
    rules: Rules = UNMOVED,
    cpus: int | None = None,
) -> Iterator[Verdict]:
    """Every verdict on the measurement of a run; ``cpus``: of the machine, None where that is not known."""
    if lost:
        yield rules.verdict("lost_instrument", evidence=lost)
    elif unfinished:
        yield rules.verdict("instrument_unfinished", evidence="; ".join(unfinished))
    yield from _frozen(record, unchanged or {}, rules)
    yield from _late(record, rules)
    yield from judge_surroundings(record, samples, clocks, rules, cpus)
    if samples is None:
        return
    present = samples["channels"]
    yield from _files(samples, rules)
    for name in expected_channels:
        if name not in present:
            yield rules.verdict("channel_missing", evidence=f"{name} was there in the night's first run")
    if record.window is not None:
        for channel in record.channels:
            is_trace = _is_trace(channel, record.channels)
            yield from _channel(channel, present.get(channel.name), record.window, is_trace, rules)
        yield from _short_window(record, present, rules)


def judge_traces(
    channels: Sequence[Channel], tallies: Mapping[str, Any], window: Phase, rules: Rules = UNMOVED
) -> Iterator[Verdict]:
    """Whether what tells the energy of each domain covers ``window``: for recordings that others made."""
    for channel in channels:
        if _is_trace(channel, channels):
            yield from _channel(channel, tallies.get(channel.name), window, True, rules)


def _late(record: RunRecord, rules: Rules) -> Iterator[Verdict]:
    """Of each instrument the share of readings that began later than they should have."""
    costs: dict[str, tuple[int, int]] = {}
    if record.sampler is not None:
        costs["the sampler"] = record.sampler.late_ticks, record.sampler.ticks
    for name, facts in record.instruments.items():
        if cost := facts.get("cost"):
            costs[name] = cost["late_ticks"], cost["ticks"]
    limit = rules.limit("late_ticks")
    for name, (late, ticks) in costs.items():
        if ticks and late / ticks > limit:
            yield rules.verdict("late_ticks", late / ticks, limit, f"of the {ticks} readings of {name}")


def _frozen(record: RunRecord, unchanged: Mapping[str, Any], rules: Rules) -> Iterator[Verdict]:
    """Channels that stood still while the workload kept their devices busy: what was read then may be no reading."""
    if record.launched_ns is None or record.exited_ns is None:
        return
    for name, stretch in unchanged.items():
        loaded_s, limit_s = stretch["loaded_ns"] / 1e9, rules.limit("frozen", stretch["limit_ns"] / 1e9)
        meanwhile = stretch["begin_ns"] < record.exited_ns and stretch["end_ns"] > record.launched_ns
        if meanwhile and loaded_s >= limit_s:
            value = f"{stretch['value']:.6g} {stretch['unit']}"
            evidence = f"{name} stood at {value} while its device was at work ({stretch['load_pct']:.0f} % load)"
            yield rules.verdict("frozen", loaded_s, limit_s, evidence)


def _files(samples: Mapping[str, Any], rules: Rules) -> Iterator[Verdict]:
    if samples["unread_lines"]:
        evidence = "lines of the samples that are no readings"
        yield rules.verdict("unread_samples", samples["unread_lines"], evidence=evidence)
    if samples["torn_B"]:
        yield rules.verdict("torn_samples", samples["torn_B"], evidence="cut after the last whole line")


def _channel(
    channel: Channel, tally: Mapping[str, Any] | None, window: Phase, is_trace: bool, rules: Rules
) -> Iterator[Verdict]:
    """Whether one channel covers the window."""
    level = Level.INVALID if is_trace else Level.WARNING
    carries_energy = channel.tells_energy
    if tally is None or tally["n"] == tally["not_finite"]:
        yield rules.verdict("no_readings", evidence=channel.name, level=level)
        return
    if channel.kind is Kind.COUNTER and carries_energy and tally["falls"]:
        evidence = f"{channel.name} went back: its driver was reloaded or its source was lost"
        yield rules.verdict("counter_fell", tally["falls"], evidence=evidence)
    if tally["not_finite"]:
        yield rules.verdict("not_finite_readings", tally["not_finite"], evidence=channel.name)
    if carries_energy and not is_trace:
        return  # a counter beside a trace is an anchor, read now and then on purpose
    gap_limit_s = rules.limit("gap", max(GAP_PERIODS * channel.refresh_s, GAP_FLOOR_S))
    if tally["window_gap_s"] > gap_limit_s:
        evidence = f"{channel.name}: longest time unread"
        yield rules.verdict("gap", tally["window_gap_s"], gap_limit_s, evidence, level=level)
    edge_limit_s = rules.limit("not_covered", max(EDGE_PERIODS * channel.refresh_s, EDGE_FLOOR_S))
    for uncovered_s, edge in (
        ((tally["first_ns"] - window.begin_ns) / 1e9, "begins after the window's begin"),
        ((window.end_ns - tally["last_ns"]) / 1e9, "stops before the window's end"),
    ):
        if uncovered_s > edge_limit_s:
            yield rules.verdict("not_covered", uncovered_s, edge_limit_s, f"{channel.name} {edge}", level=level)


def _short_window(record: RunRecord, present: Mapping[str, Any], rules: Rules) -> Iterator[Verdict]:
    """Of each domain's trace, whether the window holds so few of its refreshes that it is mostly edge.

    A rehearsal's windows are short on purpose.
    """
    window, limit = record.window, rules.limit("short_window")
    if window is None or record.rehearsal:
        return
    for channel in record.channels:
        tally = present.get(channel.name)
        if tally is None or not _is_trace(channel, record.channels) or channel.origin == RATING:
            continue
        refresh_s = _refresh_s(channel)
        refreshes = min(tally["window_n"], window.duration_s / refresh_s if refresh_s else tally["window_n"])
        if refreshes < limit:
            longer = f": {limit * refresh_s:.3g} s would hold {limit:g}" if refresh_s else ""
            evidence = f"the window of {window.duration_s:.3g} s holds few refreshes of {channel.name}{longer}"
            yield rules.verdict("short_window", refreshes, limit, evidence)


def _refresh_s(channel: Channel) -> float:
    """How often its values are new: as documented, or more seldom where that was seen of a sensor that measures."""
    seen_s = channel.refresh_seen_s if channel.quality is Quality.MEASURED else None
    return max(channel.refresh_s, seen_s or 0.0)


def _is_trace(channel: Channel, channels: Sequence[Channel]) -> bool:
    """Whether this channel is what its domain's energy is read from over time, by its source."""
    if channel.tells_power:
        return True
    return channel.tells_energy and not any(
        other.tells_power and (other.domain, other.origin) == (channel.domain, channel.origin) for other in channels
    )
