"""Rooflines in a table: rate, intensity, and the share of the roof that was reached."""

from __future__ import annotations

from analysis.findings import Findings
from analysis.listings.rows import table_of
from analysis.tables import Column, Table


def roofline(findings: Findings) -> Table:
    """One row a configuration (and device), in SI units of 10^9."""
    rows = []
    for found in findings.rooflines:
        roofs = {roof.precision: roof for roof in found.roofs}
        for point in found.points:
            roof = roofs[point.precision]
            rows.append(
                {
                    "device": found.device,
                    "configuration": point.configuration,
                    "family": point.family,
                    "precision": point.precision,
                    "n": point.n,
                    "flop_per_image": point.flop_per_image,
                    "bytes_per_image": point.bytes_per_image,
                    "intensity": point.intensity,
                    "images_per_s": point.images_per_s,
                    "rate_FLOP_per_s": point.rate_FLOP_per_s,
                    "ceiling_FLOP_per_s": roof.FLOP_per_s,
                    "ceiling_B_per_s": roof.B_per_s,
                    "share": point.share,
                    "limit": _limit(point.intensity, roof.FLOP_per_s, roof.B_per_s),
                }
            )
        rows += [
            {"device": found.device, "configuration": name, "limit": f"left out: {why}"} for name, why in found.left_out
        ]
    why = "not reported"
    ceiling = "not measured in this precision"
    columns = [
        *([Column("device", "device")] if len(findings.rooflines) > 1 else []),
        Column("configuration", "configuration"),
        Column("family", "family", missing=why),
        Column("precision", "precision", missing=why),
        Column("n", "n", "count", missing=why),
        Column("GFLOP / image", "flop_per_image", "number", 1e-9, missing=why),
        Column("MB / image", "bytes_per_image", "number", 1e-6, missing=why),
        Column("FLOP / B", "intensity", "number", digits=3, missing=why),
        Column("images / s", "images_per_s", "number", missing=why),
        Column("GFLOP/s", "rate_FLOP_per_s", "number", 1e-9, missing=why),
        Column("ceiling, GFLOP/s", "ceiling_FLOP_per_s", "number", 1e-9, missing=ceiling),
        Column("ceiling, GB/s", "ceiling_B_per_s", "number", 1e-9, missing=ceiling),
        Column("share of the roof", "share", "percent", digits=3, missing=ceiling),
        Column("the roof is", "limit"),
    ]
    notes = [
        "Medians over the runs. FLOP: 2 for each multiply-add. Bytes: each operator's tensors once in and once out, "
        "weights included, as if nothing were fused or cached; a share above 100 % says that something was. Ceilings: "
        "one large matrix product in the precision, one large copy, the highest of any run."
    ]
    return table_of("roofline", "Under the roofs of the device", rows, columns, notes)


def _limit(intensity: float, FLOP_per_s: float | None, B_per_s: float | None) -> str:
    if FLOP_per_s is None or B_per_s is None:
        return "not known"
    return "arithmetic" if intensity * B_per_s > FLOP_per_s else "memory"
