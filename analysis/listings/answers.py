"""The answer in tables: configurations, comparisons, effect sizes, equivalence."""

from __future__ import annotations

from analysis.findings import Findings
from analysis.listings.rows import capital, keyed, level_of, spread, table_of, why_not
from analysis.numbers import scale
from analysis.sources import COMPARED, absolute_class
from analysis.statistics.effects import SEPARATION
from analysis.tables import Column, Table

_ONE_RUN = "needs two runs"


def summary(findings: Findings) -> Table:
    """One row a configuration: how many runs, the response, its spread, duration and mean power."""
    factor, unit = scale((group.mean.value for group in findings.groups), findings.unit)
    key = keyed("mean", findings.unit)
    rows = [
        {
            "configuration": group.configuration,
            "n": group.n_headline,
            "valid": group.n_valid,
            "invalid": group.n_invalid,
            "failed": group.n_failed,
            **spread(key, group.mean),
            keyed("bound", findings.unit): group.bound,
            keyed("sd", findings.unit): group.standard_deviation,
            "cv": group.cv,
            keyed("median", findings.unit): group.median,
            keyed("minimum", findings.unit): group.minimum,
            keyed("maximum", findings.unit): group.maximum,
            **spread("duration_s", group.duration),
            **spread("power_W", group.power),
        }
        for group in findings.groups
    ]
    in_unit = f", {unit}" if unit else ""
    bounded = any(group.bound is not None for group in findings.groups)
    bound = Column(
        f"± (edges, gaps){in_unit}", keyed("bound", findings.unit), "number", factor, digits=2, missing="not known"
    )
    bounds = [bound] if bounded else []
    columns = [
        Column("configuration", "configuration"),
        Column("n", "n", "count"),
        Column(f"mean [interval]{in_unit}", key, "interval", factor, missing="no run has a value"),
        *bounds,
        Column(f"SD{in_unit}", keyed("sd", findings.unit), "number", factor, digits=3, missing=_ONE_RUN),
        Column("CV, %", "cv", "percent", digits=3, missing=_ONE_RUN),
        Column("duration [interval], s", "duration_s", "interval", missing="the window is not known"),
        Column("mean power [interval], W", "power_W", "interval", missing="no energy was recorded"),
        *(
            Column(f"{word}{in_unit}", keyed(word, findings.unit), "number", factor, missing="no run has a value")
            for word in ("minimum", "median", "maximum")
        ),
        Column("valid", "valid", "count"),
        Column("invalid", "invalid", "count"),
        Column("failed", "failed", "count"),
    ]
    level = level_of(group.mean for group in findings.groups)
    notes = [
        f"{capital(findings.response)}. n: runs of the headline, of the valid ones those that no outlier rule removed."
        + (f" Intervals: {level} %, of the mean, each for itself." if level else ""),
        _uncertainty(findings) if bounded else "",
    ]
    return table_of("summary", f"{capital(findings.response)}, by configuration", rows, columns, notes)


def _uncertainty(findings: Findings) -> str:
    """What stands behind the absolute figures beside their intervals."""
    return (
        "± (edges, gaps): how far the sensors' update periods at the window's edges, and gaps, may have moved the "
        f"figure of a run, mean over the runs. Sensor class: {absolute_class(findings.sources)}. It is common to all "
        "runs on one device: it belongs to these absolute figures, and is in no ratio of two configurations."
    )


def metrics(findings: Findings) -> Table:
    """One row a (configuration, metric): the mean of what the workload itself reported."""
    rows = [
        {"configuration": group.configuration, "metric": name, "n": item.n, **spread("mean", item)}
        for group in findings.groups
        for name, item in group.metrics.items()
    ]
    columns = [
        Column("configuration", "configuration"),
        Column("metric", "metric"),
        Column("n", "n", "count"),
        Column("mean [interval]", "mean", "interval", missing="no valid run reported it"),
    ]
    found = level_of(item for group in findings.groups for item in group.metrics.values())
    level = f" Intervals: {found} %, of the mean, each for itself; a constant has none." if found else ""
    return table_of(
        "metrics", "What the workload reported", rows, columns, [f"Over all valid runs, outliers included.{level}"]
    )


def comparisons(findings: Findings) -> Table:
    """One row a comparison: the ratio with and without the flagged runs, the difference, the primary test."""
    factor, unit = scale(
        (value for item in findings.comparisons for value in (item.difference.value, item.difference.high)),
        findings.unit,
    )
    difference = keyed("difference", findings.unit)
    rows = []
    for item in findings.comparisons:
        primary = next((test for test in item.tests if test.primary), None)
        rows.append(
            {
                "cell": item.cell,
                "configuration": item.configuration,
                "baseline": item.baseline,
                "response": item.response,
                **spread("ratio", item.ratio),
                **spread("ratio_all", item.ratio_all),
                **spread(difference, item.difference),
                "pairs": item.pairs,
                "pairs_lost": item.pairs_lost,
                "p": None if primary is None else primary.p,
                "p_adjusted": None if primary is None else primary.p_adjusted,
                "decision": item.decision,
                "decision_all": item.decision_all,
            }
        )
    why = why_not(item.ratio for item in findings.comparisons)
    is_within = any(item.cell for item in findings.comparisons)
    columns = [
        *([Column("cell", "cell")] if is_within else []),
        Column("configuration", "configuration"),
        Column("baseline", "baseline"),
        Column("ratio [interval]", "ratio", "interval", missing=why),
        Column("decision", "decision"),
        Column("ratio with all runs", "ratio_all", "interval", missing=why),
        Column("decision with all runs", "decision_all"),
        Column(f"difference [interval]{f', {unit}' if unit else ''}", difference, "interval", factor, missing=why),
        Column("p", "p", "p", missing="the primary test could not be carried out"),
        Column("p, adjusted", "p_adjusted", "p", missing="one comparison needs no correction"),
        Column("pairs", "pairs", "count"),
        Column("pairs lost", "pairs_lost", "count"),
    ]
    level = level_of(item.ratio for item in findings.comparisons)
    notes = [
        f"Ratio: configuration / baseline, of geometric means; {level} % intervals." if level else "",
        "Compared within cells of equal levels only; p is adjusted over the comparisons of one cell."
        if is_within
        else "",
        "Sensor classes are not in it: all runs of a night are read by the same sources, whose class takes itself off."
        if findings.domains
        else "",
    ]
    return table_of("comparisons", f"Comparisons of {findings.response}", rows, columns, notes)


def nights(findings: Findings) -> Table:
    """One row a (comparison, night): the ratio in each of the nights that were joined."""
    rows = [
        {
            "night": item.night,
            "machine": item.host,
            "configuration": item.configuration,
            "baseline": item.baseline,
            **spread("ratio", item.ratio),
            "pairs": item.ratio.n,
        }
        for item in findings.nights
    ]
    columns = [
        Column("night", "night"),
        Column("machine", "machine", missing="the night does not tell it"),
        Column("configuration", "configuration"),
        Column("baseline", "baseline"),
        Column("ratio [interval]", "ratio", "interval", missing=why_not(item.ratio for item in findings.nights)),
        Column("pairs", "pairs", "count"),
    ]
    notes = ["Pairs within the blocks of each night. Whether nights differ is tested among the omnibus tests."]
    return table_of("nights", "Each night by itself", rows, columns, notes)


def exploratory(findings: Findings) -> Table:
    """The comparisons of responses that the protocol's analysis plan does not name."""
    of_energy = next((item.quality for item in findings.sources if item.standing == COMPARED), "measured")
    rows = [
        {
            "response": item.response,
            "configuration": item.configuration,
            "baseline": item.baseline,
            **spread("ratio", item.ratio),
            **spread("difference", item.difference),
            "unit": item.difference.unit,
            "n": item.ratio.n,
            "quality": of_energy if item.difference.unit in ("J", "W") else "measured",
        }
        for item in findings.exploratory
    ]
    why = why_not(item.ratio for item in findings.exploratory)
    columns = [
        Column("response", "response"),
        Column("configuration", "configuration"),
        Column("baseline", "baseline"),
        Column("ratio [interval]", "ratio", "interval", missing=why),
        Column("difference [interval]", "difference", "interval", missing=why),
        Column("unit", "unit"),
        Column("n", "n", "count"),
        Column("quality", "quality"),
    ]
    notes = ["The protocol's analysis plan does not name these: to look at, not to conclude from."]
    title = f"Exploratory comparisons{' (modelled, not measured)' if of_energy == 'modelled' else ''}"
    return table_of("exploratory", title, rows, columns, notes)


def effects(findings: Findings) -> Table:
    """One row a comparison: standardised effect sizes, and energy split into mean power and duration."""
    rows = [
        {
            "configuration": item.configuration,
            "baseline": item.baseline,
            **spread("cohens_d", item.cohens_d),
            **spread("hedges_g", item.hedges_g),
            **spread("cliffs_delta", item.cliffs_delta),
            **spread("a12", item.a12),
            "point_biserial": None if item.point_biserial is None else item.point_biserial.value,
            **spread("power_ratio", item.power_ratio),
            **spread("duration_ratio", item.duration_ratio),
        }
        for item in findings.comparisons
    ]
    columns = [
        Column("configuration", "configuration"),
        Column("baseline", "baseline"),
        Column("Cohen's d", "cohens_d", "interval", missing=why_not(item.cohens_d for item in findings.comparisons)),
        Column("Hedges' g", "hedges_g", "interval", missing=why_not(item.hedges_g for item in findings.comparisons)),
        Column(
            "Cliff's δ", "cliffs_delta", "interval", missing=why_not(item.cliffs_delta for item in findings.comparisons)
        ),
        Column(
            "A12", "a12", "interval", missing=why_not(item.a12 for item in findings.comparisons if item.a12 is not None)
        ),
        Column("point-biserial r", "point_biserial", "number", digits=3, missing="too few runs, or no scatter"),
        Column("mean power, ratio", "power_ratio", "interval", missing="mean power is not known of every run"),
        Column("duration, ratio", "duration_ratio", "interval", missing="duration is not known of every run"),
    ]
    level = level_of(item.hedges_g for item in findings.comparisons)
    separated = any(item.a12 is not None and item.a12.note == SEPARATION for item in findings.comparisons)
    notes = [
        "Energy ratio = mean power ratio × duration ratio.",
        f"Intervals: {level} %, each for itself." if level else "",
        "A12: the chance that a run of the configuration is above one of the baseline. Point-biserial r: an effect "
        "size only, its p is the pooled t test's.",
        "Complete separation (δ of ±1, A12 of 0 or 1): the formula's interval is no number there, and none is given."
        if separated
        else "",
    ]
    return table_of("effects", "Effect sizes and where they come from", rows, columns, notes)


def equivalence(findings: Findings) -> Table:
    """Declared margins, and whether two configurations lie within them."""
    rows = [
        {
            "configuration": item.configuration,
            "baseline": item.baseline,
            "metric": item.metric,
            "margin": item.margin,
            "scale": item.scale,
            **spread("difference", item.difference),
            "p": item.p,
            "n": item.n,
            "decision": item.decision,
        }
        for item in findings.equivalences
    ]
    why = why_not(item.difference for item in findings.equivalences)
    columns = [
        Column("configuration", "configuration"),
        Column("baseline", "baseline"),
        Column("metric", "metric"),
        Column("margin", "margin", "number", digits=2),
        Column("scale", "scale"),
        Column(
            "difference, or ratio [interval]",
            "difference",
            "interval",
            missing=why,
        ),
        Column("p (TOST)", "p", "p", missing="the test could not be carried out"),
        Column("n", "n", "count"),
        Column("decision", "decision"),
    ]
    ratio = "Scale ratio: a margin of 0.02 means that the ratio lies between 1 / 1.02 and 1.02."
    level = level_of(item.difference for item in findings.equivalences)
    notes = [
        f"Intervals: {level} %; they lie inside the margin exactly where equivalence is shown. Two one-sided tests at "
        "alpha each, not corrected over the comparisons."
        if level
        else "",
        ratio if any(item.scale == "ratio" for item in findings.equivalences) else "",
    ]
    return table_of("equivalence", "Equivalence within a declared margin", rows, columns, notes)
