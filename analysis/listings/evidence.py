"""What the answer rests on in tables: all tests, drift, excluded runs."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.findings import Findings, Test
from analysis.listings.rows import Row, level_of, spread, table_of, text_of
from analysis.numbers import percent, scale
from analysis.tables import Column, Table

_NO_Z = "it is not compared, or its configuration has no spread"


def tests(findings: Findings) -> Table:
    """Every test that was carried out, or could not be."""
    rows = [
        _test(f"{item.configuration} / {item.baseline}", test) for item in findings.comparisons for test in item.tests
    ]
    rows += [_test("all configurations", test) for test in findings.omnibus]
    rows += [_test(group.configuration, group.normality) for group in findings.groups if group.normality is not None]
    columns = [
        Column("of", "of"),
        Column("test", "test"),
        Column("statistic", "statistic", "number", missing="see the remark"),
        Column("df", "df", "number", missing="the test has none"),
        Column("n", "n"),
        Column("p", "p", "p", missing="see the remark"),
        Column("p, adjusted", "p_adjusted", "p", missing="not of a declared family"),
        Column("smallest p at this n", "smallest_p", "p", missing="no rank test"),
        Column("estimate [interval]", "estimate", "interval", missing="the test has none"),
        Column("unit", "unit"),
        Column("remark", "note"),
    ]
    return table_of("tests", "All tests", rows, columns)


def drift(findings: Findings) -> Table:
    """What else moved the runs."""
    columns = [
        Column("of", "test"),
        Column("slope [interval]", "estimate", "interval", missing="see the remark, or the test has none"),
        Column("unit", "unit"),
        Column("statistic", "statistic", "number", missing="see the remark"),
        Column("p", "p", "p", missing="see the remark"),
        Column("n", "n"),
        Column("remark", "note"),
    ]
    level = level_of(test.estimate for test in findings.drift if test.estimate is not None)
    notes = [
        "Responses as logarithms less the mean of their configuration: 0.001 is a tenth of a per cent. Not corrected.",
        f"Against order, time and temperature: Theil-Sen slope{f', {level} % interval' if level else ''}, statistic "
        "Kendall's tau. Against the position and the configuration before: a term beside configuration and block, "
        "statistic F (HC3).",
    ]
    return table_of("drift", "Drift and carry-over", [_test("", test) for test in findings.drift], columns, notes)


def exclusions(findings: Findings) -> Table:
    """Every run that is not in the headline, or that a rule beside the declared one would have flagged."""
    factor, unit = scale((item.energy_J for item in findings.exclusions), "J")
    rows = [
        {**vars(item), "standing": "marked only" if item.in_headline else "not in the headline"}
        for item in findings.exclusions
    ]
    columns = [
        Column("run", "run"),
        Column("configuration", "configuration"),
        Column("standing", "standing"),
        Column("rule", "rule"),
        Column("reason", "reason"),
        Column(f"energy, {unit}", "energy_J", "number", factor, missing="not known, or not what is compared"),
        Column("z", "z", "number", digits=3, missing=_NO_Z),
        Column(
            "z of the residual",
            "z_residual",
            "number",
            digits=3,
            missing=_NO_Z,
        ),
        Column("MAD score", "mad", "number", digits=3, missing=_NO_Z),
    ]
    note = "Runs are marked, never deleted. Residual: after configuration and, where there are blocks, block."
    return table_of("exclusions", "Runs that are not in the headline, and why", rows, columns, [note])


def outlier_rule(findings: Findings) -> Table:
    """The declared rule, and what it can and cannot do at this n."""
    rows: list[Row] = []
    for key, value in findings.outlier_rule.items():
        words = _RULE.get(key, key.replace("_", " "))
        if isinstance(value, Mapping):
            rows += [{"fact": f"{words} {name}", "value": text_of(item)} for name, item in value.items()]
        elif key.startswith("clean_flag_rate") and isinstance(value, float):
            rows.append({"fact": words, "value": f"{percent(value, 2)} %"})
        else:
            rows.append({"fact": words, "value": text_of(value)})
    columns = [Column("fact", "fact"), Column("value", "value")]
    return table_of("outlier-rule", "The outlier rule, and what it can do at this n", rows, columns)


_RULE = {
    "ddof": "taken off n in the standard deviation (ddof)",
    "response": "applied to",
    "n": "usable runs of",
    "largest_z": "largest |z| that can occur at this n",
    "unscored": "usable runs without a score, since they lack what it is applied to",
    "could_fire": "whether it could have flagged anything",
    "cannot_fire_for": "configurations in which it cannot flag anything",
    "hidden_from": "equal wild runs that hide one another from |z|, the fewest of",
    "without_mad": "configurations whose median absolute deviation is zero: no MAD score",
    "clean_flag_rate": "nights without any outlier in which it flags at least one run",
    "clean_flag_rate_z": "the same for |z| > 3",
    "clean_flag_rate_mad": "the same for a MAD score > 3.5",
    "flagged": "runs that it flagged",
}


def _test(of: str, test: Test) -> Row:
    return {
        "of": of,
        "test": f"{test.name} (primary)" if test.primary else test.name,
        "statistic": test.statistic,
        "df": test.df,
        "n": ", ".join(str(n) for n in test.n),
        "p": test.p,
        "p_adjusted": test.p_adjusted,
        "smallest_p": test.smallest_p,
        "note": test.note,
        "unit": "" if test.estimate is None else test.estimate.unit,
        **spread("estimate", test.estimate),
    }
