"""A header of EnergiBridge's file -> channels, by name and unit."""

import pytest

from harness.instruments.energibridge_columns import layout_of
from harness.record import Kind, Quality

CONTEXT = ["TOTAL_MEMORY", "TOTAL_SWAP", "USED_MEMORY", "USED_SWAP"]


def layout(*names, packages=lambda _cpu: 0):
    return layout_of(("Delta", "Time", *names), packages, 0.2)


def told(found):
    """Of each channel: columns and scale."""
    return {item.channel.name.partition("/")[2]: (item.columns, item.scale) for item in found.quantities}


@pytest.mark.parametrize(
    ("column", "name", "unit", "kind", "scale"),
    [
        ("PACKAGE_ENERGY (J)", "package-0.energy_J", "J", Kind.COUNTER, 1.0),
        ("PACAKGE_ENERGY (J)", "package-0.energy_J", "J", Kind.COUNTER, 1.0),
        ("PACAKGE_ENERGY (W)", "package-0.energy_J", "J", Kind.COUNTER, 1.0),
        ("PACAKGE1_ENERGY (W)", "package-1.energy_J", "J", Kind.COUNTER, 1.0),
        ("PP0_ENERGY (J)", "core-0.energy_J", "J", Kind.COUNTER, 1.0),
        ("PP1_ENERGY (J)", "uncore-0.energy_J", "J", Kind.COUNTER, 1.0),
        ("DRAM_ENERGY (J)", "dram-0.energy_J", "J", Kind.COUNTER, 1.0),
        ("CPU_ENERGY (J)", "package-0.energy_J", "J", Kind.COUNTER, 1.0),
        ("CORE3_ENERGY (J)", "core-0.energy_J", "J", Kind.COUNTER, 1.0),
        ("SYSTEM_POWER (Watts)", "system.power_W", "W", Kind.GAUGE, 1.0),
        ("CPU_POWER (Watts)", "cpu.power_W", "W", Kind.GAUGE, 1.0),
        ("GPU_POWER (Watts)", "gpu0.power_W", "W", Kind.GAUGE, 1.0),
        ("GPU1_POWER (mWatts)", "gpu1.power_W", "W", Kind.GAUGE, 1e-3),
        ("GPU1_POWER", "gpu1.power_W", "W", Kind.GAUGE, 1e-3),
        ("GPU2_TEMPERATURE", "gpu2.temperature_C", "C", Kind.GAUGE, 1.0),
        ("GPU2_USAGE", "gpu2.utilisation_pct", "%", Kind.GAUGE, 1.0),
        ("GPU2_MEMORY_USED", "gpu2.memory_used_B", "B", Kind.GAUGE, 1024.0**2),
        ("CPU_USAGE_7", "cpu.load_pct", "%", Kind.MEAN, 1.0),
        ("CPU_FREQUENCY_7", "cpu.frequency_MHz", "MHz", Kind.GAUGE, 1.0),
        ("CPU_TEMP_7", "cpu.temperature_C", "C", Kind.GAUGE, 1.0),
        ("USED_MEMORY", "memory.used_B", "B", Kind.GAUGE, 1.0),
        ("USED_SWAP", "swap.used_B", "B", Kind.GAUGE, 1.0),
    ],
)
def test_a_column_is_known_by_its_name_and_its_unit(column, name, unit, kind, scale):
    (quantity,) = layout(column).quantities
    channel = quantity.channel
    assert (f"energibridge/{name}", unit, kind) == (channel.name, channel.unit, channel.kind)
    assert ((column,), scale) == (quantity.columns, quantity.scale)
    assert (name.partition(".")[0], Quality.MEASURED) == (channel.domain, channel.quality)
    assert (1.0 if unit == "W" else 0.2) == channel.refresh_s  # a second behind, however often it is asked


@pytest.mark.parametrize("column", ["PACKAGE_ENERGY (uJ)", "GPU0_POWER (kW)", "CPU_ENERGY", "CORE0_VOLT (V)", "ENERGY"])
def test_a_column_of_another_unit_is_named_and_not_recorded(column):
    found = layout(column, "USED_SWAP")
    assert (column,) == found.not_recorded
    assert not found.tells_energy


def test_many_processors_are_one_channel():
    found = told(layout("CPU_TEMP_0", "CPU_TEMP_1", "CPU_USAGE_0", "CPU_USAGE_1"))
    assert {"cpu.load_pct", "cpu.temperature_C"} == set(found)
    assert ("CPU_USAGE_0", "CPU_USAGE_1") == found["cpu.load_pct"][0]


def test_counters_are_those_of_the_package_whose_processor_is_read():
    packages = {0: 1, 1: 1, 2: 0, 3: 0}.__getitem__
    intel = told(layout("DRAM_ENERGY (J)", "PACKAGE_ENERGY (J)", packages=packages))
    assert {"dram-1.energy_J", "package-1.energy_J"} == set(intel)
    cores = [f"CORE{core}_ENERGY (J)" for core in range(4)]
    amd = told(layout(*cores, "CPU_ENERGY (J)", packages=packages))
    assert {"core-1.energy_J", "core-0.energy_J", "package-0.energy_J"} == set(amd)
    assert tuple(cores[:2]) == amd["core-1.energy_J"][0]


def test_the_sources_say_what_a_reviewer_must_know():
    sources = {
        item.channel.domain: item.channel.source
        for item in layout("DRAM_ENERGY (J)", "GPU0_POWER (mWatts)", "PACKAGE_ENERGY (J)").quantities
    }
    assert "of its package only" in sources["package-0"]
    assert "four times too much on Xeons" in sources["dram-0"]
    assert "mean over the last 1 s" in sources["gpu0"]


def test_only_the_names_of_intel_s_counters_mean_intel():
    assert layout("PACAKGE_ENERGY (J)").intel
    assert not layout("CPU_ENERGY (J)", "CORE0_ENERGY (J)").intel


def places(found, more):
    """The places in a row with so many more values, of the columns that have one."""
    return found.places_in(len(found.names) + more)


def test_in_a_longer_row_what_stands_before_gpus_stays_and_what_stands_behind_them_moves():
    found = layout("CPU_USAGE_0", "DRAM_ENERGY (J)", "GPU1_POWER (mWatts)", "PACKAGE_ENERGY (J)", *CONTEXT)
    assert {
        "Delta": 0, "Time": 1, "CPU_USAGE_0": 2, "DRAM_ENERGY (J)": 3, "PACKAGE_ENERGY (J)": 7,
        "TOTAL_MEMORY": 8, "TOTAL_SWAP": 9, "USED_MEMORY": 10, "USED_SWAP": 11,
    } == places(found, 2)  # fmt: skip


def test_on_a_mac_temperatures_may_come_later_too():
    found = layout(
        "CPU_FREQUENCY_0", "CPU_POWER (Watts)", "CPU_TEMP_0", "CPU_USAGE_0", "SYSTEM_POWER (Watts)", *CONTEXT
    )
    moved = places(found, 1)
    assert (2, 3, 7) == (moved["CPU_FREQUENCY_0"], moved["CPU_POWER (Watts)"], moved["SYSTEM_POWER (Watts)"])
    assert not {"CPU_TEMP_0", "CPU_USAGE_0"} & set(moved)


def test_a_shorter_row_has_no_places():
    assert {} == places(layout("PACKAGE_ENERGY (J)"), -1)
