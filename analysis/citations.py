"""The methods of a report with numbered references: of the methods that this report used, and of no others.

A text cites by author and year: "(Holm, 1979)" becomes "[2]", "Feng and Cliff (2004)" becomes "Feng and Cliff [3]".
What it lists beside the primary test is found in the tests themselves, so that no method stands in a table uncited.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from analysis.drift import POSITION, PREVIOUS
from analysis.findings import Findings, Reference, Test
from analysis.literature import WORKS, Work, bibliography, program

_OF_TESTS: tuple[tuple[str, str, str], ...] = (
    ("Mann-Whitney", "Mann and Whitney's U test", "mannwhitney1947"),
    ("Wilcoxon", "Wilcoxon's signed-rank test", "wilcoxon1945"),
    ("Brunner-Munzel", "Brunner and Munzel's test", "brunnermunzel2000"),
    ("Yuen", "Yuen's trimmed t test", "yuen1974"),
    ("Welch ANOVA", "Welch's analysis of variance", "welch1947"),
    ("Welch", "Welch's t test", "welch1947"),
    ("paired t", "Student's t test", "student1908"),
    ("pooled t", "Student's t test", "student1908"),
    ("Shapiro-Wilk", "Shapiro and Wilk's test of normality", "shapirowilk1965"),
    ("Levene (median)", "Levene's test about the median", "brownforsythe1974"),
    ("Friedman", "Friedman's test", "friedman1937"),
    ("Kruskal", "Kruskal and Wallis's test", "kruskalwallis1952"),
    ("Dunnett", "Dunnett's test", "dunnett1955"),
    ("Dunn", "Dunn's test", "dunn1964"),
    ("point-biserial", "point-biserial correlation", "tate1954"),
    ("van Elteren", "van Elteren's test within cohorts", "vanelteren1960"),
    ("Spearman", "Spearman's rank correlation", "spearman1904"),
    ("Games-Howell", "Games and Howell's test", "gameshowell1976"),
)
"""The begin of a test's name, what it is called in a sentence, and the work that it rests on; the first that fits."""
_SLOPE = " against "
"""Stands in the name of a slope, which is Theil's and Sen's."""


@dataclass(frozen=True)
class Cited:
    """A text with numbers, and the works behind them in that order."""

    text: str
    works: tuple[Work, ...]


def with_references(findings: Findings) -> Findings:
    """The findings with numbers in their methods, all tests and programs cited, and the list of references."""
    packages, imported = findings.reproduce.get("packages", {}), bool(findings.design.get("imported"))
    cited = numbered(
        f"{findings.methods} {_tests_said(findings)} {_programs(packages, imported=imported)}", _works(packages)
    )
    references = tuple(Reference(number, work.key, work.text) for number, work in enumerate(cited.works, start=1))
    return replace(findings, methods=cited.text, references=references)


def bibtex(findings: Findings) -> str:
    """The references of these findings as a BibTeX file."""
    works = _works(findings.reproduce.get("packages", {}))
    return bibliography(works[item.key] for item in findings.references if item.key in works)


def markdown(findings: Findings) -> str:
    """The methods paragraph and its references, to be copied."""
    listed = "\n".join(f"[{item.number}] {item.text}\n" for item in findings.references)
    return f"{findings.methods}\n\n{listed}"


def numbered(text: str, works: Mapping[str, Work] = WORKS) -> Cited:
    """``text`` with a number for each work that it cites, in order; an author it does not know stays as written."""
    by_name = {f"{name}, {work.year}": work for work in works.values() for name in work.cited}
    by_key = dict(works)
    found: dict[str, int] = {}

    def number(work: Work) -> str:
        return f"[{found.setdefault(work.key, len(found) + 1)}]"

    def replaced(match: re.Match[str]) -> str:
        if match["key"]:
            return number(by_key[match["key"]]) if match["key"] in by_key else match[0]
        if match["inside"]:
            known = [by_name.get(part.strip()) for part in match["inside"].split(";")]
            return "".join(number(work) for work in known if work) if all(known) else match[0]
        work = by_name.get(f"{match['name']}, {match['year']}")
        return match[0] if work is None else f"{match['name']} {number(work)}"

    numbered_text = _CITATION.sub(replaced, " ".join(text.split()))
    return Cited(numbered_text, tuple(by_key[key] for key in found))


_NAME = r"[A-ZÀ-Þ][\w’'-]+"
_NAMES = rf"{_NAME}(?: and {_NAME})?"
_CITATION = re.compile(
    rf"\[@(?P<key>[\w-]+)\]|\((?P<inside>{_NAMES}, \d{{4}}(?:; {_NAMES}, \d{{4}})*)\)"
    rf"|(?P<name>{_NAMES}) \((?P<year>\d{{4}})\)"
)


def _works(packages: Mapping[str, str]) -> dict[str, Work]:
    return {**WORKS, "nightwatt": program(str(packages.get("nightwatt", "")))}


def _every(findings: Findings) -> Iterable[Test]:
    """The tests that stand in a table: what is exploratory is given as estimates, without its tests."""
    for item in findings.comparisons:
        yield from item.tests
    yield from findings.omnibus
    yield from findings.drift
    yield from (group.normality for group in findings.groups if group.normality is not None)


def _tests_said(findings: Findings) -> str:
    """A sentence with every test of the tables."""
    done = [test for test in _every(findings) if test.statistic is not None]
    names = list(dict.fromkeys(test.name for test in done if _SLOPE not in test.name))
    said = {
        next((f"{words} [@{key}]" for begin, words, key in _OF_TESTS if kind_of(name).startswith(begin)), "")
        for name in names
    }
    listed = sorted(said - {""})
    parts = [f"The tables list, whatever their outcome, {_and(listed)}."] if listed else []
    if any(_SLOPE in test.name and not _by_term(test) for test in done):
        parts.append("Drift is given as slopes of Theil and Sen [@sen1968], tested by Kendall's tau.")
    if any(_by_term(test) for test in findings.drift if test.statistic is not None):
        parts.append(
            "What the position in the block and the configuration before add is tested by F with covariance HC3 "
            "[@longervin2000]."
        )
    parts += [*_grid_said(findings), *_marks_said(findings)]
    if any(item.aggregation == "ratio_of_means" for item in findings.ratios):
        parts.append(
            "Ratios of means are compared by Student's t on their logarithms, linearised [@cochran1977]; a BCa "
            "bootstrap [@efron1987] stands beside it."
        )
    if any(item.bias is not None for item in findings.agreements):
        parts.append("Instruments are held against one another by limits of agreement [@blandaltman1986].")
    if findings.temporal is not None and findings.temporal.courses:
        parts.append("The course of power within a run is a slope of Theil and Sen [@sen1968].")
    if findings.temporal is not None and findings.temporal.has_band:
        parts.append(
            "The band of power over time that holds at all times at once is by a multiplier-t bootstrap over runs "
            "[@telschowschwartzman2022]."
        )
    return " ".join(parts)


def kind_of(name: str) -> str:
    """A test's name without the response that it is of, as in "accuracy: Spearman"."""
    return name.rpartition(": ")[2]


def _by_term(test: Test) -> bool:
    """Whether a test of drift is that of a term beside configuration and block, not of a slope."""
    return POSITION in test.name or PREVIOUS in test.name


def _grid_said(findings: Findings) -> Iterable[str]:
    """How effects of factors, levels and the front of a trade-off were reckoned, where they are shown."""
    found = findings.grid
    told = [item for item in found.effects if item.test.statistic is not None] if found is not None else []
    if told:
        types = _and(sorted({item.sums for item in told if item.sums}))
        yield (
            "Effects of factors (partial eta squared, F) are told by ordinary least squares on logarithms with sums of "
            f"squares of type {types} and covariance HC3 [@longervin2000]."
        )
    levels = (
        dict.fromkeys(item.test.name for item in found.contrasts if item.test.statistic is not None) if found else {}
    )
    if levels:
        yield f"What each level does is told on logarithms by {' or '.join(levels)}."
    front = findings.tradeoff
    if front is not None and front.resamples:
        yield (
            f"Which configurations nothing beats in both {front.metric} and {front.response} is told by means; how "
            f"firmly, by {front.resamples} bootstrap resamples [@efron1979] of each {front.unit_resampled} "
            f"(seed {front.seed})."
        )


def _marks_said(findings: Findings) -> Iterable[str]:
    """The score that marks runs beside another rule."""
    if findings.outlier_rule.get("rule") != "mad" and any(item.mad is not None for item in findings.exclusions):
        yield "Scaled median absolute deviations [@iglewiczhoaglin1993] stand beside it and mark runs only."


def _programs(packages: Mapping[str, str], *, imported: bool) -> str:
    named = ("scipy", "SciPy"), ("statsmodels", "statsmodels"), ("numpy", "NumPy")
    used = [f"{name} {packages[key]} [@{key}]" for key, name in named if key in packages]
    own = f"nightwatt {packages.get('nightwatt', '')}".strip()
    what = "The recordings were imported and analysed" if imported else "Runs were executed and compared"
    return f"{what} by {own} [@nightwatt]{f', with {_and(used)}' if used else ''}."


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
