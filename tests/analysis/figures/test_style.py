"""What journals ask of a figure: their widths, one font at readable sizes, letters that stay letters in a PDF."""

from __future__ import annotations

import re

import pytest
from matplotlib.text import Text

from analysis.figures.distribution import draw_distribution
from analysis.figures.rendering import render, save
from analysis.figures.style import DOUBLE_IN, SINGLE_IN, TALLEST_IN

_MM = 25.4


def test_widths_are_those_of_a_column_and_of_a_page():
    assert 88 <= SINGLE_IN * _MM <= 90
    assert 180 <= DOUBLE_IN * _MM <= 183
    assert TALLEST_IN * _MM <= 247


@pytest.fixture
def figure(made_up):
    return draw_distribution(made_up(2, 6)[1])


def test_one_font_at_no_less_than_five_points(figure):
    texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    assert {"DejaVu Sans"} == {text.get_fontname() for text in texts}
    assert min(text.get_fontsize() for text in texts) >= 5


def test_a_pdf_holds_its_letters_as_truetype_and_is_as_wide_as_the_figure(figure):
    pdf = render(figure)["pdf"]
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    [width] = {float(box) for box in re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ", pdf)}
    assert width / 72 == pytest.approx(figure.get_size_inches()[0], abs=0.01)


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_a_figure_is_saved_into_a_folder_that_may_be_named_by_a_text_and_need_not_be_there(figure, tmp_path, kind):
    paths = save(figure, kind(tmp_path / "not" / "there"), "energy")
    assert [tmp_path / "not" / "there" / f"energy.{suffix}" for suffix in paths] == list(paths.values())
    assert all(path.stat().st_size for path in paths.values())
