"""Cards on a module with a processor: card, module, memory apart; a counter only where it is known whose it is."""

import pytest

from harness.domains import choose
from harness.record import Kind
from harness.sensors.nvml import open_sensor
from harness.sensors.sensor import Site

MS = 1_000_000
S = 1000 * MS
POWER_W = {"gpu0": 400.0, "module-0": 600.0, "gpu0-memory": 60.0}


@pytest.fixture
def module(fake, tmp_path):
    """A function that opens the sensor on one card of a module, as ``prepare`` changes it."""

    def make(name="NVIDIA GH200 480GB", prepare=lambda card, nvml: None):
        clock = fake.FakeClock()
        card = fake.FakeCard(clock, lambda _t_ns: 600.0, name=name)
        nvml = fake.FakeNvml(card)
        nvml.field_values |= {
            186: 400_000, 185: 399_000, (186, 1): 600_000, (185, 1): 599_000, (185, 2): 60_000,
        }  # fmt: skip
        prepare(card, nvml)
        (tmp_path / "proc").mkdir(exist_ok=True)
        site = Site(run_folder=tmp_path, root=tmp_path)
        return open_sensor({}, site, nvml=nvml, clock=clock, environment={}), card, clock

    return make


def read_for(sensor, clock, seconds):
    end_ns, found = clock.t_ns + seconds * S, []
    while clock.t_ns < end_ns:
        found += sensor.read(clock.t_ns)
        clock.t_ns += round(sensor.period_s * 1e9)
    return [*found, *sensor.finish(clock.t_ns)]


def energetic(sensor):
    return {channel.name: channel for channel in sensor.channels if channel.tells_energy}


def test_card_module_and_memory_are_read_each_by_its_scope(module):
    sensor, _, clock = module()
    found = energetic(sensor)
    assert {"gpu0.power_W", "module-0.power_W", "gpu0-memory.power_W", "module-0.energy_J"} == set(found)
    assert "scope module" in found["module-0.power_W"].source
    assert "field 185" in found["gpu0-memory.power_W"].source  # the memory has no instant power
    readings = read_for(sensor, clock, 3)
    for domain, power_W in POWER_W.items():
        assert {power_W} == {r.value for r in readings if r.channel == f"{domain}.power_W"}
    choice = choose((item.domain, "nvml", str(item.quality)) for item in found.values())
    assert ("module-0",) == choice.domains  # the whole once, not its parts beside it


def test_the_counter_of_a_gh200_is_its_modules_and_never_the_cards(module):
    sensor, _, clock = module()
    counter = energetic(sensor)["module-0.energy_J"]
    assert (Kind.COUNTER, "module-0") == (counter.kind, counter.domain)
    assert "whole module" in counter.source
    rows = [(r.t_ns, r.value) for r in read_for(sensor, clock, 12) if r.channel == "module-0.energy_J"]
    assert len(rows) >= 3
    (first_ns, first_J), (last_ns, last_J) = rows[0], rows[-1]
    assert 600.0 == pytest.approx((last_J - first_J) / (last_ns - first_ns) * 1e9, rel=0.002)
    device = sensor.summary()["devices"][0]
    assert "module" in device["absent"]["energy_J"]
    assert ["module-0", "gpu0-memory"] == [part["domain"] for part in device["parts"]]


def test_counters_that_differ_by_scope_are_each_their_own(module):
    def prepare(_card, nvml):
        nvml.field_values |= {
            191: lambda card: round(card.counter_mJ() * 2 / 3),
            (191, 1): lambda card: card.counter_mJ(),
            (191, 2): 0,  # no counter, told as one that has counted nothing
        }

    sensor, _, clock = module("NVIDIA GB200", prepare)
    counters = {name for name, channel in energetic(sensor).items() if channel.kind is Kind.COUNTER}
    assert {"gpu0.energy_J", "module-0.energy_J"} == counters
    readings = read_for(sensor, clock, 12)
    for domain in ("gpu0", "module-0"):
        rows = [(r.t_ns, r.value) for r in readings if r.channel == f"{domain}.energy_J"]
        assert POWER_W[domain] == pytest.approx((rows[-1][1] - rows[0][1]) / (rows[-1][0] - rows[0][0]) * 1e9, rel=0.01)
    assert {"GPU-00000000-aaaa", "GPU-00000000-aaaa module-0"} == set(sensor.summary()["hint"])


@pytest.mark.parametrize("same", [True, False])
def test_a_counter_that_may_be_either_ones_is_not_recorded(module, same):
    def prepare(_card, nvml):
        if same:  # a driver that does not heed the scope
            nvml.field_values |= dict.fromkeys([191, (191, 1)], lambda card: card.counter_mJ())

    sensor, _, _ = module("NVIDIA GB200", prepare)
    assert not [name for name in energetic(sensor) if name.endswith("energy_J")]
    assert "not told" in sensor.summary()["devices"][0]["absent"]["energy_J"]


@pytest.mark.parametrize("value", [None, 0])
def test_a_part_that_tells_no_power_or_nought_is_no_channel_and_is_named(module, value):
    def prepare(_card, nvml):
        for key in ((186, 1), (185, 1), (185, 2)):
            if value is None:
                del nvml.field_values[key]
            else:
                nvml.field_values[key] = value

    sensor, _, _ = module(prepare=prepare)
    assert {"gpu0.power_W"} == set(energetic(sensor))
    absent = sensor.summary()["devices"][0]["absent"]
    assert "tells no power" in absent["module"]
    assert "tells no power" in absent["memory"]


@pytest.mark.parametrize(
    ("name", "expected"), [("NVIDIA GB200", set()), ("NVIDIA GH200 480GB", {"module-0", "module-1"})]
)
def test_a_module_that_two_cards_may_share_is_not_told_twice(fake, tmp_path, name, expected):
    (tmp_path / "proc").mkdir()
    clock = fake.FakeClock()
    nvml = fake.FakeNvml(*(fake.FakeCard(clock, index=k, name=name) for k in range(2)))
    nvml.field_values |= {(186, 1): 600_000, (185, 2): 60_000}
    site = Site(run_folder=tmp_path, root=tmp_path)
    sensor = open_sensor({}, site, nvml=nvml, clock=clock, environment={})
    domains = {channel.domain for channel in energetic(sensor).values()}
    assert {"gpu0", "gpu1", "gpu0-memory", "gpu1-memory"} | expected == domains
    absent = sensor.summary()["devices"][1]["absent"]
    assert expected or "share a module" in absent["module"]


def test_a_card_of_its_own_board_is_not_asked_by_scope(module):
    sensor, _, _ = module("NVIDIA H200")
    assert {"gpu0.power_W", "gpu0.energy_J"} == set(energetic(sensor))
    assert "ring buffer" in energetic(sensor)["gpu0.power_W"].source
    assert "parts" not in sensor.summary()["devices"][0]


def test_a_part_that_fails_for_good_loses_the_instrument(module, fake):
    sensor, card, clock = module()
    read_for(sensor, clock, 2)
    card.fails["fields"] = fake.NVMLError_GpuIsLost()
    sensor.read(clock.t_ns)
    assert "module-0: GpuIsLost" in sensor.lost
