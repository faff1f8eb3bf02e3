"""What `nightwatt check --measure` does: seconds of idle and of load on everything that answers, and what it says."""

from __future__ import annotations

import math
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from analysis.bystanders import Bystanders
    from analysis.trial import Trial, Tried
    from harness.events import Event
    from harness.probe import Probe
    from harness.protocol import Protocol

WORDS = {"none": "idle", "cpu": "CPU loaded", "gpu": "GPU loaded"}


def measured(asked: Protocol, found: Probe, seconds: float) -> Tried:
    """Carry the trial out in a folder that is removed again; says on standard error what it is doing."""
    from analysis.load import load
    from analysis.trial import try_out
    from harness.engines.local import Order, Watcher, begin_night
    from harness.plan import make_plan
    from harness.trial import CPU, GPU, IDLE, PHASES, trial

    stages = [IDLE, CPU, *([GPU] if found.cards else [])]
    protocol = trial(_present(asked, found), seconds, stages)
    with tempfile.TemporaryDirectory(prefix="nightwatt-trial-") as folder:
        file = Path(folder) / "trial.toml"
        file.write_text("# made by nightwatt check --measure\n", encoding="utf-8")
        order = Order(file, protocol, make_plan(protocol), Path(folder) / "out")
        ended = begin_night(order, Watcher(lambda event: _tell(event, seconds), lambda: None))
        return try_out(load(ended.folder.root), PHASES)


def lines(tried: Tried, width: int) -> Iterator[str]:
    """What was found out, for a person."""
    for stage, why in tried.failed.items():
        yield from _wrapped(f"{WORDS[stage]}: not measured, {why}", width)
    for told in dict.fromkeys((item.domain, item.origin, item.quality) for item in tried.trials):
        rows = [item for item in tried.trials if (item.domain, item.origin, item.quality) == told]
        refresh_s = min((item.refresh_s for item in rows if not math.isnan(item.refresh_s)), default=math.nan)
        how = "" if told[2] == "measured" else ", MODELLED, not measured"
        yield f"{told[0]} by {told[1]}{how}: a new value each {_time(refresh_s)}"
        for item in rows:
            yield (
                f"  {WORDS[item.stage]:<11} {_figure(item.power_W, 'W'):>8}, noise {_noise(item)},"
                f" edges {_percent(item.uncertainty)}, 1 % from {_time(item.shortest_s)} on"
            )
    yield ""
    for others in tried.bystanders:
        yield from _others(others, width)
    yield ""
    for item in tried.trials:
        if not math.isnan(item.counter_ratio):
            yield f"{WORDS[item.stage]}: {item.domain} by {item.origin}, counter over trace {item.counter_ratio:.4f}"
    for pair in tried.agreements:
        yield f"{WORDS[pair.stage]}: {pair.domain}, {pair.other} over {pair.one} {pair.ratio:.3f}"
    for lag in tried.lags:
        late = (
            f"its lag is not told ({lag.why}): its joules are those of some other moments"
            if lag.why
            else f"{lag.offset_s:.2f} s late (± {lag.uncertainty_s:.2f} s), which is taken out"
        )
        yield from _wrapped(f"{lag.domain} by {lag.origin}: {late}", width)
    if tried.cost is not None:
        cost = tried.cost
        yield from _wrapped(
            f"The sampler itself: {100 * cost.cpu_s / cost.wall_s:.2f} % of a core with its start and end, "
            f"{cost.max_rss_B / 1e6:.0f} MB, {cost.late_ticks} of {cost.ticks} readings late, "
            f"longest gap between two acts {_time(cost.longest_gap_s)}.",
            width,
        )
    yield from _window(tried, width)


def _others(found: Bystanders, width: int) -> Iterator[str]:
    """What others did in one stage, also where that was nothing."""
    if math.isnan(found.foreign_cores):
        told = ["what others did with the processors is not known"]
    else:
        # the kernel's two accounts differ by some ticks, so that nothing may come out a little below it
        told = [f"others used {max(found.foreign_cores, 0.0):.2f} cores (busy in all: {found.busy_cores:.2f})"]
    for domain, number in found.foreign_processes.items():
        told.append(f"{number:.0f} foreign processes on {domain}")
    for domain, percent in found.idle_utilisation_pct.items():
        told.append(f"{domain} {percent:.0f} % busy without us")
    yield from _wrapped(f"{WORDS[found.stage]}: {', '.join(told)}", width)
    for text in found.disturbed:
        yield from textwrap.wrap(f"  DISTURBED: {text}", width, subsequent_indent="    ", break_on_hyphens=False)
    for text in found.remarks:
        yield from textwrap.wrap(f"  {text}", width, subsequent_indent="    ", break_on_hyphens=False)


def _window(tried: Tried, width: int) -> Iterator[str]:
    """The shortest window worth measuring, or why none is proposed."""
    from analysis.trial import PRECISION

    if tried.disturbed:
        stages = " and ".join(WORDS[stage] for stage in tried.disturbed)
        yield from _wrapped(
            f"DISTURBED ({stages}): power, noise and windows above are not this machine's alone, and no shortest window"
            " is proposed. Measure again when what disturbed it has gone.",
            width,
        )
    if not tried.measures:
        yield from _wrapped("No window can be proposed: nothing here measures energy.", width)
    elif not tried.disturbed:
        yield from _wrapped(
            f"The shortest window worth measuring here is {_time(tried.shortest_s)}: from there on the edges leave at"
            f" most {100 * PRECISION:g} % of a single run's energy uncertain, by the slowest of the measured sources"
            " under load.",
            width,
        )


def as_json(tried: Tried) -> dict[str, Any]:
    """The same for a program."""
    from dataclasses import asdict

    return {**asdict(tried), "failed": dict(tried.failed), "shortest_s": tried.shortest_s, "disturbed": tried.disturbed}


def _present(asked: Protocol, found: Probe) -> Protocol:
    """The sources of a protocol that answer, and no others."""

    def without(section: Any, keep: Mapping[str, Any]) -> Any:
        gone = [name for name in type(section).model_fields if name not in (*found.by_sensor, *keep)]
        return section.model_copy(update={**dict.fromkeys(gone), **keep})

    sensors = without(asked.sensors, {"required": (), "fallback": asked.sensors.fallback})
    return asked.model_copy(update={"sensors": sensors, "instruments": without(asked.instruments, {})})


def _tell(event: Event, seconds: float) -> None:
    from harness.events import RunStarted, Trouble

    if isinstance(event, RunStarted):
        stage = event.configuration.rpartition("=")[2]
        typer.echo(f"measuring {seconds:g} s: {WORDS.get(stage, stage)} …", err=True)
    elif isinstance(event, Trouble):
        typer.echo(f"  {event.what}", err=True)


def _figure(value: float, unit: str) -> str:
    return "?" if math.isnan(value) else f"{value:.3g} {unit}" if 1e-3 < abs(value) < 100 else f"{value:.0f} {unit}"


def _noise(item: Trial) -> str:
    if math.isnan(item.noise_W):
        return "unknown: too few values"
    share = f" ({100 * item.noise_W / item.power_W:.1f} %)" if item.power_W > 0 else ""
    return f"{_figure(item.noise_W, 'W')}{share}"


def _percent(share: float) -> str:
    if math.isnan(share):
        return "?"
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def _time(seconds: float) -> str:
    if math.isnan(seconds):
        return "?"
    if seconds >= 999.5:
        return f"{seconds:.0f} s"
    return f"{seconds:.3g} s" if seconds >= 0.9995 else f"{1000 * seconds:.3g} ms"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
