"""nightwatt: controlled, repeated energy measurements, and an answer to be believed.

::

    from nightwatt import energy, examine, figures, load, observations, study, tables

    night = load("results/2026-11-20-mixed-precision-7f3a")
    night.runs, night.phases        one row a run, one row a phase
    energy(night)                   joules by run, phase and domain
    study(night).headline           the answer, in one sentence
    examined = examine(night)       the same with its frames: runs, energy, epochs, curve
    tables(night)["comparisons"]    a table of the report; its numbers: .frame
    runs = observations(examined.runs)
    figures.draw_distribution(runs) a matplotlib Figure; docs/notebook.md has them all

Importing this package imports nothing else: each name brings its own modules when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis import figures
    from analysis.energy import energy
    from analysis.load import load
    from analysis.observations import observations
    from analysis.results import tables
    from analysis.study import examine, study

__all__ = ["energy", "examine", "figures", "load", "observations", "study", "tables"]

_HOMES = {
    "energy": ("analysis.energy", "energy"),
    "examine": ("analysis.study", "examine"),
    "figures": ("analysis.figures", ""),
    "load": ("analysis.load", "load"),
    "observations": ("analysis.observations", "observations"),
    "study": ("analysis.study", "study"),
    "tables": ("analysis.results", "tables"),
}
"""Name -> module and attribute; no attribute stands for the module itself."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home, attribute = _HOMES[name]
    module = import_module(home)
    found = getattr(module, attribute) if attribute else module
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
