"""When do runs dip? A strip for each configuration: the part of its runs that is in a dip, over the window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from analysis.figures.runs import order_of
from analysis.figures.style import DOUBLE_IN, FONT_PT, SMALL_PT, canvas, finish, styled
from analysis.labels import labels

if TYPE_CHECKING:
    import pandas as pd

_SHADES = LinearSegmentedColormap.from_list("dips", ["#f4f4f2", "#7fb2d6", "#0072B2", "#00304d"])
_MANY = 12


@styled
def draw_dips(
    dips: pd.DataFrame,
    *,
    origin: str = "begin of the window",
    configurations: Sequence[str] = (),
    stamp: str = "",
    notes: Sequence[str] = (),
) -> Figure:
    """The part of the runs that is in a dip at each time, a panel a domain and a strip a configuration.

    ``dips``: configuration, domain, t_s (middle of the bin) and share_pct (of its runs' time in the bin, 0 to 100; NaN
    where no run reaches).
    """
    names = order_of(dips, configurations)
    domains = list(dict.fromkeys(dips["domain"].tolist()))
    many = len(names) > _MANY
    shown = labels(names, width=40 if many else 24, lines=1 if many else 2)
    strip_in = 0.13 if many else 0.26
    figure = canvas(DOUBLE_IN, 0.5 + (strip_in * len(names) + 0.3) * len(domains))
    panels = figure.subplots(len(domains), 1, sharex=True, squeeze=False)[:, 0]
    edges = _edges(dips)
    drawn = None
    for domain, panel in zip(domains, panels, strict=True):
        of = dips[dips["domain"] == domain].pivot_table(index="configuration", columns="t_s", values="share_pct")
        table = of.reindex(index=names, columns=edges[0]).to_numpy(dtype=float)
        drawn = panel.pcolormesh(
            edges[1], np.arange(len(names) + 1), table, cmap=_SHADES, vmin=0, vmax=100, rasterized=True
        )
        panel.set_yticks(np.arange(len(names)) + 0.5, [shown[name] for name in names])
        panel.tick_params(axis="y", length=0, labelsize=SMALL_PT if many else FONT_PT - 1)
        panel.invert_yaxis()
        panel.set_title(f"runs in a dip of {domain}", loc="left", pad=3)
        for side in panel.spines.values():
            side.set_visible(False)
    panels[-1].set_xlabel(f"time from {origin}, s")
    if drawn is not None:
        bar = figure.colorbar(drawn, ax=list(panels), pad=0.01, aspect=max(8, 3 * len(names)), fraction=0.03)
        bar.set_label("% of runs", fontsize=FONT_PT - 1)
        bar.set_ticks([0, 50, 100])
        bar.outline.set_visible(False)
    return finish(figure, notes=[" ".join(notes)] if notes else [], stamp=stamp)


def _edges(dips: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The middles of the bins, and the edges between them."""
    middles = np.unique(dips["t_s"].to_numpy(dtype=float))
    if len(middles) == 1:
        return middles, np.array([0.0, 2 * middles[0]])
    between = (middles[:-1] + middles[1:]) / 2
    return middles, np.concatenate([[max(0.0, 2 * middles[0] - between[0])], between, [2 * middles[-1] - between[-1]]])
