"""Whether a protocol of sound structure makes sense: its keys against one another, its commands against this machine.

Each check is a function from protocol to problems, beside the sections that it needs; a check whose sections have
faults of structure is left out, since what it would say is likely to be wrong.
"""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from harness.carbon_checks import check_carbon, check_codecarbon
from harness.channels import DOMAIN_NAME
from harness.commands import PYTHON, SEED, WORKLOADS, TemplateError, missing_programs, placeholders, values
from harness.configurations import Configuration, cross, level_text
from harness.domain_checks import check_domains
from harness.engine_checks import check_engine
from harness.errors import Problem
from harness.family_checks import check_effects, check_family, check_within
from harness.hours import REMEDY as TIME_REMEDY
from harness.hours import TimeOfDay
from harness.judging_checks import check_judging
from harness.meter_checks import check_meters
from harness.protocol_model import Protocol
from harness.ratio_checks import check_metric, check_ratios
from harness.record import MARKS_VARIABLE

RESERVED = frozenset(
    {PYTHON, WORKLOADS, SEED, "run", "slot", "block", "position", "replicate", "attempt", "configuration"}
)
"""Words that no factor may be called: placeholders of now and later, and columns of every table."""
_FACTOR = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MOST_CONFIGURATIONS = 10_000
MOST_SLOTS = 1_000_000
ENERGY_SENSORS = ("nvml", "rapl", "hwmon", "slurm", "meter", "load_model", "constant", "simulated")
TEMPERATURE_SENSORS = ("nvml", "machine", "simulated")

Problems = Iterator[Problem]


def check(protocol: Protocol, folder: Path, broken: frozenset[str] = frozenset()) -> list[Problem]:
    """Every problem of ``protocol``, whose file lies in ``folder``.

    ``broken`` names the top-level keys that are not to be trusted, and "unknown" where an unknown key may have been
    meant to hold a command.
    """
    problems: list[Problem] = []
    for needs, examine in _CHECKS:
        if broken.isdisjoint(needs):
            found = list(examine(protocol))
            problems += found
            if found and examine in _DECISIVE:
                broken |= {_DECISIVE[examine]}
    if broken.isdisjoint({"workload", "factors", "exclude", "crossing", "templates"}):
        problems += _programs(protocol, folder)
    return problems


def _factors(protocol: Protocol) -> Problems:
    for factor, levels in protocol.factors.items():
        key = f"factors.{factor}"
        if factor in RESERVED:
            yield Problem(key, "this name is reserved", remedy="give the factor another name")
        elif not _FACTOR.fullmatch(factor):
            fitting = re.sub(r"\W", "_", factor, flags=re.ASCII)
            yield Problem(
                key, "a factor's name holds letters, digits and _ only, no digit first", remedy=f"write {fitting!r}"
            )
        texts = [level_text(level) for level in levels]
        for text in sorted(text for text, count in Counter(texts).items() if count > 1):
            remedy = "name each level once; runs are repeated by design.blocks"
            yield Problem(key, f"the level {text!r} stands there more than once", remedy=remedy)
        for text in texts:
            if not text.isprintable():
                yield Problem(key, f"the level {text!r} has a character that cannot be printed")
    count = math.prod(len(levels) for levels in protocol.factors.values())
    if count > MOST_CONFIGURATIONS:
        yield Problem("factors", f"{count} configurations are too many: at most {MOST_CONFIGURATIONS}")
    elif count * protocol.design.blocks > MOST_SLOTS:
        yield Problem("design.blocks", f"{count * protocol.design.blocks} runs are too many: at most {MOST_SLOTS}")


def _exclusions(protocol: Protocol) -> Problems:
    for index, row in enumerate(protocol.exclude):
        key = f"exclude[{index}]"
        if not row:
            yield Problem(key, "it names no factor", remedy="name the levels whose combination is left out")
        for factor, level in row.items():
            if factor not in protocol.factors:
                yield Problem(f"{key}.{factor}", "no such factor", remedy=_near(factor, list(protocol.factors)))
            elif level_text(level) not in (texts := [level_text(item) for item in protocol.factors[factor]]):
                remedy = _near(level_text(level), texts)
                yield Problem(f"{key}.{factor}", "the factor has no such level", repr(level), remedy)


def _what_is_left(protocol: Protocol) -> Problems:
    if protocol.exclude and not cross(protocol.factors, protocol.exclude):
        yield Problem("exclude", "it leaves no configuration to run", remedy="exclude fewer combinations")


def _placeholders(protocol: Protocol) -> Problems:
    everywhere = [PYTHON, WORKLOADS, SEED, *protocol.factors]
    for key, template in _templates(protocol):
        try:
            names = placeholders(template)
        except TemplateError as fault:
            yield Problem(key, str(fault), repr(template), "{{ and }} stand for braces")
            continue
        known = [PYTHON, WORKLOADS] if key.startswith("warmup.") else everywhere
        for name in dict.fromkeys(names):
            if name in everywhere and name not in known:
                remedy = "the warm-up is the same for all configurations; use warmup.runs for a run of each"
                yield Problem(key, f"the warm-up cannot know {{{name}}}", repr(template), remedy)
            elif name not in known:
                near = difflib.get_close_matches(name, known, 1)
                known_here = ", ".join(f"{{{item}}}" for item in known)
                remedy = (
                    f"did you mean {{{near[0]}}}?" if near else f"known here: {known_here}; {{{{ stands for a brace"
                )
                yield Problem(key, f"unknown placeholder {{{name}}}", repr(template), remedy)


def _used_factors(protocol: Protocol) -> Problems:
    used: set[str] = set()
    for key, template in _templates(protocol):
        try:
            used |= set() if key.startswith("warmup.") else set(placeholders(template))
        except TemplateError:
            return
    for label in protocol.design.labels:
        if label not in protocol.factors:
            remedy = _near(label, list(protocol.factors))
            yield Problem("design.labels", f"{label!r} is no factor", remedy=remedy)
        elif label in used:
            remedy = f"take it out of design.labels, or {{{label}}} out of the command"
            yield Problem("design.labels", f"the label {label!r} changes the command after all", remedy=remedy)
    for factor, levels in protocol.factors.items():
        named = _FACTOR.fullmatch(factor) and factor not in RESERVED
        if named and factor not in used and factor not in protocol.design.labels:
            remedy = (
                f"use {{{factor}}} in workload.command, workload.env, prepare or cleanup; "
                f'or declare that it changes nothing: design.labels = ["{factor}"]'
            )
            texts = ", ".join(level_text(level) for level in levels)
            yield Problem(f"factors.{factor}", "this factor is used nowhere: all its levels do the same", texts, remedy)


def _names(protocol: Protocol) -> Problems:
    names = [configuration.name for configuration in cross(protocol.factors, protocol.exclude)]
    for name in sorted(name for name, count in Counter(names).items() if count > 1):
        yield Problem("factors", f"two configurations are called {name!r}", remedy="rename a level")
    baseline = protocol.analysis.baseline
    if baseline is not None and not protocol.analysis.within and baseline not in names:
        yield Problem("analysis.baseline", "no configuration has this name", repr(baseline), _near(baseline, names))


def _analysis(protocol: Protocol) -> Problems:
    analysis = protocol.analysis
    for key, text in (("metric", analysis.metric), ("accuracy", analysis.accuracy)):
        if not text.strip():
            yield Problem(f"analysis.{key}", "must not be empty")
    aim = analysis.equivalence
    if aim is not None and (aim.metric == "" or (aim.metric == "energy" and aim.scale == "difference")):
        remedy = (
            'name a result of the workload, as in {metric = "accuracy", margin = 0.02}; '
            'for energy declare a fraction, with scale = "ratio"'
        )
        what = "equivalence is shown for a metric that the workload reports, in its own unit"
        yield Problem("analysis.equivalence.metric", what, repr(aim.metric), remedy)
    if analysis.tradeoff is not None and analysis.tradeoff.metric.strip() in ("", analysis.metric):
        remedy = 'name a result of the workload, as in {metric = "accuracy", better = "higher"}'
        what = "a trade-off is between what is compared and something else"
        yield Problem("analysis.tradeoff.metric", what, repr(analysis.tradeoff.metric), remedy)


def _waits(protocol: Protocol) -> Problems:
    cooldown = protocol.cooldown
    if cooldown is not None:
        asked = cooldown.until == "temperature" or "maximum_s" in cooldown.model_fields_set
        if asked and cooldown.maximum_s < cooldown.minimum_s:
            remedy = f"maximum_s is at least minimum_s ({cooldown.minimum_s:g})"
            yield Problem("cooldown.maximum_s", "shorter than the minimum", f"{cooldown.maximum_s:g}", remedy)
    warmup = protocol.warmup
    if warmup is None:
        return
    if warmup.command is not None and warmup.duration_s == 0:
        remedy = "say how long the command runs, as in duration_s = 300"
        yield Problem("warmup.duration_s", "warmup.command is given, but no time for it", remedy=remedy)
    if warmup.command is None and warmup.duration_s > 0:
        remedy = "name what warms the machine, as in workloads/burn.py"
        yield Problem("warmup.command", f"{warmup.duration_s:g} s of warm-up, but no command for it", remedy=remedy)
    if not warmup.model_fields_set:
        yield Problem("warmup", "it asks for nothing", remedy="give command and duration_s, or runs; or leave it out")


def _hours(protocol: Protocol) -> Problems:
    for key in ("starts_at", "ends_at"):
        text = getattr(protocol.night, key)
        try:
            TimeOfDay.parse(text or "00:00")
        except ValueError as fault:
            yield Problem(f"night.{key}", str(fault), repr(text), TIME_REMEDY)
    for index, command in enumerate(protocol.night.notify):
        if not command.strip() or "\0" in command:
            yield Problem(f"night.notify[{index}]", "this is no command", repr(command))


def _sensors(protocol: Protocol) -> Problems:
    sensors = protocol.sensors
    named = [name for name in type(sensors).model_fields if name not in ("fallback", "required")]
    present = [name for name in named if getattr(sensors, name) is not None]
    for name in sensors.required or ():
        if name not in present:
            yield Problem("sensors.required", f"{name!r} is no sensor of this protocol", remedy=_near(name, present))
    instruments = protocol.instruments.model_dump(exclude_none=True)
    told = bool(set(present) & set(ENERGY_SENSORS) or sensors.fallback or instruments)
    if protocol.analysis.needs_energy and not told:
        what = "nothing in this protocol measures energy"
        yield Problem(
            "sensors", what, remedy='add [sensors.nvml] or [sensors.rapl], or [sensors] fallback = "load_model"'
        )
    if (
        protocol.cooldown is not None
        and protocol.cooldown.until == "temperature"
        and not set(present) & set(TEMPERATURE_SENSORS)
    ):
        remedy = 'add [sensors.nvml] or [sensors.machine], or wait by time: until = "time"'
        yield Problem("cooldown.until", "no sensor of this protocol reads a temperature", '"temperature"', remedy)


def _modelled(protocol: Protocol) -> Problems:
    """What is computed and not measured: under a name that a domain can have, from figures that can be."""
    constant, simulated, model = protocol.sensors.constant, protocol.sensors.simulated, protocol.sensors.load_model
    named = [("constant.domain", constant.domain)] if constant else []
    slurm = protocol.sensors.slurm
    named += [("slurm.domain", slurm.domain)] if slurm and slurm.domain is not None else []
    named += [("simulated.domains", domain) for domain in (simulated.domains if simulated else ())]
    for key, domain in named:
        if not DOMAIN_NAME.fullmatch(domain):
            remedy = "letters, digits, - and _ only, as in system or gpu0"
            yield Problem(f"sensors.{key}", "no domain can be called so", repr(domain), remedy)
    if model is not None and model.idle_W is not None and model.full_W is not None and model.full_W < model.idle_W:
        remedy = "full_W is the power at full load, idle_W that at none"
        yield Problem("sensors.load_model.full_W", f"below idle_W of {model.idle_W:g} W", f"{model.full_W:g}", remedy)


def _workload(protocol: Protocol) -> Problems:
    for key, text in (("title", protocol.title), ("workload.window", protocol.workload.window)):
        if text is not None and not text.strip():
            yield Problem(key, "must not be empty")
    for name in protocol.workload.env:
        if name == MARKS_VARIABLE:
            yield Problem(f"workload.env.{name}", "nightwatt sets this variable itself", remedy="leave it out")
        elif not name or "=" in name or "\0" in name:
            yield Problem(f"workload.env.{name}", "no environment variable can be called so")
    for key, template in _templates(protocol):
        if "\0" in template:
            yield Problem(key, "a command cannot hold the character NUL", repr(template))
        elif key.endswith("command[0]") and not template:
            yield Problem(key, "the program's name is empty")


def _programs(protocol: Protocol, folder: Path) -> Problems:
    configurations = cross(protocol.factors, protocol.exclude)
    seen: set[str] = set()
    for key, command in _commands(protocol).items():
        for filled in _fillings(key, configurations):
            for missing in missing_programs(command, filled, folder):
                if missing.element not in seen:
                    seen.add(missing.element)
                    yield Problem(key, missing.what, repr(missing.element), missing.remedy)


def _fillings(key: str, configurations: Sequence[Configuration]) -> Iterator[Mapping[str, str]]:
    if key.startswith("warmup."):
        yield values()
    else:
        yield from (values(configuration.levels, 0) for configuration in configurations)


def _commands(protocol: Protocol) -> dict[str, tuple[str, ...]]:
    reheat = protocol.cooldown.reheat if protocol.cooldown else None
    hooks = {
        "prepare": protocol.prepare, "cleanup": protocol.cleanup, "warmup": protocol.warmup, "cooldown.reheat": reheat,
    }  # fmt: skip
    named = {f"{name}.command": hook.command for name, hook in hooks.items() if hook is not None and hook.command}
    return {"workload.command": protocol.workload.command} | named


def _templates(protocol: Protocol) -> Iterator[tuple[str, str]]:
    """Every text in which placeholders may stand, with its key."""
    for key, command in _commands(protocol).items():
        yield from ((f"{key}[{index}]", element) for index, element in enumerate(command))
    yield from ((f"workload.env.{name}", template) for name, template in protocol.workload.env.items())


def _near(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    if near:
        return f"did you mean {near[0]!r}?"
    some = ", ".join(repr(item) for item in known[:8])
    return f"known here: {some}{', …' if len(known) > 8 else ''}" if known else "there is none here"


_CHECKS: tuple[tuple[frozenset[str], Callable[[Protocol], Problems]], ...] = (
    (frozenset({"factors", "design"}), _factors),
    (frozenset({"factors", "exclude", "crossing"}), _exclusions),
    (frozenset({"factors", "exclude", "crossing"}), _what_is_left),
    (frozenset({"factors"}), _placeholders),
    (frozenset({"factors", "workload", "prepare", "cleanup", "design", "unknown"}), _used_factors),
    (frozenset({"factors", "exclude", "analysis", "crossing"}), _names),
    (frozenset({"analysis"}), _analysis),
    (frozenset({"analysis"}), check_carbon),
    (frozenset({"instruments"}), check_codecarbon),
    (frozenset({"analysis"}), check_ratios),
    (frozenset({"analysis"}), check_metric),
    (frozenset({"analysis"}), check_family),
    (frozenset({"factors", "exclude", "analysis", "crossing"}), check_within),
    (frozenset({"factors", "analysis"}), check_effects),
    (frozenset({"analysis", "sensors", "instruments"}), check_domains),
    (frozenset({"cooldown", "warmup"}), _waits),
    (frozenset({"sensors", "analysis", "cooldown"}), _sensors),
    (frozenset({"sensors"}), check_meters),
    (frozenset({"judge", "cooldown"}), check_judging),
    (frozenset({"sensors"}), _modelled),
    (frozenset({"workload", "title"}), _workload),
    (frozenset({"night"}), _hours),
    (frozenset({"engine", "design"}), check_engine),
)
_DECISIVE: dict[Callable[[Protocol], Problems], str] = {
    _factors: "crossing",
    _placeholders: "templates",
    _workload: "templates",
}
"""Checks whose problems make later ones pointless, and what those then cannot rely on."""
