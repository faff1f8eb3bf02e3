"""CodeCarbon as an instrument: the real package here and on a fake RAPL tree, and a stand-in that misbehaves."""

import functools
import json
import logging
import math
import subprocess
import sys
from types import SimpleNamespace

import pytest

from harness.errors import SensorMissing
from harness.instruments import codecarbon
from harness.instruments.codecarbon import Package, open_sensor
from harness.record import Kind, Quality
from harness.sensors.sensor import Site

SECOND = 1_000_000_000
J_PER_KWH = 3.6e6
DATA = ("energy_consumed", "cpu_energy", "gpu_energy", "ram_energy", "emissions")


class Clock:
    """A clock that the stand-in moves."""

    t_ns = 0

    def now_ns(self):
        return self.t_ns

    def sleep(self, seconds):
        self.t_ns += int(seconds * 1e9)


# --- a stand-in for CodeCarbon, as its 3.3 behaves -------------------------------------------------------------------


class Energy:
    def __init__(self, joules):
        self.kWh = joules / J_PER_KWH


class RAM:
    machine_memory_GB = 24.0
    power_W = 20.0

    def total_power(self):
        return SimpleNamespace(W=self.power_W)

    def _estimate_dimm_count(self, size_GB):
        return 4


class CPU:
    """``joules``: what it adds at each measurement."""

    def __init__(self, mode="cpu_load", joules=(), tdp_W=65, zones=("package-0",), is_generic=False):
        self._mode, self._tdp, self._model, self._is_generic_tdp = mode, tdp_W, "A Processor", is_generic
        self.joules = iter(joules)
        files = [SimpleNamespace(name=f"Processor Energy Delta_{i}(kWh)", path=f"/nowhere/{zone}/energy_uj",
                                 sample_skipped=False) for i, zone in enumerate(zones)]  # fmt: skip
        self._intel_interface = SimpleNamespace(_rapl_files=files, _cpu_details={"Processor Energy Delta_0(kWh)": 0.0})


class NvidiaGPUDevice:
    _has_counter = True
    _use_power_fallback = False

    def __init__(self, index=0, joules=(), name="NVIDIA H200", limit_W=700.0):
        self.gpu_index, self._gpu_name, self._power_limit, self._uuid = index, name, limit_W, f"GPU-{index}"
        self.joules = iter(joules)
        self.energy_delta = Energy(0)


class GPU:
    def __init__(self, *devices, gpu_ids=None):
        self.gpu_ids = gpu_ids
        self.devices = SimpleNamespace(devices=list(devices))

    @property
    def counted(self):
        return [item for item in self.devices.devices if self.gpu_ids is None or item.gpu_index in self.gpu_ids]


class Tracker:
    """An offline tracker over ``hardware``; a measurement a flush, ``step_s`` after the one before."""

    def __init__(self, *, clock, hardware, step_s=1.0, takes_s=0.0, fails=(), **arguments):
        self.arguments, self.clock, self.step_ns, self.takes_ns = (
            arguments, clock, int(step_s * 1e9), int(takes_s * 1e9)
        )  # fmt: skip
        self._hardware, self.fails, self.flushes = hardware, set(fails), 0
        self.data = dict.fromkeys(DATA, 0.0)
        self.handler = arguments["output_handlers"][0]
        self.is_stopped, self.is_opening = False, True

    def get_detected_hardware(self):
        return {}

    def start(self):
        pass

    def measure(self):
        for item in self._hardware:
            if isinstance(item, RAM):
                self.data["ram_energy"] += item.power_W * self.step_ns / 1e9 / J_PER_KWH
            elif isinstance(item, CPU):
                self.data["cpu_energy"] += next(item.joules, 10.0) / J_PER_KWH
            elif isinstance(item, GPU):
                for device in item.counted:
                    device.energy_delta = Energy(next(device.joules, 100.0))
                    self.data["gpu_energy"] += device.energy_delta.kWh
        self.data["energy_consumed"] = sum(self.data[f"{name}_energy"] for name in ("cpu", "gpu", "ram"))
        self.data["emissions"] = self.data["energy_consumed"] * 0.25

    def flush(self):
        if self.is_opening:
            self.handler.out(SimpleNamespace(**self.data), None)
            return
        self.flushes += 1
        self.clock.t_ns += self.step_ns
        if self.flushes in self.fails:
            logging.getLogger("codecarbon").warning("graceful shutdown: NVML says no")
            return
        self.measure()
        self.clock.t_ns += self.takes_ns
        self.handler.out(SimpleNamespace(**self.data), None)

    def stop(self):
        self.is_stopped = True
        self.final_emissions_data = SimpleNamespace(**self.data)


class Bench:
    """A sensor on the stand-in, with its tracker and clock."""

    def __init__(self, tmp_path, *hardware, settings=None, **options):
        self.clock = Clock()
        self.tracker = None

        def make(**arguments):
            self.tracker = Tracker(clock=self.clock, hardware=list(hardware), **options, **arguments)
            return self.tracker

        package = Package("9.9", make, lambda: {"NLD": {}, "NOR": {}})
        self.sensor = open_sensor(
            {"country": "NLD", **(settings or {})}, Site(tmp_path), clock=self.clock, package=package
        )
        self.opened, self.sensor._first = self.sensor._first, ()
        self.tracker.is_opening = False

    def read(self, times=1):
        """Joules by domain, of the last of ``times`` readings."""
        for _ in range(times):
            readings = self.sensor.read(self.clock.t_ns)
        return {reading.channel.removeprefix("codecarbon/").removesuffix(".energy_J"): reading.value
                for reading in readings}  # fmt: skip


@pytest.fixture(autouse=True)
def _logger_as_it_was():
    logger = logging.getLogger("codecarbon")
    handlers, level = list(logger.handlers), logger.level
    yield
    logger.handlers, logger.level = handlers, level


@pytest.fixture
def bench(tmp_path):
    return functools.partial(Bench, tmp_path)


# --- what it delivers ------------------------------------------------------------------------------------------------


def test_each_part_is_a_counter_of_joules_signed_with_its_origin(bench):
    channels = bench(RAM(), CPU()).sensor.channels
    assert ["codecarbon/ram.energy_J", "codecarbon/cpu.energy_J"] == [channel.name for channel in channels]
    assert {(Kind.COUNTER, "J", 1.0)} == {(channel.kind, channel.unit, channel.refresh_s) for channel in channels}


@pytest.mark.parametrize(
    ("hardware", "domain", "quality", "source"),
    [
        (RAM(), "ram", "modelled", "CodeCarbon: 20 W for 4 guessed DIMMs of 24 GB in all"),
        (CPU(), "cpu", "modelled", "CodeCarbon: CPU load x TDP 65 W (from its table), A Processor"),
        (CPU(is_generic=True), "cpu", "modelled", "CodeCarbon: CPU load x TDP 65 W (generic), A Processor"),
        (CPU("constant"), "cpu", "modelled", "CodeCarbon: half of TDP 65 W (from its table), A Processor"),
        (CPU("intel_rapl"), "cpu", "measured", "CodeCarbon: RAPL, package-0"),
        (CPU("intel_rapl", zones=("package-0", "package-1")), "cpu", "measured",
         "CodeCarbon: RAPL, the sum of package-0, package-1"),
        (CPU("intel_rapl", zones=("psys",)), "psys", "measured", "CodeCarbon: RAPL, the platform (psys)"),
        (GPU(NvidiaGPUDevice()), "gpu0", "measured", "CodeCarbon: NVML energy counter, NVIDIA H200"),
        (GPU(NvidiaGPUDevice(name="NVIDIA GH200 480GB")), "module-0", "measured",
         "CodeCarbon: NVML energy counter, NVIDIA GH200 480GB"),
    ],
)  # fmt: skip
def test_measured_is_only_what_it_reads_and_the_source_says_how_the_rest_is_made_up(
    bench, hardware, domain, quality, source
):
    (channel,) = bench(hardware).sensor.channels
    assert (domain, Quality(quality), source) == (channel.domain, channel.quality, channel.source)


def test_a_card_without_a_counter_says_that_its_power_is_averaged(bench):
    card = NvidiaGPUDevice()
    card._has_counter, card._use_power_fallback = False, True
    made = bench(GPU(card))
    assert "CodeCarbon: NVML power usage read each second, averaged, NVIDIA H200" == made.sensor.channels[0].source
    assert {"gpu0": 200.0} == pytest.approx(made.read(2))
    assert "" == made.sensor.lost


def test_energies_grow_by_what_was_measured(bench):
    made = bench(RAM(), CPU("intel_rapl", joules=(1.0, 2.0, 4.0)))
    assert {"ram": 20.0, "cpu": 1.0} == pytest.approx(made.read())
    assert {"ram": 60.0, "cpu": 7.0} == pytest.approx(made.read(2))


def test_a_first_reading_is_taken_before_it_is_ready_so_that_its_counters_begin_before_the_workload(bench):
    made = bench(RAM(), CPU())
    assert [("codecarbon/ram.energy_J", 0.0), ("codecarbon/cpu.energy_J", 0.0)] == [
        (reading.channel, reading.value) for reading in made.opened
    ]
    assert {made.clock.t_ns} == {reading.t_ns for reading in made.opened}
    made.sensor._first = made.opened
    assert 4 == len(made.sensor.read(0))


def test_the_last_reading_waits_until_it_measures_anew(bench):
    made = bench(RAM())
    made.read()
    before_ns = made.clock.t_ns
    (last,) = made.sensor.finish(0)
    assert last.t_ns - before_ns >= 50_000_000 + SECOND // 2


def test_two_cards_have_an_energy_and_an_identity_each(bench):
    made = bench(GPU(NvidiaGPUDevice(0, (5, 100, 200)), NvidiaGPUDevice(1, (7, 300, 50))))
    assert ["GPU-0", "GPU-1"] == [channel.device for channel in made.sensor.channels]
    assert {"gpu0": 5.0, "gpu1": 7.0} == pytest.approx(made.read())
    assert {"gpu0": 305.0, "gpu1": 357.0} == pytest.approx(made.read(2))


def test_a_card_that_it_does_not_watch_has_no_channel(bench):
    made = bench(GPU(NvidiaGPUDevice(0), NvidiaGPUDevice(1), gpu_ids=[1]))
    assert ["gpu1"] == [channel.domain for channel in made.sensor.channels]
    assert {"gpu1": 200.0} == pytest.approx(made.read(2))


def test_a_reading_is_stamped_in_the_middle_of_its_measurement(bench):
    made = bench(RAM(), step_s=1.0, takes_s=0.5)
    begin_ns = made.clock.t_ns
    assert 750_000_000 == made.sensor.read(0)[0].t_ns - begin_ns


def test_asked_again_before_it_measures_anew_it_tells_nothing_twice(bench):
    made = bench(GPU(NvidiaGPUDevice()), RAM())
    made.read(2)
    made.tracker.measure = lambda: None
    assert {} == made.read()
    assert (3, 0) == (made.sensor.summary()["reads"], made.sensor.summary()["missed"])


def test_at_its_end_it_is_stopped_and_its_own_CO2_is_in_the_summary(bench):
    made = bench(RAM())
    made.read()
    assert 1 == len(made.sensor.finish(0))
    own = made.sensor.summary()["own_CO2"]
    assert made.tracker.is_stopped
    assert 250.0 == pytest.approx(own["intensity_g_per_kWh"])
    assert 40 / J_PER_KWH * 250 == pytest.approx(own["emitted_g"])
    assert () == made.sensor.read(0)
    made.sensor.close()
    assert [] == logging.getLogger("codecarbon").handlers


# --- what it must not be believed ------------------------------------------------------------------------------------


@pytest.mark.parametrize("joules", [-1.0, math.nan, math.inf])
def test_a_negative_energy_is_not_recorded_and_the_source_is_lost(bench, joules):
    made = bench(RAM(), CPU("intel_rapl", joules=(joules,)))
    assert {"ram": 20.0} == pytest.approx(made.read())
    assert f"cpu: CodeCarbon tells an energy of {joules:g} J" == made.sensor.lost


def test_an_energy_that_falls_is_not_recorded_and_stays_lost_while_the_other_parts_go_on(bench):
    made = bench(RAM(), CPU("intel_rapl", joules=(50.0, 30.0, -20.0, 500.0)))
    made.read(2)
    assert {"ram": 60.0} == pytest.approx(made.read())
    assert "cpu: CodeCarbon's energy fell from 80 J to 60 J" == made.sensor.lost
    assert {"ram": 80.0} == pytest.approx(made.read())
    assert made.sensor.lost == made.sensor.summary()["lost"]


@pytest.mark.parametrize(
    ("interval_s", "jump_J"), [(1.0, 65_536.0), (1.0, 262_144.0), (0.1, 65_536.0), (15.0, 65_536.0)]
)
def test_a_failed_RAPL_read_counted_as_a_wrap_is_caught_by_the_power_it_would_mean(bench, interval_s, jump_J):
    calm = [150.0 * interval_s] * 20
    settings = {"interval_ms": interval_s * 1000}
    made = bench(CPU("intel_rapl", joules=(*calm, jump_J)), settings=settings, step_s=interval_s)
    assert {"cpu": 3000 * interval_s} == pytest.approx(made.read(20))
    assert "" == made.sensor.lost
    assert {} == made.read()
    assert "CodeCarbon misread a counter, or took a failed reading for one that wrapped" in made.sensor.lost


def test_full_power_of_every_package_is_no_fault(bench):
    made = bench(CPU("intel_rapl", joules=[1800.0] * 50, zones=("package-0", "package-1")))
    assert {"cpu": 90_000.0} == pytest.approx(made.read(50))
    assert "" == made.sensor.lost


def test_a_card_above_its_limit_for_a_second_is_a_misread_counter(bench):
    made = bench(GPU(NvidiaGPUDevice(joules=(0, 700, 700, 1200))))
    assert {"gpu0": 1400.0} == pytest.approx(made.read(3))
    assert {} == made.read()
    assert made.sensor.lost.startswith("gpu0: 1200 W over 1.0 s, where 840 W is more than it can draw")


def test_one_step_of_the_counter_more_than_the_time_between_two_readings_holds_is_no_misread(bench):
    made = bench(GPU(NvidiaGPUDevice(joules=(0, 840, 840 + 0.1 * 840))))
    assert {"gpu0": 1764.0} == pytest.approx(made.read(3))
    assert "" == made.sensor.lost


def test_steps_of_a_counter_that_is_read_often_are_no_misread(bench):
    made = bench(RAM(), GPU(NvidiaGPUDevice(joules=[140.0, 0.0] * 20)), settings={"interval_ms": 100}, step_s=0.1)
    assert 20 * 140.0 == pytest.approx(made.read(40)["gpu0"])
    assert "" == made.sensor.lost


def test_a_RAPL_reading_that_it_left_out_is_a_loss_since_its_energy_is_missing(bench):
    cpu = CPU("intel_rapl")
    made = bench(cpu, RAM())
    made.read()
    cpu._intel_interface._rapl_files[0].sample_skipped = True
    assert ["ram"] == list(made.read())
    assert (
        "cpu: CodeCarbon could not use /nowhere/package-0/energy_uj and leaves out the energy since its last reading"
        == made.sensor.lost
    )


def test_a_RAPL_reading_that_failed_whole_and_counts_as_zero_is_a_loss(bench):
    cpu = CPU("intel_rapl", joules=(5, 0))
    made = bench(cpu)
    made.read()
    cpu._intel_interface._cpu_details = {}
    made.tracker.data["ram_energy"] += 1
    assert {} == made.read()
    assert "cpu: CodeCarbon's reading of RAPL failed, and counts as 0 J" == made.sensor.lost


def test_a_card_whose_counter_went_back_is_a_loss_though_codecarbon_fills_in(bench):
    card = NvidiaGPUDevice()
    made = bench(GPU(card))
    made.read()
    card._use_power_fallback = True
    assert {} == made.read()
    assert (
        "gpu0: its energy counter went back or could not be read; CodeCarbon fills in power x time" == made.sensor.lost
    )


def test_cards_that_do_not_add_up_to_its_total_are_a_loss(bench):
    """When one card cannot be read CodeCarbon counts none, and each keeps what it told before."""
    made = bench(GPU(NvidiaGPUDevice(0), NvidiaGPUDevice(1)), RAM())
    made.read(2)
    made.tracker.measure = lambda: made.tracker.data.update(ram_energy=60 / J_PER_KWH)
    assert ["ram"] == list(made.read())
    assert "gpu0: CodeCarbon's cards do not add up to its total: it could not read all of them" in made.sensor.lost


def test_a_measurement_that_fails_is_missing_with_its_reason_and_thrice_in_a_row_is_a_loss(bench):
    made = bench(RAM(), fails=(2, 4, 5, 6))
    assert {"ram": 20.0} == pytest.approx(made.read())
    assert {} == made.read()
    assert ("codecarbon could not measure 1 times in a row", "") == (made.sensor.trouble, made.sensor.lost)
    assert ["ram"] == list(made.read())
    assert "" == made.sensor.trouble
    made.read(3)
    assert "CodeCarbon failed to measure 3 times in a row: graceful shutdown: NVML says no" == made.sensor.lost
    assert 4 == made.sensor.summary()["missed"]
    assert 6 == made.tracker.flushes
    made.read()
    assert 6 == made.tracker.flushes  # it is not asked again


def test_an_error_that_comes_through_is_a_failed_measurement(bench):
    made = bench(RAM())
    made.tracker.flush = lambda: 1 / 0
    made.read(3)
    assert "CodeCarbon failed to measure 3 times in a row: ZeroDivisionError: division by zero" == made.sensor.lost


def test_a_measurement_longer_than_the_interval_is_a_trouble_and_counted(bench):
    made = bench(RAM(), step_s=0.5, takes_s=1.5)
    made.read(2)
    assert "codecarbon took 2.0 s to measure, longer than its interval of 1 s" == made.sensor.trouble
    assert (2, 2.0) == (made.sensor.summary()["slow"], made.sensor.summary()["longest_read_s"])


# --- what is missing is said before the night ------------------------------------------------------------------------


def test_without_the_package_the_remedy_is_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "codecarbon", None)
    with pytest.raises(SensorMissing) as refused:
        open_sensor({"country": "NLD"}, Site(tmp_path))
    assert 'pip install "nightwatt[codecarbon]"' == refused.value.remedy
    assert "CodeCarbon" in refused.value.what


def test_a_country_that_it_has_not_is_refused_with_those_that_are_near(tmp_path):
    package = Package("9.9", Tracker, lambda: {"NLD": {}, "NOR": {}})
    with pytest.raises(SensorMissing, match=r"CodeCarbon 9\.9 has no country 'NLX'") as refused:
        open_sensor({"country": "NLX"}, Site(tmp_path), package=package)
    assert "NLD" in refused.value.remedy


def test_RAPL_without_a_package_is_left_out_instead_of_telling_zero(bench):
    made = bench(RAM(), CPU("intel_rapl", zones=()))
    assert ["ram"] == [channel.domain for channel in made.sensor.channels]
    assert "would tell 0 J" in made.sensor.summary()["left_out"]["cpu"]


def test_hardware_of_another_kind_is_left_out_and_named(bench):
    made = bench(RAM(), SimpleNamespace())
    assert ["SimpleNamespace"] == list(made.sensor.summary()["left_out"])
    with pytest.raises(SensorMissing, match="finds nothing to tell: SimpleNamespace"):
        bench(SimpleNamespace())


def test_another_version_that_lacks_what_is_read_is_refused_with_the_version_that_works(bench):
    cpu = CPU()
    del cpu._tdp
    with pytest.raises(SensorMissing, match=r"CodeCarbon 9\.9 cannot be used here: AttributeError: .*_tdp") as refused:
        bench(cpu)
    assert refused.value.remedy.startswith('pip install "nightwatt[codecarbon]" brings the version')


# --- the real package ------------------------------------------------------------------------------------------------


@pytest.fixture
def real():
    return pytest.importorskip("codecarbon")


@pytest.fixture
def rapl(real, tmp_path, monkeypatch):
    """Its own RAPL reader on a fake tree of two packages; a function that adds joules, and the tree."""
    from codecarbon.core import hardware_cache, resource_tracker
    from codecarbon.external import hardware

    root = tmp_path / "powercap/intel-rapl"
    zones = {}
    for index, joules in enumerate((1000.0, 2000.0)):
        zone = root / f"intel-rapl:{index}"
        (zone / f"intel-rapl:{index}:0").mkdir(parents=True)
        (zone / "name").write_text(f"package-{index}\n")
        (zone / "max_energy_range_uj").write_text("262143328850\n")
        (zone / "energy_uj").write_text(f"{int(joules * 1e6)}\n")
        zones[index] = zone / "energy_uj"
    monkeypatch.setattr(resource_tracker.cpu, "is_rapl_available", lambda: True)
    there = hardware.IntelRAPL
    monkeypatch.setattr(hardware, "IntelRAPL", lambda **settings: there(**{**settings, "rapl_dir": str(root)}))
    hardware_cache.clear_cache()

    def use(index, joules):
        now_uj = int(zones[index].read_text()) + int(joules * 1e6)
        zones[index].write_text(f"{now_uj % 262143328851}\n")

    yield SimpleNamespace(use=use, zones=zones)
    hardware_cache.clear_cache()


class Paced:
    """The monotonic clock; between readings of CodeCarbon 50 ms must pass."""

    def __init__(self):
        import time

        self.now_ns, self.sleep = time.monotonic_ns, time.sleep


def energies(sensor, clock):
    clock.sleep(0.06)
    return {reading.channel: reading.value for reading in sensor.read(clock.now_ns())}


def test_its_own_reader_gives_the_joules_of_a_fake_RAPL_tree(rapl, tmp_path):
    clock = Paced()
    sensor = open_sensor({"country": "NLD"}, Site(tmp_path))
    cpu = next(channel for channel in sensor.channels if channel.domain == "cpu")
    assert (Quality.MEASURED, "CodeCarbon: RAPL, the sum of package-0, package-1") == (cpu.quality, cpu.source)
    before = energies(sensor, clock)[cpu.name]
    rapl.use(0, 3.0)
    rapl.use(1, 4.0)
    assert 7.0 == pytest.approx(energies(sensor, clock)[cpu.name] - before, rel=1e-5)
    assert "" == sensor.lost
    sensor.close()


def test_its_own_reader_unwraps_a_counter(rapl, tmp_path):
    clock = Paced()
    rapl.zones[0].write_text(f"{262143328850 - 500_000}\n")
    sensor = open_sensor({"country": "NLD"}, Site(tmp_path))
    before = energies(sensor, clock)["codecarbon/cpu.energy_J"]
    rapl.use(0, 2.0)
    assert 2.0 == pytest.approx(energies(sensor, clock)["codecarbon/cpu.energy_J"] - before, rel=1e-4)
    assert "" == sensor.lost
    sensor.close()


def test_a_RAPL_file_that_cannot_be_read_any_more_is_a_loss(rapl, tmp_path):
    clock = Paced()
    sensor = open_sensor({"country": "NLD"}, Site(tmp_path))
    energies(sensor, clock)
    rapl.zones[1].unlink()
    assert ["codecarbon/ram.energy_J"] == list(energies(sensor, clock))
    assert "cpu: CodeCarbon could not use" in sensor.lost
    sensor.close()


RUNNER = """
import json, os, runpy, sys
folder, told = sys.argv[1], []

def audit(event, arguments):
    if event.startswith(("socket.connect", "socket.send", "socket.get")) and event != "socket.gethostname":
        told.append(f"{event} {arguments[1:]}")
    if event == "open" and isinstance(arguments[0], str) and isinstance(arguments[2], int):
        if arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and not arguments[0].startswith((folder, "/dev/")):
            if not arguments[0].endswith((".pyc", ".lock")) and "__pycache__" not in arguments[0]:
                told.append(f"open {arguments[0]}")

sys.addaudithook(audit)
sys.argv = ["sampler", folder + "/spec.json"]
try:
    runpy.run_module("harness.instruments.sampler", run_name="__main__")
finally:
    # Python looks whether its folder for temporary files can be written, and takes that file away at once.
    told = [item for item in told if not item.startswith("open ") or os.path.exists(item[5:])]
    open(folder + "/audit.json", "w").write(json.dumps(told))
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A run of two seconds of the real package in a process of its own, with settings of a user's that would harm."""
    pytest.importorskip("codecarbon")
    folder = tmp_path_factory.mktemp("run")
    home = tmp_path_factory.mktemp("home")
    harm = "[codecarbon]\nsave_to_api=true\nsave_to_file=true\npue=3\nco2_signal_api_token=x\noutput_methods=csv,api\n"
    (home / ".codecarbon.config").write_text(harm)
    spec = {
        "instrument": "codecarbon", "run_folder": str(folder), "clocks": False,
        "sensors": {"codecarbon": {"country": "NLD", "interval_ms": 200}},
    }  # fmt: skip
    (folder / "spec.json").write_text(json.dumps(spec))
    import os

    environment = {**os.environ, "HOME": str(home), "CODECARBON_PUE": "5", "CODECARBON_FORCE_RAM_POWER": "1000"}
    with subprocess.Popen(
        [sys.executable, "-P", "-c", RUNNER, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=home, env=environment,
    ) as process:  # fmt: skip
        for line in process.stdout:
            if json.loads(line)["rows"] >= 6:
                break
        _, said = process.communicate(timeout=20)
    report = json.loads((folder / "codecarbon.json").read_bytes())
    rows = [line.split(",") for line in (folder / "codecarbon.samples.csv").read_text().splitlines()]
    return SimpleNamespace(
        folder=folder, home=home, said=said.decode(), report=report, exit_code=process.returncode,
        audit=json.loads((folder / "audit.json").read_bytes()),
        rows=[(int(t_ns), name, float(value)) for t_ns, name, value in rows],
    )  # fmt: skip


def test_the_real_package_records_growing_counters_and_ends_in_order(recorded):
    assert (0, "ended", "") == (recorded.exit_code, recorded.report["state"], recorded.report["lost"])
    for channel in recorded.report["channels"]:
        values = [value for _, name, value in recorded.rows if name == channel["name"]]
        assert len(values) >= 3
        assert values == sorted(values)
        assert values[-1] > values[0]


def test_the_real_package_labels_its_memory_as_the_model_that_it_is(recorded):
    ram = next(channel for channel in recorded.report["channels"] if channel["domain"] == "ram")
    assert ("modelled", "counter") == (ram["quality"], ram["kind"])
    times = [(t_ns, value) for t_ns, name, value in recorded.rows if name == ram["name"]]
    (begin_ns, begin_J), (end_ns, end_J) = times[0], times[-1]
    watts = float(ram["source"].split()[1])
    assert watts == pytest.approx((end_J - begin_J) / (end_ns - begin_ns) * 1e9, rel=0.2)
    assert watts < 1000  # not what the environment asked for


def test_the_real_package_asks_no_network_and_writes_nothing_outside_the_run_folder(recorded):
    assert [] == recorded.audit
    assert [".codecarbon.config"] == [path.name for path in recorded.home.iterdir()]
    ours = {"spec.json", "codecarbon.json", "codecarbon.samples.csv", "audit.json"}
    assert ours == {path.name for path in recorded.folder.iterdir()}


def test_the_real_package_is_quiet_and_its_warnings_are_in_the_summary(recorded):
    assert "" == recorded.said
    summary = recorded.report["sensors"]["codecarbon"]
    assert not any("Multiple instances" in text for text in summary["said"])
    assert (0, {}) == (summary["missed"], summary["left_out"])


def test_the_real_package_s_own_CO2_uses_the_country_asked_for_and_no_PUE_of_the_environment(recorded):
    from codecarbon.input import DataSource

    summary = recorded.report["sensors"]["codecarbon"]
    intensity = DataSource().get_global_energy_mix_data()["NLD"]["carbon_intensity"]
    assert intensity == pytest.approx(summary["own_CO2"]["intensity_g_per_kWh"])
    assert codecarbon.load_package().version == summary["version"]
