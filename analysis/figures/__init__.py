"""The figures, one a file: frames in, a matplotlib Figure out.

::

    from nightwatt import figures

    figures.draw_distribution(runs)               violin, box and every run
    figures.draw_ratios(findings.comparisons)     forest plot of every comparison
    figures.draw_decomposition(findings.comparisons)
    figures.draw_accuracy(runs, findings.groups)  energy against accuracy
    figures.draw_power(curve, bin_s=0.5)          power over time with its band
    figures.draw_pairs(runs, findings.comparisons)
    figures.draw_epochs(figures.by_epoch(phases))
    figures.draw_energies(means)                  energy by epoch, cumulated, accuracy for each Wh
    figures.draw_rates(findings.temporal.rates)   what a further epoch costs
    figures.draw_dips(dips)                       when power falls far below the runs' own level
    figures.draw_drift(runs)
    figures.draw_interaction(findings.grid)       two factors: ratios, a line for each level
    figures.draw_heatmap(findings.grid)           ratios in every cell, missing cells with their reason
    figures.draw_pareto(findings.tradeoff)        a metric against energy, and how firm the front is
    figures.draw_agreement(study.agreement, findings.agreements)    Bland-Altman, a panel for two sources of a domain
    figures.save(figure, folder, "name")          SVG, PDF and PNG, the same bytes each time

Each function says in its docstring which columns its frame has. matplotlib is imported when the first of them is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.figures.accuracy import draw_accuracy
    from analysis.figures.agreement import draw_agreement
    from analysis.figures.dips import draw_dips
    from analysis.figures.distribution import draw_distribution
    from analysis.figures.drift import draw_drift
    from analysis.figures.energies import draw_energies, draw_rates
    from analysis.figures.epochs import by_epoch, draw_epochs
    from analysis.figures.heatmap import draw_heatmap
    from analysis.figures.interaction import draw_interaction
    from analysis.figures.pairs import draw_pairs
    from analysis.figures.pareto import draw_pareto
    from analysis.figures.power import draw_power
    from analysis.figures.ratios import draw_decomposition, draw_ratios
    from analysis.figures.rendering import save

__all__ = [
    "by_epoch",
    "draw_accuracy",
    "draw_agreement",
    "draw_decomposition",
    "draw_dips",
    "draw_distribution",
    "draw_drift",
    "draw_energies",
    "draw_epochs",
    "draw_heatmap",
    "draw_interaction",
    "draw_pairs",
    "draw_pareto",
    "draw_power",
    "draw_rates",
    "draw_ratios",
    "save",
]

_HOMES = {
    **{f"draw_{name}": name for name in ("accuracy", "agreement", "dips", "distribution", "drift")},
    **{f"draw_{name}": name for name in ("energies", "epochs", "pairs", "power", "ratios")},
    **{f"draw_{name}": name for name in ("heatmap", "interaction", "pareto")},
    "draw_decomposition": "ratios",
    "draw_rates": "energies",
    "by_epoch": "epochs",
    "save": "rendering",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"analysis.figures.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
