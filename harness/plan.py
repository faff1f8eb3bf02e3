"""Protocol + seed -> Plan; pure: no clock, no files; equal inputs give an equal plan.

Every draw comes from a ``random.Random`` of its own, seeded by a sentence that names what is drawn, so that a plan of
more blocks begins with the same blocks. ``shuffle`` alone is ``random.Random(seed).shuffle`` over the listed order
(all runs of the first configuration, then of the second, …), so that an order published as such is had again.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.configurations import Configuration, cross
from harness.record import SCHEMA

if TYPE_CHECKING:
    from harness.commands import Source
    from harness.protocol_model import Protocol

__all__ = ["Configuration", "Plan", "Slot", "document", "make_plan"]

_SEEDS = 2**31


@dataclass(frozen=True)
class Slot:
    """A place in the plan."""

    block: int
    """0 holds the warm-up's discarded runs; orders without blocks have all their slots in block 1."""
    position: int
    replicate: int
    configuration: str
    seed: int
    baseline: bool
    """Whether the idle baseline is taken before it (first slot of a block; without blocks each k-th slot)."""

    @property
    def key(self) -> str:
        """The slot's name in paths and in the display: b03-2 is block 3, position 2."""
        return f"b{self.block:02d}-{self.position}"


@dataclass(frozen=True)
class Plan:
    """Every slot of a night in the order in which they are executed; block 0 is the warm-up's discarded runs."""

    title: str
    seed: int
    order: str
    configurations: tuple[Configuration, ...]
    slots: tuple[Slot, ...]

    def configuration(self, name: str) -> Configuration:
        """The configuration of that name; raises KeyError."""
        for configuration in self.configurations:
            if configuration.name == name:
                return configuration
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON types: title, seed, order, configurations, slots."""
        return {
            "title": self.title,
            "seed": self.seed,
            "order": self.order,
            "configurations": [{"name": item.name, "levels": dict(item.levels)} for item in self.configurations],
            "slots": [dict(vars(slot)) for slot in self.slots],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Plan:
        """The plan of a parsed ``plan.json``; raises KeyError, TypeError or ValueError when it is not one."""
        plan = cls(
            title=body["title"],
            seed=body["seed"],
            order=body["order"],
            configurations=tuple(Configuration(item["name"], item["levels"]) for item in body["configurations"]),
            slots=tuple(Slot(**item) for item in body["slots"]),
        )
        _refuse_wrong_types(plan)
        return plan


def _refuse_wrong_types(plan: Plan) -> None:
    names = {configuration.name for configuration in plan.configurations}
    for key, right in (
        ("title", isinstance(plan.title, str)),
        ("order", isinstance(plan.order, str)),
        ("seed", type(plan.seed) is int),
        ("configurations", all(isinstance(name, str) for name in names)),
        ("levels", all(isinstance(configuration.levels, dict) for configuration in plan.configurations)),
    ):
        if not right:
            raise TypeError(f"its {key} are not what they should be" if key[-1] == "s" else f"its {key} is no {key}")
    for number, slot in enumerate(plan.slots, start=1):
        whole = (slot.block, slot.position, slot.replicate, slot.seed)
        if not all(type(value) is int for value in whole) or type(slot.baseline) is not bool:
            raise TypeError(f"slot {number} of it is not what it should be")
        if slot.configuration not in names:
            raise ValueError(f"slot {number} of it is of no configuration of the plan")


def make_plan(protocol: Protocol) -> Plan:
    """Every slot of the night that ``protocol`` describes."""
    configurations = cross(protocol.factors, protocol.exclude)
    names = [configuration.name for configuration in configurations]
    design = protocol.design
    per_slot = _seeds(f"nightwatt {design.seed} workload, one per run")
    per_block = list(itertools.islice(_seeds(f"nightwatt {design.seed} workload, one per block"), design.blocks))

    def workload_seed(replicate: int) -> int:
        if design.workload_seed == "fixed":
            return design.seed
        return per_block[replicate - 1] if design.workload_seed == "per-block" else next(per_slot)

    slots: list[Slot] = []
    for block, row in _rows(names, design.order, design.blocks, design.seed):
        seen = dict.fromkeys(names, block - 1)
        for position, name in enumerate(row, start=1):
            seen[name] += 1
            slots.append(
                Slot(
                    block=block,
                    position=position,
                    replicate=seen[name],
                    configuration=name,
                    seed=workload_seed(seen[name]),
                    baseline=protocol.baseline is not None and (position - 1) % len(names) == 0,
                )
            )
    discarded = _discarded(names, protocol)
    return Plan(protocol.title, design.seed, design.order, configurations, (*discarded, *slots))


def document(
    plan: Plan,
    protocol: Protocol,
    *,
    nightwatt: str,
    protocol_file: str,
    protocol_sha256: str,
    created_realtime_ns: int,
    overrides: Mapping[str, Any] | None = None,
    sources: Sequence[Source] = (),
    rehearsal: bool = False,
    night: str = "",
) -> dict[str, Any]:
    """The content of ``plan.json``: the plan, the resolved protocol, and where both came from."""
    return {
        "schema": SCHEMA,
        "nightwatt": nightwatt,
        "night": night,
        "rehearsal": rehearsal,
        "created_realtime_ns": created_realtime_ns,
        "protocol_file": protocol_file,
        "protocol_sha256": protocol_sha256,
        "overrides": dict(overrides or {}),
        "sources": [
            {"path": str(source.path), "sha256": source.sha256, "copied_as": source.copied_as} for source in sources
        ],
        "protocol": protocol.to_json(),
        **plan.to_json(),
    }


def _rows(names: Sequence[str], order: str, blocks: int, seed: int) -> Iterator[tuple[int, Sequence[str]]]:
    """The blocks in their order: number and configurations; orders without blocks are one long block 1."""
    if order == "blocks":
        for block in range(1, blocks + 1):
            row = list(names)
            random.Random(f"nightwatt {seed} order of block {block}").shuffle(row)
            yield block, row
    elif order == "latin":
        yield from enumerate(_latin(names, blocks, seed), start=1)
    else:
        listed = [name for name in names for _ in range(blocks)]
        if order == "shuffle":
            random.Random(seed).shuffle(listed)
        yield 1, listed


def _latin(names: Sequence[str], blocks: int, seed: int) -> Iterator[Sequence[str]]:
    """Rows of Williams designs, each over a random naming and with its rows in a random order.

    A design has k rows for an even number k of configurations and 2 k for an odd one; in a whole design each
    configuration stands in each position and follows each other one equally often. Cut short anywhere, positions
    differ by at most one. (E. J. Williams, Australian Journal of Scientific Research A 2, 1949.)
    """
    k = len(names)
    first = [(step + 1) // 2 if step % 2 else (k - step // 2) % k for step in range(k)]
    design = 0
    made = 0
    while True:
        draw = random.Random(f"nightwatt {seed} latin design {design}")
        naming = draw.sample(list(names), k)
        squares = [first] if k % 2 == 0 else [first, first[::-1]]
        for square in squares:
            for shift in draw.sample(range(k), k):
                if made == blocks:
                    return
                yield [naming[(item + shift) % k] for item in square]
                made += 1
        design += 1


def _discarded(names: Sequence[str], protocol: Protocol) -> Iterator[Slot]:
    """The warm-up's runs: each configuration ``warmup.runs`` times, in the listed order, as block 0."""
    rounds = protocol.warmup.runs if protocol.warmup else 0
    design = protocol.design
    seeds = _seeds(f"nightwatt {design.seed} workload, warm-up")
    position = 0
    for replicate in range(1, rounds + 1):
        for name in names:
            position += 1
            seed = design.seed if design.workload_seed == "fixed" else next(seeds)
            yield Slot(0, position, replicate, name, seed, baseline=False)


def _seeds(sentence: str) -> Iterator[int]:
    """Distinct seeds in [0, 2^31), drawn in the name of ``sentence``; a longer series begins with the shorter one."""
    draw = random.Random(sentence)
    seen: set[int] = set()
    while True:
        seed = draw.randrange(_SEEDS)
        if seed not in seen:
            seen.add(seed)
            yield seed
