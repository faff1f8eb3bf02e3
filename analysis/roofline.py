"""What limits a configuration, arithmetic or memory? Its rate against its intensity, under the device's own ceilings.

After S. Williams, A. Waterman and D. Patterson, Commun. ACM 52 (4), 2009. FLOP and bytes of an image are counted by the
workload (every operator's tensors once in and once out: what fusion saves is not taken off, so that a point's intensity
is a lower bound), images a second and ceilings are measured in the same run.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from analysis.load import Night
from analysis.response import numbers_of
from analysis.roofline_findings import Roof, Roofline, RooflinePoint

NEEDED = ("flop_per_image", "bytes_per_image", "images_per_s")
CEILINGS = ("ceiling_FLOP_per_s", "ceiling_B_per_s")
_PRECISIONS = ("float64", "float32", "tf32", "float16", "bfloat16", "int8", "int4")


def rooflines(night: Night, runs: pd.DataFrame) -> tuple[Roofline, ...]:
    """One a device that the runs of the headline report; nothing where no run reports what is needed."""
    kept = runs[runs.state == "headline"]
    if not all(_column(kept, name).notna().any() for name in NEEDED):
        return ()
    devices = _texts(kept, "device")
    return tuple(_of_device(night, str(device), kept[devices == device]) for device in dict.fromkeys(devices))


def _of_device(night: Night, device: str, kept: pd.DataFrame) -> Roofline:
    precisions = {
        str(name): _precision(rows, night.levels.get(str(name), {}))
        for name, rows in kept.groupby("configuration", sort=False)
    }
    of_run = kept.configuration.map(precisions)
    # Copies are of one kind in all precisions: the memory's ceiling is the device's.
    memory = _highest(_column(kept, CEILINGS[1]))
    roofs = {
        precision: Roof(precision, _highest(_column(kept[of_run == precision], CEILINGS[0])), memory)
        for precision in dict.fromkeys(precisions.values())
    }
    points, left_out = [], []
    for name in night.configurations:
        rows = kept[kept.configuration == name]
        if rows.empty:
            continue
        middle = {key: _column(rows, key).median() for key in NEEDED}
        lacking = [key for key, value in middle.items() if pd.isna(value) or value <= 0]
        if lacking:
            left_out.append((name, f"its runs tell no {' and no '.join(lacking)}"))
            continue
        precision = precisions[name]
        family = next(iter(dict.fromkeys(_texts(rows, "family"))), "")
        flop, moved_B, rate = (float(middle[key]) for key in NEEDED)
        roof = _roof(roofs[precision], flop / moved_B)
        points.append(RooflinePoint(name, family, precision, len(rows), flop, moved_B, rate, roof))
    return Roofline(device, tuple(points), tuple(roofs.values()), tuple(left_out))


def _roof(roof: Roof, intensity: float) -> float | None:
    if roof.FLOP_per_s is None or roof.B_per_s is None:
        return None
    return min(roof.FLOP_per_s, intensity * roof.B_per_s)


def _precision(rows: pd.DataFrame, levels: Mapping[str, object]) -> str:
    """As its runs report it, else as one of its levels names it ("onnx-float16")."""
    told = [text for text in dict.fromkeys(_texts(rows, "precision")) if text]
    if told:
        return told[0]
    words = [part for level in levels.values() for part in str(level).replace("_", "-").split("-")]
    return next((word for word in words if word in _PRECISIONS), "precision not told")


def _column(rows: pd.DataFrame, name: str) -> pd.Series[float]:
    column = f"metric.{name}"
    numbers = numbers_of(rows[column]) if column in rows and len(rows) else None
    return pd.Series(float("nan"), index=rows.index, dtype=float) if numbers is None else numbers


def _texts(rows: pd.DataFrame, name: str) -> pd.Series[str]:
    column = f"metric.{name}"
    if column not in rows:
        return pd.Series("", index=rows.index, dtype=object)
    return rows[column].map(lambda value: value if isinstance(value, str) else "")


def _highest(values: pd.Series[float]) -> float | None:
    there = values[values > 0]
    return None if there.empty else float(there.max())
