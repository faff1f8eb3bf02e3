"""A machine with RAPL whose joules are known: registers of 32 bits, seen through powercap and through perf_event.

Both look at the same registers, as Linux does: powercap multiplies by a unit cut to whole nanojoules, perf_event adds
up sign-extended steps of the register in 2^-32 J at each reading.
"""

import errno
import os

MS = 1_000_000
S = 1000 * MS
KINDS = {"energy-cores": 1, "energy-pkg": 2, "energy-ram": 3, "energy-gpu": 4, "energy-psys": 5}
POWER = 23
"""The number of the event source."""


class Clock:
    """Time that the test moves; sleeping moves the counters on."""

    def __init__(self):
        self.t_ns = 5 * S
        self.machine = None

    def now_ns(self):
        return self.t_ns

    def sleep(self, seconds):
        self.t_ns += round(seconds * 1e9)
        self.machine.show()


class Register:
    """A counter: power_W, from a start, in units of 2^-unit J, of so many bits; all integers."""

    def __init__(self, clock, power_W, start=1, unit=14, bits=32):
        self.clock, self.power_mW, self.start, self.unit, self.bits = clock, round(power_W * 1000), start, unit, bits
        self.set_back = 0

    def grown(self, t_ns):
        """Units since the beginning of time, never wrapped."""
        return self.start + (self.power_mW * t_ns << self.unit) // 10**12 - self.set_back

    def raw(self):
        return self.grown(self.clock.t_ns) % (1 << self.bits)

    def J(self, since_ns):
        """The energy that is true."""
        return (self.grown(self.clock.t_ns) - self.grown(since_ns)) / (1 << self.unit)


class KernelEvent:
    """What arch/x86/events/rapl.c does with one register."""

    def __init__(self, machine, register):
        self.machine, self.register = machine, register
        self.before, self.total = register.raw(), 0
        self.opened_ns = machine.clock.t_ns
        self.uncounted_ns = 0
        self.fails = ""
        self.closed = False

    def read(self):
        if self.fails:
            raise OSError(errno.EIO, self.fails)
        raw, bits = self.register.raw(), self.register.bits
        step = (raw - self.before) % (1 << bits)
        step -= (1 << bits) if step >= 1 << (bits - 1) else 0  # sign-extended
        self.total += step << (32 - self.register.unit)
        self.before = raw
        enabled_ns = self.machine.clock.t_ns - self.opened_ns
        return self.total % 2**64, enabled_ns, enabled_ns - self.uncounted_ns

    def close(self):
        assert not self.closed
        self.closed = True


class Machine:
    """The tree, and the system call."""

    def __init__(self, root, clock):
        self.root, self.clock = root, clock
        clock.machine = self
        self.zones, self.counted, self.events = {}, {}, []
        self.refuses = 0
        self.failing_cpus = {}

    def register(self, power_W, **how):
        return Register(self.clock, power_W, **how)

    def write(self, path, text):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
        return path

    # powercap

    def zone(self, folder, name, register):
        path = self.root / "sys/class/powercap" / folder
        path.mkdir(parents=True)
        (path / "name").write_text(f"{name}\n")
        (path / "max_energy_range_uj").write_text(f"{self.range_uJ(register)}\n")
        (path / "energy_uj").touch()
        self.zones[folder] = (os.open(path / "energy_uj", os.O_WRONLY), register)
        self.show()
        return path

    @staticmethod
    def range_uJ(register):
        return ((1 << register.bits) - 1) * (10**9 >> register.unit) // 1000

    @staticmethod
    def shown_uJ(register):
        return register.raw() * (10**9 >> register.unit) // 1000

    def show(self):
        """Let the files say what the counters are now, in place: never empty, never long."""
        for descriptor, register in self.zones.values():
            os.pwrite(descriptor, b"%-20d\n" % self.shown_uJ(register), 0)

    # perf_event

    def cpu(self, number, package, die=0, knows_dies=True):
        topology = f"sys/devices/system/cpu/cpu{number}/topology"
        self.write(f"{topology}/physical_package_id", package)
        if knows_dies:
            self.write(f"{topology}/die_id", die)

    def pmu(self, cpumask, scale="2.3283064365386962890625e-10", unit="Joules", **registers):
        """``registers``: energy_pkg={cpu: register} and so on."""
        folder = "sys/bus/event_source/devices/power"
        self.write(f"{folder}/type", POWER)
        self.write(f"{folder}/cpumask", cpumask)
        self.write(f"{folder}/format/event", "config:0-7")
        (self.root / folder / "events").mkdir(exist_ok=True)
        for name, by_cpu in registers.items():
            event = name.replace("_", "-")
            self.write(f"{folder}/events/{event}", f"event=0x{KINDS[event]:02x}")
            self.write(f"{folder}/events/{event}.scale", scale)
            self.write(f"{folder}/events/{event}.unit", unit)
            for cpu, register in by_cpu.items():
                self.counted[KINDS[event], cpu] = register

    def open_event(self, kind, config, cpu):
        assert POWER == kind
        if self.refuses:
            raise OSError(self.refuses, os.strerror(self.refuses))
        if cpu in self.failing_cpus:
            raise OSError(self.failing_cpus[cpu], os.strerror(self.failing_cpus[cpu]))
        event = KernelEvent(self, self.counted[config, cpu])
        self.events.append(event)
        return event

    def let_kernel_read(self):
        """The kernel's own timer."""
        for event in self.events:
            event.read()


def readings_for(sensor, clock, seconds, period_s=None):
    """What a sampler would record in so many seconds."""
    found = []
    period_s = period_s or sensor.period_s
    end_ns = clock.t_ns + round(seconds * S)
    while clock.t_ns < end_ns:
        found += sensor.read(clock.t_ns)
        clock.sleep(min(period_s, (end_ns - clock.t_ns) / S))
    return [*found, *sensor.finish(clock.t_ns)]


def last_J(readings):
    """By domain, the latest energy."""
    return {reading.channel.removesuffix(".energy_J"): reading.value for reading in readings}
