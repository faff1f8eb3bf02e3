"""What was scored -> the figure, and all of it as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from analysis.estimate.guesses import EARLY
from analysis.estimate.listing import errors, tables, windows
from analysis.estimate.scores import Scored

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEM = "estimates-by-window"


def figure(scored: Scored) -> Figure | None:
    """The error against the window; None where nothing was told."""
    from analysis.figures.windows import draw_windows

    if not scored.curve:
        return None
    table = errors(scored).frame
    levels = table[~table["method"].isin(EARLY) & table["mean_absolute_pct"].notna()]
    counts = [item.n for item in scored.curve]
    n = f"{min(counts)} to {max(counts)} runs at each window" if min(counts) < max(counts) else f"{counts[0]} runs"
    at = 100 * scored.asked.share if scored.asked.first is None else float(scored.asked.first)
    seen = scored.seen
    stamp = "REHEARSAL" if seen.rehearsal else "modelled, not measured" if seen.quality == "modelled" else ""
    said = [f"{n}. The upright line: the window of the table. Lines across: methods that see no part of the run."]
    return draw_windows(windows(scored).frame, levels, at=at, notes=said, stamp=stamp)


def write_estimates(scored: Scored, folder: Path) -> list[Path]:
    """The tables in four formats and the figure in three, below ``folder``; the paths."""
    from analysis.figures.rendering import save
    from analysis.tables import write

    (folder / "tables").mkdir(parents=True, exist_ok=True)
    (folder / "figures").mkdir(exist_ok=True)
    paths = [path for table in tables(scored) for path in write(table, folder / "tables").values()]
    drawn = figure(scored)
    return paths if drawn is None else [*paths, *save(drawn, folder / "figures", STEM).values()]
