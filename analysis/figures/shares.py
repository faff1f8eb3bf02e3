"""Axes of metrics that are shares: they end at 0 and at 1, whatever the interval of a mean of few values."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from matplotlib.axes import Axes

from analysis.findings import Estimate
from analysis.labels import visible

_SHARE = re.compile(
    r"accuracy|agreement|precision|recall|sensitivity|specificity|(^|_)(f1|auc|auroc|iou|top_?[15])(_|$)"
)
_ROOM = 0.02
"""Beyond the limit, so that a mark on it is drawn whole."""


def share_limit(metric: str, values: Iterable[float | None]) -> float | None:
    """The most that ``metric`` can be, 1 or 100 (per cent), where name and ``values`` tell a share; else None."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known or not _SHARE.search(metric.lower()) or min(known) < 0 or max(known) > 100:
        return None
    return 1.0 if max(known) <= 1 else 100.0


def share_range(limit: float | None, scores: Iterable[Estimate]) -> tuple[float, float] | None:
    """Both ends of the axis of a share where an interval in ``scores`` goes beyond what a share can be; else None.

    Only such an interval is cut: an axis of values between 0.80 and 0.83 stays as close as it was.
    """
    ends = [end for item in scores for end in (item.low, item.high) if end is not None]
    if limit is None or not ends or (min(ends) >= 0 and max(ends) <= limit):
        return None
    return -_ROOM * limit, (1 + _ROOM) * limit


def cut_share(axes: Axes, metric: str, scores: list[Estimate]) -> str:
    """End the vertical axis of a share where an interval goes beyond 0 and its limit, and say so; else "" is said."""
    limit = share_limit(metric, (item.value for item in scores))
    ends = share_range(limit, scores)
    if ends is None:
        return ""
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, ends[0]), min(high, ends[1]))
    return said_of(metric, limit)


def said_of(metric: str, limit: float | None) -> str:
    """That bars end where a share does."""
    return f"Intervals of {visible(metric)} are drawn up to what it can be, 0 to {limit:g}; the table has them whole."
