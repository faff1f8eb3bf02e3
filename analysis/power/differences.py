"""In what a pilot and the protocol that is planned by it differ, and what that means for what the pilot tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from analysis.findings import Caution
from analysis.labels import shortened, visible

if TYPE_CHECKING:
    from analysis.load import Night
    from analysis.study import Study
    from harness.plan import Plan
    from harness.protocol_model import Protocol

_WAITS = ("prepare", "cleanup", "cooldown", "baseline", "gates")
"""The sections of a protocol that say how long a run waits, and in what state it begins."""
_SOURCES = ("nvml", "rapl", "hwmon", "slurm", "meter")
"""Sensors that measure; the others compute, or simulate."""
_MOST_NAMES = 6


def same_configurations(night: Night, protocol: Protocol, plan: Plan) -> dict[str, str]:
    """Configuration of the plan -> that of the pilot that is the same work: equal levels, by the same command."""
    if other_work(night, protocol):
        return {}
    levels = {name: dict(of) for name, of in night.levels.items()}
    return {item.name: name for item in plan.configurations for name, of in levels.items() if of == dict(item.levels)}


def other_work(night: Night, protocol: Protocol) -> tuple[str, ...]:
    """What of the pilot's workload is not the protocol's: command, environment, window."""
    one, other = night.protocol.workload, protocol.workload
    differ = {
        "command": one.command != other.command,
        "environment": one.env != other.env,
        "window": one.window != other.window,
    }
    return tuple(name for name, is_other in differ.items() if is_other)


def same_waits(night: Night, protocol: Protocol) -> bool:
    """Whether the protocol waits between its runs as the pilot did; unknown, and so false, of others' files."""
    return not night.imported and all(getattr(night.protocol, name) == getattr(protocol, name) for name in _WAITS)


def differences(
    night: Night, coming: tuple[Protocol, Plan], study: Study, *, same: Mapping[str, str], here: Mapping[str, str]
) -> tuple[Caution, ...]:
    """Everything in which they differ that a number of runs may depend on."""
    protocol, plan = coming
    return (
        *_work(night, protocol, plan, same),
        *_machine(night, protocol, here),
        *_source(protocol, study),
        *_design(night, protocol, plan),
    )


def _work(night: Night, protocol: Protocol, plan: Plan, same: Mapping[str, str]) -> Iterator[Caution]:
    other = other_work(night, protocol)
    if other:
        yield Caution(
            "pilot-of-other-work",
            f"The pilot's workload is another ({_listed(other)}): all here is reckoned by the scatter of other work.",
            "a pilot by the command, environment and window of this protocol",
        )
        return
    missing = [item.name for item in plan.configurations if item.name not in same]
    if missing:
        yield Caution(
            "pilot-lacks-configurations",
            f"Not in the pilot: {_listed(missing)}. {'It is' if len(missing) == 1 else 'They are'} reckoned by the"
            " scatter of what the pilot has, as if all scattered alike.",
            "a pilot of every configuration, or at least of the one that is likely to scatter most",
        )


def _machine(night: Night, protocol: Protocol, here: Mapping[str, str]) -> Iterator[Caution]:
    there = str(night.host.get("cpu") or "")
    was = ", ".join(
        [there or "an unknown processor", *dict.fromkeys(gpu["name"] for gpu in night.host.get("gpus") or ())]
    )
    if protocol.engine is not None and protocol.engine.slurm is not None:
        yield Caution(
            "pilot-of-other-machine",
            f"The pilot was measured on {was}; a cluster's nodes may be others, and each block runs on its own.",
        )
    elif not night.host.get("id"):
        yield Caution(
            "pilot-of-other-machine",
            f"On which machine the pilot was measured is not recorded ({was}): scatter, time and energy are"
            " that one's.",
        )
    elif here and night.host["id"] != here.get("id"):
        yield Caution(
            "pilot-of-other-machine",
            f"The pilot was measured on another machine ({was}; this one: {here.get('cpu') or 'unknown'}): scatter,"
            " time and energy are that one's.",
            "a pilot on the machine of the night",
        )


def _source(protocol: Protocol, study: Study) -> Iterator[Caution]:
    measures = any(getattr(protocol.sensors, name) is not None for name in _SOURCES)
    if study.findings.quality == "modelled" and measures:
        yield Caution(
            "pilot-modelled",
            "The pilot's energy is modelled and this protocol asks for sensors that measure: a model's scatter is"
            " that of the load, without a sensor's noise.",
            "a pilot with the sensors of this protocol",
        )
    elif study.findings.quality == "measured" and not measures and protocol.sensors.simulated is None:
        yield Caution(
            "pilot-measured",
            "The pilot's energy is measured and nothing in this protocol measures: what is modelled scatters"
            " otherwise.",
            "name the pilot's sensors in [sensors]",
        )


def _design(night: Night, protocol: Protocol, plan: Plan) -> Iterator[Caution]:
    is_blocked = plan.order in ("blocks", "latin")
    if is_blocked and not night.blocked:
        yield Caution(
            "pilot-without-blocks",
            f"The pilot had no blocks (order {night.plan['order']}): the scatter is that of its runs about a line"
            " through the night, where a block would take off any slow drift.",
        )
    seeds = night.protocol.design.workload_seed, protocol.design.workload_seed
    if seeds[0] == "fixed" != seeds[1]:
        yield Caution(
            "pilot-of-one-seed",
            f"All runs of the pilot had one seed, here they have {seeds[1]}: the scatter that seeds bring is"
            " not in it.",
        )
    changed = [
        name for name in ("warmup", *_WAITS, "sensors") if getattr(night.protocol, name) != getattr(protocol, name)
    ]
    if changed and not night.imported:
        yield Caution(
            "pilot-of-other-conditions",
            f"Set otherwise than in the pilot: {_listed(changed)}. Runs may scatter otherwise, too.",
        )


def _listed(names: Sequence[str]) -> str:
    shown = [shortened(visible(name), 40) for name in names[:_MOST_NAMES]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
