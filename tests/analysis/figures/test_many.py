"""Figures of more configurations than a page has room for: the first ones are drawn, and that is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.figures.distribution import draw_distribution
from analysis.figures.energies import draw_energies, draw_rates
from analysis.figures.epochs import draw_epochs
from analysis.figures.panels import MOST
from analysis.figures.power import draw_power
from analysis.findings import Estimate
from analysis.temporal import EpochRate

NAMES = [f"model=net_{place},runtime=torch-float{bits}" for place in range(30) for bits in (16, 32)]
RUNS = 3


def distribution():
    rows = [(name, 100.0 + run, "headline") for name in NAMES for run in range(RUNS)]
    runs = pd.DataFrame(rows, columns=["configuration", "value", "state"])
    return draw_distribution(runs, configurations=NAMES)


def power():
    part = {"begin_s": [0.0, 1.0], "end_s": [1.0, 2.0], "power_W": 100.0, "low_W": np.nan, "high_W": np.nan, "n": RUNS}
    curve = pd.concat(pd.DataFrame(part).assign(configuration=name) for name in NAMES)
    return draw_power(curve, bin_s=1.0, configurations=NAMES)


def energies():
    part = {"epoch": [1, 2], "n": RUNS, "energy_J": 50.0, "cumulative_J": [50.0, 100.0], "efficiency": np.nan}
    frame = pd.DataFrame(part)
    for key in ("energy_J", "cumulative_J", "efficiency"):
        frame[f"{key}_low"], frame[f"{key}_high"] = np.nan, np.nan
    return draw_energies(pd.concat(frame.assign(configuration=name) for name in NAMES), configurations=NAMES)


def rates():
    slope = Estimate(0.25, "Wh/epoch", 0.24, 0.26, 0.95, RUNS)
    return draw_rates([EpochRate(name, slope, 2, 2, slope) for name in NAMES], configurations=NAMES)


def epochs():
    part = {"epoch": [1, 2], "metric": "loss", "mean": [1.0, 0.5], "low": 0.4, "high": 1.1, "n": RUNS}
    return draw_epochs(pd.concat(pd.DataFrame(part).assign(configuration=name) for name in NAMES), configurations=NAMES)


@pytest.mark.parametrize("drawn", [distribution, power, energies, rates, epochs])
def test_more_configurations_than_have_room_are_not_drawn_over_one_another(drawn, flaws):
    figure = drawn()
    assert [] == flaws(figure)
    said = " ".join(text.get_text() for text in figure.texts).replace("\n", " ")
    assert f"The first {MOST} of {len(NAMES)} configurations are drawn; the table has them all." in said
