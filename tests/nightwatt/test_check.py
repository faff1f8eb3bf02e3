"""nightwatt check: what there is, what is absent and why, and whether a protocol could run."""

import json
import math
import re
from dataclasses import replace

import pytest

from analysis.bystanders import Bystanders
from analysis.trial import Trial, Tried
from harness import foreign
from harness.conditions import Condition, Worth
from harness.errors import ExitCode
from harness.host import Gpu
from harness.probe import Missing, Probe
from harness.record import Channel, Kind, Quality
from nightwatt import check, trial

PROTOCOL = """
title = "A check"
[workload]
command = ["true"]
[sensors.constant]
power_W = 70.0
domain = "gpu0"
"""


def channel(name, unit, kind, refresh_s, quality=Quality.MEASURED, source="a source", origin=""):
    signed, _, plain = name.rpartition("/")
    return Channel(name, unit, kind, plain.partition(".")[0], quality, source, refresh_s, origin=signed or origin)


CARD = Probe(
    channels=(
        channel("gpu0.power_W", "W", Kind.MEAN, 0.02, source="NVML ring buffer", origin="nvml"),
        channel("gpu0.energy_J", "J", Kind.COUNTER, 0.1, source="NVML counter", origin="nvml"),
        channel("gpu0.temperature_C", "C", Kind.GAUGE, 1.0),
        channel("gpu0.power_limit_W", "W", Kind.GAUGE, 1.0),
    ),
    missing=(Missing("rapl", "not readable", "sudo chmod a+r it"),),
    cards=(Gpu("NVIDIA H200", "GPU-1a2b", "580.159"),),
    by_sensor={"nvml": ("gpu0.power_W", "gpu0.energy_J", "gpu0.temperature_C", "gpu0.power_limit_W")},
    facts={"nvml": {"devices": [{"domain": "gpu0", "absent": {"memory_temperature_C": "Not Supported"}}]}},
)
ENERGIBRIDGE = Probe(
    channels=(channel("energibridge/package-0.energy_J", "J", Kind.COUNTER, 0.2, source="EnergiBridge: MSR 611h"),),
    by_sensor={"energibridge": ("energibridge/package-0.energy_J",)},
    facts={"energibridge": {"program": "/opt/energibridge", "version": "0.0.7"}},
)
CONTEXT_ONLY = Probe(
    channels=(channel("cpu.load_pct", "%", Kind.MEAN, 1.0),),
    missing=(Missing("nvml", "no driver", "install it"),),
    by_sensor={"machine": ("cpu.load_pct",)},
    facts={"machine": {"absent": {"cpu.temperature_C": "the kernel has none"}}},
)


@pytest.fixture
def machine(monkeypatch):
    """A function that gives the command a machine with these sensors."""
    return lambda found: monkeypatch.setattr("harness.probe.probe", lambda _protocol: found)


@pytest.fixture
def protocol(tmp_path):
    """A function that writes a protocol file and gives its path."""

    def write(text=PROTOCOL):
        path = tmp_path / "asked.toml"
        path.write_text(text)
        return str(path)

    return write


def test_each_sensor_is_listed_with_what_it_gives_its_source_and_its_refresh(machine, capsys):
    machine(CARD)
    assert ExitCode.DONE == check.command()
    text = " ".join(capsys.readouterr().out.split())
    for piece in (
        "nvml measures gpu0", "NVIDIA H200, GPU-1a2b, driver 580.159", "gpu0.power_W, each 20 ms: NVML ring buffer",
        "gpu0.energy_J, each 100 ms: NVML counter", "gpu0.temperature_C, gpu0.power_limit_W, each 1 s",
        "without gpu0.memory_temperature_C: Not Supported", "Energy can be measured here of gpu0.",
    ):  # fmt: skip
        assert piece in text


def test_an_absent_sensor_is_listed_with_its_reason_and_remedy(machine, capsys):
    machine(CARD)
    check.command()
    text = " ".join(capsys.readouterr().out.split())
    assert "rapl absent: not readable remedy: sudo chmod a+r it" in text


def test_a_foreign_program_is_listed_with_its_release_and_where_it_lies(machine, capsys):
    machine(ENERGIBRIDGE)
    check.command()
    text = " ".join(capsys.readouterr().out.split())
    for piece in (
        "energibridge measures package-0", "release 0.0.7, /opt/energibridge",
        "energibridge/package-0.energy_J, each 200 ms: EnergiBridge: MSR 611h",
    ):  # fmt: skip
        assert piece in text


def test_the_way_that_is_used_and_why_no_better_one_are_told(machine, capsys):
    machine(
        Probe(
            channels=(channel("package-0.energy_J", "J", Kind.COUNTER, 0.2, source="RAPL through powercap"),),
            by_sensor={"rapl": ("package-0.energy_J",)},
            facts={
                "rapl": {"via": "powercap", "absent": {"perf_event": "the kernel refuses; remedy: sudo sysctl x=0"}}
            },
        )
    )
    check.command()
    text = " ".join(capsys.readouterr().out.split())
    assert "rapl measures package-0 package-0.energy_J, each 200 ms: RAPL through powercap" in text
    assert "without perf_event: the kernel refuses; remedy: sudo sysctl x=0" in text


def test_context_is_no_energy(machine, capsys):
    machine(CONTEXT_ONLY)
    assert ExitCode.DONE == check.command()
    text = " ".join(capsys.readouterr().out.split())
    assert "machine context, no energy cpu.load_pct, each 1 s" in text
    assert "Nothing here measures energy" in text
    assert 'fallback = "load_model"' in text


def test_a_modelled_source_is_never_called_measured(protocol, capsys):
    assert ExitCode.DONE == check.command(protocol())
    text = " ".join(capsys.readouterr().out.split())
    assert "constant MODELLED, not measured: gpu0" in text
    assert "can run here. Its energy: gpu0 by constant (MODELLED, not measured)." in text


def test_a_protocol_whose_sensor_is_missing_cannot_run_and_the_exit_code_says_so(machine, protocol, capsys):
    machine(CONTEXT_ONLY)
    path = protocol(PROTOCOL.replace('[sensors.constant]\npower_W = 70.0\ndomain = "gpu0"', "[sensors.nvml]"))
    assert ExitCode.REFUSED == check.command(path)
    text = " ".join(capsys.readouterr().out.split())
    assert f"{path} cannot run here: sensor nvml: no driver" in text
    assert "remedy: install it" in text


def test_a_protocol_whose_domain_no_sensor_covers_cannot_run(machine, protocol, capsys):
    machine(CARD)
    path = protocol(PROTOCOL + '[analysis]\nenergy = ["package-0"]\n')
    assert ExitCode.REFUSED == check.command(path)
    assert "analysis.energy asks for package-0" in " ".join(capsys.readouterr().out.split())


def test_a_measured_protocol_names_the_domains_of_its_energy(machine, protocol, capsys):
    machine(CARD)
    path = protocol(PROTOCOL.replace('[sensors.constant]\npower_W = 70.0\ndomain = "gpu0"', "[sensors.nvml]"))
    assert ExitCode.DONE == check.command(path)
    assert "can run here. Its energy: gpu0 by nvml." in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("asked", [False, True])
def test_as_json_it_says_the_same_to_a_program(machine, protocol, capsys, asked):
    machine(CONTEXT_ONLY)
    code = check.command(protocol() if asked else None, as_json=True)
    body = json.loads(capsys.readouterr().out)
    assert (ExitCode.REFUSED if asked else ExitCode.DONE) == code
    assert (False if asked else None) is body["can_run"]
    there, absent = body["sensors"]
    assert ("machine", True, "cpu.load_pct") == (there["sensor"], there["present"], there["channels"][0]["name"])
    assert {"sensor": "nvml", "present": False, "reason": "no driver", "remedy": "install it"} == absent
    assert [] == body["energy_domains"]


@pytest.mark.parametrize("installed", [True, False])
def test_without_a_protocol_it_says_how_to_ask_for_what_needs_a_setting(
    machine, protocol, monkeypatch, capsys, installed
):
    monkeypatch.setattr(check, "find_spec", lambda name: (name == "codecarbon" and installed) or None)
    machine(CARD)
    check.command()
    text = " ".join(capsys.readouterr().out.split())
    assert 'codecarbon [instruments.codecarbon] country = "NLD"' in text
    assert ('pip install "nightwatt[codecarbon]"' not in text) is installed
    assert "[sensors.meter] kind" in text
    assert "[sensors.constant] power_W" in text
    check.command(protocol())
    assert "[instruments.codecarbon]" not in capsys.readouterr().out


def test_this_machine_is_listed_whatever_it_has(capsys):
    assert ExitCode.DONE == check.command(as_json=True)
    body = json.loads(capsys.readouterr().out)
    sensors = {"nvml", "rapl", "hwmon", "machine", "load_model", "energibridge"}
    assert sensors == {item["sensor"] for item in body["sensors"]}
    for item in body["sensors"]:
        assert item["present"] or (item["reason"] and item["remedy"])


def test_the_machine_is_judged_with_what_each_condition_does_and_the_command(machine, monkeypatch, capsys):
    conditions = (
        Condition("CPU governor", "powersave", Worth.MEND, "clocks follow the load", "sudo set it"),
        Condition("CPU turbo", "on", Worth.NOTE, "clocks follow the heat"),
        Condition("swap", "none", Worth.GOOD),
    )
    monkeypatch.setattr("harness.conditions.look", lambda _cards, **_: conditions)
    machine(CONTEXT_ONLY)
    check.command()
    text = capsys.readouterr().out
    assert "  to mend: CPU governor: powersave. Clocks follow the load.\n    sudo set it\n" in text
    assert "  to know: CPU turbo: on. Clocks follow the heat.\n" in text
    assert "  as it should be: swap (none).\n" in text
    check.command(as_json=True)
    found = json.loads(capsys.readouterr().out)["conditions"]
    assert ["mend", "note", "good"] == [item["worth"] for item in found]


MEASURED = """
title = "What two tellings of one card are worth"
[workload]
command = ["true"]
[sensors.simulated]
interval_ms = 20
domains = ["gpu0"]
[sensors.constant]
power_W = 70.0
domain = "gpu0"
[sensors.machine]
"""


@pytest.fixture
def two_seconds_suffice(monkeypatch):
    """To tell what others did, wherever the second's readings fall: ten are what a user has."""
    monkeypatch.setattr(foreign, "SHORTEST_CUT_S", 1.0)


@pytest.mark.usefixtures("two_seconds_suffice")
def test_measure_really_idles_and_loads_and_says_what_each_source_is_worth(protocol, capsys):
    assert ExitCode.DONE == check.command(protocol(MEASURED), measure=2.0, as_json=True)
    found = json.loads(capsys.readouterr().out)["measured"]
    assert {("none", "simulated"), ("none", "constant"), ("cpu", "simulated"), ("cpu", "constant")} == {
        (item["stage"], item["origin"]) for item in found["trials"]
    }
    idle = {item["origin"]: item for item in found["trials"] if item["stage"] == "none"}
    assert 70 == pytest.approx(idle["constant"]["power_W"], rel=0.01)
    assert 0.02 == pytest.approx(idle["simulated"]["refresh_s"], rel=0.5)
    assert 0 < idle["simulated"]["uncertainty"] < idle["constant"]["uncertainty"]
    ratios = [item["ratio"] for item in found["agreements"] if item["stage"] == "none"]
    assert [pytest.approx(idle["constant"]["power_W"] / idle["simulated"]["power_W"])] in (ratios, [1 / ratios[0]])
    assert 0 < found["cost"]["cpu_s"]
    assert {} == found["failed"]
    others = {item["stage"]: item for item in found["bystanders"]}
    assert {"none", "cpu"} == set(others)
    assert all(0 < item["busy_cores"] and item["foreign_cores"] is not None for item in others.values())


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(math.nan, "?"), (0.02, "20 ms"), (0.99952, "1 s"), (1.0004, "1 s"), (438.2, "438 s"), (1e4, "10000 s")],
)
def test_a_time_is_told_without_powers_of_ten(seconds, said):
    assert said == trial._time(seconds)


@pytest.mark.usefixtures("two_seconds_suffice")
def test_measure_says_in_words_from_which_length_on_a_window_is_worth_measuring(protocol, capsys):
    check.command(protocol(MEASURED), measure=2.0)
    text = " ".join(capsys.readouterr().out.split())
    assert "gpu0 by simulated, MODELLED, not measured: a new value each 20 ms" in text
    assert "CPU loaded" in text
    assert "No window can be proposed: nothing here measures energy." in text
    assert "The sampler itself:" in text
    told = r"others used \d+\.\d\d cores \(busy in all: \d+\.\d\d\)"
    assert all(re.search(rf"{stage}: {told}", text) for stage in ("idle", "CPU loaded"))
    assert "gpu0 by constant, MODELLED, not measured" in text
    assert "noise unknown: too few values" in text
    assert not re.search(r"nan %|e\+", text)


def tried(**changes):
    row = Trial("none", "gpu0", "nvml", "measured", "NVML", 125.0, 0.5, 0.02, 0.01, 1.2, 1.0)
    others = Bystanders("none", 0.1, -0.004, {"gpu0": 0.0}, {"gpu0": 0.0}, (), ())
    return Tried((row,), (), None, {}, (), (replace(others, **changes),))


def test_a_quiet_idle_is_told_to_be_quiet_and_its_window_is_proposed():
    text = " ".join(" ".join(trial.lines(tried(), 80)).split())
    assert "idle: others used 0.00 cores (busy in all: 0.10), 0 foreign processes on gpu0, gpu0 0 % busy" in text
    assert "The shortest window worth measuring here is 1.2 s" in text
    assert "DISTURBED" not in text


def test_a_disturbed_idle_is_said_aloud_and_no_window_is_proposed():
    why = "foreign_load: of 1.98 busy cores, 0.02 were the run's own"
    text = " ".join(" ".join(trial.lines(tried(busy_cores=1.98, foreign_cores=1.96, disturbed=(why,)), 80)).split())
    assert "idle: others used 1.96 cores (busy in all: 1.98)" in text
    assert f"DISTURBED: {why}" in text
    assert "DISTURBED (idle): power, noise and windows above are not this machine's alone" in text
    assert "shortest window worth measuring here is" not in text
    assert "nothing here measures energy" not in text


def test_what_others_did_is_said_to_be_unknown_where_it_is():
    text = " ".join(trial.lines(tried(busy_cores=math.nan, foreign_cores=math.nan), 80))
    assert "idle: what others did with the processors is not known" in text
