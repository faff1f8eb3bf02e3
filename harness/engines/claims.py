"""What a night claims of its machine for as long as it measures: its cards, and the machine, alone or together.

::

    it measures ...                                             the machine's lock     its cards' locks
    packages, memory, the machine, a wall socket                alone                  alone
    the same, with night.share_machine = true                   together               alone
    cards only                                                  together               alone
    nothing, and models power by the processors' load           alone, or together     none
    nothing (ratings, simulated sensors: every rehearsal)       none                   none

What stands in a socket cannot tell one process's joules from another's: two nights that measure it would each measure
the other's load too, and so would two that model their power by the load of the whole machine. A card can, so nights on
cards of their own go on side by side; a night that measures the machine as a whole bears neither.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from harness.locks import locked_devices, locked_machine
from harness.probe import Probe
from harness.protocol_model import Protocol
from harness.record import Quality

BY_LOAD = "load_model"
"""The sensor whose power follows the load of all processors, whoever causes it."""


@contextlib.contextmanager
def claimed(found: Probe, protocol: Protocol, night: str) -> Iterator[None]:
    """Hold what a night with these channels claims for the body; raises LockHeld with the name of who has it."""
    told = [item for item in found.channels if item.tells_energy]
    measured = [item for item in told if item.quality is Quality.MEASURED]
    counted = measured or [item for item in told if item.origin == BY_LOAD]
    with contextlib.ExitStack() as stack:
        if counted:
            alone = not protocol.night.share_machine and not all(item.device for item in counted)
            stack.enter_context(locked_machine(night, alone=alone))
        stack.enter_context(locked_devices(found.devices, night))
        yield
