"""A figure is the same wherever it is drawn, and is drawn here where nobody else can."""

from __future__ import annotations

import functools
import sys

import pandas as pd
import pytest
from matplotlib.figure import Figure

from analysis import drawing
from analysis.drawing import PROCESSES, Workers
from analysis.explore.drift import explore_drift
from analysis.figures.drift import draw_drift
from analysis.illustration import Illustration

RUNS = pd.DataFrame(
    {
        "configuration": ["base", "lean"] * 6,
        "value": [1000.0 + 7 * place for place in range(12)],
        "state": "headline",
        "started_s": [60.0 * place for place in range(12)],
        "start_temperature_C": 40.0,
    }
)


def illustration(stem: str, draw, explore=None) -> Illustration:
    return Illustration(stem, stem, "", "", draw, explore)


@pytest.fixture
def items() -> list[Illustration]:
    draws = [functools.partial(draw_drift, RUNS.head(count)) for count in (12, 8)]
    explore = functools.partial(explore_drift, RUNS)
    return [illustration("first", draws[0], explore), illustration("power", draws[1])]


def drawn(items: list[Illustration], count: int) -> list[drawing.Drawing]:
    with Workers(count) as workers:
        return workers.begin(items).all()


def drawn_by_a_worker(items: list[Illustration]) -> list[drawing.Drawing]:
    with Workers(1) as workers:
        begun = workers.begin(items)
        begun.wait()
        return begun.all()


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("not here")


def unknown_elsewhere() -> Figure:
    return draw_drift(RUNS)


def failing() -> Figure:
    raise ValueError("this figure cannot be drawn")


def test_a_worker_draws_the_same_bytes_in_the_order_given(items, monkeypatch):
    here = drawn(items, 0)
    monkeypatch.setattr(drawing, "_make", refuse)
    there = drawn_by_a_worker(items)
    assert ["first", "power"] == [item.of.stem for item in there]
    assert [(item.rendered, item.explorable, item.on_page, item.width_px, item.height_px) for item in here] == [
        (item.rendered, item.explorable, item.on_page, item.width_px, item.height_px) for item in there
    ]


@pytest.mark.parametrize("draw", [unknown_elsewhere, lambda: draw_drift(RUNS)], ids=["it dies", "it cannot be asked"])
def test_what_a_worker_cannot_draw_is_drawn_here(draw, items):
    found = drawn_by_a_worker([illustration("power", draw), *items[:1]])
    assert found[0].rendered == found[1].rendered


def test_where_no_process_can_be_started_everything_is_drawn_here(items, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert ["first", "power"] == [item.of.stem for item in drawn(items, 2)]


def test_a_figure_that_fails_fails_with_its_own_error(items):
    with pytest.raises(ValueError, match="this figure cannot be drawn"):
        drawn([*items, illustration("pareto", failing)], 0)


def test_one_process_is_the_report_itself(monkeypatch):
    monkeypatch.setenv(PROCESSES, "1")
    monkeypatch.setattr(drawing.subprocess, "Popen", refuse)
    with Workers():
        pass


def test_a_large_drawing_stands_on_the_page_as_a_picture_of_few_colours_only_where_that_is_smaller(items, monkeypatch):
    small = drawn(items[:1], 0)[0]
    assert small.source.startswith("data:image/svg+xml;base64,")
    monkeypatch.setattr(drawing, "_LARGEST_SVG_B", 10)
    large = drawn(items[:1], 0)[0]
    assert len(large.on_page) <= min(len(large.rendered["svg"]), len(large.rendered["png"]))
    assert small.rendered == large.rendered
