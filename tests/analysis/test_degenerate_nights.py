"""Nights with almost nothing in them: each gives a report that says what can be said, and never a "nan"."""

from __future__ import annotations

import html
import io
import json
import re
import warnings

import pytest

from analysis import drawing, report

ALL = ("b01-1", "b01-2", "b02-1", "b02-2")
EQUAL = {"noise": 0.0, "accuracy_noise": 0.0, "configurations": {"base": 1.0, "lean": 1.0}, "accuracy": {}}
ONE = {"configurations": {"base": 1.0}}
RETIRED = {"failed": ALL, "stop_after": 4}

NIGHTS = {
    "one run of each": ({"blocks": 1}, "1 run"),
    "two runs of each": ({"blocks": 2}, "p "),
    "two runs of each in one row": ({"blocks": 2, "order": "shuffle"}, "p "),
    "all values equal": ({"blocks": 3, **EQUAL}, "no scatter"),
    "all values equal in one row": ({"blocks": 3, "order": "shuffle", **EQUAL}, ""),
    "complete separation": ({"blocks": 4, "configurations": {"base": 1.0, "lean": 0.5}}, "complete separation"),
    "a missing block": ({"blocks": 4, "missing": ("b02-1", "b02-2")}, ""),
    "half a block": ({"blocks": 3, "missing": ("b02-1",)}, "has no other run to pair it with"),
    "one configuration": ({"blocks": 4, **ONE}, ""),
    "one run of one configuration": ({"blocks": 1, **ONE}, ""),
    "no valid run": ({"blocks": 2, "lost": ALL}, "Nothing can be compared: no run counts (4 invalid)."),
    "no valid run of one configuration": ({"blocks": 3, "seed": 5, "lost": ("b01-1", "b02-1", "b03-1")}, ""),
    "no energy": ({"blocks": 3, "energy": False}, "duration"),
    "no energy and nothing else": ({"blocks": 3, "energy": False, "context": False, "accuracy": {}}, "duration"),
    "no run at all": ({"blocks": 3, "stop_after": 0}, "Nothing can be compared: no run was executed."),
    "only retired": ({"blocks": 4, **RETIRED}, "failed in its first two runs"),
    "nothing but failures": ({"blocks": 2, "failed": ALL}, "Nothing can be compared: no run counts (4 failed)."),
    "only warm-up": ({"blocks": 2, "discarded": 1, "stop_after": 2}, ""),
    "no marks, no baseline": ({"blocks": 2, "marks": False, "baseline_s": 0.0}, "whole workload"),
    "three configurations, one without a run": (
        {"blocks": 2, "configurations": {"a": 1.0, "b": 0.9, "c": 0.8}, "seed": 3, "missing": ("b01-1", "b02-1")},
        "",
    ),
}
ASKED = (
    *("one run of each", "two runs of each", "all values equal", "complete separation", "a missing block"),
    *("one configuration", "no valid run", "no energy", "no run at all", "only retired"),
)
_UNSAID = re.compile(r"\b(?:nan|NaN|NAN|NaT|inf|Infinity|None(?! of\b|[.]\s))\b|<NA>|&lt;NA&gt;|Traceback")
_NOT_TEXT = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL)


def texts_of(value):
    """Every text in a JSON document, names included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)


def strict(text):
    """A JSON document without NaN and the like."""

    def refuse(constant):
        raise AssertionError(f"findings.json holds {constant}")

    return json.loads(text, parse_constant=refuse)


def unsaid(paths):
    """Where a report says "nan", "None" or "inf", with the words around it."""
    page = paths.index.read_text("utf-8")
    everywhere = {"index.html": html.unescape(_NOT_TEXT.sub(" ", page))}
    for path in sorted((paths.folder / "tables").iterdir()):
        text = path.read_text("utf-8")
        everywhere[path.name] = html.unescape(_NOT_TEXT.sub(" ", text)) if path.suffix == ".html" else text
    for path in (paths.folder / "figures").glob("*.svg"):
        everywhere[path.name] = " ".join(re.findall(r"<!-- (.*?) -->", path.read_text("utf-8")))
    everywhere["findings.json"] = "\n".join(texts_of(strict((paths.folder / "findings.json").read_text("utf-8"))))
    return {
        f"{name}: …{text[max(found.start() - 40, 0) : found.end() + 20]}…"
        for name, text in everywhere.items()
        for found in _UNSAID.finditer(text)
    }


@pytest.fixture
def sketched(monkeypatch):
    """Reports whose figures are drawn as SVG alone: a third of the time."""

    def only_svg(figure):
        drawn = io.BytesIO()
        figure.savefig(drawn, format="svg")
        return {"svg": drawn.getvalue()}

    monkeypatch.setattr(drawing, "render", only_svg)


@pytest.mark.parametrize(
    "name", [name if name in ASKED else pytest.param(name, marks=pytest.mark.slow) for name in NIGHTS]
)
def test_a_night_with_almost_nothing_in_it_gives_a_report_that_says_what_can_be_said(
    simulate_once, tmp_path, name, sketched
):
    settings, words = NIGHTS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        paths = report.write_report(simulate_once(**settings).path, tmp_path / "report")
    assert set() == unsaid(paths)
    text = html.unescape(_NOT_TEXT.sub(" ", paths.index.read_text("utf-8")))
    assert words in text
    assert paths.findings.headline
