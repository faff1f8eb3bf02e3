"""The night itself in tables: every run, verdicts, channels, the machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.findings import Findings
from analysis.listings.rows import Row, keyed, table_of, text_of
from analysis.load import Night
from analysis.numbers import scale
from analysis.tables import Column, Table


def runs(frame: pd.DataFrame, findings: Findings, accuracy: str) -> Table:
    """Every attempt of the night in the order in which they started; ``frame`` as ``observations`` has it."""
    factor, unit = scale(frame["value"], findings.unit)
    value = keyed("value", findings.unit)
    named = frame.rename(columns={"value": value, "bound": keyed("bound", findings.unit)})
    in_unit = f", {unit}" if unit else ""
    head, missing = f"± (edges, gaps){in_unit}", "its value is not known"
    bound = [Column(head, keyed("bound", findings.unit), "number", factor, digits=2, missing=missing)]
    bound = bound if "bound" in frame else []
    columns = [
        Column("run", "run"),
        Column("configuration", "configuration"),
        Column("order", "order", "count"),
        Column("block", "block", "count"),
        Column("position", "position", "count"),
        Column("status", "status"),
        Column("validity", "validity"),
        Column("standing", "state"),
        Column(f"value{in_unit}", value, "number", factor, digits=5, missing="see the exclusions"),
        *bound,
        Column("duration, s", "duration_s", "number", digits=5, missing="its window is not known"),
        Column("mean power, W", "power_W", "number", missing="no energy was recorded"),
        Column(accuracy, "accuracy", "number", missing="the workload did not report it"),
        Column("z", "z", "number", digits=3, missing="it is not compared"),
        Column("start, °C", "start_temperature_C", "number", digits=3, missing="no temperature was recorded"),
        Column("gap, s", "gap_s", "number", digits=4, missing="nothing ran before it"),
        Column("verdicts", "verdicts"),
    ]
    rows: list[Row] = [{str(key): item for key, item in row.items()} for row in named.to_dict("records")]
    notes = [f"Value: {findings.response}. Gap: from the end of the workload before it to its launch."]
    return table_of("runs", "Every run", rows, columns, notes)


def verdicts(night: Night) -> Table:
    """What the judge said, counted by configuration: unequal rates are themselves a finding."""
    counts: dict[tuple[str, str, str, str], int] = {}
    for record in night.records.values():
        for verdict in record.verdicts:
            key = (verdict.name, str(verdict.level), str(verdict.cause), record.configuration)
            counts[key] = counts.get(key, 0) + 1
    rows = [
        {"verdict": name, "level": level, "cause": cause, "configuration": configuration, "runs": count}
        for (name, level, cause, configuration), count in sorted(counts.items())
    ]
    columns = [
        Column("verdict", "verdict"),
        Column("level", "level"),
        Column("cause", "cause"),
        Column("configuration", "configuration"),
        Column("runs", "runs", "count"),
    ]
    return table_of("verdicts", "Verdicts", rows, columns)


def channels(night: Night) -> Table:
    """What was recorded by what: one row a channel, over all runs."""
    seen: dict[tuple[str, ...], list[float]] = {}
    counts: dict[tuple[str, ...], int] = {}
    refresh: dict[tuple[str, ...], float] = {}
    for record in night.records.values():
        for item in record.channels:
            key = (item.name, item.domain, item.unit, str(item.kind), str(item.quality), item.source, item.device)
            counts[key] = counts.get(key, 0) + 1
            refresh[key] = item.refresh_s
            seen.setdefault(key, []).extend([] if item.refresh_seen_s is None else [item.refresh_seen_s])
    names = ("channel", "domain", "unit", "kind", "quality", "source", "device")
    rows = [
        {
            **dict(zip(names, key, strict=True)),
            "refresh_s": refresh[key],
            "refresh_seen_s": float(pd.Series(seen[key]).median()) if seen[key] else None,
            "runs": count,
        }
        for key, count in counts.items()
    ]
    columns = [
        *(Column(name, name) for name in names),
        Column("refresh as documented, s", "refresh_s", "number", digits=3),
        Column("refresh seen (median), s", "refresh_seen_s", "number", digits=3, missing="it changed too seldom"),
        Column("runs", "runs", "count"),
    ]
    return table_of("channels", "What was recorded, and by what", rows, columns)


def sampler(night: Night) -> Table:
    """What the sampler itself cost and how well it kept time, over all runs."""
    costs = [record.sampler for record in night.records.values() if record.sampler is not None]
    figures = {
        "processor time, % of one core": [100 * cost.cpu_s / cost.wall_s for cost in costs if cost.wall_s],
        "late ticks, %": [100 * cost.late_ticks / cost.ticks for cost in costs if cost.ticks],
        "longest gap between ticks, s": [cost.longest_gap_s for cost in costs],
        "memory, MB": [cost.max_rss_B / 1e6 for cost in costs],
    }
    rows = [
        {"of": name, "median": float(pd.Series(values).median()), "maximum": max(values), "runs": len(values)}
        for name, values in figures.items()
        if values
    ]
    columns = [
        Column("of a run", "of"),
        Column("median", "median", "number", digits=3),
        Column("largest", "maximum", "number", digits=3),
        Column("runs", "runs", "count"),
    ]
    return table_of("sampler", "The sampler's own cost", rows, columns)


def machine(night: Night) -> Table:
    """The machine's facts, one row each, nested ones under joined names."""
    rows = [{"fact": name, "value": value} for name, value in _flat(night.host) if name != "schema"]
    return table_of("machine", "The machine", rows, [Column("fact", "fact"), Column("value", "value")])


def facts(name: str, title: str, of: Mapping[str, Any]) -> Table:
    """A mapping of a finding (design, outlier rule, reproduction) as a table of two columns."""
    rows = [{"fact": key.replace("_", " "), "value": value} for key, value in _flat(of)]
    return table_of(name, title, rows, [Column("fact", "fact"), Column("value", "value")])


def _flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Mappings and sequences as (joined name, text)."""
    if isinstance(value, Mapping):
        return [pair for key, item in value.items() for pair in _flat(item, f"{name}.{key}" if name else str(key))]
    if isinstance(value, list | tuple) and any(isinstance(item, Mapping | list | tuple) for item in value):
        return [pair for place, item in enumerate(value) for pair in _flat(item, f"{name}.{place}")]
    return [(name, text_of(value))]
