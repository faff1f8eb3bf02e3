"""The notebook and its page: every public name described, the code executed again, its words as they stand there."""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path

import pytest

import nightwatt
from analysis.energy import COLUMNS
from nightwatt import figures, load, tables

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/notebook.md").read_text("utf-8")
NIGHT = ROOT / "docs/nights/2026-11-21-demo"


def cells():
    notebook = json.loads((ROOT / "docs/notebook.ipynb").read_text("utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def printed(cell):
    return "".join("".join(item["text"]) for item in cell["outputs"] if item["output_type"] == "stream")


def test_every_public_name_and_every_figure_stands_on_the_page():
    assert [] == [name for name in nightwatt.__all__ if f"`{name}" not in PAGE]
    assert [] == [name for name in figures.__all__ if not re.search(rf"\b{name}\(", PAGE)]


def test_the_columns_of_energy_stand_on_the_page():
    assert [] == [name for name in COLUMNS if not re.search(rf"\b{name}\b", PAGE)]


def test_the_notebook_was_executed_and_holds_no_error():
    for cell in cells():
        assert cell["execution_count"], "".join(cell["source"])
        assert {"stream", "execute_result"} >= {item["output_type"] for item in cell["outputs"]}
    assert 3 == sum("image/png" in item.get("data", {}) for cell in cells() for item in cell["outputs"])


def test_nothing_that_was_kept_names_a_folder_of_the_machine():
    for path in [*NIGHT.rglob("*.json*"), *NIGHT.rglob("*.log"), ROOT / "docs/notebook.ipynb"]:
        assert not re.search(r'"/(?!home/you/|proc/|sys/)\w+/|/tmp/|/root/', path.read_text("utf-8")), path


def test_a_table_shows_itself_in_a_notebook(demo):
    found = tables(load(demo))
    assert {"summary", "comparisons", "tests", "runs"} <= set(found)
    assert found["summary"]._repr_html_().startswith("<table>")
    assert 2 == len(found["summary"].frame)


@pytest.fixture
def demo():
    return NIGHT


@pytest.mark.slow
def test_the_code_of_the_notebook_says_what_stands_under_it(monkeypatch):
    monkeypatch.chdir(ROOT / "docs")
    names: dict[str, object] = {}
    for cell in cells():
        code = "".join(line for line in cell["source"] if not line.startswith("%"))
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            exec(compile(code, "notebook.ipynb", "exec"), names)
        assert printed(cell) == told.getvalue()
