"""What a reader must know before believing a number: each trap has a code, a sentence, and advice.

The program looks for these by itself; none of them changes a number.
"""

from __future__ import annotations

from analysis.cautions import comparison, idleness, imported, machine, measurement, meters, nights, nodes, waits
from analysis.cautions.evidence import Evidence
from analysis.findings import Caution

__all__ = ["Evidence", "cautions"]


def cautions(seen: Evidence) -> list[Caution]:
    """Every caution that this night deserves: its nature, its measurement, its comparison."""
    parts = (
        comparison.nature,
        imported.imported,
        nights.nights,
        nodes.nodes,
        comparison.cohorts,
        measurement.damage,
        measurement.energy,
        measurement.agreement,
        comparison.numbers,
        comparison.balance,
        comparison.outliers,
        comparison.spread,
        comparison.order,
        measurement.window,
        measurement.instruments,
        meters.meters,
        comparison.accuracy,
        measurement.verdicts,
        waits.gaps,
        waits.gates,
        idleness.input_bound,
        machine.machine,
    )
    return [caution for part in parts for caution in part(seen)]
