"""What a made-up machine tells of itself, and this one."""

import pytest

from harness.errors import SensorMissing
from harness.sensors.machine import open_sensor
from harness.sensors.sensor import Site

MEMINFO = "MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable: 400 kB\nSwapTotal: 50 kB\nSwapFree: 20 kB\n"


@pytest.fixture
def site(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/stat").write_text("cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 2 3\n")
    (tmp_path / "proc/meminfo").write_text(MEMINFO)
    return Site(run_folder=tmp_path, root=tmp_path)


def write(site, path, text):
    (site.root / path).parent.mkdir(parents=True, exist_ok=True)
    (site.root / path).write_text(text)


def latest(sensor):
    return {reading.channel: reading.value for reading in sensor.read(0)}


def test_load_is_the_share_of_time_that_was_not_idle_since_the_last_reading(site):
    sensor = open_sensor({}, site, platform="linux")
    write(site, "proc/stat", "cpu  150 0 120 1030 0 0 0 0 0 0\n")
    assert 100 * 70 / 300 == pytest.approx(latest(sensor)["cpu.load_pct"])
    write(site, "proc/stat", "cpu  150 5 120 1030 80 4 6 5 999 0\n")
    assert 20 == pytest.approx(latest(sensor)["cpu.load_pct"])


def test_no_load_is_told_for_a_time_shorter_than_the_kernel_s_tick(site):
    sensor = open_sensor({}, site, platform="linux")
    assert "cpu.load_pct" not in latest(sensor)
    assert 0 == sensor.summary()["missed"]


def test_memory_and_swap_are_what_is_not_available(site):
    found = latest(open_sensor({}, site, platform="linux"))
    assert (600 * 1024, 30 * 1024) == (found["memory.used_B"], found["swap.used_B"])


def test_the_frequency_is_the_mean_over_some_cores(site):
    for core in range(20):
        write(
            site, f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq", f"{1_000_000 + 100_000 * (core % 2)}\n"
        )
    sensor = open_sensor({}, site, platform="linux")
    assert 1000 <= latest(sensor)["cpu.frequency_MHz"] <= 1100
    assert "of 20 cores" in next(c.source for c in sensor.channels if c.name == "cpu.frequency_MHz")


def test_the_temperature_is_the_hottest_package_s(site):
    for number, (name, label, value) in enumerate(
        [("nvme", "Composite", 90000), ("coretemp", "Package id 0", 41000), ("coretemp", "Package id 1", 47500)]
    ):
        write(site, f"sys/class/hwmon/hwmon{number}/name", name)
        write(site, f"sys/class/hwmon/hwmon{number}/temp1_input", f"{value}\n")
        write(site, f"sys/class/hwmon/hwmon{number}/temp1_label", label)
    assert 47.5 == latest(open_sensor({}, site, platform="linux"))["cpu.temperature_C"]


def test_without_hwmon_the_package_s_thermal_zone_serves(site):
    write(site, "sys/class/thermal/thermal_zone0/type", "acpitz\n")
    write(site, "sys/class/thermal/thermal_zone0/temp", "20000\n")
    write(site, "sys/class/thermal/thermal_zone1/type", "x86_pkg_temp\n")
    write(site, "sys/class/thermal/thermal_zone1/temp", "52000\n")
    assert 52 == latest(open_sensor({}, site, platform="linux"))["cpu.temperature_C"]


def test_what_a_machine_does_not_tell_is_no_channel_but_named(site):
    sensor = open_sensor({}, site, platform="linux")
    assert {"cpu.load_pct", "memory.used_B", "swap.used_B"} == {channel.name for channel in sensor.channels}
    assert {"cpu.frequency_MHz", "cpu.temperature_C"} == set(sensor.summary()["absent"])


def test_a_file_that_stops_making_sense_is_a_missed_reading(site):
    sensor = open_sensor({}, site, platform="linux")
    write(site, "proc/meminfo", "nonsense\n")
    write(site, "proc/stat", "cpu  x\n")
    assert {} == latest(sensor)
    assert 3 == sensor.summary()["missed"]


def test_a_machine_that_tells_nothing_is_missing(tmp_path):
    with pytest.raises(SensorMissing, match="tells nothing"):
        open_sensor({}, Site(run_folder=tmp_path, root=tmp_path), platform="linux")


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_this_machine_tells_plausible_things(tmp_path, platform):
    sensor = open_sensor({}, Site(run_folder=tmp_path), platform=platform)
    found = {}
    while "cpu.load_pct" not in found:
        found |= latest(sensor)
    assert 0 <= found["cpu.load_pct"] <= 100
    assert found["memory.used_B"] > 1e7
    sensor.finish(0)
    sensor.close()
