"""Ratio metrics with one number a run, as responses: what may be named as the thing that is compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from analysis.response import Response, find

if TYPE_CHECKING:
    from harness.protocol_analysis import Analysis, Ratio

JOULES_PER_KWH, JOULES_PER_WH, POINTS = 3.6e6, 3600.0, 100.0
SCALED: Mapping[str, tuple[float, float, str]] = {
    "energy_per_accuracy_point": (1.0, POINTS, "J/%"),
    "accuracy_per_kWh": (1.0, 1 / JOULES_PER_KWH, "1/kWh"),
    "percent_per_Wh": (POINTS, 1 / JOULES_PER_WH, "%/Wh"),
    "J_per_image": (1.0, 1.0, "J/image"),
    "J_per_inference": (1.0, 1.0, "J/inference"),
    "energy_delay_product": (1.0, 1.0, "J s"),
}
"""Factors on what stands above and below, and the unit."""
OF_POINTS = ("energy_per_accuracy_point", "accuracy_per_kWh", "percent_per_Wh")
NO_FRACTION = "accuracy beyond 1 is no fraction, so that its points are not known"
_PLAIN = {
    "energy_per_accuracy_point": "energy per accuracy point",
    "accuracy_per_kWh": "accuracy per kWh",
    "percent_per_Wh": "per cent of accuracy per Wh",
    "J_per_image": "energy per image",
    "J_per_inference": "energy per inference",
    "energy_delay_product": "energy-delay product",
}


def unit_of(item: Ratio, above: Response, below: Response) -> str:
    """The unit of a ratio: its own, or made of the two."""
    if item.ready:
        return SCALED[item.ready][2]
    return item.unit or f"{above.unit or above.name}/{below.unit or below.name}"


def with_ratios(found: Mapping[str, Response], runs: pd.DataFrame, analysis: Analysis) -> dict[str, Response]:
    """``found`` and beside it, by its key, the declared ratio that the plan compares; unchanged where it names none."""
    item = analysis.primary_ratio
    return dict(found) if item is None else {**found, item.key: _response(item, found, runs, analysis.accuracy)}


def _response(item: Ratio, found: Mapping[str, Response], runs: pd.DataFrame, accuracy: str) -> Response:
    names = item.parts(accuracy)
    above, below = (find(found, runs, name) for name in names)
    factors = SCALED[item.ready][:2] if item.ready else (1.0, 1.0)
    is_product = item.aggregation is None
    over, under = above.values * factors[0], below.values.reindex(above.values.index) * factors[1]
    values = over * under if is_product else (over / under).where(under != 0)
    no_points = item.ready in OF_POINTS and any(
        bool((part.values > 1).any()) for part, name in ((above, names[0]), (below, names[1])) if name == accuracy
    )
    values = values.where(pd.Series(not no_points, index=values.index))

    def why(run: str) -> str:
        if no_points:
            return NO_FRACTION
        reasons = (above.why.get(run, ""), below.why.get(run, ""), f"its {below.name} is zero")
        return next(reason for reason in reasons if reason)

    domains = (*above.domains, *(domain for domain in below.domains if domain not in above.domains))
    of_energy = next((part.label for part in (above, below) if part.domains), "")
    window = of_energy.split(" of ", 1)[1] if " of " in of_energy else ""
    name = _PLAIN[item.ready] if item.ready else item.name
    bound = None
    if above.uncertainty is not None and below.uncertainty is None:
        bound = above.uncertainty * factors[0] * under if is_product else (above.uncertainty * factors[0] / under).abs()
    return Response(
        name,
        f"{name} of {window}" if window else name,
        unit_of(item, above, below),
        values,
        {str(run): why(str(run)) if pd.isna(value) else "" for run, value in values.items()},
        domains,
        "modelled" if "modelled" in (above.quality, below.quality) else "measured",
        bound,
    )
