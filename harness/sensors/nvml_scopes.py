"""Cards on a board with a processor (GH200, GB200): whose power and whose energy it is that NVML tells.

There the one energy counter may cover the whole module, processor and memory included, and a plain reading does not say
whose it is. So such a card is asked by scope: the card, the module around it, the card's memory, each a domain of its
own (gpu0, module-0, gpu0-memory), of which the first lies in the second and the third in the first. A card on a board
of its own is read as ever: its power and its counter are the card's.

Measured by others: the counter of a GH200 covers the module (ml-energy/zeus, Grace Hopper support). Field 191 is the
counter by scope (nvml.h); a driver that does not heed the scope answers the same number twice, and is not believed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from harness.sensors.nvml_card import Card, Scope

ENERGY = 191
"""NVML_FI_DEV_ENERGY, mJ since the driver was loaded."""
APART = 0.001
"""Counters of two scopes differ by more than this: a module draws more than its card from the first second on."""
ON_A_MODULE = re.compile(r"\bG[BH][23]00\b")
ALONE_ON_ITS_MODULE = re.compile(r"\bGH200\b")
"""One card a module, and its energy counter is the module's."""
MAY_BE_SHARED = "cards of such a board share a module, and which of them is not told: read one card alone to have it"
WHOSE_IS_NOT_TOLD = "whether the energy counter of this card is the card's or its module's is not told"

Ask = Callable[[], int]


def on_a_module(card: Card) -> bool:
    """Whether this card shares its board with a processor."""
    return bool(ON_A_MODULE.search(card.name))


def module_may_be_shared(card: Card) -> bool:
    """Whether another card may lie on the same module, whose joules would then be told twice."""
    return on_a_module(card) and not ALONE_ON_ITS_MODULE.search(card.name)


def parts(card: Card) -> list[Card]:
    """What is asked through this card: itself and, on a module, the module and the card's memory."""
    scopes = Scope if on_a_module(card) else (Scope.GPU,)
    return [
        card if scope is card.scope else Card(card.nvml, card.handle, card.index, card.name, card.uuid, scope)
        for scope in scopes
    ]


def counter(card: Card) -> tuple[Ask, str]:
    """How the energy counter of this card, or part, is asked (mJ), and its source in words.

    Raises the module's NVMLError where it has none (before Volta), and LookupError where it is not known whose it is.
    """

    def total() -> int:
        return int(card.nvml.nvmlDeviceGetTotalEnergyConsumption(card.handle))

    def by_scope() -> int:
        return int(card.field(ENERGY))

    if not on_a_module(card):
        total()
        return total, "NVML total energy counter, since the driver was loaded"
    if _scopes_differ(card):
        if not by_scope():
            raise LookupError(f"the energy counter of {card.domain} stands at 0 J")
        return by_scope, f"NVML field {ENERGY}, energy since the driver was loaded, scope {card.scope.name.lower()}"
    if not ALONE_ON_ITS_MODULE.search(card.name):
        raise LookupError(WHOSE_IS_NOT_TOLD)
    if card.scope is not Scope.MODULE:
        raise LookupError("the energy counter of this card is its module's")
    total()
    return total, "NVML total energy counter, since the driver was loaded: on this board that of the whole module"


def _scopes_differ(card: Card) -> bool:
    """Whether the driver keeps the card's energy and the module's apart."""
    gpu, module = (replace(card, scope=scope) for scope in (Scope.GPU, Scope.MODULE))
    try:
        gpu_mJ, module_mJ = gpu.field(ENERGY), module.field(ENERGY)
    except card.nvml.NVMLError:
        return False
    return abs(module_mJ - gpu_mJ) > APART * max(module_mJ, gpu_mJ)
