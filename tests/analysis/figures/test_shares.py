"""Axes of shares end where a share does."""

from __future__ import annotations

import dataclasses

import pytest

from analysis.figures.accuracy import draw_accuracy
from analysis.figures.shares import share_limit
from analysis.findings import Estimate


@pytest.mark.parametrize(
    ("metric", "values", "limit"),
    [
        ("accuracy", [0.8, 1.0], 1.0),
        ("val_accuracy", [0.8, None], 1.0),
        ("agreement", [1.0], 1.0),
        ("F1", [0.5], 1.0),
        ("accuracy", [81.0, 92.0], 100.0),
        ("accuracy", [810.0], None),
        ("accuracy", [-0.5], None),
        ("loss", [0.5], None),
        ("perplexity", [12.0], None),
        ("accuracy", [None], None),
    ],
)
def test_a_share_is_known_by_its_name_and_its_values(metric, values, limit):
    assert limit == share_limit(metric, values)


def _drawn(made_up, grouped, low, high, metric="accuracy"):
    names, runs = made_up(2, 3)
    wide = Estimate(0.9, "", low, high, 0.95, "t", 2)
    groups = [dataclasses.replace(group, metrics={metric: wide}) for group in grouped(names, runs)]
    figure = draw_accuracy(runs, groups, metric=metric, configurations=names)
    return figure.axes[0].get_ylim(), " ".join(text.get_text() for text in figure.texts).replace("\n", " ")


def test_an_interval_beyond_a_share_is_cut_and_that_is_said(made_up, grouped):
    (low, high), said = _drawn(made_up, grouped, -0.5, 2.5)
    assert -0.05 < low < 0
    assert 1 < high < 1.05
    assert "drawn up to what it can be, 0 to 1" in said


def test_an_interval_within_a_share_and_that_of_no_share_are_drawn_whole(made_up, grouped):
    for (low, high), said in (
        _drawn(made_up, grouped, 0.2, 0.99),
        _drawn(made_up, grouped, -0.5, 2.5, metric="loss"),
    ):
        assert (low <= 0.2 and high >= 0.99) or (low < -0.5 and high > 2.5)
        assert "what it can be" not in said
