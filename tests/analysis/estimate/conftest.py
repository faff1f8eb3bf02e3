"""Runs of known truth for the methods of foretelling, without a folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from analysis.estimate.observed import Observed, Power


@pytest.fixture(scope="session")
def observed() -> Callable[..., Observed]:
    """``observed(spans_J, spans_s, …)``: a run whose epochs fill its window; power 2 W where no seconds are given."""

    def make(spans_J: Any, spans_s: Any = None, **other: Any) -> Observed:
        joules = np.asarray(spans_J, dtype=float)
        seconds = joules / 2 if spans_s is None else np.asarray(spans_s, dtype=float)
        body: dict[str, Any] = {
            "night": "night",
            "run": f"b{other.get('block', 1):02d}-{other.get('configuration', 'a')}",
            "configuration": "a",
            "block": 1,
            "energy_J": float(joules.sum()),
            "duration_s": float(seconds.sum()),
            "whole_s": float(seconds.sum()) + 3,
            "spans_J": joules,
            "spans_s": seconds,
            "epochs_J": joules,
            "epochs_s": seconds,
            "power": Power(None, None, "no limit", "no utilisation"),
            "memory_GB": 16.0,
            "planned": None,
            "known": {"factor arm": other.get("configuration", "a")},
        }
        return Observed(**{**body, **other})

    return make
