"""What a better metric costs, to explore."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.explore.chart import Chart, Trace, axis, bars, escaped, keys_of, numbers, of_look, share_axis
from analysis.figures.pareto import FIRM
from analysis.figures.style import FAINT, INK, Look
from analysis.numbers import interval, scale

if TYPE_CHECKING:
    from analysis.findings import Estimate
    from analysis.grid_findings import Tradeoff, TradeoffPoint

FRONT = "front"
"""The group of the front's line, which belongs to no configuration."""


def explore_pareto(tradeoff: Tradeoff) -> Chart:
    """Each configuration between what is compared and the metric, the front as steps; as ``figures.draw_pareto``.

    A configuration has its colour here, since it is found by it; whether it is on the front is told by its mark.
    """
    placed = [point for point in tradeoff.points if not point.note]
    factor, unit = scale((point.response.value for point in placed), tradeoff.response_unit)
    keys = keys_of([point.configuration for point in placed])
    traces: list[Trace] = [_line(sorted(_at(point, factor) for point in placed if point.on_front))]
    for place, (point, (_, look)) in enumerate(zip(placed, keys, strict=True)):
        traces.append(_point(point, look, str(place), tradeoff, factor=factor, unit=unit))
    ends, told = share_axis(tradeoff.metric, [point.metric for point in placed])
    if tradeoff.better == "lower":
        ends = {"range": ends["range"][::-1]} if ends else {"autorange": "reversed"}
    notes = [
        f"On the front: circles, filled in {100 * FIRM:g} % of the resamples or more."
        if tradeoff.resamples
        else "On the front: circles.",
        "Beaten by another: small open squares.",
        *told,
    ]
    return Chart(
        tuple(traces),
        {
            "xaxis": axis(f"{tradeoff.response}{f', {unit}' if unit else ''}"),
            "yaxis": axis(f"{tradeoff.metric}{f', {tradeoff.unit}' if tradeoff.unit else ''}", **ends),
        },
        keys,
        notes=tuple(notes),
    )


def _at(point: TradeoffPoint, factor: float) -> tuple[float, float]:
    return (point.response.value or 0.0) / factor, point.metric.value or 0.0


def _line(front: list[tuple[float, float]]) -> Trace:
    return {
        "type": "scatter",
        "mode": "lines",
        "legendgroup": FRONT,
        "x": numbers([x for x, _ in front]),
        "y": numbers([y for _, y in front]),
        "line": {"shape": "hv", "color": INK, "width": 1.2},
        "hoverinfo": "skip",
    }


def _point(point: TradeoffPoint, look: Look, group: str, tradeoff: Tradeoff, *, factor: float, unit: str) -> Trace:
    x, y = _at(point, factor)
    firm = point.on_front and (point.share is None or point.share >= FIRM)
    mark = of_look(look, 12 if point.on_front else 8, 1)
    symbol = "circle" if firm else "circle-open" if point.on_front else "square-open"
    beaten = [escaped(name) for name in point.dominated_by[:3]]
    more = f" and {len(point.dominated_by) - 3} more" if len(point.dominated_by) > 3 else ""
    said = [
        f"{_told(point.response, factor)} {escaped(unit)}".strip(),
        f"{escaped(tradeoff.metric)} {_told(point.metric, 1.0)} {escaped(tradeoff.unit)}".strip(),
        "on the front" if point.on_front else f"beaten by {', '.join(beaten)}{more}" if beaten else "",
        "" if point.share is None else f"on the front in {100 * point.share:.0f} % of the resamples",
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "legendgroup": group,
        "name": escaped(point.configuration),
        "x": numbers([x]),
        "y": numbers([y]),
        "text": ["<br>".join(line for line in said if line)],
        "marker": {**mark, "symbol": symbol, "line": {"color": look.colour, "width": 1.6}},
        "error_x": bars(point.response, factor, look.colour if point.on_front else FAINT),
        "error_y": bars(point.metric, 1.0, look.colour if point.on_front else FAINT),
        "hovertemplate": "<b>%{fullData.name}</b><br>%{text}<extra></extra>",
    }


def _told(item: Estimate, factor: float) -> str:
    return interval(item.value, item.low, item.high, factor)
