"""nightwatt check: what this machine can measure and what is in the way, each with the remedy."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from analysis.trial import Tried
    from harness.conditions import Condition
    from harness.probe import Probe
    from harness.protocol import Protocol
    from harness.record import Channel

INDENT = 16
WIDEST = 110


def command(
    protocol: Annotated[
        str | None, typer.Argument(help="A protocol file, or the name of a shipped protocol: can it run here?")
    ] = None,
    measure: Annotated[
        float | None,
        typer.Option(
            min=2.0,
            max=600.0,
            metavar="SECONDS",
            help="Really measure so long idle, and so long under load: noise, refresh, agreement, shortest window.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON on standard output.")] = False,
) -> int:
    """Say what this machine can measure and what is in the way, each with the remedy."""
    from harness.conditions import look
    from harness.errors import ExitCode, SensorMissing
    from harness.inhibitor import awake
    from harness.probe import probe, require

    file, asked = _asked(protocol)
    found = probe(asked)
    refusal: SensorMissing | None = None
    if protocol is not None:
        try:
            require(asked, found)
        except SensorMissing as error:
            refusal = error
    with awake("looking whether sleep can be held off") as inhibited:
        conditions = look(found.facts.get("nvml", {}).get("devices", ()), inhibited=inhibited)
    tried = None
    if measure is not None:
        from nightwatt.trial import measured

        tried = measured(asked, found, measure)
    if as_json:
        _print_json(file, found, refusal, conditions, tried)
    else:
        width = min(shutil.get_terminal_size().columns, WIDEST)
        others = ["", *_not_asked(width)] if file is None else []
        machine = _conditions(conditions, width)
        verdict = _verdict(file, asked, found, refusal, width)
        print("\n".join([*_listing(asked, found, width), *others, "", *machine, "", *verdict]))
        if tried is not None:
            from nightwatt.trial import lines

            print("\n".join(["", *lines(tried, width)]))
    return ExitCode.REFUSED if refusal else ExitCode.DONE


def _asked(protocol: str | None) -> tuple[str | None, Protocol]:
    """The protocol's file and content; without one, a protocol of every source that needs no setting."""
    from harness.protocol import find
    from harness.protocol_model import (
        EnergiBridge,
        Hwmon,
        Instruments,
        LoadModel,
        Machine,
        Nvml,
        Protocol,
        Rapl,
        Sensors,
        Workload,
    )
    from nightwatt.asked import read

    if protocol is not None:
        file = find(protocol)
        return str(file), read(file)
    everything = Sensors(nvml=Nvml(), rapl=Rapl(), hwmon=Hwmon(), machine=Machine(), load_model=LoadModel())
    beside = Instruments(energibridge=EnergiBridge())
    workload = Workload(command=("true",))
    return None, Protocol(title="everything here", workload=workload, sensors=everything, instruments=beside)


def _listing(asked: Protocol, found: Probe, width: int) -> Iterator[str]:
    """Each sensor: what it gives, or why it is absent and what would help."""
    from harness.probe import instrument_settings, sensor_settings

    channels = {channel.name: channel for channel in found.channels}
    missing = {item.sensor: item for item in found.missing}
    names = dict.fromkeys([*sensor_settings(asked), *instrument_settings(asked), *found.by_sensor, *missing])
    for name in names:
        if name in found.by_sensor:
            yield from _present(name, [channels[item] for item in found.by_sensor[name]], found, width)
        elif name in missing:
            yield from _entry(name, f"absent: {missing[name].reason}", width)
            if missing[name].remedy:
                yield from _wrapped(f"remedy: {missing[name].remedy}", width)
    if not names:
        yield "This protocol names no sensors."


def _not_asked(width: int) -> Iterator[str]:
    """The sources that need a setting, and so a protocol: how to ask for each."""
    installed = "" if find_spec("codecarbon") else ' (here first: pip install "nightwatt[codecarbon]")'
    text = "Asked only where a protocol sets them; nightwatt check PROTOCOL then says what they tell:"
    yield from textwrap.wrap(text, width)
    yield from _entry("codecarbon", f'[instruments.codecarbon] country = "NLD"{installed}', width)
    yield from _entry("meter", '[sensors.meter] kind = "shelly", url = "http://ADDRESS": a wall meter', width)
    yield from _entry("slurm", "[sensors.slurm], in a task of a cluster: the node's energy as Slurm knows it", width)
    yield from _entry("constant", "[sensors.constant] power_W = 70: a rated power, modelled", width)


def _told(energetic: Sequence[Channel]) -> str:
    """Which domains a source measures, and which it has from a model: a source may have both."""
    domains: dict[bool, dict[str, None]] = {True: {}, False: {}}
    for channel in energetic:
        domains[channel.quality == "measured"][channel.domain] = None
    measured, modelled = (", ".join(domains[which]) for which in (True, False))
    parts = [f"measures {measured}"] if measured else []
    return "; ".join([*parts, f"MODELLED, not measured: {modelled}"] if modelled else parts)


def _present(name: str, channels: Sequence[Channel], found: Probe, width: int) -> Iterator[str]:
    energetic = [channel for channel in channels if channel.tells_energy]
    if not energetic:
        what = "context, no energy"
    else:
        what = _told(energetic)
    yield from _entry(name, what, width)
    if name == "nvml":
        for card in found.cards:
            yield from _wrapped(f"{card.name}, {card.uuid}, driver {card.driver}", width)
    facts = found.facts.get(name, {})
    if "program" in facts:
        yield from _wrapped(f"release {facts.get('version')}, {facts['program']}", width)
    for channel in energetic:
        yield from _wrapped(f"{channel.name}, {_each(channel.refresh_s)}: {channel.source}", width)
    context = [channel for channel in channels if channel not in energetic]
    if context:
        each = _each(context[0].refresh_s)
        yield from _wrapped(f"{', '.join(channel.name for channel in context)}, {each}", width)
    for what, why in _absent(found.facts.get(name, {})):
        yield from _wrapped(f"without {what}: {why}", width)


def _absent(facts: Any) -> Iterator[tuple[str, str]]:
    """What a sensor says that it lacks, and why."""
    for device in facts.get("devices", ()):
        yield from ((f"{device['domain']}.{what}", why) for what, why in device.get("absent", {}).items())
    yield from facts.get("absent", {}).items()
    yield from facts.get("left_out", {}).items()


def _conditions(conditions: Sequence[Condition], width: int) -> Iterator[str]:
    """What of the machine shapes the measurement: first what to mend, then what to know; nothing is changed here."""
    from harness.conditions import Worth

    yield "The machine (nothing is changed for you):"
    order = {Worth.MEND: "to mend", Worth.NOTE: "to know"}
    for worth, word in order.items():
        for item in (item for item in conditions if item.worth is worth):
            yield from _paragraph(f"{word}: {item.name}: {item.value}. {_sentence(item.effect)}", width)
            if item.command:
                yield f"    {item.command}"
    for worth, word in ((Worth.GOOD, "as it should be"), (Worth.UNKNOWN, "not known here")):
        names = [f"{item.name} ({item.value})" for item in conditions if item.worth is worth]
        if names:
            yield from _paragraph(f"{word}: {', '.join(names)}.", width)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _paragraph(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent="  ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )


def _verdict(file: str | None, asked: Protocol, found: Probe, refusal: Exception | None, width: int) -> Iterator[str]:
    """Whether the protocol can run here, or what this machine can measure altogether."""
    from harness.domains import MODELLED, choose
    from harness.record import Quality

    told = [channel for channel in found.channels if channel.tells_energy]
    measured = dict.fromkeys(channel.domain for channel in told if channel.quality is Quality.MEASURED)
    if refusal is not None:
        text = f"{file} cannot run here: {refusal.args[0]}. What would help stands above."
    elif file is not None:
        energetic = ((channel.domain, channel.origin, str(channel.quality)) for channel in told)
        choice = choose(energetic, asked.analysis.energy, asked.analysis.prefer)
        counted = [f"{source.domain} by {source.origin}" for source in choice.summed]
        how = " (MODELLED, not measured)" if choice.quality == MODELLED else ""
        text = f"{file} can run here. Its energy: {' + '.join(counted) or 'none'}{how}."
    elif measured:
        text = f"Energy can be measured here of {', '.join(measured)}."
    else:
        text = (
            "Nothing here measures energy. A protocol may ask for a model by name, and every number then says so:"
            ' [sensors] fallback = "load_model"'
        )
    yield from textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _each(seconds: float) -> str:
    return f"each {seconds:g} s" if seconds >= 1 else f"each {seconds * 1000:g} ms"


def _entry(name: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=f"  {name}".ljust(INDENT),
        subsequent_indent=" " * INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _wrapped(text: str, width: int) -> list[str]:
    return _entry("", text, width)


def _print_json(
    file: str | None, found: Probe, refusal: Exception | None, conditions: Sequence[Condition], tried: Tried | None
) -> None:
    import json
    from dataclasses import asdict

    from harness.errors import SensorMissing
    from harness.record import encode

    channels = {channel.name: asdict(channel) for channel in found.channels}
    body: dict[str, Any] = {
        "protocol": file,
        "can_run": None if file is None else refusal is None,
        "reason": refusal.what if isinstance(refusal, SensorMissing) else "",
        "remedy": refusal.remedy if isinstance(refusal, SensorMissing) else "",
        "sensors": [
            *(
                {
                    "sensor": name,
                    "present": True,
                    "channels": [channels[item] for item in names],
                    "facts": found.facts.get(name, {}),
                }
                for name, names in found.by_sensor.items()
            ),
            *(
                {"sensor": item.sensor, "present": False, "reason": item.reason, "remedy": item.remedy}
                for item in found.missing
            ),
        ],
        "energy_domains": list(found.energy_domains),
        "cards": [asdict(card) for card in found.cards],
        "conditions": [asdict(item) for item in conditions],
    }
    if tried is not None:
        from nightwatt.trial import as_json

        body["measured"] = as_json(tried)
    print(json.dumps(encode(body), ensure_ascii=False, indent=1))
