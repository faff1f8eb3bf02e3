"""What a pilot tells about a night that is planned. Part of ``nightwatt plan``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.estimates import Estimate
    from analysis.load import Night
    from analysis.power.coming import Ahead
    from analysis.power.pilot import Contrast
    from harness.plan import Plan
    from harness.protocol import Protocol

MOST_ROWS = 12
"""Of comparisons; of more, those that scatter most are shown."""


@dataclass(frozen=True)
class Piloted:
    """What the pilot tells of the coming night."""

    ahead: Ahead
    run_s: float | None
    """Mean length of a run's workload; None where the pilot does not tell it."""
    energy: Estimate
    """Of the night's windows."""
    how: str
    """By what length and energy are told."""


def piloted(protocol: Protocol, plan: Plan, folder: Path) -> Piloted:
    """Read the night in ``folder`` as the pilot of ``plan``; raises NightFolderError where it is none."""
    from analysis.load import load
    from analysis.power.coming import before
    from harness.host import anonymous_id, cpu_model

    night = load(folder)
    ahead = before(night, protocol, plan, here={"id": anonymous_id(), "cpu": cpu_model()})
    cost = ahead.cost
    if not cost.unknown:
        return Piloted(ahead, cost.run_s, cost.energy, "by the pilot's runs of the same configurations")
    found = _by_regression(night, protocol, plan)
    if found is None:
        why = (
            f"{len(cost.unknown)} of {len(plan.configurations)} configurations are not in the pilot, and its runs mark"
            " no epochs by which they could be foretold"
        )
        return Piloted(ahead, None, cost.energy, why)
    return Piloted(ahead, *found, "partly foretold (PRE, docs/estimating.md): not every configuration is in the pilot")


def _by_regression(night: Night, protocol: Protocol, plan: Plan) -> tuple[float | None, Estimate] | None:
    """Length and energy where the pilot has not every configuration; None where its runs mark no epochs."""
    from harness.errors import UsageError
    from nightwatt.estimate import LEVEL, seen_in
    from nightwatt.foretelling import foretold

    try:
        seen = seen_in([night])
    except UsageError:
        return None
    found = foretold([night], seen, protocol, plan, epochs=None, level=LEVEL)
    return found.run_s, found.energy


def cost_lines(found: Piloted) -> Iterator[str]:
    """The night's length as the pilot went, and its energy."""
    from analysis.numbers import scale, significant
    from harness.view import duration

    if found.ahead.cost.as_piloted_s is not None:
        yield f"As the pilot's runs and waits went: {duration(found.ahead.cost.as_piloted_s)}"
    elif found.run_s is None:
        yield f"By the pilot its length cannot be told: {found.how}"
    energy = found.energy
    if energy.value is None:
        how = f"; {found.how}" if found.ahead.cost.unknown else ""
        yield f"Energy: cannot be told by the pilot ({energy.note}{how})"
        return
    factor, unit = scale([energy.value], "J")
    edges = ""
    if energy.low is not None and energy.high is not None:
        edges = f" [{significant(energy.low / factor, 3)}, {significant(energy.high / factor, 3)}]"
    stamp = "REHEARSAL; " if found.ahead.rehearsal else ""
    stamp += "modelled, not measured; " if found.ahead.quality == "modelled" else ""
    yield (
        f"Energy: {significant(energy.value / factor)}{edges} {unit} in the windows of all runs that count ({stamp}"
        f"{found.how})"
    )


def effect_lines(ahead: Ahead, *, whole: bool) -> Iterator[str]:
    """What the night will see, and how many runs it needs, by the pilot's scatter; nothing where none is told."""
    from analysis.labels import shortened
    from analysis.power.listing import name
    from analysis.statistics.families import FIRST
    from nightwatt.power import needs_cell, percent, seen

    told = sorted(
        (item for item in ahead.contrasts if item.scatter.deviation is not None),
        key=lambda item: -(item.scatter.deviation or 0.0),
    )
    if not told:
        return
    shown = told if whole or len(told) <= MOST_ROWS else told[:MOST_ROWS]
    family = "" if ahead.comparisons == 1 else f", over {ahead.comparisons} comparisons ({FIRST[ahead.correction]})"
    kind = "pairs in blocks, CV within blocks" if ahead.paired else "independent runs, CV between runs"
    often = "9 nights of 10" if ahead.power == 0.9 else f"{percent(ahead.power)} of nights"
    yield ""
    yield f"Smallest difference found in {often}, alpha {ahead.alpha:g}{family}; {kind}:"
    yield f"  by the scatter of the pilot, with the {percent(ahead.level)} interval that it leaves"
    rows = [("", "CV", f"with {ahead.runs} runs", *(f"runs for {100 * effect:g} %" for effect in ahead.effects))]
    for item in shown:
        mark = "*" if item.borrowed else ""
        called = shortened(name(item), 40) + mark
        scatter = f"{percent(item.scatter.deviation)} [{percent(item.low)}, {percent(item.high)}]"
        sees = "nothing: see below" if item.seen is None else seen(item.seen)
        rows.append((called, scatter, sees, *(needs_cell(need) for need in item.needed)))
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        yield "  " + "   ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
    if len(shown) < len(told):
        yield f"  … {len(told) - len(shown)} more that scatter less (--all shows them)"
    yield from _footnotes(shown, [item for item in ahead.contrasts if item.scatter.deviation is None])


def _footnotes(shown: Sequence[Contrast], untold: Sequence[Contrast]) -> Iterator[str]:
    for whose in dict.fromkeys(item.borrowed for item in shown if item.borrowed):
        yield f"  * not its own scatter, but that of {whose}"
    yield "  After the arrow: has the power asked for after 80 % of such pilots, not after half of them."
    for note in dict.fromkeys(item.scatter.note for item in untold):
        yield f"  Of {sum(item.scatter.note == note for item in untold)} comparisons nothing is told: {note}"


def caution_lines(ahead: Ahead) -> Iterator[str]:
    """In what pilot and protocol differ, and what the pilot cannot tell."""
    from harness.view import printable

    yield ""
    yield f"Pilot: {printable(ahead.title)}; {ahead.response}"
    if ahead.rehearsal:
        yield "  - REHEARSAL: the scatter of a simulated sensor says nothing about a machine."
    elif ahead.quality == "modelled":
        yield "  - MODELLED, not measured: a model's scatter is not that of the energy."
    if ahead.worst is None:
        yield "  - It tells no scatter for this protocol: what stands above is for scatters as they may be."
    for caution in ahead.cautions:
        yield f"  - {caution.message}"
        if caution.advice:
            yield f"      remedy: {caution.advice}"
    yield "  Its own difference was not used, and its runs are not added to those of the night."


def body(found: Piloted) -> dict[str, Any]:
    """The same for a program."""
    from dataclasses import asdict

    return {"energy": asdict(found.energy), "pilot": {**asdict(found.ahead), "cost_by": found.how}}
