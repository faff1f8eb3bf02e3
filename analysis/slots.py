"""How much of what was planned has been executed: slots begun, damaged, left out with a retired configuration, left."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.load import Night
from analysis.retirement import left_out
from harness.record import RunName

SO_FAR = (
    "So far: {begun} of {planned} planned runs{blocks}. To look before the planned end, and to stop for what is seen, "
    "raises the false-alarm rate."
)


@dataclass(frozen=True)
class Slots:
    """The planned slots of a night, without those of its warm-up."""

    planned: int
    begun: int
    """With a run that can be read."""
    damaged: int
    """With a run that cannot, and none that can."""
    retired: int
    """Of configurations that were left out from their third run on."""
    blocks: int
    """Of the plan."""
    blocks_begun: int

    @property
    def left(self) -> int:
        """Still to be executed."""
        return self.planned - self.begun - self.damaged - self.retired

    def so_far(self, *, blocked: bool) -> str:
        """What a reader must know of an answer that more runs will change; empty where none is left."""
        if self.left <= 0:
            return ""
        blocks = f", in {self.blocks_begun} of {self.blocks} blocks" if blocked else ""
        return SO_FAR.format(begun=self.begun, planned=self.planned, blocks=blocks)


def slots_of(night: Night) -> Slots:
    """The slots of ``night``, or of several that are joined."""
    planned = {(int(slot["block"]), int(slot["position"])) for slot in night.plan["slots"] if slot["block"] > 0}
    there = {(record.block, record.position) for record in night.records.values()}
    begun = planned & there
    return Slots(
        len(planned),
        len(begun),
        len((_damaged(night) & planned) - begun),
        sum(left_out(night).values()),
        len({block for block, _ in planned}),
        len({block for block, _ in begun}),
    )


def _damaged(night: Night) -> set[tuple[int, int]]:
    """The block and position of each run that is there, but could not be read."""
    first = {str(member["night"]): int(member["first_block"]) for member in night.joined}
    found = set()
    for item in night.damage:
        *of, _, folder = ("", "", *item.entry.split("/"))
        name = RunName.parse(folder)
        if name is not None:
            found.add((name.block + (first.get(of[-1], 1) - 1 if name.block else 0), name.position))
    return found
