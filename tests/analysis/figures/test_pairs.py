"""Block by block: every comparison is drawn, and its names fit."""

from __future__ import annotations

import dataclasses

import pytest

from analysis.figures.pairs import MOST, draw_pairs


def _words(figure):
    texts = [text.get_text() for text in figure.texts]
    return " ".join([*texts, *(axes.get_title(loc="left") for axes in figure.axes)]).replace("\n", " ")


def _cells(names, comparisons):
    """Each odd configuration against the even one before it."""
    return [
        dataclasses.replace(comparisons[0], configuration=other, baseline=base)
        for base, other in zip(names[::2], names[1::2], strict=False)
    ]


@pytest.mark.parametrize("long", [False, True])
def test_comparisons_within_cells_are_all_drawn_and_name_both_sides(made_up, compared, flaws, long):
    names, runs = made_up(12, 3, long=long)
    figure = draw_pairs(runs, _cells(names, compared(names, runs)), configurations=names)
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.axison]
    assert 6 == len(titles)
    assert all("\n/ " in title for title in titles)
    assert "the baseline after the stroke" in _words(figure)
    assert [] == flaws(figure)


def test_few_cells_share_a_panel_and_are_named_below_it(made_up, compared, flaws):
    names, runs = made_up(4, 5)
    figure = draw_pairs(runs, _cells(names, compared(names, runs)), configurations=names)
    assert 2 == len(figure.axes)
    assert 2 == _words(figure).count(" / ")
    assert [] == flaws(figure)


def test_one_panel_alone_has_a_name_that_is_no_longer_than_it(made_up, compared, flaws):
    names, runs = made_up(12, 3, long=True)
    assert [] == flaws(draw_pairs(runs, _cells(names, compared(names, runs))[:1], configurations=names))


def test_all_pairs_of_few_configurations_have_a_panel_each(made_up, compared):
    names, runs = made_up(3, 5)
    first, second = compared(names, runs)
    every = [first, second, dataclasses.replace(second, baseline=names[1])]
    figure = draw_pairs(runs, every, configurations=names)
    assert 3 == sum(bool(axes.get_title(loc="left")) for axes in figure.axes)


def test_more_comparisons_than_a_page_holds_are_cut_and_that_is_said(made_up, compared):
    names, runs = made_up(11, 2)
    one = compared(names, runs)[0]
    every = [
        dataclasses.replace(one, configuration=name, baseline=other)
        for place, name in enumerate(names)
        for other in names[:place]
    ]
    assert f"{MOST} of {len(every)} comparisons are drawn" in _words(draw_pairs(runs, every, configurations=names))
