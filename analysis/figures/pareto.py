"""The Pareto front: energy against a metric, and in how many resamples each configuration stands on the front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from analysis.figures.shares import cut_share
from analysis.figures.style import (
    DOUBLE_IN,
    FAINT,
    INK,
    PALETTE,
    SMALL_PT,
    SOFT,
    canvas,
    finish,
    fitted,
    styled,
)
from analysis.labels import labels, visible
from analysis.numbers import scale

if TYPE_CHECKING:
    from analysis.grid_findings import Tradeoff, TradeoffPoint

FIRM = 0.95
"""Share of the resamples from which on a point is filled."""
_MOST_NAMED = 20
"""So many configurations at most are named beside the plot; the table has them all."""
_SHOWN_FROM = 0.05


@styled
def draw_pareto(tradeoff: Tradeoff, *, stamp: str = "") -> Figure:
    """What is compared (less is left) against the metric (its better values up), the front as a line.

    Points that are on the front, or are on it in some of the resamples, have a number and are named at the right with
    their share. Configurations that cannot be placed are named in the note.
    """
    placed = [point for point in tradeoff.points if not point.note]
    factor, unit = scale((point.response.value for point in placed), tradeoff.response_unit)
    named = _named(placed)
    # Room for the names, and for nothing else where there are few.
    figure = canvas(DOUBLE_IN, max(2.9, 0.5 + 0.19 * (len(named) + 2)))
    axes, texts = figure.subplots(1, 2, width_ratios=(1.0, 0.72))
    front = sorted((point for point in placed if point.on_front), key=lambda point: _at(point, factor)[0])
    _line(axes, [_at(point, factor) for point in front])
    for point in placed:
        _point(axes, point, factor)
    cut = cut_share(axes, tradeoff.metric, [point.metric for point in placed])
    if tradeoff.better == "lower":
        axes.invert_yaxis()
    _number(axes, [_at(point, factor) for point in named])
    axes.set_xlabel(fitted(f"{tradeoff.response}{f', {unit}' if unit else ''}", 3.6))
    axes.set_ylabel(fitted(f"{visible(tradeoff.metric)}{f', {tradeoff.unit}' if tradeoff.unit else ''}", 2.4))
    axes.grid()
    _list(texts, named, tradeoff)
    return finish(figure, legend=_handles(placed, tradeoff), notes=[_note(tradeoff, placed, named, cut)], stamp=stamp)


def _named(placed: list[TradeoffPoint]) -> list[TradeoffPoint]:
    """Those on the front, then those that are on it in some resamples; in the order of what is compared."""
    shown = [point for point in placed if point.on_front or (point.share or 0.0) >= _SHOWN_FROM]
    shown.sort(key=lambda point: (not point.on_front, -(point.share or 0.0)))
    return sorted(shown[:_MOST_NAMED], key=lambda point: point.response.value or 0.0)


def _at(point: TradeoffPoint, factor: float) -> tuple[float, float]:
    return (point.response.value or 0.0) / factor, point.metric.value or 0.0


def _line(axes: Axes, front: list[tuple[float, float]]) -> None:
    """The front as steps: between two of its points nothing is better than the left one's metric."""
    if not front:
        return
    xs, ys = zip(*front, strict=True)
    axes.step(xs, ys, where="post", color=INK, lw=0.9, zorder=2)


def _point(axes: Axes, point: TradeoffPoint, factor: float) -> None:
    x, y = _at(point, factor)
    colour = PALETTE[0] if point.on_front else FAINT
    line: dict[str, Any] = {"color": colour, "lw": 0.8, "alpha": 1.0 if point.on_front else 0.55, "zorder": 3}
    for estimate, along in ((point.response, True), (point.metric, False)):
        if estimate.low is not None and estimate.high is not None:
            if along:
                axes.plot([estimate.low / factor, estimate.high / factor], [y, y], **line)
            else:
                axes.plot([x, x], [estimate.low, estimate.high], **line)
    firm = point.on_front and (point.share is None or point.share >= FIRM)
    marker = "o" if point.on_front else "s"
    face = colour if firm else "white"
    size = 5.0 if point.on_front else 3.4
    axes.plot([x], [y], marker, ms=size, mfc=face, mec=colour, mew=0.9, zorder=5)


def _number(axes: Axes, places: list[tuple[float, float]]) -> None:
    """Number the points; those whose numbers would lie upon one another have theirs side by side, at the first."""
    axes.get_xlim(), axes.get_ylim()  # the limits are settled only when they are asked for
    groups: list[tuple[float, float, list[int]]] = []
    for number, place in enumerate(places, start=1):
        x, y = axes.transData.transform(place) * 72 / axes.figure.dpi
        near = next((them for gx, gy, them in groups if abs(x - gx) < 1.2 * SMALL_PT and abs(y - gy) < SMALL_PT), None)
        if near is None:
            groups.append((x, y, near := []))
        near.append(number)
    for _, _, them in groups:
        axes.annotate(
            ", ".join(map(str, them)),
            places[them[0] - 1],
            xytext=(-3, 3),
            textcoords="offset points",
            fontsize=SMALL_PT,
            ha="right",
            zorder=7,
            path_effects=[withStroke(linewidth=2, foreground="white")],  # the front's line may go through it
        )


def _list(axes: Axes, named: list[TradeoffPoint], tradeoff: Tradeoff) -> None:
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(max(len(named) + 1, 12), -0.5)
    head = "on the front in % of the resamples" if tradeoff.resamples else "on the front"
    axes.text(0.0, 0, head, fontsize=SMALL_PT, color=SOFT, va="center")
    # Told apart from those that are not named, too: what the named ones share is no matter of course.
    shown = labels([point.configuration for point in tradeoff.points], width=38, lines=1)
    for place, point in enumerate(named, start=1):
        share = "" if point.share is None else f"{100 * point.share:.0f} %"
        weight = "bold" if point.on_front else "normal"
        axes.text(0.05, place, str(place), fontsize=SMALL_PT, ha="right", va="center", fontweight=weight)
        axes.text(0.19, place, share, fontsize=SMALL_PT, ha="right", va="center")
        axes.text(0.22, place, shown[point.configuration], fontsize=SMALL_PT, va="center")


def _handles(placed: list[TradeoffPoint], tradeoff: Tradeoff) -> list[Line2D]:
    def handle(text: str, colour: str, marker: str, face: str) -> Line2D:
        return Line2D([], [], ls="none", marker=marker, ms=4.5, mfc=face, mec=colour, mew=0.9, label=text)

    blue = PALETTE[0]
    if not tradeoff.resamples:
        found = [handle("on the front", blue, "o", blue)]
    else:
        firm = [point for point in placed if point.on_front and (point.share or 0.0) >= FIRM]
        loose = [point for point in placed if point.on_front and point not in firm]
        found = [handle(f"on the front in {100 * FIRM:g} % of the resamples or more", blue, "o", blue)] if firm else []
        found += [handle("on the front, in fewer", blue, "o", "white")] if loose else []
    beaten = any(not point.on_front for point in placed)
    return [*found, *([handle("beaten by another", FAINT, "s", "white")] if beaten else [])]


def _note(tradeoff: Tradeoff, placed: list[TradeoffPoint], named: list[TradeoffPoint], cut: str) -> str:
    notes = [
        f"Less is left, better {visible(tradeoff.metric)} is up. Means with their intervals, each for itself.",
        cut,
        "" if tradeoff.resamples else f"{tradeoff.note[:1].upper()}{tradeoff.note[1:]}.",
        "" if tradeoff.declared else "Exploratory: the protocol declares no trade-off.",
    ]
    front = sum(point.on_front for point in placed)
    if front > len(named):
        notes.append(f"{len(named)} of the {front} on the front are named; the table has them all.")
    unplaced = [point for point in tradeoff.points if point.note]
    if unplaced:
        names = ", ".join(f"{visible(point.configuration)} ({point.note})" for point in unplaced[:3])
        more = f" and {len(unplaced) - 3} more" if len(unplaced) > 3 else ""
        notes.append(f"Not placed: {names}{more}.")
    return " ".join(note for note in notes if note)
