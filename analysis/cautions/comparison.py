"""Cautions about the comparison: too few runs, lopsided blocks, outliers, spreads, the order of the night."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

import pandas as pd

from analysis.cautions.evidence import Evidence, count_text, listed, runs_text
from analysis.comparisons import disagree
from analysis.drift import PREVIOUS
from analysis.findings import Caution
from analysis.numbers import p_value, percent, significant
from analysis.retirement import left_out, retired
from analysis.slots import slots_of
from analysis.statistics.normality import SKEWED, shapiro_power

SPREAD_LIMIT = 2.0
RATE_LIMIT = 0.1
"""Rates of lost runs that differ by more than this are a caution."""
DRIFT_LIMIT = 0.01
CERTAIN = 0.01
"""p below which drift and carry-over are said."""
FEW_RUNS = 5
_METRIC = "metric."


def nature(seen: Evidence) -> Iterator[Caution]:
    """Rehearsed, modelled, or by the classic recipe."""
    if seen.night.rehearsal:
        yield Caution(
            "rehearsal", "This is a rehearsal: sensors are simulated and workloads are fake.", "Run the protocol."
        )
    if seen.response.quality == "modelled":
        yield Caution(
            "modelled",
            f"The power of {', '.join(seen.response.domains)} is modelled, not measured: differences are those of the "
            "model's inputs (time, load), and no smaller effect can be seen.",
            "Measure on a machine with a sensor; `nightwatt check` says what this one lacks.",
        )
    if seen.changed:
        yield Caution(
            "exploratory-plan",
            "The analysis plan is another than the one frozen with the protocol: everything here is exploratory.",
            "Conclude from the protocol's own plan.",
        )
    if seen.method.recipe == "classic":
        yield Caution(
            "classic-recipe",
            "The recipe is classic: pooled t on the values as they are. It counts drift as noise (or, in an order that "
            f"is not random, as an effect), and assumes equal spreads.{_normality(seen)}",
            'Set recipe = "blocks"; the tests beside the first say what it would answer.',
        )


def _normality(seen: Evidence) -> str:
    """What a normality test that does not reject is worth at the smallest n of this night."""
    sizes = [group.n_headline for group in seen.groups if group.n_headline > 2]
    power = shapiro_power(min(sizes)) if sizes else None
    if power is None:
        return " Too few runs for any test of normality."
    return (
        f" That Shapiro-Wilk does not reject says little: at n = {min(sizes)} the power of Shapiro-Wilk to notice a "
        f"plainly skewed distribution (log-normal, sigma {SKEWED:g}) is {percent(power, 2)} %."
    )


def cohorts(seen: Evidence) -> Iterator[Caution]:
    """Changes of machine, software, workload or protocol that were accepted in the night."""
    runs = seen.assessment.headline
    counts = dict(sorted(Counter(runs.cohort.tolist()).items()))
    if set(counts) <= {1}:
        return
    how = {
        "blocks": "Runs are compared within their block, and so within their cohort."
        if seen.method.blocked
        else "The cohort is a factor of the model.",
        "classic": "The cohort is a factor of the model; means and spreads are over all cohorts.",
    }[seen.method.recipe]
    each = ", ".join(f"{runs_text(count)} of cohort {cohort}" for cohort, count in counts.items())
    what = "; ".join(
        f"cohort {cohort}: {listed(seen.night.changes.get(cohort) or ('what changed is not recorded',), 8)}"
        for cohort in counts
        if cohort > 1
    )
    yield Caution(
        "cohorts",
        f"Something changed in the night and was accepted; the headline holds {each}. {what}. {how}",
        "Tests that do not know of it say so, and spreads do not; repeat the night without a change where the answer "
        "hangs on it.",
    )


def numbers(seen: Evidence) -> Iterator[Caution]:
    """Too few runs for what is asked."""
    there = [group for group in seen.groups if group.n_headline]
    if not there:
        yield Caution("no-runs", "No usable run: nothing can be compared.", "`nightwatt status` says what happened.")
        return
    if len(seen.groups) == 1:
        yield Caution("one-configuration", "One configuration: there is nothing to compare it with.")
    single = [group.configuration for group in there if group.n_headline == 1]
    few = [group for group in there if 1 < group.n_headline < FEW_RUNS]
    if single:
        yield Caution(
            "one-run",
            f"One run of {listed(single)}: no inference at all is possible from it.",
            "`nightwatt plan` says which difference so many runs can show.",
        )
    if few:
        counts = sorted({group.n_headline for group in few})
        yield Caution(
            "few-runs",
            f"Only {counts[0] if len(counts) == 1 else f'{counts[0]} to {counts[-1]}'} runs of "
            f"{listed([group.configuration for group in few])}: intervals rest on a normality that so few cannot show.",
            "`nightwatt plan` says which difference so many runs can show.",
        )
    family = max(1, seen.method.size((item.configuration, item.baseline) for item in seen.comparisons))
    tests = [test for item in seen.comparisons for test in item.tests if test.smallest_p is not None]
    unable = {
        test.name for test in tests if test.smallest_p is not None and test.smallest_p * family >= seen.method.alpha
    }
    if unable:
        yield Caution(
            "rank-cannot-reach",
            f"{' and '.join(sorted(unable))} cannot fall below {seen.method.alpha:g} at this n"
            f"{f' over {family} comparisons' if family > 1 else ''}, whatever the data.",
            "Their silence says nothing.",
        )
    untold = [item for item in seen.comparisons if item.decision == "cannot be told"]
    for note, count in Counter(item.tests[0].note or "no test" for item in untold if item.tests).items():
        yield Caution("cannot-be-told", f"{count_text(count, 'comparison')} cannot be tested: {note}.")


def balance(seen: Evidence) -> Iterator[Caution]:
    """Slots not run, blocks not whole, lost runs that are not alike."""
    slots, gone = slots_of(seen.night), left_out(seen.night)
    for name, fault in retired(seen.night).items():
        yield Caution(
            "retired",
            f"{name} was retired: its first two runs ended as {fault}; {gone[name]} of its slots were not run.",
            "Look at its stderr.log; it is in no comparison.",
        )
    if slots.damaged:
        yield Caution(
            "slots-damaged",
            f"{slots.damaged} of {count_text(slots.planned, 'planned slot')} {_was(slots.damaged)} run, but the record "
            "cannot be read: in no comparison.",
            "Restore the file, or add .damaged to the folder's name: then `nightwatt resume` runs the slot again.",
        )
    if slots.left > 0:
        yield Caution(
            "night-unfinished",
            f"{slots.left} of {count_text(slots.planned, 'planned slot')} {_was(slots.left)} not run.",
            "`nightwatt resume` goes on.",
        )
    if seen.method.blocked and len(seen.groups) > 1:
        headline = seen.assessment.headline
        names = headline.groupby("block").configuration.nunique()
        short = int((names < len(seen.groups)).sum())
        if short:
            yield Caution(
                "incomplete-blocks",
                f"{short} of {len(names)} blocks without all configurations: a pair needs both of its sides.",
            )
    for code, column, what in (("unequal-invalid", "n_invalid", "invalid"), ("unequal-failures", "n_failed", "failed")):
        totals = {g.configuration: (getattr(g, column), g.n_valid + g.n_invalid + g.n_failed) for g in seen.groups}
        rates = {name: count / total for name, (count, total) in totals.items() if total}
        counts = [count for count, _ in totals.values()]
        if rates and max(rates.values()) - min(rates.values()) > RATE_LIMIT and max(counts) - min(counts) > 1:
            worst = max(rates, key=lambda name: rates[name])
            yield Caution(
                code,
                f"{what.capitalize()} runs are not alike: {percent(rates[worst], 2)} % of {worst}, but "
                f"{percent(min(rates.values()), 2)} % of others; the runs that are left may be a selection.",
                "Look at why they were lost before comparing.",
            )
    lost = sum(item.pairs_lost for item in seen.comparisons)
    if lost:
        yield Caution(
            "pairs-lost", f"{count_text(lost, 'pair')} fell out because one side was flagged, invalid or missing."
        )


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def outliers(seen: Evidence) -> Iterator[Caution]:
    """What the outlier rule did, and what it can do at this n."""
    rule = seen.assessment.rule
    if rule["rule"] == "none" or seen.assessment.eligible.empty:
        return
    if rule["unscored"]:
        which = "No run" if not rule["n"] else f"{runs_text(rule['unscored'])} of those that are compared"
        has = "has" if not rule["n"] else "lacks" if rule["unscored"] == 1 else "lack"
        reported = sorted(
            str(name).removeprefix("metric.") for name in seen.night.runs if str(name).startswith(_METRIC)
        )
        yield Caution(
            "outlier-metric-missing",
            f"{which} {has} {rule['response']}, to which the outlier rule is to be applied: "
            f"{'it was not applied at all' if not rule['n'] else 'they have no score'}.",
            f"Write in analysis.outliers.metric what the runs have: energy, duration, power"
            f"{', ' + listed(reported, 8) if reported else ''}.",
        )
    if not rule["n"]:
        return
    flagged = len(rule["flagged"])
    rate = percent(rule["clean_flag_rate"], 2)
    if not rule["could_fire"] and rule["rule"] == "z" and rule["largest_z"] is not None:
        yield Caution(
            "outlier-rule-cannot-fire",
            f"The rule |z| > {rule['threshold']:g} could not have flagged any run: at this n no |z| can exceed "
            f"{significant(rule['largest_z'], 3)}.",
            "It says nothing about outliers here; MAD stands beside it.",
        )
    if flagged:
        yield Caution(
            "outliers-flagged",
            f"{runs_text(flagged)} {'was' if flagged == 1 else 'were'} flagged and left out of the headline; of nights "
            f"without any outlier {rate} % would have at least one flag at this n.",
            "The headline with all runs stands on the next line.",
        )
    if any(item.decision != item.decision_all for item in seen.comparisons):
        yield Caution("outliers-decide", "The answer depends on whether the flagged runs are left out.", "Report both.")
    elif any(disagree(item) for item in seen.comparisons):
        yield Caution("outliers-weigh", "The size of the effect depends on the flagged runs.", "Report both.")


def spread(seen: Evidence) -> Iterator[Caution]:
    """Spreads that no pooled variance can serve."""
    cvs = {group.configuration: group.cv for group in seen.groups if group.cv is not None and group.n_headline > 2}
    positive = {name: cv for name, cv in cvs.items() if cv > 0}
    if len(positive) > 1 and max(positive.values()) > SPREAD_LIMIT * min(positive.values()):
        high, low = max(positive, key=lambda name: positive[name]), min(positive, key=lambda name: positive[name])
        yield Caution(
            "unequal-spread",
            f"Spreads differ by more than {SPREAD_LIMIT:g} times: {percent(positive[high], 2)} % for {high}, "
            f"{percent(positive[low], 2)} % for {low}; a pooled variance would mislead.",
            "Paired and Welch tests do not pool.",
        )


def order(seen: Evidence) -> Iterator[Caution]:
    """Orders without blocks, and drift through the night."""
    order = seen.night.plan["order"]
    if order == "listed" and len(seen.groups) > 1:
        yield Caution(
            "order-listed",
            "All runs of one configuration came before those of the next: drift through the night looks like an "
            "effect, and the order term takes off only what is linear.",
            'Use order = "blocks".',
        )
    elif not seen.method.blocked and len(seen.groups) > 1 and seen.night.ordered:
        yield Caution(
            "no-blocks",
            "The night has no blocks: drift is noise here, less what a linear term for the order takes off.",
            'Use order = "blocks".',
        )
    for test in seen.drift:
        own = test.name.startswith(f"{seen.response.name} against {PREVIOUS}")
        if own and test.p is not None and test.p < CERTAIN:
            yield Caution(
                "carry-over",
                f"Runs depend on the configuration that ran before them (p {p_value(test.p)}): heat is carried over, "
                "and a random order leaves part of it in the ratios.",
                'Wait longer between runs, until = "temperature", or use order = "latin".',
            )
        slope = test.estimate
        if slope is None or slope.value is None or test.p is None or slope.unit != "1/run" or test.p >= CERTAIN:
            continue
        over = slope.value * (test.n[0] - 1)
        if abs(over) > DRIFT_LIMIT:
            yield Caution(
                "drift",
                f"{test.name.capitalize()}: {'+' if over > 0 else ''}{percent(over, 2)} % over the night (Theil-Sen).",
                "Blocks take it off; comparisons that ignore blocks do not." if seen.method.blocked else "Use blocks.",
            )


def accuracy(seen: Evidence) -> Iterator[Caution]:
    """Accuracy that is missing or constant."""
    runs = seen.assessment.eligible
    column = f"metric.{seen.accuracy}"
    if not len(runs):
        return
    if column not in runs or not pd.api.types.is_float_dtype(runs[column]) or runs[column].isna().all():
        return
    missing = runs[runs[column].isna()]
    if len(missing):
        per = missing.configuration.value_counts().to_dict()
        text = ", ".join(f"{count} of {name}" for name, count in per.items())
        yield Caution("accuracy-missing", f"{runs_text(len(missing))} report no {seen.accuracy} ({text}).")
    for name, rows in runs.groupby("configuration", sort=False):
        values = rows[column].dropna()
        if len(values) > 1 and math.isclose(float(values.min()), float(values.max()), rel_tol=1e-12):
            yield Caution(
                "constant-accuracy",
                f"{seen.accuracy} of {name} is {significant(float(values.iloc[0]))} in all {len(values)} runs.",
                "Either nothing is random in it (one fixed seed), or nothing was learned.",
            )
