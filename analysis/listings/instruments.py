"""Who told what in tables: every domain by every source, what each says, and how they agree."""

from __future__ import annotations

from analysis.findings import Agreement, Estimate, Findings
from analysis.listings.rows import Row, level_of, spread, table_of
from analysis.numbers import scale
from analysis.statistics.agreement import FEWEST_CORRELATED as FEWEST
from analysis.tables import Column, Table

_ALONE = "it is what is compared, or nothing of its domain is"


def sources(findings: Findings) -> Table:
    """One row a (domain, source): whether it is what is compared, what it reads, its class and who states that."""
    rows = [
        {
            **vars(item),
            "source": item.origin or "unsigned",
            "class_words": item.class_words if item.class_words != item.sensor_class else "",
        }
        for item in findings.sources
    ]
    columns = [
        Column("domain", "domain"),
        Column("source", "source"),
        Column("quality", "quality"),
        Column("standing", "standing"),
        Column("read from", "read_from"),
        Column("refresh, s", "refresh_s", "number", digits=3, missing="it is not known"),
        Column("runs", "runs", "count"),
        Column("sensor class", "sensor_class"),
        Column("what is known of it", "class_words"),
        Column("stated by", "stated_by"),
    ]
    notes = [
        "One source a domain is compared, the same in all runs; the others stand beside it and are never added. Sensor "
        "class: (reading - truth) / truth, common to all runs that one instrument read on one device; it belongs to "
        "absolute joules and to comparisons across machines or instruments, and takes itself off in ratios on a card.",
    ]
    also = ("class_low", "class_high")
    return table_of("sources", "Who told which domain, and of what class", rows, columns, notes, also=also)


def recorded(findings: Findings) -> Table:
    """One row a (configuration, domain, source): the mean energy of a window, its bound, its class; no sums."""
    factor, unit = scale((item.energy.value for item in findings.recorded), "J")
    rows = [
        {
            "configuration": item.configuration,
            "domain": item.domain,
            "source": item.origin or "unsigned",
            "quality": item.quality,
            "standing": item.standing,
            "n": item.energy.n,
            **spread("energy_J", item.energy),
            "bound_J": item.bound_J,
            "sensor_class": item.sensor_class,
            **spread("ratio", item.ratio),
        }
        for item in findings.recorded
    ]
    columns = [
        Column("configuration", "configuration"),
        Column("domain", "domain"),
        Column("source", "source"),
        Column("quality", "quality"),
        Column("standing", "standing"),
        Column("n", "n", "count"),
        Column(f"energy, mean [interval], {unit}", "energy_J", "interval", factor),
        Column("ratio to what is compared [interval]", "ratio", "interval", missing=_ALONE),
        Column(f"± (edges, gaps), {unit}", "bound_J", "number", factor, digits=2, missing="it is not known"),
        Column("sensor class", "sensor_class"),
    ]
    level = level_of(item.energy for item in findings.recorded)
    notes = [
        "Rows of one domain are the same joules told by several sources, and domains may lie in one another: beside "
        "one another, never to be added. ±: of one run's energy, how far edges and gaps may have moved it, mean over "
        "the runs." + (f" Intervals: {level} %, of the mean; ratios run by run, geometric mean." if level else ""),
    ]
    return table_of("recorded", "Also recorded: energy by domain and source", rows, columns, notes)


def agreement(findings: Findings) -> Table:
    """One row a pair of tellings of one domain: ratio, bias, limits of agreement, correlations."""
    rows = [_agreement(item) for item in findings.agreements]
    nothing = "they are about different things: no bias"
    few = "too few runs, or no scatter"
    columns = [
        Column("domain", "domain"),
        Column("what", "kind"),
        Column("one", "one"),
        Column("against", "other"),
        Column("n", "n", "count"),
        Column("ratio of means [interval]", "ratio", "interval", missing=few),
        Column("bias [interval], %", "bias_pct", "interval", missing=nothing),
        Column("lower limit [interval], %", "lower_pct", "interval", missing=f"{nothing}, or {few}"),
        Column("upper limit [interval], %", "upper_pct", "interval", missing=f"{nothing}, or {few}"),
        Column("Pearson's r", "pearson", "interval", missing=few),
        Column("Spearman's ρ", "spearman", "interval", missing=few),
        Column("r within configurations", "within", "interval", missing=few),
    ]
    level = level_of(item.ratio for item in findings.agreements)
    least = min((item.ratio.n for item in findings.agreements), default=0)
    notes = [
        "One pair a run: the energies of its window. Bias: mean of (one - against) in per cent of the mean of both; "
        f"limits of agreement: between them lie {level or 95} % of such differences (Bland and Altman, 1999).",
        f"The limits rest on as few as {least} runs: believe their own intervals, not their digits."
        if FEWEST <= least < _FEW
        else "",
        f"Of fewer than {FEWEST} runs ratio and bias stand without an interval, and there are no limits: two values say"
        " next to nothing of their scatter."
        if 0 < least < FEWEST
        else "",
        "Where the bias differs between configurations, the limits hold that as well: the ratios by configuration "
        "stand in the table of what was also recorded.",
        "A correlation over all runs mostly tells how far the configurations lie apart, and is no agreement. Counter "
        "and trace of one sensor: consistency, not accuracy.",
    ]
    return table_of("agreement", "How the instruments agree", rows, columns, notes, also=("quality",))


_FEW = 30
"""With so many pairs the interval of a limit still reaches 0.65 standard deviations to either side."""


def _agreement(item: Agreement) -> Row:
    limits = {"bias_pct": item.bias, "lower_pct": item.lower, "upper_pct": item.upper}
    told: dict[str, Estimate | None] = {
        "ratio": item.ratio,
        **limits,
        "pearson": item.pearson,
        "spearman": item.spearman,
        "within": item.within,
    }
    return {
        "domain": item.domain,
        "kind": item.kind,
        "one": item.one,
        "other": item.other,
        "quality": "modelled" if item.modelled else "measured",
        "n": item.ratio.n,
        **{name: cell for key, estimate in told.items() for name, cell in spread(key, estimate).items()},
    }
