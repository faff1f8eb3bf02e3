"""Spearman's rho within a configuration."""

import numpy as np
import pandas as pd

from analysis.associations import associations
from analysis.load import load
from analysis.response import Response
from analysis.study import study


def test_each_configuration_is_held_by_itself(simulate_once):
    found = study(load(simulate_once(blocks=10).path)).omnibus
    named = [test for test in found if test.name.startswith("Spearman, energy with accuracy")]
    assert ["base (p by t)", "lean (p by t)"] == [test.name.rsplit(" within ", 1)[1] for test in named]
    assert all(-1 <= test.estimate.low <= test.estimate.high <= 1 for test in named)


def rows(*parts):
    """Eligible runs: (configuration, values, others) each."""
    return pd.DataFrame(
        [
            {"run": f"{name}{place}", "configuration": name, "value": value, "other": other, "eligible": True}
            for name, values, others in parts
            for place, (value, other) in enumerate(zip(values, others, strict=True))
        ]
    )


def told(frame, level=0.95):
    values, others = (frame.set_index("run")[name].astype(float) for name in ("value", "other"))
    found = {"other": Response("other", "other", "", others, {})}
    names = tuple(frame.configuration.unique())
    energy = Response("energy", "energy", "J", values, {})
    return associations(frame, found, names, ("other",), response=energy, level=level)


def test_a_turned_sign_is_a_paradox_only_where_both_are_told_apart_from_zero():
    up = np.arange(12.0)
    clear = told(rows(("a", up, up + 100), ("b", up + 100, up)))
    assert ["Simpson's paradox" in test.note for test in clear] == [True, True]
    rng = np.random.default_rng(4)
    vague = told(rows(("a", up, rng.normal(size=12)), ("b", up, rng.normal(size=12)), ("c", up, rng.normal(size=12))))
    assert any("over all configurations together it is" in test.note for test in vague)
    assert not any("paradox" in test.note for test in vague)
