"""RAPL on a made-up powercap tree whose joules are known."""

import itertools

import numpy as np
import pytest

from harness.errors import SensorMissing
from harness.joules import Series, window_energy
from harness.record import Kind
from harness.sensors.rapl import LARGEST_POWER_W, open_sensor
from harness.sensors.sensor import Site

MS = 1_000_000
S = 1000 * MS


class Tree:
    """A powercap tree; each zone's energy is a function of time, wrapped at its range."""

    def __init__(self, root, clock):
        self.root = root
        self.folder = root / "sys/class/powercap"
        self.clock = clock
        self.zones = {}

    def add(self, folder, name, power_W=50.0, range_uJ=262_143_328_850, start_uJ=1, path=None):
        path = self.folder / folder
        path.mkdir(parents=True)
        (path / "name").write_text(f"{name}\n")
        (path / "max_energy_range_uj").write_text(f"{range_uJ}\n")
        self.zones[folder] = (power_W, range_uJ, start_uJ)
        self.show()
        return path

    def true_J(self, folder, since_ns=0):
        return self.zones[folder][0] * (self.clock.t_ns - since_ns) / 1e9

    def show(self):
        """Let the files say what the counters are now."""
        for folder, (power_W, range_uJ, start_uJ) in self.zones.items():
            raw_uJ = (start_uJ + round(power_W * self.clock.t_ns / 1e3)) % (range_uJ + 1)
            # In place: a file system makes sure of a file that is cut to nothing and written again, which takes long.
            with open(
                self.folder / folder / "energy_uj", "r+b" if (self.folder / folder / "energy_uj").exists() else "wb"
            ) as file:
                file.write(f"{raw_uJ:<20}\n".encode())


class Clock:
    """Time that the test moves; sleeping moves the counters on."""

    def __init__(self):
        self.t_ns = 5 * S
        self.tree = None

    def now_ns(self):
        return self.t_ns

    def sleep(self, seconds):
        self.t_ns += round(seconds * 1e9)
        self.tree.show()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tree(tmp_path, clock):
    clock.tree = Tree(tmp_path, clock)
    return clock.tree


def opened(tree, **settings):
    return open_sensor(settings, Site(run_folder=tree.root, root=tree.root), clock=tree.clock)


def run_for(sensor, tree, seconds, period_s=None):
    readings = []
    end_ns = tree.clock.t_ns + round(seconds * S)
    while tree.clock.t_ns < end_ns:
        readings += sensor.read(tree.clock.t_ns)
        tree.clock.sleep(period_s or sensor.period_s)
    return [*readings, *sensor.finish(tree.clock.t_ns)]


def totals(readings):
    return {channel: [r.value for r in group] for channel, group in
            itertools.groupby(sorted(readings, key=lambda r: r.channel), lambda r: r.channel)}  # fmt: skip


def test_zones_are_known_by_their_names_and_keyed_by_their_package(tree):
    tree.add("intel-rapl:0", "package-1", 90, start_uJ=11)
    tree.add("intel-rapl:0:0", "dram", 7, start_uJ=22)
    tree.add("intel-rapl:0:1", "core", 60, start_uJ=33)
    tree.add("intel-rapl:1", "package-0", 80, start_uJ=44)
    tree.add("intel-rapl:1:0", "dram", 6, start_uJ=55)
    tree.add("intel-rapl:1:1", "uncore", 3, start_uJ=66)
    tree.add("intel-rapl:2", "psys", 300, start_uJ=77)
    sensor = opened(tree)
    expected = ["package-1", "dram-1", "core-1", "package-0", "dram-0", "uncore-0", "psys"]
    assert expected == [channel.domain for channel in sensor.channels]
    found = totals(run_for(sensor, tree, 10))
    assert {f"{domain}.energy_J" for domain in expected} == set(found)
    assert 900 == pytest.approx(found["package-1.energy_J"][-1], rel=1e-6)
    assert 60 == pytest.approx(found["dram-0.energy_J"][-1], rel=1e-6)
    assert 0 == found["psys.energy_J"][0]


def test_dies_of_a_package_are_apart_and_their_parts_too(tree):
    for die in (0, 1):
        tree.add(f"intel-rapl:{die}", f"package-0-die-{die}", 40 + die, start_uJ=1000 * (die + 1))
        tree.add(f"intel-rapl:{die}:0", "dram", 4 + die, start_uJ=77 * (die + 1))
    sensor = opened(tree)
    assert ["package-0-die-0", "dram-0-die-0", "package-0-die-1", "dram-0-die-1"] == [c.domain for c in sensor.channels]


def test_the_memory_mapped_copy_and_mirrored_dies_are_read_once(tree):
    tree.add("intel-rapl-mmio:0", "package-0", 40, start_uJ=9)
    tree.add("intel-rapl:0", "package-0", 40, start_uJ=9)
    tree.add("intel-rapl:1", "package-1", 40, start_uJ=9)
    tree.add("intel-rapl:2", "package-2", 40, start_uJ=123_456)
    sensor = opened(tree)
    assert ["package-0", "package-2"] == [channel.domain for channel in sensor.channels]
    assert {
        "intel-rapl-mmio:0": "a copy of intel-rapl:0, package-0",
        "intel-rapl:1": "shows the same counter as package-0",
    } == sensor.summary()["left_out"]


def test_a_zone_that_exists_memory_mapped_only_is_read_there(tree):
    tree.add("intel-rapl-mmio:0", "package-0", 40)
    assert ["package-0"] == [channel.domain for channel in opened(tree).channels]


def test_a_counter_that_stands_at_zero_is_no_meter(tree):
    tree.add("intel-rapl:0", "package-0", 40)
    tree.add("intel-rapl:0:0", "dram", 0.0, start_uJ=0)
    sensor = opened(tree)
    assert ["package-0"] == [channel.domain for channel in sensor.channels]
    assert "stands at 0" in sensor.summary()["left_out"]["intel-rapl:0:0"]


def test_a_counter_that_wraps_every_few_seconds_loses_nothing(tree):
    tree.add("intel-rapl:0", "package-0", 280, range_uJ=999_999_999, start_uJ=999_000_000)
    sensor = opened(tree)
    begin_ns = tree.clock.t_ns
    readings = run_for(sensor, tree, 60)
    values = [reading.value for reading in readings]
    assert values == sorted(values)
    grown_uJ = [round(280 * t_ns / 1e3) for t_ns in (begin_ns, tree.clock.t_ns)]
    assert grown_uJ[1] - grown_uJ[0] == round(values[-1] * 1e6)  # to the microjoule
    assert 60 * 280 / 1000 > 16  # so often it went round


def test_a_day_of_readings_has_the_day_s_energy(tree):
    tree.add("intel-rapl:0", "package-0", 200, range_uJ=65_532_610_987)
    sensor = opened(tree, interval_ms=10_000)
    begin_ns = tree.clock.t_ns
    readings = run_for(sensor, tree, 86_400)
    assert 86_400 * 200 == pytest.approx(readings[-1].value, rel=1e-4)
    assert tree.true_J("intel-rapl:0", begin_ns) == pytest.approx(readings[-1].value, rel=1e-9)
    assert {} == sensor.summary()["ended"]
    counter = Series(
        np.array([r.t_ns for r in readings]), np.array([r.value for r in readings]), Kind.COUNTER, sensor.period_s
    )
    window_s = 3600.5
    found = window_energy(None, counter, begin_ns + 1234 * MS, begin_ns + 1234 * MS + round(window_s * S))
    assert window_s * 200 == pytest.approx(found.energy_J, abs=found.uncertainty_J)


def test_it_is_read_at_least_twice_in_the_time_of_one_turn(tree):
    tree.add("intel-rapl:0", "package-0", range_uJ=1_000_000_000)
    assert 0.2 == opened(tree, interval_ms=200).period_s
    assert 1000 / LARGEST_POWER_W / 2 == opened(tree, interval_ms=60_000).period_s


def test_a_gap_that_may_hide_a_whole_turn_ends_the_counter_and_is_told(tree):
    tree.add("intel-rapl:0", "package-0", 200, range_uJ=65_532_610_987)
    sensor = opened(tree)
    before = run_for(sensor, tree, 2)
    tree.clock.sleep(70)
    assert [] == sensor.read(tree.clock.t_ns)
    tree.clock.sleep(1)
    assert [] == sensor.read(tree.clock.t_ns)
    assert "once round" in sensor.trouble
    assert 70 == pytest.approx(sensor.summary()["ended"]["package-0"]["duration_s"], abs=0.3)
    assert len(before) > 5


def test_a_counter_that_was_set_back_is_not_taken_for_a_wrap(tree):
    tree.add("intel-rapl:0", "package-0", 200)
    sensor = opened(tree)
    run_for(sensor, tree, 2)
    (tree.folder / "intel-rapl:0/energy_uj").write_text("5\n")
    tree.clock.t_ns += 200 * MS
    assert [] == sensor.read(tree.clock.t_ns)
    assert "set back" in sensor.trouble


def test_a_read_that_fails_is_missing_and_the_next_makes_up_for_it(tree):
    path = tree.add("intel-rapl:0", "package-0", 100)
    sensor = opened(tree)
    begin_ns = tree.clock.t_ns
    run_for(sensor, tree, 1)
    (path / "energy_uj").write_text("")
    tree.clock.t_ns += S
    assert [] == sensor.read(tree.clock.t_ns)
    assert sensor.trouble.startswith("package-0: ")
    tree.show()
    (reading,) = sensor.read(tree.clock.t_ns)
    assert "" == sensor.trouble
    assert 1 == sensor.summary()["missed"]
    assert tree.true_J("intel-rapl:0", begin_ns) == pytest.approx(reading.value)


def test_counters_that_may_not_be_read_are_missing_with_the_remedy(tree, monkeypatch):
    path = tree.add("intel-rapl:0", "package-0")
    read_bytes = type(path).read_bytes

    def refuse(self):
        if self.name == "energy_uj":
            raise PermissionError(13, "Permission denied")
        return read_bytes(self)

    monkeypatch.setattr(type(path), "read_bytes", refuse)
    with pytest.raises(SensorMissing, match="cannot be read") as caught:
        opened(tree)
    assert "sudo chmod a+r" in caught.value.remedy
    assert "udev" in caught.value.remedy


@pytest.mark.parametrize(
    ("cpuinfo", "reason"),
    [("flags\t\t: fpu hypervisor sse\n", "virtual machine"), ("flags\t\t: fpu sse\n", "kernel has no powercap")],
)
def test_a_machine_without_counters_says_why(tmp_path, cpuinfo, reason):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(cpuinfo)
    with pytest.raises(SensorMissing, match=reason):
        open_sensor({}, Site(run_folder=tmp_path, root=tmp_path))


def test_a_zone_of_an_odd_name_is_left_out(tree):
    tree.add("intel-rapl:0", "package-0")
    tree.add("intel-rapl:1", "../../etc", start_uJ=5)
    sensor = opened(tree)
    assert ["package-0"] == [channel.domain for channel in sensor.channels]
    assert "no usable name" in sensor.summary()["left_out"]["intel-rapl:1"]
