"""Cards, swap, disk, battery, settings: one gate a file, one thing each."""

import shutil

import pytest

from harness.gates.battery import BatteryGate
from harness.gates.cards import CardsGate
from harness.gates.disk import DiskGate
from harness.gates.settings import SettingsGate, processor_settings
from harness.gates.swap import PAGE_B, SwapGate
from harness.protocol_gates import DiskLimit, SettingsLimit, SwapLimit, Waiting


@pytest.mark.parametrize(
    ("context", "is_open", "why"),
    [
        ({"gpu0.foreign_processes": 0.0}, True, "nobody else is on gpu0"),
        ({"gpu0.foreign_processes": 0.0, "gpu1.foreign_processes": 2.0}, False,
         "processes that are not nightwatt's: 2 on gpu1"),
        ({"gpu0.power_limit_W": 700.0}, None, "no sensor tells who is on a card here"),
    ],
)  # fmt: skip
def test_nobody_else_may_be_on_a_card(told, context, is_open, why):
    look = CardsGate(Waiting(), told(context)).look(0.0)
    assert (is_open, why) == (look.open, look.why)


@pytest.mark.parametrize(("MB", "is_open"), [(0.9, True), (1.2, False)])
def test_memory_that_is_being_swapped_holds_a_run_up(machine, MB, is_open):
    machine.swap(0)
    gate = SwapGate(SwapLimit(), 0.0, machine.root)
    pages = round(MB * 1e6 / PAGE_B)
    machine.swap(pages // 2, pages - pages // 2)
    assert is_open is gate.look(1.0).open


@pytest.mark.parametrize(("most_MB", "is_open"), [(None, True), (300.0, True), (200.0, False)])
def test_swap_in_use_counts_only_where_it_is_limited(machine, most_MB, is_open):
    machine.swap(5, used_kB=250_000)
    gate = SwapGate(SwapLimit(used_MB=most_MB), 0.0, machine.root)
    look = gate.look(1.0)
    assert is_open is look.open
    assert "256 MB in use" in look.why


def test_a_machine_that_tells_no_swap_cannot_be_judged(machine):
    assert SwapGate(SwapLimit(), 0.0, machine.root).look(1.0).open is None


@pytest.mark.parametrize(("needed_GB", "is_open"), [(1.0, True), (10_000_000.0, False)])
def test_there_must_be_room_for_what_the_night_needs(tmp_path, needed_GB, is_open):
    look = DiskGate(DiskLimit(free_GB=0.0), tmp_path / ".", needed_GB * 1e9).look(0.0)
    assert is_open is look.open
    assert shutil.disk_usage(tmp_path).free / 1e9 == pytest.approx(look.figure, rel=0.05)


def test_the_protocol_s_reserve_is_wanted_besides(tmp_path):
    assert 7.0 == DiskGate(DiskLimit(free_GB=5.0), tmp_path, 2e9).look(0.0).limit


def test_a_folder_that_is_not_there_cannot_be_asked(tmp_path):
    assert DiskGate(DiskLimit(), tmp_path / "gone", 0.0).look(0.0).open is None


@pytest.mark.parametrize(
    ("supplies", "is_open"),
    [
        ({}, True),
        ({"BAT0": {"type": "Battery", "status": "Discharging"}}, False),
        ({"BAT0": {"type": "Battery", "status": "Charging"}}, True),
        ({"BAT0": {"type": "Battery", "status": "Not charging"}}, True),
        ({"AC": {"type": "Mains", "status": "Discharging"}}, True),
        ({"hid-1": {"type": "Battery", "status": "Discharging", "scope": "Device"}}, True),
    ],
)
def test_a_machine_on_its_battery_does_not_start(machine, supplies, is_open):
    for name, facts in supplies.items():
        machine.supply(name, **facts)
    assert is_open is BatteryGate(Waiting(), machine.root).look(0.0).open


def test_what_is_set_is_noted_at_the_first_run_and_compared_at_the_others(machine, told):
    machine.processors(["performance", "performance"])
    read = told({"gpu0.power_limit_W": 700.0, "gpu0.foreign_processes": 0.0})
    first = SettingsGate(SettingsLimit(), {}, read, machine.root)
    assert first.look(0.0).open
    assert {
        "cpu.governor": "performance", "cpu.max_MHz": "3800", "cpu.turbo": "on", "gpu0.power_limit_W": 700.0,
    } == first.now  # fmt: skip
    assert SettingsGate(SettingsLimit(), first.now, read, machine.root).look(0.0).open


@pytest.mark.parametrize(
    ("change", "limit_W", "why"),
    [
        ({"governors": ["performance", "powersave"]}, 700.0, "cpu.governor was performance, is performance, powersave"),
        ({"max_kHz": 2_000_000}, 700.0, "cpu.max_MHz was 3800, is 2000"),
        ({"no_turbo": "1"}, 700.0, "cpu.turbo was on, is off"),
        ({}, 500.0, "gpu0.power_limit_W was 700, is 500"),
    ],
)
def test_whatever_is_set_otherwise_is_named_and_holds_the_run_up(machine, told, change, limit_W, why):
    machine.processors(["performance", "performance"])
    gate = SettingsGate(SettingsLimit(), {}, told({"gpu0.power_limit_W": 700.0}), machine.root)
    gate.look(0.0)
    machine.processors(**{"governors": ["performance", "performance"], **change})
    later = SettingsGate(SettingsLimit(), gate.now, told({"gpu0.power_limit_W": limit_W}), machine.root)
    look = later.look(0.0)
    assert (False, why) == (look.open, look.why)


def test_what_is_not_told_any_more_is_not_compared(machine, told):
    assert SettingsGate(SettingsLimit(), {"gpu0.power_limit_W": 700.0}, told({}), machine.root).look(0.0).open is None


def test_a_processor_that_tells_nothing_has_no_settings(machine):
    assert {} == processor_settings(machine.root)


def test_turbo_is_told_by_the_generic_switch_too(machine):
    machine.write("sys/devices/system/cpu/cpufreq/boost", "0\n")
    assert {"cpu.turbo": "off"} == processor_settings(machine.root)
