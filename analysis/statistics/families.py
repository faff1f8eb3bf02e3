"""How many questions were asked at once? Corrections over a declared family of tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from analysis.findings import Test

Method = Literal["holm", "bonferroni", "fdr_bh"]


def adjust(tests: Sequence[Test], method: Method = "holm") -> list[Test]:
    """The tests of one family with their adjusted p; those without a p count in no family and stay as they are."""
    from statsmodels.stats.multitest import multipletests

    told = [test for test in tests if test.p is not None]
    if not told:
        return list(tests)
    adjusted = iter(multipletests([test.p for test in told], method=method)[1])
    return [test if test.p is None else replace(test, p_adjusted=float(next(adjusted))) for test in tests]
