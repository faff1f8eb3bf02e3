"""What becomes of a figure on a page that is to stay small."""

from __future__ import annotations

import io

from PIL import Image

from analysis.figures.ratios import draw_ratios
from analysis.figures.rendering import few_colours, render

ORANGE, WHITE = (213, 94, 0), (255, 255, 255)


def test_the_warning_above_a_figure_stays_orange_and_its_paper_white_in_few_colours(made_up, compared):
    names, runs = made_up(20, 4)
    whole = render(draw_ratios(compared(names, runs), stamp="REHEARSAL: sensors are simulated."))["png"]
    small = few_colours(whole, 32, half=True)
    colours = dict(map(reversed, Image.open(io.BytesIO(small)).convert("RGB").getcolors()))
    assert len(small) < len(whole) / 3
    assert WHITE == max(colours, key=colours.__getitem__)
    assert ORANGE in colours
