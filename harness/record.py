"""The night folder: its names, columns and units, and the only definition of them. Standard library only.

::

    results/2026-11-20-mixed-precision-7f3a/
      protocol.toml                byte copy of the protocol file; overrides stand in plan.json
      plan.json                    written once: the plan, the resolved protocol, file hashes
      host.json                    the machine, by an allow-list
      nodes/<id>/host.json         of a night on a cluster: each node's machine, and the first block that it had
      cluster/                     of such a night: batch scripts, claims of blocks, logs of tasks, Slurm's own states
      cohorts.json                 what changed since the night began, and was accepted; absent where nothing was
      status.html                  how the night stands, for a browser; rewritten after each run
      journal/<host>-<start>.jsonl what happened; a log, never the state
      console.log                  the display, once the terminal has gone
      lock                         flock of the nightwatt that executes it; who that is
      sources/                     copies of the workload's scripts
      runs/b03-2-a1-float32/       a settled run: run.json, samples.parquet, marks.jsonl, stdout.log, stderr.log
      runs/….partial/              the run in progress: samples.csv, sampler.json, exit.json; <name>.… of instruments
      runs/….interrupted/          what an interruption left, never reused; where it has no record, why.json says why
      report/                      index.html, findings.json, tables/, figures/

Stamps are CLOCK_MONOTONIC ns unless named otherwise; floats that are not finite are "NaN", "Infinity", "-Infinity".

Schema history
--------------
1   first
2   a channel tells its origin, and a run its instruments, gates, hint and last lines, its cohort and its night; 1 is
    still read (origin "", our own sampler alone, no gates, cohort 1); a run of a cluster's night tells its node
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.channels import PLAIN_ORIGINS as PLAIN_ORIGINS
from harness.channels import Channel as Channel
from harness.channels import Kind as Kind
from harness.channels import Quality as Quality
from harness.channels import channel_from_json as channel_from_json
from harness.channels import channel_name as channel_name
from harness.json_files import encode as encode
from harness.json_files import number as number
from harness.json_files import read_json as read_json
from harness.json_files import write_json as write_json
from harness.record_checks import is_whole as is_whole
from harness.record_checks import refuse_wrong_types
from harness.verdicts import Cause as Cause
from harness.verdicts import Level as Level
from harness.verdicts import Verdict as Verdict

SCHEMA = 2
READABLE = (1, 2)
"""The schemas of ``run.json`` and ``plan.json`` that are understood."""

MARKS_VARIABLE = "NIGHTWATT_MARKS"
"""The environment variable in which a workload finds the path of its marks file."""

RUN_JSON = "run.json"
SAMPLES_CSV = "samples.csv"
SAMPLES_PARQUET = "samples.parquet"
SAMPLE_COLUMNS = ("t_ns", "channel", "value")
"""Of both samples files: int64 ns, the channel's name, float64 in the channel's unit. The CSV has no header."""
MARKS_JSONL = "marks.jsonl"
STDOUT_LOG = "stdout.log"
STDERR_LOG = "stderr.log"
EXIT_JSON = "exit.json"
SAMPLER = "sampler"
"""The name of our own instrument, which hosts the sensors."""
WHY_JSON = "why.json"
"""In a run folder that was set aside without a record: {"why": the reason, in words}."""
CLOCKS_CSV = "clocks.csv"
"""One line a second: t_ns, realtime_ns, boottime_ns, all int64. No header."""


@dataclass(frozen=True)
class InstrumentFiles:
    """The names of the files that one instrument has in a run folder while the run goes on."""

    name: str

    @property
    def spec(self) -> str:
        """Its orders."""
        return f"{self.name}-spec.json"

    @property
    def report(self) -> str:
        """Written twice: when it is ready (its channels), and at its end (its summary)."""
        return f"{self.name}.json"

    @property
    def samples(self) -> str:
        """Its readings, in SAMPLE_COLUMNS."""
        return SAMPLES_CSV if self.name == SAMPLER else f"{self.name}.{SAMPLES_CSV}"


PARTIAL = ".partial"
INTERRUPTED = ".interrupted"
DAMAGED = ".damaged"
"""Added by a person to the name of a run folder that cannot be read: it is passed over, its slot executed again."""


class Status(enum.StrEnum):
    """How an attempt ended."""

    COMPLETED = "completed"
    """The workload exited with 0."""
    FAILED = "failed"
    """The workload exited with another code."""
    TIMED_OUT = "timed_out"
    """It was ended at its time limit."""
    OUT_OF_MEMORY = "out_of_memory"
    """Ended for want of memory, with evidence."""
    KILLED = "killed"
    """Ended by a signal that was not ours; out of memory is then not excluded."""
    LOST_INSTRUMENT = "lost_instrument"
    """An instrument was lost while the workload ran."""
    REFUSED = "refused"
    """A gate did not let it start."""
    INTERRUPTED = "interrupted"
    """The night was stopped while it ran; does not count as an attempt."""


class Validity(enum.StrEnum):
    """Whether a run may enter the comparison."""

    VALID = "valid"
    INVALID = "invalid"
    """The measurement spoilt it: it stays on disk and is repeated."""
    DISCARDED = "discarded"
    """A warm-up run."""
    SUPERSEDED = "superseded"
    """Its block was begun anew."""


@dataclass(frozen=True)
class ClockPair:
    """One moment read on three clocks, nanoseconds."""

    t_ns: int
    realtime_ns: int
    boottime_ns: int


@dataclass(frozen=True)
class Phase:
    """A named stretch [begin_ns, end_ns) of a run; ``metrics`` are what its marks carried beside the name."""

    name: str
    begin_ns: int
    end_ns: int
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        """Seconds between the two marks."""
        return (self.end_ns - self.begin_ns) / 1e9


@dataclass(frozen=True)
class GateWait:
    """What one gate saw before a run: how long it held the run up, and its last figure against its limit."""

    name: str
    outcome: str
    """open | unknown (it cannot be told here) | over_budget (started all the same) | closed (another one refused, or
    the night was stopped) | refused."""
    waited_s: float = 0.0
    budget_s: float | None = None
    figure: float | None = None
    limit: float | None = None
    unit: str = ""
    evidence: str = ""


@dataclass(frozen=True)
class SamplerCost:
    """What our sampler itself cost and how well it kept time."""

    cpu_s: float
    wall_s: float
    ticks: int
    late_ticks: int
    longest_gap_s: float
    max_rss_B: int


@dataclass(frozen=True)
class RunRecord:
    """Everything about one attempt except its samples; the content of ``run.json``."""

    slot: str
    block: int
    position: int
    replicate: int
    attempt: int
    configuration: str
    levels: Mapping[str, Any]
    seed: int
    status: Status
    validity: Validity
    started_ns: int
    """When the attempt began (its folder was made)."""
    ended_ns: int
    """When it was settled."""
    started_realtime_ns: int
    """CLOCK_REALTIME of ``started_ns``; for people and for the order of runs across a reboot, never for durations."""
    exit_code: int | None = None
    signal: int | None = None
    reason: str = ""
    """One sentence for people: why it ended as it did; empty when completed."""
    hint: str = ""
    """What would help; empty where nothing is known."""
    last_lines: tuple[str, ...] = ()
    """The end of the standard error (or output) of a workload that did not complete."""
    launched_ns: int | None = None
    exited_ns: int | None = None
    window: Phase | None = None
    """The phase whose energy is compared; None where it cannot be told."""
    stages: tuple[Phase, ...] = ()
    """The harness's own stretches of this run: prepare, cooldown, baseline, workload, cleanup."""
    phases: tuple[Phase, ...] = ()
    """The stretches that the workload marked."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """The workload's results, by name."""
    channels: tuple[Channel, ...] = ()
    rows: int = 0
    torn_B: int = 0
    """Bytes cut after the last newline of the samples' CSV."""
    clock: tuple[ClockPair, ...] = ()
    sampler: SamplerCost | None = None
    sensors: Mapping[str, Any] = field(default_factory=dict)
    """What each sensor says of itself, by its name (counter ticks, notes such as clock_step, source fallbacks)."""
    instruments: Mapping[str, Any] = field(default_factory=dict)
    """Of each instrument beside our own sampler, by its name: state, cost, exit_code."""
    verdicts: tuple[Verdict, ...] = ()
    resources: Mapping[str, float] = field(default_factory=dict)
    """Of the workload's tree: user_s, system_s, max_rss_B, …"""
    start_temperature_C: Mapping[str, float] = field(default_factory=dict)
    """By domain, when the workload was launched."""
    gap_s: float | None = None
    """Realised time between the end of the previous workload and the launch of this one."""
    window_gap_s: float | None = None
    """Realised time between the end of the previous run's window and the begin of this one's."""
    gates: tuple[GateWait, ...] = ()
    """What the gates saw before the launch."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Clocks and power limits before the launch, by name; empty where no gate looked at them."""
    command: tuple[str, ...] = ()
    rehearsal: bool = False
    cohort: int = 1
    """Counts the accepted changes of machine, software, workload or protocol since the night began; 1: none yet."""
    night: str = ""
    """The name under which its night was begun; "" in records of schema 1."""
    node: str = ""
    """The anonymous id of the node that executed it; "" where the night was executed by one machine."""
    schema: int = SCHEMA

    def to_json(self) -> dict[str, Any]:
        """This record as JSON types, the schema first."""
        body = asdict(self)
        return {"schema": body.pop("schema"), **body}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> RunRecord:
        """The record of a parsed ``run.json``; raises KeyError, TypeError or ValueError when it is not one."""
        if not isinstance(body, dict):
            raise TypeError("it is no JSON object")
        known = {name: body[name] for name in cls.__dataclass_fields__ if name in body}
        record = cls(
            **{
                **known,
                "status": Status(body["status"]),
                "validity": Validity(body["validity"]),
                "window": _phase(body["window"]) if body.get("window") else None,
                "stages": tuple(_phase(item) for item in body.get("stages", ())),
                "phases": tuple(_phase(item) for item in body.get("phases", ())),
                "channels": tuple(channel_from_json(item) for item in body.get("channels", ())),
                "clock": tuple(ClockPair(**item) for item in body.get("clock", ())),
                "sampler": SamplerCost(**body["sampler"]) if body.get("sampler") else None,
                "verdicts": tuple(_verdict(item) for item in body.get("verdicts", ())),
                "gates": tuple(GateWait(**item) for item in body.get("gates", ())),
                "last_lines": tuple(body.get("last_lines", ())),
                "command": tuple(body.get("command", ())),
            }
        )
        refuse_wrong_types(record)
        return record


def _phase(body: Mapping[str, Any]) -> Phase:
    return Phase(**body)


def _verdict(body: Mapping[str, Any]) -> Verdict:
    return Verdict(**{**body, "cause": Cause(body["cause"]), "level": Level(body["level"])})


@dataclass(frozen=True)
class RunName:
    """The name of a run folder: ``b03-2-a1-float32`` is block 3, position 2, attempt 1 of configuration float32."""

    block: int
    position: int
    attempt: int
    slug: str

    def __str__(self) -> str:
        return f"{self.slot}-a{self.attempt}-{self.slug}"

    @property
    def slot(self) -> str:
        """The slot's key, "b03-2"."""
        return f"b{self.block:02d}-{self.position}"

    @classmethod
    def parse(cls, name: str) -> RunName | None:
        """The parts of a settled run folder's name, or None where it is not one (or partial, or interrupted)."""
        found = None if SET_ASIDE.fullmatch(name) else _RUN_NAME.fullmatch(name)
        return cls(int(found[1]), int(found[2]), int(found[3]), found[4]) if found else None


_RUN_NAME = re.compile(r"b(\d{2,6})-(\d{1,7})-a(\d{1,7})-([A-Za-z0-9._+=-]{1,60})")
_SLUG_LENGTH = 60
SET_ASIDE = re.compile(rf"(.+?)(?:{re.escape(PARTIAL)}|{re.escape(INTERRUPTED)}(?:-\d+)?|{re.escape(DAMAGED)})")
"""The name of a run folder that is no settled run; its first group is the run's own name."""


def slug(text: str) -> str:
    """``text`` as a name that is safe in a path: letters, digits, ``._+=-``; at most 60 characters.

    Where characters had to go, the text is too long, or it ends like the name of a folder that was set aside, eight
    hexadecimal digits of its sha256 keep it unique.
    """
    safe = re.sub(r"[^A-Za-z0-9._+=-]+", "-", text).strip(".-") or "x"
    if safe == text and len(safe) <= _SLUG_LENGTH and not SET_ASIDE.fullmatch(safe):
        return safe
    import hashlib  # here: OpenSSL would cost each sidecar 4 MB

    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{safe[: _SLUG_LENGTH - 9].rstrip('.-')}-{digest}"


@dataclass(frozen=True)
class NightFolder:
    """The paths inside one night."""

    root: Path

    @property
    def protocol(self) -> Path:
        """The byte copy of the protocol file."""
        return self.root / "protocol.toml"

    @property
    def plan(self) -> Path:
        """The plan, written once."""
        return self.root / "plan.json"

    @property
    def host(self) -> Path:
        """The machine's facts."""
        return self.root / "host.json"

    @property
    def cohorts(self) -> Path:
        """The accepted changes."""
        return self.root / "cohorts.json"

    @property
    def nodes(self) -> Path:
        """The folder of what is known of each node of a cluster."""
        return self.root / "nodes"

    @property
    def cluster(self) -> Path:
        """The folder of what a night on a cluster needs besides."""
        return self.root / "cluster"

    @property
    def status_page(self) -> Path:
        """How the night stands, for a browser."""
        return self.root / "status.html"

    @property
    def journal(self) -> Path:
        """The folder of the logs."""
        return self.root / "journal"

    @property
    def console_log(self) -> Path:
        """What the display shows once the terminal has gone."""
        return self.root / "console.log"

    @property
    def lock(self) -> Path:
        """The file on which the executing nightwatt holds its lock."""
        return self.root / "lock"

    @property
    def runs(self) -> Path:
        """The folder of the run folders."""
        return self.root / "runs"

    @property
    def sources(self) -> Path:
        """The folder of the workload's copied scripts."""
        return self.root / "sources"

    @property
    def report(self) -> Path:
        """The folder of the report."""
        return self.root / "report"

    def settled(self) -> dict[RunName, Path]:
        """The settled run folders, by name, in the order of their names; partial and foreign entries are left out."""
        if not self.runs.is_dir():
            return {}
        named = ((RunName.parse(path.name), path) for path in sorted(self.runs.iterdir()))
        return {name: path for name, path in named if name is not None and (path / RUN_JSON).is_file()}
