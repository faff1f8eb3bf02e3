"""The contract of an instrument: a sidecar process that records during a run.

::

    orchestrator                         instrument (own session)
        | spawn, stdin = control pipe --->  start; open its source
        |                                   <run folder>/<ready file> appears: recording from now on
        | <--- stdout: one status line (JSON) each 0.5 s, its heartbeat; dropped when the pipe is full
        |                                   its samples file grows
        | close the control pipe -------->  last readings, summary, exit 0
        |                                   (the same end-of-file comes when the orchestrator dies)

Standard error goes to ``<name>.stderr.log`` in the run folder. An instrument that exits while the workload runs, falls
silent, or says itself that it has lost a source, is lost; the run then ends as ``lost_instrument``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Instrument:
    """How one instrument is started and watched in one run folder."""

    name: str
    command: tuple[str, ...]
    ready_file: Path
    samples_file: Path
    status_lines: bool = False
    """Whether it writes status lines to its standard output."""
    silence_s: float = 2.0
    """How long its status lines (or its samples file) may stand still before it counts as lost."""
    ready_s: float = 20.0
    """How long it may take until it is ready."""


@dataclass(frozen=True)
class StatusLine:
    """What an instrument last said of itself; for the display, the temperature gate and the watch over it."""

    t_ns: int
    power_W: Mapping[str, float] = field(default_factory=dict)
    """By domain, a recent mean."""
    temperature_C: Mapping[str, float] = field(default_factory=dict)
    """By domain."""
    context: Mapping[str, float] = field(default_factory=dict)
    """What gates look at besides, by "domain.quantity": others' processes, power limits."""
    rows: int = 0
    trouble: str = ""
    """One sentence when something is wrong that a person must know; empty otherwise."""
    lost: str = ""
    """Why a source of it will not tell the truth any more in this run; empty while all do."""

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> StatusLine:
        """A status line from its JSON types; unknown keys are passed over."""
        return cls(**{name: body[name] for name in cls.__dataclass_fields__ if name in body})
