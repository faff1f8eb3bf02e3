"""Whether a recording covers its run, by the rule and the limits that the judge has for runs of our own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from analysis.importers.recording import Recording
from harness.coverage import judge_traces
from harness.record import Level, Phase, Verdict
from harness.tally import ChannelTally, Interest


def verdicts_of(recording: Recording) -> tuple[Verdict, ...]:
    """What spoils the recording: a time unread that is far longer than its readings' period, or an edge that is bare.

    Totals of whole runs have no course that could have gaps.
    """
    if not recording.readings:
        return ()
    begin_ns = recording.begin_ns
    if begin_ns is None:
        begin_ns = min(int(stamps[0]) for stamps, _ in recording.readings.values())
    window = Phase("", begin_ns, begin_ns + recording.duration_ns)
    tallies = {}
    for channel in recording.channels:
        stamps, values = recording.readings[channel.name]
        if channel.tells_energy and (channel.refresh_s > 0 or stamps.size > 2):
            tally = ChannelTally()
            tally.take(stamps, values, Interest(window.begin_ns, window.end_ns))
            tallies[channel.name] = tally.to_json()
    judged = [channel for channel in recording.channels if channel.name in tallies]
    return tuple(judge_traces(judged, tallies, window))


def is_spoilt(verdicts: Sequence[Verdict]) -> bool:
    """Whether one of them keeps the run out of the comparison."""
    return any(verdict.level is Level.INVALID for verdict in verdicts)


def exclusions(recordings: Sequence[Recording]) -> list[str]:
    """One sentence for each recording that is kept and not compared."""
    found = []
    for item in recordings:
        spoilt = [verdict for verdict in verdicts_of(item) if verdict.level is Level.INVALID]
        if spoilt:
            why = "; ".join(
                f"{verdict.evidence}, {verdict.figure:.4g} {verdict.unit} (limit {verdict.limit:.4g} {verdict.unit})"
                if verdict.figure is not None and verdict.limit is not None
                else verdict.evidence
                for verdict in spoilt
            )
            found.append(f"{Path(item.where).name} is not compared: {why}")
    return found
