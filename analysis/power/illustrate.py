"""What a pilot tells -> the figure, and all of it as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from analysis.labels import shortened
from analysis.numbers import scale
from analysis.power.listing import curve_frame, name, noun, tables, time_scale
from analysis.power.pilot import Pilot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEM = "power-curve"


def figure(pilot: Pilot) -> Figure | None:
    """The smallest difference against runs; None where no scatter is told."""
    from analysis.figures.smallest import PerRun, Wanted, draw_smallest

    worst = pilot.worst
    if worst is None or not pilot.curve:
        return None
    curve = curve_frame(pilot).rename(columns={"smallest_pct_low": "low_pct", "smallest_pct_high": "high_pct"})
    seconds, clock = time_scale(float(curve["seconds"].max()))
    joules, unit = scale(curve["energy_J"], "J")
    cost = pilot.cost
    of = (
        f"{shortened(name(worst), 60)}, which scatters most" if len(pilot.contrasts) > 1 else shortened(name(worst), 60)
    )
    each = f" ({pilot.alpha_each:.3g} each)" if pilot.comparisons > 1 else ""
    said = [
        f"{pilot.response}. {of}: CV {100 * (worst.scatter.deviation or 0):.3g} %, {worst.n} {worst.unit}.",
        f"Found in {100 * pilot.power:g} % of nights, alpha {pilot.alpha:g}{each}. Advised: has that power after"
        f" {100 * pilot.assurance:g} % of such pilots.",
        *(
            item.message
            for item in pilot.lacks
            if item.code in ("pilot-of-one", "pilot-bounds-nothing", "pilot-of-few")
        ),
    ]
    stamp = "REHEARSAL" if pilot.rehearsal else "modelled, not measured" if pilot.quality == "modelled" else ""
    return draw_smallest(
        curve,
        [Wanted(100 * item.effect, item.runs, item.advised) for item in worst.needed],
        noun=noun(pilot),
        band=f"{100 * pilot.level:g} % interval of the pilot's scatter",
        cost=PerRun(
            None if cost.seconds is None else cost.seconds / seconds,
            clock,
            None if cost.energy_J is None else cost.energy_J / joules,
            unit,
        ),
        notes=said,
        stamp=stamp,
    )


def write_pilot(pilot: Pilot, folder: Path) -> list[Path]:
    """The tables in four formats and the figure in three, below ``folder``; the paths."""
    from analysis.figures.rendering import save
    from analysis.tables import write

    (folder / "tables").mkdir(parents=True, exist_ok=True)
    (folder / "figures").mkdir(exist_ok=True)
    paths = [path for table in tables(pilot) for path in write(table, folder / "tables").values()]
    drawn = figure(pilot)
    return paths if drawn is None else [*paths, *save(drawn, folder / "figures", STEM).values()]
