"""What is found on machines whose trees are made up: values, what each does, and the command for it."""

import json

import pytest

from harness.conditions import Worth, look

GPU = {
    "domain": "gpu1",
    "settings": {
        "persistence_mode": False,
        "ecc": True,
        "mig": True,
        "power_limit_W": 500.0,
        "default_power_limit_W": 700.0,
    },
}


@pytest.fixture
def tree(tmp_path):
    """A function that writes files into a machine's tree and gives what is found there, by name."""

    def write(files, cards=(), inhibited=None, answers=None):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        asked = lambda command: next((text for word, text in (answers or {}).items() if word in command), None)  # noqa: E731
        return {item.name: item for item in look(cards, inhibited=inhibited, root=tmp_path, asked=asked)}

    return write


def running(*names):
    return {f"proc/{100 + place}/comm": f"{name}\n" for place, name in enumerate(names)}


CPUFREQ = "sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor"


@pytest.mark.parametrize(
    ("files", "name", "value", "worth", "command"),
    [
        ({CPUFREQ.format(0): "performance\n"}, "CPU governor", "performance", "good", ""),
        (
            {CPUFREQ.format(0): "powersave\n", CPUFREQ.format(1): "performance\n"}, "CPU governor",
            "performance, powersave", "mend", "sudo cpupower frequency-set -g performance",
        ),
        ({}, "CPU governor", "the kernel tells none", "unknown", ""),
        ({"sys/devices/system/cpu/intel_pstate/no_turbo": "1"}, "CPU turbo", "off", "good", ""),
        (
            {"sys/devices/system/cpu/intel_pstate/no_turbo": "0"}, "CPU turbo", "on", "note",
            "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo",
        ),
        (
            {"sys/devices/system/cpu/cpufreq/boost": "1"}, "CPU turbo", "on", "note",
            "echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost",
        ),
        ({"sys/devices/system/cpu/cpufreq/boost": "0"}, "CPU turbo", "off", "good", ""),
        (
            {"sys/devices/system/cpu/smt/active": "1"}, "hyper-threads (SMT)", "on", "note",
            "echo off | sudo tee /sys/devices/system/cpu/smt/control",
        ),
        ({"sys/devices/system/cpu/smt/active": "0"}, "hyper-threads (SMT)", "off", "good", ""),
        ({"proc/cpuinfo": "flags\t\t: fpu hypervisor sse\n"}, "virtual machine", "yes", "note", ""),
        ({"proc/swaps": "Filename Type Size Used Priority\n"}, "swap", "none", "good", ""),
        (
            {"proc/swaps": "Filename Type Size Used Priority\n/dev/sda2 partition 8000000 250000 -2\n"}, "swap",
            "1 area, 250 MB used", "mend", "sudo swapoff -a",
        ),
        (
            {"proc/swaps": "Filename Type Size Used Priority\n/dev/sda2 partition 8000000 0 -2\n"}, "swap",
            "1 area, 0 MB used", "note", "sudo swapoff -a",
        ),
        (running("chronyd"), "time daemon", "chrony", "good", ""),
        ({}, "time daemon", "none runs", "note", "sudo timedatectl set-ntp true"),
        (running("gnome-shell", "Xorg"), "desktop session", "GNOME, X11", "mend",
         "sudo systemctl isolate multi-user.target   # ends every graphical session"),
        (running("bash"), "desktop session", "none", "good", ""),
        (
            {**running("cron"), "etc/crontab": "#\nSHELL=/bin/sh\n17 * * * * root x\n", "etc/cron.daily/apt": "#!"},
            "cron", "2 jobs of the system", "note", "sudo systemctl stop cron",
        ),
        (
            {"sys/class/power_supply/BAT0/type": "Battery", "sys/class/power_supply/BAT0/status": "Discharging"},
            "battery", "discharging", "mend", "plug the power supply in",
        ),
        (
            {"sys/class/power_supply/m/type": "Battery", "sys/class/power_supply/m/scope": "Device",
             "sys/class/power_supply/m/status": "Discharging"}, "battery", "none", "good", "",
        ),
        ({}, "logging out", "ends nothing: no systemd-logind", "good", ""),
    ],
)  # fmt: skip
def test_each_condition_is_told_with_its_worth_and_its_command(tree, files, name, value, worth, command):
    found = tree(files)[name]
    assert (value, worth, command) == (found.value, found.worth, found.command)


def test_whatever_is_not_good_says_what_it_does_to_the_measurement(tree):
    found = tree({**running("sway", "cron"), "proc/swaps": "F\n/dev/a partition 1 1 1\n"}, cards=[GPU], inhibited=False)
    assert [] == [name for name, item in found.items() if item.worth in (Worth.NOTE, Worth.MEND) and not item.effect]
    assert [] == [name for name, item in found.items() if item.worth is Worth.MEND and not item.command]


def test_a_card_is_judged_by_its_settings_and_addressed_by_its_index(tree):
    found = tree({}, cards=[GPU])
    assert ("off", "mend", "sudo nvidia-smi -i 1 -pm 1") == _short(found["gpu1 persistence mode"])
    assert ("on", "mend", "sudo nvidia-smi -i 1 -mig 0") == _short(found["gpu1 MIG"])
    assert ("on", "note", "") == _short(found["gpu1 ECC"])
    assert ("500 W of 700 W", "note", "sudo nvidia-smi -i 1 -pl 700") == _short(found["gpu1 power limit"])


def test_a_card_that_tells_no_settings_is_not_judged(tree):
    assert [] == [name for name in tree({}, cards=[{"domain": "gpu0"}]) if name.startswith("gpu")]


def test_timers_of_the_coming_night_are_named_and_harmless_ones_are_not(tree):
    import time

    def in_hours(hours):
        return round((time.time() + 3600 * hours) * 1e6)

    timers = [
        {"unit": "apt-daily.timer", "next": in_hours(3)},
        {"unit": "fstrim.timer", "next": in_hours(60)},
        {"unit": "systemd-tmpfiles-clean.timer", "next": in_hours(1)},
        {"unit": "man-db.timer", "next": in_hours(1)},
        {"unit": "never.timer", "next": None},
    ]
    found = tree({}, answers={"list-timers": json.dumps(timers)})["timers"]
    assert ("mend", "sudo systemctl stop man-db.timer apt-daily.timer") == (found.worth, found.command)
    assert "fstrim" not in found.value
    assert "good" == tree({}, answers={"list-timers": "[]"})["timers"].worth
    assert "unknown" == tree({}, answers={"list-timers": "no json"})["timers"].worth


@pytest.mark.parametrize(
    ("conf", "linger", "worth"),
    [
        ("#KillUserProcesses=yes\n", "no", "good"),
        ("[Login]\nKillUserProcesses=yes\n", "yes", "good"),
        ("[Login]\nKillUserProcesses=yes\n", "no", "mend"),
        ("[Login]\nKillUserProcesses=yes\nKillUserProcesses=no\n", "no", "good"),
    ],
)
def test_logging_out_ends_a_night_only_where_logind_is_told_so(tree, monkeypatch, conf, linger, worth):
    monkeypatch.setattr("os.getuid", lambda: 1000)
    files = {"run/systemd/system/x": "", "etc/systemd/logind.conf": conf}
    assert worth == tree(files, answers={"loginctl": linger + "\n"})["logging out"].worth


@pytest.mark.parametrize(("inhibited", "worth"), [(True, "good"), (False, "mend")])
def test_a_machine_that_can_sleep_wants_an_inhibitor(tree, inhibited, worth):
    assert worth == tree({"sys/power/state": "freeze mem disk\n"}, inhibited=inhibited)["sleep"].worth


def test_a_machine_that_cannot_sleep_wants_none(tree):
    assert "good" == tree({"sys/power/state": ""}, inhibited=False)["sleep"].worth


def _short(condition):
    return condition.value, condition.worth, condition.command
