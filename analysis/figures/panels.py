"""Small panels, one for each of many configurations or comparisons, with one scale and one name for each axis."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.figures.style import DOUBLE_IN, SMALL_PT, TINY_PT, canvas, characters_per_inch, fitted
from analysis.labels import labels

MOST = 45
"""So many configurations at most have a panel, or a line of their own, in one figure; of more the first are drawn."""


def first_of(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The configurations that a figure has room for, and what to say of the others, where there are any."""
    if len(names) <= MOST:
        return list(names), []
    return list(names[:MOST]), [f"The first {MOST} of {len(names)} configurations are drawn; the table has them all."]


def small_panels(names: Sequence[str], under: Sequence[str] = ()) -> tuple[Figure, list[Axes]]:
    """A page-wide figure of small panels, each with its name above it, rows filled first.

    ``under`` are further names, one a panel, that stand on a line of their own after a stroke: "A / B".
    ``outer_labels`` gives them all one scale, once they are drawn: matplotlib's own shared axes tell every other panel
    of each change, which takes seconds for 45.
    """
    count = len(names)
    columns = count if count <= 3 else 3 if count <= 9 else 4 if count <= 16 else 5
    rows = -(-count // columns)
    lines = 1 if rows > 6 and not under else 2
    letters = int((DOUBLE_IN - 0.6) / columns * characters_per_inch(SMALL_PT - 0.5)) - 1
    if under:
        short = labels([*names, *under], width=letters - 2, lines=1)
        titles = [f"{short[name]}\n/ {short[other]}" for name, other in zip(names, under, strict=True)]
    else:
        shown = labels(names, width=letters, lines=lines)
        titles = [shown[name] for name in names]
    # Measuring the labels of 45 panels takes seconds.
    figure = canvas(DOUBLE_IN, 0.5 + (0.84 if rows > 6 else 1.2) * rows, measured=False)
    spacing = {"hspace": 0.24 + 0.12 * lines, "wspace": 0.07}
    axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw=spacing)
    panels: list[Axes] = list(axes.flat)
    for place, panel in enumerate(panels):
        if place >= count:
            panel.set_axis_off()
            continue
        panel.set_title(titles[place], fontsize=SMALL_PT - 0.5, pad=2.5, loc="left", linespacing=1.0)
        panel.tick_params(labelsize=TINY_PT + 0.5, length=2)
        # A column that ends a row early carries its own scale.
        panel.xaxis.set_tick_params(labelbottom=place + columns >= count)
        panel.yaxis.set_tick_params(labelleft=place % columns == 0)
    return figure, panels[:count]


def whole_numbers(axes: Axes) -> None:
    """Ticks of the horizontal axis at whole numbers only: blocks, epochs."""
    axes.xaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True))
    low, high = axes.get_xlim()
    axes.set_xlim(max(low, 0.4), max(high, 1.6))  # they count from 1


def outer_labels(panels: Sequence[Axes], below: str, aside: str) -> None:
    """Give small panels one scale, that of them all, and name it once: under the last row, beside the first column."""
    wide, high = ([panel.get_xlim() for panel in panels], [panel.get_ylim() for panel in panels])
    for panel in panels:
        panel.set_xlim(min(low for low, _ in wide), max(top for _, top in wide))
        panel.set_ylim(min(low for low, _ in high), max(top for _, top in high))
    spec = [item for panel in panels if (item := panel.get_subplotspec()) is not None]
    last = max(item.rowspan.start for item in spec)
    bottom = [panel for panel, item in zip(panels, spec, strict=True) if item.rowspan.start == last]
    left = [panel for panel, item in zip(panels, spec, strict=True) if item.colspan.start == 0]
    figure = panels[0].get_figure(root=True)
    assert figure is not None
    # Named in the middle of them all, which is the middle of none where they are even in number.
    high_in = float(figure.get_size_inches()[1])
    named, across = bottom[(len(bottom) - 1) // 2], _middle(bottom, 0)
    named.set_xlabel(below)
    named.xaxis.label.set_x(across)
    named, along = left[len(left) // 2], _middle(left, 1)
    named.set_ylabel(fitted(aside, high_in - 0.1))
    named.yaxis.label.set_y(along)


def _middle(panels: Sequence[Axes], axis: int) -> float:
    """The middle of all ``panels`` of a row (0) or column (1), in parts of the one that carries the label."""
    boxes = [panel.get_position() for panel in panels]
    starts, ends = [box.min[axis] for box in boxes], [box.max[axis] for box in boxes]
    place = (len(panels) - 1) // 2 if axis == 0 else len(panels) // 2
    return float(((min(starts) + max(ends)) / 2 - starts[place]) / (ends[place] - starts[place]))
