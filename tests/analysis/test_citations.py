"""Methods with numbered references: of what was used, in order, for people, for BibTeX and for LaTeX."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analysis.citations import bibtex, markdown, numbered
from analysis.literature import WORKS, program
from analysis.load import load
from analysis.report import write_report
from analysis.study import study

ROOT = Path(__file__).resolve().parents[2]


def test_authors_and_years_become_numbers_in_the_order_of_the_text():
    text = "By Holm's method (Holm, 1979), as Feng and Cliff (2004) say (Welch, 1947; Holm, 1979), and [@scipy]."
    cited = numbered(text)
    assert "By Holm's method [1], as Feng and Cliff [2] say [3][1], and [4]." == cited.text
    assert ["holm1979", "fengcliff2004", "welch1947", "scipy"] == [work.key for work in cited.works]


def test_a_work_that_is_not_known_stays_as_it_was_written():
    text = "After Nobody (1999), (Nobody and None, 2001), (Holm, 1980) and [@nothing], in (2004) runs (n = 3)."
    assert text == numbered(text).text
    assert () == numbered(text).works


def test_every_work_has_what_a_reader_needs_to_find_it():
    for key, work in WORKS.items():
        assert key == work.key
        assert work.year
        assert work.title
        assert work.within
        assert work.kind == "book" or work.pages
        assert not re.search(r"\s{2}|\.\.|\s,|,,", work.text), work.text
        assert work.bibtex.startswith(f"@{work.kind}{{{key},")
    assert len({work.doi for work in WORKS.values() if work.doi}) == sum(1 for work in WORKS.values() if work.doi)


def test_a_reference_reads_as_in_a_paper():
    assert WORKS["holm1979"].text == (
        "S. Holm. A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics "
        "6(2):65–70, 1979."
    )
    assert "  journal = {Scandinavian Journal of Statistics},\n" in WORKS["holm1979"].bibtex
    assert "  pages = {65--70},\n" in WORKS["holm1979"].bibtex


def test_nightwatt_is_cited_as_its_citation_file_asks():
    asked = (ROOT / "CITATION.cff").read_text("utf-8")
    title = re.search(r'^title: "(.*)"$', asked, re.MULTILINE)[1]
    authors = re.findall(r"^  - name: (.*)$", asked, re.MULTILINE)
    assert (f"{title}, version 0.1.0", tuple(authors)) == (program("0.1.0").title, program("0.1.0").authors)
    assert program("0.1.0").text == f"the nightwatt authors. {title}, version 0.1.0."


@pytest.fixture(scope="module")
def found(simulate_once):
    night = simulate_once(blocks=6, protocol={"analysis": {"equivalence": {"metric": "accuracy", "margin": 0.02}}})
    return study(load(night.path))


def test_the_methods_of_a_night_cite_what_it_used_and_nothing_else(found):
    keys = [item.key for item in found.references]
    assert list(range(1, len(keys) + 1)) == [item.number for item in found.references]
    assert {"student1908", "schuirmann1987", "wilcoxon1945", "sen1968", "scipy", "nightwatt"} <= set(keys)
    assert set() == {"holm1979", "friedman1937", "dunn1964", "williams1949", "telschowschwartzman2022"} & set(keys)
    assert set(map(str, range(1, len(keys) + 1))) == set(re.findall(r"\[(\d+)\]", found.methods))
    assert not re.search(r"\[@|\(\w+, \d{4}\)", found.methods)


def test_every_test_of_the_tables_is_named_in_the_methods(found):
    from analysis.citations import _OF_TESTS, _SLOPE, _every, kind_of

    names = {kind_of(test.name) for test in _every(found) if _SLOPE not in test.name}
    assert set() == {name for name in names if not any(name.startswith(begin) for begin, _, _ in _OF_TESTS)}


def test_three_configurations_cite_their_correction_and_seven_runs_the_band_of_power(simulate):
    names = {"a": 1.0, "b": 0.9, "c": 1.1}
    night = simulate(configurations=names, blocks=7, epochs=0)
    keys = {item.key for item in study(load(night.path)).references}
    assert {"holm1979", "friedman1937", "telschowschwartzman2022"} <= keys


def test_what_is_to_be_copied_holds_the_same_references(found):
    text = markdown(found)
    assert text.startswith(found.methods)
    entries = re.findall(r"(?m)^@\w+\{(\w+),$", bibtex(found))
    assert [item.key for item in found.references] == entries
    assert all(f"[{item.number}] {item.text}" in text for item in found.references)
    assert bibtex(found).count("{") == bibtex(found).count("}")


@pytest.mark.usefixtures("unrendered")
def test_a_report_carries_them_on_its_page_and_as_files(simulate, tmp_path):
    paths = write_report(simulate(blocks=3, epochs=0).path, tmp_path)
    page = paths.index.read_text("utf-8")
    listed = re.search(r'(?s)<ol class="references">(.*?)</ol>', page)[1]
    assert len(paths.findings.references) == listed.count("<li ")
    assert (paths.folder / "methods.md").read_text("utf-8") == markdown(paths.findings)
    assert (paths.folder / "references.bib").read_text("utf-8") == bibtex(paths.findings)
