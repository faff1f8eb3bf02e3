"""One frame, four writers: they agree, parse back, and escape whatever a cell holds."""

from __future__ import annotations

import io
import shutil
import subprocess
from html.parser import HTMLParser

import pandas as pd
import pytest

from analysis.tables import Column, Table, render, to_csv, to_html, to_latex, to_markdown, write

HOSTILE = "<script>alert(1)</script> $x_1$ & 100% #1 {a} ~ ^ \\input{/etc/passwd} | `b` *c* _d_ é 中 [x](http://y)"


def table_of(names=("float32", "mixed_float16"), *, rows=1):
    frame = pd.DataFrame(
        {
            "configuration": list(names) * rows,
            "energy_J": [31900.123456789, None] * rows,
            "energy_J_low": [31800.0, None] * rows,
            "energy_J_high": [32000.0, None] * rows,
            "cv": [0.0036, 0.0032] * rows,
            "p": [0.0499, 1e-80] * rows,
            "n": [30, 29] * rows,
        }
    )
    columns = (
        Column("configuration", "configuration"),
        Column("energy, kJ", "energy_J", "interval", 1000, missing="one run only"),
        Column("CV, %", "cv", "percent", digits=2),
        Column("p", "p", "p"),
        Column("n", "n", "count"),
    )
    return Table("summary", "Energy by configuration", frame, columns, ("A note.",))


class Cells(HTMLParser):
    """The text of each cell, row by row, and every tag that was met."""

    def __init__(self):
        super().__init__()
        self.rows, self.tags, self.inside = [], set(), False

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.inside = True

    def handle_endtag(self, tag):
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data):
        if self.inside:
            self.rows[-1][-1] += data


def parse_html(text):
    parser = Cells()
    parser.feed(text)
    return parser


def test_csv_parses_back_to_the_very_numbers():
    table = table_of()
    back = pd.read_csv(io.StringIO(to_csv(table)))
    assert table.frame.energy_J.tolist()[0] == back.energy_J.tolist()[0]
    assert back.energy_J.isna().tolist() == [False, True]
    assert ["configuration", "energy_J", "energy_J_low", "energy_J_high", "cv", "p", "n"] == list(back.columns)


def test_markdown_latex_and_html_show_the_same_cells():
    table = table_of()
    expected = [
        ["float32", "31.90 [31.80, 32.00]", "0.36", "0.0499", "30"],
        ["mixed_float16", "—", "0.32", "1.0e-80", "29"],
    ]
    assert expected == table.cells()
    assert expected == parse_html(to_html(table)).rows[1:]
    lines = [line for line in to_markdown(table).splitlines() if line.startswith("| ")]
    unescaped = [[cell.strip().replace("\\", "") for cell in line.strip("|").split("|")] for line in lines[1:]]
    assert expected == unescaped
    latex = [line for line in to_latex(table).splitlines() if line.endswith("\\\\")][1:]
    cells = [[cell.strip().removesuffix("\\\\").strip() for cell in line.split("&")] for line in latex]
    assert [row[1] for row in cells] == ["31.90 [31.80, 32.00]", "---"]


def test_an_empty_cell_has_its_reason_in_a_note():
    for text in (to_markdown(table_of()), to_html(table_of())):
        assert "— under energy, kJ: one run only" in text
    assert "one run only" in to_latex(table_of())
    columns = (Column("a", "cv", "number", missing="why"), Column("b", "p", "p", missing="why"))
    both = Table("both", "Both", table_of().frame.assign(cv=None, p=None), columns)
    assert ("— under a; b: why",) == both.all_notes()
    full = table_of()
    complete = Table(full.name, full.title, full.frame.head(1), full.columns, full.notes)
    assert "one run only" not in to_html(complete)


def test_a_hostile_name_is_text_in_html():
    parsed = parse_html(to_html(table_of((HOSTILE, "b"))))
    assert HOSTILE == parsed.rows[1][0]
    assert parsed.tags <= {"table", "caption", "thead", "tbody", "tr", "th", "td", "p", "wbr"}


def test_a_hostile_name_opens_no_cell_link_or_tag_in_markdown():
    text = to_markdown(table_of((HOSTILE, "b")))
    line = next(line for line in text.splitlines() if "alert" in line)
    assert "<script" not in text
    assert 6 == line.replace("\\|", "").count("|")
    assert "[x](" not in text
    assert "\\`b\\`" in line
    assert "mixed_float16" in to_markdown(table_of())


def test_a_hostile_name_is_no_command_in_latex():
    text = to_latex(table_of((HOSTILE, "[b]")))
    assert "\\input" not in text
    assert "\\textbackslash{}input" in text
    assert "U+4E2D" in text
    assert "\n {[}b]" in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles_with_booktabs_short_and_long(tmp_path):
    write(table_of((HOSTILE, "[b] * c")), tmp_path)
    (tmp_path / "long.tex").write_text(to_latex(table_of((HOSTILE, "[b]"), rows=30)), "utf-8")
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs,longtable,graphicx,pdflscape}\\begin{document}"
        "\\input{summary.tex}\\input{long.tex}\\end{document}"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert 0 == done.returncode, done.stdout[-2000:]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_a_wide_table_is_set_within_the_page(tmp_path):
    frame = pd.DataFrame({f"column{n}": [123456.789] for n in range(20)})
    columns = tuple(Column(f"head of {name}", name, "number") for name in frame)
    (tmp_path / "wide.tex").write_text(to_latex(Table("wide", "A wide one", frame, columns)), "utf-8")
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs,graphicx}\\begin{document}\\input{wide.tex}\\end{document}"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert 0 == done.returncode, done.stdout[-2000:]
    assert "Overfull" not in done.stdout


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize(("numbers", "lies"), [(2, False), (14, True)])
def test_a_long_and_wide_table_is_set_within_the_page(tmp_path, numbers, lies):
    names = ["model=resnet-50,precision=mixed_float16,augmentation=random-crop-and-flip", "x" * 90, HOSTILE]
    frame = pd.DataFrame(
        {"name": names * 20, "run": names * 20, **{f"n{n}": [123456.789] * 60 for n in range(numbers)}}
    )
    columns = (Column("configuration", "name"), Column("run", "run"),
               *(Column(f"head of {n}, kJ", f"n{n}", "number") for n in range(numbers)))  # fmt: skip
    text = to_latex(Table("long", "A long and wide one", frame, columns, (f"Baseline: {'y' * 120}",)))
    assert ("begin{landscape}" in text) is lies
    assert ("pdflscape" in text.splitlines()[0]) is lies
    (tmp_path / "long.tex").write_text(text)
    packages = text.splitlines()[0].removeprefix("% ")
    (tmp_path / "paper.tex").write_text(
        f"\\documentclass{{article}}{packages}\\begin{{document}}\\input{{long.tex}}\\end{{document}}"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert 0 == done.returncode, done.stdout[-2000:]
    assert "Overfull" not in done.stdout


def test_a_table_without_rows_says_so_in_every_format():
    table = table_of()
    empty = Table(table.name, table.title, table.frame.head(0), table.columns)
    assert "None." in to_markdown(empty)
    assert "None." in to_html(empty)
    assert to_csv(empty).startswith("configuration,energy_J")
    assert "\\toprule" in to_latex(empty)


def test_the_same_table_gives_the_same_bytes(tmp_path):
    assert render(table_of()) == render(table_of())
    paths = write(table_of(), tmp_path)
    assert {"md", "tex", "csv", "html"} == set(paths)
    assert render(table_of())["tex"] == paths["tex"].read_bytes()
