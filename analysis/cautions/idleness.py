"""Cautions about what the devices waited for: runs that are bound by their input, cards that are mostly idle."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.cautions.evidence import Evidence, listed
from analysis.findings import Caution
from analysis.numbers import significant
from analysis.within import WAITING

WAIT_LIMIT_PCT = 10.0
"""Above this part of its window, a configuration is called bound by its input."""
IDLE_LIMIT_PCT = 50.0
"""Below this mean utilisation a GPU is mostly idle."""
_UTILISATION = ".utilisation_pct"


def input_bound(seen: Evidence) -> Iterator[Caution]:
    """Configurations whose window goes by waiting, by their own account or by the idleness of their GPUs."""
    if seen.temporal is None:
        return
    waits, idle = [], []
    for load in seen.temporal.loads:
        mean = load.share.value
        if mean is None:
            continue
        if load.what == WAITING and mean > WAIT_LIMIT_PCT:
            waits.append(f"{significant(mean, 2)} % of {load.configuration}")
        elif load.what.endswith(_UTILISATION) and mean < IDLE_LIMIT_PCT:
            device = load.what.removesuffix(_UTILISATION)
            idle.append(f"{device} {significant(mean, 2)} % in {load.configuration}")
    if waits:
        yield Caution(
            "input-bound",
            f"The window goes by waiting for input for more than {WAIT_LIMIT_PCT:g} %: {listed(waits)}.",
            "Its energy is also that of the input pipeline; give it more readers, or prepare the input on the device.",
        )
    if idle:
        yield Caution(
            "idle-gpu",
            f"A GPU runs kernels in less than {IDLE_LIMIT_PCT:g} % of the window: {listed(idle)}.",
            "A change that makes its kernels cheaper can then hardly save energy: what bounds the run is elsewhere.",
        )
