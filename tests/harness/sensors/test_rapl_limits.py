"""The power limits of packages: which are enforced, and what is above them."""

import pytest

from harness.instruments.credibility import Credibility
from harness.sensors.rapl import open_sensor
from harness.sensors.rapl_limits import PERIOD_NS
from harness.sensors.sensor import Site

S = 1_000_000_000


def constraints(machine, package=0, enabled=1, **limits_W):
    """Give a package's zone constraints of these names."""
    zone = f"sys/class/powercap/intel-rapl:{package}"
    for number, (name, limit_W) in enumerate(limits_W.items()):
        machine.write(f"{zone}/constraint_{number}_name", name)
        machine.write(f"{zone}/constraint_{number}_power_limit_uw", round(limit_W * 1e6))
        machine.write(f"{zone}/constraint_{number}_max_power_uw", 125_000_000)
    if enabled is not None:
        machine.write(f"{zone}/enabled", enabled)


@pytest.fixture
def package(machine):
    """A machine with a package of 90 W."""
    machine.zone("intel-rapl:0", "package-0", machine.register(90.0))
    return machine


def opened(machine):
    site = Site(run_folder=machine.root, root=machine.root)
    return open_sensor({"via": "powercap"}, site, clock=machine.clock)


def limits_of(sensor, machine):
    return [item.value for item in sensor.read(machine.clock.t_ns) if item.channel == "package-0.power_limit_W"]


def names(sensor):
    return [channel.name for channel in sensor.channels]


@pytest.mark.parametrize(
    ("limits_W", "limit_W"),
    [
        ({"long_term": 125.0, "short_term": 188.0}, 188.0),
        ({"long_term": 250.0, "short_term": 150.0}, 250.0),
        ({"long_term": 125.0, "short_term": 188.0, "peak_power": 400.0}, 188.0),
    ],
)
def test_the_larger_of_the_long_and_the_short_term_limit_is_what_binds(package, limits_W, limit_W):
    constraints(package, **limits_W)
    sensor = opened(package)
    assert ["package-0.energy_J", "package-0.power_limit_W"] == names(sensor)
    assert [limit_W] == limits_of(sensor, package)
    sensor.close()


@pytest.mark.parametrize(
    ("limits_W", "enabled"),
    [
        ({}, 1),
        ({"long_term": 125.0}, 1),
        ({"long_term": 125.0, "short_term": 188.0}, 0),
        ({"long_term": 4095.0, "short_term": 4095.0}, 1),
        ({"long_term": 0.0, "short_term": 0.0}, 1),
    ],
)
def test_where_nothing_binds_over_a_second_no_limit_is_known(package, limits_W, enabled):
    constraints(package, enabled=enabled, **limits_W)
    sensor = opened(package)
    assert ["package-0.energy_J"] == names(sensor)
    sensor.close()


def test_a_limit_that_is_changed_is_seen_at_its_next_reading(package):
    constraints(package, long_term=125.0, short_term=188.0)
    sensor = opened(package)
    assert [188.0] == limits_of(sensor, package)
    constraints(package, long_term=60.0, short_term=60.0)
    package.clock.t_ns += PERIOD_NS // 2
    assert [] == limits_of(sensor, package)
    package.clock.t_ns += PERIOD_NS // 2
    assert [60.0] == limits_of(sensor, package)
    sensor.close()


def test_a_limit_that_is_garbage_is_no_limit_and_costs_no_joules(package):
    constraints(package, long_term=125.0, short_term=188.0)
    sensor = opened(package)
    package.write("sys/class/powercap/intel-rapl:0/constraint_1_power_limit_uw", "unknown")
    found = sensor.read(package.clock.t_ns)
    assert ["package-0.energy_J"] == [item.channel for item in found]
    sensor.close()


def test_a_package_that_tells_more_than_its_limit_allows_is_nonsense(package):
    constraints(package, long_term=60.0, short_term=70.0)
    sensor = opened(package)
    doubts = Credibility(sensor.channels, root=package.root, cpus=4)
    for _ in range(8):
        doubts.take(sensor.read(package.clock.t_ns))
        package.clock.sleep(0.2)
    assert doubts.lost.startswith("package-0.energy_J tells 89.99")
    assert "W over 1.0 s, where 70 W are enforced" in doubts.lost
    sensor.close()


def test_a_package_below_a_fifth_above_its_limit_is_believed(package):
    constraints(package, long_term=60.0, short_term=76.0)
    sensor = opened(package)
    doubts = Credibility(sensor.channels, root=package.root, cpus=4)
    for _ in range(20):
        doubts.take(sensor.read(package.clock.t_ns))
        package.clock.sleep(0.2)
    assert "" == doubts.lost
    sensor.close()
