"""The error of foretelling a run's energy against how much of the run was seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures.style import DOUBLE_IN, FAINT, INK, MARKERS, PALETTE, canvas, finish, styled

if TYPE_CHECKING:
    import pandas as pd

PANELS = (("foretold", "number of epochs foretold"), ("true", "true number of epochs told"))
LEAST_PCT = 0.01
"""A smaller error is drawn as this: a logarithmic axis has no place for none."""
_KIND = {"foretold": "foretold", "told the true number": "true"}
_DASHES = ((0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (2, 1)))


@styled
def draw_windows(
    curve: pd.DataFrame, levels: pd.DataFrame, *, at: float | None = None, notes: Sequence[str] = (), stamp: str = ""
) -> Figure:
    """Mean absolute error in per cent, logarithmic, against the window: epochs foretold beside epochs told.

    ``curve``: method, epochs, share_pct or first, n, mean_absolute_pct. ``levels``: method, epochs, mean_absolute_pct
    of the methods that see no part of a run, drawn as lines across both panels that they belong to. ``at``: the window
    that the table tells.
    """
    key = "share_pct" if "share_pct" in curve else "first"
    figure = canvas(DOUBLE_IN, 2.7)
    axes = figure.subplots(1, len(PANELS), sharey=True)
    methods = list(dict.fromkeys(curve["method"]))
    across = list(dict.fromkeys(levels["method"]))
    legend = []
    for panel, (kind, title) in zip(axes, PANELS, strict=True):
        panel.set_title(title, loc="left")
        mine = curve[curve["epochs"].map(_KIND) == kind]
        for place, method in enumerate(methods):
            rows = mine[mine["method"] == method].sort_values(key)
            look: dict[str, Any] = {
                "color": PALETTE[place % len(PALETTE)],
                "marker": MARKERS[place % len(MARKERS)],
                "ms": 3.5,
            }
            # STEP's two variants often lie on one another: the later is drawn hollow, so that both are seen.
            look |= {"mfc": "white", "ms": 6.0, "zorder": 2} if method == "STEP, power" else {"zorder": 3}
            panel.plot(rows[key], rows["mean_absolute_pct"].clip(lower=LEAST_PCT), lw=1.1, **look)
            if panel is axes[0]:
                legend.append(Line2D([], [], label=method, **look))
        for place, method in enumerate(across):
            of = levels[levels["method"] == method]
            shown = of[of["epochs"].map(_KIND).fillna(kind) == kind]
            for value in shown["mean_absolute_pct"]:
                panel.axhline(max(value, LEAST_PCT), color=INK, lw=0.9, ls=_DASHES[place % len(_DASHES)], zorder=1)
            if panel is axes[0]:
                legend.append(Line2D([], [], color=INK, lw=0.9, ls=_DASHES[place % len(_DASHES)], label=method))
        if at is not None:
            panel.axvline(at, color=FAINT, lw=0.6, zorder=0)
        panel.set_yscale("log")
        panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        panel.set_xlabel("share of the epochs seen (%)" if key == "share_pct" else "first epochs seen")
        panel.grid(axis="y")
    axes[0].set_ylabel("mean absolute error (%)")
    least = min([*curve["mean_absolute_pct"], *levels["mean_absolute_pct"]])
    said = [f"Errors below {LEAST_PCT:g} % are drawn there."] if least < LEAST_PCT else []
    return finish(figure, legend=legend, notes=[*notes, *said], stamp=stamp, most_columns=4)
