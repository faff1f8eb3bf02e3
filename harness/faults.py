"""What a rehearsal can let go wrong in a run: the faults by their names, and where in a night each strikes.

::

    --fault nan@b02-1 --fault sampler-killed       what was asked for
      |  place: those without a slot are spread over the free slots; what cannot show itself is refused
      v  Fault("nan", "b02-1"), Fault("sampler-killed", "b03-2")
         |- workload   options of ``fake.py``
         |- sensor     ``harness.sensors.simulated_faults``, in the sampler
         |- outside    ``harness.striking``: signals and limits that strike real processes

A fault strikes the first attempt of its slot only, so that a repetition shows how the night gets over it. It is written
as NAME@SLOT into ``sensors.simulated.faults``: a rehearsed night tells what was done to it.
"""

from __future__ import annotations

import difflib
import enum
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import UsageError
from harness.record import PARTIAL, RunName

if TYPE_CHECKING:
    from harness.plan import Plan
    from harness.protocol_model import Protocol

ALL = "all"
"""In place of a slot: every attempt of every slot."""
LINGER_S = 4.0
"""How much longer a struck workload takes whose fault needs a while to be noticed: silence is one after 2 s."""
_SLOT = re.compile(r"b0*(\d+)-0*(\d+)")


class Way(enum.StrEnum):
    """Who lets a fault happen."""

    WORKLOAD = "workload"
    SENSOR = "sensor"
    OUTSIDE = "outside"


@dataclass(frozen=True)
class Kind:
    """One fault."""

    way: Way
    sentence: str
    lingers: bool = False
    """Whether the struck workload has to take longer, so that the fault is noticed while it runs."""
    overdue: bool = False
    """Whether the struck workload never ends by itself."""


KINDS: Mapping[str, Kind] = {
    "failure": Kind(Way.WORKLOAD, "the workload ends with exit code 3 in the middle of its window"),
    "signal": Kind(Way.WORKLOAD, "the workload is ended by a segmentation fault"),
    "out-of-memory": Kind(Way.WORKLOAD, "the workload takes memory until it gets no more (a limit of its own)"),
    "hang": Kind(Way.WORKLOAD, "the workload never ends", overdue=True),
    "stubborn": Kind(Way.WORKLOAD, "the workload never ends and ignores SIGTERM", overdue=True),
    "daemon": Kind(Way.WORKLOAD, "the workload leaves a daemon behind that forked twice"),
    "flood": Kind(Way.WORKLOAD, "the workload prints 8 MB, more than any pipe holds"),
    "terminal": Kind(Way.WORKLOAD, "the workload asks a question on the terminal"),
    "half-mark": Kind(Way.WORKLOAD, "the workload writes half a mark, and ends"),
    "nan": Kind(Way.WORKLOAD, "the workload exits with 0 and NaN for its losses"),
    "frozen": Kind(Way.SENSOR, "the sensor repeats one value while the device is at work", lingers=True),
    "counter-wraps": Kind(Way.SENSOR, "an energy counter begins again at 0 several times a second"),
    "counter-back": Kind(Way.SENSOR, "an energy counter goes back", lingers=True),
    "clock-step": Kind(Way.SENSOR, "the wall clock is put forward by an hour"),
    "suspend": Kind(Way.SENSOR, "the machine sleeps for ten minutes while the workload runs"),
    "hot": Kind(Way.SENSOR, "the temperature never comes back"),
    "sampler-killed": Kind(Way.OUTSIDE, "the sampler is killed"),
    "sampler-stopped": Kind(Way.OUTSIDE, "the sampler is stopped (SIGSTOP)", lingers=True),
    "sampler-slow": Kind(Way.OUTSIDE, "the sampler gets the processor only now and then", lingers=True),
    "keeper-killed": Kind(Way.OUTSIDE, "the workload's keeper is killed"),
    "disk-full-samples": Kind(Way.OUTSIDE, "the disk is full for the samples", lingers=True),
    "disk-full-sealing": Kind(Way.OUTSIDE, "the disk is full when the samples are sealed"),
    "disk-full-journal": Kind(Way.OUTSIDE, "the disk is full when the journal is written behind a run"),
}
"""Every fault by its name."""


@dataclass(frozen=True)
class Fault:
    """One fault and the slot that it strikes; ALL: every attempt of every slot."""

    name: str
    slot: str

    def __str__(self) -> str:
        return f"{self.name}@{self.slot}"

    @property
    def kind(self) -> Kind:
        """What is known of it."""
        return KINDS[self.name]

    @classmethod
    def parse(cls, text: str) -> Fault:
        """A fault as ``__str__`` writes it."""
        name, _, slot = text.partition("@")
        return cls(name, slot)

    def strikes(self, slot: str, attempt: int) -> bool:
        """Whether this attempt is struck."""
        return self.slot == ALL or (self.slot, 1) == (slot, attempt)


def struck(faults: Iterable[str], folder: str) -> frozenset[str]:
    """The names of the faults that strike the attempt whose run folder is called so; all of ALL for any other."""
    name = RunName.parse(folder.removesuffix(PARTIAL))
    slot, attempt = (name.slot, name.attempt) if name else ("", 0)
    return frozenset(fault.name for fault in map(Fault.parse, faults) if fault.strikes(slot, attempt))


def listing() -> str:
    """All faults with a line each, for people."""
    width = max(map(len, KINDS))
    return "\n".join(f"{name:<{width}}  {kind.sentence}" for name, kind in KINDS.items())


def place(words: Sequence[str], protocol: Protocol, plan: Plan) -> tuple[Fault, ...]:
    """The faults that ``words`` (NAME or NAME@SLOT each) ask for; those without a slot are spread over the free ones.

    Raises UsageError for a name or a slot that is none, and for a fault that could not show itself.
    """
    asked = [_split(word, plan) for word in words]
    for name, slot in asked:
        _refuse_idle(name, slot, protocol)
    later = [slot.key for slot in plan.slots if slot.block > 0]
    first = set(later[: len(plan.configurations)])
    taken = {slot for _, slot in asked if slot}
    unplaced = [name for name, slot in asked if not slot]
    free = [key for key in later if key not in taken]
    if len(unplaced) > len(free):
        raise UsageError(
            f"{len(unplaced)} faults do not fit into {len(free)} free slots, one each",
            where="--fault",
            remedy="fewer faults, more blocks (--set design.blocks=…), or name a slot for two of them: NAME@b02-1",
        )
    step = len(free) / max(1, len(unplaced))
    spread = iter([free[int((place + 0.5) * step)] for place in range(len(unplaced))])
    faults = tuple(Fault(name, slot or next(spread)) for name, slot in asked)
    if early := next((fault for fault in faults if fault.name == "hot" and fault.slot in first), None):
        raise UsageError(
            f"{early}: the first block's runs set the temperature that later ones come back to",
            where="--fault",
            remedy=f"name a later slot: hot@{later[-1]}" if len(later) > len(first) else "--set design.blocks=2",
        )
    return faults


def _split(word: str, plan: Plan) -> tuple[str, str]:
    """Name and slot ("" where none is given) of what stands behind ``--fault``."""
    name, _, where = word.partition("@")
    if name not in KINDS:
        near = difflib.get_close_matches(name, KINDS, 1)
        remedy = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"no fault {name!r}", where="--fault", remedy=f"{remedy}`--fault list` lists them")
    if not where:
        return name, ""
    if where == ALL:
        if KINDS[name].way is Way.WORKLOAD:
            return name, where
        raise UsageError(f"{word}: only a workload's faults can strike all runs", where="--fault", remedy="name a slot")
    keys = {(slot.block, slot.position): slot.key for slot in plan.slots}
    found = _SLOT.fullmatch(where)
    key = keys.get((int(found[1]), int(found[2]))) if found else None
    if key is None:
        raise UsageError(
            f"{word}: no slot {where!r} in this plan",
            where="--fault",
            remedy=f"slots are called like {next(iter(keys.values()))} … {list(keys.values())[-1]}; `nightwatt plan`"
            " --all shows them",
        )
    return name, key


def _refuse_idle(name: str, slot: str, protocol: Protocol) -> None:
    """Raise UsageError for a fault that this protocol gives no occasion to show itself."""
    if name == "hot" and (protocol.cooldown is None or protocol.cooldown.until != "temperature"):
        raise UsageError(
            "hot: this protocol does not wait for a temperature, so nothing would happen",
            where="--fault",
            remedy="--set cooldown.until=temperature",
        )
    if name == "hot" and protocol.design.blocks == 1:
        raise UsageError(
            "hot: the first block's runs set the temperature, and there is no other block",
            where="--fault",
            remedy="--set design.blocks=2",
        )
