"""EnergiBridge as a sensor, with a stand-in that has its options, its file and each of its ways to die."""

import itertools
import os
import signal
import time

import pytest

from harness.errors import SensorMissing
from harness.instruments.energibridge import open_sensor
from harness.instruments.energibridge_opening import FILE
from harness.record import Kind, Quality
from harness.sensors.clock import CLOCK
from harness.sensors.sensor import Site


@pytest.fixture
def opened(energibridge, tmp_path):
    """A function that installs a stand-in and opens it."""
    sensors, folders = [], itertools.count()

    def open_it(settings=None, site=None, clock=CLOCK, **behaviour):
        energibridge.install(**behaviour)
        folder = tmp_path / f"run{next(folders)}"
        folder.mkdir()
        sensor = open_sensor(energibridge.settings(**(settings or {})), site or Site(folder), clock=clock)
        sensors.append(sensor)
        sensor.folder = folder
        return sensor

    yield open_it
    for sensor in sensors:
        sensor.close()


def read_until(sensor, condition, patience_s=20):
    """Read each 20 ms until the condition holds for what was read."""
    readings = []
    give_up_s = time.monotonic() + patience_s
    while not condition(readings):
        assert time.monotonic() < give_up_s, (readings[-5:], sensor.lost, sensor.summary())
        readings += sensor.read(time.monotonic_ns())
        time.sleep(0.02)
    return readings


def read_rows(sensor, count, channel):
    return read_until(sensor, lambda readings: sum(item.channel == channel for item in readings) >= count)


def series(readings, channel):
    return [(item.t_ns, item.value) for item in readings if item.channel == channel]


def watts(points):
    """The mean power between the first and the last reading of a counter."""
    return (points[-1][1] - points[0][1]) / (points[-1][0] - points[0][0]) * 1e9


PACKAGE = "energibridge/package-0.energy_J"


def test_an_intel_machine_gives_its_counters_by_domain_and_its_context(opened):
    sensor = opened()
    kinds = {channel.name: (channel.unit, channel.kind, channel.quality) for channel in sensor.channels}
    counter = ("J", Kind.COUNTER, Quality.MEASURED)
    assert {
        PACKAGE: counter,
        "energibridge/core-0.energy_J": counter,
        "energibridge/dram-0.energy_J": counter,
        "energibridge/cpu.load_pct": ("%", Kind.MEAN, Quality.MEASURED),
        "energibridge/cpu.frequency_MHz": ("MHz", Kind.GAUGE, Quality.MEASURED),
        "energibridge/memory.used_B": ("B", Kind.GAUGE, Quality.MEASURED),
        "energibridge/swap.used_B": ("B", Kind.GAUGE, Quality.MEASURED),
    } == kinds
    assert {"energibridge/uncore-0.energy_J": "its counter stands at 0, this processor does not have it"} == (
        sensor.summary()["left_out"]
    )


def test_its_joules_and_stamps_are_those_of_the_machine(opened):
    before_ns = time.monotonic_ns()
    sensor = opened(power_W=64.0)
    readings = read_rows(sensor, 8, PACKAGE)
    package = series(readings, PACKAGE)
    assert 0.0 == package[0][1]
    assert 64.0 == pytest.approx(watts(package), rel=1e-4)
    assert 32.0 == pytest.approx(watts(series(readings, "energibridge/core-0.energy_J")), rel=1e-3)
    assert all(before_ns - 1e6 <= t_ns <= time.monotonic_ns() for t_ns, _ in package)
    assert 11.5 == series(readings, "energibridge/cpu.load_pct")[0][1]
    assert 2001.5 == series(readings, "energibridge/cpu.frequency_MHz")[0][1]


def test_the_first_row_that_stands_twice_counts_once(opened):
    sensor = opened()
    stamps = [t_ns for t_ns, _ in series(read_rows(sensor, 3, PACKAGE), PACKAGE)]
    assert stamps == sorted(set(stamps))
    assert 1 == sensor.summary()["duplicated_rows"]


def test_a_counter_that_starts_again_at_0_goes_on_growing(opened):
    sensor = opened(power_W=640.0, start_J=262144.0 - 100)
    package = series(read_until(sensor, lambda _: sensor.summary()["turns"].get(PACKAGE)), PACKAGE)
    package += series(sensor.read(time.monotonic_ns()), PACKAGE)
    assert 640.0 == pytest.approx(watts(package), rel=1e-4)
    assert "" == sensor.lost


def test_amd_s_cores_are_summed_for_their_package(opened):
    sensor = opened(machine="amd", range_J=65536.0)
    readings = read_rows(sensor, 4, PACKAGE)
    assert 24.0 == pytest.approx(watts(series(readings, "energibridge/core-0.energy_J")), rel=1e-3)
    assert "CORE0_PSTATE" in sensor.summary()["not_recorded"]


def test_a_mac_gives_the_system_s_power_as_a_level(opened):
    sensor = opened(machine="mac", power_W=18.5)
    readings = read_rows(sensor, 2, "energibridge/system.power_W")
    assert {18.5} == {value for _, value in series(readings, "energibridge/system.power_W")}
    assert {42.5} == {value for _, value in series(readings, "energibridge/cpu.temperature_C")}
    kinds = {channel.name: channel.kind for channel in sensor.channels}
    assert Kind.GAUGE is kinds["energibridge/system.power_W"]
    assert "energibridge/cpu.frequency_MHz" not in kinds
    assert "it gives 0 only" == sensor.summary()["left_out"]["energibridge/cpu.frequency_MHz"]


def test_gpus_are_read_when_asked_for_in_watts_with_their_lag_said(opened):
    sensor = opened({"gpu": True})
    readings = read_rows(sensor, 2, "energibridge/gpu0.power_W")
    assert {90.0} == {value for _, value in series(readings, "energibridge/gpu0.power_W")}
    assert {100 * 1024.0**2} == {value for _, value in series(readings, "energibridge/gpu0.memory_used_B")}
    sources = {channel.name: channel.source for channel in sensor.channels}
    assert "mean over the last 1 s" in sources["energibridge/gpu0.power_W"]


def test_the_share_of_rows_that_brought_a_new_value_is_told(opened):
    sensor = opened(machine="mac")
    read_rows(sensor, 5, "energibridge/system.power_W")
    summary = sensor.summary()
    assert round(1 / summary["rows"], 4) == summary["distinct_share"]["energibridge/system.power_W"]
    assert ("0.0.7", 0, 0) == (summary["version"], summary["unreadable_rows"], summary["unplaced_rows"])


def test_rows_longer_than_the_header_are_read_where_a_place_is_certain(opened):
    sensor = opened(late_gpu_row=6)
    package = series(read_until(sensor, lambda _: sensor.summary()["longer_rows"] > 3), PACKAGE)
    assert 64.0 == pytest.approx(watts(package), rel=1e-4)
    assert ("", 0) == (sensor.lost, sensor.summary()["unreadable_rows"])


def test_what_is_gathered_before_it_is_written_is_read_all_the_same(opened):
    sensor = opened(buffer_B=700)
    package = series(read_rows(sensor, 8, PACKAGE), PACKAGE)
    assert 64.0 == pytest.approx(watts(package), rel=1e-4)
    assert sensor.summary()["growth_s"] > 0.09


def test_a_step_of_the_wall_clock_moves_no_reading(opened, monkeypatch):
    class Stepped(type(CLOCK)):
        by_ns = 0

        def moment(self):
            moment = super().moment()
            return moment._replace(realtime_ns=moment.realtime_ns + self.by_ns)

    clock = Stepped()
    sensor = opened(clock=clock, step_s=-3600.0, step_row=8)
    give_up_s = time.monotonic() + 20
    path = sensor.folder / FILE
    readings = list(sensor.read(time.monotonic_ns()))
    while path.read_text().count("\n") < 9:
        readings += sensor.read(time.monotonic_ns())
        assert time.monotonic() < give_up_s
        time.sleep(0.01)
    clock.by_ns = -3600 * 10**9
    readings += read_rows(sensor, 6, PACKAGE)
    package = series(readings, PACKAGE)
    assert 64.0 == pytest.approx(watts(package), rel=0.02)
    assert [-3600.0] == [round(step["by_s"], 1) for step in sensor.summary()["clock_steps"]]
    assert "" == sensor.lost


# --- its ways to die --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("die", "said"),
    [
        ("panic", "exit code 101: thread 'main' panicked"),
        ("slow", "overflow when subtracting durations"),
        ("full", "No space left on device"),
        ("exit", "EnergiBridge ended with exit code 0"),
        ("killed", "EnergiBridge was ended by SIGKILL"),
    ],
)
def test_its_death_is_a_loss_that_says_what_it_said(opened, energibridge, die, said):
    sensor = opened(die=die, after_rows=6)
    readings = read_until(sensor, lambda _: sensor.lost)
    assert said in sensor.lost
    assert len(series(readings, PACKAGE)) >= 4
    energibridge.wait_until_gone()
    assert () == sensor.read(time.monotonic_ns())
    assert () == sensor.finish(time.monotonic_ns())


def test_a_line_torn_by_its_death_is_no_reading(opened):
    sensor = opened(die="full", after_rows=5)
    read_until(sensor, lambda _: sensor.lost)
    assert (14, 0) == (sensor.summary()["torn_B"], sensor.summary()["unreadable_rows"])


def test_a_file_that_stands_still_is_a_loss_and_what_stopped_is_ended(opened, energibridge, monkeypatch):
    monkeypatch.setattr("harness.instruments.energibridge.SILENCE_S", 0.4)
    sensor = opened(die="stop", after_rows=6)
    read_until(sensor, lambda _: sensor.lost)
    assert "has brought nothing for 0." in sensor.lost
    energibridge.wait_until_gone()


def test_the_longer_its_own_pace_the_longer_its_silence_may_last(opened):
    assert 5 * 0.6 == pytest.approx(opened({"interval_ms": 600})._silence_s, rel=0.2)
    assert 2.0 == opened()._silence_s


def test_sigterm_orphans_the_sleeper_of_the_released_one_and_it_is_ended_too(opened, energibridge):
    sensor = opened(handles_term=False)
    os.kill(sensor._source.program.pid, signal.SIGTERM)
    read_until(sensor, lambda _: sensor.lost)
    assert "was ended by SIGTERM" in sensor.lost
    energibridge.wait_until_gone()


def test_it_ends_in_order_with_its_last_rows(opened, energibridge):
    sensor = opened()
    sensor.read(time.monotonic_ns())
    asked_ns = time.monotonic_ns()
    last = sensor.finish(time.monotonic_ns())
    assert series(last, PACKAGE)[-1][0] >= asked_ns - 100e6
    assert "ended with exit code 0" == sensor.summary()["ended"]
    energibridge.wait_until_gone()
    assert [FILE] == [path.name for path in sensor.folder.iterdir()]
    assert () == sensor.read(time.monotonic_ns())
    assert "" == sensor.lost


def test_one_that_hangs_at_the_end_is_ended_by_force(opened, energibridge):
    sensor = opened()
    os.kill(sensor._source.program.pid, signal.SIGSTOP)
    sensor.finish(time.monotonic_ns())
    assert "was ended by SIGKILL" == sensor.summary()["ended"]
    energibridge.wait_until_gone()


# --- refused ----------------------------------------------------------------------------------------------------------


def refusal(opened, *arguments, **behaviour):
    with pytest.raises(SensorMissing) as caught:
        opened(*arguments, **behaviour)
    assert caught.value.remedy
    return caught.value


def test_an_absent_binary_is_refused_with_where_to_get_it(opened):
    for program in ("no-such-energibridge", "/nowhere/energibridge"):
        error = refusal(opened, {"program": program})
        assert program in error.what
        assert "github.com/tdurieux/EnergiBridge" in error.remedy


def test_a_file_that_cannot_be_executed_is_refused(opened, tmp_path):
    (tmp_path / "plain").write_text("hello")
    assert "chmod +x" in refusal(opened, {"program": str(tmp_path / "plain")}).remedy


def test_a_binary_of_another_system_is_refused(opened, tmp_path):
    (tmp_path / "foreign").write_bytes(b"\x7fELF not for us")
    (tmp_path / "foreign").chmod(0o755)
    assert "cannot be started" in refusal(opened, {"program": str(tmp_path / "foreign")}).what


@pytest.mark.parametrize(
    ("die", "remedy"),
    [
        ("rights", "setcap cap_sys_rawio=ep"),
        ("register", "[sensors.rapl]"),
        ("usage", "by hand"),
        ("slow", "instruments.energibridge.interval_ms"),
        ("full", "disk"),
    ],
)
def test_one_that_dies_at_once_is_refused_with_what_helps(opened, energibridge, die, remedy):
    error = refusal(opened, die=die)
    assert remedy in error.remedy
    assert "exit code" in error.what
    energibridge.wait_until_gone()


def test_missing_registers_files_are_loaded_first(opened, tmp_path):
    assert "modprobe msr" in refusal(opened, None, Site(tmp_path, root=tmp_path), die="rights").remedy


def test_a_machine_of_which_it_tells_no_energy_is_refused(opened, energibridge):
    error = refusal(opened, machine="none")
    assert "neither energy nor power" in error.what
    assert "gpu = true" in error.remedy
    energibridge.wait_until_gone()


@pytest.mark.parametrize("release", ["0.0.6", ""])
def test_a_release_with_the_unit_error_is_refused_on_intel_only(opened, energibridge, release):
    assert "wrong by a unit error" in refusal(opened, release=release).what
    energibridge.wait_until_gone()
    assert PACKAGE in [channel.name for channel in opened(release=release, machine="amd").channels]


def test_the_unit_error_can_be_accepted_and_is_then_said(opened):
    sensor = opened({"accept_unit_error": True}, release="0.0.5", machine="old", power_W=1e6, range_J=2.0**32)
    assert "unit is wrong" in next(item.source for item in sensor.channels if item.name == PACKAGE)
    package = series(read_rows(sensor, 4, PACKAGE), PACKAGE)
    assert 1e6 == pytest.approx(watts(package), rel=1e-4)
    assert "" == sensor.lost


def test_something_else_under_its_name_is_refused(opened, tmp_path):
    (tmp_path / "other").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "other").chmod(0o755)
    assert "ended before it had written" in refusal(opened, {"program": str(tmp_path / "other")}).what


def test_one_that_writes_nothing_is_refused_in_time(opened, tmp_path, monkeypatch):
    monkeypatch.setattr("harness.instruments.energibridge_opening.OPEN_S", 0.3)
    (tmp_path / "mute").write_text('#!/bin/sh\n[ "$1" = --version ] || exec sleep 60\n')
    (tmp_path / "mute").chmod(0o755)
    assert "wrote no header in" in refusal(opened, {"program": str(tmp_path / "mute")}).what
