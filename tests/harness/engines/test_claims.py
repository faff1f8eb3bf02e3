"""Who may measure on a machine beside whom."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from harness.channels import Channel, Kind, Quality
from harness.engines.claims import claimed
from harness.errors import LockHeld
from harness.locks import RUNTIME_DIR_VARIABLE, locked_machine
from harness.probe import Probe
from harness.protocol_model import Night, Protocol, Workload


def channel(domain: str, quality: Quality, device: str = "", origin: str = "") -> Channel:
    return Channel(f"{domain}.power_W", "W", Kind.GAUGE, domain, quality, "a test", 0.1, device=device, origin=origin)


CARD_1 = Probe((channel("gpu0", Quality.MEASURED, "GPU-1"),))
CARD_2 = Probe((channel("gpu1", Quality.MEASURED, "GPU-2"),))
PACKAGE = Probe((channel("package-0", Quality.MEASURED),))
PACKAGE_AND_CARD = Probe((*PACKAGE.channels, *CARD_1.channels))
RATING = Probe((channel("cpu", Quality.MODELLED, origin="constant"),))
BY_LOAD = Probe((channel("cpu", Quality.MODELLED, origin="load_model"),))
CARD_AND_MODEL = Probe((*CARD_1.channels, *BY_LOAD.channels))


def protocol(*, share: bool = False) -> Protocol:
    return Protocol(title="?", workload=Workload(command=("true",)), night=Night(share_machine=share))


@pytest.fixture(autouse=True)
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(RUNTIME_DIR_VARIABLE, str(tmp_path / "locks"))
    return tmp_path / "locks"


def go_together(first: Probe, second: Probe, *, share: tuple[bool, bool] = (False, False)) -> bool:
    """Whether a second night may begin while the first goes on."""
    with claimed(first, protocol(share=share[0]), "night-1"):
        try:
            with claimed(second, protocol(share=share[1]), "night-2"):
                return True
        except LockHeld:
            return False


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        (CARD_1, CARD_2, True),
        (CARD_1, CARD_1, False),
        (PACKAGE, PACKAGE, False),
        (PACKAGE_AND_CARD, CARD_2, False),
        (CARD_2, PACKAGE_AND_CARD, False),
        (PACKAGE, RATING, True),
        (RATING, RATING, True),
        (BY_LOAD, RATING, True),
        (BY_LOAD, BY_LOAD, False),
        (PACKAGE, BY_LOAD, False),
        (CARD_AND_MODEL, CARD_2, True),
    ],
)
def test_what_stands_in_a_socket_is_measured_by_one_night_at_a_time(
    first: Probe, second: Probe, together: bool
) -> None:
    assert together == go_together(first, second)


def test_two_nights_that_do_not_mind_each_other_go_side_by_side() -> None:
    assert go_together(PACKAGE, PACKAGE, share=(True, True))
    assert go_together(BY_LOAD, BY_LOAD, share=(True, True))
    assert not go_together(PACKAGE, PACKAGE, share=(True, False))
    assert not go_together(PACKAGE, PACKAGE, share=(False, True))
    assert not go_together(PACKAGE_AND_CARD, PACKAGE_AND_CARD, share=(True, True)), "a card is not shared"


def test_the_refusal_names_the_first_night_and_what_would_help() -> None:
    with (
        claimed(PACKAGE, protocol(), "2026-11-21-widths-7f3a"),
        pytest.raises(LockHeld, match="another nightwatt is using this machine") as refusal,
        claimed(PACKAGE, protocol(), "another"),
    ):
        pass
    assert "night 2026-11-21-widths-7f3a" in refusal.value.where
    assert "night.share_machine = true" in refusal.value.remedy


def test_a_claim_ends_with_its_night(locks: Path) -> None:
    for _ in range(2):
        with claimed(PACKAGE, protocol(), "night"):
            pass
    assert ["machine.lock"] == [path.name for path in locks.iterdir()]


def test_a_holder_that_has_gone_is_not_named(locks: Path) -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(locked_machine("a", alone=False))
        (locks / "machine.lock").write_text('{"pid": 4194305, "since_realtime_ns": 1, "night": "gone"}')
        with pytest.raises(LockHeld) as refusal, locked_machine("b", alone=True):
            pass
    assert str(locks / "machine.lock") == refusal.value.where
