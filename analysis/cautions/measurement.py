"""Cautions about the measurement: what was read, how well, and what is damaged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from analysis.agreement import TWO_SOURCES
from analysis.cautions.evidence import Evidence, listed, runs_text
from analysis.energy import of_choice
from analysis.findings import Caution
from analysis.numbers import estimate, percent, significant
from analysis.response import ENERGY, NET, POWER
from harness.domains import named
from harness.record import Level

RATIO_LIMIT = 0.01
"""Counter and trace should agree this well."""
SHORT_REFRESHES = 20
"""A window of fewer refreshes of its sensor is short."""
SAID_OTHERWISE = ("short_window", "counter_ratio")
"""Verdicts whose matter has a caution of its own, with the figures of what is compared."""
UNCERTAINTY_LIMIT = 0.01
"""A bound of more than this part of a run's energy is said."""
COVERAGE_LIMIT = 0.99
APART_LIMIT = 0.1
"""Two sensors of the best known class lie up to so far apart and both do what they can."""


def damage(seen: Evidence) -> Iterator[Caution]:
    """Entries and samples that could not be used, and what was mended."""
    for item in seen.night.damage:
        yield Caution(
            "damaged-run", f"{item.entry} is left out: {item.what}.", "Look into the folder; nothing was deleted."
        )
    for item in seen.measured.damage:
        yield Caution("damaged-samples", f"{item.entry} has no energy: {item.what}.")
    if seen.measured.mended:
        first = seen.measured.mended[0]
        yield Caution(
            "mended-samples",
            f"Readings of {len(seen.measured.mended)} channels were mended, for example {first.entry}, {first.what}.",
            "They were sorted, doubled stamps and values that are no number left out.",
        )


def energy(seen: Evidence) -> Iterator[Caution]:
    """What is compared instead of energy, what is not in the sum, which runs have none."""
    reasons = {item.reason for item in seen.assessment.exclusions if item.rule == "no-energy"}
    if seen.choice.refusal:
        yield Caution("domains-refused", f"No energy is summed: {seen.choice.refusal}.", "Mend analysis.energy.")
    remedy = (
        "The phase that workload.window names was not marked: compare its spelling in protocol and workload."
        if any(reason.startswith("no window") for reason in reasons)
        else "`nightwatt check` says what can be measured here."
    )
    if seen.asked != seen.response.name:
        yield Caution(
            "no-energy",
            f"The protocol asks for {seen.asked}, of which no run has any; {seen.response.name} is compared instead.",
            remedy,
        )
    elif reasons and not seen.response.is_there and seen.response.name in (ENERGY, NET, POWER):
        yield Caution(
            "no-energy",
            f"No run has a value of {seen.response.phrase}, and no duration to compare instead.",
            remedy,
        )
    elif not seen.response.is_there:
        yield Caution("metric-missing", f"No run has a value of {seen.response.phrase}.", "Let the workload report it.")
    if seen.choice.unheeded:
        yield Caution(
            "source-not-there",
            f"analysis.prefer names {listed(seen.choice.unheeded)}, which tells no energy in this night; "
            f"{_taken(seen)} instead.",
            "`nightwatt check` says what each source tells here.",
        )
    if seen.choice.left_out and seen.response.name in (ENERGY, NET, POWER):
        yield Caution("domains-left-out", f"Not in the sum: {'; '.join(seen.choice.left_out)}.")
    lacking = Counter(item.reason for item in seen.assessment.exclusions if item.rule == "no-energy")
    for reason, count in lacking.items():
        yield Caution("runs-without-value", f"{runs_text(count)} cannot be compared: {reason}.", _help(reason))
    summed = of_choice(seen.measured.frame, seen.choice)
    for domain in seen.response.domains:
        names = summed[summed.domain == domain].source.unique().tolist()
        if len(names) > 1:
            yield Caution("source-changed", f"{domain} was not read the same way in all runs: {'; '.join(names)}.")


def _help(reason: str) -> str:
    """What would help runs without a value."""
    if "do not cover its window" in reason:
        return (
            "Let the window last longer than 20 values of the slowest sensor, or read it more often (sensors.….hz): "
            "`nightwatt trial` says how long it lasts."
        )
    if reason.startswith("no window"):
        return "Compare the spelling of workload.window with the phase that the workload marks."
    return "Never a smaller sum: `nightwatt check` says what each source tells here."


def _taken(seen: Evidence) -> str:
    """Who tells what is summed, in words."""
    taken = [f"{source.domain} is told by {named(source.origin)}" for source in seen.choice.summed]
    return listed(taken) or "nothing is summed"


def agreement(seen: Evidence) -> Iterator[Caution]:
    """Two measured sources of one domain that are further apart than their classes excuse."""
    for item in seen.agreements:
        ratio = item.ratio
        if item.kind != TWO_SOURCES or item.modelled or ratio.value is None or ratio.low is None or ratio.high is None:
            continue
        if ratio.high < 1 - APART_LIMIT or ratio.low > 1 + APART_LIMIT:
            yield Caution(
                "sources-disagree",
                f"{item.one} tells {estimate(ratio)} times the energy of {item.domain} that {item.other} tells "
                f"({runs_text(ratio.n)}).",
                "One of them reads something else, or in another unit; absolute joules stand on the one that is "
                "compared. The table of agreement and its figure say more.",
            )


def window(seen: Evidence) -> Iterator[Caution]:
    """Windows that are short for their sensor, bounds, gaps, counter against trace."""
    frame = of_choice(seen.measured.frame, seen.choice)
    if seen.response.name not in (ENERGY, NET, POWER) or not len(frame):
        return
    windows = dict(zip(seen.assessment.eligible.run, seen.assessment.eligible.window, strict=True))
    chosen = frame[frame.phase == frame.run.map(windows)]
    short = chosen[chosen.duration_s < SHORT_REFRESHES * chosen.refresh_s]
    if len(short):
        row = short.iloc[0]
        yield Caution(
            "short-window",
            f"The window is short for its sensor: {significant(row.duration_s, 3)} s against a refresh of "
            f"{significant(row.refresh_s, 3)} s in {runs_text(short.run.nunique())}.",
            "Let the workload run longer.",
        )
    bounds = seen.response.uncertainty
    if bounds is not None:
        relative = (bounds / seen.response.values)[list(windows)].dropna()
        if len(relative) and relative.median() > UNCERTAINTY_LIMIT:
            yield Caution(
                "uncertain-energy",
                f"The sensor's update period alone leaves up to {percent(float(relative.median()), 2)} % of each run's "
                "energy uncertain; what is common to all runs takes itself off in the ratio.",
                "Let the workload run longer.",
            )
    away = (chosen.counter_ratio - 1).abs()
    if (away > RATIO_LIMIT).any():
        worst = chosen.iloc[int(np.nanargmax(away.to_numpy(dtype=float)))]
        yield Caution(
            "counter-and-trace",
            f"Counter and trace differ by {percent(worst.counter_ratio - 1, 2)} % in {worst.run} ({worst.domain}); "
            f"beyond {percent(RATIO_LIMIT)} % in {runs_text(chosen[away > RATIO_LIMIT].run.nunique())}.",
            "The counter is the anchor; look at gaps and at the sensor's source.",
        )
    gaps = chosen[chosen.coverage < COVERAGE_LIMIT]
    if len(gaps):
        yield Caution(
            "gaps",
            f"Readings of {runs_text(gaps.run.nunique())} have gaps inside the window, the longest "
            f"{significant(float(gaps.longest_gap_s.max()), 3)} s.",
        )


def instruments(seen: Evidence) -> Iterator[Caution]:
    """What the sensors say of themselves in the compared runs: readings missed, steps of the clock."""
    notes = {
        "missed": ("missed-readings", "readings could not be taken; they are missing, never zero"),
        "clock_steps": ("clock-steps", "steps of the wall clock were bridged by the monotonic one"),
    }
    for key, (code, what) in notes.items():
        counts: Counter[str] = Counter()
        runs: set[str] = set()
        for run in seen.assessment.eligible.run:
            for sensor, facts in seen.night.records[run].sensors.items():
                if count := _counted(facts, key):
                    counts[str(sensor)] += count
                    runs.add(run)
        if counts:
            named = ", ".join(f"{count} of {sensor}" for sensor, count in sorted(counts.items()))
            yield Caution(
                code, f"In {runs_text(len(runs))} {what}: {named}.", "Gaps in the window are said by themselves."
            )


def _counted(facts: object, key: str) -> int:
    """The count of ``key`` in what a sensor says: its own total, else the sum of those inside."""
    if isinstance(facts, list):
        return sum(_counted(item, key) for item in facts)
    if not isinstance(facts, Mapping):
        return 0
    own = facts.get(key)
    return own if type(own) is int and own > 0 else sum(_counted(item, key) for item in facts.values())


def verdicts(seen: Evidence) -> Iterator[Caution]:
    """One caution for each warning that the judge gave to runs of the comparison."""
    counted = set(seen.assessment.eligible.run)
    found: dict[str, list[tuple[str, str]]] = {}
    for run in counted & set(seen.night.records):
        record = seen.night.records[run]
        for verdict in record.verdicts:
            if verdict.level is Level.WARNING and verdict.name not in SAID_OTHERWISE:
                found.setdefault(verdict.name, []).append((record.configuration, verdict.evidence))
    for name in sorted(found):
        per = Counter(configuration for configuration, _ in found[name])
        text = ", ".join(f"{per[configuration]} of {configuration}" for configuration in sorted(per))
        evidence = min(evidence for _, evidence in found[name])
        yield Caution(
            f"verdict-{name}",
            f"The judge warns of {name.replace('_', ' ')} in {runs_text(len(found[name]))} ({text})"
            f"{f', for example: {evidence}' if evidence else ''}.",
        )
