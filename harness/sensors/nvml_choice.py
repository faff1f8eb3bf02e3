"""Which cards are meant: all, or those named by NVML index, UUID or CUDA order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import SensorMissing
from harness.sensors.nvml_card import Card

CUDA = "cuda:"


def choose(nvml: Any, devices: Sequence[int | str], environment: Mapping[str, str]) -> list[Card]:
    """The cards that ``devices`` names, each once, in NVML's order; all where it names none.

    A device is an NVML index (0 or "0"), a UUID or the beginning of one ("GPU-1a2b"), or a place in CUDA's order
    ("cuda:0"), which CUDA_VISIBLE_DEVICES and CUDA_DEVICE_ORDER of ``environment`` decide. Raises SensorMissing for one
    that is not there or not to be told, and where there are no cards at all.
    """
    cards = [_card(nvml, index) for index in range(nvml.nvmlDeviceGetCount())]
    if not cards:
        raise SensorMissing("the NVIDIA driver knows of no card", remedy="see `nvidia-smi`")
    chosen = {_find(cards, device, environment).index for device in devices} or {card.index for card in cards}
    return [card for card in cards if card.index in chosen]


def _card(nvml: Any, index: int) -> Card:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    return Card(nvml, handle, index, text(nvml.nvmlDeviceGetName(handle)), text(nvml.nvmlDeviceGetUUID(handle)))


def _find(cards: Sequence[Card], device: int | str, environment: Mapping[str, str]) -> Card:
    called = str(device)
    if called.startswith(CUDA) and called.removeprefix(CUDA).isdigit():
        return _by_cuda(cards, int(called.removeprefix(CUDA)), environment)
    if called.isdigit():
        found = [card for card in cards if card.index == int(called)]
    else:
        found = [card for card in cards if card.uuid.startswith(called)]
    if len(found) != 1:
        raise SensorMissing(
            f"{'several cards are' if found else 'no card is'} called {device!r}", remedy=f"there are: {_listed(cards)}"
        )
    return found[0]


def _by_cuda(cards: Sequence[Card], place: int, environment: Mapping[str, str]) -> Card:
    """The card at a place in CUDA's order: what is visible, fastest first unless CUDA_DEVICE_ORDER says PCI_BUS_ID."""
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    names = [str(card.index) for card in cards] if visible is None else [item.strip() for item in visible.split(",")]
    if not 0 <= place < len(names) or names[place] in ("", "-1"):
        raise SensorMissing(
            f"CUDA has no device {place}",
            where=f"CUDA_VISIBLE_DEVICES={visible}" if visible is not None else "",
            remedy=f"there are: {_listed(cards)}",
        )
    by_bus = environment.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    if names[place].isdigit() and not by_bus and len({card.name for card in cards}) > 1:
        raise SensorMissing(
            f"which card {CUDA}{place} is cannot be told: CUDA puts the fastest first, and these cards differ",
            remedy="set CUDA_DEVICE_ORDER=PCI_BUS_ID, or name the card by its UUID",
        )
    return _find(cards, names[place], {})


def _listed(cards: Sequence[Card]) -> str:
    return "; ".join(f"{card.index}: {card.name}, {card.uuid}" for card in cards)


def text(value: str | bytes) -> str:
    """A name as NVML gives it: text, or bytes in older packages."""
    return value.decode() if isinstance(value, bytes) else value
