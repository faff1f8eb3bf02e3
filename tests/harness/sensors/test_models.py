"""Modelled power: by load, and constant."""

import pytest

from harness.errors import SensorMissing
from harness.record import Kind, Quality
from harness.sensors import constant, load_model
from harness.sensors.sensor import Reading, Site


@pytest.fixture
def site(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("processor\t: 0\n\nprocessor\t: 1\n\nprocessor\t: 2\n\nprocessor\t: 3\n")
    set_stat(tmp_path, busy=0, idle=0)
    return Site(run_folder=tmp_path, root=tmp_path)


def set_stat(root, busy, idle):
    (root / "proc/stat").write_text(f"cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\n")


@pytest.mark.parametrize(("busy", "idle", "expected_W"), [(0, 100, 10.0), (100, 0, 50.0), (25, 75, 20.0)])
def test_power_lies_between_idle_and_full_by_the_load(site, busy, idle, expected_W):
    sensor = load_model.open_sensor({"idle_W": 10.0, "full_W": 50.0}, site)
    set_stat(site.root, busy, idle)
    (reading,) = sensor.read(0)
    assert ("cpu.power_W", pytest.approx(expected_W)) == (reading.channel, reading.value)


def test_the_exponent_bends_the_line(site):
    sensor = load_model.open_sensor({"idle_W": 10.0, "full_W": 50.0, "exponent": 0.5}, site)
    set_stat(site.root, 25, 75)
    assert 30.0 == pytest.approx(sensor.finish(0)[0].value)
    assert "load^0.5" in sensor.channels[0].source


def test_without_coefficients_they_come_from_the_cores_and_the_channel_says_from_where(site):
    (channel,) = load_model.open_sensor({"idle_W": None, "full_W": None}, site).channels
    assert (Quality.MODELLED, Kind.MEAN, "cpu") == (channel.quality, channel.kind, channel.domain)
    assert "2.96 W + 11.04 W x load" in channel.source
    assert channel.source.endswith("(server averages for 4 cores)")
    origin = load_model.make_model({}, 4).origin
    assert "0.74 W idle and 3.5 W full for each of 4 cores: Cloud Carbon Footprint" in origin


def test_coefficients_of_the_user_s_own_are_said_to_be_so(site):
    assert "(as configured)" in load_model.open_sensor({"idle_W": 1, "full_W": 2}, site).channels[0].source
    assert "(idle: server average for 4 cores)" in load_model.open_sensor({"full_W": 20}, site).channels[0].source
    assert "0.74 W idle for each" in load_model.make_model({"full_W": 20}, 4).origin


def test_full_power_below_idle_power_is_refused(site):
    with pytest.raises(SensorMissing, match=r"full power of 2 W is below its idle power of 2\.96 W"):
        load_model.open_sensor({"full_W": 2.0}, site)


def test_without_proc_there_is_no_load_to_model_from(tmp_path):
    with pytest.raises(SensorMissing, match="no CPU load"):
        load_model.open_sensor({}, Site(run_folder=tmp_path, root=tmp_path))


def test_a_read_that_fails_is_missing_and_said(site):
    sensor = load_model.open_sensor({"idle_W": 10.0, "full_W": 50.0}, site)
    (site.root / "proc/stat").write_text("cpu  what\n")
    assert () == sensor.read(0)
    assert 1 == sensor.summary()["missed"]
    assert "load cannot be read" in sensor.trouble
    set_stat(site.root, busy=25, idle=75)
    (reading,) = sensor.read(0)
    assert ("", 20.0) == (sensor.trouble, reading.value)
    sensor.close()


def test_a_core_that_is_taken_away_with_its_time_does_not_silence_the_load(site):
    sensor = load_model.open_sensor({"idle_W": 10.0, "full_W": 50.0}, site)
    set_stat(site.root, busy=600, idle=400)
    sensor.read(0)
    set_stat(site.root, busy=300, idle=200)
    assert () == sensor.read(0)
    set_stat(site.root, busy=325, idle=275)
    (reading,) = sensor.read(0)
    assert 20.0 == pytest.approx(reading.value)


def test_a_constant_is_its_power_whenever_it_is_asked(tmp_path):
    sensor = constant.open_sensor({"power_W": 70.0, "domain": "gpu0", "interval_ms": 500}, Site(run_folder=tmp_path))
    assert [Reading(7, "constant/gpu0.power_W", 70.0)] == list(sensor.read(7))
    assert [Reading(9, "constant/gpu0.power_W", 70.0)] == list(sensor.finish(9))
    (channel,) = sensor.channels
    assert (Quality.MODELLED, "a constant of 70 W, as configured") == (channel.quality, channel.source)
    assert 0.5 == sensor.period_s
