"""The instruments of one attempt together: started side by side, heard, watched for loss, and ended.

Each has a process of its own (``harness.instruments.sidecar``); here they are one thing: ready when all are, lost when
one is.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.instruments.instrument import StatusLine
from harness.instruments.own import hosted
from harness.instruments.sidecar import InstrumentEnd, Loss, Sidecar
from harness.order import RunOrder
from harness.record import SAMPLER


def instruments_of(order: RunOrder) -> dict[str, dict[str, Any]]:
    """What each instrument of an attempt is to read, by the instrument's name; our own sampler first."""
    told: dict[str, Any] = {
        "plan_seed": order.plan_seed,
        "slot": order.slot.key,
        "configuration": order.slot.configuration,
    }
    told["hints"] = order.hints
    asked: dict[str, dict[str, Any]] = {}
    if order.sensors or order.fallback:
        asked[SAMPLER] = {"sensors": order.sensors, "fallback": order.fallback}
    asked |= {name: {"sensors": {name: settings}, "fallback": None} for name, settings in order.instruments.items()}
    return {
        name: {**spec, **told, "clocks": place == 0} for place, (name, spec) in enumerate(asked.items())
    }  # fmt: skip


class Recording:
    """The running instruments of one attempt."""

    def __init__(self, order: RunOrder, folder: Path) -> None:
        """Start them all; raises SensorMissing for one that cannot be started, with the others ended again."""
        self.sidecars: list[Sidecar] = []
        try:
            for name, spec in instruments_of(order).items():
                self.sidecars.append(Sidecar(hosted(name, folder, order.silence_s, spec), folder))
        except BaseException:
            self.stop(0.0)
            self.close()
            raise

    def __iter__(self) -> Iterator[Sidecar]:
        return iter(self.sidecars)

    def __bool__(self) -> bool:
        return bool(self.sidecars)

    def ready(self) -> bool:
        """Whether all record; raises when one has gone or takes too long."""
        return all(sidecar.ready() for sidecar in self.sidecars)

    def have_spoken(self, patience_s: float) -> bool:
        """Whether the first status line of each has come, or is no longer to be waited for."""
        return all(sidecar.has_spoken(patience_s) for sidecar in self.sidecars)

    def listen(self) -> None:
        """Take in the status lines that came; never blocks."""
        for sidecar in self.sidecars:
            sidecar.listen()

    @property
    def status(self) -> StatusLine:
        """What they last said, as one: of a domain that several tell, the first one's word."""
        said = [sidecar.status for sidecar in self.sidecars]
        power_W: dict[str, float] = {}
        temperature_C: dict[str, float] = {}
        context: dict[str, float] = {}
        for line in reversed(said):
            power_W |= line.power_W
            temperature_C |= line.temperature_C
            context |= line.context
        return StatusLine(
            t_ns=max((line.t_ns for line in said), default=0),
            power_W=power_W,
            temperature_C=temperature_C,
            context=context,
            rows=sum(line.rows for line in said),
            trouble="; ".join(line.trouble for line in said if line.trouble),
            lost="; ".join(line.lost for line in said if line.lost),
        )

    def lost(self) -> Loss | None:
        """Which instruments are lost, and since when the first of them; None while none is."""
        self.listen()
        losses = [loss for sidecar in self.sidecars if (loss := sidecar.lost()) is not None]
        if not losses:
            return None
        return Loss("; ".join(loss.why for loss in losses), min(loss.since_ns for loss in losses))

    @property
    def due_s(self) -> float:
        """In how many seconds ``lost`` wants to be asked again, however little happens."""
        return min((sidecar.due_s for sidecar in self.sidecars), default=math.inf)

    def let_go(self) -> None:
        """Ask all to end, without waiting."""
        for sidecar in self.sidecars:
            sidecar.child.let_go()

    def stop(self, patience_s: float, *, tail: bool = True) -> Mapping[str, InstrumentEnd]:
        """Ask all to end and wait, after ``patience_s`` for all of them use force; how each ended.

        ``tail`` false: none need read on for what comes late.
        """
        self.let_go()
        until_s = time.monotonic() + patience_s
        return {
            sidecar.instrument.name: sidecar.stop(max(0.0, until_s - time.monotonic()), tail=tail)
            for sidecar in self.sidecars
        }

    def close(self) -> None:
        """Give their descriptors back."""
        for sidecar in self.sidecars:
            sidecar.close()
