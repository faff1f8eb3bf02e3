"""What the methods cite is what the tables of that report hold, and the other way round, over nights of many kinds."""

from __future__ import annotations

import re

import pytest

from analysis.importers import table
from analysis.importers.night import Order, write_night
from analysis.listings.sections import sections
from analysis.load import load
from analysis.observations import observations
from analysis.study import examine

THREE = {"a": 1.0, "b": 0.9, "c": 1.1}
GRID = {
    "configurations": {"s,f": 1.0, "s,m": 0.9, "l,f": 1.4, "l,m": 1.2},
    "levels": {
        "s,f": {"size": "s", "precision": "f"},
        "s,m": {"size": "s", "precision": "m"},
        "l,f": {"size": "l", "precision": "f"},
        "l,m": {"size": "l", "precision": "m"},
    },
}
NIGHTS = {
    "two": {"blocks": 6},
    "three against one": {"blocks": 7, "configurations": THREE},
    "all pairs": {"blocks": 6, "configurations": THREE, "accuracy": {}, "protocol": {"analysis": {"baseline": None}}},
    "all pairs, shuffled": {
        "blocks": 6, "configurations": THREE, "order": "shuffle", "protocol": {"analysis": {"baseline": None}},
    },
    "classic": {"blocks": 6, "protocol": {"analysis": {"recipe": "classic"}}},
    "mad": {"blocks": 6, "protocol": {"analysis": {"outliers": {"rule": "mad", "threshold": 3.5}}}},
    "shuffled": {"blocks": 8, "order": "shuffle"},
    "one": {"blocks": 5, "configurations": {"a": 1.0}},
    "an outlier": {"blocks": 9, "outliers": {"b03-1": 1.5}},
    "a grid": {"blocks": 5, "accuracy": {name: 0.8 + place / 50 for place, name in enumerate(GRID["configurations"])},
               **GRID},
    "a rank test": {"blocks": 6, "protocol": {"analysis": {"test": "rank"}}},
}  # fmt: skip
_TESTS = {
    "Mann-Whitney": "mannwhitney1947", "Wilcoxon": "wilcoxon1945", "Brunner-Munzel": "brunnermunzel2000",
    "Yuen": "yuen1974", "Welch": "welch1947", "Shapiro-Wilk": "shapirowilk1965", "Levene": "brownforsythe1974",
    "Friedman": "friedman1937", "Kruskal": "kruskalwallis1952", "Dunnett": "dunnett1955", r"Dunn\b": "dunn1964",
    "point-biserial": "tate1954", "van Elteren": "vanelteren1960", "Spearman": "spearman1904",
    "Games-Howell": "gameshowell1976",
}  # fmt: skip
"""What the name of a test in a table begins with, and the work that it needs; a t test is Student's or Welch's."""


def shown(night, study):
    """The works that the tables of a report need."""
    tables = {item.name: item.frame for item in sections(night, study, observations(study.runs)).every()}
    told = tables["tests"][tables["tests"].statistic.notna()]
    names = [*told.test, *(tables["levels"].method if "levels" in tables else ())]
    found = {key for begin, key in _TESTS.items() if any(re.search(f"(^|: ){begin}", name) for name in names)}
    drift = tables["drift"][tables["drift"].statistic.notna()].test
    terms = drift.str.contains("position in the block|configuration before", regex=True)
    beside = {
        "sen1968": not terms.all() or "course" in tables,
        "longervin2000": terms.any() or _has(tables, "factors", "statistic"),
        "efron1979": _has(tables, "tradeoff", "share"),
        "iglewiczhoaglin1993": _has(tables, "exclusions", "mad") or study.findings.outlier_rule["rule"] == "mad",
        "schuirmann1987": "equivalence" in tables,
        "blandaltman1986": "agreement" in tables,
        # Below seven runs the band that holds at all times is Bonferroni's.
        "telschowschwartzman2022": _has(tables, "power-curve", "all_low_W") and tables["power-curve"].n.max() >= 7,
        **dict.fromkeys(("cohen1988", "hedges1981", "cliff1993", "fengcliff2004"), "effects" in tables),
        "varghadelaney2000": "effects" in tables,
    }
    return found | {key for key, is_there in beside.items() if is_there}


def _has(tables, name, column):
    return name in tables and column in tables[name] and tables[name][column].notna().any()


_ALWAYS = {"student1908", "holm1979", "benjaminihochberg1995", "williams1949", "cochran1977", "efron1987"}
"""Of the design, a correction, a primary that is named in the design: not told from a table's rows."""
_PROGRAMS = {"nightwatt", "scipy", "statsmodels", "numpy"}


@pytest.mark.parametrize("kind", NIGHTS)
def test_what_is_cited_is_what_the_tables_hold(simulate_once, kind):
    night = load(simulate_once(**NIGHTS[kind]).path)
    study = examine(night)
    cited = {item.key for item in study.findings.references} - _PROGRAMS
    needed = shown(night, study)
    assert set() == needed - cited, "in a table, not in the methods"
    assert set() == cited - needed - _ALWAYS, "in the methods, in no table"
    assert "executed and compared by nightwatt" in study.findings.methods


def test_an_imported_night_was_not_executed_by_us_and_its_plan_came_after_the_runs(tmp_path):
    path = tmp_path / "runs.csv"
    rows = [
        f"{arm},{base + 3 * place},100,{0.8 + place / 100}"
        for place in range(6)
        for arm, base in (("a", 500), ("b", 400))
    ]
    path.write_text("\n".join(["arm,energy_J,duration_s,accuracy", *rows]) + "\n")
    read = table.read([path], table.Settings(("arm",), source="a meter"))
    plan = {"equivalence": {"metric": "accuracy", "margin": 0.02}, "baseline": "a"}
    night = load(write_night(read, Order("Imported", "study", tmp_path / "out", (path,), plan, "0.1.0")))
    study = examine(night)
    methods = study.findings.methods
    assert "The recordings were imported and analysed by nightwatt" in methods
    assert "a margin of 0.02 given at the import, when the runs were over" in methods
    assert [] == [word for word in ("executed", "beforehand", "protocol") if word in methods]
    assert set() == shown(night, study) - {item.key for item in study.findings.references}


def test_a_plan_that_was_given_after_the_runs_was_not_declared_beforehand(simulate_once):
    night = load(
        simulate_once(blocks=6, protocol={"analysis": {"equivalence": {"metric": "accuracy", "margin": 0.02}}}).path
    )
    plan = night.protocol.analysis
    assert "0.02 declared beforehand" in examine(night).findings.methods
    later = plan.model_copy(update={"alpha": 0.01})
    assert "0.02 given after the runs" in examine(night, later).findings.methods
