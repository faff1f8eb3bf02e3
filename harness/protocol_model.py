"""A protocol as frozen, validated records: every section and key that a protocol file may hold.

``harness.protocol`` reads the file into these. A section left out is None: none of it happens.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from harness.configurations import Level
from harness.protocol_analysis import Analysis as Analysis
from harness.protocol_analysis import Carbon as Carbon
from harness.protocol_analysis import EquivalenceAim as EquivalenceAim
from harness.protocol_analysis import Outliers as Outliers
from harness.protocol_analysis import Ratio as Ratio
from harness.protocol_analysis import TradeoffAim as TradeoffAim
from harness.protocol_engine import Engine
from harness.protocol_gates import Gates, Judge
from harness.protocol_section import Command as Command
from harness.protocol_section import CountryCode, Seconds, as_array
from harness.protocol_section import Section as Section


def _as_time(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime.time) else value


TimeText = Annotated[str, BeforeValidator(_as_time)]
"""A time of day, with its zone; TOML's own 22:00:00 may be written for "22:00:00"."""


class Workload(Section):
    """What is run."""

    command: Command
    timeout_s: Annotated[float, Field(gt=0)] = 3600.0
    grace_s: Seconds = 5.0
    window: str | None = None
    env: dict[str, str] = Field(default_factory=dict)


class Design(Section):
    """How many runs, in which order."""

    blocks: Annotated[int, Field(ge=1, le=100_000)] = 10
    order: Literal["blocks", "shuffle", "latin", "listed"] = "blocks"
    seed: int = 0
    workload_seed: Literal["per-block", "per-run", "fixed"] = "per-block"
    labels: tuple[str, ...] = ()


class Hook(Section):
    """A command before or after each run, outside the window."""

    command: Command
    timeout_s: Annotated[float, Field(gt=0)] = 60.0


class Warmup(Section):
    """Before the first block and after a resume."""

    command: Command | None = None
    duration_s: Seconds = 0.0
    runs: Annotated[int, Field(ge=0)] = 0


class Reheat(Section):
    """What heats the machine where it is too cold for a start."""

    command: Command
    maximum_s: Annotated[float, Field(gt=0)] = 120.0


class Cooldown(Section):
    """Before each run."""

    minimum_s: Seconds = 0.0
    until: Literal["time", "temperature"] = "time"
    band_C: Annotated[float, Field(gt=0)] = 3.0
    maximum_s: Seconds = 900.0
    over_budget: Literal["refuse", "start"] = "refuse"
    """What becomes of a run whose temperature did not come back within ``maximum_s``."""
    reheat: Reheat | None = None


class Baseline(Section):
    """Idle power at the end of the cool-down, once a block."""

    duration_s: Annotated[float, Field(gt=0)] = 30.0


class Nvml(Section):
    """NVIDIA cards."""

    devices: tuple[int | str, ...] = ()
    interval_ms: Annotated[float, Field(ge=20)] = 1000.0
    counter_s: Annotated[float, Field(gt=0)] = 5.0
    via: Literal["auto", "power_usage"] = "auto"
    """Where the watts come from; power_usage: what nvidia-smi shows, once in ``interval_ms``, and no counter."""


class Rapl(Section):
    """Intel and AMD packages."""

    interval_ms: Annotated[float, Field(ge=20)] = 200.0
    via: Literal["auto", "perf_event", "powercap"] = "auto"
    """How the counters are read; auto: the best way that works."""


class Hwmon(Section):
    """Power and energy of the kernel's hardware monitors."""

    interval_ms: Annotated[float, Field(ge=20)] = 200.0
    chips: tuple[str, ...] = ()
    """Names of the chips to read; left out: all that tell power or energy."""


class Machine(Section):
    """Load, memory, frequency and temperature of the host; context, no energy."""

    interval_ms: Annotated[float, Field(ge=100)] = 1000.0


class LoadModel(Section):
    """CPU power modelled from its load: idle + (full - idle) x load^exponent."""

    interval_ms: Annotated[float, Field(ge=20)] = 200.0
    idle_W: Annotated[float, Field(ge=0)] | None = None
    full_W: Annotated[float, Field(gt=0)] | None = None
    exponent: Annotated[float, Field(gt=0)] = 1.0


class Constant(Section):
    """A rated power, times time."""

    power_W: Annotated[float, Field(gt=0)]
    domain: str = "system"
    interval_ms: Annotated[float, Field(ge=20)] = 1000.0


class SlurmEnergy(Section):
    """The node's energy as Slurm knows it."""

    interval_ms: Annotated[float, Field(ge=1000)] = 10_000.0
    domain: str | None = None
    """What the site's plugin covers; left out: as that plugin is known."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0


class Meter(Section):
    """A wall meter that is asked over HTTP; a machine on two sockets has two."""

    kind: Literal["shelly", "tasmota", "json"]
    url: str | None = None
    url_env: str | None = None
    """The environment variable that holds its address: the file, and with it the night, then does not."""
    domain: str = "wall"
    outlet: Annotated[int, Field(ge=0)] = 0
    power_path: str | None = None
    energy_path: str | None = None
    energy_unit: Literal["Wh", "kWh", "J"] | None = None
    user: str = "admin"
    password_env: str | None = None
    token_env: str | None = None
    interval_ms: Annotated[float, Field(ge=50)] = 1000.0
    timeout_s: Annotated[float, Field(gt=0, le=10)] = 1.0


class Simulated(Section):
    """A pure function of (plan seed, slot, phase time)."""

    interval_ms: Annotated[float, Field(ge=1)] = 20.0
    domains: Annotated[tuple[str, ...], Field(min_length=1)] = ("gpu0",)
    idle_W: Annotated[float, Field(ge=0)] = 60.0
    load_W: Annotated[float, Field(ge=0)] = 250.0
    effect: dict[str, float] = Field(default_factory=dict)
    """Configuration name -> factor on the load's power above idle; left out: spread by 2 % steps."""
    noise: Annotated[float, Field(ge=0)] = 0.006
    drift: float = 0.04
    """Relative growth of power over the night."""
    faults: tuple[Annotated[str, Field(pattern=r"^[a-z-]+@(all|b\d+-\d+)$")], ...] = ()
    """What a rehearsal lets go wrong: ``nightwatt rehearse --fault`` writes it here."""


class Sensors(Section):
    """What our own sampler reads."""

    nvml: Nvml | None = None
    rapl: Rapl | None = None
    hwmon: Hwmon | None = None
    slurm: SlurmEnergy | None = None
    machine: Machine | None = None
    load_model: LoadModel | None = None
    constant: Constant | None = None
    simulated: Simulated | None = None
    meter: Annotated[tuple[Meter, ...], BeforeValidator(as_array)] | None = None
    """One table, or an array of tables."""
    fallback: Literal["load_model"] | None = None
    """What to use, by name, where no measured source of energy is there."""
    required: tuple[str, ...] | None = None
    """Sensors without which the night does not begin. Left out: all named, or none beside a fallback."""


class EnergiBridge(Section):
    """EnergiBridge, started around a sleeper of its own."""

    interval_ms: Annotated[float, Field(ge=50, le=3000)] = 200.0
    program: Annotated[str, Field(min_length=1)] = "energibridge"
    """Its path, or its name where it is found in PATH."""
    gpu: bool = False
    """Whether it reads the GPUs too (its option -g)."""
    accept_unit_error: bool = False
    """Whether a release before 0.0.7 may tell Intel's counters, whose joules are none."""


class CodeCarbon(Section):
    """CodeCarbon's offline tracker."""

    country: CountryCode
    """For its own idea of CO2, which is recorded beside its energy; energy does not depend on it."""
    interval_ms: Annotated[float, Field(ge=100, le=60_000)] = 1000.0


class Instruments(Section):
    """What records beside our own sampler, each in a process of its own."""

    energibridge: EnergiBridge | None = None
    codecarbon: CodeCarbon | None = None


class Night(Section):
    """How a night goes on when things go wrong."""

    attempts: Annotated[int, Field(ge=1)] = 2
    stop_after_failures: Annotated[int, Field(ge=1)] = 3
    max_block_gap_s: Seconds = 1800.0
    lost_instrument: Literal["end", "go_on"] = "end"
    """What becomes of a workload whose instrument is lost; the run is invalid and repeated either way."""
    share_machine: bool = False
    """Whether other nights may measure on this machine meanwhile, though it is measured as a whole."""
    starts_at: TimeText | None = None
    """A session waits until then."""
    ends_at: TimeText | None = None
    """No block is begun that would not end before."""
    stop_after_s: Annotated[float, Field(gt=0)] | None = None
    """The same, counted from the begin of a session."""
    notify: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Commands for the shell, which are told what happens."""


class Protocol(Section):
    """One protocol, whole."""

    title: str
    workload: Workload
    factors: dict[str, Annotated[tuple[Level, ...], Field(min_length=1)]] = Field(default_factory=dict)
    exclude: tuple[dict[str, Level], ...] = ()
    design: Design = Design()
    prepare: Hook | None = None
    cleanup: Hook | None = None
    warmup: Warmup | None = None
    cooldown: Cooldown | None = None
    baseline: Baseline | None = None
    sensors: Sensors = Sensors()
    instruments: Instruments = Instruments()
    gates: Gates | None = None
    judge: Judge = Field(default_factory=dict)
    night: Night = Night()
    engine: Engine | None = None
    analysis: Analysis = Analysis()

    def to_json(self) -> dict[str, Any]:
        """The resolved protocol as JSON types, for ``plan.json``."""
        return self.model_dump(mode="json")
