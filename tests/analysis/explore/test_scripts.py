"""What runs on a page: the published plotly.js to the byte, and ours, each allowed by its hash."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files

from analysis.explore.scripts import OURS, PLOTLY, scripts

FOLDER = files("analysis.explore")


def test_the_library_is_what_its_page_says_it_is():
    content = FOLDER.joinpath(PLOTLY).read_bytes()
    page = FOLDER.joinpath("plotly/README.md").read_text("utf-8")
    told = dict(re.findall(r"^\| (version|bytes|sha256) \| (\S+) \|$", page, re.MULTILINE))
    assert told == {
        "version": re.search(rb"v(\d+\.\d+\.\d+)", content[:100])[1].decode(),
        "bytes": str(len(content)),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert "MIT License" in FOLDER.joinpath("plotly/LICENSE").read_text("utf-8")
    assert "http" not in page


def test_a_script_is_allowed_by_the_hash_of_its_text():
    for name, script in zip((PLOTLY, OURS), scripts(), strict=True):
        content = FOLDER.joinpath(name).read_bytes()
        assert f"'sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}'" == script.source


def test_nothing_in_a_script_ends_its_element_or_makes_code_of_text():
    for script in scripts():
        assert not re.search(r"</script|<script|<!--|\r", script.text, re.IGNORECASE)
        assert not re.search(r"\beval\(|new Function\b", script.text)


def test_our_script_makes_no_markup_of_text_and_fetches_nothing():
    ours = scripts()[1].text
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|fetch\(|XMLHttpRequest|https?:", ours)
