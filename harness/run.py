"""One slot -> one run folder: prepare, gate, start instruments, launch, settle, judge.

::

    execute(order, stop)
      |  <run>.partial made
      |-- prepare     the hook, under a keeper of its own
      |-- (start)     sampler and the workload's keeper, side by side; go on when the sampler records
      |-- cooldown    minimum_s since the end of the previous workload, or until the temperature is right
      |-- baseline    idle, if the slot has one
      |-- workload    "go" to the keeper; wait for: its end | the sampler's end or silence | a stop | the display's tick
      |-- settle      sampler stopped; cleanup hook; samples sealed; judged; run.json; transient files removed
      v  renamed to <run>   (or <run>.interrupted when it was stopped)

    time -->  ...previous workload|   cooldown   | baseline |####### workload #######|settle
              sampler               |<=========== records everything =================>|

The orchestrator only waits here: one selector over the keeper, the sampler's status pipe and process, and the stop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.events import Event
from harness.plan import Slot
from harness.protocol_model import Cooldown, Hook
from harness.record import INTERRUPTED, PARTIAL, NightFolder, RunName
from harness.stop import Stop


@dataclass(frozen=True)
class RunOrder:
    """Everything that one attempt needs to know; every placeholder is already filled in."""

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
    """Sensor name -> its settings, as in the sampler's spec; empty: no sampler is started."""
    fallback: str | None = None
    plan_seed: int = 0
    previous_end_ns: int | None = None
    """CLOCK_MONOTONIC when the previous workload ended, this boot; None: there was none."""
    temperature_target: Mapping[str, float] | None = None
    """Domain -> C, the median start of block 1; None: not known yet."""
    discarded: bool = False
    rehearsal: bool = False
    expected_channels: tuple[str, ...] = ()
    """The channels of the night's first run; one that is missing makes this run invalid."""
    accuracy: str = "accuracy"
    """The metric that the judge compares with chance."""
    silence_s: float = 10.0
    """How long the sampler may say nothing before it counts as lost."""


def execute(order: RunOrder, stop: Stop) -> Iterator[Event]:
    """Carry out one attempt; the last event is RunSettled.

    An attempt that was stopped is settled too: status ``interrupted``, in ``<run>.interrupted``. Raises RunFault or
    another NightwattError when something outside the workload made the attempt impossible; the ``.partial`` folder
    then stays for ``set_aside``.
    """
    raise NotImplementedError
    yield


def set_aside(partial: Path) -> Path:
    """Rename a ``.partial`` folder to the first free ``.interrupted``, ``.interrupted-2`` … name; the new path."""
    stem = partial.with_name(partial.name.removesuffix(PARTIAL) + INTERRUPTED)
    free, count = stem, 1
    while free.exists():
        count += 1
        free = stem.with_name(f"{stem.name}-{count}")
    partial.rename(free)
    return free
