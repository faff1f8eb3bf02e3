"""Our own sampler as it is, but with sources that go wrong when they are told; beside tests, a benchmark uses it.

``faulty`` is a source of one card's power, energy, load and limit, made up; ``nvml`` is the real sensor on the stand-in
for the driver. Both go wrong as soon as ``<run folder>/fault`` exists, in the way that it names (or that the setting
``fault`` names, from the first mark on, or at ``begin`` at once).
"""

import importlib.util
import math
import os
import signal
import sys
import time
import types
from pathlib import Path

from harness.channels import Channel, Kind, Quality
from harness.instruments import opening, sampler
from harness.sensors import nvml
from harness.sensors.clock import CLOCK
from harness.sensors.sensor import Reading

S = 1_000_000_000


class Wish:
    """Which fault is asked for, and whether its time has come."""

    def __init__(self, settings, site):
        self._fault = settings.get("fault", "")
        self._from = settings.get("from", "marks")
        self._told = site.run_folder / "fault"
        self._marks = site.run_folder / "marks.jsonl"

    def now(self):
        """The fault of this moment, "" for none."""
        if self._told.exists():
            return self._told.read_text()
        begun = self._from == "begin" or (self._marks.exists() and self._marks.stat().st_size)
        return self._fault if self._from != "finish" and begun else ""

    def at_the_end(self):
        """The fault of the last readings."""
        return self._fault if self._from == "finish" else ""


def misbehave(fault):
    """What any source can do to its sampler."""
    if fault == "hang":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    if fault == "slow":
        time.sleep(0.3)
    if fault == "die":
        os._exit(7)
    if fault == "raise":
        raise RuntimeError("the bus is on fire")


class Faulty:
    """A made-up card."""

    name = "faulty"
    period_s = 0.02
    start_ns = 0
    trouble = ""

    def __init__(self, settings, site):
        self._wish = Wish(settings, site)
        self._joules = 1000.0
        sampler.FLUSH_NS = round(settings.get("flush_s", 1) * S)
        self._n = 0
        self.lost = ""
        self.channels = tuple(
            Channel(f"gpu0.{quantity}", unit, kind, "gpu0", Quality.MEASURED, "made up", refresh_s)
            for quantity, unit, kind, refresh_s in (
                ("power_W", "W", Kind.MEAN, 0.02), ("energy_J", "J", Kind.COUNTER, 0.02),
                ("utilisation_pct", "%", Kind.GAUGE, 0.02), ("power_limit_W", "W", Kind.GAUGE, 0.02),
            )
        )  # fmt: skip

    def read(self, now_ns, fault=None):
        fault = self._wish.now() if fault is None else fault
        misbehave(fault)
        self.lost = "the card has gone" if fault == "confess" else ""
        self._n += fault != "frozen"
        power_W = 400.0 + self._n % 7
        self._joules += power_W * self.period_s if fault != "frozen" else 0.0
        power_W = {"negative": -3.0, "absurd": 400_000.0}.get(fault, power_W)
        energy_J = self._joules - (500.0 if fault == "back" else 0.0)
        t_ns = time.monotonic_ns() - (5 * S if fault == "time back" else 0)
        values = power_W, energy_J, 97.0, 700.0
        return [Reading(t_ns, channel.name, value) for channel, value in zip(self.channels, values, strict=True)]

    def finish(self, now_ns):
        return self.read(now_ns, self._wish.at_the_end())

    def summary(self):
        return {"missed": 0}

    def close(self):
        pass


def fake_nvml():
    """The stand-in for pynvml."""
    path = Path(__file__).parents[1] / "sensors/fake_nvml.py"
    spec = importlib.util.spec_from_file_location("fake_nvml", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class LiveClock:
    """The clock of the stand-in's cards: this machine's; a call takes as long as it takes."""

    def __init__(self):
        self._offset_ns = CLOCK.moment().offset_ns

    @property
    def t_ns(self):
        return time.monotonic_ns()

    @t_ns.setter
    def t_ns(self, _t_ns):
        pass

    def offset_ns(self, _t_ns):
        return self._offset_ns


def power_of_a_load(t_ns):
    """A wave of a second, between 300 and 500 W; never the same twice."""
    return 400.0 + 100.0 * math.sin(t_ns / 1.6e8)


class Nvml(nvml.Nvml):
    """The real sensor, whose driver goes wrong."""

    def __init__(self, cards, settings, site, clock):
        self._wish = Wish(settings, site)
        self._card = cards[0].handle
        self._errors = cards[0].nvml
        super().__init__(cards, settings, site, clock)

    def read(self, now_ns):
        fault, card = self._wish.now(), self._card
        misbehave(fault)
        if fault == "gpu lost":
            card.fails["everything"] = self._errors.NVMLError_GpuIsLost()
        if fault == "errors":
            card.fails["samples"] = self._errors.NVMLError()
        if fault == "back" and card.reset_ns is None:
            card.reset_ns = time.monotonic_ns()
        if fault == "frozen":
            card.power_W = lambda _t_ns: 412.0
        return super().read(now_ns)


def open_nvml(settings, site):
    fake = fake_nvml()
    driver = fake.FakeNvml(fake.FakeCard(LiveClock(), power_of_a_load))
    driver.NVMLError_GpuIsLost = fake.NVMLError_GpuIsLost
    plain, nvml.Nvml = nvml.Nvml, Nvml
    try:
        return nvml_open(settings, site, nvml=driver, environment={})
    finally:
        nvml.Nvml = plain


nvml_open = nvml.open_sensor
nvml.open_sensor = open_nvml
faulty = types.ModuleType("harness.sensors.faulty")
faulty.open_sensor = Faulty
sys.modules["harness.sensors.faulty"] = faulty
opening.SENSORS = (*opening.SENSORS, "faulty")

if __name__ == "__main__":
    sys.exit(sampler.main(sys.argv[1:]))
