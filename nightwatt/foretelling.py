"""What has no result yet: a night that has not begun, and a run that goes on. Part of ``nightwatt estimate``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.estimate.ahead import Coming, NightAhead
    from analysis.estimate.observed import Observed, Seen
    from analysis.estimate.running import Running
    from analysis.estimates import Estimate
    from analysis.load import Night
    from harness.plan import Plan
    from harness.protocol import Protocol
    from harness.record import Channel

Told = tuple[list[str], dict[str, Any]]
"""For a person, and for a program."""


def before_lines(
    nights: Sequence[Night], seen: Seen, asked: str, override: Sequence[str], *, epochs: int | None, level: float
) -> Told:
    """What a night of the protocol ``asked`` will use, by the nights that are over."""
    from harness.forecast import forecast
    from harness.plan import make_plan
    from harness.protocol import find, parse_overrides
    from nightwatt.asked import read

    protocol = read(find(asked), parse_overrides(list(override)))
    plan = make_plan(protocol)
    found = foretold(nights, seen, protocol, plan, epochs=epochs, level=level)
    length_s = None if found.run_s is None else forecast(protocol, plan, found.run_s).best_s
    body = {
        "title": protocol.title,
        **asdict(found),
        "night_s": length_s,
        "quality": seen.quality,
        "domains": list(seen.domains),
    }
    return list(_ahead(protocol.title, seen, found, length_s)), body


def foretold(
    nights: Sequence[Night], seen: Seen, protocol: Protocol, plan: Plan, *, epochs: int | None, level: float
) -> NightAhead:
    """What a night of this plan will use, by the runs ``seen`` in ``nights``."""
    from analysis.estimate.ahead import before

    most = None if epochs is None else float(epochs)
    return before(seen.runs, _coming(nights, protocol, plan), nights[0].host, level=level, planned=most)


def _coming(nights: Sequence[Night], protocol: Protocol, plan: Plan) -> list[Coming]:
    """Each configuration of the plan, with the configurations at hand that are the same run."""
    from analysis.estimate.ahead import Coming
    from analysis.estimate.observed import names_of
    from harness.commands import render, values

    found = []
    for configuration in plan.configurations:
        same = {
            (name, other)
            for name, night in zip(names_of(nights), nights, strict=True)
            for other, levels in night.levels.items()
            if _alike(night, protocol) and dict(levels) == dict(configuration.levels)
        }
        given = values(configuration.levels, 0)
        command = tuple(render(element, given) for element in protocol.workload.command)
        runs = sum(slot.configuration == configuration.name for slot in plan.slots if slot.block)
        found.append(Coming(configuration.name, configuration.levels, command, runs, frozenset(same)))
    return found


def _alike(night: Night, protocol: Protocol) -> bool:
    """Whether the runs of a night did what this protocol's do."""
    one, other = night.protocol.workload, protocol.workload
    return (one.command, one.env, one.window) == (other.command, other.env, other.window)


def _ahead(title: str, seen: Seen, found: NightAhead, length_s: float | None) -> Iterator[str]:
    from analysis.numbers import scale, significant
    from harness.view import duration, printable

    yield from _stamp(seen.quality, rehearsal=seen.rehearsal)
    yield f"Foretold: {printable(title)}"
    yield f"  by {len(seen.runs)} runs that are over; energy of the window ({' + '.join(seen.domains)})"
    yield ""
    factor, unit = scale([item.energy.value for item in found.configurations], "J")
    rows = [("configuration", "runs", f"energy of a run ({unit})", "a run takes", "by")]
    for item in found.configurations:
        by = f"measured ({item.energy.n})" if item.how == "measured" else item.how or "—"
        if item.error_pct is not None:
            by += f", ± {significant(item.error_pct, 2)} % on runs that it had not seen"
        whole = "—" if item.whole_s is None else duration(item.whole_s)
        energy = _number(item.energy, factor)
        rows.append((printable(item.configuration), str(item.runs), energy, whole, by))
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        yield "  " + "   ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
    for note in dict.fromkeys(item.note for item in found.configurations if item.note):
        yield f"  {printable(note)}"
    yield ""
    factor, unit = scale([found.energy.value], "J")
    why = f" ({found.energy.note})" if found.energy.note else ""
    yield f"The night's windows together: {_number(found.energy, factor)} {unit}{why}"
    if length_s is None:
        yield "The night's length cannot be told."
    else:
        yield f"The night takes {duration(length_s)} at best: shortest waits, no repeats."
    if any(item.energy.low is not None for item in found.configurations):
        yield "In brackets: where a further run lies, 95 of 100 times; for the night, the sum of its runs."


def _number(item: Estimate, factor: float) -> str:
    """A foretold number: its interval is that of a further run, and does not say how well its mean is known."""
    from analysis.numbers import significant

    value = significant(None if item.value is None else item.value / factor)
    if item.low is None or item.high is None:
        return value
    return f"{value} [{significant(item.low / factor, 3)}, {significant(item.high / factor, 3)}]"


def _stamp(quality: str, *, rehearsal: bool) -> Iterator[str]:
    if rehearsal:
        yield "REHEARSAL: what a simulated sensor uses says nothing about a machine."
    elif quality == "modelled":
        yield "MODELLED, not measured: computed, not read from a sensor."


def running_lines(nights: Sequence[Night], epochs: int | None, window: int) -> Told:
    """What the runs that go on will use; their folders are only read."""
    from analysis.estimate.observed import names_of, observe
    from harness.errors import UsageError
    from harness.record import PARTIAL, SAMPLES_CSV

    told: list[Running] = []
    going_on = {
        place: [path for path in sorted((night.path / "runs").glob(f"*{PARTIAL}")) if (path / SAMPLES_CSV).is_file()]
        for place, night in enumerate(nights)
    }
    finished = observe(nights).runs if any(going_on.values()) else ()
    names = names_of(nights)
    for place, night in enumerate(nights):
        alike = {name for name, other in zip(names, nights, strict=True) if _alike(other, night.protocol)}
        same = [run for run in finished if run.night in alike]
        told += [_running(night, folder, same, epochs, window) for folder in going_on[place]]
    if not told:
        raise UsageError(
            "no run goes on in this night",
            where=" ".join(str(night.path) for night in nights),
            remedy="give a night that is being executed; without --running, its finished runs are scored",
        )
    lines = [line for item in told for line in _going_on(item)]
    return lines, {"running": [asdict(item) for item in told]}


def _running(night: Night, folder: Path, finished: Sequence[Observed], epochs: int | None, window: int) -> Running:
    from analysis.estimate.known import planned_epochs
    from analysis.estimate.running import readings, running
    from harness.marks import read_marks
    from harness.record import MARKS_JSONL, PARTIAL, SAMPLES_CSV, RunName, slug

    marks = read_marks(folder / MARKS_JSONL, 0, 1 << 62)
    name = RunName.parse(folder.name.removesuffix(PARTIAL))
    configuration = next((item for item in night.configurations if name and name.slug == slug(item)), "")
    same = [run for run in finished if run.configuration == configuration]
    planned = float(epochs) if epochs is not None else next((run.planned for run in same if run.planned), None)
    if planned is None and configuration:
        from harness.commands import render, values

        given = values(night.levels[configuration], 0)
        command = [render(element, given) for element in night.protocol.workload.command]
        planned = planned_epochs(command, night.levels[configuration])
    analysis = night.protocol.analysis
    return running(
        folder.name.removesuffix(PARTIAL),
        marks.phases,
        _begun_ns(folder / MARKS_JSONL, night.protocol.workload.window),
        readings(folder / SAMPLES_CSV, _channels(folder)),
        finished=same,
        planned=planned,
        window=window,
        declared=analysis.energy,
        prefer=analysis.prefer,
    )


def _channels(folder: Path) -> list[Channel]:
    """What the sampler says it records; nothing where it has not said so yet."""
    from harness.channels import channel_from_json
    from harness.record import SAMPLER

    try:
        return [channel_from_json(item) for item in json.loads((folder / f"{SAMPLER}.json").read_bytes())["channels"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _begun_ns(marks: Path, window: str | None) -> int | None:
    """When the window began; None where no mark tells it."""
    try:
        lines = marks.read_bytes().splitlines()
    except OSError:
        return None
    for line in lines:
        try:
            body = json.loads(line)
        except ValueError:
            continue
        if isinstance(body, dict) and body.get("mark") == "begin" and window in (None, body.get("phase")):
            return body["t_ns"] if isinstance(body.get("t_ns"), int) else None
    return None


def _going_on(item: Running) -> Iterator[str]:
    from analysis.numbers import scale, significant
    from harness.view import duration, printable

    yield from _stamp(item.quality, rehearsal=False)
    yield f"{printable(item.run)}: {item.seen} epoch{'' if item.seen == 1 else 's'} so far"
    if item.told is None:
        yield f"  cannot be foretold: {item.why}"
        return
    told = item.told
    factor, unit = scale([told.energy_J], "J")
    whence = f"mean of {item.by_finished} finished" if item.by_finished else "the maximum"
    yield f"  used so far    {significant((item.so_far_J or 0.0) / factor)} {unit} ({' + '.join(item.domains)})"
    yield f"  STEP, energy   {significant(told.energy_J / factor)} {unit}"
    yield f"  STEP, power    {significant(told.power_J / factor)} {unit}, {significant(told.power_W)} W"
    yield f"  window takes   {duration(told.duration_s)}"
    yield f"  epochs         {significant(item.expected, 3)} ({whence})"
    if item.at_most is not None:
        yield f"  at most        {significant(item.at_most.energy_J / factor)} {unit}, without early stopping"
    settled = "" if told.settled else "; not settled yet: the start-up may go on"
    epochs = f"{told.start} epoch{'' if told.start == 1 else 's'}"
    yield f"  start-up       {epochs}, then {told.window} stable{settled}"
