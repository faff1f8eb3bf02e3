"""perf_event: one event for each package and kind, named like powercap's zones; and the real system call."""

import errno
import os

import pytest

from harness.errors import SensorMissing
from harness.sensors import perf_event
from harness.sensors.clock import CLOCK
from harness.sensors.rapl import open_sensor
from harness.sensors.sensor import Site


def opened(machine, **settings):
    site = Site(run_folder=machine.root, root=machine.root)
    return open_sensor({"via": "perf_event", **settings}, site, clock=machine.clock, open_event=machine.open_event)


def domains(sensor):
    return [channel.domain for channel in sensor.channels]


def test_a_package_is_known_by_the_topology_of_the_cpu_that_counts_it(machine, rapl):
    machine.cpu(0, package=1, knows_dies=False)
    machine.cpu(24, package=0, knows_dies=False)
    machine.pmu(
        "0,24",
        energy_pkg={0: machine.register(90), 24: machine.register(80)},
        energy_ram={0: machine.register(7, unit=16), 24: machine.register(6, unit=16)},
        energy_gpu={0: machine.register(3), 24: machine.register(2)},
    )
    found = rapl.last_J(rapl.readings_for(opened(machine), machine.clock, 10))
    expected = {"package-1": 900, "package-0": 800, "dram-1": 70, "dram-0": 60, "uncore-1": 30, "uncore-0": 20}
    assert expected == pytest.approx(found, rel=1e-4)


def test_dies_of_a_package_are_apart(machine):
    for cpu, (package, die) in {0: (0, 0), 8: (0, 1), 16: (1, 0), 24: (1, 1)}.items():
        machine.cpu(cpu, package, die)
    machine.pmu("0,8,16,24", energy_pkg={cpu: machine.register(40 + cpu) for cpu in (0, 8, 16, 24)})
    expected = ["package-0-die-0", "package-0-die-1", "package-1-die-0", "package-1-die-1"]
    assert expected == domains(opened(machine))


def test_dies_that_mirror_one_counter_are_the_package_once(machine, rapl):
    """AMD under Linux 6.9 to 6.11: the CPUs of every core complex are named, each shows the package's counter."""
    packages = [machine.register(150), machine.register(150)]
    cpus = {8 * place: divmod(place, 4) for place in range(8)}
    for cpu, (package, die) in cpus.items():
        machine.cpu(cpu, package, die)
    machine.pmu("0,8,16,24,32,40,48,56", energy_pkg={cpu: packages[package] for cpu, (package, _) in cpus.items()})
    machine.open_event = lambda *asked, real=machine.open_event: (machine.clock.sleep(3e-4), real(*asked))[1]
    sensor = opened(machine)
    assert ["package-0", "package-1"] == domains(sensor)
    assert 6 == sum("shows the same counter" in why for why in sensor.summary()["left_out"].values())
    assert 2 == sum(not event.closed for event in machine.events)
    found = rapl.last_J(rapl.readings_for(sensor, machine.clock, 10))
    assert {"package-0": 1500, "package-1": 1500} == pytest.approx(found, rel=1e-4)


def test_counters_that_do_not_move_are_not_called_one(machine):
    machine.cpu(0, 0, die=0)
    machine.cpu(1, 0, die=1)
    still = machine.register(0, start=7)
    machine.pmu("0-1", energy_pkg={0: machine.register(40), 1: machine.register(43)}, energy_gpu={0: still, 1: still})
    expected = ["package-0-die-0", "package-0-die-1", "uncore-0-die-0", "uncore-0-die-1"]
    assert expected == domains(opened(machine))


def test_the_platform_is_counted_on_the_package_that_has_it(machine):
    """Linux: "CPUs in slave packages will read 0 for the Psys energy counter"; it may move in steps of 1 J."""
    machine.cpu(0, 0)
    machine.cpu(1, 1)
    machine.pmu(
        "0,1",
        energy_pkg={0: machine.register(40), 1: machine.register(43)},
        energy_psys={0: machine.register(0, start=0), 1: machine.register(5, unit=0)},
    )
    sensor = opened(machine)
    assert ["package-0", "package-1", "psys"] == domains(sensor)
    assert "power/energy-psys/ on CPU 1" == sensor.summary()["counters"]["psys"]
    assert "psys: it does not count here" == sensor.summary()["left_out"]["power/energy-psys/ on CPU 0"]
    assert [True] == [event.closed for event in machine.events if event.closed]


def test_a_second_counter_of_the_platform_is_left_out(machine):
    machine.cpu(0, 0)
    machine.cpu(1, 1)
    platform = machine.register(300)
    machine.pmu(
        "0,1", energy_pkg={0: machine.register(40), 1: machine.register(43)}, energy_psys={0: platform, 1: platform}
    )
    assert ["package-0", "package-1", "psys"] == domains(opened(machine))


def test_a_single_core_s_counter_is_not_taken_for_that_of_all(machine):
    machine.write("proc/cpuinfo", "vendor_id\t: AuthenticAMD\n")
    machine.cpu(0, 0)
    machine.pmu("0", energy_pkg={0: machine.register(40)}, energy_cores={0: machine.register(3)})
    sensor = opened(machine)
    assert ["package-0"] == domains(sensor)
    assert "a single core" in sensor.summary()["left_out"]["energy-cores"]


def test_what_powercap_has_besides_is_told(machine):
    machine.cpu(0, 0)
    machine.pmu("0", energy_pkg={0: machine.register(40)})
    machine.zone("intel-rapl:0", "package-0", machine.register(40))
    machine.zone("intel-rapl:0:0", "dram", machine.register(4))
    left_out = opened(machine).summary()["left_out"]
    assert ["dram"] == list(left_out)
    assert 'via = "powercap"' in left_out["dram"]


def test_an_event_whose_unit_or_scale_is_not_told_is_left_out(machine):
    machine.cpu(0, 0)
    machine.pmu(
        "0",
        energy_pkg={0: machine.register(40)},
        energy_ram={0: machine.register(4)},
        energy_gpu={0: machine.register(4)},
    )
    events = machine.root / "sys/bus/event_source/devices/power/events"
    (events / "energy-ram.unit").write_text("Watts\n")
    (events / "energy-gpu.scale").unlink()
    (events / "energy-tau").write_text("event=0x09\n")
    sensor = opened(machine)
    assert ["package-0"] == domains(sensor)
    left_out = sensor.summary()["left_out"]
    assert "its unit is 'Watts', not Joules" == left_out["energy-ram"]
    assert "energy-gpu.scale" in left_out["energy-gpu"]
    assert "not known what" in left_out["energy-tau"]


def test_an_event_that_one_package_does_not_have_is_left_out_there(machine):
    machine.cpu(0, 0)
    machine.cpu(1, 1)
    machine.pmu("0-1", energy_pkg={0: machine.register(40), 1: machine.register(43)})
    machine.failing_cpus[1] = errno.EINVAL
    sensor = opened(machine)
    assert ["package-0"] == domains(sensor)
    assert {"power/energy-pkg/ on CPU 1": "package-1: Invalid argument"} == sensor.summary()["left_out"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda m: (m.root / "sys/bus/event_source/devices/power/cpumask").write_text("\n"), "names no CPU"),
        (lambda m: (m.root / "sys/bus/event_source/devices/power/type").unlink(), "cannot be understood"),
        (lambda m: m.write("sys/devices/system/cpu/cpu0/topology/physical_package_id", -1), "package of CPU 0"),
        (lambda m: m.failing_cpus.update({0: errno.ENODEV}), "no energy event .* counts .*No such device"),
    ],
)
def test_an_event_source_that_makes_no_sense_is_missing_with_the_reason(machine, spoil, reason):
    machine.cpu(0, 0)
    machine.pmu("0", energy_pkg={0: machine.register(40)})
    spoil(machine)
    with pytest.raises(SensorMissing, match=reason):
        opened(machine)


def test_a_refusal_leaves_nothing_open(machine):
    machine.cpu(0, 0)
    machine.cpu(1, 1)
    machine.pmu("0-1", energy_pkg={0: machine.register(40), 1: machine.register(43)})
    machine.failing_cpus[1] = errno.EACCES
    with pytest.raises(SensorMissing, match="the kernel refuses"):
        opened(machine)
    assert [True] == [event.closed for event in machine.events]


def test_an_event_that_did_not_count_for_a_while_is_lost(machine, rapl):
    machine.cpu(0, 0)
    machine.pmu("0", energy_pkg={0: machine.register(40)})
    sensor = opened(machine)
    rapl.readings_for(sensor, machine.clock, 1)
    machine.events[0].uncounted_ns = 400_000_000
    assert [] == sensor.read(machine.clock.t_ns)
    assert "package-0: the kernel did not count it for 0.40 s" == sensor.lost


def test_a_step_that_the_kernel_took_for_one_back_is_lost(machine, rapl):
    """More than half a turn between two readings, while the sampler stood still: the kernel's count goes back."""
    machine.cpu(0, 0)
    machine.pmu("0", energy_pkg={0: machine.register(900, unit=16)})
    sensor = opened(machine)
    rapl.readings_for(sensor, machine.clock, 1)
    machine.clock.sleep(40)
    machine.let_kernel_read()
    assert [] == sensor.read(machine.clock.t_ns)
    assert "package-0" in sensor.lost


def test_an_unreadable_event_is_missing_then_lost(machine, rapl):
    machine.cpu(0, 0)
    register = machine.register(40)
    machine.pmu("0", energy_pkg={0: register})
    sensor = opened(machine)
    sensor.read(machine.clock.t_ns)
    begin_ns = machine.clock.t_ns
    machine.events[0].fails = "the device is gone"
    assert [] == rapl.readings_for(sensor, machine.clock, 3)
    assert "the device is gone" in sensor.trouble
    assert "" == sensor.lost
    machine.events[0].fails = ""
    (reading,) = sensor.read(machine.clock.t_ns)
    assert register.J(begin_ns) == pytest.approx(reading.value)
    machine.events[0].fails = "the device is gone"
    assert [] == rapl.readings_for(sensor, machine.clock, 6)
    assert "could not be read for 5.0 s" in sensor.lost


SOFTWARE, CPU_CLOCK = 1, 0


@pytest.fixture
def allowed():
    """Skips where this process may not count on a CPU."""
    try:
        perf_event.open_event(SOFTWARE, CPU_CLOCK, 0).close()
    except OSError as error:
        pytest.skip(f"perf_event_open: {error}")


def test_the_real_system_call_counts(allowed):
    event = perf_event.open_event(SOFTWARE, CPU_CLOCK, 0)
    before_ns, first, begun_ns = CLOCK.now_ns(), event.read(), CLOCK.now_ns()
    CLOCK.sleep(0.02)
    ending_ns, last, after_ns = CLOCK.now_ns(), event.read(), CLOCK.now_ns()
    event.close()
    # cpu-clock counts the nanoseconds of this CPU, by a clock that is not trimmed.
    assert (ending_ns - begun_ns) * 0.99 <= last.total - first.total <= (after_ns - before_ns) * 1.01
    assert last.enabled_ns == last.running_ns
    with pytest.raises(OSError, match="Bad file descriptor"):
        event.read()


def test_the_whole_way_through_the_real_system_call(allowed, machine):
    """A source `power` that counts a CPU's nanoseconds, at 1 nJ each: a machine that draws one watt."""
    machine.cpu(0, 0)
    machine.pmu("0", scale="1e-9", energy_pkg={0: machine.register(1)})
    folder = machine.root / "sys/bus/event_source/devices/power"
    (folder / "type").write_text(f"{SOFTWARE}\n")
    (folder / "events/energy-pkg").write_text(f"event=0x{CPU_CLOCK:02x}\n")
    sensor = open_sensor({"via": "perf_event"}, Site(run_folder=machine.root, root=machine.root))
    before_ns, (first,), begun_ns = CLOCK.now_ns(), sensor.read(0), CLOCK.now_ns()
    CLOCK.sleep(0.05)
    ending_ns, (last,), after_ns = CLOCK.now_ns(), sensor.finish(0), CLOCK.now_ns()
    sensor.close()
    assert 0 == first.value
    assert (ending_ns - begun_ns) / 1e9 * 0.99 <= last.value <= (after_ns - before_ns) / 1e9 * 1.01


def test_the_real_system_call_says_what_is_wrong():
    with pytest.raises(OSError, match=r"No such file or directory|Invalid argument|Permission denied|not permitted"):
        perf_event.open_event(2**31 - 7, 0, 0)


def test_the_event_is_not_handed_on_to_other_programs(allowed):
    event = perf_event.open_event(SOFTWARE, CPU_CLOCK, 0)
    assert not os.get_inheritable(event._descriptor)
    event.close()


def test_a_machine_of_another_kind_has_no_energy_events(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(OSError, match="riscv64"):
        perf_event.open_event(SOFTWARE, CPU_CLOCK, 0)


def test_an_event_that_gives_nothing_is_an_error():
    reading, writing = os.pipe()
    os.close(writing)
    event = perf_event.Event(reading)
    with pytest.raises(OSError, match="does not count this event any more"):
        event.read()
    event.close()
