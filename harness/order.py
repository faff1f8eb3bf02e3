"""Everything that one attempt needs to know: what the night gives to ``harness.run``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.plan import Slot
from harness.protocol_gates import Gates
from harness.protocol_model import Cooldown, Hook
from harness.record import NightFolder, RunName
from harness.verdicts import UNMOVED, Rules


@dataclass(frozen=True)
class RunOrder:
    """One attempt at one slot; every placeholder is already filled in."""

    night: NightFolder
    name: RunName
    slot: Slot
    levels: Mapping[str, Any]
    command: tuple[str, ...]
    timeout_s: float
    grace_s: float = 5.0
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the orchestrator's environment for the workload and the hooks."""
    window: str | None = None
    """The phase whose energy is compared; None: the whole process."""
    prepare: Hook | None = None
    cleanup: Hook | None = None
    cooldown: Cooldown | None = None
    baseline_s: float | None = None
    """Idle time to record before the launch; None: none."""
    sensors: Mapping[str, Any] = field(default_factory=dict)
    """Sensor name -> its settings, as in the sampler's spec; empty, and no fallback: no sampler is started."""
    fallback: str | None = None
    instruments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The instruments beside our own sampler: name -> settings."""
    hints: Mapping[str, Any] = field(default_factory=dict)
    """By the sensor's name, what the previous run's sampler left for this one."""
    on_lost: str = "end"
    """What a lost instrument does to the workload: "end" it, or "go_on"; the run is invalid either way."""
    plan_seed: int = 0
    previous_end_ns: int | None = None
    """CLOCK_MONOTONIC when the previous workload ended, this boot; None: there was none."""
    previous_window_end_ns: int | None = None
    """The same of the previous run's window."""
    temperature_target: Mapping[str, float] | None = None
    """Domain -> C, the median start of block 1; None: not known yet."""
    discarded: bool = False
    rehearsal: bool = False
    expected_channels: tuple[str, ...] = ()
    """The channels of the night's first run; one that is missing makes this run invalid."""
    gates: Gates | None = None
    """What must be so before the launch besides the cool-down; None: nothing."""
    first_settings: Mapping[str, Any] = field(default_factory=dict)
    """Clocks and power limits at this configuration's first run; empty: this is it."""
    needed_B: float = 0.0
    """What the rest of the night needs of the disk."""
    rules: Rules = UNMOVED
    """How the judge is to judge."""
    energy: tuple[str, ...] = ()
    """The domains that are summed, for the display; empty: by default."""
    prefer: tuple[str, ...] = ()
    """The origins that are preferred where several tell one domain."""
    compares_energy: bool = False
    """Whether energy is what is compared: a run without it is said to be one."""
    accuracy: str = "accuracy"
    """The metric that the judge compares with chance."""
    named_metrics: tuple[str, ...] = ()
    """The results that the analysis cannot do without."""
    cohort: int = 1
    """Under which state of machine, software, workload and protocol it is executed."""
    night_id: str = ""
    """The name under which the night was begun."""
    node: str = ""
    """The anonymous id of the node that executes it, of a night on a cluster."""
    silence_s: float = 2.0
    """How long an instrument may say nothing before it counts as lost."""
