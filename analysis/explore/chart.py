"""What a page's script is given to draw: traces, layout and the configurations that can be hidden.

Texts that plotly.js shows are read by it as its own small HTML, so names are escaped for it here; the data block as a
whole is escaped again, so that nothing in it can end it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.figures.runs import STATES
from analysis.figures.shares import said_of, share_limit, share_range
from analysis.figures.style import FAINT, GRID, INK, Look, looks
from analysis.labels import labels, visible

if TYPE_CHECKING:
    from analysis.findings import Estimate

Trace = dict[str, Any]

DIGITS = 6
"""Significant digits of a number on the page; the files beside it hold all."""
_SYMBOLS = {
    "o": "circle", "s": "square", "^": "triangle-up", "v": "triangle-down", "P": "cross", "X": "x", "h": "hexagon",
    "p": "pentagon", "D": "diamond", "x": "x-thin",
}  # fmt: skip
"""matplotlib's marks in plotly's words."""
MOST_TICKS = 12
"""Of an axis of whole numbers."""
BANDED = 12
"""Up to so many configurations have their bands in panels that all share; of more they would hide one another."""
TOO_MANY = f"Without bands: of more than {BANDED} configurations they would hide one another; each value tells its own."
_MARK = re.compile("[<>&\u2028\u2029]")
_PX_PER_LINE = 1.6
_KEY = 48
"""Letters of a configuration's name on the button that hides it; the whole name is its tip."""


@dataclass(frozen=True)
class Chart:
    """One figure for plotly.js."""

    traces: tuple[Trace, ...]
    """Each has ``legendgroup``: the number of its configuration, by which it is hidden with all others of it."""
    layout: Mapping[str, Any]
    keys: tuple[tuple[str, Look], ...]
    """Name and look of each configuration."""
    height_px: int = 420
    notes: tuple[str, ...] = field(default=())
    """What is not as in the static figure."""


def as_json(chart: Chart) -> str:
    """The chart as the text of a data block: JSON in which no character can end the element or begin another."""
    short = labels((name for name, _ in chart.keys), width=_KEY, lines=1)
    body = {
        "data": list(chart.traces),
        "layout": {**_LAYOUT, **chart.layout, "height": chart.height_px},
        "keys": [{"name": short[name], "whole": visible(name), "colour": look.colour} for name, look in chart.keys],
        "notes": [visible(note) for note in chart.notes],
    }
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _MARK.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def numbers(values: Iterable[Any], digits: int = DIGITS) -> list[float | None]:
    """Numbers as JSON has them, rounded; None where there is none."""
    return [_rounded(float(value), digits) for value in values]


def _rounded(value: float, digits: int) -> float | None:
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def spaced(name: str, values: Sequence[float]) -> dict[str, Any]:
    """The values of an axis: as begin and step where they are evenly spaced, else one by one."""
    at = np.asarray(values, dtype=float)
    steps = np.diff(at)
    if steps.size and steps[0] > 0 and np.allclose(steps, steps[0], rtol=1e-6, atol=0):
        return {f"{name}0": _rounded(float(at[0]), 12), f"d{name}": _rounded(float(steps.mean()), 12)}
    return {name: numbers(at)}


def escaped(text: str) -> str:
    """``text`` as plotly shows it as it is: none of its small HTML, no formula between dollars."""
    return visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("$", "&#36;")


def shown_labels(names: Sequence[str], width: int = 24, lines: int = 2) -> dict[str, str]:
    """Names for an axis: short, escaped, in lines."""
    return {
        name: "<br>".join(escaped(line) for line in text.split("\n"))
        for name, text in labels(names, width=width, lines=lines).items()
    }


def of_state(state: str, look: Look) -> Trace:
    """The mark of a run of this standing, as ``figures.runs`` draws it."""
    mark = STATES[state]
    colour = FAINT if state == "excluded" else look.colour
    symbol = _SYMBOLS[mark.marker]
    return {
        "symbol": f"{symbol}-open" if mark.hollow and symbol == "diamond" else symbol,
        "size": round(mark.size * _PX_PER_LINE * 1.2, 1),
        "color": look.colour,
        "opacity": 1 if mark.hollow else 0.8,
        "line": {"color": colour, "width": 1.6 if mark.hollow else 0},
    }


def of_look(look: Look, size: float, opacity: float) -> Trace:
    """The mark of a configuration."""
    return {"symbol": _SYMBOLS[look.marker], "size": size, "color": look.colour, "opacity": opacity}


def dash_of(look: Look, width: float) -> str:
    """A configuration's dashes, which matplotlib counts in widths of the line."""
    if isinstance(look.dash, str):
        return "solid"
    return ",".join(f"{part * width:g}px" for part in look.dash[1])


def pale(colour: str, alpha: float) -> str:
    """``#rrggbb`` with an opacity."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


def bars(item: Estimate | None, factor: float, colour: str) -> dict[str, Any]:
    """The interval of an estimate as plotly's error bars."""
    if item is None or item.value is None or item.low is None or item.high is None:
        return {"visible": False}
    return {
        "type": "data",
        "symmetric": False,
        "array": numbers([(item.high - item.value) / factor]),
        "arrayminus": numbers([(item.value - item.low) / factor]),
        "color": colour,
        "thickness": 1.6,
        "width": 0,
    }


def keys_of(names: Sequence[str]) -> tuple[tuple[str, Look], ...]:
    """Name and look of each configuration, as in the static figures."""
    return tuple(looks(names).items())


def axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis in the look of the static figures."""
    return {**_AXIS, "title": {"text": escaped(title), "standoff": 8}, **more}


def share_axis(metric: str, scores: Sequence[Estimate]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The range of an axis of a share that intervals go beyond, and what is said of it; nothing of any other."""
    limit = share_limit(metric, (item.value for item in scores))
    ends = share_range(limit, scores)
    if ends is None:
        return {}, ()
    seen = [end for item in scores for end in (item.low, item.high) if end is not None]
    return {"range": [max(ends[0], min(seen)), min(ends[1], max(seen))]}, (said_of(metric, limit),)


def whole_axis(title: str, last: float, **more: Any) -> dict[str, Any]:
    """An axis of whole numbers up to ``last``: marked at whole numbers only, however few there are."""
    step = next(step for power in range(9) for digit in (1, 2, 5) if (step := digit * 10**power) * MOST_TICKS >= last)
    return axis(title, tick0=0, dtick=step, tickformat="d", **more)


_AXIS: Mapping[str, Any] = {
    "automargin": True,
    "linecolor": INK,
    "showline": True,
    "ticks": "outside",
    "ticklen": 4,
    "gridcolor": GRID,
    "zeroline": False,
}
_LAYOUT: Mapping[str, Any] = {
    "autosize": True,
    "showlegend": False,
    "hovermode": "closest",
    "dragmode": "zoom",
    "margin": {"l": 48, "r": 12, "t": 32, "b": 40},
    "paper_bgcolor": "#fff",
    "plot_bgcolor": "#fff",
    "font": {"family": "system-ui, -apple-system, Segoe UI, Roboto, Liberation Sans, sans-serif", "size": 12,
             "color": INK},
    "hoverlabel": {"align": "left", "namelength": -1, "bgcolor": "#fff", "font": {"color": INK}},
}  # fmt: skip
