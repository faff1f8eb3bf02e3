"""Simulated nights of known truth, written to disk in the exact format of a night folder.

``simulate(**settings)`` gives a :class:`SimulatedNight`: its path, and the true energy and duration of every run.
Powers are step functions whose steps lie on the sampling grid, so that the truth is exact to rounding.
"""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.protocol_model import Protocol
from harness.record import (
    PARTIAL,
    SCHEMA,
    Cause,
    Channel,
    ClockPair,
    Kind,
    Level,
    NightFolder,
    Phase,
    Quality,
    RunName,
    RunRecord,
    SamplerCost,
    Status,
    Validity,
    Verdict,
    channel_name,
    encode,
    slug,
)

BOOT_NS = 5_000_000_000_000
REALTIME_NS = 1_763_650_800_000_000_000
"""2025-11-20 15:00 UTC, the night's first moment on the wall clock."""


def write_quickly(path: Path, value: Any) -> None:
    """As ``harness.record.write_json`` does, without its fsync: nobody pulls the plug of a test."""
    path.write_text(json.dumps(encode(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


@dataclass(frozen=True)
class Beside:
    """A second source of a domain: the true power x ``scale`` with an error of its own in each run, or a constant."""

    origin: str
    domain: str = "gpu0"
    scale: float = 1.0
    share: float = 1.0
    """Of the power of the whole, as the domain has it."""
    error: float = 0.0
    """Relative standard deviation of its error from run to run."""
    constant_W: float | None = None
    quality: str = "measured"
    rate_hz: float = 5.0
    without: Sequence[str] = ()
    """Slots in which it tells nothing."""


@dataclass(frozen=True)
class Simulation:
    """What a simulated night is made of; factors multiply, slots are named like ``"b03-2"``."""

    configurations: Mapping[str, float] = field(default_factory=lambda: {"base": 1.0, "lean": 0.95})
    """Name -> factor on power; the first is the baseline unless ``analysis`` says otherwise."""
    levels: Mapping[str, Mapping[str, Any]] | None = None
    """Name -> factor levels; left out: one factor called arm."""
    blocks: int = 6
    order: str = "blocks"
    seed: int = 1
    title: str = "A simulated night"
    # ---- truth
    power_W: float = 200.0
    idle_W: float = 50.0
    train_s: float = 6.0
    duration: Mapping[str, float] = field(default_factory=dict)
    """Configuration -> factor on the duration of train."""
    duration_noise: float = 0.0
    noise: float = 0.006
    """Relative standard deviation of a run's power."""
    noise_of: Mapping[str, float] = field(default_factory=dict)
    block_noise: float = 0.0
    drift: float = 0.0
    """Relative growth of power from the first run to the last."""
    drift_shape: str = "linear"
    """linear | sqrt"""
    carry_over: Mapping[str, float] = field(default_factory=dict)
    """Previous configuration -> factor on this run's power."""
    outliers: Mapping[str, float] = field(default_factory=dict)
    """Slot -> factor on its power."""
    # ---- what went wrong
    invalid: Sequence[str] = ()
    """Slots whose first attempt is invalid and repeated."""
    lost: Sequence[str] = ()
    """Slots that stay invalid: no good attempt."""
    failed: Sequence[str] = ()
    """Slots whose workload exits with 1; valid as a measurement."""
    missing: Sequence[str] = ()
    """Slots never executed."""
    stop_after: int | None = None
    """The night ends after so many slots."""
    discarded: int = 0
    """Warm-up runs of each configuration (block 0)."""
    # ---- what is recorded
    domains: Mapping[str, float] = field(default_factory=lambda: {"gpu0": 1.0})
    """Domain -> share of the power."""
    without_domain: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Slot -> domains whose readings it lacks."""
    origin: str = ""
    """Who tells them: a sensor's name; empty as in nights of schema 1."""
    quality: str = "measured"
    beside: Sequence[Mapping[str, Any]] = ()
    """Other sources of the same or other domains, in the same runs, each as the keys of ``Beside``."""
    counter: bool = True
    counter_scale: float = 1.0
    """What the counter shows for each joule of the trace."""
    energy: bool = True
    """False: no channel of power or energy at all."""
    rate_hz: float = 20.0
    context: bool = True
    """Temperature and utilisation at 1 Hz."""
    cooldown_s: float = 2.0
    baseline_s: float = 2.0
    """Idle baseline on the first slot of each block; 0: none."""
    epochs: int = 3
    marks: bool = True
    """False: the workload left no marks."""
    accuracy: Mapping[str, float] = field(default_factory=lambda: {"base": 0.81, "lean": 0.80})
    """Configuration -> mean accuracy; a configuration without one reports none."""
    accuracy_noise: float = 0.01
    rehearsal: bool = False
    protocol: Mapping[str, Any] = field(default_factory=dict)
    """Merged into the protocol section by section."""


@dataclass(frozen=True)
class TrueRun:
    """What is true of one settled run."""

    run: str
    slot: str
    block: int
    configuration: str
    validity: str
    status: str
    train_J: Mapping[str, float]
    """Energy of train, by domain."""
    workload_J: Mapping[str, float]
    train_s: float
    power_W: float


@dataclass(frozen=True)
class SimulatedNight:
    """A night on disk and what is true of it."""

    path: Path
    settings: Simulation
    runs: tuple[TrueRun, ...]

    def usable(self) -> list[TrueRun]:
        """The runs that may enter a comparison: valid and completed."""
        return [run for run in self.runs if run.validity == "valid" and run.status == "completed"]

    def energies(self, configuration: str) -> list[float]:
        """True window energies of a configuration's usable runs in block order, all domains summed, joules."""
        return [sum(run.train_J.values()) for run in self.usable() if run.configuration == configuration]

    def folder(self, slot: str) -> Path:
        """The last attempt's folder of a slot."""
        return self.path / "runs" / [run.run for run in self.runs if run.slot == slot][-1]


@dataclass(frozen=True)
class _Slot:
    block: int
    position: int
    replicate: int
    configuration: str

    @property
    def key(self) -> str:
        return f"b{self.block:02d}-{self.position}"


@dataclass(frozen=True)
class _Piece:
    """A stretch of constant power."""

    name: str
    seconds: float
    power_W: float


@pytest.fixture
def simulate(tmp_path: Path) -> Callable[..., SimulatedNight]:
    """A factory of simulated nights below this test's own folder."""
    numbers = itertools.count(1)

    def make(**settings: Any) -> SimulatedNight:
        return write_night(tmp_path / f"night-{next(numbers)}", Simulation(**settings))

    return make


@pytest.fixture(scope="session")
def simulate_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., SimulatedNight]:
    """The same factory, but one night for equal settings and for all tests: it must not be changed."""
    made: dict[str, SimulatedNight] = {}

    def make(**settings: Any) -> SimulatedNight:
        key = repr(sorted(settings.items()))
        if key not in made:
            made[key] = write_night(tmp_path_factory.mktemp("night") / "night", Simulation(**settings))
        return made[key]

    return make


@pytest.fixture
def unrendered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report's figures are drawn but not written as SVG, PDF and PNG, which takes most of its time.

    For tests of what else stands in it.
    """
    written = {"svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>', "pdf": b"%PDF-1.4", "png": b"\x89PNG\r\n"}
    monkeypatch.setattr("analysis.drawing.render", lambda figure: written)


@pytest.fixture(scope="session")
def simulate_grid(simulate_once: Callable[..., SimulatedNight]) -> Callable[..., SimulatedNight]:
    """A factory of nights of two or three factors, as many configurations as their levels give: (15, 3) has 45."""

    def make(*sizes: int, retired: Sequence[str] = (), without: Sequence[str] = (), **settings: Any) -> SimulatedNight:
        return simulate_once(**grid_settings(*sizes, retired=retired, without=without, **settings))

    return make


GRID_LEVELS: Mapping[str, Sequence[Any]] = {
    "width": tuple(range(1, 40)),
    "precision": ("float32", "mixed_float16", "bfloat16"),
    "input": ("loader", "device"),
}
"""Power grows by 2 % a width, falls by 6 % a precision and 3 % an input; precision takes 0.4 % of each width off."""


def grid_settings(
    *sizes: int, retired: Sequence[str] = (), without: Sequence[str] = (), **settings: Any
) -> dict[str, Any]:
    """The settings of a night of ``sizes`` levels of each factor, small and quick to write.

    ``retired``: configurations whose first two runs fail and which are executed no more; ``without``: combinations that
    the protocol excludes.
    """
    factors = {name: GRID_LEVELS[name][:size] for name, size in zip(GRID_LEVELS, sizes, strict=False)}
    levels = {
        ",".join(f"{factor}={level}" for factor, level in zip(factors, key, strict=True)): dict(
            zip(factors, key, strict=True)
        )
        for key in itertools.product(*factors.values())
    }
    excluded = [levels.pop(name) for name in without]
    at = {name: [factors[factor].index(level) for factor, level in of.items()] for name, of in levels.items()}
    power = {
        name: (1 + 0.02 * place[0]) * (1 - 0.06 * place[1]) * (1 - 0.004 * place[0] * place[1])
        * (1 - 0.03 * (place[2] if len(place) > 2 else 0))
        for name, place in at.items()
    }  # fmt: skip
    body: dict[str, Any] = {
        "configurations": power,
        "levels": levels,
        "accuracy": {name: 0.6 + 0.3 * (1 - math.exp(-place[0] / 4)) - 0.004 * place[1] for name, place in at.items()},
        "blocks": 4,
        "train_s": 3.0,
        "rate_hz": 10.0,
        "epochs": 2,
        "cooldown_s": 1.0,
        "baseline_s": 0.0,
        "drift": 0.04,
        "protocol": {"exclude": excluded, "factors": {name: list(of) for name, of in factors.items()}},
        **settings,
    }
    of_slots: dict[str, list[str]] = {}
    for slot in _slots(Simulation(**body)):
        of_slots.setdefault(slot.configuration, []).append(slot.key)
    failed = [slot for name in retired for slot in of_slots[name][:2]]
    missing = [slot for name in retired for slot in of_slots[name][2:]]
    body["failed"], body["missing"] = [*settings.get("failed", ()), *failed], [*settings.get("missing", ()), *missing]
    return body


def write_night(path: Path, sim: Simulation) -> SimulatedNight:
    """Write the night that ``sim`` describes and return what is true of it."""
    folder = NightFolder(path)
    folder.runs.mkdir(parents=True)
    protocol = _protocol(sim)
    slots = _slots(sim)
    _write_plan(folder, sim, protocol, slots)
    write_quickly(
        folder.host, {"schema": SCHEMA, "hostname": "simulated", "cpu": "a simulated processor", "memory_B": 2**34}
    )
    noise = np.random.default_rng([sim.seed, 7])
    block_factor = {block: math.exp(sim.block_noise * noise.standard_normal()) for block in range(sim.blocks + 1)}
    truths: list[TrueRun] = []
    now_ns = BOOT_NS
    previous = ""
    done = slots[: sim.stop_after]
    for index, slot in enumerate(done):
        if slot.key in sim.missing:
            continue
        progress = index / max(1, len(slots) - 1)
        level = 1 + sim.drift * (progress if sim.drift_shape == "linear" else math.sqrt(progress))
        attempts = 2 if slot.key in sim.invalid else 1
        for attempt in range(1, attempts + 1):
            spread = sim.noise_of.get(slot.configuration, sim.noise)
            power_W = (
                sim.power_W
                * sim.configurations[slot.configuration]
                * level
                * block_factor[slot.block if sim.order in ("blocks", "latin") else 0]
                * sim.carry_over.get(previous, 1.0)
                * sim.outliers.get(slot.key, 1.0)
                * math.exp(spread * noise.standard_normal())
            )
            train_s = sim.train_s * sim.duration.get(slot.configuration, 1.0)
            train_s *= math.exp(sim.duration_noise * noise.standard_normal())
            invalid = slot.key in sim.lost or attempt < attempts
            accuracy = sim.accuracy.get(slot.configuration)
            if accuracy is not None:
                accuracy += sim.accuracy_noise * noise.standard_normal()
            truth, now_ns = _write_run(
                folder, sim, slot, attempt, power_W, train_s, invalid, accuracy, now_ns, 38 + 4 * progress
            )
            truths.append(truth)
            previous = slot.configuration
    return SimulatedNight(path, sim, tuple(truths))


def _protocol(sim: Simulation) -> Protocol:
    names = list(sim.configurations)
    levels = _levels(sim)
    factors: dict[str, list[Any]] = {}
    for name in names:
        for factor, level in levels[name].items():
            factors.setdefault(factor, [])
            if level not in factors[factor]:
                factors[factor].append(level)
    body: dict[str, Any] = {
        "title": sim.title,
        "workload": {"command": ["{python}", "train.py"], "window": "train" if sim.marks else None},
        "factors": factors,
        "design": {"blocks": sim.blocks, "order": sim.order, "seed": sim.seed},
        "cooldown": {"minimum_s": sim.cooldown_s},
        "baseline": {"duration_s": sim.baseline_s} if sim.baseline_s else None,
        "sensors": {"simulated": {"domains": list(sim.domains)}},
        "analysis": {"baseline": names[0]},
    }
    for section, keys in sim.protocol.items():
        body[section] = {**(body.get(section) or {}), **keys} if isinstance(keys, Mapping) else keys
    return Protocol.model_validate(body, strict=False)


def _levels(sim: Simulation) -> Mapping[str, Mapping[str, Any]]:
    return sim.levels or {name: {"arm": name} for name in sim.configurations}


def _slots(sim: Simulation) -> list[_Slot]:
    names = list(sim.configurations)
    draw = random.Random(sim.seed)
    warm = [_Slot(0, place + 1, 1, name) for place, name in enumerate(names * sim.discarded)]
    if sim.order in ("blocks", "latin"):
        slots = []
        for block in range(1, sim.blocks + 1):
            drawn = draw.sample(names, len(names))
            if sim.order == "latin":
                drawn = [names[(place + block) % len(names)] for place in range(len(names))]
            slots += [_Slot(block, place + 1, block, name) for place, name in enumerate(drawn)]
        return warm + slots
    listed = [name for name in names for _ in range(sim.blocks)]
    if sim.order == "shuffle":
        draw.shuffle(listed)
    seen: dict[str, Iterator[int]] = {name: itertools.count(1) for name in names}
    return warm + [_Slot(1, place + 1, next(seen[name]), name) for place, name in enumerate(listed)]


def _write_plan(folder: NightFolder, sim: Simulation, protocol: Protocol, slots: Sequence[_Slot]) -> None:
    folder.protocol.write_text(f'title = "{sim.title}"\n')
    levels = _levels(sim)
    write_quickly(
        folder.plan,
        {
            "schema": SCHEMA,
            "nightwatt": "0.1.0",
            "title": sim.title,
            "order": sim.order,
            "seed": sim.seed,
            "configurations": [{"name": name, "levels": dict(levels[name])} for name in sim.configurations],
            "slots": [
                {
                    "block": slot.block,
                    "position": slot.position,
                    "replicate": slot.replicate,
                    "configuration": slot.configuration,
                    "seed": slot.replicate,
                    "baseline": _has_baseline(sim, slot),
                }
                for slot in slots
            ],
            "protocol": protocol.to_json(),
            "overrides": {},
            "protocol_file": "/home/somebody/simulated.toml",
            "protocol_sha256": "0" * 64,
            "sources": [{"path": "/home/somebody/train.py", "sha256": "ab" * 32, "copied_as": "train.py"}],
            "rehearsal": sim.rehearsal,
            "created_realtime_ns": REALTIME_NS,
        },
    )


def _has_baseline(sim: Simulation, slot: _Slot) -> bool:
    if not sim.baseline_s:
        return False
    return (slot.position - 1) % (10**9 if sim.order in ("blocks", "latin") else len(sim.configurations)) == 0


def _write_run(
    folder: NightFolder,
    sim: Simulation,
    slot: _Slot,
    attempt: int,
    power_W: float,
    train_s: float,
    invalid: bool,
    accuracy: float | None,
    begin_ns: int,
    temperature_C: float,
) -> tuple[TrueRun, int]:
    failed = slot.key in sim.failed
    step = 1 / sim.rate_hz
    train_s = round(train_s / step) * step
    before = [_Piece("cooldown", sim.cooldown_s, sim.idle_W)]
    if _has_baseline(sim, slot):
        before.append(_Piece("baseline", sim.baseline_s, sim.idle_W))
    inside = [
        _Piece("setup", 1.0, 0.6 * power_W),
        _Piece("train", train_s, power_W),
        _Piece("evaluate", 0.5, 0.7 * power_W),
    ]
    pieces = [*before, *inside, _Piece("after", 0.5, sim.idle_W)]
    edges = np.rint(np.cumsum([0.0, *(piece.seconds for piece in pieces)]) / step) * step
    spans = {
        piece.name: (begin_ns + round(low * 1e9), begin_ns + round(high * 1e9))
        for piece, low, high in zip(pieces, edges, edges[1:], strict=False)
    }
    launched, exited, end_ns = spans["setup"][0], spans["evaluate"][1], spans["after"][1]
    validity = Validity.DISCARDED if slot.block == 0 else Validity.INVALID if invalid else Validity.VALID
    name = str(RunName(slot.block, slot.position, attempt, slug(slot.configuration)))
    path = folder.runs / (name + PARTIAL)
    path.mkdir()
    domains = {
        domain: share for domain, share in sim.domains.items() if domain not in sim.without_domain.get(slot.key, ())
    }
    beside = [item for keys in sim.beside if slot.key not in (item := Beside(**keys)).without]
    channels, rows = _write_samples(
        path / "samples.parquet",
        sim,
        domains,
        beside,
        np.random.default_rng([sim.seed, begin_ns]),
        begin_ns,
        edges,
        [piece.power_W for piece in pieces],
        temperature_C,
    )
    for log in ("stdout.log", "stderr.log", "marks.jsonl"):
        (path / log).write_text("")
    window = Phase("train", *spans["train"]) if sim.marks else Phase("", launched, exited)
    metrics: dict[str, Any] = {} if accuracy is None or failed else {"accuracy": accuracy, "parameters": 1000}
    record = RunRecord(
        slot=slot.key,
        block=slot.block,
        position=slot.position,
        replicate=slot.replicate,
        attempt=attempt,
        configuration=slot.configuration,
        levels=dict(_levels(sim)[slot.configuration]),
        seed=slot.replicate,
        status=Status.FAILED if failed else Status.COMPLETED,
        validity=validity,
        started_ns=begin_ns,
        ended_ns=end_ns,
        started_realtime_ns=REALTIME_NS + begin_ns - BOOT_NS,
        exit_code=1 if failed else 0,
        reason="the workload exited with 1" if failed else "",
        launched_ns=launched,
        exited_ns=exited,
        window=None if failed else window,
        stages=(*(Phase(piece.name, *spans[piece.name]) for piece in before), Phase("workload", launched, exited)),
        phases=_phases(sim, spans, accuracy) if sim.marks else (),
        metrics=metrics,
        channels=tuple(channels),
        rows=rows,
        clock=tuple(ClockPair(at, at - BOOT_NS + REALTIME_NS, at) for at in range(begin_ns, end_ns, 1_000_000_000)),
        sampler=SamplerCost(0.01, (end_ns - begin_ns) / 1e9, rows, 0, 0.06, 17_000_000),
        verdicts=(
            (Verdict("foreign_load", Cause.MEASUREMENT, Level.INVALID, 0.4, 0.1, "cores", "another process ran"),)
            if invalid
            else ()
        ),
        start_temperature_C=dict.fromkeys(domains, temperature_C) if sim.context else {},
        gap_s=sim.cooldown_s,
        command=("python", "train.py"),
        rehearsal=sim.rehearsal,
    )
    write_quickly(path / "run.json", record.to_json())
    path.rename(folder.runs / name)
    truth = TrueRun(
        run=name,
        slot=slot.key,
        block=slot.block,
        configuration=slot.configuration,
        validity=str(validity),
        status=str(record.status),
        train_J={domain: share * power_W * train_s for domain, share in domains.items()},
        workload_J={
            domain: share * sum(piece.power_W * piece.seconds for piece in inside) for domain, share in domains.items()
        },
        train_s=train_s,
        power_W=power_W,
    )
    return truth, end_ns


def _phases(sim: Simulation, spans: Mapping[str, tuple[int, int]], accuracy: float | None) -> tuple[Phase, ...]:
    begin, end = spans["train"]
    cuts = [begin + (end - begin) * epoch // sim.epochs for epoch in range(sim.epochs + 1)] if sim.epochs else []
    epochs = tuple(
        Phase(
            f"epoch {number}",
            low,
            high,
            {"loss": 2.0 / number, **({} if accuracy is None else {"accuracy": accuracy * number / sim.epochs})},
        )
        for number, (low, high) in enumerate(itertools.pairwise(cuts), start=1)
    )
    return (Phase("setup", *spans["setup"]), Phase("train", begin, end), *epochs, Phase("evaluate", *spans["evaluate"]))


def _named(origin: str, domain: str, quantity: str) -> str:
    return channel_name(origin, domain, quantity) if origin else f"{domain}.{quantity}"


def _told_beside(
    item: Beside, errors: np.random.Generator, edges: np.ndarray[Any, Any], cumulative: np.ndarray[Any, Any]
) -> tuple[Channel, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    step = 1 / item.rate_hz
    times_s = np.arange(1, round(edges[-1] * item.rate_hz) + 1) * step
    joules = np.interp(np.concatenate([[0.0], times_s]), edges, cumulative)
    power_W = item.share * item.scale * (1 + item.error * errors.standard_normal()) * np.diff(joules) / step
    if item.constant_W is not None:
        power_W = np.full(times_s.size, item.constant_W)
    name = channel_name(item.origin, item.domain, "power_W")
    quality, source = Quality(item.quality), f"simulated {item.origin}"
    channel = Channel(name, "W", Kind.MEAN, item.domain, quality, source, step, step, origin=item.origin)
    return channel, times_s, power_W


def _write_samples(
    path: Path,
    sim: Simulation,
    domains: Mapping[str, float],
    beside: Sequence[Beside],
    errors: np.random.Generator,
    begin_ns: int,
    edges: np.ndarray[Any, np.dtype[np.float64]],
    powers_W: Sequence[float],
    temperature_C: float,
) -> tuple[list[Channel], int]:
    count = round(edges[-1] * sim.rate_hz)
    times_s = np.arange(1, count + 1) / sim.rate_hz
    cumulative = np.concatenate([[0.0], np.cumsum(np.diff(edges) * powers_W)])
    joules = np.interp(np.concatenate([[0.0], times_s]), edges, cumulative)
    quality = Quality(sim.quality)
    parts: list[tuple[Channel, np.ndarray[Any, Any], np.ndarray[Any, Any]]] = []
    for domain, share in domains.items() if sim.energy else ():
        source = "simulated trace" if quality is Quality.MEASURED else "load model"
        name, step, origin = _named(sim.origin, domain, "power_W"), 1 / sim.rate_hz, sim.origin
        trace = Channel(name, "W", Kind.MEAN, domain, quality, source, step, step, origin=origin)
        parts.append((trace, times_s, share * np.diff(joules) * sim.rate_hz))
        if sim.counter:
            seconds = np.arange(0.5, edges[-1], 1.0)
            total = 1e5 + sim.counter_scale * share * np.interp(seconds, edges, cumulative)
            name, source = _named(sim.origin, domain, "energy_J"), "simulated counter"
            anchor = Channel(name, "J", Kind.COUNTER, domain, quality, source, 0.1, 0.1, origin=origin)
            parts.append((anchor, seconds, total))
    for item in beside:
        parts.append(_told_beside(item, errors, edges, cumulative))
    if sim.context:
        seconds = np.arange(1.0, edges[-1] + 1e-9, 1.0)
        for name, unit, value in (("temperature_C", "C", temperature_C), ("utilisation_pct", "%", 97.0)):
            channel = Channel(f"gpu0.{name}", unit, Kind.GAUGE, "gpu0", Quality.MEASURED, "simulated", 1.0, None)
            parts.append((channel, seconds, np.full(seconds.size, value)))
    stamps = np.concatenate([np.rint(times * 1e9).astype(np.int64) for _, times, _ in parts] or [np.empty(0, np.int64)])
    values = np.concatenate([series for _, _, series in parts] or [np.empty(0)])
    codes = np.repeat(np.arange(len(parts), dtype=np.int32), [series.size for _, _, series in parts])
    order = np.argsort(stamps, kind="stable")
    names = pa.array([channel.name for channel, _, _ in parts], pa.string())
    table = pa.table(
        {
            "t_ns": pa.array(begin_ns + stamps[order], pa.int64()),
            "channel": pa.DictionaryArray.from_arrays(pa.array(codes[order]), names),
            "value": pa.array(values[order], pa.float64()),
        }
    )
    pq.write_table(table, path, compression="zstd", write_page_checksum=True)
    return [channel for channel, _, _ in parts], int(stamps.size)
