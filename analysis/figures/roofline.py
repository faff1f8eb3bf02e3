"""The roofline: arithmetic rate against intensity, both logarithmic, under the measured ceilings of the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from analysis.figures.style import DOUBLE_IN, INK, PALETTE, canvas, finish, styled
from analysis.labels import visible

if TYPE_CHECKING:
    from analysis.roofline_findings import Roofline

_MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
_DASHES: tuple[str | tuple[int, tuple[int, ...]], ...] = ("-", (0, (5, 2)), (0, (1, 1)), (0, (5, 1, 1, 1)))


@styled
def draw_roofline(found: Roofline, *, stamp: str = "") -> Figure:
    """One mark a configuration: its shape is the family, its colour the precision, whose ceiling is the line's dash."""
    figure = canvas(DOUBLE_IN, 4.3)
    axes = figure.subplots()
    families = list(dict.fromkeys(point.family for point in found.points))
    precisions = [roof.precision for roof in found.roofs]
    x = np.array([point.intensity for point in found.points])
    y = np.array([point.rate_FLOP_per_s for point in found.points])
    ridges = [roof.FLOP_per_s / roof.B_per_s for roof in found.roofs if roof.FLOP_per_s and roof.B_per_s]
    low, high = min([*x, *ridges]) / 3, max([*x, *ridges]) * 3
    along = np.geomspace(low, high, 200)
    for place, roof in enumerate(found.roofs):
        colour, dash = PALETTE[place % len(PALETTE)], _DASHES[place % len(_DASHES)]
        if roof.FLOP_per_s and roof.B_per_s:
            axes.plot(along, np.minimum(roof.FLOP_per_s, along * roof.B_per_s), color=colour, ls=dash, lw=1.3, zorder=2)
        elif roof.B_per_s:
            axes.plot(along, along * roof.B_per_s, color=INK, ls=(0, (1, 3)), lw=0.9, zorder=1)
    for point in found.points:
        colour = PALETTE[precisions.index(point.precision) % len(PALETTE)]
        mark = _MARKS[families.index(point.family) % len(_MARKS)]
        axes.plot(
            point.intensity, point.rate_FLOP_per_s, mark, ms=5, mfc=colour, mec="white", mew=0.5, alpha=0.9, zorder=4
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(low, high)
    tops = [roof.FLOP_per_s for roof in found.roofs if roof.FLOP_per_s]
    axes.set_ylim(min(y) / 4, max([*y, *tops]) * 2.5)
    axes.set_xlabel("intensity, FLOP / B")
    axes.set_ylabel("arithmetic rate, FLOP/s")
    axes.grid(which="major")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _si(value).strip()))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_formatter(NullFormatter())
    memory = next((roof.B_per_s for roof in found.roofs if roof.B_per_s), None)
    legend = [
        Line2D([], [], ls="", marker=_MARKS[place % len(_MARKS)], ms=5, mfc=INK, mec="white", label=visible(family))
        for place, family in enumerate(families)
        if family
    ]
    for place, roof in enumerate(found.roofs):
        said = (
            f"{roof.precision}: ceiling {_si(roof.FLOP_per_s)}FLOP/s"
            if roof.FLOP_per_s
            else f"{roof.precision}: no ceiling"
        )
        dash = _DASHES[place % len(_DASHES)] if roof.FLOP_per_s else ""
        colour = PALETTE[place % len(PALETTE)]
        legend.append(Line2D([], [], color=colour, ls=dash, marker="o", ms=4, mec="white", label=visible(said)))
    copied = f", {_si(memory)}B/s" if memory else ""
    notes = [
        f"{visible(found.device) or 'Device'}: measured ceilings (a large matrix product in each precision; a large "
        f"copy{copied}), the highest of any run. FLOP: 2 a multiply-add. Bytes: every operator's tensors once in and "
        "once out, as if nothing were fused: a mark above its roof says that something was."
    ]
    return finish(figure, legend=legend, notes=notes, stamp=stamp)


def _si(value: float | None) -> str:
    """A number with its prefix: 1.2e12 -> "1.2 T"."""
    if value is None:
        return "? "
    for factor, prefix in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M")):
        if value >= factor:
            return f"{value / factor:.3g} {prefix}"
    return f"{value:.3g} "
