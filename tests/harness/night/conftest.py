"""Nights without processes: an executor that settles runs as it is told, and a protocol small enough to count."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import folder as folders
from harness.events import Event, RunSettled, RunStarted
from harness.host import Host
from harness.plan import make_plan
from harness.protocol_model import Protocol
from harness.record import RUN_JSON, NightFolder, RunRecord, Status, Validity, write_json
from harness.run import RunOrder
from harness.stop import Stop

HOST = Host("0123abcd", "Some CPU", 4, 8, 1 << 34, "Linux", "6.1", "x86_64", "CPython 3.11", {"numpy": "2.0"})

TOML = b'title = "Which arm?"\n[workload]\ncommand = ["true", "{arm}"]\n[factors]\narm = ["a", "b"]\n'


def make_record(slot_key: str = "b01-1", **changes: Any) -> RunRecord:
    block, position = (int(part) for part in slot_key[1:].split("-"))
    body: dict[str, Any] = {
        "slot": slot_key, "block": block, "position": position, "replicate": max(block, 1), "attempt": 1,
        "configuration": "a", "levels": {"arm": "a"}, "seed": 1, "status": Status.COMPLETED,
        "validity": Validity.VALID, "started_ns": 10**9, "ended_ns": 3 * 10**9, "started_realtime_ns": 10**18,
    }  # fmt: skip
    return RunRecord(**{**body, **changes})


@pytest.fixture
def record() -> Callable[..., RunRecord]:
    return make_record


@pytest.fixture
def host() -> Host:
    return HOST


@pytest.fixture
def protocol_body() -> dict[str, Any]:
    """Two configurations, three blocks, nothing to wait for."""
    return {
        "title": "Which arm?",
        "workload": {"command": ("true", "{arm}")},
        "factors": {"arm": ("a", "b")},
        "design": {"blocks": 3, "seed": 1},
    }


@pytest.fixture
def begin(tmp_path: Path, protocol_body: dict[str, Any]) -> Callable[..., NightFolder]:
    """Begin a night of the small protocol, its sections replaced by those given."""

    def begun(**sections: Any) -> NightFolder:
        file = tmp_path / "arms.toml"
        file.write_bytes(TOML)
        protocol = Protocol.model_validate({**protocol_body, **sections})
        return folders.begin(file, protocol, make_plan(protocol), HOST, out=tmp_path / "results")

    return begun


class Script:
    """Settles each attempt as told: by slot and attempt, by slot, by configuration; else as completed and valid."""

    def __init__(self) -> None:
        self.told: dict[str, dict[str, Any] | Exception] = {}
        self.orders: list[RunOrder] = []
        self.clock: Any = None
        """Turned on by ``run_s`` with each attempt, which is then as long."""
        self.run_s = 0.0
        self.stop_after: int | None = None
        """Request a stop when so many attempts have begun."""

    def tell(self, key: str, outcome: Exception | None = None, **changes: Any) -> None:
        self.told[key] = outcome if outcome is not None else changes

    def __call__(self, order: RunOrder, stop: Stop) -> Iterator[Event]:
        self.orders.append(order)
        name, slot = order.name, order.slot
        yield RunStarted(str(name), slot.key, name.attempt, slot.configuration, slot.block)
        keys = (f"{slot.key}-a{name.attempt}", slot.key, slot.configuration)
        changes = next((self.told[key] for key in keys if key in self.told), {})
        partial = order.night.runs / f"{name}.partial"
        partial.mkdir()
        if isinstance(changes, Exception):
            raise changes
        now_ns, realtime_ns = time.monotonic_ns(), time.time_ns()
        ended_ns = now_ns + int(self.run_s * 1e9)
        if self.clock is not None:
            realtime_ns = int(self.clock.realtime_s() * 1e9)
            self.clock.turn(self.run_s)
        settled = make_record(
            slot.key, attempt=name.attempt, configuration=slot.configuration, levels=order.levels, seed=slot.seed,
            replicate=slot.replicate, started_ns=now_ns, ended_ns=ended_ns, exited_ns=ended_ns,
            started_realtime_ns=realtime_ns, cohort=order.cohort, night=order.night_id,
        )  # fmt: skip
        if order.discarded:
            settled = dataclasses.replace(settled, validity=Validity.DISCARDED)
        settled = dataclasses.replace(settled, **changes)
        if self.stop_after is not None and len(self.orders) >= self.stop_after:
            stop.request()
            settled = dataclasses.replace(settled, status=Status.INTERRUPTED, validity=Validity.INVALID)
        write_json(partial / RUN_JSON, settled.to_json())
        ending = ".interrupted" if settled.status is Status.INTERRUPTED else ""
        final = partial.with_name(f"{name}{ending}")
        partial.rename(final)
        yield RunSettled(str(name), final, settled)


@pytest.fixture
def script() -> Script:
    return Script()
