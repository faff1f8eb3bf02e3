"""Which faults there are, where in a night they strike, and what is refused because nothing would be seen of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.faults import KINDS, Fault, Way, listing, place, struck
from harness.plan import Plan, make_plan
from harness.protocol_model import Protocol
from harness.rehearsal import FROZEN_S, rehearse

ROOT = Path(__file__).parents[2]


def make_protocol(**sections: Any) -> Protocol:
    body: dict[str, Any] = {
        "title": "Which arm?",
        "workload": {"command": ("true", "{arm}"), "timeout_s": 600.0, "window": "train"},
        "factors": {"arm": ("a", "b")},
        "design": {"blocks": 4, "seed": 1},
        "cooldown": {"until": "temperature"},
    }
    return Protocol.model_validate({**body, **sections})


def placed(*words: str, **sections: Any) -> list[str]:
    protocol = make_protocol(**sections)
    return [str(fault) for fault in place(words, protocol, make_plan(protocol))]


def slots(plan: Plan) -> list[str]:
    return [slot.key for slot in plan.slots]


def test_a_fault_strikes_the_slot_that_is_named() -> None:
    assert ["nan@b02-1", "hang@b03-2"] == placed("nan@b02-1", "hang@b3-02")


def test_faults_without_a_slot_are_spread_over_the_free_ones() -> None:
    found = placed("nan", "nan@b02-1", "signal", "daemon")
    assert "nan@b02-1" == found[1]
    assert 4 == len({word.partition("@")[2] for word in found})
    assert found == placed("nan", "nan@b02-1", "signal", "daemon")
    assert ["nan@b03-1"] == placed("nan")


def test_as_many_faults_as_slots_have_one_each() -> None:
    found = placed(*["nan"] * 8)
    assert slots(make_plan(make_protocol())) == [word.partition("@")[2] for word in found]


def test_more_faults_than_slots_are_refused() -> None:
    with pytest.raises(UsageError, match="9 faults do not fit into 8 free slots"):
        placed(*["nan"] * 9)


def test_two_faults_may_strike_one_slot() -> None:
    assert ["nan@b02-1", "daemon@b02-1"] == placed("nan@b02-1", "daemon@b02-1")


def test_the_warm_up_s_runs_can_be_struck_by_name_only() -> None:
    warm = {"warmup": {"runs": 1}}
    assert ["nan@b00-1"] == placed("nan@b00-1", **warm)
    assert not any("b00" in word for word in placed(*["nan"] * 8, **warm))


@pytest.mark.parametrize(
    ("word", "what"),
    [
        ("nna", "no fault 'nna'\n.*\n.*did you mean 'nan'?"),
        ("", "no fault ''"),
        ("nan@b05-1", "nan@b05-1: no slot 'b05-1' in this plan"),
        ("nan@first", "no slot 'first'"),
        ("sampler-killed@all", "only a workload's faults can strike all runs"),
        ("hot@b01-2", "the first block's runs set the temperature"),
    ],
)
def test_what_is_no_fault_or_no_slot_is_refused(word: str, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        placed(word)


def test_a_temperature_that_nobody_waits_for_cannot_stay_away() -> None:
    with pytest.raises(UsageError, match=re.escape("--set cooldown.until=temperature")):
        placed("hot", cooldown={"until": "time"})
    with pytest.raises(UsageError, match=re.escape("--set cooldown.until=temperature")):
        placed("hot", cooldown=None)
    with pytest.raises(UsageError, match=re.escape("--set design.blocks=2")):
        placed("hot", design={"blocks": 1})


def test_a_fault_strikes_the_first_attempt_only_unless_it_strikes_all() -> None:
    fault, always = Fault("nan", "b02-1"), Fault("daemon", "all")
    assert (True, False, False) == (
        fault.strikes("b02-1", 1), fault.strikes("b02-1", 2), fault.strikes("b02-2", 1)
    )  # fmt: skip
    assert always.strikes("b02-1", 2)
    asked = (str(fault), str(always))
    assert {"nan", "daemon"} == struck(asked, "b02-1-a1-a.partial")
    assert {"daemon"} == struck(asked, "b02-1-a2-a.partial")
    assert {"daemon"} == struck(asked, "elsewhere")


def test_the_list_has_a_line_for_each() -> None:
    assert list(KINDS) == [line.split()[0] for line in listing().splitlines()]


def test_the_fake_workload_knows_every_fault_of_a_workload() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import fake; print(*fake.FAULTS)"],
        cwd=ROOT / "workloads", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert {name for name, kind in KINDS.items() if kind.way is Way.WORKLOAD} == set(told.stdout.split())


def test_a_rehearsal_writes_every_fault_into_the_protocol_of_its_night() -> None:
    protocol = make_protocol()
    faults = place(["nan@b02-1", "sampler-killed@b03-1", "frozen@b03-2"], protocol, make_plan(protocol))
    rehearsed = rehearse(protocol, faults=faults)
    assert rehearsed.sensors.simulated is not None
    assert ("nan@b02-1", "sampler-killed@b03-1", "frozen@b03-2") == rehearsed.sensors.simulated.faults
    assert Protocol.model_validate(rehearsed.model_dump()) == rehearsed
    command = rehearsed.workload.command
    assert ("--fault", "nan@b02-1") == command[(at := command.index("--fault")) : at + 2]
    assert ("--linger", "4@b03-2") == command[(at := command.index("--linger")) : at + 2]
    assert FROZEN_S == rehearsed.judge["frozen"].limit
    assert make_plan(protocol) == make_plan(rehearsed)


def test_without_faults_a_rehearsal_is_what_it_was() -> None:
    rehearsed = rehearse(make_protocol())
    assert rehearsed.sensors.simulated is not None
    assert () == rehearsed.sensors.simulated.faults
    assert {} == rehearsed.judge
    assert 30.0 == rehearsed.workload.timeout_s


def test_a_workload_that_never_ends_is_waited_for_less_long() -> None:
    assert 12.0 == rehearse(make_protocol(), faults=(Fault("hang", "b02-1"),)).workload.timeout_s
