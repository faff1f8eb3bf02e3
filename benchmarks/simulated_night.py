"""A night folder of simulated runs, as the harness leaves one: plan, host, and a record and samples for each run.

::

    night = begin_night(path, title="…", configurations=["a", "b"], blocks=30)
    write_run(night, Slot(1, 1, 1, "a"), course, channels, tables)

What the samples hold is the caller's: anything that yields tables of t_ns, channel, value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from harness.protocol_model import Protocol
from harness.record import (
    SAMPLE_COLUMNS,
    SAMPLES_PARQUET,
    SCHEMA,
    Channel,
    ClockPair,
    NightFolder,
    Phase,
    RunName,
    RunRecord,
    SamplerCost,
    Status,
    Validity,
    slug,
    write_json,
)

BEGIN_NS = 5_000_000_000_000
REALTIME_NS = 1_763_650_800_000_000_000
"""2025-11-20 15:00 UTC, the first moment of every simulated night."""
SAMPLES = pa.schema(
    list(zip(SAMPLE_COLUMNS, (pa.int64(), pa.dictionary(pa.int32(), pa.string()), pa.float64()), strict=True))
)
_ENCODING = {"t_ns": "DELTA_BINARY_PACKED", "value": "BYTE_STREAM_SPLIT"}
"""As ``harness.seal`` writes them."""


class Slot(NamedTuple):
    """A place in the plan."""

    block: int
    position: int
    replicate: int
    configuration: str

    @property
    def key(self) -> str:
        """Its name in the plan."""
        return f"b{self.block:02d}-{self.position}"


@dataclass(frozen=True)
class Course:
    """What happens in a run, one stretch after the other, in seconds from its begin.

    The stretch "train" is the window; those before "setup" are the harness's, those after "evaluate" too.
    """

    seconds: Mapping[str, float]
    epochs: int = 0
    """Into how many equal phases train is cut."""
    begin_ns: int = BEGIN_NS

    @property
    def spans(self) -> dict[str, tuple[int, int]]:
        """Begin and end of each stretch, ns."""
        edges = [0.0, *accumulate(self.seconds.values())]
        stamps = [self.begin_ns + round(edge * 1e9) for edge in edges]
        return dict(zip(self.seconds, pairwise(stamps), strict=True))

    @property
    def total_s(self) -> float:
        """The length of the whole."""
        return sum(self.seconds.values())

    def phases(self) -> tuple[Phase, ...]:
        """What the workload marks."""
        spans = self.spans
        begin_ns, end_ns = spans["train"]
        cuts = [begin_ns + (end_ns - begin_ns) * epoch // max(self.epochs, 1) for epoch in range(self.epochs + 1)]
        epochs = [Phase(f"epoch {place}", *cut) for place, cut in enumerate(pairwise(cuts), start=1)]
        inside = [Phase(name, *spans[name]) for name in ("setup", "train") if name in spans]
        return (*inside, *epochs, *(Phase(name, *spans[name]) for name in ("evaluate",) if name in spans))


def begin_night(
    path: Path,
    *,
    title: str,
    configurations: Sequence[str],
    slots: Sequence[Slot],
    order: str = "blocks",
    baseline_s: float = 0.0,
    analysis: Mapping[str, Any] | None = None,
) -> NightFolder:
    """Write plan and host of a night of one factor, arm; its first configuration is the baseline."""
    folder = NightFolder(path)
    folder.runs.mkdir(parents=True)
    protocol = Protocol.model_validate(
        {
            "title": title,
            "workload": {"command": ["{python}", "train.py"], "window": "train"},
            "factors": {"arm": list(configurations)},
            "design": {"blocks": max(slot.replicate for slot in slots), "order": order},
            "baseline": {"duration_s": baseline_s} if baseline_s else None,
            "sensors": {"simulated": {"domains": ["gpu0"]}},
            "analysis": {"baseline": configurations[0], **(analysis or {})},
        },
        strict=False,
    )
    plan = {
        "schema": SCHEMA,
        "nightwatt": "simulated",
        "title": title,
        "order": order,
        "seed": 42,
        "configurations": [{"name": name, "levels": {"arm": name}} for name in configurations],
        "slots": [{**slot._asdict(), "seed": slot.replicate, "baseline": False} for slot in slots],
        "protocol": protocol.to_json(),
        "overrides": {},
        "protocol_file": "simulated.toml",
        "protocol_sha256": "0" * 64,
        "sources": [],
        "rehearsal": False,
        "created_realtime_ns": REALTIME_NS,
    }
    folder.protocol.write_text(f'title = "{title}"\n', encoding="utf-8")
    write_json(folder.plan, plan)
    write_json(folder.host, {"schema": SCHEMA, "hostname": "simulated", "cpu": "a simulated processor"})
    return folder


def write_run(
    night: NightFolder,
    slot: Slot,
    course: Course,
    channels: Sequence[Channel],
    tables: Iterable[pa.Table],
    *,
    metrics: Mapping[str, Any] | None = None,
    start_temperature_C: float | None = None,
) -> Path:
    """Write one valid, completed run; ``tables`` are taken one after the other, each becomes a row group."""
    folder = night.runs / str(RunName(slot.block, slot.position, 1, slug(slot.configuration)))
    folder.mkdir()
    rows = 0
    with pq.ParquetWriter(
        folder / SAMPLES_PARQUET,
        SAMPLES,
        compression="zstd",
        use_dictionary=["channel"],
        column_encoding=_ENCODING,
        write_page_checksum=True,
    ) as writer:
        for table in tables:
            writer.write_table(table)
            rows += table.num_rows
    for log in ("stdout.log", "stderr.log", "marks.jsonl"):
        (folder / log).touch()
    spans = course.spans
    inside = [spans[name] for name in ("setup", "train", "evaluate") if name in spans]
    launched_ns, exited_ns = inside[0][0], inside[-1][1]
    end_ns = course.begin_ns + round(course.total_s * 1e9)
    stages = [Phase(name, *span) for name, span in spans.items() if name in ("cooldown", "baseline")]
    record = RunRecord(
        slot=slot.key,
        block=slot.block,
        position=slot.position,
        replicate=slot.replicate,
        attempt=1,
        configuration=slot.configuration,
        levels={"arm": slot.configuration},
        seed=slot.replicate,
        status=Status.COMPLETED,
        validity=Validity.VALID,
        started_ns=course.begin_ns,
        ended_ns=end_ns,
        started_realtime_ns=REALTIME_NS + course.begin_ns - BEGIN_NS,
        exit_code=0,
        launched_ns=launched_ns,
        exited_ns=exited_ns,
        window=Phase("train", *spans["train"]),
        stages=(*stages, Phase("workload", launched_ns, exited_ns)),
        phases=course.phases(),
        metrics=dict(metrics or {}),
        channels=tuple(channels),
        rows=rows,
        clock=tuple(ClockPair(at, at - BEGIN_NS + REALTIME_NS, at) for at in (course.begin_ns, end_ns)),
        sampler=SamplerCost(0.01, course.total_s, rows, 0, 0.06, 17_000_000),
        start_temperature_C={} if start_temperature_C is None else {"gpu0": start_temperature_C},
        command=("python", "train.py"),
    )
    write_json(folder / "run.json", record.to_json())
    return folder
