"""Several nights of one protocol as one: the blocks of each stay its own, so that pairs never span two nights.

Refused is what would compare different things: another protocol, another question, other domains or another source of
them, measured with modelled, a night given twice, and nights without blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.load import Damage, Night, load
from analysis.set_aside import SetAside, of_night
from harness.domains import choose, named
from harness.errors import NightFolderError
from harness.record import RunName, RunRecord

SAME = (
    *("workload", "factors", "exclude", "prepare", "cleanup", "warmup", "cooldown", "baseline", "analysis"),
    *("design.order", "design.workload_seed"),
)
"""Of a protocol, what must be equal; seed, number of blocks, sensors and how the night goes on may differ."""
_ALONE = "report each night by itself"


def join(folders: Sequence[Path | str]) -> Night:
    """The nights in ``folders`` as one, in the order in which they began; raises NightFolderError with the reason."""
    nights = sorted((load(folder) for folder in folders), key=_began)
    first = nights[0]
    for night in nights:
        _check_alone(night)
    for other in nights[1:]:
        _check_together(first, other)
    _check_twice(nights)
    _check_sources(nights)
    names = _names(nights)
    records: dict[str, RunRecord] = {}
    paths: dict[str, Path] = {}
    damage: list[Damage] = []
    aside: list[SetAside] = []
    changes: dict[int, tuple[str, ...]] = {}
    slots: list[dict[str, Any]] = []
    members: list[dict[str, Any]] = []
    offset = cohorts = 0
    for number, (name, night) in enumerate(zip(names, nights, strict=True), start=1):
        for run, record in night.records.items():
            block = record.block + offset if record.block else 0
            slot = RunName(block, record.position, record.attempt, "x").slot
            cohort = 1 if record.cohort == 1 else record.cohort + cohorts
            records[f"n{number}-{run}"] = replace(record, block=block, slot=slot, cohort=cohort, night=name)
            paths[f"n{number}-{run}"] = night.folder_of(run)
        aside += of_night(night.set_aside, name, offset + 1)
        damage += [Damage(f"{name}/{item.entry}", item.what) for item in night.damage]
        changes |= {key + cohorts: tuple(f"{name}: {told}" for told in value) for key, value in night.changes.items()}
        cohorts += max((record.cohort for record in night.records.values()), default=1) - 1
        slots += [{**slot, "block": slot["block"] + offset if slot["block"] else 0} for slot in night.plan["slots"]]
        blocks = max((slot["block"] for slot in night.plan["slots"]), default=0)
        members.append(
            {
                "night": name,
                "first_block": offset + 1,
                "blocks": blocks,
                "host": _host(night),
                "seed": night.plan["seed"],
            }
        )
        offset += blocks
    protocol = first.protocol.model_copy(
        update={"design": first.protocol.design.model_copy(update={"blocks": max(offset, 1)})}
    )
    hosts = {member["host"] for member in members}
    plan = {**first.plan, "slots": slots, "joined": members}
    host = first.host if len(hosts) == 1 else {}
    return Night(first.path, plan, protocol, host, records, tuple(damage), changes, tuple(aside), paths)


def _began(night: Night) -> int:
    return min((record.started_realtime_ns for record in night.records.values()), default=0)


def _host(night: Night) -> str:
    """The machine's anonymous id; empty where the night does not tell it."""
    return str(night.host.get("id") or night.host.get("hostname") or "")


def _names(nights: Sequence[Night]) -> list[str]:
    names = [night.path.resolve().name for night in nights]
    return [f"{name} ({place})" if names.count(name) > 1 else name for place, name in enumerate(names, start=1)]


def _check_alone(night: Night) -> None:
    where = str(night.path)
    if not night.blocked:
        raise NightFolderError(
            f"this night has no blocks (order {night.plan['order']}): what its runs share cannot be taken off",
            where=where,
            remedy=_ALONE,
        )
    if night.protocol.analysis.recipe == "classic":
        raise NightFolderError("the classic recipe heeds neither blocks nor nights", where=where, remedy=_ALONE)
    if night.imported:
        remedy = "import their files together, with the night in the name of each block"
        raise NightFolderError("an imported night is not joined with others", where=where, remedy=remedy)
    if not night.records:
        raise NightFolderError("this night has no run that can be read", where=where, remedy="leave it out")


def _check_together(first: Night, other: Night) -> None:
    where = f"{other.path}, against {first.path}"
    if first.rehearsal != other.rehearsal:
        raise NightFolderError("a rehearsal is not joined with a real night", where=where, remedy=_ALONE)
    one, another = (_flat(night.protocol.to_json()) for night in (first, other))
    for key in sorted(one.keys() | another.keys()):
        if any(key == part or key.startswith(f"{part}.") for part in SAME) and one.get(key) != another.get(key):
            what = f"another protocol: {key} is {another.get(key)!r} here, {one.get(key)!r} there"
            raise NightFolderError(what, where=where, remedy=_ALONE)
    if first.configurations != other.configurations or first.levels != other.levels:
        raise NightFolderError("their configurations differ", where=where, remedy=_ALONE)


def _check_twice(nights: Sequence[Night]) -> None:
    seen: dict[Any, Night] = {}
    for night in nights:
        begun = frozenset((record.slot, record.started_realtime_ns) for record in night.records.values())
        key = night.plan["seed"], night.plan.get("created_realtime_ns"), _host(night), begun
        earlier = seen.setdefault(key, night)
        if earlier is not night:
            raise NightFolderError(
                "this is the same night as another one given",
                where=f"{night.path}, {earlier.path}",
                remedy="give it once",
            )


def _check_sources(nights: Sequence[Night]) -> None:
    """Refuse nights whose energy would be of other domains, of another quality, or read by another source."""
    told = [_summed(night) for night in nights]
    for night, found in zip(nights[1:], told[1:], strict=True):
        if found != told[0]:
            here, there = (
                ", ".join(f"{d} by {named(o, q)}" for d, o, q in item) or "none" for item in (found, told[0])
            )
            raise NightFolderError(
                f"the energy of this night is that of {here}; of the first it is {there}",
                where=f"{night.path}, against {nights[0].path}",
                remedy=f"name the domains that all have (analysis.energy) before the night; else {_ALONE}",
            )


def _summed(night: Night) -> tuple[tuple[str, str, str], ...]:
    analysis = night.protocol.analysis
    channels = (channel for record in night.records.values() for channel in record.channels if channel.tells_energy)
    triples = {(channel.domain, channel.origin, str(channel.quality)) for channel in channels}
    return tuple(source.key for source in choose(triples, analysis.energy, analysis.prefer).summed)


def _flat(body: Mapping[str, Any]) -> dict[str, Any]:
    def parts(value: Any, path: str) -> Iterator[tuple[str, Any]]:
        if isinstance(value, Mapping) and value:
            for key, inner in value.items():
                yield from parts(inner, f"{path}.{key}" if path else str(key))
        else:
            yield path, value

    return dict(parts(body, ""))
