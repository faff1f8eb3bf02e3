"""nightwatt plan: what a protocol would do, how long it takes, and what its design can and cannot see."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from analysis.statistics.design import Design
    from harness.forecast import Forecast
    from harness.plan import Plan, Slot
    from harness.protocol import Protocol
    from nightwatt.piloted import Piloted

SCATTERS = (0.005, 0.01, 0.02, 0.04)
"""The coefficients of variation for which the smallest effect is told."""
HEAD, TAIL = 12, 4
"""How many rows of a long order are shown."""


def command(
    protocol: Annotated[str, typer.Argument(help="A protocol file, or the name of a shipped protocol (demo).")],
    override: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key, as in design.blocks=2; may be repeated."),
    ] = None,
    run_s: Annotated[
        float | None, typer.Option("--run-s", metavar="SECONDS", min=0, help="How long a run takes, as you reckon.")
    ] = None,
    whole: Annotated[bool, typer.Option("--all", help="Show every row of a long order.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON, every slot included.")] = False,
    *,
    pilot: Annotated[
        Path | None,
        typer.Option("--pilot", metavar="NIGHT", help="By a night's runs: what it sees, needs, takes and uses."),
    ] = None,
) -> int:
    """Show order, best and worst finish clock, disk, and the smallest effect that the design can see."""
    from harness.forecast import forecast
    from harness.plan import make_plan
    from harness.protocol import find, parse_overrides
    from nightwatt.asked import read

    file, overrides = find(protocol), parse_overrides(override or [])
    asked = read(file, overrides)
    plan = make_plan(asked)
    told = None
    if pilot is not None:
        from nightwatt.piloted import piloted

        told = piloted(asked, plan, pilot)
        run_s = told.run_s if run_s is None else run_s
    ahead = forecast(asked, plan, run_s or 0.0)
    design = _design(asked, plan)
    if as_json:
        head = {"protocol_file": str(file), "overrides": overrides, "run_s": run_s}
        if told is not None:
            from nightwatt.piloted import body

            head |= body(told)
        _print_json(plan, ahead, design, head)
    else:
        now_s = time.time()
        lines = [
            *_head(asked, plan, file, overrides),
            *_order(plan, whole),
            *_length(asked, ahead, run_s, now_s),
            *_on_cluster(asked, plan, run_s),
            *_results(asked),
            *(_effects(design) if told is None else _by_pilot(design, told, whole=whole)),
            *_cautions(design),
        ]
        print("\n".join(lines))
    return 0


def _by_pilot(design: Design, told: Piloted, *, whole: bool) -> Iterator[str]:
    from nightwatt.piloted import caution_lines, cost_lines, effect_lines

    yield from cost_lines(told)
    yield from effect_lines(told.ahead, whole=whole) if told.ahead.worst is not None else _effects(design)
    yield from caution_lines(told.ahead)


def _design(protocol: Protocol, plan: Plan) -> Design:
    from analysis.statistics.design import Design

    analysis = protocol.analysis
    aim = analysis.equivalence
    cells = Counter(analysis.cell(item.levels) for item in plan.configurations)
    return Design(
        configurations=len(plan.configurations),
        runs=protocol.design.blocks,
        order=protocol.design.order,
        alpha=analysis.alpha,
        baseline=analysis.baseline is not None and analysis.family != "pairs",
        named=analysis.baseline is not None,
        outlier_rule=analysis.outliers.rule,
        outlier_threshold=analysis.outliers.threshold,
        ddof=analysis.outliers.ddof,
        margin=aim.margin if aim is not None else None,
        margin_of_ratio=aim is not None and aim.scale == "ratio",
        margin_metric=aim.metric if aim is not None else "",
        one_seed=protocol.design.workload_seed == "fixed",
        classic=analysis.recipe == "classic",
        rank=analysis.test == "rank",
        cells=sum(count > 1 for count in cells.values()) if analysis.within else 1,
        largest_cell=max(cells.values(), default=None) if analysis.within else None,
        within=" and ".join(analysis.within),
        correction=analysis.correction,
    )


def _head(protocol: Protocol, plan: Plan, file: Path, overrides: Mapping[str, Any]) -> Iterator[str]:
    from harness.protocol_refusals import shown

    yield protocol.title
    yield f"  {file}"
    for key, value in overrides.items():
        yield f"  --set {key}={shown(value)}"
    discarded = sum(slot.block == 0 for slot in plan.slots)
    runs, k = len(plan.slots) - discarded, len(plan.configurations)
    yield ""
    yield (
        f"{_count(k, 'configuration')} x {protocol.design.blocks} = {_count(runs, 'run')}"
        + (f", after {_count(discarded, 'discarded run')}" if discarded else "")
        + f"; order {plan.order}, seed {plan.seed}; workload seeds {protocol.design.workload_seed}"
    )


def _order(plan: Plan, whole: bool) -> Iterator[str]:
    rows = [("slot", "configuration", "run of it", "seed", ""), *(_row(slot) for slot in plan.slots)]
    left_out = 0 if whole else max(0, len(plan.slots) - HEAD - TAIL)
    shown = rows if not left_out else [*rows[: HEAD + 1], *rows[-TAIL:]]
    widths = [max(len(row[column]) for row in shown) for column in range(4)]
    yield ""
    for index, row in enumerate(shown):
        if left_out and index == HEAD + 1:
            yield f"  … {left_out} more (--all shows them)"
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)).rstrip()


def _row(slot: Slot) -> tuple[str, str, str, str, str]:
    remarks = [*(["discarded"] if slot.block == 0 else []), *(["idle power first"] if slot.baseline else [])]
    return slot.key, slot.configuration, str(slot.replicate), str(slot.seed), ", ".join(remarks)


def _length(protocol: Protocol, ahead: Forecast, run_s: float | None, now_s: float) -> Iterator[str]:
    from harness.shift import Clock, Shift
    from harness.view import duration

    best = (
        f"every run takes {round(run_s, 2):g} s"
        if run_s is not None
        else "waits only, runs of 0 s; --run-s SECONDS says more"
    )
    worst = f"every run and every wait up to its limit (workload.timeout_s = {protocol.workload.timeout_s:g})"
    repeats = f"repeats are not counted (up to night.attempts = {protocol.night.attempts} a slot)"
    hours = Shift(protocol.night, Clock())
    yield ""
    if str(hours):
        yield f"Hours of a session begun now: {hours}; what does not fit is left for nightwatt resume"
    now_s = now_s if hours.begin_s is None else hours.begin_s
    begun = "started now:  " if hours.begin_s is None else "begun then:   "
    yield f"Finish, {begun}best  {_when(now_s, ahead.best_s)}, in {duration(ahead.best_s)}: {best}"
    yield f"                      worst {_when(now_s, ahead.worst_s)}, in {duration(ahead.worst_s)}: {worst}"
    yield f"                      {repeats}"
    yield (
        f"Disk: {_size(ahead.best_B)} to {_size(ahead.worst_B)}, and up to {_size(ahead.largest_run_B)} for the run in"
        " progress; reckoned for one card and one processor package where the protocol names none"
    )


def _on_cluster(protocol: Protocol, plan: Plan, run_s: float | None) -> Iterator[str]:
    """What a task of a cluster takes, where one executes the night."""
    from harness.engines.limits import need
    from harness.view import duration

    slurm = protocol.engine.slurm if protocol.engine else None
    if slurm is None:
        return
    needed, blocks = need(protocol, plan, run_s or 0.0), protocol.design.blocks
    at_once = f"at most {slurm.at_most} at once" if slurm.at_most else "as many at once as there are nodes"
    yield (
        f"On Slurm: {blocks} tasks, a block each with its own warm-up, {at_once}; a task takes"
        f" {duration(needed.least_s)} to {duration(needed.most_s)}, its start included. The finish above is that of one"
        " node."
    )


def _results(protocol: Protocol) -> Iterator[str]:
    """The results that the analysis asks of the workload: whether it reports them only its first run shows."""
    import difflib

    from harness.judge import RESPONSES, named_metrics

    named = []
    for name in named_metrics(protocol.analysis):
        near = difflib.get_close_matches(name, [*RESPONSES, protocol.analysis.accuracy], 1, cutoff=0.7)
        named.append(f"{name!r}" + (f" (did you mean {near[0]!r}?)" if near and near[0] != name else ""))
    if named:
        yield (
            f"Results that the workload has to report, as the analysis asks for them: {', '.join(named)}; whether it "
            "does is seen in its first run (`nightwatt trial`)"
        )


def _when(now_s: float, length_s: float) -> str:
    """The local clock; with its date where the weekday alone could be mistaken."""
    from harness.view import clock

    if length_s < 6 * 86_400:
        return clock(now_s + length_s, now_s)
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(now_s + length_s))


def _effects(design: Design) -> Iterator[str]:
    from analysis.statistics.families import FIRST

    effects = _seen_effects(design)
    if not effects:
        return
    pairs = "pairs in blocks, CV within blocks" if design.paired else "independent runs, CV between runs"
    family = "" if design.comparisons == 1 else f", over {design.comparisons} comparisons ({FIRST[design.correction]})"
    family += f" in each of {design.cells} cells" if design.cells > 1 else ""
    yield ""
    yield f"Smallest difference found in 9 nights of 10, alpha {design.alpha:g}{family}; {pairs}:"
    yield "  CV of the runs       " + "".join(f"{_percent(effect['cv'], 1):>9}" for effect in effects)
    yield f"  with {str(design.runs) + ' runs':<16}" + "".join(
        f"{_percent(effect['smallest_effect'], 2):>9}" for effect in effects
    )
    yield "  runs for 1 %         " + "".join(f"{effect['runs_for_one_percent']:>9}" for effect in effects)


def _seen_effects(design: Design) -> list[dict[str, Any]]:
    from analysis.statistics.power import runs_needed, smallest_effect

    if design.configurations < 2 or design.runs < 2:
        return []
    alpha, paired = design.alpha_each, design.paired
    return [
        {
            "cv": cv,
            "smallest_effect": smallest_effect(design.runs, cv, alpha=alpha, paired=paired),
            "runs_for_one_percent": runs_needed(0.01, cv, alpha=alpha, paired=paired),
        }
        for cv in SCATTERS
    ]


def _cautions(design: Design) -> Iterator[str]:
    from analysis.statistics.design import CANNOT, cautions

    found = cautions(design)
    for heading, chosen in (
        ("This design cannot answer everything that it asks:", [item for item in found if item.code in CANNOT]),
        ("To know beforehand:", [item for item in found if item.code not in CANNOT]),
    ):
        if chosen:
            yield ""
            yield heading
        for caution in chosen:
            yield f"  - {caution.message}"
            if caution.advice:
                yield f"      remedy: {caution.advice}"


def _print_json(plan: Plan, ahead: Forecast, design: Design, asked: Mapping[str, Any]) -> None:
    import json

    from analysis.statistics.design import CANNOT, cautions

    body = {
        **asked,
        "forecast": asdict(ahead),
        "effects": _seen_effects(design),
        "alpha_each": design.alpha_each,
        "cautions": [{**asdict(item), "cannot": item.code in CANNOT} for item in cautions(design)],
        **plan.to_json(),
    }
    print(json.dumps(body, indent=1, ensure_ascii=False, default=str))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _percent(fraction: float, digits: int) -> str:
    return f"{100 * fraction:.{digits}f} %"


def _size(size_B: float) -> str:
    units: Sequence[str] = ("B", "kB", "MB", "GB", "TB")
    step = 0
    while size_B >= 1000 and step < len(units) - 1:
        size_B /= 1000
        step += 1
    return f"{size_B:.3g} {units[step]}"
