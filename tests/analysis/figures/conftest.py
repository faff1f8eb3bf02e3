"""Made-up runs and findings, and a reader's eye: what is cut off or written over in a figure."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis.findings import Comparison, Estimate, Group

NONE = Estimate(None, "")


def estimate(values: Any, unit: str) -> Estimate:
    values = np.asarray(values, dtype=float)
    if values.size < 2:
        return Estimate(float(values.mean()) if values.size else None, unit, n=values.size)
    half = 2 * values.std(ddof=1) / values.size**0.5
    return Estimate(
        float(values.mean()), unit, float(values.mean() - half), float(values.mean() + half), 0.95, values.size
    )


@pytest.fixture
def made_up() -> Callable[..., tuple[list[str], pd.DataFrame]]:
    """Configurations and their runs: ``count`` of them, ``blocks`` blocks, names short or long."""

    def make(count: int, blocks: int, *, long: bool = False) -> tuple[list[str], pd.DataFrame]:
        names = ["float32", "mixed_float16"][:count]
        if count > 2:
            precisions = ("float32", "mixed_float16", "bfloat16")
            names = [f"width={width},precision={name}" for width in range(1, 40) for name in precisions][:count]
        if long:
            names = [f"{name},augmentation=random-crop-and-flip,optimizer=sgd-momentum-0.9-$x_1$" for name in names]
        draw = np.random.default_rng(1)
        rows = []
        for block in range(1, blocks + 1):
            for position, place in enumerate(draw.permutation(count), start=1):
                order = len(rows) + 1
                state = "outlier" if order == 3 else "excluded" if order == 4 else "headline"
                value = 3e4 * (1 - 0.12 * place / count) * np.exp(0.004 * draw.standard_normal())
                duration = 240 * np.exp(0.002 * draw.standard_normal())
                rows.append(
                    {
                        "run": f"b{block:02d}-{position}-a1-x",
                        "configuration": names[place],
                        "block": block,
                        "position": position,
                        "order": order,
                        "started_s": 300.0 * order,
                        "value": value * (1.04 if state == "outlier" else 1.0),
                        "duration_s": duration,
                        "power_W": value / duration,
                        "accuracy": 0.46 + 0.01 * draw.standard_normal(),
                        "start_temperature_C": 40 + draw.random(),
                        "state": state,
                    }
                )
        return names, pd.DataFrame(rows)

    return make


@pytest.fixture
def compared() -> Callable[[Sequence[str], pd.DataFrame], list[Comparison]]:
    """Every configuration against the first."""

    def make(names: Sequence[str], runs: pd.DataFrame) -> list[Comparison]:
        kept = runs[runs.state == "headline"]
        found = []
        for name in names[1:]:
            parts = []
            for column in ("value", "power_W", "duration_s"):
                table = kept.pivot_table(index="block", columns="configuration", values=column)
                ratio = estimate((table[name] / table[names[0]]).dropna(), "×")
                parts.append(ratio)
            found.append(
                Comparison(
                    configuration=name,
                    baseline=names[0],
                    response="energy",
                    ratio=parts[0],
                    ratio_all=parts[0],
                    difference=NONE,
                    tests=(),
                    cohens_d=NONE,
                    hedges_g=NONE,
                    cliffs_delta=NONE,
                    pairs=parts[0].n,
                    pairs_lost=0,
                    decision="lower",
                    decision_all="lower",
                    power_ratio=parts[1],
                    duration_ratio=parts[2],
                )
            )
        return found

    return make


@pytest.fixture
def grouped() -> Callable[[Sequence[str], pd.DataFrame], list[Group]]:
    """The configurations, described."""

    def make(names: Sequence[str], runs: pd.DataFrame) -> list[Group]:
        found = []
        for name in names:
            rows = runs[(runs.configuration == name) & (runs.state == "headline")]
            metrics = {"accuracy": estimate(rows.accuracy, "")}
            mean = estimate(rows.value, "J")
            found.append(Group(name, len(rows), len(rows), 0, 0, mean, 1.0, 0.1, 1.0, 1.0, 1.0, NONE, NONE, metrics))
        return found

    return make


@pytest.fixture
def flaws() -> Callable[[Figure], list[str]]:
    """What a reader would complain of: text beyond the edge, text over text, an axis without a name."""

    def look(figure: Figure) -> list[str]:
        renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]  # Agg's canvas has one
        figure.draw(renderer)
        bounds = figure.bbox
        boxes = [(text, text.get_window_extent(renderer)) for text in _visible_texts(figure)]
        found = [
            f"cut off: {text.get_text()!r}"
            for text, box in boxes
            if box.x0 < bounds.x0 - 1 or box.y0 < bounds.y0 - 1 or box.x1 > bounds.x1 + 1 or box.y1 > bounds.y1 + 1
        ]
        for (one, box), (other, beside) in itertools.combinations(boxes, 2):
            wide = min(box.x1, beside.x1) - max(box.x0, beside.x0)
            high = min(box.y1, beside.y1) - max(box.y0, beside.y0)
            if wide > 1 and high > 1:
                found.append(f"written over: {one.get_text()!r} and {other.get_text()!r}")
        return found

    return look


def _visible_texts(figure: Figure) -> list[Text]:
    hidden: set[int] = set()
    for axes in figure.axes:
        if not axes.axison:
            hidden |= {id(text) for axis in (axes.xaxis, axes.yaxis) for text in axis.findobj(Text)}
            continue
        for axis in (axes.xaxis, axes.yaxis):
            hidden |= {id(text) for text in axis.findobj(Text)} - {id(text) for text in _drawn(axis)}
    return [
        text
        for text in figure.findobj(Text)
        if isinstance(text, Text) and text.get_visible() and text.get_text().strip() and id(text) not in hidden
    ]


def _drawn(axis: Axis) -> list[Text]:
    """The labels of an axis that lie within its limits, and its name."""
    low, high = sorted(axis.get_view_interval())
    slack = 1e-9 + 1e-6 * (high - low)
    ticks = [tick for tick in axis.get_major_ticks() if low - slack <= tick.get_loc() <= high + slack]
    labels = [label for tick in ticks for label in (tick.label1, tick.label2) if label.get_visible()]
    return [*labels, axis.label, axis.offsetText]
