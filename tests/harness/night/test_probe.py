"""What the sensors would deliver, and which nights are refused for what they would not."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import ExitCode, NightwattError, SensorMissing
from harness.host import Gpu
from harness.probe import Missing, Probe, probe, require, sensor_settings
from harness.protocol_model import Protocol
from harness.record import Channel, Kind, Quality

RAPL = Missing("rapl", "energy_uj is readable by root only", "give the group the right")


def channel(name: str, unit: str = "W", device: str = "", origin: str = "", **others: Any) -> Channel:
    domain = name.rpartition("/")[2].partition(".")[0]
    given = {"quality": Quality.MEASURED, "device": device, "origin": origin, **others}
    return Channel(name, unit, Kind.MEAN, domain, source="a source", refresh_s=0.02, **given)


GPU = (channel("gpu0.power_W", device="GPU-1"), channel("gpu0.energy_J", "J", device="GPU-1"))


@pytest.fixture
def protocol(protocol_body: dict[str, Any]) -> Any:
    def made(**sections: Any) -> Protocol:
        return Protocol.model_validate({**protocol_body, **sections})

    return made


def test_the_simulated_sensor_is_found_by_a_real_probe(protocol: Any) -> None:
    found = probe(protocol(sensors={"simulated": {"domains": ("gpu0", "wall")}}))
    assert {"gpu0", "wall"} <= set(found.energy_domains)
    assert ((), (), ()) == (found.missing, found.devices, found.cards)


def test_a_protocol_without_sensors_starts_no_sampler(protocol: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    assert Probe() == probe(protocol())


def test_a_sampler_that_cannot_be_asked_is_one_clear_error(protocol: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(NightwattError, match="could not be asked") as caught:
        probe(protocol(sensors={"simulated": {}}))
    assert "nightwatt check" in caught.value.remedy


def test_settings_hold_the_named_sensors_and_nothing_else(protocol: Any) -> None:
    named = sensor_settings(protocol(sensors={"rapl": {}, "fallback": "load_model", "required": ("rapl",)}))
    assert {"rapl": {"interval_ms": 200.0, "via": "auto"}} == named


def test_devices_and_domains_are_told_once_each() -> None:
    found = Probe(
        (*GPU, channel("gpu0.power_limit_W"), channel("cpu.load_pct", "pct")), (), (Gpu("H", "GPU-1", "580"),)
    )
    assert (("GPU-1",), ("gpu0",)) == (found.devices, found.energy_domains)


def test_every_named_sensor_is_required(protocol: Any) -> None:
    with pytest.raises(SensorMissing, match="sensor rapl: energy_uj is readable by root only") as caught:
        require(protocol(sensors={"nvml": {}, "rapl": {}}), Probe(GPU, (RAPL,)))
    assert ExitCode.REFUSED == caught.value.exit_code
    assert "give the group the right" in caught.value.remedy


@pytest.mark.parametrize("relief", [{"required": ("nvml",)}, {"required": ()}, {"fallback": "load_model"}])
def test_a_sensor_that_is_not_required_may_be_missing(protocol: Any, relief: dict[str, Any]) -> None:
    require(protocol(sensors={"nvml": {}, "rapl": {}, **relief}), Probe(GPU, (RAPL,)))


def test_a_listed_domain_that_no_channel_covers_is_refused(protocol: Any) -> None:
    asked = protocol(sensors={"nvml": {}}, analysis={"energy": ("gpu0", "package-0")})
    with pytest.raises(SensorMissing, match=r"asks for package-0, .*\(covered: gpu0\)"):
        require(asked, Probe(GPU))


def test_a_night_about_energy_needs_some(protocol: Any) -> None:
    context = Probe((channel("cpu.load_pct", "pct"),), (RAPL,))
    with pytest.raises(SensorMissing, match=r"tells any energy.*rapl") as caught:
        require(protocol(sensors={"machine": {}, "rapl": {}, "required": ()}), context)
    assert "load_model" in caught.value.remedy
    require(protocol(sensors={"machine": {}}, analysis={"metric": "accuracy"}), context)


def test_a_sum_of_measured_and_modelled_energy_is_refused_before_the_night(protocol: Any) -> None:
    model = channel("cpu.power_W", origin="load_model", quality=Quality.MODELLED)
    asked = protocol(sensors={"nvml": {}, "load_model": {}}, analysis={"energy": ("gpu0", "cpu")})
    with pytest.raises(SensorMissing, match=r"never summed: .*cpu is modelled \(by load_model\)"):
        require(asked, Probe((*GPU, model)))


def test_a_preferred_source_that_is_there_and_tells_no_energy_is_refused(protocol: Any) -> None:
    meter = channel("meter/wall.voltage_V", "V", origin="meter")
    asked = protocol(sensors={"nvml": {}}, analysis={"prefer": ("meter", "nvml")})
    with pytest.raises(SensorMissing, match="prefer names meter, which tells no energy here"):
        require(asked, Probe((*GPU, meter)))
    require(asked, Probe(GPU))  # one that is absent gives way to the next
