"""Whether the night can go on by itself: power supply, sleep, a desktop beside it, and what logging out would end."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Iterator
from pathlib import Path

from harness.conditions.condition import Condition, Worth, processes, text_of
from harness.conditions.system import Ask, ask

DESKTOPS = {
    "gnome-shell": "GNOME", "kwin_wayland": "KDE", "kwin_x11": "KDE", "plasmashell": "KDE", "xfce4-session": "Xfce",
    "cinnamon": "Cinnamon", "mate-session": "MATE", "sway": "Sway", "Hyprland": "Hyprland",
    "Xorg": "X11", "Xwayland": "X11",
}  # fmt: skip


def look_at_session(root: Path, inhibited: bool | None, asked: Ask = ask) -> Iterator[Condition]:
    """Battery, sleep, desktop, logging out; ``inhibited``: whether sleep could be held off here, None: not tried."""
    yield _supply(root)
    if inhibited is not None:
        yield _sleep(root, inhibited=inhibited)
    names = processes(root)
    desktops = list(dict.fromkeys(word for name, word in DESKTOPS.items() if name in names))
    if desktops:
        effect = "it draws on the screen, and on the card that drives it, whenever something moves"
        command = "sudo systemctl isolate multi-user.target   # ends every graphical session"
        yield Condition("desktop session", ", ".join(desktops), Worth.MEND, effect, command)
    else:
        yield Condition("desktop session", "none", Worth.GOOD)
    yield _logging_out(root, asked)


def look_at_sleep(root: Path = Path("/"), *, inhibited: bool) -> Iterator[Condition]:
    """Whether the machine may fall asleep in the night; nothing where it may not."""
    if (found := _sleep(root, inhibited=inhibited)).worth is Worth.MEND:
        yield found


def _supply(root: Path) -> Condition:
    folder = root / "sys/class/power_supply"
    kinds = {path: text_of(path / "type") for path in sorted(folder.glob("*"))}
    batteries = [path for path, kind in kinds.items() if kind == "Battery" and text_of(path / "scope") != "Device"]
    if not batteries:
        return Condition("battery", "none", Worth.GOOD)
    if any(text_of(path / "status") == "Discharging" for path in batteries):
        effect = "on battery, processor and cards are slowed down, and the night ends with the battery"
        return Condition("battery", "discharging", Worth.MEND, effect, "plug the power supply in")
    effect = "while it charges, a wall meter sees the charging too"
    charging = any(text_of(path / "status") == "Charging" for path in batteries)
    return Condition("battery", "charging" if charging else "full", Worth.NOTE if charging else Worth.GOOD, effect)


def _sleep(root: Path, *, inhibited: bool) -> Condition:
    if inhibited:
        return Condition("sleep", "held off during a night", Worth.GOOD)
    if not (text_of(root / "sys/power/state") or ""):
        return Condition("sleep", "this machine cannot", Worth.GOOD)
    effect = (
        "nothing here holds sleep off: a machine that suspends itself stops the night, and spoils the run in progress"
    )
    command = "sudo systemctl mask sleep.target suspend.target hibernate.target"
    return Condition("sleep", "cannot be held off", Worth.MEND, effect, command)


def _logging_out(root: Path, asked: Ask) -> Condition:
    """Whether systemd-logind ends what a user leaves running (KillUserProcesses, logind.conf(5))."""
    if not (root / "run/systemd/system").is_dir():
        return Condition("logging out", "ends nothing: no systemd-logind", Worth.GOOD)
    files = [root / "etc/systemd/logind.conf", *sorted((root / "etc/systemd/logind.conf.d").glob("*.conf"))]
    said = [
        word for file in files for word in re.findall(r"^KillUserProcesses=(\w+)", text_of(file) or "", re.MULTILINE)
    ]
    if not said or said[-1].lower() not in ("yes", "true", "on", "1"):
        return Condition("logging out", "leaves the night running", Worth.GOOD)
    if os.getuid() == 0:
        return Condition("logging out", "leaves root's night running", Worth.GOOD)
    linger = asked(["loginctl", "show-user", getpass.getuser(), "--property=Linger", "--value"])
    if (linger or "").strip() == "yes":
        return Condition("logging out", "leaves the night running (linger)", Worth.GOOD)
    effect = "systemd-logind ends every process of a user who logs out (KillUserProcesses=yes): the night with them"
    return Condition("logging out", "ends the night", Worth.MEND, effect, "loginctl enable-linger")
