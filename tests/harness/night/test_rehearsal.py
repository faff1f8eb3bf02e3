"""A protocol as it is rehearsed."""

from __future__ import annotations

from typing import Any

import pytest

from harness.commands import render
from harness.plan import make_plan
from harness.protocol import from_json
from harness.protocol_model import Protocol
from harness.rehearsal import rehearse


@pytest.fixture
def protocol() -> Protocol:
    body: dict[str, Any] = {
        "title": "Which?",
        "workload": {
            "command": ("python", "train.py", "{arm}", "{seed}"),
            "timeout_s": 2000.0,
            "window": "train",
            "env": {"ARM": "{arm}"},
        },
        "factors": {"arm": ("a", "b"), "size": (1, 2)},
        "design": {"blocks": 4, "seed": 7},
        "prepare": {"command": ("nvidia-smi", "-pl", "300")},
        "warmup": {"command": ("python", "heat.py"), "duration_s": 300.0, "runs": 1},
        "cooldown": {"minimum_s": 120.0, "maximum_s": 900.0, "until": "temperature"},
        "baseline": {"duration_s": 30.0},
        "sensors": {"nvml": {}, "rapl": {}, "required": ("nvml",)},
        "analysis": {
            "energy": ("gpu0", "package-0"),
            "equivalence": {"metric": "f1", "margin": 0.02},
            "baseline": "arm=a,size=1",
        },
    }
    return Protocol.model_validate(body)


def test_the_plan_stays_the_same(protocol: Protocol) -> None:
    assert make_plan(protocol) == make_plan(rehearse(protocol))


def test_every_wait_is_multiplied_by_the_factor(protocol: Protocol) -> None:
    rehearsed = rehearse(protocol, 0.01)
    assert rehearsed.warmup is not None
    assert rehearsed.cooldown is not None
    assert rehearsed.baseline is not None
    assert (3.0, 1) == (rehearsed.warmup.duration_s, rehearsed.warmup.runs)
    assert (1.2, 9.0, "temperature") == (
        rehearsed.cooldown.minimum_s,
        rehearsed.cooldown.maximum_s,
        rehearsed.cooldown.until,
    )
    assert 0.3 == rehearsed.baseline.duration_s


def test_no_command_of_the_protocol_is_executed(protocol: Protocol) -> None:
    rehearsed = rehearse(protocol)
    assert rehearsed.prepare is not None
    assert rehearsed.warmup is not None
    for command in (rehearsed.workload.command, rehearsed.prepare.command, rehearsed.warmup.command):
        assert command is not None
        assert ("{python}", "{workloads}/fake.py") == command[:2]
    assert {} == rehearsed.workload.env


def test_the_command_names_window_factors_seed_and_results(protocol: Protocol) -> None:
    command = rehearse(protocol, 0.001).workload.command
    given = {"python": "py", "workloads": "w", "seed": "5", "arm": "a", "size": "2"}
    filled = [render(element, given) for element in command]
    assert "setup:0.125,train:0.5,evaluate:0.125" in filled
    assert ["5"] == _values_of(filled, "--seed")
    assert ["arm=a", "size=2"] == _values_of(filled, "--note")
    assert ["accuracy=0.8", "f1=0.8"] == _values_of(filled, "--metric")


def test_only_the_simulated_sensor_is_read_with_the_domains_of_the_analysis(protocol: Protocol) -> None:
    sensors = rehearse(protocol).sensors
    assert sensors.simulated is not None
    assert ("gpu0", "package-0") == sensors.simulated.domains
    assert (None, None, None, None) == (sensors.nvml, sensors.rapl, sensors.required, sensors.fallback)


def test_a_simulated_protocol_keeps_its_settings(protocol: Protocol) -> None:
    body = protocol.to_json() | {"sensors": {"simulated": {"domains": ["wall"], "load_W": 90.0}}}
    simulated = rehearse(from_json(body)).sensors.simulated
    assert simulated is not None
    assert (("wall",), 90.0) == (simulated.domains, simulated.load_W)


def test_configurations_that_differ_by_labels_alone_use_the_same_power(protocol: Protocol) -> None:
    body = protocol.to_json()
    body["design"]["labels"] = ["arm", "size"]
    labelled, half = rehearse(from_json(body)).sensors.simulated, rehearse(protocol).sensors.simulated
    assert labelled is not None
    assert half is not None
    assert ({1.0}, 4) == (set(labelled.effect.values()), len(labelled.effect))
    assert {} == half.effect


def test_a_window_of_the_whole_process_stays_that(protocol: Protocol) -> None:
    whole = protocol.model_copy(update={"workload": protocol.workload.model_copy(update={"window": None})})
    assert rehearse(whole).workload.window is None


def test_a_window_with_braces_and_commas_is_rehearsed_under_one_name(protocol: Protocol) -> None:
    odd = protocol.model_copy(update={"workload": protocol.workload.model_copy(update={"window": "a{b},c"})})
    rehearsed = rehearse(odd).workload
    assert "a{b};c" == rehearsed.window
    assert any("a{{b}};c:0.5" in element for element in rehearsed.command)


@pytest.mark.parametrize(("factor", "window_s"), [(1e-6, "0.2"), (1.0, "2")])
def test_the_window_stays_between_a_moment_and_two_seconds(protocol: Protocol, factor: float, window_s: str) -> None:
    command = rehearse(protocol, factor).workload.command
    assert any(f"train:{window_s}," in element for element in command)


@pytest.mark.parametrize(("blocks", "factor", "window_s"), [(25, 0.001, "0.4"), (25, 0.01, "2"), (100, 0.001, "0.2")])
def test_the_more_runs_a_night_has_the_shorter_each_is_rehearsed(
    protocol: Protocol, blocks: int, factor: float, window_s: str
) -> None:
    many = protocol.model_copy(update={"design": protocol.design.model_copy(update={"blocks": blocks}), "warmup": None})
    command = rehearse(many, factor).workload.command
    assert any(f"train:{window_s}," in element for element in command)


def test_a_busy_machine_cannot_end_a_rehearsed_run(protocol: Protocol) -> None:
    assert 30.0 == rehearse(protocol, 1e-6).workload.timeout_s


def _values_of(words: list[str], option: str) -> list[str]:
    return [words[index + 1] for index, word in enumerate(words) if word == option]
