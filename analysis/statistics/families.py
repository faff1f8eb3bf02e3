"""How many questions were asked at once? Corrections over a declared family of tests."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from analysis.findings import Test

Correction = Literal["holm", "bonferroni", "fdr"]

_CALLED = {"holm": "holm", "bonferroni": "bonferroni", "fdr": "fdr_bh"}
NAMES = {
    "holm": "Holm's method (Holm, 1979)",
    "bonferroni": "Bonferroni's inequality (Dunn, 1961)",
    "fdr": "the false discovery rate (Benjamini and Hochberg, 1995)",
}
"""For a sentence: p values were corrected by …"""
SHORT = {"holm": "Holm", "bonferroni": "Bonferroni", "fdr": "FDR (Benjamini-Hochberg)"}

FIRST = {
    "holm": "Holm's first step",
    "bonferroni": "Bonferroni",
    "fdr": "the first step of Benjamini and Hochberg",
}
"""By what the smallest p of m is held against alpha / m: for a plan, in brackets."""


def adjust(tests: Sequence[Test], correction: Correction = "holm") -> list[Test]:
    """The tests of one family with their adjusted p; those without a p count in no family and stay as they are."""
    from statsmodels.stats.multitest import multipletests

    told = [test for test in tests if test.p is not None]
    if not told:
        return list(tests)
    gc.freeze()  # multipletests collects garbage at each call, a tenth of a second in a process with pandas
    try:
        adjusted = iter(multipletests([test.p for test in told], method=_CALLED[correction])[1])
    finally:
        gc.unfreeze()
    return [test if test.p is None else replace(test, p_adjusted=float(next(adjusted))) for test in tests]
