"""RAPL by either way on one machine whose joules are known: which way is taken, and that both tell the same."""

import errno
import itertools
import os
import sys

import numpy as np
import pytest

from harness.errors import SensorMissing
from harness.joules import Series, window_energy
from harness.record import Kind, Quality
from harness.sensors.rapl import LARGEST_W, open_sensor
from harness.sensors.sensor import Site

WAYS = ("perf_event", "powercap")
S = 1_000_000_000


def opened(machine, via="auto", **settings):
    site = Site(run_folder=machine.root, root=machine.root)
    return open_sensor({"via": via, **settings}, site, clock=machine.clock, open_event=machine.open_event)


@pytest.fixture
def server(machine):
    """Two packages with memory, cores and a platform around them, seen both ways."""
    registers = {
        "package-0": machine.register(91.5, start=2**32 - 1000),
        "package-1": machine.register(80.25, start=77),
        "dram-0": machine.register(7.5, start=5, unit=16),
        "dram-1": machine.register(6.125, start=9, unit=16),
        "core-0": machine.register(60, start=1234),
        "core-1": machine.register(55, start=4321),
        "psys": machine.register(310, start=99),
    }
    for package in (0, 1):
        machine.zone(f"intel-rapl:{package}", f"package-{package}", registers[f"package-{package}"])
        machine.zone(f"intel-rapl:{package}:0", "core", registers[f"core-{package}"])
        machine.zone(f"intel-rapl:{package}:1", "dram", registers[f"dram-{package}"])
        machine.cpu(8 * package, package)
    machine.zone("intel-rapl:2", "psys", registers["psys"])
    nothing = machine.register(0, start=0)
    machine.pmu(
        "0,8",
        energy_pkg={0: registers["package-0"], 8: registers["package-1"]},
        energy_cores={0: registers["core-0"], 8: registers["core-1"]},
        energy_ram={0: registers["dram-0"], 8: registers["dram-1"]},
        energy_psys={0: registers["psys"], 8: nothing},
    )
    return registers


def test_both_ways_tell_the_same_joules_of_the_same_machine(machine, rapl, server):
    found = {}
    for via in WAYS:
        sensor = opened(machine, via)
        sensor.read(machine.clock.t_ns)
        begin_ns = machine.clock.t_ns
        found[via] = rapl.last_J(rapl.readings_for(sensor, machine.clock, 600))
        for domain, register in server.items():
            # powercap's unit is cut to whole nanojoules: 52 ppm of 2^-16 J, 6 ppm of 2^-14 J.
            assert register.J(begin_ns) == pytest.approx(found[via][domain], rel=6e-5), (via, domain)
        sensor.close()
    assert set(server) == set(found["perf_event"]) == set(found["powercap"])
    assert found["perf_event"] == pytest.approx(found["powercap"], rel=6e-5)
    assert 91.5 * 600 == pytest.approx(found["perf_event"]["package-0"], rel=1e-8)


@pytest.mark.parametrize("via", WAYS)
def test_channels_say_by_which_way_they_were_read(machine, server, via):
    sensor = opened(machine, via, interval_ms=500)
    (channel,) = [item for item in sensor.channels if item.domain == "dram-1"]
    assert ("dram-1.energy_J", "J", Kind.COUNTER) == (channel.name, channel.unit, channel.kind)
    assert (Quality.MEASURED, f"RAPL through {via}", 0.5) == (channel.quality, channel.source, channel.refresh_s)
    assert via == sensor.summary()["via"]
    assert {} == sensor.summary()["absent"]


def test_the_best_way_that_works_is_taken(machine, server):
    assert "perf_event" == opened(machine).summary()["via"]


def test_why_the_better_way_was_not_taken_is_told_with_the_remedy(machine, server):
    machine.refuses = errno.EACCES
    machine.write("proc/sys/kernel/perf_event_paranoid", 2)
    sensor = opened(machine)
    assert "powercap" == sensor.summary()["via"]
    why = sensor.summary()["absent"]["perf_event"]
    assert "perf_event_paranoid is 2, and this process has no CAP_PERFMON" in why
    assert "sudo sysctl kernel.perf_event_paranoid=0" in why
    assert f"setcap cap_perfmon=ep {os.path.realpath(sys.executable)}" in why


def test_where_no_way_works_each_says_why_and_what_would_help(machine, server, deny):
    machine.refuses = errno.EPERM
    deny("energy_uj")
    with pytest.raises(SensorMissing, match="no RAPL counter can be read") as caught:
        opened(machine)
    assert "perf_event: the kernel refuses: perf_event_paranoid cannot be read" in caught.value.what
    assert "powercap: " in caught.value.what
    assert "readable by root only" in caught.value.what
    for remedy in ("for perf_event: sudo sysctl", "cap_perfmon", "for powercap: sudo chmod a+r", "udev"):
        assert remedy in caught.value.remedy


@pytest.mark.parametrize("via", WAYS)
def test_a_way_that_is_asked_for_is_taken_or_missing(machine, server, deny, via):
    assert via == opened(machine, via).summary()["via"]
    machine.refuses = errno.EACCES
    deny("energy_uj")
    with pytest.raises(SensorMissing) as caught:
        opened(machine, via)
    assert via in caught.value.what
    assert not {"powercap:", "perf_event:"} - {f"{via}:"} & set(caught.value.what.split())


@pytest.mark.parametrize(
    ("cpuinfo", "reason", "remedy"),
    [
        ("flags\t\t: fpu hypervisor sse\n", "this is a virtual machine", "measure on the host"),
        ("flags\t\t: fpu sse\n", "the kernel has no powercap", "sudo modprobe rapl"),
    ],
)
def test_a_machine_without_counters_says_why(machine, cpuinfo, reason, remedy):
    machine.write("proc/cpuinfo", cpuinfo)
    with pytest.raises(SensorMissing, match=reason) as caught:
        opened(machine)
    assert remedy in caught.value.remedy
    assert 'fallback = "load_model"' in caught.value.remedy


@pytest.mark.parametrize(("via", "bits"), [*itertools.product(WAYS, (18, 24, 32))])
def test_a_counter_that_wraps_every_few_seconds_loses_nothing(machine, rapl, via, bits):
    # 18 bits of 2^-8 J: 1 kJ, gone round each 3.7 s; 24 bits of 2^-14 J the same.
    register = machine.register(280, start=2**bits - 5, unit={18: 8, 24: 14, 32: 22}[bits], bits=bits)
    machine.zone("intel-rapl:0", "package-0", register)
    machine.cpu(0, 0)
    machine.pmu("0", energy_pkg={0: register})
    sensor = opened(machine, via)
    begin_ns = machine.clock.t_ns
    readings = rapl.readings_for(sensor, machine.clock, 60)
    values = [reading.value for reading in readings]
    assert values == sorted(values)
    assert "" == sensor.lost
    assert 60 * 280 / 1024 > 16  # so often it went round
    cut = {8: 1e-3, 14: 1e-5, 22: 2e-3}[register.unit]  # what powercap's unit of whole nanojoules loses
    assert register.J(begin_ns) == pytest.approx(values[-1], rel=1e-12 if via == "perf_event" else cut)


@pytest.mark.parametrize(("via", "unit"), [*itertools.product(WAYS, (14, 16))])
def test_a_day_s_energy_is_the_sum_of_all_its_steps(machine, rapl, via, unit):
    """Ranges of 262 kJ and 65 kJ, gone round 65 and 263 times."""
    day(machine, rapl, via, unit, interval_ms=5000)


@pytest.mark.slow
@pytest.mark.parametrize(("via", "unit"), [*itertools.product(WAYS, (14, 16))])
def test_a_day_at_five_hertz_is_as_exact(machine, rapl, via, unit):
    day(machine, rapl, via, unit, interval_ms=200)


def day(machine, rapl, via, unit, interval_ms):
    register = machine.register(199.999, start=2**32 - 10**6, unit=unit)
    machine.zone("intel-rapl:0", "package-0", register)
    machine.cpu(0, 0)
    machine.pmu("0", energy_pkg={0: register})
    sensor = opened(machine, via, interval_ms=interval_ms)
    assert interval_ms / 1000 == sensor.period_s
    (first,) = sensor.read(machine.clock.t_ns)
    begin_ns, shown_uJ, grown = machine.clock.t_ns, machine.shown_uJ(register), register.grown(machine.clock.t_ns)
    machine.clock.sleep(sensor.period_s)
    readings = [first, *rapl.readings_for(sensor, machine.clock, 86_400 - sensor.period_s)]
    units = register.grown(machine.clock.t_ns) - grown
    if via == "perf_event":
        assert units == round(readings[-1].value * 2**unit)  # to the last unit
    else:
        turns = (register.grown(machine.clock.t_ns) >> 32) - (grown >> 32)
        uJ = turns * (machine.range_uJ(register) + 1) + machine.shown_uJ(register) - shown_uJ
        assert uJ == round(readings[-1].value * 1e6)  # to the microjoule
    assert 86_400 * 199.999 == pytest.approx(readings[-1].value, rel=6e-5)
    assert ("", "", 0) == (sensor.lost, sensor.trouble, sensor.summary()["missed"])
    counter = Series(
        np.array([r.t_ns for r in readings]), np.array([r.value for r in readings]), Kind.COUNTER, sensor.period_s
    )
    window_s = 3600.5
    found = window_energy(None, counter, begin_ns + S, begin_ns + S + round(window_s * S))
    assert window_s * 199.999 == pytest.approx(found.energy_J, abs=found.uncertainty_J)


def test_counters_are_read_at_least_twice_in_the_time_of_one_turn(machine):
    machine.zone("intel-rapl:0", "package-0", machine.register(50, unit=16))
    assert 0.2 == opened(machine, interval_ms=200).period_s
    assert 65_536 / LARGEST_W / 2 == pytest.approx(opened(machine, interval_ms=60_000).period_s, rel=1e-3)


def test_events_are_read_at_least_twice_in_the_time_of_half_a_turn(machine):
    """The kernel takes a step of half a turn for one back."""
    machine.cpu(0, 0)
    machine.pmu("0", energy_pkg={0: machine.register(50)})
    assert 65_536 / LARGEST_W / 4 == pytest.approx(opened(machine, interval_ms=60_000).period_s)
    machine.zone("intel-rapl:0", "package-0", machine.register(50, unit=14))  # whose range anyone may read
    assert 262_144 / LARGEST_W / 4 == pytest.approx(opened(machine, interval_ms=100_000).period_s, rel=1e-3)


@pytest.mark.parametrize("via", WAYS)
def test_a_gap_that_may_hide_a_turn_is_told_and_the_counter_lost(machine, rapl, via):
    register = machine.register(200, unit=16)
    machine.zone("intel-rapl:0", "package-0", register)
    machine.cpu(0, 0)
    machine.pmu("0", energy_pkg={0: register})
    sensor = opened(machine, via)
    before = rapl.readings_for(sensor, machine.clock, 2)
    machine.clock.sleep(70)
    assert [] == sensor.read(machine.clock.t_ns)
    machine.clock.sleep(1)
    assert [] == sensor.read(machine.clock.t_ns)
    assert sensor.lost.startswith("package-0: unread for 70 s")
    assert "once round" in sensor.trouble
    assert 70 == pytest.approx(sensor.summary()["ended"]["package-0"]["duration_s"], abs=0.3)
    assert len(before) > 5


@pytest.mark.parametrize("via", WAYS)
def test_a_short_gap_loses_nothing(machine, rapl, via):
    register = machine.register(200, unit=16)
    machine.zone("intel-rapl:0", "package-0", register)
    machine.cpu(0, 0)
    machine.pmu("0", energy_pkg={0: register})
    sensor = opened(machine, via)
    begin_ns = machine.clock.t_ns
    sensor.read(begin_ns)
    machine.clock.sleep(30)
    (reading,) = sensor.read(machine.clock.t_ns)
    assert register.J(begin_ns) == pytest.approx(reading.value, rel=6e-5)


@pytest.mark.parametrize("via", WAYS)
def test_a_counter_that_was_set_back_is_not_taken_for_a_wrap(machine, rapl, via):
    register = machine.register(200)
    machine.zone("intel-rapl:0", "package-0", register)
    machine.cpu(0, 0)
    machine.pmu("0", energy_pkg={0: register})
    sensor = opened(machine, via)
    rapl.readings_for(sensor, machine.clock, 10)
    register.set_back = register.raw()
    machine.clock.sleep(0.2)
    assert [] == sensor.read(machine.clock.t_ns)
    assert sensor.lost.startswith("package-0: its counter ")
    assert {"perf_event": "went back by", "powercap": "was set back"}[via] in sensor.lost


def test_a_counter_that_is_lost_leaves_the_others_alone(machine, rapl, server):
    sensor = opened(machine)
    rapl.readings_for(sensor, machine.clock, 1)
    server["dram-1"].set_back = 10**6
    machine.clock.sleep(0.2)
    machine.clock.sleep(0.2)
    domains = {reading.channel.partition(".")[0] for reading in sensor.read(machine.clock.t_ns)}
    assert set(server) - {"dram-1"} == domains
    assert ["dram-1"] == list(sensor.summary()["ended"])
    assert sensor.lost.startswith("dram-1: ")


def test_a_platform_may_draw_more_than_a_package(machine, rapl, server):
    server["psys"].power_mW = 4_000_000
    server["package-0"].power_mW = 4_000_000
    sensor = opened(machine)
    rapl.readings_for(sensor, machine.clock, 1)
    assert ["package-0"] == list(sensor.summary()["ended"])
