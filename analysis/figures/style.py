"""One look for every figure: one font, the sizes that journals take, colours that colour-blind readers tell apart.

matplotlib lives in this folder only, without pyplot: a figure is an object that nobody else holds, drawn by Agg.
Colours: M. Okabe and K. Ito, "Color Universal Design" (2008), the yellow left out (too pale for lines on white).
"""

from __future__ import annotations

import functools
import textwrap
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, ParamSpec

import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine

from analysis.labels import visible

P = ParamSpec("P")

SINGLE_IN = 3.5
"""Width of a journal's column, inches."""
DOUBLE_IN = 7.2
"""Width of a journal's page of two columns, inches."""
TALLEST_IN = 9.4
"""Height of a journal's page, inches."""

INK = "#222222"
SOFT = "#555555"
FAINT = "#8a8a8a"
GRID = "#dddddd"
WARNING = "#D55E00"
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "v", "P", "X", "h", "p")
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (2, 1)), (0, (6, 2)), (0, (3, 3)))

FONT_PT = 8.0
SMALL_PT = 6.5
TINY_PT = 5.5
_LINE_IN = SMALL_PT * 1.3 / 72
_CHARACTERS_PER_INCH = 72 / (SMALL_PT * 0.54)
"""Of a note in running words, which has many narrow letters."""
_FEWEST_LETTERS = 20
_RULER_DPI = 100
_PLACES = 7
"""Decimals of an axes' place, in parts of the figure: far below what a printer can show."""
_PANEL_MARGINS_IN = (0.52, 0.06, 0.4, 0.26)
"""Left, right, bottom, top of small panels, which are laid out without measuring."""
_LABEL_LINE_IN = FONT_PT * 1.2 / 72
"""Of each further line of the label at their left."""

_STYLE: Mapping[str, Any] = {
    "font.family": ["DejaVu Sans"],  # it ships with matplotlib: the same letters, and so the same bytes, everywhere
    "font.size": FONT_PT,
    "axes.titlesize": FONT_PT,
    "axes.titley": 1.0,  # nothing stands above our axes: to look for it is a sixth of the drawing
    "axes.labelsize": FONT_PT,
    "xtick.labelsize": FONT_PT - 1,
    "ytick.labelsize": FONT_PT - 1,
    "legend.fontsize": FONT_PT - 1,
    "figure.titlesize": FONT_PT,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.1,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "legend.columnspacing": 1.2,
    "axes.formatter.useoffset": False,
    "text.parse_math": False,  # a name with two dollar signs is a name, not a formula
    "path.simplify_threshold": 0.3,
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
    "svg.fonttype": "path",
    "svg.hashsalt": "nightwatt",
    "pdf.fonttype": 42,
}


@dataclass(frozen=True)
class Look:
    """How one configuration is drawn wherever it is drawn."""

    colour: str
    marker: str
    dash: Any


def look(index: int) -> Look:
    """The look of the ``index``-th configuration; 7 colours, then the same ones with other markers and dashes."""
    turn = index // len(PALETTE)
    hue = index % len(PALETTE)
    return Look(PALETTE[hue], MARKERS[(hue + turn) % len(MARKERS)], DASHES[turn % len(DASHES)])


def looks(configurations: Sequence[str]) -> dict[str, Look]:
    """The look of each configuration, in the plan's order."""
    return {name: look(index) for index, name in enumerate(configurations)}


@contextmanager
def in_style() -> Iterator[None]:
    """Our style over matplotlib's defaults, whatever the user's own settings are."""
    with matplotlib.style.context(["default", dict(_STYLE)]), warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes; the tables beside the figure have it whole.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw in our style and lay the figure out once, so that each format that is saved of it looks the same."""

    @functools.wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with in_style():
            figure = draw(*args, **kwargs)
            engine = figure.get_layout_engine()
            if engine is not None:
                with suppress(ValueError):  # as a draw does, which takes as long again
                    engine.execute(figure)
                figure.set_layout_engine("none")
                for axes in figure.axes:  # the solver's last bits depend on where its objects lie in memory
                    x, y, width, height = axes.get_position(original=True).bounds
                    place = (round(x, _PLACES), round(y, _PLACES), round(width, _PLACES), round(height, _PLACES))
                    axes.set_position(place)
            return figure

    return wrapper


def canvas(width_in: float, height_in: float, *, measured: bool = True) -> Figure:
    """An empty figure whose axes will share ``height_in``; ``finish`` adds what stands above and below them.

    ``measured``: margins follow the labels; else they are those of small panels, known beforehand.
    """
    size = (width_in, min(height_in, TALLEST_IN))
    figure = Figure(figsize=size, layout="constrained" if measured else None)
    FigureCanvasAgg(figure)
    return figure


def finish(
    figure: Figure,
    *,
    legend: Sequence[Any] = (),
    notes: Sequence[str] = (),
    stamp: str = "",
    most_columns: int = 6,
) -> Figure:
    """Put ``stamp`` (REHEARSAL; modelled, not measured) above the axes, one legend and then ``notes`` below them.

    The figure grows by what they need, so that the axes keep their height. Nothing shares a line with anything else.
    """
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        # matplotlib asks for this size when it draws, and gives other ticks where it finds the user's own.
        if "labelsize" not in axis.get_tick_params():
            axis.set_tick_params(labelsize=FONT_PT - 1)
    width_in, height_in = figure.get_size_inches()
    in_a_line = int(width_in * _CHARACTERS_PER_INCH)
    below = [line for note in notes for line in _lines(visible(note), width_in - 0.08, in_a_line)]
    above = textwrap.wrap(visible(stamp), int(in_a_line * 0.8))
    notes_in = len(below) * _LINE_IN + (0.08 if below else 0.0)
    stamp_in = len(above) * _LINE_IN * 1.2 + (0.06 if above else 0.0)
    columns, legend_in = _legend_size(legend, width_in, most_columns)
    whole_in = height_in + notes_in + stamp_in + legend_in
    figure.set_size_inches(width_in, whole_in)
    under_in = notes_in + legend_in
    layout = figure.get_layout_engine()
    if isinstance(layout, ConstrainedLayoutEngine):
        layout.set(rect=(0, under_in / whole_in, 1, height_in / whole_in))
    else:
        left_in, right_in, bottom_in, top_in = _PANEL_MARGINS_IN
        left_in += max(axes.get_ylabel().count("\n") for axes in figure.axes) * _LABEL_LINE_IN
        figure.subplots_adjust(
            left=left_in / width_in,
            right=1 - right_in / width_in,
            bottom=(under_in + bottom_in) / whole_in,
            top=1 - (stamp_in + top_in) / whole_in,
        )
    margin = 0.04 / width_in
    small: dict[str, Any] = {"fontsize": SMALL_PT, "linespacing": 1.3}
    if below:
        figure.text(margin, 0.03 / whole_in, "\n".join(below), color=SOFT, va="bottom", **small)
    if above:
        bold: dict[str, Any] = {"color": WARNING, "fontweight": "bold"}
        figure.text(1 - margin, 1 - 0.03 / whole_in, "\n".join(above), ha="right", va="top", **bold, **small)
    if legend:
        figure.legend(
            handles=list(legend),
            loc="upper center",
            bbox_to_anchor=(0.5, under_in / whole_in),
            borderaxespad=0.0,
            ncols=columns,
        )
    return figure


def _lines(text: str, width_in: float, letters: int) -> list[str]:
    """``text`` in lines of so many ``letters``, fewer where many of them are wide: none is longer than ``width_in``."""
    font = FontProperties(family=list(_STYLE["font.family"]), size=SMALL_PT)
    while True:
        lines = textwrap.wrap(text, letters)
        widest_in = max((_ruler().get_text_width_height_descent(line, font, False)[0] for line in lines), default=0.0)
        widest_in /= _RULER_DPI
        if widest_in <= width_in or letters <= _FEWEST_LETTERS:
            return lines
        letters = max(_FEWEST_LETTERS, min(letters - 1, int(letters * width_in / widest_in)))


@functools.cache
def _ruler() -> Any:
    """It measures texts in its own dots."""
    return RendererAgg(1, 1, _RULER_DPI)  # type: ignore[no-untyped-call]


def _legend_size(legend: Sequence[Any], width_in: float, most_columns: int) -> tuple[int, float]:
    """Columns and height of a legend: as many columns as its longest entry leaves room for."""
    if not legend:
        return 1, 0.0
    texts = [str(handle.get_label()).split("\n") for handle in legend]
    entry_in = max(len(line) for text in texts for line in text) / characters_per_inch(FONT_PT - 1) + 0.5
    columns = max(1, min(most_columns, len(legend), int(width_in / entry_in)))
    rows = -(-len(legend) // columns)
    # Entries fill column by column; a row is as high as its highest entry.
    lines = sum(max(len(text) for text in texts[row::rows]) for row in range(rows))
    return columns, (lines * 1.2 + (rows - 1) * 0.5 + 0.8) * (FONT_PT - 1) / 72 + 0.04


def characters_per_inch(size_pt: float) -> float:
    """How many letters of this size fit into an inch; a letter of DejaVu Sans is some 0.58 of its size wide."""
    return 72 / (size_pt * 0.58)


def fitted(text: str, inches: float) -> str:
    """The name of an axis, in lines that are not longer than the axis."""
    words, _, unit = visible(text).rpartition(" ")
    bound = f"{words}\N{NO-BREAK SPACE}{unit}" if words else unit  # a unit does not stand alone on a line
    return textwrap.fill(bound, max(8, int(inches * characters_per_inch(FONT_PT))))
