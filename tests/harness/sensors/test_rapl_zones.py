"""powercap: which zones are meters of their own, and what they are called."""

import pytest

from harness.errors import SensorMissing
from harness.sensors.rapl import open_sensor
from harness.sensors.sensor import Site


def opened(machine, **settings):
    site = Site(run_folder=machine.root, root=machine.root)
    return open_sensor({"via": "powercap", **settings}, site, clock=machine.clock)


def domains(sensor):
    return [channel.domain for channel in sensor.channels]


def test_zones_are_known_by_their_names_and_keyed_by_their_package(machine, rapl):
    machine.zone("intel-rapl:0", "package-1", machine.register(90, start=11))
    machine.zone("intel-rapl:0:0", "dram", machine.register(7, start=22))
    machine.zone("intel-rapl:0:1", "core", machine.register(60, start=33))
    machine.zone("intel-rapl:1", "package-0", machine.register(80, start=44))
    machine.zone("intel-rapl:1:0", "dram", machine.register(6, start=55))
    machine.zone("intel-rapl:1:1", "uncore", machine.register(3, start=66))
    machine.zone("intel-rapl:2", "psys", machine.register(300, start=77))
    sensor = opened(machine)
    assert ["package-1", "dram-1", "core-1", "package-0", "dram-0", "uncore-0", "psys"] == domains(sensor)
    found = rapl.last_J(rapl.readings_for(sensor, machine.clock, 10))
    expected = {"package-1": 900, "dram-1": 70, "core-1": 600, "package-0": 800, "dram-0": 60, "uncore-0": 30}
    assert {**expected, "psys": 3000} == pytest.approx(found, rel=1e-4)


def test_a_tenth_zone_is_still_the_parent_of_its_own_parts(machine):
    for package in range(11):
        machine.zone(f"intel-rapl:{package}", f"package-{package}", machine.register(40, start=1000 * package + 1))
    machine.zone("intel-rapl:10:0", "dram", machine.register(4))
    assert [f"package-{package}" for package in range(11)] + ["dram-10"] == domains(opened(machine))


def test_dies_of_a_package_are_apart_and_their_parts_too(machine):
    for die in (0, 1):
        machine.zone(f"intel-rapl:{die}", f"package-0-die-{die}", machine.register(40 + die, start=1000 * (die + 1)))
        machine.zone(f"intel-rapl:{die}:0", "dram", machine.register(4 + die, start=77 * (die + 1)))
    assert ["package-0-die-0", "dram-0-die-0", "package-0-die-1", "dram-0-die-1"] == domains(opened(machine))


def test_dies_that_mirror_one_counter_are_the_package_once(machine):
    whole, memory = machine.register(40, start=9), machine.register(5, start=4)
    for die in (0, 1, 2):
        machine.zone(f"intel-rapl:{die}", f"package-0-die-{die}", whole)
        machine.zone(f"intel-rapl:{die}:0", "dram", memory)
    machine.zone("intel-rapl:3", "package-1-die-0", machine.register(30, start=8))
    machine.zone("intel-rapl:4", "package-1-die-1", machine.register(30.1, start=8))
    sensor = opened(machine)
    assert ["package-0", "dram-0", "package-1-die-0", "package-1-die-1"] == domains(sensor)
    assert "package-0-die-1: shows the same counter as package-0-die-0" == sensor.summary()["left_out"]["intel-rapl:1"]
    assert "package-0" in sensor.summary()["counters"]


def test_the_memory_mapped_copy_and_mirrored_packages_are_read_once(machine):
    one = machine.register(40, start=9)
    machine.zone("intel-rapl-mmio:0", "package-0", one)
    machine.zone("intel-rapl:0", "package-0", one)
    machine.zone("intel-rapl:1", "package-1", one)
    machine.zone("intel-rapl:2", "package-2", machine.register(40, start=123_456))
    sensor = opened(machine)
    assert ["package-0", "package-2"] == domains(sensor)
    assert {
        "intel-rapl-mmio:0": "package-0 once more: intel-rapl:0 is read",
        "intel-rapl:1": "package-1: shows the same counter as package-0",
    } == sensor.summary()["left_out"]


def test_counters_that_meet_by_chance_stay_two_meters(machine):
    machine.zone("intel-rapl:0", "package-0", machine.register(40, start=2**20))
    machine.zone("intel-rapl:1", "package-1", machine.register(41, start=2**20 - (5 << 14)))  # as of now the same
    assert len({machine.shown_uJ(register) for _, register in machine.zones.values()}) == 1
    assert ["package-0", "package-1"] == domains(opened(machine))


def test_parts_of_different_kinds_are_never_one_meter(machine):
    one = machine.register(40, start=9)
    machine.zone("intel-rapl:0", "package-0", one)
    machine.zone("intel-rapl:0:0", "core", one)
    assert ["package-0", "core-0"] == domains(opened(machine))


def test_a_zone_that_exists_memory_mapped_only_is_read_there(machine):
    machine.zone("intel-rapl-mmio:0", "package-0", machine.register(40))
    assert ["package-0"] == domains(opened(machine))


def test_a_counter_that_stands_at_zero_is_no_meter(machine):
    machine.zone("intel-rapl:0", "package-0", machine.register(40))
    machine.zone("intel-rapl:0:0", "dram", machine.register(0, start=0))
    sensor = opened(machine)
    assert ["package-0"] == domains(sensor)
    assert "stands at 0" in sensor.summary()["left_out"]["intel-rapl:0:0"]


def test_the_platform_is_one_whichever_package_counts_it(machine):
    machine.zone("intel-rapl:0", "package-0", machine.register(40))
    machine.zone("intel-rapl:1", "psys", machine.register(0, start=0))
    machine.zone("intel-rapl:2", "psys-1", machine.register(200))
    assert ["package-0", "psys"] == domains(opened(machine))


@pytest.mark.parametrize(
    ("vendor", "there"), [("AuthenticAMD", False), ("HygonGenuine", False), ("GenuineIntel", True)]
)
def test_a_single_core_s_counter_is_not_taken_for_that_of_all(machine, vendor, there):
    """AMD's register is one core's; Linux reads it on the first of the package."""
    machine.write("proc/cpuinfo", f"processor\t: 0\nvendor_id\t: {vendor}\n")
    machine.zone("intel-rapl:0", "package-0", machine.register(40))
    machine.zone("intel-rapl:0:0", "core", machine.register(3))
    sensor = opened(machine)
    assert ["package-0", "core-0"][: 1 + there] == domains(sensor)
    assert there == ("intel-rapl:0:0" not in sensor.summary()["left_out"])


def test_a_read_that_fails_is_missing_and_the_next_makes_up_for_it(machine, rapl):
    register = machine.register(100)
    path = machine.zone("intel-rapl:0", "package-0", register) / "energy_uj"
    sensor = opened(machine)
    begin_ns = machine.clock.t_ns
    rapl.readings_for(sensor, machine.clock, 1)
    path.write_text("")
    machine.clock.t_ns += 10**9
    assert [] == sensor.read(machine.clock.t_ns)
    assert sensor.trouble.startswith("package-0: ")
    assert "" == sensor.lost
    machine.show()
    (reading,) = sensor.read(machine.clock.t_ns)
    assert ("", 1) == (sensor.trouble, sensor.summary()["missed"])
    assert register.J(begin_ns) == pytest.approx(reading.value, rel=1e-5)


def test_a_counter_that_stays_unreadable_is_lost(machine, rapl):
    path = machine.zone("intel-rapl:0", "package-0", machine.register(100)) / "energy_uj"
    sensor = opened(machine)
    before = rapl.readings_for(sensor, machine.clock, 1)
    path.write_text("")
    lost_after = 0
    while not sensor.lost and lost_after < 100:
        machine.clock.t_ns += 200_000_000
        lost_after += 1
        assert [] == sensor.read(machine.clock.t_ns)
    assert 25 == pytest.approx(lost_after, abs=1)  # 5 s
    assert "package-0: it could not be read for 5" in sensor.lost
    machine.show()
    assert [] == sensor.read(machine.clock.t_ns)
    assert before


def test_a_counter_that_is_not_readable_yet_is_waited_for(machine):
    path = machine.zone("intel-rapl:0", "package-0", machine.register(100)) / "energy_uj"
    machine.clock.t_ns = 10**12
    sensor = opened(machine)
    path.write_text("")
    assert [] == sensor.read(machine.clock.t_ns)
    assert "" == sensor.lost
    machine.show()
    assert [0.0] == [reading.value for reading in sensor.read(machine.clock.t_ns)]


def test_a_counter_that_turns_fast_is_lost_as_soon_as_a_turn_may_be_missed(machine, rapl):
    path = machine.zone("intel-rapl:0", "package-0", machine.register(100, unit=14, bits=25)) / "energy_uj"  # 2 kJ
    sensor = opened(machine)
    rapl.readings_for(sensor, machine.clock, 1)
    path.write_text("")
    for _ in range(11):
        machine.clock.t_ns += 200_000_000
        sensor.read(machine.clock.t_ns)
    assert "package-0: it could not be read for 2" in sensor.lost


def test_counters_that_may_not_be_read_are_missing_with_the_remedy(machine, deny):
    machine.zone("intel-rapl:0", "package-0", machine.register(40))
    deny("energy_uj")
    with pytest.raises(SensorMissing, match="readable by root only") as caught:
        opened(machine)
    assert "sudo chmod a+r" in caught.value.remedy
    assert "udev" in caught.value.remedy


def test_a_zone_of_an_odd_name_or_range_is_left_out(machine):
    machine.zone("intel-rapl:0", "package-0", machine.register(40))
    machine.zone("intel-rapl:1", "../../etc", machine.register(40, start=5))
    (machine.zone("intel-rapl:2", "package-2", machine.register(40, start=6)) / "max_energy_range_uj").write_text("0\n")
    (machine.zone("intel-rapl:3", "package-3", machine.register(40, start=7)) / "max_energy_range_uj").unlink()
    sensor = opened(machine)
    assert ["package-0"] == domains(sensor)
    left_out = sensor.summary()["left_out"]
    assert "no usable name" in left_out["intel-rapl:1"]
    assert "its range is 0" in left_out["intel-rapl:2"]
    assert "No such file" in left_out["intel-rapl:3"]


def test_zones_of_which_none_counts_are_missing(machine):
    machine.zone("intel-rapl:0", "package-0", machine.register(0, start=0))
    with pytest.raises(SensorMissing, match=r"no zone of .*powercap counts .*stands at 0"):
        opened(machine)


def test_what_is_opened_is_closed(machine):
    one = machine.register(40, start=9)
    machine.zone("intel-rapl:0", "package-0", one)
    machine.zone("intel-rapl:1", "package-1", one)
    machine.zone("intel-rapl:1:0", "dram", machine.register(0, start=0))
    before = open_files(machine)
    sensor = opened(machine)
    assert before + 1 == open_files(machine)
    sensor.close()
    assert before == open_files(machine)


def open_files(machine):
    from pathlib import Path

    targets = [str(path.resolve()) for path in Path("/proc/self/fd").iterdir() if path.exists()]
    return sum(str(machine.root) in target for target in targets)
